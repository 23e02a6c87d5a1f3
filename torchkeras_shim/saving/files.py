"""Saving and loading by file name: the ending decides the format."""

from __future__ import annotations

import errno
import functools
import inspect
import logging
import os
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec

from torchkeras_shim.core.atomic import latest_folder, replacing
from torchkeras_shim.core.console import print_msg
from torchkeras_shim.distribution.gathering import by_first
from torchkeras_shim.saving import checkpoint_folder, hdf5, keras_file, legacy_model, safetensors_file, sharded
from torchkeras_shim.saving.errors import MissingFileError, check_file, names_its_file
from torchkeras_shim.saving.weights_h5 import read_weights, write_weights

_logger = logging.getLogger("torchkeras_shim")
_LEGACY = (".h5", ".hdf5")
P = ParamSpec("P")

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"


def _by_first(save: Callable[P, None]) -> Callable[P, None]:
    """Lets the first process alone write a model whose weights are cut over processes; all of them call."""

    @functools.wraps(save)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        named = inspect.signature(save).bind(*args, **kwargs).arguments
        if os.fspath(named["filepath"]).endswith(checkpoint_folder.ENDING):  # into which each writes its parts
            save(*args, **kwargs)
        else:
            by_first(named["model"], lambda: save(*args, **kwargs))

    return wrapper


@names_its_file
@_by_first
def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
) -> None:
    """Saves a whole model: architecture, weights, what it was compiled with and the optimizer's state.

    The file appears at once and whole: an interrupted save leaves the previous file as it was. Keras opens it too.

    Args:
        model: The model.
        filepath: A path that ends in `.keras`, or in `.h5` for Keras's older format.
        overwrite: `False` asks before an existing file is overwritten.
        zipped: `False` writes a folder instead of a file.
        **kwargs: `include_optimizer=False` leaves out of `.h5` files what the model was compiled with.

    Raises:
        ValueError: If the ending or argument is any other.
        NotImplementedError: If a part of the model has no config.
        FileExistsError: If `overwrite=False`, the file exists and nobody can be asked.

    Example:
        >>> import os, tempfile
        >>> import torchkeras_shim as keras
        >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
        >>> save_model(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), path)
        >>> load_model(path).count_params()
        4
    """
    path = local(filepath)
    include_optimizer = kwargs.pop("include_optimizer", True)
    save_format = kwargs.pop("save_format", None)
    if save_format:
        if not path.endswith((".keras", *_LEGACY)):
            raise ValueError(
                "The `save_format` argument is deprecated in Keras 3. Please remove this argument and pass a file path "
                f"with either `.keras` or `.h5` extension. Received: save_format={save_format}"
            )
        _logger.warning("The `save_format` argument is deprecated in Keras 3: the file path decides.")
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {list(kwargs)}")
    if zipped is False and path.endswith(".keras"):
        raise ValueError(
            "When using `zipped=False`, the `filepath` argument should not end in `.keras`: it names a folder. "
            f"Received: filepath={filepath}"
        )
    legacy = path.endswith(_LEGACY) and zipped is not False
    if not legacy and not path.endswith(".keras") and zipped is not False:
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the native Keras format "
            f"(recommended) or a `.h5` extension. Received: filepath={filepath}. To save the weights alone, write "
            '`model.save_weights("model.weights.h5")`.'
        )
    if os.path.exists(path) and not overwrite and not may_overwrite(path):
        return
    if legacy:
        _logger.warning(
            "You are saving your model as an HDF5 file. This file format is considered legacy. Prefer the native Keras "
            "format: `model.save('my_model.keras')`."
        )
        _make_folder(path)
        legacy_model.save(model, path, include_optimizer)
    else:
        keras_file.save(model, path, zipped is not False)


