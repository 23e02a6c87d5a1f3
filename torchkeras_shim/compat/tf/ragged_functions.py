"""What functions on tensors do for ragged ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf import arrays, grafts, ragged
from torchkeras_shim.compat.tf.api import FOR_RAGGED, NAMES, holds_ragged
from torchkeras_shim.compat.tf.math import on_flat_values
from torchkeras_shim.compat.tf.shapes import TensorShape, as_sizes
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor


def of_ragged(path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Makes a function answer in place of the one of TensorFlow's name if an argument is ragged."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        FOR_RAGGED[path] = function
        return function

    return enter


@of_ragged("concat")
def _concat(values: Any, axis: Any) -> Any:
    if isinstance(values, RaggedTensor):
        return values
    parts = [convert(one) for one in values]
    return ragged.joined([one if one.ndim == 1 else ragged.rows_of(one) for one in parts], int(axis) % parts[0].ndim)


@of_ragged("stack")
def _stack(values: Any, axis: Any = 0) -> Any:
    return ragged.stack(values, int(axis))


@of_ragged("gather")
def _gather(params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0) -> Any:
    if axis not in (None, batch_dims):
        if batch_dims or isinstance(indices, RaggedTensor) or convert(indices).ndim != 1:
            raise NotImplementedError("tf.gather of ragged tensors along an inner axis takes a vector of indices.")
        place, index = int(axis) % params.ndim, convert(indices)
        if place > 1:
            return params.with_values(NAMES["gather"](params.values, index, axis=place - 1))
        columns = RaggedTensor.from_uniform_row_length(index.repeat(len(params)), len(index), len(params))
        found = _gather(params, columns, batch_dims=1).values
        if isinstance(found, RaggedTensor):
            return RaggedTensor.from_uniform_row_length(found, len(index), len(params))
        return found.reshape(len(params), len(index), *found.shape[1:])
    if batch_dims == 1:
        params, indices = ragged.rows_of(convert(params)), ragged.rows_of(convert(indices))
        starts, lengths = params.row_starts()[indices.value_rowids()], params.row_lengths()[indices.value_rowids()]
        _check_inside(indices.values, lengths)
        return indices.with_values(params.values[(starts + indices.values).to(params.device)])
    if batch_dims:
        raise NotImplementedError("tf.gather of ragged tensors takes batch_dims of 0 or 1.")
    if isinstance(indices, RaggedTensor):
        return indices.with_values(NAMES["gather"](params, indices.values))
    index = convert(indices)
    _check_inside(index, len(params))
    if index.ndim == 0:
        return params[int(index)]
    found = params[index.reshape(-1)]
    for size in reversed(index.shape[1:]):
        found = RaggedTensor.from_uniform_row_length(found, size)
    return found


def _check_inside(index: torch.Tensor, limits: Any) -> None:
    if index.numel() and bool(((index < 0) | (index >= limits)).any()):
        raise InvalidArgumentError(f"indices = {index.tolist()} is not in [0, {limits}) [Op:GatherV2]")


@of_ragged("gather_nd")
def _gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Any:
    if batch_dims or isinstance(indices, RaggedTensor):
        raise NotImplementedError("tf.gather_nd takes ragged `params` with plain indices, and batch_dims=0.")
    index = convert(indices)
    found = [params[tuple(row.tolist())] for row in index.reshape(-1, index.shape[-1])]
    return ragged.stack(found) if index.ndim > 1 else found[0]


@of_ragged("expand_dims")
def _expand_dims(input: Any, axis: Any) -> Any:
    return ragged.with_axis(input, int(axis) % (input.ndim + 1))


@of_ragged("squeeze")
def _squeeze(input: Any, axis: Any = None) -> Any:
    if axis is None:
        raise ValueError("Ragged.squeeze must have an axis argument.")
    for one in sorted((place % input.ndim for place in as_sizes(axis)), reverse=True):
        input = _squeezed(input, one)
    return input


def _squeezed(value: Any, axis: int) -> Any:
    if not isinstance(value, RaggedTensor):
        return arrays.squeeze(value, axis)
    if axis > 1:
        return value.with_values(_squeezed(value.values, axis - 1))
    if (len(value) if axis == 0 else set(value.row_lengths().tolist())) not in (1, {1}, set()):
        raise InvalidArgumentError(f"Cannot squeeze axis {axis} of a ragged tensor of shape {value.shape}.")
    return value.values


@of_ragged("tile")
def _tile(input: Any, multiples: Any) -> Any:
    times = as_sizes(multiples)
    if len(times) != input.ndim:
        raise ValueError(f"Expected one of `multiples` for each of {input.ndim} dimensions. Received: {times}")
    for axis, count in enumerate(times):
        if count != 1:
            input = ragged.joined([input] * count, axis) if count else input[(slice(None),) * axis + (slice(0),)]
    return input


@of_ragged("reverse")
def _reverse(tensor: Any, axis: Any) -> Any:
    for place in as_sizes(axis):
        index = (*(slice(None),) * (place % tensor.ndim), slice(None, None, -1))
        tensor = tensor[index]
    return tensor


@of_ragged("where")
def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return (
            condition.with_flat_values(torch.ones_like(condition.flat_values))
            .to_sparse()
            .indices[condition.flat_values.bool()]
        )
    if isinstance(condition, RaggedTensor):
        return on_flat_values(NAMES["where"], condition, x, y)
    rows = torch.where(convert(condition), torch.arange(len(x)), torch.arange(len(x), 2 * len(x)))
    return ragged.joined([x, y], 0)[rows]


@of_ragged("one_hot")
def _one_hot(indices: Any, depth: Any, *args: Any, axis: Any = None, **kwargs: Any) -> Any:
    if axis not in (None, -1):
        raise ValueError("tf.one_hot of ragged indices takes axis=-1.")
    return on_flat_values(lambda flat: NAMES["one_hot"](flat, depth, *args, **kwargs), indices)


@of_ragged("nn.softmax")
def _softmax(logits: Any, axis: Any = -1) -> Any:
    if axis not in (None, -1, logits.ndim - 1):
        raise ValueError(f"tf.nn.softmax of a ragged tensor takes axis=-1. Received: axis={axis}")
    if logits.flat_values.ndim > 1:
        return on_flat_values(NAMES["nn.softmax"], logits)
    rows = logits
    while isinstance(rows.values, RaggedTensor):
        rows = rows.values
    padded = rows.to_tensor(default_value=-float("inf"))
    inside = torch.arange(padded.shape[1]) < rows.row_lengths()[:, None]
    return logits.with_flat_values(torch.softmax(padded, 1)[inside])


def _value_by_value(path: str) -> Callable[..., Any]:
    """Returns a function that computes with the values of ragged tensors, which have the same rows."""

    def on_values(*args: Any, **kwargs: Any) -> Any:
        given = [*args, *kwargs.values()]
        leaves = [item for one in given for item in (one if isinstance(one, (list, tuple)) else [one])]
        first = next(one for one in leaves if isinstance(one, RaggedTensor))

        def flat(value: Any) -> Any:
            if isinstance(value, (list, tuple)) and holds_ragged(value):
                return [flat(one) for one in value]
            dense = getattr(value, "ndim", 0) > 0
            return first._beside(value) if dense or isinstance(value, RaggedTensor) else value

        values = NAMES[path](*map(flat, args), **{key: flat(value) for key, value in kwargs.items()})
        return first.with_flat_values(values)

    return on_values


for _path in """
    clip_by_value zeros_like ones_like identity equal not_equal greater greater_equal less less_equal add subtract
    multiply divide maximum minimum pow logical_and logical_or math.floordiv math.floormod math.squared_difference
    math.divide_no_nan math.multiply_no_nan math.log_sigmoid add_n nn.dropout strings.join strings.to_number
    strings.as_string strings.substr saturate_cast bitwise.bitwise_and bitwise.bitwise_or bitwise.bitwise_xor
""".split():  # noqa: SIM905
    FOR_RAGGED[_path] = _value_by_value(_path)


@of_ragged("math.reduce_variance")
def _variance(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    mean = NAMES["reduce_mean"]
    squares = mean(input_tensor * input_tensor, axis, keepdims)
    middle = mean(input_tensor, axis, keepdims)
    return squares - middle * middle


@of_ragged("math.reduce_std")
def _deviation(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return NAMES["sqrt"](_variance(input_tensor, axis, keepdims))


@of_ragged("nn.embedding_lookup")
def _embedding_lookup(params: Any, ids: Any, max_norm: float | None = None) -> Any:
    return on_flat_values(lambda flat: NAMES["nn.embedding_lookup"](params, flat, max_norm), ids)


# As attributes ------------------------------------------------------------------------------------------------------


def _shape_of(self: RaggedTensor) -> TensorShape:
    return TensorShape(_plain_shape(self))


_plain_shape = RaggedTensor.shape.fget  # type: ignore[attr-defined]
grafts.add(
    RaggedTensor,
    {"shape": property(_shape_of), "get_shape": lambda self: self.shape},
)
