"""Weights in Keras's `.weights.h5` files: what is written here real Keras opens, and the reverse."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import h5py
import torch
from torch.nn.parameter import is_lazy

from torchkeras_shim.core import sharded
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.weights import HasWeights, own_tensors
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.saving import hdf5
from torchkeras_shim.saving.errors import DamagedFileError, UnsafeFileError
from torchkeras_shim.saving.layout import Entry, walk


def write_weights(model: Any, file: h5py.File, objects_to_skip: Any = None) -> None:
    """Writes a model's weights, and its optimizer's state, in Keras's layout.

    Args:
        model: The model; it must be built.
        file: An empty HDF5 file.
        objects_to_skip: Layers that are left out.
    """
    for entry in walk(model, objects_to_skip):
        group = make_group(file, entry)
        for key, value in values_of(entry.target):
            hdf5.write(group, key, value)


def read_weights(
    model: Any, files: h5py.File | list[h5py.File], path: str, skip_mismatch: bool = False, objects_to_skip: Any = None
) -> None:
    """Loads what `write_weights`, or Keras, has written. Either all of it is loaded or nothing.

    Args:
        model: The model; it must be built, of the architecture of the file.
        files: The HDF5 file, or several that hold parts of the weights.
        path: What the file is called in messages.
        skip_mismatch: Whether layers whose weights do not fit are left out, with a warning.
        objects_to_skip: Layers that keep their weights.

    Raises:
        ValueError: If weights do not fit, or the file is damaged or has links into other files.
    """
    loads: list[_Load] = []
    failures: list[tuple[Any, Exception]] = []
    files = files if isinstance(files, list) else [files]
    for entry in walk(model, objects_to_skip):
        try:
            loads.append(_Load(entry, files))
        except (UnsafeFileError, DamagedFileError):
            raise
        except ValueError as error:
            failures.append((entry.target, error))
    if failures:
        _report(failures, skip_mismatch)
    for load in loads:
        load.verify()
    unused = [] if failures or objects_to_skip else _unused(files, loads)  # failures have been reported
    # Nothing has been changed up to here; the methods of the user's own layers may still fail.
    for load in sorted(loads, key=lambda load: not load.is_custom):
        load.apply()
    if unused:
        warnings.warn(
            f"'{path}' holds {len(unused)} weights that the model has no place for; they were not loaded: "
            f"{', '.join(unused[:5])}{', ...' if len(unused) > 5 else ''}",
            stacklevel=2,
        )


# Writing ------------------------------------------------------------------------------------------------------------


def make_group(file: h5py.File, entry: Entry) -> h5py.Group:
    """Makes the group that holds an object's own weights."""
    group = file.create_group(f"{entry.path}/vars" if entry.path else "vars")
    name = getattr(entry.target, "name", None)
    if isinstance(name, str):
        group.attrs["name"] = name
    return group


def values_of(target: Any) -> Iterator[tuple[str, Any]]:
    """Yields what an object saves, by its key."""
    if _has_own(target, "save_own_variables"):
        store: dict[str, Any] = {}
        target.save_own_variables(store)
        yield from store.items()
    else:
        yield from own_weights(target).items()


def _has_own(target: Any, method: str) -> bool:
    """Returns whether an object saves or loads in a way of its own."""
    return getattr(type(target), method, None) is not getattr(HasWeights, method) and hasattr(target, method)


