"""Numbers too small for float32's normal range are zero while a model is at work on the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


def are_flushed() -> bool:
    """Tells whether this thread's arithmetic takes denormal numbers for zero."""
    return bool(torch.full((), 1e-40).mul_(1.0).item() == 0.0)


@contextlib.contextmanager
def flushed(device: torch.device) -> Iterator[None]:
    """Takes denormal numbers (below 1.2e-38 in float32) for zero inside the `with` block, as TensorFlow and XLA do.

    Processors handle them a hundred times slower than others, and training makes them: the running mean of a gradient
    that has become zero fades through them. The threads that torch's kernels start for the first time inside the block
    do the same; the state of the calling thread is as before at the end.

    Args:
        device: Where the model lives. Other devices than the CPU handle denormal numbers at full speed.
    """
    if device.type != "cpu" or are_flushed() or not torch.set_flush_denormal(True):
        yield
        return
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
