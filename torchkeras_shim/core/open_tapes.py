"""Which tapes of gradients are open: `tf.GradientTape` is above everything that computes, and some of it must know."""

from __future__ import annotations

import threading
from typing import Any

import torch


class _Thread(threading.local):
    """The tapes that are open in a thread, the innermost last: autograd's modes and hooks are a thread's own, too."""

    def __init__(self) -> None:
        self.tapes: list[Any] = []


thread = _Thread()
_ever = False


def begin(tape: Any) -> None:
    """Notes that a tape is open in this thread."""
    global _ever
    _ever = True
    thread.tapes.append(tape)


def as_source(value: Any) -> Any:
    """Returns a value, as something that gradients can be taken with respect to while a tape is open.

    Of a model that is frozen nothing would be recorded. TensorFlow records it, because the variables below are watched
    whether or not their layers are trained; so gradients of a frozen model's scores with respect to its features are
    there.

    Args:
        value: What a model hands out, and computes something else from that it hands out, too.

    Example:
        >>> as_source(torch.ones(2)).requires_grad
        False
    """
    if not (_ever and thread.tapes and torch.is_grad_enabled()):
        return value
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        value.requires_grad_()  # which changes nothing about one that is recorded already
    return value
