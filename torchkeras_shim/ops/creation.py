"""Functions that make tensors of nothing, or of other tensors' shapes. They live on the default device."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor, device_of, promote, result_type

__all__ = [
    "arange",
    "array",
    "copy",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "identity",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "zeros",
    "zeros_like",
]

Shape = int | Sequence[int]


def _place(dtype: Any) -> dict[str, Any]:
    return {"dtype": dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype)), "device": devices.default_device()}


def _sizes(shape: Shape) -> tuple[int, ...]:
    whole = shape if isinstance(shape, (list, tuple)) else np.ravel(as_tensor(shape).numpy(force=True)).tolist()
    return tuple(operator.index(size) for size in whole)


def _working(dtype: torch.dtype) -> torch.dtype:
    """The type to make numbers in: torch makes none of wide unsigned types."""
    return torch.int64 if dtype in (torch.uint16, torch.uint32, torch.uint64) else dtype


def _like(dtype: Any) -> torch.dtype | None:
    return None if dtype is None else dtypes.to_torch_dtype(dtype)


@op
def array(x: Any, dtype: Any = None) -> Any:
    """Returns a tensor of anything that holds numbers (see `convert_to_tensor`).

    Example:
        >>> array([1, 2])
        tensor([1, 2], dtype=torch.int32)
    """
    return as_tensor(x, _like(dtype))


@op
def copy(x: Any) -> Any:
    """Returns a copy.

    Example:
        >>> copy([1.0])
        tensor([1.])
    """
    return as_tensor(x).clone()


def zeros(shape: Shape, dtype: Any = None) -> torch.Tensor:
    """Returns zeros.

    Args:
        shape: The shape.
        dtype: The type, `floatx()` by default.

    Example:
        >>> zeros((2,))
        tensor([0., 0.])
    """
    return torch.zeros(_sizes(shape), **_place(dtype))


def ones(shape: Shape, dtype: Any = None) -> torch.Tensor:
    """Returns ones.

    Args:
        shape: The shape.
        dtype: The type, `floatx()` by default.

    Example:
        >>> ones((2,))
        tensor([1., 1.])
    """
    return torch.ones(_sizes(shape), **_place(dtype))


def empty(shape: Shape, dtype: Any = None) -> torch.Tensor:
    """Returns a tensor whose values are zeros, as Keras on TensorFlow does: never what was in memory before.

    Args:
        shape: The shape.
        dtype: The type, `floatx()` by default.

    Example:
        >>> empty((2,)).shape
        torch.Size([2])
    """
    return torch.zeros(_sizes(shape), **_place(dtype))


@op
def full(shape: Shape, fill_value: Any, dtype: Any = None) -> Any:
    """Returns one value everywhere.

    Args:
        shape: The shape.
        fill_value: A number, or a tensor that broadcasts to the shape.
        dtype: The type, `floatx()` by default.

    Example:
        >>> full((2,), 7)
        tensor([7., 7.])
    """
    place = _place(dtype)
    if isinstance(fill_value, (bool, int, float)):
        return torch.full(_sizes(shape), fill_value, **place)
    return as_tensor(fill_value, **place).expand(_sizes(shape)).clone()


@op
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Returns zeros of a tensor's shape, type and device.

    Example:
        >>> zeros_like([1.0, 2.0])
        tensor([0., 0.])
    """
    return torch.zeros_like(as_tensor(x), dtype=_like(dtype))


