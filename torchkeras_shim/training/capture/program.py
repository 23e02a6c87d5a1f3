"""A recording, turned into one flat Python function of kernel calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.training.capture.bindings import is_view, quickest
from torchkeras_shim.training.capture.recording import Call, leaves, tensors_in
from torchkeras_shim.training.capture.rewriting import Rewriter

_LITERALS = (bool, int, type(None))


class _Line:
    """One call that the program will make."""

    __slots__ = ("call", "makes", "reads", "stays")

    def __init__(self, call: Call, makes: list[str | None], reads: set[str], stays: bool) -> None:
        self.call = call
        self.makes = makes
        self.reads = reads
        self.stays = stays


class Compiler:
    """Turns recorded calls into a function.

    What never changes from run to run (views of weights, tensors of ones) is taken from the recording; what nobody
    reads is left out; everything else is called in the recorded order with the recorded arguments.

    Args:
        calls: The recorded calls.
        inputs: The tensors that change from run to run.
        outputs: The tensors to return, or `None`s.
    """

    def __init__(self, calls: Sequence[Call], inputs: Sequence[torch.Tensor], outputs: Sequence[Any]) -> None:
        self.refusal: str | None = None
        self._written = {
            _memory(tensor) for call in calls for tensor in _written_by(call) if tensor.layout is torch.strided
        }
        rewriter = Rewriter(calls, outputs, self._written)
        self._calls, outputs = rewriter.calls, rewriter.outputs
        self._rewriter = rewriter  # keeps alive what the identities below refer to
        self._returned = {_memory(tensor) for tensor in outputs if tensor is not None}
        self._names: dict[int, str] = {id(tensor): f"x{index}" for index, tensor in enumerate(inputs)}
        self._inputs = [f"x{index}" for index in range(len(inputs))]
        self._constants: dict[int, torch.Tensor] = {}
        self._frozen: set[int] = set()
        self._namespace: dict[str, Any] = {}
        self._held: dict[int, str] = {}
        if any(_memory(tensor) in self._written for tensor in inputs):
            self.refusal = "it changes its input in place"
        fresh = [call.result for call in calls if call.function.name() == "aten::lift_fresh"]
        if any(_memory(tensor) in self._written for tensor in fresh):
            self.refusal = "it changes a tensor in place that it makes from Python numbers in every run"
        self._outputs = outputs

    def compile(self) -> Callable[..., list[Any]]:
        """Returns the function: it takes the inputs one by one and returns the list of outputs."""
        lines = self._needed(self._lines())
        source = self._source(lines)
        namespace = dict(self._namespace)
        exec(compile(source, "<captured step>", "exec"), namespace)
        function: Callable[..., list[Any]] = namespace["captured"]
        function.source = source  # type: ignore[attr-defined]
        return function

    # What is called -------------------------------------------------------------------------------------------------

    def _lines(self) -> list[_Line]:
        lines: list[_Line] = []
        for call in self._calls:
            given = tensors_in(call.args, tuple(call.kwargs.values()))
            if self._is_constant(call, given):
                frozen = all(id(tensor) in self._frozen for tensor in given) or _needs_no_values(call)
                for tensor in tensors_in(call.result):
                    self._constants[id(tensor)] = tensor
                    if frozen:
                        self._frozen.add(id(tensor))
            else:
                lines.append(self._line(call, given, len(lines)))
        return lines

    def _is_constant(self, call: Call, given: list[torch.Tensor]) -> bool:
        """Tells whether a call gives the very tensor that was recorded in every run."""
        if _written_by(call) or _is_random(call.function):
            return False
        results = tensors_in(call.result)
        if any(_memory(tensor) in self._returned for tensor in results):
            return False  # whoever gets it may write to it
        fixed = all(id(tensor) not in self._names for tensor in given)
        if given and fixed and is_view(call.function):
            return True
        if any(_memory(tensor) in self._written for tensor in results):
            return False
        return _needs_no_values(call) or (bool(given) and all(id(tensor) in self._frozen for tensor in given))

    def _line(self, call: Call, given: list[torch.Tensor], number: int) -> _Line:
        reads = {self._names[id(tensor)] for tensor in given if id(tensor) in self._names}
        made: list[str | None] = []
        for index, leaf in enumerate(leaves(call.result)):
            if not isinstance(leaf, torch.Tensor) or any(leaf is tensor for tensor in given):
                made.append(None)
            else:
                made.append(self._names.setdefault(id(leaf), f"t{number}_{index}" if index else f"t{number}"))
        stays = bool(_written_by(call)) or _is_random(call.function)
        return _Line(call, made, reads, stays)

    def _needed(self, lines: list[_Line]) -> list[_Line]:
        wanted = {self._names[id(t)] for t in self._outputs if t is not None and id(t) in self._names}
        kept: list[_Line] = []
        for line in reversed(lines):
            if line.stays or any(name in wanted for name in line.makes):
                wanted |= line.reads
                kept.append(line)
        return kept[::-1]

    # How it is written ----------------------------------------------------------------------------------------------

    def _source(self, lines: list[_Line]) -> str:
        returned = [self._reference(tensor) if tensor is not None else "None" for tensor in self._outputs]
        last: dict[str, int] = {}
        for number, line in enumerate(lines):
            for name in (*line.reads, *(name for name in line.makes if name)):
                last[name] = number
        dying: dict[int, list[str]] = {}
        for name, number in last.items():
            if name not in returned and name not in self._inputs:
                dying.setdefault(number, []).append(name)
        text = [f"def captured({', '.join(self._inputs)}):"]
        for number, line in enumerate(lines):
            text.append(f"    {self._target(line)}{self._call(line.call)}")
            if number in dying:
                text.append(f"    del {', '.join(sorted(dying[number]))}")
        text.append(f"    return [{', '.join(returned)}]")
        return "\n".join(text) + "\n"

    def _target(self, line: _Line) -> str:
        if not any(line.makes):
            return ""
        if isinstance(line.call.result, torch.Tensor):
            return f"{line.makes[0]} = "
        return f"[{', '.join(name or '_' for name in line.makes)}] = "

    def _call(self, call: Call) -> str:
        function = self._hold(quickest(call))
        arguments = [self._reference(value) for value in call.args]
        arguments += [f"{key}={self._reference(value)}" for key, value in call.kwargs.items()]
        return f"{function}({', '.join(arguments)})"

    def _reference(self, value: Any) -> str:
        if isinstance(value, torch.Tensor):
            name = self._names.get(id(value))
            return name if name is not None else self._hold(self._constants.get(id(value), value).detach(), id(value))
        if isinstance(value, (list, tuple)) and tensors_in(value):
            return f"[{', '.join(self._reference(item) for item in value)}]"
        if type(value) in _LITERALS or (type(value) is float and math.isfinite(value)):
            return repr(value)
        return self._hold(value)

    def _hold(self, value: Any, key: int | None = None) -> str:
        """Gives a constant a name. `key` tells tensors apart whose plain alias is what is kept."""
        key = id(value) if key is None else key
        if key not in self._held:
            self._held[key] = f"c{len(self._held)}"
            self._namespace[self._held[key]] = value
        return self._held[key]


def _memory(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _written_by(call: Call) -> list[torch.Tensor]:
    """Returns the arguments that a kernel writes to."""
    written: list[torch.Tensor] = []
    for index, argument in enumerate(call.function._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = call.kwargs.get(argument.name, call.args[index] if index < len(call.args) else None)
            written += tensors_in(value)
    return written


def _is_random(function: Any) -> bool:
    return torch.Tag.nondeterministic_seeded in function.tags


def _needs_no_values(call: Call) -> bool:
    """Tells whether a kernel fills a tensor without a look at any other: `ones_like`, `full`, `arange`."""
    name = call.function.name().split("::")[1].split(".")[0]
    return name.endswith(("ones_like", "zeros_like", "full_like")) or name in (
        "ones", "zeros", "full", "arange", "scalar_tensor", "eye", "new_zeros", "new_ones", "new_full",
    )  # fmt: skip
