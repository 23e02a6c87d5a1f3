"""Tensors: what is one, how values become one, and which types go together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import Shape, TensorShape, as_sizes
from torchkeras_shim.core.device import default_device
from torchkeras_shim.core.dtypes import standardize_dtype
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text

_INT32 = torch.iinfo(torch.int32)
#: The operations behind Python's operators, which convert a number before they look at the tensor beside it.
_BY_OPERATORS = ("AddV2", "Sub", "Mul")


class _TensorType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        if isinstance(instance, torch.Tensor):
            return not isinstance(instance, torch.nn.Parameter)
        return isinstance(instance, (KerasTensor, StringTensor))


@public("Tensor")
class Tensor(metaclass=_TensorType):
    """What `isinstance(x, tf.Tensor)` asks for: a torch tensor that is not a weight, or one of strings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("tf.Tensor cannot be called. Write tf.constant(value).")


@tf_op("convert_to_tensor", "python.framework.ops.convert_to_tensor")
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Any:
    """Returns a value as a tensor: Python's floats as float32, its integers as int32, arrays in their own type.

    Raises:
        ValueError: If a tensor of another type than `dtype` is given.
    """
    if isinstance(value, torch.Tensor) and dtype is not None and as_dtype(dtype) != value.dtype:
        raise ValueError(
            f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype "
            f"{standardize_dtype(value.dtype)}: {value!r}. Write tf.cast(x, {as_dtype(dtype)!r})."
        )
    return convert(value, dtype)


def convert(value: Any, dtype: Any = None) -> Any:
    """Returns a value as a tensor; a tensor of another type is cast."""
    if isinstance(value, torch.Tensor):
        return value if dtype is None else value.to(as_dtype(dtype).torch_dtype)
    if isinstance(value, (StringTensor, KerasTensor, RaggedTensor, SparseTensor)):
        return value
    if dtype is not None and as_dtype(dtype) == "string":
        return as_strings(value)
    if isinstance(value, (Shape, TensorShape)):
        wanted = torch.int32 if dtype is None else as_dtype(dtype).torch_dtype
        return torch.tensor(as_sizes(value), dtype=wanted)  # sizes are known to the host
    if isinstance(value, (list, tuple)) and any(
        isinstance(one, (torch.Tensor, StringTensor)) for one in _leaves(value)
    ):
        return _packed(value, dtype)
    if is_text(value):
        if dtype is not None:
            raise TypeError(
                f"Cannot convert {str(value)[:60]!r} to EagerTensor of dtype {as_dtype(dtype).name}. Write "
                f"tf.strings.to_number(x, tf.{as_dtype(dtype).name})."
            )
        return as_strings(value)
    array = _as_array(value, exact=dtype is not None)
    if array.dtype == object:
        raise ValueError(
            "Can't convert non-rectangular Python sequence to Tensor, or one of other objects than numbers and text. "
            f"Received: {str(value)[:100]}. Rows of different lengths go into tf.ragged.constant(...)."
        )
    tensor = torch.from_numpy(np.array(array, copy=True)) if array.dtype != np.uint16 else torch.tensor(array)
    return tensor.to(default_device(), None if dtype is None else as_dtype(dtype).torch_dtype)


def _leaves(value: Any) -> Iterable[Any]:
    for item in value:
        if isinstance(item, (list, tuple)) and not isinstance(item, (Shape, TensorShape)):
            yield from _leaves(item)
        else:
            yield item


def _packed(values: Sequence[Any], dtype: Any) -> Any:
    """Returns nested lists that have tensors in them as one tensor, of the tensors' type."""
    if any(isinstance(one, StringTensor) for one in _leaves(values)):
        return StringTensor.of_bytes(np.array([one.numpy() for one in map(convert, values)], dtype=object))
    first = next(one for one in _leaves(values) if isinstance(one, torch.Tensor))
    wanted = first.dtype if dtype is None else as_dtype(dtype).torch_dtype
    items = [
        _packed(one, wanted)
        if isinstance(one, (list, tuple)) and any(isinstance(leaf, torch.Tensor) for leaf in _leaves(one))
        else convert(one, wanted)
        for one in values
    ]
    return torch.stack([one.to(first.device) for one in items])


