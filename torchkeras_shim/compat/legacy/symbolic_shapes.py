"""Sizes of symbolic tensors that are only known when a model runs, and calls that need them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.core.symbolic import KerasTensor, Node, RecordedFunction, is_symbolic, record


class SymbolicSize(KerasTensor):
    """A size of a symbolic tensor that is not known yet: a scalar, which computes like one.

    Args:
        source: The tensor.
        axis: Which of its axes.

    Example:
        >>> SymbolicSize(KerasTensor((None, 4)), 0)
        <size of axis 0 of KerasTensor shape=(None, 4)>
    """

    def __init__(self, source: KerasTensor, axis: int) -> None:
        super().__init__((), "int32")
        self.source, self.axis = source, axis
        Node(RecordedFunction(size_of), (source, axis), {}, self)

    def __repr__(self) -> str:
        return f"<size of axis {self.axis} of KerasTensor shape={self.source.shape}>"


def size_of(x: Any, axis: int) -> Any:
    """Returns a size of a tensor as a tensor."""
    return torch.tensor(x.shape[axis], dtype=torch.int32)


def shape_of(x: KerasTensor) -> tuple[Any, ...]:
    """Returns the shape of a symbolic tensor, with `SymbolicSize`s for what is not known."""
    return tuple(SymbolicSize(x, axis) if size is None else size for axis, size in enumerate(x.shape))


def sized(function: Callable[..., Any], shape: Any, *tensors: Any) -> Any:
    """Calls a function with a shape, which becomes a node of the graph if a size is only known when it runs.

    Args:
        function: A function of a tuple of integers, and of tensors.
        shape: The sizes: integers, tensors of one or `SymbolicSize`s.
        *tensors: What else it is given.
    """
    sizes = list(shape) if not isinstance(shape, (int, torch.Tensor, KerasTensor)) else shape
    if isinstance(sizes, int):
        sizes = [sizes]
    if isinstance(sizes, torch.Tensor):
        sizes = sizes.tolist()
    if isinstance(sizes, KerasTensor) or any(_is_computed(size) for size in sizes):
        raise TypeError(
            f"A shape that is computed from a symbolic tensor's, {shape}, is only known when the model runs. Compute "
            "it in a `Lambda` layer, or use the sizes of `K.shape(x)` as they are."
        )
    sources = [size.source if isinstance(size, SymbolicSize) else None for size in sizes]
    if not any(source is not None for source in sources) and not is_symbolic(tensors):
        return function(tuple(_number(size) for size in sizes), *tensors)
    template = tuple(size.axis if isinstance(size, SymbolicSize) else _number(size) for size in sizes)
    run = functools.partial(_run, function, template)
    functools.update_wrapper(run, function)
    return record(run, (sources, *tensors), {})


def _run(function: Callable[..., Any], template: tuple[int, ...], sources: Sequence[Any], *tensors: Any) -> Any:
    sizes = (one if source is None else source.shape[one] for one, source in zip(template, sources, strict=True))
    return function(tuple(sizes), *tensors)


def _is_computed(size: Any) -> bool:
    return isinstance(size, KerasTensor) and not isinstance(size, SymbolicSize)


def _number(size: Any) -> int:
    return int(size)


def tensor(x: Any) -> Any:
    """Returns an array or a number as a tensor, and a tensor as it is."""
    return x if isinstance(x, (KerasTensor, torch.Tensor)) else ops.convert_to_tensor(x)


def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function of tensors one node of the graph if it is called on symbolic ones."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or is_symbolic(kwargs):
            return record(function, args, kwargs)
        return function(*args, **kwargs)

    return call
