"""`tf.reduce_*`, cumulative sums, where the extremes are, and counts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.segments import in_segments
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.row_splits import of_lengths


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """Returns axes in any form as a tuple of those from 0; `None` is all of them."""
    if axis is None:
        return tuple(range(rank))
    if isinstance(axis, torch.Tensor):
        axis = axis.tolist()
    axes = tuple(int(one) for one in axis) if isinstance(axis, (list, tuple, range)) else (int(axis),)
    for one in axes:
        if not -rank <= one < max(rank, 1):
            raise InvalidArgumentError(f"Invalid reduction dimension ({one} for input with {rank} dimension(s)")
    return tuple(one % rank if rank else one for one in axes)


def _numbers(x: Any, operation: str) -> Any:
    x = like(x)
    if x.dtype == torch.bool:
        raise InvalidArgumentError(
            f"Value for attr 'T' of bool is not in the list of allowed values of {operation}. "
            "Write tf.cast(x, tf.int32)."
        )
    return x


def _of_ragged(mode: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a reduction take ragged tensors, too: row by row, down the columns, inside the values, or of everything."""

    def enter(reduce: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(reduce)
        def call(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
            if not isinstance(input_tensor, RaggedTensor):
                return reduce(input_tensor, axis, keepdims)
            return _reduce_ragged(input_tensor, axis, mode, reduce, keepdims)

        return call

    return enter


def _reduce_ragged(x: Any, axis: Any, mode: str, reduce: Callable[..., Any], keepdims: bool) -> Any:
    if axis is None:
        if keepdims:
            raise NotImplementedError("keepdims=True of a whole ragged tensor is not supported. Name the axes.")
        return reduce(x.flat_values)
    axes = sorted(axes_of(axis, x.ndim), reverse=True)
    if mode == "mean" and len(axes) > 1:
        ones = x.with_flat_values(torch.ones_like(x.flat_values))
        total, count = (_reduce_ragged(one, axes, "sum", reduce_sum, keepdims) for one in (x, ones))
        return total / count
    for one in axes:
        x = _along(x, one, mode, reduce, keepdims)
    return x


def _along(x: Any, place: int, mode: str, reduce: Callable[..., Any], keepdims: bool) -> Any:
    """Returns what a reduction along one axis gives, of a tensor or a ragged one."""
    if not isinstance(x, RaggedTensor):
        return reduce(x, place, keepdims)
    if place > 1:
        return x.with_values(_along(x.values, place - 1, mode, reduce, keepdims))
    groups, count = x.value_rowids().long(), len(x)
    if place == 0:
        groups = torch.arange(len(groups)) - x.row_starts()[groups]
        count = int(groups.max()) + 1 if len(groups) else 0
    found = _in_groups(x.values, groups, count, mode)
    if not keepdims:
        return found
    if not isinstance(found, RaggedTensor):
        return found.unsqueeze(place)
    return RaggedTensor.from_uniform_row_length(found, *((len(found), 1) if place == 0 else (1, len(found))))


def _in_groups(values: Any, groups: torch.Tensor, count: int, mode: str) -> Any:
    """Returns what a reduction makes of values of each group; of rows, what it makes of what stands at one place."""
    if not isinstance(values, RaggedTensor):
        return _reduced(values, groups, count, mode)
    lengths = torch.zeros(count, dtype=torch.int64).scatter_reduce(0, groups, values.row_lengths().long(), "amax")
    splits = of_lengths(lengths)
    rows = values.value_rowids().long()
    inside = torch.arange(len(rows)) - values.row_starts()[rows]
    return RaggedTensor(_in_groups(values.values, splits[groups[rows]] + inside, int(splits[-1]), mode), splits)


def _reduced(values: torch.Tensor, groups: torch.Tensor, count: int, mode: str) -> torch.Tensor:
    if mode in ("all", "any"):
        how = "min" if mode == "all" else "max"
        found = in_segments(values.to(torch.int32), groups, count, how, empty_zero=False)
        return (found.clamp(0, 1) if mode == "all" else found.clamp(0)).bool()
    if mode == "mean" and not values.is_floating_point():
        values = values.to(torch.float64)  # TensorFlow divides the sum of a row by its length
    result = in_segments(values, groups, count, mode, empty_zero=False)
    if mode == "mean":
        lengths = torch.bincount(groups, minlength=count).reshape(-1, *[1] * (values.ndim - 1))
        result = torch.where(lengths > 0, result, float("nan"))
    return result


@tf_op("reduce_sum", "math.reduce_sum")
@_of_ragged("sum")
def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum along axes, in the tensor's own type."""
    x = _numbers(input_tensor, "Sum")
    axes = axes_of(axis, x.ndim)
    return torch.sum(x, dim=axes, keepdim=keepdims, dtype=x.dtype) if axes else x


@tf_op("reduce_mean", "math.reduce_mean")
@_of_ragged("mean")
def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean along axes; of integers it is an integer, cut toward zero."""
    x = _numbers(input_tensor, "Mean")
    axes = axes_of(axis, x.ndim)
    if not axes:
        return x
    if x.is_floating_point() or x.is_complex():
        return torch.mean(x, dim=axes, keepdim=keepdims)
    total = torch.sum(x, dim=axes, keepdim=keepdims, dtype=torch.int64)
    count = max(x.numel() // max(total.numel(), 1), 1)
    return torch.div(total, count, rounding_mode="trunc").to(x.dtype)


@tf_op("reduce_prod", "math.reduce_prod")
@_of_ragged("prod")
def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product along axes, in the tensor's own type."""
    x = _numbers(input_tensor, "Prod")
    for one in sorted(axes_of(axis, x.ndim), reverse=True):
        x = torch.prod(x, dim=one, keepdim=keepdims, dtype=x.dtype)
    return x


def _extreme(x: torch.Tensor, axis: Any, keepdims: bool, lowest: bool) -> torch.Tensor:
    axes = axes_of(axis, x.ndim)
    if not axes:
        return x
    if any(x.shape[one] == 0 for one in axes):
        shape = [1 if at in axes else size for at, size in enumerate(x.shape) if keepdims or at not in axes]
        if x.is_floating_point():
            return torch.full(shape, float("inf") if lowest else -float("inf"), dtype=x.dtype, device=x.device)
        return torch.full(
            shape, as_dtype(x.dtype).max if lowest else as_dtype(x.dtype).min, dtype=x.dtype, device=x.device
        )
    return (torch.amin if lowest else torch.amax)(x, dim=axes, keepdim=keepdims)


@tf_op("reduce_max", "math.reduce_max")
@_of_ragged("max")
def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest value along axes; equal ones share the gradient."""
    return _extreme(_numbers(input_tensor, "Max"), axis, keepdims, lowest=False)


@tf_op("reduce_min", "math.reduce_min")
@_of_ragged("min")
def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest value along axes; equal ones share the gradient."""
    return _extreme(_numbers(input_tensor, "Min"), axis, keepdims, lowest=True)


def _logical(function: Callable[..., torch.Tensor], x: Any, axis: Any, keepdims: bool) -> torch.Tensor:
    x = like(x)
    if x.dtype != torch.bool:
        raise InvalidArgumentError(
            f"cannot compute All/Any as input #0(zero-based) was expected to be a bool tensor but is a "
            f"{as_dtype(x.dtype).name} tensor. Write tf.cast(x, tf.bool)."
        )
    axes = axes_of(axis, x.ndim)
    return function(x, dim=axes, keepdim=keepdims) if axes else x


@tf_op("reduce_all", "math.reduce_all")
@_of_ragged("all")
def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all are true along axes."""
    return _logical(torch.all, input_tensor, axis, keepdims)


@tf_op("reduce_any", "math.reduce_any")
@_of_ragged("any")
def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any is true along axes."""
    return _logical(torch.any, input_tensor, axis, keepdims)


@tf_op("math.reduce_variance")
def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The variance of the population along axes."""
    x = _floats(input_tensor)
    axes = axes_of(axis, x.ndim)
    mean = torch.mean(x, dim=axes, keepdim=True) if axes else x
    squares = torch.square(torch.abs(x - mean))
    return torch.mean(squares, dim=axes, keepdim=keepdims) if axes else squares


@tf_op("math.reduce_std")
def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The standard deviation of the population along axes."""
    return torch.sqrt(reduce_variance(input_tensor, axis, keepdims))


@tf_op("math.reduce_euclidean_norm")
def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of the sum of squares along axes."""
    x = like(input_tensor)
    total = torch.sum(torch.square(torch.abs(x)), dim=axes_of(axis, x.ndim), keepdim=keepdims)
    return torch.sqrt(total.to(torch.float64)).to(x.dtype) if not x.is_floating_point() else torch.sqrt(total)


@tf_op("reduce_logsumexp", "math.reduce_logsumexp")
def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The logarithm of the sum of exponentials along axes."""
    x = _floats(input_tensor)
    return torch.logsumexp(x, dim=axes_of(axis, x.ndim), keepdim=keepdims) if x.ndim else x


def _floats(x: Any) -> Any:
    x = like(x)
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(
            f"Input must be either real or complex. Received integer type {as_dtype(x.dtype)}. "
            "Write tf.cast(x, tf.float32)."
        )
    return x


@tf_op("math.count_nonzero")
def count_nonzero(input: Any, axis: Any = None, keepdims: bool | None = None, dtype: Any = "int64") -> Any:
    """How many are not zero along axes."""
    x = like(input)
    return torch.sum(x != 0, dim=axes_of(axis, x.ndim), keepdim=bool(keepdims)).to(as_dtype(dtype).torch_dtype)


@tf_op("math.zero_fraction", "nn.zero_fraction")
def zero_fraction(value: Any) -> Any:
    """The share of zeros."""
    return torch.mean((like(value) == 0).to(torch.float32))


def _position(x: Any, axis: Any, output_type: Any, largest: bool) -> torch.Tensor:
    x = like(x)
    x = x.to(torch.int32) if x.dtype == torch.bool else x
    found = (torch.argmax if largest else torch.argmin)(x, dim=0 if axis is None else int(axis))
    return found.to(as_dtype(output_type).torch_dtype)


@tf_op("argmax", "math.argmax")
def argmax(input: Any, axis: Any = None, output_type: Any = "int64") -> Any:
    """Where the largest value is along one axis, the first by default; the first of equal ones."""
    return _position(input, axis, output_type, largest=True)


@tf_op("argmin", "math.argmin")
def argmin(input: Any, axis: Any = None, output_type: Any = "int64") -> Any:
    """Where the smallest value is along one axis, the first by default; the first of equal ones."""
    return _position(input, axis, output_type, largest=False)


def _accumulated(
    function: Callable[..., torch.Tensor], x: Any, axis: Any, exclusive: bool, reverse: bool, start: float
) -> Any:
    x = like(x)
    axis = int(axis)
    x = torch.flip(x, (axis,)) if reverse else x
    result = function(x, axis).to(x.dtype)
    if exclusive:
        first = torch.full_like(result.narrow(axis, 0, 1), start)
        result = torch.cat([first, result.narrow(axis, 0, result.shape[axis] - 1)], axis)
    return torch.flip(result, (axis,)) if reverse else result


@tf_op("cumsum", "math.cumsum")
def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Sums of all before, along one axis."""
    return _accumulated(torch.cumsum, x, axis, exclusive, reverse, 0.0)


@tf_op("math.cumprod")
def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Products of all before, along one axis."""
    return _accumulated(torch.cumprod, x, axis, exclusive, reverse, 1.0)


@tf_op("math.cumulative_logsumexp")
def cumulative_logsumexp(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """The logarithms of sums of exponentials of all before, along one axis."""
    return _accumulated(torch.logcumsumexp, x, axis, exclusive, reverse, -float("inf"))


@tf_op("math.bincount")
def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    axis: Any = None,
    binary_output: bool = False,
) -> Any:
    """How often each integer occurs, or the sum of its weights."""
    x = like(arr.values if isinstance(arr, RaggedTensor) else arr)
    if axis not in (None, 0, -1) or (axis == -1 and x.ndim > 2):
        raise InvalidArgumentError(f"bincount along axis={axis} of a tensor of rank {x.ndim} is not supported.")
    if axis == -1 and x.ndim == 2:
        size = int(x.max()) + 1 if minlength is None else max(int(minlength), int(x.max()) + 1)
        size = size if maxlength is None else min(size, int(maxlength))
        return torch.stack([bincount(row, None, size, size, dtype, None, binary_output) for row in x])
    flat = x.reshape(-1).long()
    w = None if weights is None else like(weights).reshape(-1)
    if maxlength is not None:
        inside = flat < int(maxlength)
        flat, w = flat[inside], None if w is None else w[inside]
    counts = torch.bincount(flat, w, 0 if minlength is None else int(minlength))
    if binary_output:
        counts = (counts > 0).to(counts.dtype)
    return counts.to(as_dtype(dtype).torch_dtype if w is None else w.dtype)


@tf_op("math.confusion_matrix")
def confusion_matrix(
    labels: Any, predictions: Any, num_classes: Any = None, weights: Any = None, dtype: Any = "int32"
) -> Any:
    """How often each label (a row) was predicted as each class (a column)."""
    y, p = like(labels).reshape(-1).long(), like(predictions).reshape(-1).long()
    size = int(num_classes) if num_classes is not None else int(torch.maximum(y.max(), p.max())) + 1
    wanted = as_dtype(dtype).torch_dtype
    ones = torch.ones_like(y, dtype=wanted) if weights is None else like(weights).reshape(-1).to(wanted)
    flat = torch.zeros(size * size, dtype=wanted, device=y.device)
    return flat.index_add(0, y * size + p, ones).reshape(size, size)


@tf_op("histogram_fixed_width_bins")
def histogram_fixed_width_bins(values: Any, value_range: Any, nbins: Any = 100, dtype: Any = "int32") -> Any:
    """Which of bins of one width each value falls into; what lies outside counts in the first or last."""
    x, bounds = like(values), like(value_range)
    place = torch.floor((x - bounds[0]) / (bounds[1] - bounds[0]) * int(nbins)).long().clamp(0, int(nbins) - 1)
    return place.to(as_dtype(dtype).torch_dtype)


@tf_op("histogram_fixed_width")
def histogram_fixed_width(values: Any, value_range: Any, nbins: Any = 100, dtype: Any = "int32") -> Any:
    """How many values fall into each of bins of one width; what lies outside counts in the first or last."""
    place = histogram_fixed_width_bins(values, value_range, nbins, "int64").reshape(-1)
    return torch.bincount(place, minlength=int(nbins)).to(as_dtype(dtype).torch_dtype)


@tf_op("math.l2_normalize", "nn.l2_normalize", "linalg.l2_normalize")
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    """A tensor divided by its norm along axes; zeros stay zeros."""
    x = like(x)
    total = torch.sum(torch.square(torch.abs(x)), dim=axes_of(axis, x.ndim), keepdim=True)
    return x * torch.rsqrt(torch.clamp(total, min=epsilon))
