"""`keras.backend`: the numeric settings and small questions about types and tensors."""

from __future__ import annotations

import gc
from typing import Any

from torchkeras_shim.core import dtype_policies, dtypes, naming
from torchkeras_shim.core.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from torchkeras_shim.core.dtypes import standardize_dtype
from torchkeras_shim.core.naming import get_uid
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.torch_private import reset_compiler
from torchkeras_shim.ops.promotion import result_type

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def backend() -> str:
    """Returns the name of the framework that does the arithmetic, which is always torch.

    Example:
        >>> backend()
        'torch'
    """
    return "torch"


def clear_session(free_memory: bool = True) -> None:
    """Forgets global state: automatic names start over and the dtype policy is the default one again.

    Models and layers that still have a variable pointing to them live on.

    Args:
        free_memory: Whether to collect garbage as well, which takes a moment.

    Example:
        >>> clear_session()
    """
    naming.reset_uids()
    dtype_policies._global_policy = None
    reset_compiler()
    if free_memory:
        gc.collect()


def is_keras_tensor(x: Any) -> bool:
    """Returns whether something is a symbolic tensor, such as `keras.Input` returns.

    Example:
        >>> is_keras_tensor(KerasTensor((None, 3))), is_keras_tensor(3.0)
        (True, False)
    """
    return isinstance(x, KerasTensor)


def is_float_dtype(dtype: Any) -> bool:
    """Returns whether a data type is a real floating-point one.

    Example:
        >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
        (True, False)
    """
    return dtypes.standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Returns whether a data type is an integer one, signed or not.

    Example:
        >>> is_int_dtype("uint8"), is_int_dtype("bool")
        (True, False)
    """
    return dtypes.standardize_dtype(dtype).startswith(("int", "uint"))
