"""The functions of `keras.backend` before Keras 3: arithmetic, shapes, variables and random numbers.

Most are functions of `keras.ops` under other names; those that differ are written out here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim import ops, random
from torchkeras_shim.backend import floatx
from torchkeras_shim.compat.tf import arrays
from torchkeras_shim.core.naming import get_uid
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.variable import Variable

_UNCHANGED = (
    "abs all any cos equal exp greater greater_equal less less_equal log logsumexp max maximum mean min minimum "
    "not_equal ones_like prod sigmoid sign sin softmax softplus softsign square squeeze stack std stop_gradient sum "
    "tanh tile transpose var zeros_like"
)
#: Functions that only have another name today, or none.
SAME = {**{name: name for name in _UNCHANGED.split()}, "permute_dimensions": "transpose", "pow": "power"}
#: Those whose axis is the last one unless it is given, and was so before.
_BY_AXIS = ("all", "any", "max", "mean", "min", "prod", "std", "sum", "var", "logsumexp")


def _reduction(name: str) -> Callable[..., Any]:
    function = getattr(ops, name)

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = _tensor(x)
        if isinstance(axis, list):
            axis = tuple(axis)
        if name in ("mean", "std", "var") and ops.dtype(x) == "bool":
            x = ops.cast(x, floatx())
        if name in ("any", "all"):
            x = ops.cast(x, "bool")
        return function(x, axis=axis, keepdims=keepdims)

    reduce.__name__ = name
    return reduce


def _elementwise(name: str) -> Callable[..., Any]:
    function = getattr(ops, SAME[name])
    names = list(inspect.signature(function).parameters)

    def apply(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        renamed = {_OLD_NAMES.get(key, key): value for key, value in kwargs.items()}
        return function(*args, **{key if key in names else _second(names, key): v for key, v in renamed.items()})

    apply.__name__ = name
    return apply


#: What the second argument of functions of two tensors is called today.
_OLD_NAMES = {"pattern": "axes", "n": "repeats", "a": "x2"}


def _second(names: list[str], key: str) -> str:
    return {"x": names[0], "y": names[-1]}.get(key, key)


def _tensor(x: Any) -> Any:
    return x if isinstance(x, (KerasTensor, torch.Tensor)) else ops.convert_to_tensor(x)


def argmax(x: Any, axis: int = -1) -> Any:
    """The index of the largest value."""
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """The index of the smallest value."""
    return ops.argmin(x, axis=axis)


def cumsum(x: Any, axis: int = 0) -> Any:
    """The sums so far."""
    return ops.cumsum(x, axis=axis)


def cumprod(x: Any, axis: int = 0) -> Any:
    """The products so far."""
    return ops.cumprod(x, axis=axis)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """The values with one more axis."""
    return ops.expand_dims(x, axis)


def sqrt(x: Any) -> Any:
    """The square root, of numbers below zero as of zero."""
    return ops.sqrt(ops.maximum(x, 0.0))


def round(x: Any) -> Any:
    """The nearest whole number, an even one for halves."""
    return ops.round(x)


def clip(x: Any, min_value: Any, max_value: Any) -> Any:
    """The values within two limits, each of which may be `None`."""
    low = -np.inf if min_value is None else min_value
    high = np.inf if max_value is None else max_value
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and high < low:
        high = low
    return ops.clip(x, low, high)


def identity(x: Any, name: str | None = None) -> Any:
    """The tensor itself."""
    return ops.multiply(x, 1) if isinstance(x, KerasTensor) else _tensor(x) + 0


def cast(x: Any, dtype: Any) -> Any:
    """The values in another type."""
    return ops.cast(x, dtype)


def cast_to_floatx(x: Any) -> Any:
    """The values in the default type: of an array, an array."""
    if isinstance(x, (torch.Tensor, KerasTensor)):
        return ops.cast(x, floatx())
    return np.asarray(x, dtype=floatx())


def dot(x: Any, y: Any) -> Any:
    """The product of the last axis of `x` with the last but one of `y`."""
    return ops.dot(_tensor(x), _tensor(y)) if len(y.shape) > 1 else ops.tensordot(x, y, axes=1)


def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """The product of the samples of two batches over an axis of each; of vectors, a column."""
    x_rank, y_rank = len(x.shape), len(y.shape)
    if axes is None:
        axes = (x_rank - 1, y_rank - 1 if y_rank == 2 else y_rank - 2)
    elif isinstance(axes, int):
        axes = (axes, axes)
    left, right = (axis % rank for axis, rank in zip(axes, (x_rank, y_rank), strict=True))
    a = ops.moveaxis(x, left, -1)
    b = ops.moveaxis(y, right, 1)
    rows, columns = list(a.shape[1:-1]), list(b.shape[2:])
    size = a.shape[-1]
    product = ops.matmul(
        ops.reshape(a, (-1, int(np.prod(rows)), size)), ops.reshape(b, (-1, size, int(np.prod(columns))))
    )
    return ops.reshape(product, (-1, *(rows + columns or [1])))


def gather(reference: Any, indices: Any) -> Any:
    """The rows of a tensor."""
    return ops.take(reference, ops.cast(indices, "int32"), axis=0)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Tensors side by side."""
    return ops.concatenate(list(tensors), axis=axis)


