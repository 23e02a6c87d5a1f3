"""Output shapes of any module, found on the meta device: no data, no arithmetic, no trace left on the module."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.core import symbolic, tree
from torchkeras_shim.core.symbolic import KerasTensor

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def infer_output(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
    """Returns the output specs of a module for input specs, as `KerasTensor`s.

    Args:
        module: Any module; its weights, buffers, mode and hooks are left as they are.
        *args: Its inputs, with `KerasTensor`s in the places of tensors.
        **kwargs: Its keyword inputs.

    Returns:
        The structure that the module returns, `KerasTensor`s in the places of tensors.

    Example:
        >>> infer_output(torch.nn.Linear(4, 3), KerasTensor((None, 4))).shape
        (None, 3)
    """
    if any(torch.nn.parameter.is_lazy(p) for p in module.parameters()):
        return _infer_by_running(module, args, kwargs)  # torch's lazy modules take their sizes from real data
    try:
        with _undisturbed(module), _on_meta(module):
            return symbolic.infer(module, args, kwargs)
    except Exception as meta_error:  # whatever a user's module raises on a tensor without data
        try:
            return _infer_by_running(module, args, kwargs)
        except Exception as error:
            raise error from meta_error


def _infer_by_running(module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    """Runs a module that cannot run on meta (it reads values, say) on zeros of the smallest sizes."""
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))

    def zeros(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        shape = [2 if size is None else size for size in leaf.shape]
        return torch.zeros_like(symbolic.meta_tensor(shape, leaf.dtype), device=device)

    def spec(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        dynamic = any(isinstance(x, KerasTensor) and x.shape[:1] == (None,) for x in tree.flatten([list(args), kwargs]))
        # Only the batch dimension is followed here: telling the others apart would need a second run.
        batch = None if dynamic and leaf.ndim and leaf.shape[0] == 2 else leaf.shape[:1]
        shape = leaf.shape if batch is not None else (None, *leaf.shape[1:])
        return KerasTensor(shape, leaf.dtype)

    with _undisturbed(module), torch.no_grad():
        outputs = module(*tree.map_structure(zeros, list(args)), **tree.map_structure(zeros, kwargs))
    return tree.map_structure(spec, outputs)


@contextmanager
def _undisturbed(module: torch.nn.Module) -> Iterator[None]:
    """Switches hooks off and the mode to inference, and puts both back."""
    saved = [(child, child.training, {name: child.__dict__[name] for name in _HOOKS}) for child in module.modules()]
    lazy = torch.nn.modules.lazy.LazyModuleMixin
    try:
        for child, _, hooks in saved:
            child.__dict__["training"] = False
            if not isinstance(child, lazy):
                child.__dict__.update({name: type(value)() for name, value in hooks.items()})
        yield
    finally:
        for child, training, hooks in saved:
            child.__dict__["training"] = training
            if not isinstance(child, lazy):
                child.__dict__.update(hooks)


class _OnMeta(threading.local):
    """The real weights of the modules that are on the meta device now; `None` when none is."""

    saved: list[Any] | None = None


_state = _OnMeta()


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
                table[key] = tensor.detach().to("meta")


def adopt(layer: torch.nn.Module) -> None:
    """Takes in a layer that was built in the middle of a run on meta: its new weights are real ones."""
    if _state.saved is not None:
        for child in layer.modules():
            _swap(child)
