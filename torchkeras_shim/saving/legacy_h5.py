"""Weights in the layout of Keras's older `.h5` files: one group per layer, by name, its weights in order."""

from __future__ import annotations

import itertools
import warnings
from typing import Any, NamedTuple

import h5py
import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.layers.weights import HasWeights, module_weights, own_tensors
from torchkeras_shim.saving import hdf5, legacy_arrays, legacy_optimizer
from torchkeras_shim.saving.errors import DamagedFileError
from torchkeras_shim.saving.legacy_arrays import Origin, Source
from torchkeras_shim.saving.model_config import KERAS_VERSION

_TOP_LEVEL = "top_level_model_weights"


class _Copy(NamedTuple):
    """A weight and the array that it is to get."""

    weight: torch.Tensor
    source: Source


def write_weights(model: Any, group: h5py.Group) -> None:
    """Writes a model's weights into an empty group.

    Args:
        model: The model; it must be built.
        group: The group.
    """
    layers = dict(model.named_layers())
    hdf5.write_names(group, "layer_names", list(layers))
    group.attrs["backend"] = b"torch"
    group.attrs["keras_version"] = KERAS_VERSION.encode()
    for name in sorted(layers):
        _write_list(group.create_group(name), _named(layers[name], name))
    own = own_tensors(model)
    _write_list(
        group.create_group(_TOP_LEVEL), [(_name(weight, f"weight_{i}"), weight) for i, weight in enumerate(own)]
    )


def write_optimizer(optimizer: Any, file: h5py.File) -> None:
    """Writes an optimizer's state."""
    _write_list(file.create_group("optimizer_weights"), [(variable.path, variable) for variable in optimizer.variables])


def _write_list(group: h5py.Group, weights: list[tuple[str, torch.Tensor]]) -> None:
    written: dict[str, None] = {}
    for name, weight in weights:
        candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(1)))
        unique = next(key for key in candidates if key not in written)
        written[unique] = None
        hdf5.write(group, unique, weight)
    hdf5.write_names(group, "weight_names", list(written))


def _weights(module: torch.nn.Module) -> list[torch.Tensor]:
    """Returns a layer's weights in the order of the files: trainable ones first."""
    if isinstance(module, HasWeights):
        return [*module.trainable_weights, *module.non_trainable_weights]
    return sorted(module_weights(module), key=lambda weight: not weight.requires_grad)


def _named(module: torch.nn.Module, layer_name: str) -> list[tuple[str, torch.Tensor]]:
    keys = {id(tensor): key for key, tensor in (*module.named_parameters(), *module.named_buffers())}
    return [(_name(weight, f"{layer_name}/{keys.get(id(weight), 'weight')}"), weight) for weight in _weights(module)]


def _name(weight: torch.Tensor, default: str) -> str:
    path = getattr(weight, "path", None)
    return path if isinstance(path, str) else default


# Reading ------------------------------------------------------------------------------------------------------------


def read_weights(
    model: Any, group: h5py.Group, skip_mismatch: bool = False, by_name: bool = False, origin: Origin | None = None
) -> None:
    """Loads what `write_weights`, tf.keras, or any Keras has written. Either all of it is loaded or nothing.

    Args:
        model: The model; it must be built.
        group: The group of the weights.
        skip_mismatch: Whether weights whose shape does not fit are left out, with a warning.
        by_name: Whether layers are found by name rather than by order; those that are not in the file are left out.
        origin: Which Keras wrote the file; the group itself says so by default.

    Raises:
        ValueError: If weights do not fit, or the file is damaged or has links into other files.
    """
    fit = _by_name if by_name else _by_order
    origin = origin or _origin(group)
    copies = fit(model, group, skip_mismatch, origin)
    own = own_tensors(model)
    arrays = _arrays(group, _TOP_LEVEL)
    if arrays is not None and (own or arrays):
        copies += _fit("the top-level weights", model.name, own, arrays, skip_mismatch, skip_mismatch and by_name)
    for copy in copies:
        copy.source.verify()
    with torch.no_grad():
        for weight, source in copies:
            sharded.write(weight, source.read())


def _by_order(model: Any, group: h5py.Group, skip_mismatch: bool, origin: Origin) -> list[_Copy]:
    layers = [(name, weights) for name, layer in model.named_layers() if (weights := _weights(layer))]
    saved = [(name, arrays) for name in hdf5.names(group, "layer_names") if (arrays := _arrays(group, name))]
    if len(layers) != len(saved):
        raise ValueError(
            "Layer count mismatch when loading weights from file. "
            f"Model expected {len(layers)} layers, found {len(saved)} saved layers. "
            f"Model: {[name for name, _ in layers]}. File: {[name for name, _ in saved]}. Pass `by_name=True` to load "
            "only the layers whose names are in both."
        )
    modules = dict(model.named_layers())
    copies: list[_Copy] = []
    for index, ((name, weights), (saved_name, arrays)) in enumerate(zip(layers, saved, strict=True)):
        what, inside = f"layer #{index} (named {name})", legacy_arrays.owners(modules[name])
        copies += _fit(what, saved_name, weights, arrays, skip_mismatch, False, origin, inside)
    return copies


