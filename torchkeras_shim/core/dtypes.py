"""Data types by Keras's names, and how they translate to torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config
from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.core.text import STRING

TORCH_DTYPES: dict[str, torch.dtype] = {
    "bool": torch.bool,
    "uint8": torch.uint8,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "uint16": torch.uint16,
    "uint32": torch.uint32,
    "uint64": torch.uint64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
}
NAMES: dict[torch.dtype, str] = {dtype: name for name, dtype in TORCH_DTYPES.items()}
_PYTHON_DTYPES: dict[Any, str] = {bool: "bool", int: "int32", float: "float32", complex: "complex64", str: STRING}


def standardize_dtype(dtype: Any) -> str:
    """Returns Keras's name of a data type.

    Args:
        dtype: A name, a `torch.dtype`, a numpy type, a Python type, or `None` for `floatx()`.

    Raises:
        ValueError: If it is none of these.

    Example:
        >>> standardize_dtype(torch.float16), standardize_dtype(None), standardize_dtype(int)
        ('float16', 'float32', 'int32')
    """
    if dtype is None:
        return config.floatx()
    if isinstance(dtype, torch.dtype):
        if dtype in NAMES:
            return NAMES[dtype]
        raise ValueError(f"Invalid dtype: {dtype}. Expected one of {sorted(TORCH_DTYPES)}.")
    if isinstance(dtype, str):
        name = "int32" if dtype == "int" else dtype.removeprefix("torch.")
    elif dtype in _PYTHON_DTYPES:
        name = _PYTHON_DTYPES[dtype]
    elif hasattr(dtype, "name"):  # numpy, jax and TensorFlow dtypes
        name = dtype.name
    elif isinstance(dtype, type) and issubclass(dtype, np.generic):
        name = np.dtype(dtype).name
    else:
        name = str(dtype)
    if name not in TORCH_DTYPES and name != STRING:
        raise ValueError(f"Invalid dtype: {dtype}.{did_you_mean(name, TORCH_DTYPES)}")
    return name


def to_torch_dtype(dtype: Any) -> torch.dtype:
    """Returns torch's type for any name or type that `standardize_dtype` understands.

    Example:
        >>> to_torch_dtype("bfloat16")
        torch.bfloat16
    """
    if isinstance(dtype, torch.dtype):
        return dtype
    name = standardize_dtype(dtype)
    if name == STRING:
        raise ValueError("torch has no tensors of strings. Received: dtype='string', where numbers are computed.")
    return TORCH_DTYPES[name]


def is_float(dtype: Any) -> bool:
    """Returns whether a type is a real floating-point type.

    Example:
        >>> is_float("bfloat16"), is_float("int32")
        (True, False)
    """
    return to_torch_dtype(dtype).is_floating_point
