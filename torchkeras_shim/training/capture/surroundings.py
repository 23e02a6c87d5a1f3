"""The modes of the process and the thread that a recorded kernel may depend on without being told."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.torch_private import dispatch_modes, function_modes, mode_readers
from torchkeras_shim.training.capture.work import Work

_grad, _inference, _anomaly = torch.is_grad_enabled, torch.is_inference_mode_enabled, torch.is_anomaly_enabled
_float, _deterministic = torch.get_default_dtype, mode_readers.deterministic
_onednn, _cudnn, _math = mode_readers.onednn, mode_readers.cudnn, mode_readers.math_attention
_flash, _efficient = mode_readers.flash_attention, mode_readers.efficient_attention
_autocast, _functions, _dispatch = mode_readers.autocast, mode_readers.function_modes, mode_readers.dispatch_modes


def surroundings() -> tuple[Any, ...]:
    """Returns the modes by which torch chooses kernels, and by which Python code makes tensors.

    A program serves the modes that it was recorded in. What kernels look up themselves each time (the number of
    threads, the precision of float32 products) needs no mention: a replay looks it up as well.
    """
    return (
        _grad(), _inference(), _float(), _deterministic(), _onednn(), _cudnn(), _math(), _flash(), _efficient(),
        _autocast(), _anomaly(), _functions(), _dispatch() and _watchers(),
    )  # fmt: skip


def _watchers() -> int:
    """Returns how many modes of torch's dispatch are on that a step may depend on: it does not on counting its work."""
    return sum(type(mode) is not Work for mode in dispatch_modes())


def obstacle() -> str | None:
    """Returns which mode of the moment wants to see every step as it is written, `None` if there is none."""
    if _autocast():
        return "torch.autocast is on, which keeps casts of weights from step to step"
    if _anomaly():
        return "torch's anomaly detection watches autograd, which a replay goes without"
    if (_dispatch() and _watchers()) or any(type(mode).__name__ != "DeviceContext" for mode in function_modes()):
        return "a mode of torch's dispatch is on, which is to see every call"
    return None