def own_weights(target: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Returns the tensors that a module keeps in its own group, by their key there.

    For a layer: its own weights, numbered, trainable ones first. For a raw torch module: its whole `state_dict`.
    """
    if isinstance(target, Layer):
        return {str(index): tensor for index, tensor in enumerate(own_tensors(target))}
    tensors = {}
    for key, value in target.state_dict().items():
        if is_lazy(value):
            raise ValueError(
                f"The torch module {type(target).__name__} is not initialized: it has no '{key}' yet. "
                "Call the model on some data first."
            )
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                f"The torch module {type(target).__name__} keeps '{key}' of type {type(value).__name__} in its "
                "state_dict. A weights file holds tensors only; use `torch.save(model.state_dict(), path)`."
            )
        # "/" would open a group in the file.
        tensors[key.replace("%", "%25").replace("/", "%2F")] = value
    return tensors


# Reading ------------------------------------------------------------------------------------------------------------


class _Load:
    """What a file gives to one object: checked first, applied last, one array at a time."""

    def __init__(self, entry: Entry, files: list[h5py.File]) -> None:
        self.target = entry.target
        self.found = {key: array for file in files for key, array in _arrays(file, entry).items()}
        self.names = [str(dataset.name) for dataset in self.found.values()]
        self.tensors: dict[str, torch.Tensor] = {}
        if isinstance(self.target, Optimizer) and _is_plain(self.target):
            self.is_custom = False
            self._fit_optimizer()
            return
        self.is_custom = _has_own(entry.target, "load_own_variables")
        if not self.is_custom:
            self.tensors = own_weights(entry.target)
            self._check()

    def _fit_optimizer(self) -> None:
        """Takes what fits: a saved optimizer that had not trained yet has a step count and a rate, but no slots."""
        variables = {str(index): variable for index, variable in enumerate(self.target.variables)}
        fresh = [key for key, variable in variables.items() if variable.ndim == 0]
        if "1" in self.found and self.found["1"].ndim and len(fresh) > 1:
            # tf.keras wrote no learning rate, and momentums of 0.
            kept = [variable for variable in self.target.variables if variable is not self.target.learning_rate]
            variables = {str(index): variable for index, variable in enumerate(kept)}
            if len(kept) == 1:
                self.found = {"0": self.found["0"]}
        if set(self.found) == set(fresh) and len(self.found) < len(variables):
            variables = {key: variables[key] for key in fresh}
        elif len(self.found) != len(variables):
            if self.found:
                warnings.warn(
                    f"Skipping variable loading for optimizer '{self.target.name}', because it has {len(variables)} "
                    f"variables whereas the saved optimizer has {len(self.found)} variables. ",
                    stacklevel=5,
                )
            self.found = {}
            return
        self.tensors = dict(variables)
        self._check()

    def _check(self) -> None:
        who = _describe(self.target)
        if set(self.found) != set(self.tensors):
            expected = [getattr(tensor, "name", None) or key for key, tensor in self.tensors.items()]
            raise ValueError(
                f"{who} expected {len(self.tensors)} variables, but received {len(self.found)} variables during "
                f"loading. Expected: {expected}. Found in the file: {sorted(self.found)}"
            )
        for key, tensor in self.tensors.items():
            if self.found[key].shape != tuple(tensor.shape):
                name = getattr(tensor, "path", None) or key
                raise ValueError(
                    f"{who}: the shape of the target variable and the shape of the value in the file must match. "
                    f"Expected: {tuple(tensor.shape)} for '{name}'. Found: {self.found[key].shape}"
                )
            if self.found[key].dtype.kind == "c" and not tensor.is_complex():
                raise ValueError(f"{who}: expected real numbers for '{key}'. Found: {self.found[key].dtype}")

    def verify(self) -> None:
        for dataset in self.found.values():
            hdf5.verify(dataset)

    def apply(self) -> None:
        if self.is_custom:
            if self.found or isinstance(self.target, torch.nn.Module):
                self._apply_custom()
            return
        for key, tensor in self.tensors.items():
            sharded.write(tensor, hdf5.read(self.found[key]))

    def _apply_custom(self) -> None:
        own = own_weights(self.target) if isinstance(self.target, torch.nn.Module) else {}
        before = {key: sharded.local(tensor.detach()).clone() for key, tensor in own.items()}
        values = {key: hdf5.read_any(dataset) for key, dataset in self.found.items()}
        store = {key: value if value.dtype == torch.bfloat16 else value.numpy() for key, value in values.items()}
        try:
            self.target.load_own_variables(store)
        except Exception:
            with torch.no_grad():
                for key, tensor in own.items():
                    sharded.local(tensor).copy_(before[key])
            raise


def _arrays(file: h5py.File, entry: Entry) -> dict[str, h5py.Dataset]:
    """Returns the arrays of an object under the first of its paths that has any."""
    for path in (entry.path, *entry.others):
        found = hdf5.arrays(_group(file, path))
        if found:
            return found
    return {}


def _group(file: h5py.File, path: str) -> h5py.Group | None:
    group = hdf5.find_group(file, f"{path}/vars" if path else "vars")
    if group is None and path and "_layer_checkpoint_dependencies" in file:  # files of Keras 2.13
        older = path.replace("layers", "_layer_checkpoint_dependencies")
        group = hdf5.find_group(file, f"{older}/vars")
    return group


def _unused(files: list[h5py.File], loads: list[_Load]) -> list[str]:
    taken = {name for load in loads for name in load.names}
    # A model does not miss the state of an optimizer, a nested model's too, and of the metrics that tf.keras kept.
    names = [name for file in files for name in hdf5.all_arrays(file)]
    untaken = [name for name in names if name not in taken and not name.startswith(("/optimizer/", "/metrics/"))]
    return [name for name in untaken if "/optimizer/vars/" not in name]


def _is_plain(optimizer: Optimizer) -> bool:
    return type(optimizer).load_own_variables is Optimizer.load_own_variables


def _report(failures: list[tuple[Any, Exception]], skip_mismatch: bool) -> None:
    target, error = failures[0]
    message = (
        f"A total of {len(failures)} objects could not be loaded. Example error message for object {target}:\n\n"
        f"{error}\n\nList of objects that could not be loaded:\n{[_describe(target) for target, _ in failures]}"
    )
    if not skip_mismatch:
        raise ValueError(f"{message}\nNo weight has been changed. Pass `skip_mismatch=True` to load the others.")
    warnings.warn(message, stacklevel=3)


def _describe(target: Any) -> str:
    kind = "Layer" if isinstance(target, Layer) else "Optimizer" if isinstance(target, Optimizer) else "Module"
    name = getattr(target, "name", None)
    return f"{kind} '{name}'" if isinstance(name, str) else f"{kind} {type(target).__name__}"