def _as_array(value: Any, exact: bool = False) -> np.ndarray:
    """Returns a number, an array or nested lists as an array, with TensorFlow's types for those of Python.

    Args:
        value: What to convert.
        exact: Whether Python's numbers keep all of their digits, because a cast to another type follows.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return np.asarray(value)
    if hasattr(value, "__array__"):
        return np.asarray(value)
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return np.asarray(None, dtype=object)
    if exact or array.dtype == object or any(isinstance(one, (np.ndarray, np.generic)) for one in _first_leaves(value)):
        return array
    if array.dtype == np.int64 and (not array.size or (array.min() >= _INT32.min and array.max() <= _INT32.max)):
        return array.astype(np.int32)
    if array.dtype == np.float64:
        return array.astype(np.float32)
    return array


def _first_leaves(value: Any) -> Iterable[Any]:
    while isinstance(value, (list, tuple)):
        if not value:
            return
        value = value[0]
    yield value


def together(operation: str, *values: Any) -> list[Any]:
    """Returns operands as tensors of one type: numbers, lists and arrays take the type of the first tensor.

    Raises:
        InvalidArgumentError: If two tensors are of different types: TensorFlow promotes none.
        TypeError: If a float of Python stands beside a tensor of integers.
    """
    tensors = [one for one in values if isinstance(one, torch.Tensor)]
    if len(tensors) == len(values):
        first = tensors[0].dtype
        for index, one in enumerate(tensors):
            if one.dtype != first:
                raise _different(operation, index, first, one.dtype)
        return list(values)
    if not tensors:
        converted = [convert(one) for one in values]
        if any(isinstance(one, StringTensor) for one in converted):
            return converted
        strong = [one for one, value in zip(converted, values, strict=True) if hasattr(value, "dtype")]
        wanted = (strong or [one for one in converted if one.is_floating_point()] or converted)[0].dtype
        return [
            one if one.dtype == wanted else convert(value, wanted) for one, value in zip(converted, values, strict=True)
        ]
    first = tensors[0].dtype
    for index, one in enumerate(values):
        if isinstance(one, torch.Tensor) and one.dtype != first:
            raise _different(operation, index, first, one.dtype)
    return [one if isinstance(one, torch.Tensor) else _beside(operation, one, tensors[0]) for one in values]


def _beside(operation: str, value: Any, tensor: torch.Tensor) -> Any:
    if isinstance(value, (KerasTensor, StringTensor)):
        return value
    array = value if isinstance(value, Shape) else _as_array(value, exact=True)
    if (
        not isinstance(array, Shape)
        and array.dtype.kind == "f"
        and not (tensor.is_floating_point() or tensor.is_complex())
    ):
        if operation in _BY_OPERATORS:
            raise _different(operation, 1, tensor.dtype, torch.float32)
        raise TypeError(
            f"Cannot convert {value!r} to EagerTensor of dtype {standardize_dtype(tensor.dtype)}. "
            "Write tf.cast(x, tf.float32) for the tensor beside it."
        )
    return torch.as_tensor(np.asarray(as_sizes(array) if isinstance(array, Shape) else array)).to(
        tensor.device, tensor.dtype
    )


def _different(operation: str, index: int, first: torch.dtype, other: torch.dtype) -> InvalidArgumentError:
    want, have = standardize_dtype(first), standardize_dtype(other)
    return InvalidArgumentError(
        f"cannot compute {operation} as input #{index}(zero-based) was expected to be a {want} tensor but is a {have} "
        f"tensor [Op:{operation}]. TensorFlow does not promote types: write tf.cast(x, tf.{want})."
    )


@public("is_tensor")
def is_tensor(x: Any) -> bool:
    """Returns whether a value is a tensor or a variable."""
    return isinstance(x, (torch.Tensor, KerasTensor, StringTensor, RaggedTensor, SparseTensor))


def like(value: Any) -> Any:
    """Returns one operand as a tensor."""
    return value if isinstance(value, torch.Tensor) else convert(value)
