"""`tf.train.Checkpoint` and `CheckpointManager`: variables by the names of the attributes that lead to them.

A checkpoint is one file, `prefix-n.tkc`: a zip of `.npy` arrays and an index in JSON. Nothing in it is code. The
checkpoints of TensorFlow itself (`.index`, `.data-00000-of-00001`) are another format and are not read.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.errors import NotFoundError
from torchkeras_shim.compat.tf.trackable import Module
from torchkeras_shim.compat.tf.variable import _Variable
from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.core.errors import InvalidArgumentError

SUFFIX = ".tkc"
#: How weights end that `model.save_weights("prefix")` saves, as TensorFlow's Keras saved them under a prefix.
_WEIGHTS = ".weights.h5"
_INDEX = "checkpoint"


def _attributes(value: Any) -> dict[str, Any]:
    """What is saved of an object, by name: its attributes, items or variables."""
    if isinstance(value, (list, tuple)):
        return {str(at): one for at, one in enumerate(value)}
    if isinstance(value, dict):
        return {str(key): one for key, one in value.items()}
    if hasattr(value, "variables") and not isinstance(value, Module):  # a model, layer, optimizer or metric
        return {f"variable_{at}": one for at, one in enumerate(value.variables)}
    if isinstance(value, torch.nn.Module):
        tables = {**vars(value), **value._parameters, **value._buffers, **value._modules}
        return {key: one for key, one in tables.items() if not key.startswith("_")}
    if isinstance(value, Checkpoint):
        return {**value._objects, "save_counter": value.save_counter}
    return {}


def _below(value: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """What is below an object, itself first, with the path that leads to each."""
    seen = set() if seen is None else seen
    if isinstance(value, torch.Tensor):
        yield path, value
        return
    if isinstance(value, (str, bytes, int, float)) or id(value) in seen:
        return
    seen.add(id(value))
    yield path, value
    for name, one in _attributes(value).items():
        yield from _below(one, f"{path}/{name}" if path else name, seen)


def _variables(value: Any) -> dict[str, torch.Tensor]:
    """The variables below an object, by the path that leads to each."""
    return {path: one for path, one in _below(value) if isinstance(one, torch.Tensor)}


class Status:
    """What `restore` says of what it has found, as it stands when it is asked."""

    def __init__(self, missing: list[str], waiting: dict[str, Any]) -> None:
        self._missing, self._waiting = missing, waiting

    def assert_consumed(self) -> Status:
        """Raises an AssertionError unless every variable was found and every value was used."""
        if self._waiting:
            raise AssertionError(f"Some values of the checkpoint belong to no object: {sorted(self._waiting)[:5]}")
        return self.assert_existing_objects_matched()

    def assert_existing_objects_matched(self) -> Status:
        """Raises an AssertionError unless every variable was found."""
        if self._missing:
            raise AssertionError(f"Some variables are not in the checkpoint: {self._missing[:5]}")
        return self

    assert_nontrivial_match = assert_existing_objects_matched

    def expect_partial(self) -> Status:
        """Says that not all of the checkpoint is used."""
        return self


@public("train.Checkpoint")
class Checkpoint:
    """Saves and restores the variables of objects.

    Args:
        root: An object whose attributes are saved, beside those that are named.
        **kwargs: Objects: models, layers, optimizers, modules, variables, lists and dicts of them.

    Example:
        >>> import tempfile
        >>> v = _Variable([1.0, 2.0])
        >>> checkpoint = Checkpoint(v=v)
        >>> path = checkpoint.save(tempfile.mkdtemp() + "/ckpt")
        >>> _ = v.assign([0.0, 0.0])
        >>> _ = checkpoint.restore(path).assert_consumed()
        >>> v.numpy()
        array([1., 2.], dtype=float32)
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        whole = isinstance(root, Module) or not isinstance(root, torch.nn.Module)
        self._objects = {**({} if root is None else _attributes(root) if whole else {"root": root}), **kwargs}
        self.save_counter = _Variable(np.int64(0), trainable=False, name="save_counter")
        self.__dict__.update(kwargs)

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Saves under exactly this name, and returns it."""
        prefix: str = os.fspath(file_prefix)
        found = _variables(self)
        path = prefix + SUFFIX
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr("index.json", json.dumps(list(found)))
            for number, value in enumerate(found.values()):
                array = value.detach().cpu()
                data = io.BytesIO()
                np.save(data, (array.float() if array.dtype == torch.bfloat16 else array).numpy(), allow_pickle=False)
                archive.writestr(f"{number}.npy", data.getvalue())
        return prefix

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Saves as `prefix-1`, `prefix-2`, ... and returns that name."""
        self.save_counter.assign_add(1)
        prefix = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        _note(Path(prefix).parent, prefix, [prefix])
        return prefix

    def read(self, save_path: Any, options: Any = None) -> Status:
        """Gives every variable the value that the file has for it."""
        prefix = os.fspath(save_path)
        path = Path(prefix if prefix.endswith(SUFFIX) else prefix + SUFFIX)
        if not path.exists():
            if Path(prefix + ".index").exists():
                raise InvalidArgumentError(
                    f"{prefix} is a checkpoint of TensorFlow itself, which is not read. Load it in TensorFlow, and "
                    "save the model as `.keras`, `.h5` or `.weights.h5`."
                )
            raise NotFoundError(
                f"Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {prefix}"
            )
        values = _read(path)
        status = Status(sorted(_variables(self).keys() - values.keys()), values)
        self._build_optimizers(values)
        self._give(values)
        for at, one in list(_below(self)):
            below = {name for name in values if name.startswith(f"{at}/")}
            if below and _is_unbuilt(one):
                self._wait(one, at, values)
            elif below and isinstance(one, Module):
                one._tf_waiting = _Waiting(at, values)
        return status

    def _give(self, values: dict[str, np.ndarray]) -> None:
        """Gives variables their values, which are taken out of the dict; those of what is not built wait."""
        waiting = tuple(f"{at}/" for at, one in _below(self) if _is_unbuilt(one))
        targets = {at: one for at, one in _variables(self).items() if at in values and not at.startswith(waiting)}
        for at, target in targets.items():
            _check_shape(at, target, values[at])
        for at, target in targets.items():
            _assign(target, values.pop(at))

    def _wait(self, layer: Any, at: str, values: dict[str, np.ndarray]) -> None:
        """Has a layer that is not built get its values in its first call, before it computes anything."""

        def restore(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            handle.remove()
            count = sum(name.startswith(f"{at}/") for name in values)
            if len(module.variables) < count:  # layers inside are built by running
                with torch.no_grad(), torch.random.fork_rng(devices=[]):
                    module.forward(*args, **kwargs)
            module.built = True
            self._build_optimizers(values)
            self._give(values)

        handle = layer.register_forward_pre_hook(restore, with_kwargs=True)

    def _build_optimizers(self, values: dict[str, np.ndarray]) -> None:
        """Gives optimizers that are not built their variables, where the file has values for them."""
        models = [
            one
            for one in self._objects.values()
            if hasattr(one, "trainable_variables") and not hasattr(one, "apply_gradients")
        ]
        trained = [variable for one in models for variable in one.trainable_variables]
        for name, one in self._objects.items():
            below = sum(at.startswith(f"{name}/") for at in values)
            if hasattr(one, "apply_gradients") and not one.built and below > len(one.variables):
                if trained:
                    one.build(trained)
                    one.built = True
                else:
                    self._wait_for_variables(one, values)

    def _wait_for_variables(self, optimizer: Any, values: dict[str, np.ndarray]) -> None:
        """Has an optimizer that is alone in a checkpoint get its values when it learns what it trains."""
        build = type(optimizer).build.__get__(optimizer)

        def restored(variables: Any) -> None:
            vars(optimizer).pop("build", None)
            build(variables)
            self._give(values)

        optimizer.build = restored

    def restore(self, save_path: Any, options: Any = None) -> Status:
        """As `read`; `None`, the answer of `latest_checkpoint` if there is none, restores nothing."""
        if save_path is None:
            return Status([], {})
        return self.read(save_path)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file by name."""
    with zipfile.ZipFile(path) as archive:
        names = json.loads(archive.read("index.json"))
        return {
            name: np.load(io.BytesIO(archive.read(f"{number}.npy")), allow_pickle=False)
            for number, name in enumerate(names)
        }


def _is_unbuilt(value: Any) -> bool:
    """Returns whether an object is a layer or model that has not got all of its variables yet."""
    return isinstance(value, torch.nn.Module) and not isinstance(value, Module) and not getattr(value, "built", True)


def _check_shape(at: str, target: torch.Tensor, value: np.ndarray) -> None:
    if value.shape != tuple(target.shape):
        raise ValueError(
            f"The variable {at!r} has the shape {tuple(target.shape)}, its value in the checkpoint has {value.shape}."
        )


def _assign(target: Any, value: np.ndarray) -> None:
    if hasattr(target, "assign"):
        target.assign(torch.from_numpy(value))
    else:
        with torch.no_grad():
            target.copy_(torch.from_numpy(value))


class _Waiting:
    """The values of variables that a `tf.Module` has not made yet: each gets its own when it is assigned to."""

    def __init__(self, at: str, values: dict[str, np.ndarray]) -> None:
        self._at, self._values = at, values

    def meet(self, name: str, value: Any) -> None:
        """Gives a new attribute of the module, or what is in it, its values."""
        for at, one in _below(value, f"{self._at}/{name}"):
            if isinstance(one, torch.Tensor) and at in self._values:
                _check_shape(at, one, self._values[at])
                _assign(one, self._values.pop(at))
            elif isinstance(one, Module):
                one._tf_waiting = _Waiting(at, self._values)


def _note(folder: Path, latest: str | None, all_paths: list[str]) -> None:
    """Writes down which checkpoint of a folder is the latest, and which there are."""
    data = {"latest": None if latest is None else Path(latest).name, "all": [Path(one).name for one in all_paths]}
    with replacing(str(folder / _INDEX)) as temporary:
        Path(temporary).write_text(json.dumps(data))


def note_latest(prefix: str) -> None:
    """Writes down that a checkpoint is the latest of its folder."""
    _note(Path(prefix).parent, prefix, [prefix])


@public("train.latest_checkpoint")
def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """Returns the name of the latest checkpoint of a folder, or `None`."""
    folder = Path(os.fspath(checkpoint_dir))
    try:
        latest = json.loads((folder / (latest_filename or _INDEX)).read_text())["latest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(latest, str) or Path(latest).name != latest:
        return None
    return str(folder / latest) if any((folder / (latest + ending)).exists() for ending in (SUFFIX, _WEIGHTS)) else None


CheckpointState = namedtuple("CheckpointState", ["model_checkpoint_path", "all_model_checkpoint_paths"])


@public("train.get_checkpoint_state")
def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """Returns the name of the latest checkpoint of a folder and those of all, or `None`."""
    latest = latest_checkpoint(checkpoint_dir, latest_filename)
    if latest is None:
        return None
    folder = Path(os.fspath(checkpoint_dir))
    names = json.loads((folder / (latest_filename or _INDEX)).read_text()).get("all", [])
    return CheckpointState(latest, [str(folder / Path(str(one)).name) for one in names])


@public("train.list_variables")
def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Returns the names and shapes of what a checkpoint holds."""
    prefix = os.fspath(ckpt_dir_or_file)
    prefix = latest_checkpoint(prefix) or prefix if os.path.isdir(prefix) else prefix
    with zipfile.ZipFile(prefix + SUFFIX) as archive:
        names = json.loads(archive.read("index.json"))
        found = []
        for number, name in enumerate(names):
            with archive.open(f"{number}.npy") as file:
                found.append((name, list(np.load(io.BytesIO(file.read()), allow_pickle=False).shape)))
    return sorted(found)


@public("train.CheckpointManager")
class CheckpointManager:
    """Keeps the latest checkpoints of a folder.

    Args:
        checkpoint: What to save.
        directory: The folder.
        max_to_keep: How many stay; `None` for all.
        keep_checkpoint_every_n_hours: Not supported.
        checkpoint_name: How the files begin.
        step_counter: The variable whose value `save` numbers checkpoints by, if `checkpoint_interval` is given.
        checkpoint_interval: How many steps must pass between two saves.
        init_fn: What to call in `restore_or_initialize`, if there is no checkpoint.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Any = None,
    ) -> None:
        if keep_checkpoint_every_n_hours is not None:
            raise ValueError("keep_checkpoint_every_n_hours is not supported. Use max_to_keep.")
        self.checkpoint, self.directory = checkpoint, os.fspath(directory)
        self._keep, self._name, self._init = max_to_keep, checkpoint_name, init_fn
        self._steps, self._interval = step_counter, checkpoint_interval
        self._last_step: int | None = None
        self._paths = self._found()

    def _found(self) -> list[str]:
        pattern = re.compile(rf"{re.escape(self._name)}-(\d+){re.escape(SUFFIX)}$")
        folder = Path(self.directory)
        numbers = [
            int(match[1]) for one in (folder.iterdir() if folder.exists() else ()) if (match := pattern.match(one.name))
        ]
        return [str(folder / f"{self._name}-{number}") for number in sorted(numbers)]

    @property
    def checkpoints(self) -> list[str]:
        """The names of the checkpoints that are kept, the oldest first."""
        return list(self._paths)

    @property
    def latest_checkpoint(self) -> str | None:
        """The name of the latest one, or `None`."""
        return self._paths[-1] if self._paths else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None) -> str | None:
        """Saves, deletes what is too old, and returns the name; `None` if the interval has not passed."""
        if self._steps is not None and self._interval and check_interval:
            step = int(self._steps)
            if self._last_step is not None and step < self._last_step + self._interval:
                return None
            self._last_step = step
        prefix = os.path.join(self.directory, self._name)
        if checkpoint_number is None:
            path = self.checkpoint.save(prefix)
        else:
            path = self.checkpoint.write(f"{prefix}-{int(checkpoint_number)}")
        self._paths = [one for one in self._paths if one != path] + [path]
        while self._keep is not None and len(self._paths) > self._keep:
            Path(self._paths.pop(0) + SUFFIX).unlink(missing_ok=True)
        _note(Path(self.directory), path, self._paths)
        return path

    def restore_or_initialize(self) -> str | None:
        """Restores the latest checkpoint, or calls `init_fn` if there is none."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
            return self.latest_checkpoint
        if self._init is not None:
            self._init()
        return None