def _by_name(model: Any, group: h5py.Group, skip_mismatch: bool, origin: Origin) -> list[_Copy]:
    layers = dict(model.named_layers())
    copies: list[_Copy] = []
    for index, name in enumerate(hdf5.names(group, "layer_names")):
        if name in layers:
            arrays = _arrays(group, name) or []
            what = f"layer #{index} (named {name})"
            weights, inside = _weights(layers[name]), legacy_arrays.owners(layers[name])
            copies += _fit(what, name, weights, arrays, skip_mismatch, skip_mismatch, origin, inside)
    return copies


def _arrays(group: h5py.Group, name: str) -> list[h5py.Dataset] | None:
    """Returns the arrays of a layer in their order; `None` if the file does not know the layer."""
    layer = hdf5.find_group(group, name)
    if layer is None:
        return None
    found = []
    for weight_name in hdf5.names(layer, "weight_names"):
        array = hdf5.find_array(layer, weight_name)
        if array is None:
            raise DamagedFileError(
                f"The H5 file names a weight '{weight_name}' of layer '{name}' that it does not hold."
            )
        found.append(array)
    return found


def _fit(
    what: str,
    saved_name: str,
    weights: list[torch.Tensor],
    arrays: list[h5py.Dataset],
    skip_shapes: bool,
    skip_counts: bool,
    origin: Origin | None = None,
    owners: dict[int, Any] | None = None,
) -> list[_Copy]:
    """Pairs the weights of one layer with its arrays, all shapes compared."""
    origin = origin or Origin()
    sources = legacy_arrays.sources(arrays, origin)
    if len(weights) != len(sources):
        message = (
            f"Weight count mismatch for {what}, {saved_name} in the save file. Layer expects {len(weights)} weight(s). "
            f"Received {len(arrays)} saved weight(s)"
        )
        if not skip_counts:
            raise ValueError(f"{message}. No weight has been changed.")
        warnings.warn(f"Skipping loading of weights: {message}", stacklevel=5)
        return []
    copies = []
    homes = [(owners or {}).get(id(weight)) for weight in weights]
    legacy_arrays.fit_cudnn(sources, homes, origin.era)
    for weight, source, home in zip(weights, sources, homes, strict=True):
        if source.dtype.kind == "c" and not weight.is_complex():
            raise ValueError(f"{what}: expected real numbers for '{source.name}'. Found: {source.dtype}")
        legacy_arrays.fit(source, weight, home, origin)
        if tuple(weight.shape) == source.shape:
            copies.append(_Copy(weight, source))
            continue
        message = (
            f"in {what} for weight {_name(weight, source.name)}. Weight expects shape {tuple(weight.shape)}. "
            f"Received saved weight with shape {source.shape}"
        )
        if not skip_shapes:
            raise ValueError(f"Shape mismatch {message}. Pass `skip_mismatch=True` to load the others.")
        warnings.warn(f"Skipping loading weights due to mismatch in shape {message}", stacklevel=5)
    return copies


def _origin(group: h5py.Group) -> Origin:
    """Returns which Keras wrote a file of weights, on what."""
    version, backend = hdf5.text(group, "keras_version"), hdf5.text(group, "backend")
    if version is None and group.name != "/":
        version = hdf5.text(group.file, "keras_version")
    major = (version or "1").partition(".")[0]
    era = int(major) if major.isdigit() else 3
    if backend is None and era == 1:  # Keras 1 does not say, but TensorFlow marks the names of its variables
        groups = [hdf5.find_group(group, layer) for layer in hdf5.names(group, "layer_names")]
        names = [name for found in groups if found is not None for name in hdf5.names(found, "weight_names")]
        backend = "tensorflow" if any(name.endswith(":0") for name in names) else "theano"
    return Origin(era, backend)


def read_optimizer(optimizer: Any, file: h5py.File) -> bool:
    """Loads an optimizer's state where it fits. Returns whether it did."""
    variables = list(optimizer.variables)
    arrays, group = _arrays(file, "optimizer_weights"), hdf5.find_group(file, "optimizer_weights")
    if arrays is None or group is None:
        return False
    names = hdf5.names(group, "weight_names")
    if not any(name.endswith("/iteration") for name in names):  # as Keras 3 calls it
        return legacy_optimizer.restore(optimizer, names, arrays)
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        return False
    for array in arrays:
        hdf5.verify(array)
    with torch.no_grad():
        for variable, array in zip(variables, arrays, strict=True):
            sharded.write(variable, hdf5.read(array))
    return True
