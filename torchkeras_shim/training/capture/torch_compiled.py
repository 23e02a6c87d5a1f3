"""A function that goes through `torch.compile`, and what happens where the compiler fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.training.capture.checking import first_line
from torchkeras_shim.training.capture.function import MAX_PROGRAMS, signature
from torchkeras_shim.training.capture.undoing import Saved


class TorchCompiled:
    """Runs a function in its compiled form as long as the compiler can cope.

    Compilers fail late: in the forward pass of a shape that they have not seen, or in its backward pass, after
    statistics were written. So what a step writes is saved before each (some microseconds, of the hundreds that a
    compiled step takes), and a step that fails is undone and runs as it is written. If it fails there as well, the data
    is to blame; if not, it was the compiler, which is not asked again.

    Args:
        compiled: The compiled function.
        function: The same as it is written. Both take batches.
        written: What a call writes to.
        weights: What a call writes to at most in its first run of a shape, where the compiler looks into it.
        generators: What a call draws from.

    Attributes:
        refusal: Why the function does not run compiled; `None` as far as is known.
        obstacle: Why the last batch alone ran as it is written; `None` if there is no such reason.
        replayed: How many batches ran compiled.
        written: How many ran as they are written.
    """

    def __init__(
        self,
        compiled: Callable[..., Any],
        function: Callable[..., Any],
        *,
        written: Sequence[torch.Tensor] = (),
        weights: Sequence[torch.Tensor] = (),
        generators: Sequence[torch.Generator] = (),
    ) -> None:
        self._compiled, self._function = compiled, function
        self._written = [tensor.detach() for tensor in written]
        self._weights, self._generators = list(weights), list(generators)
        self._seen: set[Any] = set()
        self.refusal: str | None = None
        self.obstacle: str | None = None
        self.replayed = self.written = 0

    def __call__(self, *batch: Any) -> Any:
        key = (torch.is_grad_enabled(), *map(signature, batch))
        new = key not in self._seen
        self.obstacle = (
            f"its batch has another shape than the first {MAX_PROGRAMS}" if new and self._is_full() else None
        )
        if self.refusal is not None or self.obstacle is not None:
            self.written += 1
            return self._function(*batch)
        self._seen.add(key)
        saved = Saved([*self._written, *(weight.detach() for weight in self._weights if new)], self._generators)
        failure: Exception | None = None
        try:
            result = self._compiled(*batch)
        except Exception as error:
            failure = error
        if failure is None:
            self.replayed += 1
            return result
        saved.restore()
        for weight in self._weights:
            weight.grad = None
        self.written += 1
        result = self._function(*batch)  # outside of the handler, so that its own error stands alone
        self.refusal = reason(failure)
        return result

    def _is_full(self) -> bool:
        return len(self._seen) >= MAX_PROGRAMS


def reason(error: Exception) -> str:
    """Returns what a compiler's error says, with the error inside that it stands for, if there is one."""
    inner = getattr(error, "inner_exception", None)
    own = f"{type(error).__name__}: {first_line(error)}"
    return own if inner is None else f"{type(error).__name__}, {type(inner).__name__}: {first_line(inner)}"