@names_its_file
def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Loads a whole model that `save_model`, or Keras, has saved.

    No code in a file is ever executed, and no name in it ever imported: classes and functions are those of this
    package, and the user's own.

    Args:
        filepath: A `.keras` file or folder, or a `.h5` file.
        custom_objects: The user's own classes and functions by name.
        compile: Whether to compile the model as it was, so that training continues where it stood.
        safe_mode: Must be true.

    Returns:
        The model.

    Raises:
        ValueError: If the file is of another kind, damaged or hostile, or names classes that are not known.

    Example:
        >>> import os, tempfile
        >>> import torchkeras_shim as keras
        >>> path = os.path.join(tempfile.mkdtemp(), "model.keras")
        >>> keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
        >>> load_model(path).output_shape
        (None, 1)
    """
    if safe_mode is not None and not safe_mode:
        raise ValueError(
            "`safe_mode=False` is not supported: code inside a file is never executed here. Without it, everything but "
            "a Python lambda loads; give your own classes and functions as `custom_objects`."
        )
    path = latest_folder(local(filepath))
    if not os.path.exists(path):
        if path.endswith((".keras", *_LEGACY)):
            said = f"File not found: filepath={filepath}. Please ensure the file is an accessible `.keras` file."
        else:
            said = f"{_unsupported(filepath)} There is nothing of that name, either."
        error = MissingFileError(said)
        error.errno = errno.ENOENT
        raise error
    check_file(path, folder=True)
    if os.path.isdir(path) or path.endswith(".keras"):
        if os.path.isdir(path) and not os.path.exists(os.path.join(path, "config.json")):
            raise ValueError(
                f"File format not supported: filepath={filepath}. The folder holds no `config.json`; TensorFlow's "
                "SavedModel format is not supported."
            )
        if _holds(path, _HDF5):  # as TensorFlow 2.12 and before wrote it
            return legacy_model.load(path, custom_objects, compile)
        return keras_file.load(path, custom_objects, compile)
    if path.endswith(_LEGACY):
        if _holds(path, _ZIP):
            return keras_file.load(path, custom_objects, compile)
        return legacy_model.load(path, custom_objects, compile)
    raise ValueError(_unsupported(filepath))


def _unsupported(filepath: Any) -> str:
    return (
        f"File format not supported: filepath={filepath}. Keras 3 only supports V3 `.keras` files and legacy H5 format "
        "files (`.h5` extension)."
    )


@names_its_file
@_by_first
def save_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: list[Any] | None = None,
) -> None:
    """Saves a model's weights; in `.weights.h5` files its optimizer's state too.

    The file appears at once and whole: an interrupted save leaves the previous file as it was.

    Args:
        model: The model; it must be built.
        filepath: A path that ends in `.weights.h5`, in `.h5` for Keras's older format, in `.safetensors`, or in `.dcp`
            for a folder into which each of several processes writes its parts of the weights and the optimizer's state.
        overwrite: `False` asks before an existing file is overwritten.
        max_shard_size: The size in GB of one file of several; `filepath` is then their index, `.weights.json`.
        objects_to_skip: Layers that are left out; for `.weights.h5` and `.weights.json`.

    Raises:
        ValueError: If the ending is another one, or the model is not built.
        FileExistsError: If `overwrite=False`, the file exists and nobody can be asked.

    Example:
        >>> import os, tempfile
        >>> import torchkeras_shim as keras
        >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.h5")
        >>> save_weights(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), path)
    """
    path = local(filepath)
    if max_shard_size is not None:
        path = _index_of(path)
    elif not path.endswith((".weights.h5", ".safetensors", checkpoint_folder.ENDING, *_LEGACY)):
        raise _wrong_ending(path, "save")
    if objects_to_skip is not None and not path.endswith((".weights.h5", ".weights.json")):
        raise ValueError(f"`objects_to_skip` only supports saving '.weights.h5' files. Received: {filepath}")
    check_built(model, "saving a model")
    if path.endswith(checkpoint_folder.ENDING):
        _save_checkpoint(model, path, overwrite)
        return
    if os.path.exists(path) and not overwrite and not may_overwrite(path):
        return
    if max_shard_size is not None:
        sharded.save(model, path, max_shard_size, objects_to_skip)
    elif path.endswith(".safetensors"):
        safetensors_file.save(model, path)
    elif path.endswith(".weights.h5"):
        with replacing(path) as temporary, hdf5.created(temporary) as file:
            write_weights(model, file, objects_to_skip)
    else:
        legacy_model.save_weights(model, path)


@names_its_file
def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool | None = None,
    objects_to_skip: list[Any] | None = None,
    **kwargs: Any,
) -> None:
    """Loads weights that `save_weights`, `save_model` or Keras has saved. Either all of them are loaded or none.

    Args:
        model: The model; it must be built, of the architecture of the file.
        filepath: A path that ends in `.weights.h5`, `.weights.json`, `.keras`, `.h5`, `.safetensors` or `.dcp`.
        skip_mismatch: Whether layers whose weights do not fit are left out, with a warning.
        by_name: For `.h5` files: whether layers are found by name rather than by order.
        objects_to_skip: Layers that keep their weights; for `.weights.h5` and `.weights.json`.
        **kwargs: None: whatever else is passed is refused.

    Raises:
        ValueError: If the ending or an argument is another one, the model is not built, weights do not fit, or the file
            has links into other files.

    Example:
        >>> import os, tempfile
        >>> import torchkeras_shim as keras
        >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.h5")
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> save_weights(model, path)
        >>> load_weights(model, path)
    """
    path = local(filepath)
    if kwargs:
        raise ValueError(
            f"Invalid keyword arguments: {kwargs}. There are `skip_mismatch`, `by_name` and `objects_to_skip`."
        )
    known = (".weights.h5", ".weights.json", ".keras", ".safetensors", checkpoint_folder.ENDING, *_LEGACY)
    if not path.endswith(known):
        raise _wrong_ending(path, "load")
    if by_name is not None and (
        path.endswith((".weights.h5", ".weights.json", ".keras")) or not path.endswith(_LEGACY)
    ):
        raise ValueError(f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {filepath}")
    if objects_to_skip is not None and not path.endswith((".weights.h5", ".weights.json")):
        raise ValueError(f"`objects_to_skip` only supports loading '.weights.h5' files. Received: {filepath}")
    check_built(model, "loading weights into a model")
    if not os.path.exists(path):
        raise MissingFileError(errno.ENOENT, "There is no such weights file", path)
    if path.endswith(checkpoint_folder.ENDING):
        if skip_mismatch:
            raise ValueError(f"`skip_mismatch` is not supported for checkpoint folders. Received: filepath={path}")
        checkpoint_folder.load(model, path)
        return
    check_file(path)
    if _holds(path, _ZIP) or (path.endswith(".keras") and not _holds(path, _HDF5)):
        keras_file.load_weights(model, path, skip_mismatch)
    elif path.endswith(".weights.json"):
        sharded.load(model, path, skip_mismatch, objects_to_skip)
    elif path.endswith(".safetensors"):
        safetensors_file.load(model, path, skip_mismatch)
    elif path.endswith((".weights.h5", ".keras")) and not legacy_model.holds_names(path):
        with hdf5.opened(path, path) as file:
            read_weights(model, file, path, skip_mismatch, objects_to_skip)
    else:
        legacy_model.load_weights(model, path, skip_mismatch, bool(by_name))


def _save_checkpoint(model: Any, path: str, overwrite: bool) -> None:
    if os.path.exists(path) and not overwrite:
        raise FileExistsError(f"'{path}' already exists. Pass `overwrite=True` to replace it.")
    checkpoint_folder.save(model, path)


def _holds(path: str, beginning: bytes) -> bool:
    """Returns whether a file begins with these bytes: what it is counts, not what it is called."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(beginning)) == beginning


