"""Weights of layers as plain torch parameters, on the same memory or copied."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a weight as a bare `torch.Tensor` on the same memory, outside of autograd."""
    return tensor.detach().as_subclass(torch.Tensor)


class Weights:
    """Makes the parameters and buffers of plain modules.

    Args:
        copy: Whether they get memory of their own. Otherwise they are views: what training changes in one is changed in
            the other.
        device: Where constants go, which are no weights of a layer.

    Example:
        >>> kernel = torch.zeros(2, 3)
        >>> parameter = Weights(copy=False).parameter(kernel, lambda kernel: kernel.t())
        >>> _ = kernel.fill_(1.0)
        >>> parameter.shape, parameter.sum().detach()
        (torch.Size([3, 2]), tensor(6.))
    """

    def __init__(self, copy: bool, device: torch.device | str = "cpu") -> None:
        self.copy = copy
        self.device = device

    def parameter(
        self, weight: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> nn.Parameter:
        """Returns a parameter with the values of a weight, seen through `view`.

        Raises:
            ValueError: If the memory of the weight is laid out so that torch's shape cannot be a view of it.
        """
        return nn.Parameter(self.tensor(weight, view), requires_grad=getattr(weight, "requires_grad", False))

    def tensor(self, weight: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor] | None = None) -> torch.Tensor:
        """Returns a tensor with the values of a weight, seen through `view`: what a buffer is made of."""
        data = plain(weight)
        seen = data if view is None else view(data)
        if self.copy:
            return seen.clone(memory_format=torch.contiguous_format)
        if seen.data_ptr() != data.data_ptr():
            raise ValueError(
                f"The weight {getattr(weight, 'path', 'of shape ' + str(tuple(weight.shape)))} cannot be shared: its "
                "memory does not have the order that torch's module needs. Write `model.to_torch(copy=True)`."
            )
        return seen

    def fill(self, module: nn.Module, **weights: Any) -> nn.Module:
        """Sets parameters of a module: each to a weight, a pair of weight and view, or `None`."""
        for name, given in weights.items():
            weight, view = given if isinstance(given, tuple) else (given, None)
            setattr(module, name, None if weight is None else self.parameter(weight, view))
        return module

    def module(self, module: nn.Module) -> nn.Module:
        """Returns a torch module of the user's, or a copy."""
        if any(key in vars(child) for child in module.modules() for key in _NOTES):
            module = _without_notes(module)
        return copy.deepcopy(module) if self.copy else module


#: What this library notes on torch modules: it would keep their pickles from loading elsewhere.
_NOTES = ("_inbound_nodes",)


def _without_notes(module: nn.Module) -> nn.Module:
    """Returns a module of the same class on the same weights, without what this library has noted on it."""
    clone = nn.Module.__new__(type(module))
    vars(clone).update({key: value for key, value in vars(module).items() if key not in _NOTES})
    children = vars(module)["_modules"].items()
    vars(clone)["_modules"] = {name: child and _without_notes(child) for name, child in children}
    return clone
