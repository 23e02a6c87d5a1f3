"""Shaping, joining and cutting tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import Shape, Size, TensorShape, as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like, together
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor

# Shapes ------------------------------------------------------------------------------------------------------------


@public("shape")
def shape(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """The shape, as sizes that compute like a tensor of int32, or a tensor of another `out_type`."""
    if isinstance(input, KerasTensor):
        return tuple(input.shape)
    if not isinstance(input, (torch.Tensor, StringTensor, RaggedTensor, SparseTensor)):
        input = convert(input)
    if isinstance(input, RaggedTensor):
        return TensorShape(input.shape)
    return (
        Shape(input.shape)
        if _is_int32(out_type)
        else torch.tensor(list(input.shape), dtype=as_dtype(out_type).torch_dtype)
    )


@public("size")
def size(input: Any, out_type: Any = "int32", name: str | None = None) -> Any:
    """The number of elements."""
    count = int(np.prod(shape(input.flat_values if isinstance(input, RaggedTensor) else input)))
    return Size(count) if _is_int32(out_type) else torch.tensor(count, dtype=as_dtype(out_type).torch_dtype)


def _is_int32(out_type: Any) -> bool:
    return out_type is None or as_dtype(out_type).name == "int32"


@public("rank")
def rank(input: Any, name: str | None = None) -> Any:
    """The number of dimensions."""
    return Size(len(shape(input)))


@tf_op("reshape")
def reshape(tensor: Any, shape: Any) -> Any:
    """A tensor in another shape; one size may be -1."""
    x = like(tensor)
    return x.reshape(as_sizes(shape))


@tf_op("ensure_shape")
def ensure_shape(x: Any, shape: Any) -> Any:
    """A tensor as it is, if its shape agrees.

    Raises:
        InvalidArgumentError: If it does not.
    """
    x = like(x)
    if not TensorShape(shape).is_compatible_with(x.shape):
        raise InvalidArgumentError(
            f"Shape of tensor {list(x.shape)} is not compatible with expected shape {TensorShape(shape)}."
        )
    return x


@tf_op("squeeze")
def squeeze(input: Any, axis: Any = None) -> Any:
    """A tensor without its dimensions of size 1, or without those that are named."""
    x = like(input)
    if axis is None or (isinstance(axis, (list, tuple)) and not axis):
        return x.reshape([one for one in x.shape if one != 1])
    axes = sorted({one % x.ndim for one in as_sizes(axis)})
    for one in axes:
        if x.shape[one] != 1:
            raise InvalidArgumentError(
                f"Can not squeeze dim[{one}], expected a dimension of 1, got {x.shape[one]} [Op:Squeeze]"
            )
    return x.reshape([size for at, size in enumerate(x.shape) if at not in axes])


@tf_op("expand_dims")
def expand_dims(input: Any, axis: Any) -> Any:
    """A tensor with one more dimension, of size 1."""
    x = like(input)
    at = int(axis)
    if not -x.ndim - 1 <= at <= x.ndim:
        raise InvalidArgumentError(
            f"Tried to expand dim index {at} for tensor with {x.ndim} dimensions. [Op:ExpandDims]"
        )
    sizes = list(x.shape)
    sizes.insert(at if at >= 0 else at + x.ndim + 1, 1)
    return x.reshape(sizes)


@tf_op("transpose")
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    """A tensor with its dimensions in another order, by default the reverse."""
    x = like(a)
    order = list(reversed(range(x.ndim))) if perm is None else as_sizes(perm)
    x = x.permute(order)
    return torch.conj_physical(x) if conjugate and x.is_complex() else x


@tf_op("tile")
def tile(input: Any, multiples: Any) -> Any:
    """A tensor repeated along each of its dimensions."""
    x, times = like(input), as_sizes(multiples)
    if len(times) != x.ndim:
        raise InvalidArgumentError(
            f"Expected multiples argument to be a vector of length {x.ndim} but got length {len(times)} [Op:Tile]"
        )
    return StringTensor.of_bytes(np.tile(x.numpy(), times)) if isinstance(x, StringTensor) else x.repeat(times)


@tf_op("repeat")
def repeat(input: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element, or slice along an axis, repeated."""
    x = like(input)
    times = repeats if isinstance(repeats, int) else like(repeats).long()
    if isinstance(x, StringTensor):
        return StringTensor(np.repeat(x.numpy(), np.asarray(times), axis))
    if axis is None:
        x, axis = x.reshape(-1), 0
    if isinstance(times, torch.Tensor) and times.ndim == 1 and len(times) == 1:
        times = int(times)
    return torch.repeat_interleave(x, times, dim=axis)


@tf_op("broadcast_to")
def broadcast_to(input: Any, shape: Any) -> Any:
    """A tensor in a larger shape."""
    return like(input).expand(as_sizes(shape)).clone()


@public("broadcast_static_shape")
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape of two tensors computed with one another."""
    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


@public("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape of two tensors computed with one another."""
    return Shape(np.broadcast_shapes(tuple(as_sizes(shape_x)), tuple(as_sizes(shape_y))))


