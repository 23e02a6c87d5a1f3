"""A function of batches that records itself once per shape and is replayed from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from torchkeras_shim.core import tree
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training.capture.checking import check, first_line
from torchkeras_shim.training.capture.program import Compiler, Program, Undone
from torchkeras_shim.training.capture.recording import record
from torchkeras_shim.training.capture.surroundings import obstacle, surroundings

_Tensor = torch.Tensor

#: Programs for more shapes than this are not worth their memory: data of ever new shapes runs as it is written.
MAX_PROGRAMS = 8


class Captured:
    """Runs a function as it is for the first batch of a shape, records the second, tests the third, then replays.

    The numbers are the same: the same kernels run in the same order and in the same modes. What the function does
    besides calling kernels (printing, counting in Python) happens in the first three runs only.

    A replay that fails on account of its data is undone, and the function says what is wrong. One that fails where the
    function does not, or gives other numbers in its test, is the last one.

    Args:
        function: Takes batches (tensors, structures of them, `None`s), works in place on what it holds, and returns a
            tensor or a structure of tensors.

    Attributes:
        refusal: Why the function cannot be replayed; `None` as far as is known.
        obstacle: Why the last batch was not replayed though it could be; `None` if there was no such reason.
        programs: The recorded functions by signature and modes; `None` for what was seen once.
        replayed: How many batches were replayed.
        written: How many ran as they are written.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.refusal: str | None = None
        self.obstacle: str | None = None
        self.programs: dict[Any, Program | None] = {}
        self.replayed = self.written = 0
        self._hooks = _hooks()
        self._stale = False

    def __call__(self, *batch: Any) -> Any:
        key = _key(batch)
        program = self.programs.get(key)
        if program is None or not program.trusted or RemovableHandle.next_id != self._hooks:
            return self._meet(key, batch)
        try:
            result = program.run(batch)
        except Undone as failure:
            return self._instead(failure, batch)
        except Exception as error:
            self._give_up(f"a replay failed with {type(error).__name__}: {first_line(error)}")
            raise
        self.replayed += 1
        return result

    def plainly(self, *batch: Any) -> Any:
        """Runs the function as it is: for a first batch that is to be looked at by value."""
        key = _key(batch)
        if self.refusal is None and len(self.programs) < MAX_PROGRAMS:
            self.programs.setdefault(key, None)
        return self._as_written(batch)

    def _as_written(self, batch: tuple[Any, ...]) -> Any:
        self.written += 1
        try:
            return self.function(*batch)
        finally:
            if not self._stale:
                self._hooks = _hooks()  # those that the function itself adds are part of it

    def _meet(self, key: Any, batch: tuple[Any, ...]) -> Any:
        """Runs a batch that no trusted program serves."""
        if _hooks() != self._hooks and not self._stale:
            self._stale = True
            StructureVersion.bump()  # the trainer looks again at what it runs, and makes another one of these
        self.obstacle = "a hook was added" if self._stale else obstacle()
        if self.refusal is not None or self.obstacle is not None:
            return self._as_written(batch)
        if key not in self.programs:
            return self.plainly(*batch)
        program = self.programs[key]
        if program is None:
            return self._record(key, batch)
        self.written += 1
        result, problem = check(program, self.function, batch)
        if problem is not None:
            self._give_up(problem)
        program.trusted = True
        self._hooks = _hooks()
        return result

    def _record(self, key: Any, batch: tuple[Any, ...]) -> Any:
        """Runs a batch as it is written, and makes a program of it."""
        refusal = looked_at_on_the_host(batch)
        if refusal is not None:
            self._give_up(refusal)
            return self._as_written(batch)
        self.written += 1
        # Aliases, so that one tensor given twice is two inputs.
        batch = tree.map_structure(lambda leaf: leaf.detach() if isinstance(leaf, _Tensor) else leaf, batch)
        inputs = _tensors(batch)
        result, recorder = record(self.function, batch)
        self._hooks = _hooks()
        refusal = recorder.refusal
        if refusal is None:
            compiler = Compiler(recorder.calls, inputs, tree.flatten(result), torch.is_grad_enabled())
            if compiler.refusal is None:
                self.programs[key] = Program(compiler, _compiled(compiler, batch, result))
            refusal = compiler.refusal
        if refusal is not None:
            self._give_up(refusal)
        return result

    def _instead(self, failure: Undone, batch: tuple[Any, ...]) -> Any:
        """Runs a batch whose replay has failed and is undone: if the data is to blame, the function says so."""
        result = self._as_written(batch)
        cause = failure.__cause__ or failure
        self._give_up(f"a replay failed with {type(cause).__name__}: {first_line(cause)}")
        return result

    def _give_up(self, refusal: str) -> None:
        self.refusal = refusal
        self.programs.clear()


def _hooks() -> int:
    """Returns how many hooks were ever added, to modules and tensors alike: a replay must hear of a new one."""
    number: int = RemovableHandle.next_id
    return number


def _compiled(compiler: Compiler, batch: tuple[Any, ...], result: Any) -> Callable[[tuple[Any, ...]], Any]:
    """Compiles a function for batches and results of the structure given here."""
    if all(leaf is None or type(leaf) is _Tensor for leaf in batch):
        unpack = ", ".join(f"given[{index}]" for index, leaf in enumerate(batch) if leaf is not None)
        run = compiler.compile(f"{unpack},")
    else:
        run = compiler.compile("tensors(given)", tensors=_tensors)
    if isinstance(result, list) and not any(tree.is_nested(item) for item in result):
        return run
    return lambda given: tree.pack_sequence_as(result, run(given))


def _tensors(batch: tuple[Any, ...]) -> list[torch.Tensor]:
    return [leaf for leaf in tree.flatten(batch) if isinstance(leaf, _Tensor)]


def _key(batch: tuple[Any, ...]) -> Any:
    """Returns the signature of a whole batch in the modes of the moment; that of an everyday one in a single call."""
    x, y, sample_weight = batch if len(batch) == 3 else (None, None, None)
    if type(x) is _Tensor and sample_weight is None:
        if y is None:
            return surroundings(), x.shape, x.stride(), x.dtype
        if type(y) is _Tensor:
            return surroundings(), x.shape, x.stride(), x.dtype, y.shape, y.stride(), y.dtype
    return surroundings(), *map(signature, batch)


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
    if isinstance(value, (StringTensor, RaggedTensor)):
        return type(value)  # of no use but to be refused
    return value


def looked_at_on_the_host(batch: Any) -> str | None:
    """Returns why a batch cannot be replayed with: it holds what is not a tensor; `None` if it can."""
    if any(isinstance(leaf, (StringTensor, RaggedTensor)) for leaf in tree.flatten(batch)):
        return "the batch holds text or ragged rows, which layers look at on the host"
    return None
