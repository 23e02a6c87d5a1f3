"""The devices that there are to distribute over."""

from __future__ import annotations

import torch

from torchkeras_shim.distribution import processes

_KINDS = ("cpu", "gpu", "tpu")


def list_devices(device_type: str | None = None) -> list[str]:
    """Returns the names of all devices, those of other processes included.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`; GPUs by default if there are any, the CPU elsewhere. A process that
            runs on the CPU counts as one device.

    Raises:
        ValueError: If it is another type.

    Example:
        >>> list_devices("cpu")
        ['cpu:0']
    """
    return [f"{_kind(device_type)}:{index}" for index in range(get_device_count(device_type))]


def get_device_count(device_type: str | None = None) -> int:
    """Returns how many devices there are of a type; see `list_devices`.

    Args:
        device_type: `"cpu"`, `"gpu"` or `"tpu"`.

    Example:
        >>> get_device_count("cpu")
        1
    """
    kind = _kind(device_type)
    if kind == "tpu":
        return 0
    if processes.under_launcher():  # the others are known once they have been joined
        processes.initialize()
    known = processes.known()
    if kind == "gpu":
        here = torch.cuda.device_count()
        return here if known is None or not here else max(here, known.count)
    return 1 if known is None else known.count


def _kind(device_type: str | None) -> str:
    if device_type is None:
        return "gpu" if torch.cuda.is_available() else "cpu"
    kind = device_type.lower()
    if kind not in _KINDS:
        raise ValueError(f"`device_type` must be one of {_KINDS}. Received: device_type={device_type!r}")
    return kind