def reshape(x: Any, shape: Any) -> Any:
    """The values in another shape."""
    return ops.reshape(x, tuple(shape))


def flatten(x: Any) -> Any:
    """The values in one row."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """The values of each sample in one row."""
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:]))))


def repeat(x: Any, n: int) -> Any:
    """A matrix `n` times, along a new second axis."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Any, rep: int, axis: int) -> Any:
    """Each element `rep` times."""
    return ops.repeat(x, rep, axis=axis)


def reverse(x: Any, axes: Any) -> Any:
    """The values in the opposite order along axes."""
    return ops.flip(x, axis=axes if isinstance(axes, int) else tuple(axes))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Any:
    """Numbers from `start` on; from 0 if only one is given."""
    if stop is None:
        start, stop = 0, start
    return ops.arange(start, stop, step, dtype=dtype)


def one_hot(indices: Any, num_classes: int) -> Any:
    """A 1 in the place of each index."""
    return ops.one_hot(ops.cast(indices, "int64"), num_classes, dtype="float32")


def eye(size: int, dtype: Any = None, name: str | None = None) -> Any:
    """A variable with ones on the diagonal."""
    return variable(np.eye(size), dtype=dtype, name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros."""
    return variable(np.zeros(tuple(shape)), dtype=dtype, name=name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones."""
    return variable(np.ones(tuple(shape)), dtype=dtype, name=name)


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable."""
    name = name or f"variable_{get_uid('variable')}"
    found = Variable(np.asarray(get_value(value)), dtype=dtype or floatx(), name=name)
    if constraint is not None:
        found.constraint = constraint
    return found


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = None) -> Any:
    """A tensor of a value; `shape` fills it."""
    found = ops.convert_to_tensor(np.asarray(value), dtype=dtype or floatx())
    if shape is None:
        return found
    return ops.broadcast_to(found, tuple(shape)) if found.ndim == 0 else ops.reshape(found, tuple(shape))


def shape(x: Any) -> Any:
    """The shape, as numbers that compute like a tensor."""
    return arrays.shape(x)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape, with `None` for what is not known."""
    return tuple(_tensor(x).shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """The name of the type."""
    return ops.dtype(x)


def count_params(x: Any) -> int:
    """The number of values."""
    return int(np.prod(x.shape))


def get_value(x: Any) -> Any:
    """The values as an array."""
    return x.detach().numpy(force=True) if isinstance(x, torch.Tensor) else np.asarray(x)


def set_value(x: Any, value: Any) -> None:
    """Gives a variable a value."""
    if not isinstance(x, Variable):
        raise TypeError(
            f"set_value() takes a variable, not {type(x)}. The rate of an optimizer with a schedule or with `decay` is "
            "not one: assign `optimizer.learning_rate = value`, of an optimizer with a number."
        )
    x.assign(np.asarray(value).reshape(tuple(x.shape)))


def batch_get_value(tensors: Sequence[Any]) -> list[Any]:
    """The values of several tensors."""
    return [get_value(tensor) for tensor in tensors]


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    """Gives several variables a value."""
    for target, value in tuples:
        set_value(target, value)


def update_add(x: Any, increment: Any) -> Any:
    """Adds to a variable."""
    return x.assign(x + increment)


def update_sub(x: Any, decrement: Any) -> Any:
    """Subtracts from a variable."""
    return x.assign(x - decrement)


def update(x: Any, new_x: Any) -> Any:
    """Gives a variable a value."""
    return x.assign(new_x)


def moving_average_update(x: Any, value: Any, momentum: float) -> Any:
    """Moves a variable towards a value."""
    return x.assign(x * momentum + _tensor(value) * (1.0 - momentum))


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers."""
    return random.normal(tuple(shape), mean=mean, stddev=stddev, dtype=dtype or floatx(), seed=seed)


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers that are equally likely between two limits."""
    return random.uniform(tuple(shape), minval=minval, maxval=maxval, dtype=dtype or floatx(), seed=seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers within two standard deviations."""
    return random.truncated_normal(tuple(shape), mean=mean, stddev=stddev, dtype=dtype or floatx(), seed=seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """Ones with a probability, and zeros."""
    return ops.cast(random.uniform(tuple(shape), seed=seed) <= p, dtype or floatx())


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of equally likely numbers."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype=dtype, name=name)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of normally distributed numbers."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype=dtype, name=name)


def _own() -> dict[str, Any]:
    written = {
        name: value
        for name, value in globals().items()
        if inspect.isfunction(value) and value.__module__ == __name__ and not name.startswith("_")
    }
    same = {name: _reduction(name) if name in _BY_AXIS else _elementwise(name) for name in SAME if name not in written}
    return {**same, **written, "eval": get_value, "random_binomial": random_bernoulli}


#: The functions, by name.
NAMES: dict[str, Any] = _own()
