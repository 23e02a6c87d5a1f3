"""Output shapes of any module, found by running it on tensors without data, or on few zeros, without a trace."""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.core import stand_ins, symbolic, tree
from torchkeras_shim.core.device import default_device, random_numbers_kept
from torchkeras_shim.core.sharded import any_sharded, is_sharded
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.core.torch_private import HOOKS, compiler_is_loaded
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers.snapshot import Snapshot

#: How many weights are few enough for a run on real zeros. The first run on meta makes torch import its compiler, more
#: than a second; for what its compiled kernels can do, such as convolutions, it imports sympy only, 0.4 seconds. Later
#: ones take half a millisecond, which zeros take for some ten thousand weights.
_FEW_PARAMETERS = 20_000_000
_FEW_PARAMETERS_OF_LIGHT = 200_000
_FEW_PARAMETERS_LATER = 10_000
#: How large tensors are looked after in a run on meta, where large ones cannot get values of other ones.
_LARGEST_WATCHED = 100_000
#: How many elements a result on the host may have whose shape is found by making it.
_LARGEST_RESULT = 1 << 27


class _Runs(threading.local):
    """The runs of this thread that are open."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []  # what is to be put back after each
        self.saved: list[Any] | None = None  # the real weights of the modules that are on meta now


_state = _Runs()


def infer_output(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
    """Returns the output specs of a module for input specs, as `KerasTensor`s.

    Args:
        module: Any module; its weights, buffers, mode and hooks are left as they are.
        *args: Its inputs, with `KerasTensor`s in the places of tensors.
        **kwargs: Its keyword inputs.

    Returns:
        The structure that the module returns, `KerasTensor`s in the places of tensors.

    Example:
        >>> infer_output(torch.nn.Linear(4, 3), symbolic.KerasTensor((None, 4))).shape
        (None, 3)
    """
    known = {id(child) for child in module.modules() if child.__dict__.get("_build_shape") is not None}
    try:
        return _infer(module, args, kwargs)
    finally:
        if any(leaf.shape[:1] == (None,) for leaf in tree.flatten(args) if isinstance(leaf, symbolic.KerasTensor)):
            _forget_batch(child for child in module.modules() if id(child) not in known)


def kept_spec(layer: Any, inputs: Any) -> symbolic.KerasTensor | None:
    """Returns the output spec of a layer that keeps the shape of its inputs, if that is certain without a run.

    A run costs a few hundred microseconds, and the first one on meta a second for torch's imports; networks for images
    have hundreds of such layers.

    Args:
        layer: A layer whose class says that it keeps shapes.
        inputs: Its input, or the list of its inputs.
    """
    if type(layer) not in PUBLIC_NAMES or "forward" in layer.__dict__:
        return None
    first, *others = inputs if isinstance(inputs, (list, tuple)) else (inputs,)
    if not isinstance(first, symbolic.KerasTensor) or first.dtype != layer.compute_dtype or len(first.shape) < 2:
        return None
    if any(other.shape != first.shape or other.dtype != first.dtype for other in others):
        return None
    if any(one._mask_spec is not None for one in (first, *others)):
        return None
    return symbolic.KerasTensor(first.shape, first.dtype)


def spec_as_said(layer: Any, args: Any, kwargs: Any) -> Any:
    """Returns the output specs of a layer with a `compute_output_shape` of its own.

    That counts where a class of the user's cannot be run without data, as in Keras.

    Args:
        layer: The layer.
        args: Its inputs, `KerasTensor`s.
        kwargs: Its keyword inputs.
    """
    try:
        return infer_output(layer, *args, **kwargs)
    except Exception:  # whatever a user's layer raises on a tensor without data
        if type(layer) in PUBLIC_NAMES or kwargs:
            raise
        shapes = [tree.map_structure(lambda one: getattr(one, "shape", None), given) for given in args]
        return _specs(layer.compute_output_shape(*shapes), layer.compute_dtype)


def _specs(shape: Any, dtype: str) -> Any:
    """Returns a spec for a shape, or for each shape in a list, tuple or dict."""
    if isinstance(shape, dict):
        return {key: _specs(one, dtype) for key, one in shape.items()}
    if any(isinstance(one, (list, tuple, dict)) for one in shape):
        return type(shape)(_specs(one, dtype) for one in shape)
    return symbolic.KerasTensor(tuple(shape), dtype)


def is_open() -> bool:
    """Returns whether a module is run on stand-ins, for its shapes alone."""
    return bool(_state.snapshots)


def check_size(elements: int) -> None:
    """Refuses a result that is out of all proportion to a look at its shape: a file can ask for any length.

    Raises:
        ValueError: If a module is run on stand-ins, and the result would be too large.
    """
    if is_open() and elements > _LARGEST_RESULT:
        raise ValueError(
            f"A result of {elements} elements is too large to look at its shape by making it. Received: two samples."
        )


def _forget_batch(modules: Iterable[torch.nn.Module]) -> None:
    """Takes the stand-in's number of samples out of the shapes that layers were built for on the way."""

    def without(shape: Any) -> Any:
        if isinstance(shape, dict):
            return {key: without(value) for key, value in shape.items()}
        if not isinstance(shape, (list, tuple)) or not shape:
            return shape
        if isinstance(shape[0], (list, tuple, dict)):
            return type(shape)(without(value) for value in shape)
        return type(shape)((None, *shape[1:])) if shape[0] in stand_ins.FIRST_SIZES else shape

    for module in modules:
        if module.__dict__.get("_build_shape") is not None:
            module.__dict__["_build_shape"] = without(module.__dict__["_build_shape"])


