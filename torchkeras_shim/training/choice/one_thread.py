"""Run steps that are small on one thread of the CPU.

The threads of a kernel wait for one another at its end. A kernel of a small step is done in microseconds, of which the
waiting is the larger part, and beside other busy programs it can take milliseconds: until the other thread's turn.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.torch_private import can_record
from torchkeras_shim.training.capture.work import Work
from torchkeras_shim.training.parts import Step

#: Set this environment variable to 0, and steps of every size run on all threads.
SWITCH = "TORCHKERAS_SHIM_ONE_THREAD"

#: A step with less work than this runs on one thread: about a millisecond of it.
_SMALL = 48e6

#: And with no product of more multiplications than this. Two threads make a larger one in so much less time that an
#: undisturbed machine has more of them.
_SMALL_PRODUCT = 2.5e6

#: A model with more weights than this is not looked at: to read them is more work than is small.
_MANY_WEIGHTS = 1_000_000


@dataclass
class Size:
    """What is known of the size of a method's step; kept when the step is bound again.

    Attributes:
        largest: The elements of the largest batch whose work was counted.
        small: Whether that is little.
    """

    largest: int = -1
    small: bool = False


def on_one_thread_if_small(step: Step, model: Any, device: torch.device, size: Size) -> Step:
    """Returns a step that counts its own work on its first batch, and runs on one thread if that is little.

    The work follows from the shapes alone, so that a program does the same in every run, on an idle machine and on a
    busy one. It is counted again for a batch that is larger than all before.

    Args:
        step: The step.
        model: The model whose step it is.
        device: Where the model lives.
        size: Where to note what was counted.
    """
    if device.type != "cpu" or not can_record or torch.get_num_threads() == 1 or os.environ.get(SWITCH) == "0":
        return step
    if sum(weight.numel() for weight in model.parameters()) > _MANY_WEIGHTS:
        return step
    return _OneThread(step, size)


@contextlib.contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """Lets torch's kernels run on this thread alone inside the `with` block, if that is wanted."""
    threads = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _OneThread:
    def __init__(self, step: Step, size: Size) -> None:
        self._step, self._size = step, size

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        known = self._size
        elements = x.numel() if type(x) is torch.Tensor else _elements(x)
        if elements > known.largest:
            with Work() as work:
                result = self._step(x, y, sample_weight)
            known.largest, known.small = elements, work.done < _SMALL and work.largest < _SMALL_PRODUCT
            return result
        threads = torch.get_num_threads()
        if threads == 1 or not known.small:
            return self._step(x, y, sample_weight)
        torch.set_num_threads(1)  # `one_thread` written out, which spares a microsecond
        try:
            return self._step(x, y, sample_weight)
        finally:
            torch.set_num_threads(threads)


def _elements(x: Any) -> int:
    return sum(leaf.numel() for leaf in tree.flatten(x) if isinstance(leaf, torch.Tensor))