def _index_of(path: str) -> str:
    """Returns the path of the index of sharded weights."""
    if path.endswith(".weights.h5"):
        new = f"{path[: -len('.h5')]}.json"
        warnings.warn(
            f"Saving sharded weights requires `*.json` as the extension. The original path: {path} will be renamed to "
            f"{new}.",
            stacklevel=8,
        )
        return new
    if not path.endswith(".weights.json"):
        raise ValueError(
            f"The filename must end in `.weights.json` when `max_shard_size` is specified. Received: filepath={path}"
        )
    return path


def local(filepath: str | os.PathLike[str]) -> str:
    """Returns a path as a string.

    Raises:
        ValueError: If it is a URL.
    """
    path = os.fspath(filepath)
    if "://" in path:
        raise ValueError(f"Only local files are supported. Received: filepath={path}. Download the file first.")
    return path


def _make_folder(path: str) -> None:
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)  # Keras makes it for this format


def _wrong_ending(path: str, verb: str) -> ValueError:
    hint = ""
    if path.endswith((".pt", ".pth")):
        hint = (
            " For a torch checkpoint write `torch.save(model.state_dict(), path)`."
            if verb == "save"
            else " For a torch checkpoint write `model.load_state_dict(torch.load(path, weights_only=True))`."
        )
    elif path.endswith(".keras"):
        hint = " To save the whole model write `model.save(path)`."
    said = "The filename must end in `.weights.h5`." if verb == "save" else "File format not supported."
    more = (
        "" if verb == "save" else " Weights are in files that end in `.weights.h5`, `.keras`, `.h5` or `.safetensors`."
    )
    return ValueError(f"{said} Received: filepath={path}.{more}{hint}")


def check_built(model: Any, doing: str) -> None:
    """Refuses a model that is not built.

    Args:
        model: The model.
        doing: What it should be built for, as the message says it.

    Raises:
        ValueError: If it is not built.
    """
    if not model.built:
        raise ValueError(
            f"You are {doing} that has not yet been built. Try building the model first by calling it on some data or "
            "by using `build()`."
        )


def may_overwrite(path: str) -> bool:
    """Asks whether a file may be replaced, and returns the answer.

    Raises:
        FileExistsError: If nobody can be asked.
    """
    try:
        answer = input(f"[WARNING] {path} already exists - overwrite? [y/n]").strip().lower()
        while answer not in ("y", "n"):
            answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    except EOFError as error:
        raise FileExistsError(f"'{path}' already exists. Pass `overwrite=True` to replace it.") from error
    if answer == "y":
        print_msg("[TIP] Next time specify overwrite=True!")
    return answer == "y"