def _infer(module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    if any(torch.nn.parameter.is_lazy(parameter) for parameter in module.parameters()):
        return _infer_on_zeros(module, args, kwargs)  # torch's lazy modules take their sizes from real data
    sizes = [getattr(child, name) for child in module.modules() for name in getattr(type(child), "_grows_by", ())]
    small = symbolic.is_small(args, kwargs, sizes)
    if any_sharded(module.parameters()):  # the weights are not here, and nobody gathers them for a look at shapes
        with _undisturbed(module, _LARGEST_WATCHED), torch.random.fork_rng([]), _on_meta(module):
            return symbolic.infer(module, args, kwargs, "meta")
    if small and sum(p.numel() for p in module.parameters()) <= _few_parameters(module):
        # Whatever goes wrong on zeros of two samples goes wrong on meta too, unless the module cannot take so few.
        with contextlib.suppress(Exception):
            return _infer_on_zeros(module, args, kwargs)
    try:
        with _undisturbed(module, _LARGEST_WATCHED), torch.random.fork_rng([]), _on_meta(module):
            return symbolic.infer(module, args, kwargs, "meta")
    except Exception as meta_error:  # whatever a user's module raises on a tensor without data
        if not small and symbolic.is_small(args, kwargs):
            raise  # it asks for more memory than a look at its shape is worth
        try:
            return _infer_on_zeros(module, args, kwargs)
        except Exception as error:
            with contextlib.suppress(Exception), _undisturbed(module, _LARGEST_WATCHED), torch.random.fork_rng([]):
                return _infer_divisible(module, args, kwargs)
            raise error from meta_error


def _infer_divisible(module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    """Runs a module on longer stand-ins for what is not known: a signal may be too short, or not cut equally."""
    with _on_meta(module):
        return symbolic.infer(module, args, kwargs, "meta", stand_ins.DIVISIBLE_SIZES)


def _few_parameters(module: torch.nn.Module) -> int:
    """Returns how many weights a module may have to be run on zeros rather than on meta."""
    light = getattr(module, "_light_on_meta", False)
    if ("sympy" in sys.modules) if light else compiler_is_loaded():
        return _FEW_PARAMETERS_LATER
    return _FEW_PARAMETERS_OF_LIGHT if light else _FEW_PARAMETERS


def _infer_on_zeros(module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    """Runs a module on real zeros."""
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    device = default_device() if first is None else first.device
    with _undisturbed(module), random_numbers_kept(device):
        return symbolic.infer(module, args, kwargs, device)


@contextmanager
def _undisturbed(module: torch.nn.Module, largest: float = math.inf) -> Iterator[None]:
    """Switches hooks off and the mode to inference, and puts both back, with whatever else a run changes.

    Args:
        module: The module.
        largest: The size of the largest tensors to look after.
    """
    snapshot = Snapshot(largest)
    snapshot.add(module)
    _state.snapshots.append(snapshot)
    saved = [
        (child, child.training, {name: child.__dict__[name] for name in HOOKS if name in child.__dict__})
        for child in module.modules()
    ]
    lazy = torch.nn.modules.lazy.LazyModuleMixin
    try:
        for child, _, hooks in saved:
            child.__dict__["training"] = False
            if not isinstance(child, lazy):
                child.__dict__.update({name: type(value)() for name, value in hooks.items()})
        yield
    finally:
        _state.snapshots.pop()
        snapshot.restore()
        for child, training, hooks in saved:
            child.__dict__["training"] = training
            if not isinstance(child, lazy):
                child.__dict__.update(hooks)


@contextmanager
def _on_meta(module: torch.nn.Module) -> Iterator[None]:
    """Puts meta tensors in the places of all weights and buffers, and the real ones back."""
    outer, _state.saved = _state.saved, []
    try:
        for child in module.modules():
            _swap(child)
        yield
    finally:
        for child, parameters, buffers in _state.saved:
            child._parameters.update(parameters)
            child._buffers.update(buffers)
        _state.saved = outer


def _swap(child: torch.nn.Module) -> None:
    assert _state.saved is not None
    _state.saved.append((child, dict(child._parameters), dict(child._buffers)))
    tables: list[Any] = [child._parameters, child._buffers]
    for table in tables:
        for key, tensor in table.items():
            if tensor is not None and tensor.device.type != "meta":
                table[key] = _meta_of(tensor)


def _meta_of(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a tensor without data that is what the given one is: a variable can be assigned to."""
    if is_sharded(tensor):
        data = torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")
    else:
        data = tensor.detach().to("meta")
    if isinstance(tensor, Variable):
        return Variable.wrap(data, like=tensor)
    return torch.nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else data


def adopt(layer: Any) -> None:
    """Takes in a layer that was built in the middle of a run: its new weights are real ones, and stay as they are."""
    for snapshot in _state.snapshots:
        snapshot.add(layer)
    if _state.saved is not None:
        for child in layer.modules():
            _swap(child)
