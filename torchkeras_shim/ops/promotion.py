"""What every operation does with its arguments first: make tensors of them, of one type, on one device.

The type rules are Keras's: integers of any width give way to any float, Python numbers are weak (they never widen a
tensor's type), and integers enter float functions as `floatx()`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core import device as devices

_WEAK_INT, _WEAK_FLOAT = "int", "float"
_SIGNED = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
_UNSIGNED = {"uint8": 8, "uint16": 16, "uint32": 32, "uint64": 64}
_FLOATS = {"bfloat16": 16, "float16": 16, "float32": 32, "float64": 64}
#: Types that no result has: Keras computes these in the narrower one.
_NARROWED = {"uint64": "uint32", "complex128": "complex64"}


def result_type(*types: Any) -> str:
    """Returns the type of a result of arguments of the given types.

    Args:
        *types: Type names, `torch.dtype`s, or the Python types `int` and `float`, which stand for plain numbers.

    Example:
        >>> result_type("int32", "float16"), result_type("int8", int), result_type("int64", float)
        ('float16', 'int8', 'float32')
    """
    if not types:
        return config.floatx()
    names = tuple(_WEAK_INT if t is int else _WEAK_FLOAT if t is float else dtypes.standardize_dtype(t) for t in types)
    return _result_type(names, config.floatx())


@functools.lru_cache(maxsize=1024)
def _result_type(names: tuple[str, ...], floatx: str) -> str:
    result = functools.reduce(_join, names)
    if result == _WEAK_FLOAT:
        result = f"float{floatx[-2:]}"
    elif result == _WEAK_INT:
        result = f"int{floatx[-2:]}"
    return _NARROWED.get(result, result)


def _join(a: str, b: str) -> str:
    if a == b or b == "bool":
        return a
    if a == "bool":
        return b
    if a.startswith("complex") or b.startswith("complex"):
        return "complex64"  # the wider one is narrowed in every result
    floats = [name for name in (a, b) if name in _FLOATS or name == _WEAK_FLOAT]
    if floats:
        return floats[0] if len(floats) == 1 else _wider(a, b)
    return _join_integers(a, b)


def _wider(a: str, b: str) -> str:
    if _WEAK_FLOAT in (a, b):
        return b if a == _WEAK_FLOAT else a
    if {a, b} == {"bfloat16", "float16"}:
        return "float32"
    return a if _FLOATS[a] > _FLOATS[b] else b


def _join_integers(a: str, b: str) -> str:
    if _WEAK_INT in (a, b):
        return b if a == _WEAK_INT else a
    for group in (_SIGNED, _UNSIGNED):
        if a in group and b in group:
            return a if group[a] > group[b] else b
    signed, unsigned = (a, b) if a in _SIGNED else (b, a)
    if unsigned == "uint64":
        return _WEAK_FLOAT  # no integer holds both
    return f"int{max(_SIGNED[signed], 2 * _UNSIGNED[unsigned])}"


def device_of(*values: Any) -> torch.device:
    """Returns the device of the first tensor that has dimensions, of any tensor, or the default one."""
    found = None
    for value in values:
        if isinstance(value, torch.Tensor):
            if value.dim() or value.device.type == "meta":
                return value.device
            found = found or value.device
        elif isinstance(value, (list, tuple)):
            inner = next((item for item in value if isinstance(item, torch.Tensor)), None)
            if inner is not None:
                return inner.device
    return found or devices.default_device()


def as_tensor(x: Any, dtype: torch.dtype | None = None, device: torch.device | None = None) -> torch.Tensor:
    """Returns a tensor of anything. A tensor stays where it is; everything else goes to `device`.

    Args:
        x: A tensor, array, number, or nested lists of them.
        dtype: The type to convert to; by default the value's own, `float32` and `int32` for Python numbers.
        device: Where to put what is not a tensor yet, the default device if `None`.

    Raises:
        TypeError: If it is text, or objects that hold no numbers.
    """
    if isinstance(x, torch.Tensor):
        return x if dtype is None or x.dtype == dtype else x.to(dtype)
    if isinstance(x, (list, tuple)) and (_holds_tensors(x) or any(isinstance(item, torch.Tensor) for item in x)):
        return torch.stack(promote(*(as_tensor(item, dtype, device or device_of(x)) for item in x)))
    array = np.asarray(x)
    if array.dtype.name == "bfloat16":  # of ml_dtypes, which torch does not know
        array, dtype = array.astype(np.float32), dtype or torch.bfloat16
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"Cannot convert a value of type {type(x).__name__} (numpy dtype {array.dtype}) to a tensor: {x!r}. "
            "Expected numbers or booleans: encode text as integers first, and give all rows the same length."
        )
    target = dtypes.NAMES[dtype] if dtype is not None else _natural_dtype(x, array)
    device = device if device is not None else devices.default_device()
    if device.type == "mps" and target == "float64":
        target = "float32"  # MPS has no float64
    native = array.dtype.newbyteorder("=")
    tensor = torch.from_numpy(np.array(array, dtype=native, order="C"))
    return tensor.to(device, dtypes.TORCH_DTYPES[target])


def _holds_tensors(x: Sequence[Any]) -> bool:
    """Looks down the first branch of nested lists only: rows of one list are alike."""
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return isinstance(x, torch.Tensor)


def _natural_dtype(x: Any, array: np.ndarray[Any, Any]) -> str:
    leaf = x
    while isinstance(leaf, (list, tuple, range)):
        leaf = leaf[0] if leaf else 0.0
    if type(leaf) not in (bool, int, float, complex):
        return str(array.dtype.name)
    if array.dtype.kind == "f":
        return "float32"
    if array.dtype.kind == "c":
        return "complex64"
    if array.dtype.kind == "i" and array.size and array.min() >= -(2**31) and array.max() < 2**31:
        return "int32"
    return str(array.dtype.name)


def as_float(x: Any) -> torch.Tensor:
    """Returns a tensor of a float (or complex) type: integers and booleans become `floatx()`."""
    tensor = as_tensor(x)
    if tensor.is_floating_point() or tensor.is_complex():
        return tensor
    return tensor.to(dtypes.TORCH_DTYPES[config.floatx()])


def as_wide_float(x: Any) -> torch.Tensor:
    """Returns a tensor of a float type like `as_float`, of `float64` for 64-bit integers where there is one."""
    tensor = as_tensor(x)
    if tensor.dtype == torch.int64 and tensor.device.type != "mps":
        return tensor.to(torch.float64)
    return as_float(tensor)


def promote(*values: Any, floating: bool = False) -> list[torch.Tensor]:
    """Returns the arguments of an elementwise function as tensors of one type, on the device of the first of them.

    A Python number becomes a scalar on the CPU: torch reads it there without a copy to the device.

    Args:
        *values: Tensors, arrays, numbers or lists.
        floating: Whether the result must be of a float type.
    """
    first = values[0]
    if isinstance(first, torch.Tensor) and (not floating or first.is_floating_point()):
        dtype = first.dtype
        if all(isinstance(value, torch.Tensor) and value.dtype == dtype for value in values):
            return list(values)
        if len(values) == 2 and type(values[1]) in (int, float) and first.is_floating_point():
            return [first, torch.tensor(values[1], dtype=dtype, device="cpu")]
    device = device_of(*values)
    weak = [type(value) in (int, float) for value in values]
    tensors = [value if w else as_tensor(value, device=device) for value, w in zip(values, weak, strict=True)]
    types = [type(t) if w else t.dtype for t, w in zip(tensors, weak, strict=True)]
    target = dtypes.TORCH_DTYPES[result_type(*types, *((float,) if floating else ()))]
    if all(weak):
        if target == torch.int32 and any(not -(2**31) <= value < 2**31 for value in values):
            target = torch.int64
        return [torch.tensor(value, dtype=target, device=device) for value in values]
    return [_number(t, target) if w else t.to(target) for t, w in zip(tensors, weak, strict=True)]


def _number(value: Any, dtype: torch.dtype) -> torch.Tensor:
    """Returns a number as a scalar on the CPU. An integer that the type cannot hold wraps around, as in arithmetic."""
    if type(value) is int and not dtype.is_floating_point and not dtype.is_complex:
        return torch.tensor(value, dtype=torch.int64, device="cpu").to(dtype)
    return torch.tensor(value, dtype=dtype, device="cpu")


def comparable(x1: Any, x2: Any) -> list[torch.Tensor]:
    """Returns two arguments of a comparison as tensors of one type.

    A Python integer that a tensor's type cannot hold widens it here: wrapped around it would be another number.
    """
    for number, other in ((x1, x2), (x2, x1)):
        if type(number) is int and type(other) is not int:
            dtype = as_tensor(other, device=device_of(other)).dtype
            whole = not (dtype.is_floating_point or dtype.is_complex or dtype == torch.bool)
            if whole and not torch.iinfo(dtype).min <= number <= torch.iinfo(dtype).max:
                x1, x2 = (x if type(x) is int else as_tensor(x).to(torch.int64) for x in (x1, x2))
    return promote(x1, x2)
