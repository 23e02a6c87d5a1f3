"""Tensors in and out: conversion, types, shapes, and writing into a part of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.errors import AxisError
from torchkeras_shim.core.symbolic import KerasTensor, op
from torchkeras_shim.ops.promotion import as_tensor, device_of
from torchkeras_shim.ops.value_dependent import with_spec

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "dtype",
    "is_tensor",
    "saturate_cast",
    "scatter",
    "scatter_update",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "unstack",
]

_slice = slice  # the builtin, which the function below hides


@op
def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """Returns a tensor of anything that holds numbers.

    Tensors and variables come back as they are. Everything else goes to the default device; arrays keep their type,
    Python numbers become `float32` or `int32`.

    Args:
        x: A tensor, variable, numpy array, number, or nested lists of them.
        dtype: The type to convert to.
        sparse: Only `None` and `False`: there are no sparse tensors here.
        ragged: Only `None` and `False`: there are no ragged tensors here.

    Raises:
        ValueError: If `sparse=True` or `ragged=True`.
        TypeError: If it is text, or objects that hold no numbers.

    Example:
        >>> convert_to_tensor([1, 2], dtype="float32")
        tensor([1., 2.])
    """
    if sparse or ragged:
        raise ValueError(f"Sparse and ragged tensors are not supported. Received: sparse={sparse}, ragged={ragged}")
    if dtype is None:
        return x if isinstance(x, torch.Tensor) else as_tensor(x)
    return as_tensor(x, dtypes.to_torch_dtype(dtype))


def convert_to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """Returns a numpy array of a tensor, wherever it lives and whether or not it takes gradients.

    Args:
        x: A tensor, variable, array, number or list.

    Example:
        >>> convert_to_numpy(convert_to_tensor([1, 2]))
        array([1, 2], dtype=int32)
    """
    if isinstance(x, torch.Tensor):
        x = x.detach()
        return np.array((x.float() if x.dtype == torch.bfloat16 else x).numpy(force=True))
    if isinstance(x, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in x):
        return np.stack([convert_to_numpy(item) for item in x])
    return np.array(x)


def is_tensor(x: Any) -> bool:
    """Returns whether something is a tensor or variable with values (a `KerasTensor` has none).

    Example:
        >>> is_tensor(convert_to_tensor(1.0)), is_tensor(1.0)
        (True, False)
    """
    return isinstance(x, torch.Tensor)


def shape(x: Any) -> tuple[int | None, ...]:
    """Returns the shape as a tuple, with `None` for dimensions that a symbolic tensor does not know.

    Example:
        >>> shape([[1, 2, 3]])
        (1, 3)
    """
    if isinstance(x, KerasTensor):
        return x.shape
    return tuple(as_tensor(x).shape)


def dtype(x: Any) -> str:
    """Returns Keras's name of the type of a tensor.

    Example:
        >>> dtype([1.0])
        'float32'
    """
    return x.dtype if isinstance(x, KerasTensor) else dtypes.standardize_dtype(as_tensor(x).dtype)


@op
def cast(x: Any, dtype: Any) -> Any:
    """Converts to another type; floats lose their fraction on the way to integers.

    Args:
        x: A tensor or anything that becomes one.
        dtype: The type.

    Example:
        >>> cast([1.7, -1.7], "int32")
        tensor([ 1, -1], dtype=torch.int32)
    """
    return as_tensor(x).to(dtypes.to_torch_dtype(dtype))


@op
def saturate_cast(x: Any, dtype: Any) -> Any:
    """Converts to another type, values outside its range becoming its nearest bound.

    Example:
        >>> saturate_cast([300.0, -3.0], "uint8")
        tensor([255,   0], dtype=torch.uint8)
    """
    x, target = as_tensor(x), dtypes.to_torch_dtype(dtype)
    if target == torch.bool:
        return x.clamp(0, 1).to(target)
    if target.is_complex or x.dtype == torch.bool:
        return x.to(target)
    bounds = torch.finfo(target) if target.is_floating_point else torch.iinfo(target)
    own = torch.finfo(x.dtype) if x.is_floating_point() else torch.iinfo(x.dtype)
    low, high = max(bounds.min, own.min), min(bounds.max, own.max)
    if x.is_floating_point() and not target.is_floating_point and high > 2**24:
        high = _largest_below(high, x.dtype)
    return torch.clamp(x, low, high).to(target)


def _largest_below(bound: int | float, float_dtype: torch.dtype) -> float:
    """The largest float that is not above an integer bound: 2**31 - 1 itself is not a float32."""
    value = torch.tensor(float(bound), dtype=float_dtype, device="cpu")
    if float(value) > bound - 1:
        value = torch.nextafter(value.float(), torch.tensor(0.0, device="cpu")).to(float_dtype)
    return float(value)


@op
def stop_gradient(variable: Any) -> Any:
    """Returns the same values, through which no gradient flows.

    Example:
        >>> stop_gradient(torch.ones(1, requires_grad=True)).requires_grad
        False
    """
    return as_tensor(variable).detach()


def _unstack_spec(x: Any, num: int | None = None, axis: int = 0) -> Any:
    rank = len(x.shape)
    if not -rank <= axis < rank:
        raise AxisError(f"axis {axis} is out of bounds for an array with dimension {rank}. Received: x.shape={x.shape}")
    size = x.shape[axis] if num is None else num
    if size is None:
        raise ValueError(f"Cannot infer argument `num` from shape {x.shape}. Write `unstack(x, num=..., axis={axis})`.")
    if x.shape[axis] not in (None, size):
        raise ValueError(f"`num` must be the size of axis {axis}, {x.shape[axis]}. Received: num={num}")
    rest = [one for i, one in enumerate(x.shape) if i != axis % rank]
    return [KerasTensor(rest, x.dtype) for _ in range(size)]


@with_spec(_unstack_spec)
def unstack(x: Any, num: int | None = None, axis: int = 0) -> Any:
    """Returns the list of the slices along an axis.

    Args:
        x: A tensor.
        num: How many slices there are; checked if given.
        axis: The axis, which the slices no longer have.

    Raises:
        ValueError: If `num` is not the size of that axis.

    Example:
        >>> unstack([[1, 2], [3, 4]])
        [tensor([1, 2], dtype=torch.int32), tensor([3, 4], dtype=torch.int32)]
    """
    x = as_tensor(x)
    if num is not None and num != x.shape[axis]:
        raise ValueError(f"`num` must be the size of axis {axis}, {x.shape[axis]}. Received: num={num}")
    return list(torch.unbind(x, dim=axis))


@op
def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Any:
    """Returns the block of a tensor that starts at some indices.

    Args:
        inputs: A tensor.
        start_indices: One index per dimension.
        shape: The block's shape; `-1` reaches to the end.

    Example:
        >>> slice([[1, 2, 3], [4, 5, 6]], (0, 1), (2, 2))
        tensor([[2, 3],
                [5, 6]], dtype=torch.int32)
    """
    inputs = as_tensor(inputs)
    if not len(start_indices) == len(shape) == inputs.dim():
        raise ValueError(
            f"The dimensions in `inputs` must match the dimensions in `start_indices` and the dimensions in `shape`. "
            f"Received: inputs.shape={tuple(inputs.shape)}, start_indices={start_indices}, shape={shape}"
        )
    starts = [int(start) for start in start_indices]
    ends = [inputs.shape[i] if n == -1 else starts[i] + int(n) for i, n in enumerate(shape)]
    for axis, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if start < 0 or end > inputs.shape[axis]:
            raise ValueError(
                f"The slice {start}:{end} leaves axis {axis} of size {inputs.shape[axis]}. "
                f"Received: start_indices={tuple(starts)}, shape={tuple(shape)}, inputs.shape={tuple(inputs.shape)}"
            )
    return inputs[tuple(_slice(start, end) for start, end in zip(starts, ends, strict=True))]


@op
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """Returns a copy of a tensor with a block replaced.

    Args:
        inputs: A tensor.
        start_indices: Where the block starts, one index per dimension; a block that would leave the tensor is moved
            back inside.
        updates: The block.

    Example:
        >>> slice_update([1, 2, 3], [1], [9])
        tensor([1, 9, 3], dtype=torch.int32)
    """
    inputs = as_tensor(inputs)
    updates = as_tensor(updates, device=inputs.device).to(inputs.dtype)
    result = inputs.clone()
    # A block that would leave the tensor is moved back inside.
    starts = [
        max(0, min(int(start), size - n))
        for start, size, n in zip(start_indices, inputs.shape, updates.shape, strict=True)
    ]
    result[tuple(_slice(start, start + n) for start, n in zip(starts, updates.shape, strict=True))] = updates
    return result


@op
def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Any:
    """Returns zeros with values added at some positions; values of equal positions add up.

    Args:
        indices: Integers of shape `(n, k)`: each row leads `k` dimensions deep into the result.
        values: `n` values, or blocks of the remaining dimensions.
        shape: The result's shape.

    Example:
        >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,))
        tensor([1., 0., 5., 0.])
    """
    device = device_of(indices, values)
    indices, values = as_tensor(indices, torch.int64, device), as_tensor(values, device=device)
    zeros = torch.zeros(tuple(shape), dtype=values.dtype, device=values.device)
    return zeros.index_put(torch.unbind(indices, dim=-1), values, accumulate=True)


@op
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """Returns a copy of a tensor with values written at some positions.

    Args:
        inputs: A tensor.
        indices: Integers of shape `(n, k)`: each row leads `k` dimensions deep into `inputs`.
        updates: `n` values, or blocks of the remaining dimensions.
        reduction: How they meet what is there: `None` replaces; `"add"`, `"max"`, `"min"`, `"mul"`.

    Raises:
        ValueError: If the reduction is anything else.

    Example:
        >>> scatter_update([1.0, 2.0], [[1], [1]], [5.0, 6.0], reduction="add")
        tensor([ 1., 13.])
    """
    inputs = as_tensor(inputs)
    indices = as_tensor(indices, torch.int64, inputs.device)
    updates = as_tensor(updates, device=inputs.device).to(inputs.dtype)
    positions = torch.unbind(indices, dim=-1)
    if reduction is None:
        return inputs.index_put(positions, updates)
    if reduction == "add":
        return inputs.index_put(positions, updates, accumulate=True)
    reductions = {"max": "amax", "min": "amin", "mul": "prod"}
    if reduction not in reductions:
        raise ValueError(f"`reduction` must be None, 'add', 'max', 'min' or 'mul'. Received: reduction={reduction!r}")
    # torch reduces along one dimension only: the indexed ones become one.
    depth = indices.shape[-1]
    flat = inputs.reshape(-1, *inputs.shape[depth:])
    rows = torch.zeros_like(positions[0])
    for position, size in zip(positions, inputs.shape[:depth], strict=True):
        rows = rows * size + torch.where(position < 0, position + size, position)
    blocks = updates.reshape(-1, *inputs.shape[depth:])
    index = rows.reshape([-1] + [1] * (blocks.dim() - 1)).expand_as(blocks)
    result = flat.scatter_reduce(0, index, blocks, reductions[reduction])
    return result.reshape(inputs.shape)
