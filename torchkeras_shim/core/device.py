"""Where tensors live, on the accelerator that torch reports or on the CPU, and what a device can do."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torchkeras_shim.core import torch_private

ENVIRONMENT_VARIABLE = "TORCHKERAS_SHIM_DEVICE"

#: Devices that torch's accelerator interface knows nothing of.
_OF_THE_HOST = ("cpu", "meta")

_scopes = threading.local()
_default: torch.device | None = None


def default_device() -> torch.device:
    """Returns the device of new weights and of arrays handed to a model.

    The innermost `device(...)` scope wins, then the environment variable `TORCHKERAS_SHIM_DEVICE`, then the
    accelerator that torch reports (CUDA, MPS, XPU, ...), then the CPU.
    """
    stack: list[torch.device] = getattr(_scopes, "stack", [])
    if stack:
        return stack[-1]
    global _default
    if _default is None:
        _default = _parse(os.environ[ENVIRONMENT_VARIABLE]) if os.environ.get(ENVIRONMENT_VARIABLE) else _best()
    return _default


def _best() -> torch.device:
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        return torch.device("cpu")
    place = int(os.environ.get("LOCAL_RANK") or 0) if int(os.environ.get("WORLD_SIZE") or 1) > 1 else 0
    if 0 < place < torch.accelerator.device_count():  # each process that `torchrun` starts has a device of its own
        torch.accelerator.set_device_index(place)
    return exact(found)


def exact(device: torch.device) -> torch.device:
    """Adds the index that `"cuda"` leaves out, so that devices can be compared with those of tensors.

    Example:
        >>> exact(torch.device("cpu"))
        device(type='cpu')
    """
    if device.index is not None or device.type in _OF_THE_HOST or not torch.accelerator.is_available():
        return device
    return torch.device(device.type, torch.accelerator.current_device_index())


def _parse(name: str | torch.device) -> torch.device:
    if isinstance(name, torch.device):
        return name
    text = str(name).lower().lstrip("/").removeprefix("device:")
    accelerator = torch.accelerator.current_accelerator()
    text = re.sub(r"^gpu\b", accelerator.type if accelerator else "cuda", text)  # Keras and TensorFlow say "gpu:0"
    try:
        parsed = torch.device(text)
    except RuntimeError as error:
        raise ValueError(
            f"Unknown device name: {name!r}. Expected something like 'cpu', 'cuda', 'cuda:0' or 'mps'."
        ) from error
    return exact(parsed)


@contextmanager
def device(device_name: str | torch.device) -> Iterator[torch.device]:
    """Places everything created inside the `with` block on one device.

    Args:
        device_name: `"cpu"`, `"cuda"`, `"cuda:1"`, `"gpu:0"`, `"mps"`, or a `torch.device`.

    Raises:
        ValueError: If torch does not know such a device.

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


def has_streams(device: torch.device) -> bool:
    """Returns whether copies to a device, from pinned memory, run on a stream of their own beside its work.

    Example:
        >>> has_streams(torch.device("cpu"))
        False
    """
    return device.type not in _OF_THE_HOST and hasattr(torch.get_device_module(device), "Stream")


def has_graphs(device: torch.device) -> bool:
    """Returns whether work on a device can be put into a graph that is launched as one."""
    return device.type == "cuda"


def synchronize(device: torch.device) -> None:
    """Waits until a device has done its work."""
    if device.type not in _OF_THE_HOST:
        torch.accelerator.synchronize(device)


def generator_of(device: torch.device) -> torch.Generator | None:
    """Returns torch's global generator of a device, `None` for a device without one.

    Example:
        >>> generator_of(torch.device("cpu")) is torch.default_generator
        True
    """
    if device.type == "cpu":
        return torch.default_generator
    if device.type == "mps":
        return torch_private.mps_generator()
    generators = getattr(torch.get_device_module(device), "default_generators", ()) if device.type != "meta" else ()
    index: int = device.index or 0
    return generators[index] if index < len(generators) else None


@contextmanager
def random_numbers_kept(device: torch.device) -> Iterator[None]:
    """Puts the global generators of the host and of a device back to where they were before the block."""
    generators = [torch.default_generator, generator_of(device)]
    states = [(generator, generator.get_state()) for generator in generators if generator is not None]
    try:
        yield
    finally:
        for generator, state in states:
            generator.set_state(state)


def accelerators() -> list[torch.device]:
    """Returns the accelerators that have begun to work in this process; asking wakes none up."""
    kind = torch.accelerator.current_accelerator(check_available=True)
    if kind is None or not getattr(torch.get_device_module(kind), "is_initialized", lambda: True)():
        return []
    return [torch.device(kind.type, index) for index in range(torch.accelerator.device_count())]


def free_memory(device: torch.device) -> float:
    """Returns how many bytes of a device's memory are free, infinity if it does not say."""
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    if device.type in _OF_THE_HOST:
        return float("inf")
    try:
        return torch.accelerator.get_memory_info(device)[0]
    except (RuntimeError, NotImplementedError):  # an accelerator whose allocator does not count
        return float("inf")


def describe(device: torch.device) -> str:
    """Returns a device for a report, with its model name or the number of threads."""
    if device.type == "cpu":
        return f"{device} ({torch.get_num_threads()} threads)"
    name_of = getattr(torch.get_device_module(device), "get_device_name", None)
    return str(device) if name_of is None else f"{device} ({name_of(device)})"


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
    """Returns whether both matrix products and convolutions may use TF32.

    Example:
        >>> isinstance(tensor_float_32_enabled(), bool)
        True
    """
    return bool(torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32)