@tf_op("meshgrid")
def meshgrid(*args: Any, indexing: str = "xy") -> Any:
    """The coordinates of a grid, one tensor for each axis."""
    return list(torch.meshgrid(*[like(one).reshape(-1) for one in args], indexing=indexing))


@tf_op("reverse")
def reverse(tensor: Any, axis: Any) -> Any:
    """A tensor turned round along axes."""
    x = like(tensor)
    axes = as_sizes(axis)
    return (
        StringTensor.of_bytes(np.flip(x.numpy(), tuple(axes))) if isinstance(x, StringTensor) else torch.flip(x, axes)
    )


@tf_op("roll")
def roll(input: Any, shift: Any, axis: Any) -> Any:
    """A tensor moved along axes; what falls out comes in at the other end."""
    return torch.roll(like(input), as_sizes(shift), as_sizes(axis))


@tf_op("reverse_sequence")
def reverse_sequence(input: Any, seq_lengths: Any, seq_axis: int, batch_axis: int = 0) -> Any:
    """The first elements of each sequence in reverse; those after them stay."""
    x = torch.movedim(like(input), (batch_axis, seq_axis), (0, 1))
    place = torch.arange(x.shape[1], device=x.device)[None]
    lengths = like(seq_lengths).to(x.device)[:, None]
    index = torch.where(place < lengths, lengths - 1 - place, place).long()
    index = index.reshape(*index.shape, *[1] * (x.ndim - 2)).expand_as(x)
    return torch.movedim(torch.gather(x, 1, index), (0, 1), (batch_axis, seq_axis))


# Joining and cutting -------------------------------------------------------------------------------------------------


@tf_op("concat")
def concat(values: Any, axis: Any) -> Any:
    """Tensors of one type, one after the other along an axis."""
    if isinstance(values, (torch.Tensor, StringTensor)):
        return values
    values = list(values)
    if any(isinstance(one, Shape) for one in values) and all(_is_sizes(one) for one in values):
        return Shape([item for one in values for item in one])
    tensors = together("ConcatV2", *values)
    if isinstance(tensors[0], StringTensor):
        return StringTensor.of_bytes(np.concatenate([one.numpy() for one in tensors], int(axis)))
    if tensors[0].ndim == 0:
        raise InvalidArgumentError(
            "ConcatOp : Expected concatenating dimensions in the range [0, 0), but got 0: "
            "scalars are put together by tf.stack."
        )
    return torch.cat(tensors, int(axis))


def _is_sizes(value: Any) -> bool:
    return isinstance(value, (Shape, list, tuple)) and all(isinstance(item, int) for item in value)


@tf_op("stack")
def stack(values: Any, axis: Any = 0) -> Any:
    """Tensors of one type and shape, along a new axis."""
    values = list(values)
    if (
        values
        and all(isinstance(one, Size) or type(one) is int for one in values)
        and any(isinstance(one, Size) for one in values)
    ):
        return Shape(values)
    tensors = together("Pack", *values)
    if isinstance(tensors[0], StringTensor):
        return StringTensor.of_bytes(np.stack([np.asarray(one) for one in tensors], int(axis)))
    return torch.stack(tensors, int(axis))


@tf_op("unstack")
def unstack(value: Any, num: Any = None, axis: Any = 0) -> Any:
    """The slices along an axis, as a list."""
    x = like(value)
    if isinstance(x, StringTensor):
        return list(x)
    if num is not None and int(num) != x.shape[int(axis)]:
        raise ValueError(f"Argument `num` must be the size {x.shape[int(axis)]} of axis {axis}. Received: num={num}")
    return list(torch.unbind(x, int(axis)))


@tf_op("split")
def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: Any = None) -> Any:
    """A tensor cut into a number of equal parts, or into parts of given sizes."""
    x, axis = like(value), int(axis)
    size = x.shape[axis]
    if isinstance(num_or_size_splits, (int, np.integer)) or getattr(num_or_size_splits, "ndim", 1) == 0:
        parts = int(num_or_size_splits)
        if size % parts:
            raise InvalidArgumentError(
                f"Number of ways to split should evenly divide the split dimension, "
                f"but got split_dim {axis} (size = {size}) and num_split {parts} [Op:Split]"
            )
        return list(torch.split(x, size // parts, axis)) if size else [x] * parts
    sizes = as_sizes(num_or_size_splits)
    if -1 in sizes:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    return list(torch.split(x, sizes, axis))


@tf_op("slice")
def slice_(input_: Any, begin: Any, size: Any) -> Any:
    """A part of a tensor: from `begin`, as many as `size` says; -1 is all the rest."""
    x = like(input_)
    return x[tuple(slice(b, None if s == -1 else b + s) for b, s in zip(as_sizes(begin), as_sizes(size), strict=True))]


slice_.__name__ = "slice"


@tf_op("strided_slice")
def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None) -> Any:
    """A part of a tensor: from `begin` to `end` in steps."""
    x, begin, end = like(input_), as_sizes(begin), as_sizes(end)
    steps = [1] * len(begin) if strides is None else as_sizes(strides)
    return x[tuple(slice(b, e, s) for b, e, s in zip(begin, end, steps, strict=True))]
