"""`tf.train.Checkpoint` and `CheckpointManager`: variables by the names of the attributes that lead to them.

A checkpoint is one file, `prefix-n.tkc`: a zip of `.npy` arrays and an index in JSON. Nothing in it is code. The
checkpoints of TensorFlow itself (`.index`, `.data-00000-of-00001`) are another format and are not read.
"""

from __future__ import annotations

import io
import json
import os
import re
import warnings
import zipfile
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


def _variables(value: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, torch.Tensor]]:
    """The variables below an object, with the path that leads to each."""
    seen = set() if seen is None else seen
    if isinstance(value, torch.Tensor):
        yield path, value
        return
    if isinstance(value, (str, bytes, int, float)) or id(value) in seen:
        return
    seen.add(id(value))
    for name, one in _attributes(value).items():
        yield from _variables(one, f"{path}/{name}" if path else name, seen)


class Status:
    """What `restore` says of what it has found."""

    def __init__(self, missing: list[str], unused: list[str]) -> None:
        self._missing, self._unused = missing, unused

    def assert_consumed(self) -> Status:
        """Raises an AssertionError unless every variable was found and every value was used."""
        if self._unused:
            raise AssertionError(f"Some values of the checkpoint belong to no object: {self._unused[:5]}")
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
        self._objects = {**({} if root is None else _attributes(root) or {"root": root}), **kwargs}
        self.save_counter = _Variable(np.int64(0), trainable=False, name="save_counter")
        self.__dict__.update(kwargs)

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Saves under exactly this name, and returns it."""
        prefix: str = os.fspath(file_prefix)
        found = dict(_variables(self))
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
        with zipfile.ZipFile(path) as archive:
            self._build_optimizers(json.loads(archive.read("index.json")))
        targets = dict(_variables(self))
        with zipfile.ZipFile(path) as archive:
            names = json.loads(archive.read("index.json"))
            places = {name: f"{number}.npy" for number, name in enumerate(names)}
            values = {}
            for name in targets.keys() & places.keys():
                with archive.open(places[name]) as file:
                    values[name] = np.load(io.BytesIO(file.read()), allow_pickle=False)
        for name, value in values.items():
            if value.shape != tuple(targets[name].shape):
                raise ValueError(
                    f"The variable {name!r} has the shape {tuple(targets[name].shape)}, its value in {path} "
                    f"has {value.shape}."
                )
        for name, value in values.items():
            target = targets[name]
            if hasattr(target, "assign"):
                target.assign(torch.from_numpy(value))
            else:
                with torch.no_grad():
                    target.copy_(torch.from_numpy(value))
        unused = sorted(places.keys() - targets.keys())
        waiting = [
            name for name, one in self._objects.items() if not getattr(one, "built", True) and _below(unused, name)
        ]
        if waiting:
            warnings.warn(
                f"The checkpoint has values for {waiting}, which are not built yet: these were not restored. Call "
                "a model once before `restore`, so that it has variables.",
                stacklevel=3,
            )
        return Status(sorted(targets.keys() - places.keys()), unused)

    def _build_optimizers(self, names: list[str]) -> None:
        """Gives optimizers that are not built their variables, where the file has values for them."""
        models = [
            one
            for one in self._objects.values()
            if hasattr(one, "trainable_variables") and not hasattr(one, "apply_gradients")
        ]
        trained = [variable for one in models for variable in one.trainable_variables]
        for name, one in self._objects.items():
            if (
                hasattr(one, "apply_gradients")
                and not one.built
                and trained
                and len(_below(names, name)) > len(one.variables)
            ):
                one.build(trained)
                one.built = True

    def restore(self, save_path: Any, options: Any = None) -> Status:
        """As `read`; `None`, the answer of `latest_checkpoint` where there is none, restores nothing."""
        if save_path is None:
            return Status([], [])
        return self.read(save_path)


def _below(names: list[str], path: str) -> list[str]:
    """The names that belong to an object."""
    return [name for name in names if name.startswith(f"{path}/")]


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
        init_fn: What to call in `restore_or_initialize`, where there is no checkpoint.
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
        """Restores the latest checkpoint, or calls `init_fn` where there is none."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
            return self.latest_checkpoint
        if self._init is not None:
            self._init()
        return None
