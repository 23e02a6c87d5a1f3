"""Arrays of every make become torch tensors, without a copy where none is needed."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes, tree

# Types that torch can hold but hardly compute with, by the one that holds their values.
_WIDENED = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}


def is_array_like(value: Any) -> bool:
    """Returns whether a value is one array: numpy, torch, pandas, scipy sparse, or anything with `__array__`.

    Example:
        >>> is_array_like(np.zeros(3)), is_array_like([0, 0, 0])
        (True, False)
    """
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return True
    if isinstance(value, (type, np.generic)):
        return False
    return hasattr(value, "__array__") or is_pandas(value) or is_scipy_sparse(value)


def is_array_structure(structure: Any) -> bool:
    """Returns whether every leaf of a structure is an array or `None`, and at least one is an array."""
    leaves = tree.flatten(structure)
    return all(leaf is None or is_array_like(leaf) for leaf in leaves) and any(leaf is not None for leaf in leaves)


def is_pandas(value: Any) -> bool:
    """Returns whether a value is a pandas DataFrame or Series, without importing pandas."""
    return type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "iloc")


def is_scipy_sparse(value: Any) -> bool:
    """Returns whether a value is a scipy sparse matrix or array, without importing scipy."""
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


def is_memory_mapped(value: Any) -> bool:
    """Returns whether a numpy array's values live in a file rather than in memory."""
    while isinstance(value, np.ndarray):
        if isinstance(value, np.memmap):
            return True
        value = value.base
    return isinstance(value, mmap.mmap)


def describe(value: Any) -> str:
    """Returns a short text that says what a value is, for error messages.

    Example:
        >>> describe((np.zeros((2, 3)), [1]))
        'a tuple of 2 (float64 array of shape (2, 3), a list of 1 (int 1))'
    """
    if isinstance(value, dict):
        inner = ", ".join(f"{key!r}: {describe(item)}" for key, item in list(value.items())[:4])
        return f"a dict of {len(value)} ({inner}{', ...' if len(value) > 4 else ''})"
    if isinstance(value, (list, tuple)):
        inner = ", ".join(describe(item) for item in value[:4])
        return f"a {type(value).__name__} of {len(value)} ({inner}{', ...' if len(value) > 4 else ''})"
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    if value is None:
        return "None"
    return f"{type(value).__name__} {str(value)[:60]}"


def to_tensor(value: Any, name: str = "x") -> torch.Tensor:
    """Returns an array as a tensor: floats of another type cast to `floatx()`, everything else as it is.

    Values are shared with the array where no cast is needed. A tensor stays on its device.

    Args:
        value: Anything that `is_array_like` accepts.
        name: What the array is called in error messages.

    Raises:
        ValueError: If it holds strings, objects or other things that are not numbers.

    Example:
        >>> to_tensor(np.zeros(2)).dtype, to_tensor(np.zeros(2, "uint8")).dtype
        (torch.float32, torch.uint8)
    """
    tensor = as_tensor(value, name)
    if tensor.is_floating_point():
        return tensor.to(dtypes.to_torch_dtype(config.floatx()))
    return tensor


def as_tensor(value: Any, name: str = "x") -> torch.Tensor:
    """Returns an array as a tensor of its own type, sharing memory where torch can."""
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        return tensor if tensor.layout == torch.strided else tensor.to_dense()
    return _from_numpy(to_numpy(value, name), name)


def to_numpy(value: Any, name: str = "x") -> np.ndarray[Any, Any]:
    """Returns a host array of any make as a numpy array; a Series becomes one column, as in Keras."""
    if isinstance(value, np.ndarray):
        return value
    if is_pandas(value):
        return _from_pandas(value, name)
    if is_scipy_sparse(value):
        return np.asarray(value.toarray())
    return np.asarray(value)


def _from_pandas(value: Any, name: str) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = value.to_numpy()
    if array.dtype.kind not in "biufc":  # columns of several types, or pandas's own nullable numbers
        try:
            array = value.astype(config.floatx()).to_numpy()
        except (TypeError, ValueError) as error:
            columns = value.dtypes.astype(str).to_dict() if value.ndim == 2 else str(value.dtype)
            raise ValueError(
                f"The DataFrame or Series `{name}` holds values that are not numbers. Received: dtypes={columns}. "
                "Encode or drop such columns first, for example with `pandas.get_dummies(...)`."
            ) from error
    return array[:, None] if value.ndim == 1 else array


def _from_numpy(array: np.ndarray[Any, Any], name: str) -> torch.Tensor:
    array = plain_numbers(array, name)
    if any(stride < 0 for stride in array.strides):
        array = np.ascontiguousarray(array)
    if not array.flags.writeable:
        array = _unguarded(array)
    return torch.from_numpy(array)


def plain_numbers(array: np.ndarray[Any, Any], name: str) -> np.ndarray[Any, Any]:
    """Returns an array of a type that torch has, by a cast where it is of another one.

    Raises:
        ValueError: If the values are not numbers.
    """
    kind, type_name = array.dtype.kind, array.dtype.name
    if type_name == "bfloat16":  # numpy knows it through ml_dtypes only
        return array.astype(np.float32)
    if kind not in "biufc":
        raise ValueError(
            f"`{name}` must hold numbers. Received: an array of dtype {array.dtype} and shape {array.shape}. Convert "
            "it first, for example with `np.asarray(values, dtype='float32')`; equally long rows are needed for that."
        )
    if type_name in _WIDENED:
        return array.astype(_WIDENED[type_name])
    if type_name in ("longdouble", "float96", "float128"):
        return array.astype(np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


class _Unguarded:
    """The memory of a read-only array, shown as writable.

    torch warns about read-only memory because it cannot keep anybody from writing to a tensor. Nothing here does.
    """

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array  # keeps the memory alive
        self.__array_interface__ = {**array.__array_interface__, "data": (array.__array_interface__["data"][0], False)}


def _unguarded(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(_Unguarded(array))
