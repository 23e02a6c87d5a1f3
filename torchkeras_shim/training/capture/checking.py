"""The test that a program passes before it is trusted: the same step as the function that it was recorded from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.core.torch_private import storage_id
from torchkeras_shim.training.capture.program import Program
from torchkeras_shim.training.capture.recording import MOST_BYTES
from torchkeras_shim.training.capture.undoing import Saved

#: Kernels of accelerators may add in another order each time: numbers agree to this share of the largest.
_CLOSE = 1e-3


def check(program: Program, function: Callable[..., Any], batch: tuple[Any, ...]) -> tuple[Any, str | None]:
    """Runs a program and the function that it was recorded from on one batch and the same state.

    The state afterwards is the function's: the batch counts once, whatever the program did.

    Args:
        program: The program.
        function: The function.
        batch: The function's arguments.

    Returns:
        What the function returned, and in which way the program was different; `None` if it was not.

    Raises:
        Exception: Whatever the function raises. The state is then as if there had been no program.
    """
    before, problem, results = _State(program), None, None
    try:
        results = program.run(batch)
    except Exception as error:
        problem = f"a replay failed with {type(error).__name__}: {first_line(error)}"
    after = _State(program)
    before.restore()
    expected = function(*batch)
    end = _State(program)
    if problem is None and not _agree(tree.flatten(results), tree.flatten(expected)):
        problem = "a replay gave other results than the step itself: they depend on something that only Python knows"
    if problem is None:
        problem = after.difference(end) or before.undeclared(after, program.written)
    if problem is None and not before.same_host_numbers(end):
        problem = "it draws random numbers in Python, which a replay would not"
    return expected, problem


class _State:
    """All memory that a program reads and does not make itself, and the generators it draws from, at one moment."""

    def __init__(self, program: Program) -> None:
        memories = _memories(program.outside)
        if sum(memory.nbytes() for memory in memories.values()) > MOST_BYTES:
            memories = _memories(program.written)
        saved = Saved([_bytes(memory) for memory in memories.values()], program.generators)
        self.restore = saved.restore
        self._copies = dict(zip(memories, saved.copies, strict=True))
        self._states = saved.states
        self._on_host = RandomState().on_host()

    def difference(self, other: _State) -> str | None:
        """Returns what differs from another moment."""
        for key, copy in self._copies.items():
            # What another device holds is of unknown types, so that nothing but its bits could be compared.
            if copy.device.type == "cpu" and not torch.equal(copy, other._copies[key]):
                return (
                    "a replay wrote other values than the step itself: they depend on something that only Python knows"
                )
        if not all(map(torch.equal, self._states, other._states)):
            return "a replay draws other random numbers than the step itself"
        return None

    def undeclared(self, after: _State, written: Sequence[torch.Tensor]) -> str | None:
        """Returns an objection to writes that no kernel has declared; they could not be undone after an error."""
        declared = {storage_id(tensor) for tensor in written}
        for key, copy in self._copies.items():
            if key not in declared and not torch.equal(copy, after._copies[key]):
                return "one of its kernels writes to memory without declaring it"
        return None

    def same_host_numbers(self, other: _State) -> bool:
        """Returns whether numpy's and Python's generators stand where they stood."""
        return self._on_host == other._on_host


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message."""
    return (str(error).strip().splitlines() or [""])[0]


def _agree(results: list[Any], expected: list[Any]) -> bool:
    return len(results) == len(expected) and all(map(_same, results, expected))


def _same(result: Any, expected: Any) -> bool:
    if result is None or expected is None:
        return result is expected
    if result.shape != expected.shape or result.dtype is not expected.dtype:
        return False
    if result.device.type == "cpu":
        return torch.equal(_bits(result), _bits(expected))
    return _close(result.detach(), expected.detach())


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    # Copied, because even one element may have a stride that its bytes cannot be looked at by.
    return tensor.detach().clone(memory_format=torch.contiguous_format).reshape(-1).view(torch.uint8)


def _close(result: torch.Tensor, expected: torch.Tensor) -> bool:
    if not result.is_floating_point():
        return torch.equal(result, expected)
    largest = expected.abs().nan_to_num(0.0, 0.0, 0.0).amax().item() if expected.numel() else 0.0
    return torch.allclose(result, expected, rtol=_CLOSE, atol=_CLOSE * largest, equal_nan=True)


def _memories(tensors: Sequence[torch.Tensor]) -> dict[int, torch.UntypedStorage]:
    """Returns the memory of tensors, each once, by its identity."""
    return {storage_id(tensor): tensor.untyped_storage() for tensor in tensors}


def _bytes(memory: torch.UntypedStorage) -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8, device=memory.device).set_(memory)
