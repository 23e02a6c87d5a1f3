"""Files as older versions named them: whole models in folders, weights under a prefix, HDF5 with any ending.

What older versions wrote as TensorFlow's SavedModel is `model.keras` in a folder of that name here, and what they wrote
as a checkpoint is `prefix.weights.h5`. Both are found again by the name that the script says.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from typing import Any

from torchkeras_shim import saving
from torchkeras_shim.callbacks import ModelCheckpoint
from torchkeras_shim.compat.legacy import once
from torchkeras_shim.compat.tf import checkpoint
from torchkeras_shim.models import Model
from torchkeras_shim.saving import keras_file, legacy_model
from torchkeras_shim.saving.errors import MissingFileError, check_file, names_its_file
from torchkeras_shim.saving.files import check_built, local, may_overwrite

_HDF5 = (".h5", ".hdf5")
_OF_WEIGHTS = (".weights.h5", ".weights.json", ".safetensors", *_HDF5)
_IN_FOLDERS = ("model.keras", "model.h5")
#: Arguments of TensorFlow's own formats that change nothing in the file.
_IGNORED = ("options", "save_traces")


def _without_options(kwargs: dict[str, Any]) -> dict[str, Any]:
    if kwargs.get("signatures") is not None:
        raise TypeError(
            "save(signatures=...) is not supported: a model is called as it is. Write `model.export(path)`."
        )
    return {key: value for key, value in kwargs.items() if key not in (*_IGNORED, "signatures")}


def _begins(path: str, magic: bytes) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(magic)) == magic


@names_its_file
def save_model(
    model: Any, filepath: Any, overwrite: bool = True, *args: Any, save_format: str | None = None, **kwargs: Any
) -> None:
    """Saves a whole model, as `model.save` of any version.

    Args:
        model: The model.
        filepath: A path that ends in `.keras`, `.h5` or `.hdf5`, or a folder.
        overwrite: Whether an existing file is overwritten.
        *args: `zipped`; `include_optimizer` if the path ends in `.h5`, as before Keras 3.
        save_format: `"h5"`, `"keras"` or `"tf"`; the path decides by default.
        **kwargs: `include_optimizer`, `zipped`, `save_traces`, `options`, and `signatures`, which must be `None`.
    """
    path = local(filepath)
    kwargs = _without_options(kwargs)
    legacy = save_format in ("h5", "hdf5") or (save_format in (None, "keras") and path.endswith(_HDF5))
    if args:
        kwargs["include_optimizer" if legacy else "zipped"] = args[0]
    if save_format is not None:
        once.say("model.save(save_format=)", "model.save(path)")
    if (
        kwargs.get("zipped") is not None
        or (path.endswith(".keras") and not legacy and save_format != "tf")
        or (path.endswith(_HDF5) and legacy)
    ):
        saving.save_model(model, path, overwrite=overwrite, **kwargs)
    elif legacy:
        _make_parent(path)
        if overwrite or not os.path.exists(path) or may_overwrite(path):
            legacy_model.save(model, path, kwargs.pop("include_optimizer", True))
    else:
        _save_in_folder(model, path, overwrite, **kwargs)


def _save_in_folder(model: Any, folder: str, overwrite: bool, include_optimizer: bool = True) -> None:
    once.say('model.save("folder")', 'model.save("folder.keras")')
    name, other = _IN_FOLDERS if include_optimizer else reversed(_IN_FOLDERS)
    os.makedirs(folder, exist_ok=True)
    saving.save_model(model, os.path.join(folder, name), overwrite=overwrite, include_optimizer=include_optimizer)
    if os.path.exists(os.path.join(folder, other)):  # of an earlier save; it would be found first
        os.remove(os.path.join(folder, other))


@names_its_file
def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    options: Any = None,
) -> Any:
    """Loads what `save_model` has saved under any name, as `keras.models.load_model` of any version.

    Args:
        filepath: The name that the model was saved under.
        custom_objects: The user's own classes and functions by name.
        compile: Whether to compile the model as it was.
        safe_mode: Must be true.
        options: Without effect.
    """
    path = local(filepath)
    for name in _IN_FOLDERS:
        inside = os.path.join(path, name)
        if os.path.isdir(path) and os.path.isfile(inside):
            return saving.load_model(inside, custom_objects, compile, safe_mode)
    if not path.endswith((".keras", *_HDF5)) and safe_mode in (True, None) and os.path.exists(path):
        check_file(path, folder=True)
        for magic, load in ((b"\x89HDF\r\n\x1a\n", legacy_model.load), (b"PK\x03\x04", keras_file.load)):
            if _begins(path, magic):
                return load(path, custom_objects, compile)
    return saving.load_model(path, custom_objects, compile, safe_mode)


def _make_parent(path: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)


def saving_weights(save_weights: Callable[..., None]) -> Callable[..., None]:
    """Returns the `Model.save_weights` that takes any name.

    Args:
        save_weights: The one that takes today's.
    """

    @functools.wraps(save_weights)
    @names_its_file
    def saved(
        self: Model,
        filepath: Any,
        overwrite: bool = True,
        *args: Any,
        save_format: str | None = None,
        options: Any = None,
        **kwargs: Any,
    ) -> None:
        path = local(filepath)
        if args and (args[0] is None or isinstance(args[0], str)):  # before Keras 3 the third one was the format
            save_format, args = args[0], args[1:]
        if save_format is not None:
            once.say("model.save_weights(save_format=)", "model.save_weights(path)")
        if save_format in ("h5", "hdf5") or path.endswith(".keras"):
            check_built(self, "saving a model")
            _make_parent(path)
            if overwrite or not os.path.exists(path) or may_overwrite(path):
                legacy_model.save_weights(self, path)
        elif path.endswith(_OF_WEIGHTS) and save_format != "tf":
            save_weights(self, path, overwrite, *args, **kwargs)
        else:
            once.say('model.save_weights("prefix")', 'model.save_weights("prefix.weights.h5")')
            _make_parent(path)
            save_weights(self, f"{path}.weights.h5", overwrite, *args, **kwargs)
            checkpoint.note_latest(path)

    return saved


def loading_weights(load_weights: Callable[..., None]) -> Callable[..., Any]:
    """Returns the `Model.load_weights` that finds what `saving_weights` wrote under any name.

    Args:
        load_weights: The one that takes today's names.
    """

    @functools.wraps(load_weights)
    @names_its_file
    def loaded(self: Model, filepath: Any, *args: Any, options: Any = None, **kwargs: Any) -> Any:
        path = local(filepath)
        if args and "by_name" not in kwargs and "skip_mismatch" not in kwargs and _takes_names_first(path, args):
            kwargs["by_name"], args = args[0], args[1:]
        by_name = kwargs.get("by_name")
        if not by_name:
            kwargs.pop("by_name", None)
        if os.path.exists(f"{path}.weights.h5") and not os.path.isfile(path):
            load_weights(self, f"{path}.weights.h5", *args, **kwargs)
            return checkpoint.Status([], {})
        if path.endswith((*_OF_WEIGHTS, ".keras")) and not (by_name and _is_old(path)):
            return load_weights(self, path, *args, **kwargs)
        if _begins(path, b"\x89HDF\r\n\x1a\n"):
            check_built(self, "loading weights into a model")
            return legacy_model.load_weights(self, path, bool(kwargs.get("skip_mismatch")), bool(by_name))
        _explain(path)
        if not os.path.exists(path):
            raise MissingFileError(errno.ENOENT, "There is no such weights file", path)
        return load_weights(self, path, *args, **kwargs)

    return loaded


def _takes_names_first(path: str, args: tuple[Any, ...]) -> bool:
    """Returns whether `load_weights(path, True)` means `by_name`, as it did before Keras 3 for files of that time."""
    return len(args) == 2 or (path.endswith(_HDF5) and not path.endswith(".weights.h5"))


def _is_old(path: str) -> bool:
    """Returns whether a file that is called `.weights.h5` has the layout of Keras 2."""
    return path.endswith(".weights.h5") and _begins(path, b"\x89HDF\r\n\x1a\n") and legacy_model.holds_names(path)


def _explain(path: str) -> None:
    if os.path.exists(f"{path}.index"):
        raise ValueError(
            f"'{path}' is a checkpoint of TensorFlow itself, which is not read. Load it in TensorFlow, and save the "
            "weights as `model.save_weights('model.h5')`."
        )
    if os.path.exists(f"{path}{checkpoint.SUFFIX}"):
        raise ValueError(
            f"'{path}' was saved by tf.train.Checkpoint. Write `tf.train.Checkpoint(model=model).restore(path)`, with "
            "the names that it was saved with."
        )


def checking(init: Callable[..., None]) -> Callable[..., None]:
    """Returns the `__init__` of a `ModelCheckpoint` that takes any name, and a `period`.

    Args:
        init: The one that takes today's names.
    """

    @functools.wraps(init)
    def checked(self: ModelCheckpoint, filepath: Any, *args: Any, **kwargs: Any) -> None:
        path = local(filepath)
        period = kwargs.pop("period", 1)
        kwargs.pop("options", None)
        if not kwargs.get("load_weights_on_restart", True):
            del kwargs["load_weights_on_restart"]
        if len(args) > 5 and isinstance(args[5], int):  # the seventh argument was `period` before `save_freq` was
            period, args = args[5], args[:5]
        weights = kwargs.get("save_weights_only", args[3] if len(args) > 3 else False)
        init(self, "model.weights.h5" if weights else "model.keras", *args, **kwargs)
        if period != 1:
            once.say("ModelCheckpoint(period=)", "ModelCheckpoint(save_freq=batches)")
        self.__dict__.update(period=period, epochs_since_last_save=0)
        self.filepath = path
        if not weights and not path.endswith((".keras", *_HDF5)):
            once.say('ModelCheckpoint("folder")', 'ModelCheckpoint("folder.keras")')
            self.filepath = os.path.join(path, _IN_FOLDERS[0])

    return checked


def by_period(on_epoch_end: Callable[..., None]) -> Callable[..., None]:
    """Returns the `on_epoch_end` of a `ModelCheckpoint` that saves every so many epochs only."""

    @functools.wraps(on_epoch_end)
    def ended(self: ModelCheckpoint, epoch: int, logs: Any = None) -> None:
        state = self.__dict__
        if state.get("period", 1) != 1:
            state["epochs_since_last_save"] += 1
            if state["epochs_since_last_save"] < state["period"]:
                return
            state["epochs_since_last_save"] = 0
        on_epoch_end(self, epoch, logs)

    return ended
