"""The functions of `keras.backend` before Keras 3: arithmetic, shapes and variables.

Most are functions of `keras.ops` under other names; those that differ are written out here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim import ops
from torchkeras_shim.backend import floatx
from torchkeras_shim.compat.legacy.symbolic_shapes import recorded, shape_of, sized, tensor
from torchkeras_shim.compat.tf import arrays
from torchkeras_shim.core import naming
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.variable import Variable

_UNCHANGED = (
    "abs all any cos equal exp greater greater_equal less less_equal log logsumexp max maximum mean min minimum "
    "not_equal prod sigmoid sign sin softmax softplus softsign square squeeze stack std sum "
    "tanh transpose var"
)
#: Functions that only have another name today, or none.
SAME = {**{name: name for name in _UNCHANGED.split()}, "permute_dimensions": "transpose", "pow": "power"}
#: Those whose axis is the last one unless it is given, and was so before.
_BY_AXIS = ("all", "any", "max", "mean", "min", "prod", "std", "sum", "var", "logsumexp")


def _reduction(name: str) -> Callable[..., Any]:
    function = getattr(ops, name)

    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        x = tensor(x)
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
    return ops.multiply(x, 1) if isinstance(x, KerasTensor) else tensor(x) + 0


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
    return ops.dot(tensor(x), tensor(y)) if len(y.shape) > 1 else ops.tensordot(x, y, axes=1)


@recorded
def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """The product of the samples of two batches over an axis of each; of vectors, a column."""
    x, y = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
    if axes is None:
        axes = (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    elif isinstance(axes, int):
        axes = (axes, axes)
    left, right = (axis % rank for axis, rank in zip(axes, (x.ndim, y.ndim), strict=True))
    if 0 in (left, right) or x.shape[left] != y.shape[right]:
        raise ValueError(
            f"Cannot do batch_dot on inputs with shapes {tuple(x.shape)} and {tuple(y.shape)} with "
            f"axes={[left, right]}. The sizes of the two axes must agree, and neither may be that of the samples."
        )
    a, b = x.movedim(left, -1), y.movedim(right, 1)
    rows = a.flatten(1, -2) if a.ndim > 2 else a[:, None]
    columns = b.flatten(2) if b.ndim > 2 else b[..., None]
    product = torch.matmul(rows, columns)
    return product.reshape(x.shape[0], *((*a.shape[1:-1], *b.shape[2:]) or (1,)))


def gather(reference: Any, indices: Any) -> Any:
    """The rows of a tensor."""
    return ops.take(reference, ops.cast(indices, "int32"), axis=0)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Tensors side by side."""
    return ops.concatenate(list(tensors), axis=axis)


def reshape(x: Any, shape: Any) -> Any:
    """The values in another shape."""
    return sized(lambda sizes, x: x.reshape(sizes), shape, tensor(x))


def tile(x: Any, n: Any) -> Any:
    """The tensor several times along each axis."""
    return sized(lambda sizes, x: ops.tile(x, sizes), n, tensor(x))


def slice(x: Any, start: Any, size: Any) -> Any:
    """A part of a tensor, from places on and of a size, in which -1 is all that is left."""
    return ops.slice(x, tuple(start), tuple(size))


def flatten(x: Any) -> Any:
    """The values in one row."""
    return ops.reshape(x, (-1,))


@recorded
def batch_flatten(x: Any) -> Any:
    """The values of each sample in one row."""
    x = ops.convert_to_tensor(x)
    return x.reshape(x.shape[0], -1)


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


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """As many ones as a tensor has values."""
    return ops.ones_like(x, dtype=dtype)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """As many zeros as a tensor has values."""
    return ops.zeros_like(x, dtype=dtype)


def stop_gradient(variables: Any) -> Any:
    """Tensors through which no gradient flows."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(one) for one in variables]
    return ops.stop_gradient(variables)


def eye(size: int, dtype: Any = None, name: str | None = None) -> Any:
    """A variable with ones on the diagonal."""
    return variable(np.eye(size), dtype=dtype, name=name)


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of zeros."""
    return _filled(ops.zeros, shape, dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Any:
    """A variable of ones."""
    return _filled(ops.ones, shape, dtype, name)


def _filled(make: Callable[..., Any], shape: Any, dtype: Any, name: str | None) -> Any:
    """Returns a variable; a tensor if a size is only known when a model runs, as in Keras 2."""
    found = sized(lambda sizes: make(sizes, dtype=dtype or floatx()), shape)
    return found if isinstance(found, KerasTensor) else variable(found, dtype=dtype, name=name)


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Variable:
    """A variable."""
    name = name or f"variable_{naming.get_uid('variable')}"
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
    return shape_of(x) if isinstance(x, KerasTensor) else arrays.shape(x)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape, with `None` for what is not known."""
    return tuple(tensor(x).shape)


def get_variable_shape(x: Any) -> tuple[int | None, ...]:
    """The shape of a variable."""
    return int_shape(x)


def size(x: Any, name: str | None = None) -> Any:
    """The number of values, as a tensor."""
    return ops.prod(ops.convert_to_tensor(tuple(x.shape), "int32")) if None not in x.shape else ops.size(x)


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
    """The values as an array.

    Raises:
        ValueError: If it is a symbolic tensor.
    """
    if isinstance(x, KerasTensor):
        raise ValueError(
            f"A symbolic tensor has no value before its model runs. Received: {x}. Write "
            "`K.function([model.input], [tensor])([array])[0]`."
        )
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


def _own() -> dict[str, Any]:
    written = {
        name: value
        for name, value in globals().items()
        if inspect.isfunction(value) and value.__module__ == __name__ and not name.startswith("_")
    }
    same = {name: _reduction(name) if name in _BY_AXIS else _elementwise(name) for name in SAME if name not in written}
    return {**same, **written, "eval": get_value}


#: The functions, by name.
NAMES: dict[str, Any] = _own()
