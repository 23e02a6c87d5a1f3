"""Where tensors live: CUDA when there is one, then MPS, then the CPU."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

ENVIRONMENT_VARIABLE = "TORCHKERAS_SHIM_DEVICE"

_scopes = threading.local()
_default: torch.device | None = None


def default_device() -> torch.device:
    """Returns the device of new weights and of arrays handed to a model.

    The innermost `device(...)` scope wins, then the environment variable `TORCHKERAS_SHIM_DEVICE`, then the best
    device that torch reports: CUDA, MPS, CPU.
    """
    stack: list[torch.device] = getattr(_scopes, "stack", [])
    if stack:
        return stack[-1]
    global _default
    if _default is None:
        _default = _parse(os.environ[ENVIRONMENT_VARIABLE]) if os.environ.get(ENVIRONMENT_VARIABLE) else _best()
    return _default


def _best() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _parse(name: str | torch.device) -> torch.device:
    if isinstance(name, torch.device):
        return name
    text = str(name).lower().replace("gpu", "cuda")  # Keras and TensorFlow say "gpu:0"
    try:
        parsed = torch.device(text.lstrip("/").removeprefix("device:"))
    except RuntimeError as error:
        raise ValueError(
            f"Unknown device name: {name!r}. Expected something like 'cpu', 'cuda', 'cuda:0' or 'mps'."
        ) from error
    if parsed.type == "cuda" and parsed.index is None and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return parsed


@contextmanager
def device(device_name: str | torch.device) -> Iterator[torch.device]:
    """Places everything created inside the `with` block on one device.

    Args:
        device_name: `"cpu"`, `"cuda"`, `"cuda:1"`, `"gpu:0"`, `"mps"`, or a `torch.device`.

    Raises:
        ValueError: where torch does not know such a device.

    Example:
        >>> with device("cpu") as place:
        ...     default_device() == place
        True
    """
    place = _parse(device_name)
    if not hasattr(_scopes, "stack"):
        _scopes.stack = []
    _scopes.stack.append(place)
    try:
        yield place
    finally:
        _scopes.stack.pop()


def enable_tensor_float_32(enabled: bool = True) -> None:
    """Lets CUDA multiply float32 matrices and convolutions in TF32, or forbids it.

    TensorFlow does so by default on recent GPUs; torch does it for convolutions alone. TF32 keeps float32's range with
    10 bits of mantissa: several times faster, and results differ in the fourth digit. On the CPU nothing changes.

    Args:
        enabled: Whether both may use TF32.

    Example:
        >>> before = tensor_float_32_enabled()
        >>> enable_tensor_float_32(before)
        >>> tensor_float_32_enabled() == before
        True
    """
    torch.backends.cuda.matmul.allow_tf32 = bool(enabled)
    torch.backends.cudnn.allow_tf32 = bool(enabled)


def tensor_float_32_enabled() -> bool:
    """Returns whether both matrix products and convolutions may use TF32."""
    return bool(torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32)
