"""A function of batches that records itself once per shape and is replayed from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.training.capture.program import Compiler
from torchkeras_shim.training.capture.recording import record

_Tensor = torch.Tensor

#: Programs for more shapes than this are not worth their memory: data of ever new shapes runs as it is written.
MAX_PROGRAMS = 8


class Captured:
    """Runs a function as it is for the first batch of a shape, records the second, and replays from the third on.

    The numbers are the same: the same kernels run in the same order. What the function does besides calling kernels
    (printing, counting in Python) happens in the first two runs only.

    Args:
        function: Takes batches (tensors, structures of them, `None`s), works in place on what it holds, and returns a
            tensor or a structure of tensors.

    Attributes:
        refusal: Why the function cannot be replayed; `None` as far as is known.
        programs: The recorded functions by signature.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.refusal: str | None = None
        self.programs: dict[Any, Any] = {}

    def __call__(self, *batch: Any) -> Any:
        if self.refusal is not None:
            return self.function(*batch)
        key = _key(batch)
        program = self.programs.get(key)
        if program is None:
            return self._meet(key, batch)
        try:
            return program(batch)
        except (RuntimeError, IndexError):  # where the data is to blame, the function itself knows how to say so
            return self.function(*batch)

    def plainly(self, *batch: Any) -> Any:
        """Runs the function as it is: for a first batch that is to be looked at by value."""
        key = _key(batch)
        if len(self.programs) < MAX_PROGRAMS:
            self.programs.setdefault(key, None)
        return self.function(*batch)

    def replays(self, *batch: Any) -> bool:
        """Tells whether a batch would be replayed."""
        return self.refusal is None and self.programs.get(_key(batch)) is not None

    def _meet(self, key: Any, batch: tuple[Any, ...]) -> Any:
        """Runs a batch of a shape that has no program yet."""
        if key not in self.programs:
            return self.plainly(*batch)
        # Aliases, so that one tensor given twice is two inputs.
        batch = tree.map_structure(lambda leaf: leaf.detach() if isinstance(leaf, _Tensor) else leaf, batch)
        inputs = [leaf for leaf in tree.flatten(batch) if isinstance(leaf, _Tensor)]
        result, recorder = record(self.function, batch)
        self.refusal = recorder.refusal
        if self.refusal is None:
            compiler = Compiler(recorder.calls, inputs, tree.flatten(result))
            self.refusal = compiler.refusal
            if self.refusal is None:
                self.programs[key] = _program(compiler.compile(), batch, result)
        return result


def _program(run: Callable[..., list[Any]], batch: tuple[Any, ...], result: Any) -> Callable[[tuple[Any, ...]], Any]:
    """Wraps a flat function for batches and results of the structure given here."""
    plain = all(leaf is None or type(leaf) is _Tensor for leaf in batch)
    taken = [index for index, leaf in enumerate(batch) if leaf is not None]
    if isinstance(result, list) and not any(tree.is_nested(item) for item in result):
        if plain and taken == [0]:
            return lambda given: run(given[0])
        if plain and taken == [0, 1]:
            return lambda given: run(given[0], given[1])
        if plain and taken == [0, 1, 2]:
            return lambda given: run(*given)

    def general(given: tuple[Any, ...]) -> Any:
        leaves = [leaf for leaf in tree.flatten(given) if isinstance(leaf, _Tensor)]
        return tree.pack_sequence_as(result, run(*leaves))

    return general


def _key(batch: tuple[Any, ...]) -> Any:
    """Returns the signature of a whole batch; that of an everyday one in a single call."""
    x, y, sample_weight = batch if len(batch) == 3 else (None, None, None)
    if type(x) is _Tensor and sample_weight is None:
        if y is None:
            return x.shape, x.stride(), x.dtype
        if type(y) is _Tensor:
            return x.shape, x.stride(), x.dtype, y.shape, y.stride(), y.dtype
    return tuple(map(signature, batch))


def signature(value: Any) -> Any:
    """Returns what two batches have in common that one program can serve."""
    if type(value) is _Tensor:
        return value.shape, value.stride(), value.dtype
    if value is None:
        return None
    if isinstance(value, _Tensor):
        return type(value), value.shape, value.stride(), value.dtype
    if isinstance(value, dict):
        return tuple((key, signature(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return type(value), *map(signature, value)
    return value