@op
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Returns ones of a tensor's shape, type and device.

    Example:
        >>> ones_like([1.0, 2.0])
        tensor([1., 1.])
    """
    return torch.ones_like(as_tensor(x), dtype=_like(dtype))


@op
def empty_like(x: Any, dtype: Any = None) -> Any:
    """Returns a tensor of another one's shape, type and device; its values are zeros.

    Example:
        >>> empty_like([1.0, 2.0]).shape
        torch.Size([2])
    """
    return torch.zeros_like(as_tensor(x), dtype=_like(dtype))


@op
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Returns one value in a tensor's shape, type and device.

    Example:
        >>> full_like([1.0, 2.0], 7)
        tensor([7., 7.])
    """
    x = as_tensor(x)
    if isinstance(fill_value, (bool, int, float)):
        value = int(fill_value) if not (_like(dtype) or x.dtype).is_floating_point else fill_value
        return torch.full_like(x, value, dtype=_like(dtype))
    return as_tensor(fill_value, _like(dtype) or x.dtype, x.device).expand(x.shape).clone()


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> torch.Tensor:
    """Returns evenly spaced numbers, `stop` not included.

    Args:
        start: The first one; the end where `stop` is not given.
        stop: The end.
        step: The distance, 1 by default.
        dtype: The type; by default the arguments', with `int32` and `floatx()` for Python numbers.

    Example:
        >>> arange(3), arange(0, 1, 0.5)
        (tensor([0, 1, 2], dtype=torch.int32), tensor([0.0000, 0.5000]))
    """
    if dtype is None:
        given = [value for value in (start, stop, step) if value is not None]
        dtype = result_type(*(getattr(value, "dtype", type(value)) for value in given))
    if stop is None:
        start, stop = 0, start
    place = _place(dtype)
    numbers = torch.arange(
        start, stop, 1 if step is None else step, dtype=_working(place["dtype"]), device=place["device"]
    )
    return numbers.to(place["dtype"])


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> torch.Tensor:
    """Returns a matrix with ones on a diagonal.

    Args:
        N: The number of rows.
        M: The number of columns, `N` by default.
        k: Which diagonal: above the main one if positive.
        dtype: The type, `floatx()` by default.

    Example:
        >>> eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    place = _place(dtype)
    columns = N if M is None else M
    if k == 0:
        return torch.eye(N, columns, dtype=_working(place["dtype"]), device=place["device"]).to(place["dtype"])
    rows_index = torch.arange(N, device=place["device"]).unsqueeze(1)
    return (torch.arange(columns, device=place["device"]) - rows_index == k).to(place["dtype"])


def identity(n: int, dtype: Any = None) -> torch.Tensor:
    """Returns the identity matrix.

    Example:
        >>> identity(1)
        tensor([[1.]])
    """
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> torch.Tensor:
    """Returns a matrix with ones at and below a diagonal.

    Args:
        N: The number of rows.
        M: The number of columns, `N` by default.
        k: Which diagonal: above the main one if positive.
        dtype: The type, `floatx()` by default.

    Example:
        >>> tri(2)
        tensor([[1., 0.],
                [1., 1.]])
    """
    place = _place(dtype)
    matrix = torch.ones(N, N if M is None else M, dtype=_working(place["dtype"]), device=place["device"])
    return torch.tril(matrix, diagonal=k).to(place["dtype"])


def _type_of(value: Any) -> Any:
    return type(value) if type(value) in (int, float) else as_tensor(value).dtype


def _check_count(num: Any) -> None:
    if operator.index(num) < 0:
        raise ValueError(f"`num` must be a non-negative integer. Received: num={num}")


@op
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Returns numbers at equal distances.

    Args:
        start: The first one, or a tensor of first ones.
        stop: The last one, or a tensor of last ones.
        num: How many.
        endpoint: Whether `stop` itself is the last one.
        retstep: Whether to return the distance too.
        dtype: The type, a float type by default.
        axis: The axis of the numbers, where `start` and `stop` are tensors.

    Raises:
        ValueError: If `num` is negative.

    Example:
        >>> linspace(0, 1, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    _check_count(num)
    natural = result_type(_type_of(start), _type_of(stop), float)
    target = dtypes.to_torch_dtype(natural if dtype is None else dtype)
    working = target if target.is_floating_point else dtypes.to_torch_dtype(result_type(target, float))
    device = device_of(start, stop)
    first, last = as_tensor(start, working, device), as_tensor(stop, working, device)
    first, last = first + torch.zeros_like(last), last + torch.zeros_like(first)
    intervals = num - 1 if endpoint else num
    step = (last - first) / intervals if intervals > 0 else torch.full_like(first, float("nan"))
    shares = torch.arange(num, dtype=working, device=device).reshape([-1] + [1] * first.dim())
    values = first + shares * step if intervals > 0 else first.expand(num, *first.shape)
    if endpoint and num > 1:
        values = torch.cat([values[:-1], last.unsqueeze(0)])  # rounding must not miss the end
    if not target.is_floating_point:
        values = torch.floor(values)
    values = torch.movedim(values, 0, axis).to(target)
    return (values, step) if retstep else values


@op
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10, dtype: Any = None, axis: int = 0
) -> Any:
    """Returns `base` to the power of numbers at equal distances.

    Args:
        start: The first exponent.
        stop: The last exponent.
        num: How many.
        endpoint: Whether the last exponent is included.
        base: The base.
        dtype: The type, a float type by default.
        axis: The axis of the numbers, where `start` and `stop` are tensors.

    Example:
        >>> logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    powers = torch.pow(*reversed(promote(exponents, base)))
    return powers if dtype is None else powers.to(dtypes.to_torch_dtype(dtype))


