"""`keras.config`: settings that hold for the whole process."""

from __future__ import annotations

import warnings
from typing import NoReturn

from torchkeras_shim.backend import backend
from torchkeras_shim.core.config import (
    disable_flash_attention,
    enable_flash_attention,
    epsilon,
    floatx,
    image_data_format,
    is_flash_attention_enabled,
    max_epochs,
    max_steps_per_epoch,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_max_epochs,
    set_max_steps_per_epoch,
)
from torchkeras_shim.core.console import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from torchkeras_shim.core.device import enable_tensor_float_32, tensor_float_32_enabled
from torchkeras_shim.core.dtype_policies import dtype_policy, set_dtype_policy

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_tensor_float_32",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "tensor_float_32_enabled",
]


def set_backend(backend: str) -> None:
    """Accepts `"torch"`, which is the only backend here.

    Args:
        backend: The name.

    Raises:
        ValueError: If the name is anything else.

    Example:
        >>> set_backend("torch")
    """
    if backend != "torch":
        raise ValueError(
            f"This Keras runs on PyTorch only. Received: backend={backend!r}. Use `keras.config.set_backend('torch')`, "
            "or drop the call."
        )


def is_nnx_enabled() -> bool:
    """Returns whether layers are Flax NNX modules: never, they are torch modules.

    Example:
        >>> is_nnx_enabled()
        False
    """
    return False


def is_traceback_filtering_enabled() -> bool:
    """Returns whether frames of this package are cut out of tracebacks: never, they are always whole.

    Example:
        >>> is_traceback_filtering_enabled()
        False
    """
    return False


def enable_traceback_filtering() -> None:
    """Warns that tracebacks stay whole: the frames of this package are few, and say which layer an error came up in.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     enable_traceback_filtering()
        >>> str(caught[0].message)
        'Tracebacks are not filtered here: they are always whole. Leave the line out.'
    """
    warnings.warn("Tracebacks are not filtered here: they are always whole. Leave the line out.", stacklevel=2)


def enable_unsafe_deserialization() -> NoReturn:
    """Refuses: nothing that a file holds is ever run.

    Raises:
        ValueError: Always.

    Example:
        >>> enable_unsafe_deserialization()
        Traceback (most recent call last):
        ...
        ValueError: Unsafe deserialization is not supported: ...
    """
    raise ValueError(
        "Unsafe deserialization is not supported: code in a file is never run here. Leave the line out. A `Lambda` "
        "layer is loaded with `custom_objects={name: function}`."
    )


def disable_traceback_filtering() -> None:
    """Makes sure that tracebacks are whole, which they always are.

    Example:
        >>> disable_traceback_filtering()
    """