@op
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Returns numbers each of which is the same multiple of the one before.

    Args:
        start: The first.
        stop: The last, of the same sign.
        num: How many.
        endpoint: Whether `stop` is included.
        dtype: The type, a float type by default.
        axis: The axis of the numbers, where `start` and `stop` are tensors.

    Example:
        >>> geomspace(1, 1000, 4)
        tensor([   1.,   10.,  100., 1000.])
    """
    _check_count(num)
    first, last = promote(start, stop, floating=True)
    result_dtype = first.dtype
    wide = torch.float64 if first.device.type != "mps" else torch.float32
    place = device_of(first, last)
    first, last = first.to(place, wide), last.to(place, wide)
    first, last = first + torch.zeros_like(last), last + torch.zeros_like(first)
    steps = torch.arange(num, dtype=wide, device=place) / max(num - 1 if endpoint else num, 1)
    powers = torch.pow((last / first).unsqueeze(0), steps.reshape([-1] + [1] * first.dim()))
    values = first.unsqueeze(0) * powers
    if endpoint and num > 1:
        values = torch.cat([values[:-1], last.unsqueeze(0)])  # exactly
    values = torch.movedim(values, 0, axis)
    target = result_dtype if dtype is None else dtypes.to_torch_dtype(dtype)
    if not target.is_floating_point:  # whole numbers must not fall short of themselves by a rounding error
        values = values * (1 + 1e-9)
    return values.to(target)


@op
def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """Returns one coordinate tensor per vector.

    Args:
        *x: Vectors.
        indexing: `"xy"` or `"ij"`: whether the first two axes are exchanged.

    Example:
        >>> [grid.shape for grid in meshgrid([1, 2], [3, 4, 5])]
        [torch.Size([3, 2]), torch.Size([3, 2])]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"`indexing` must be 'xy' or 'ij'. Received: indexing={indexing!r}")
    device = device_of(*x)
    vectors = [as_tensor(vector, device=device).reshape(-1) for vector in x]
    swapped = indexing == "xy" and len(vectors) > 1
    places = [1, 0, *range(2, len(vectors))] if swapped else list(range(len(vectors)))
    shape = [0] * len(vectors)
    for place, vector in zip(places, vectors, strict=True):
        shape[place] = vector.shape[0]
    # torch.meshgrid wants one type for all; Keras leaves each vector its own.
    grids = []
    for place, vector in zip(places, vectors, strict=True):
        along = [1] * len(vectors)
        along[place] = -1
        grids.append(vector.reshape(along).expand(shape).clone())
    return grids
