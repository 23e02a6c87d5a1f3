"""A recording, turned into one flat Python function of kernel calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core.torch_private import set_grad_mode, storage_id
from torchkeras_shim.training.capture.bindings import below_autograd, is_view, quickest
from torchkeras_shim.training.capture.effects import generator_of, is_random, takes_any_values, written_by
from torchkeras_shim.training.capture.recording import Call, leaves, tensors_in
from torchkeras_shim.training.capture.rewriting import Rewriter
from torchkeras_shim.training.capture.undoing import Saved

_LITERALS = (bool, int, type(None))
_FILE = "<captured step>"


class Undone(Exception):
    """A replay failed, and what it had done is undone; the cause says why it failed."""


class Program:
    """A flat function of kernel calls that leaves no trace where it fails.

    What is written or drawn before the last kernel that can fail is saved first. A failure that nobody expected (no
    memory left) after other writes leaves them as they are.

    Args:
        compiler: Where it comes from.
        run: The function: from a batch to the results.

    Attributes:
        run: The function. It raises `Undone` if a kernel fails and everything is as before; another error if it fails
            after something that cannot be undone.
        outside: The tensors that it reads or writes and does not make, as plain aliases.
        written: Those it writes to.
        generators: What it draws from.
        trusted: Whether it has passed its test.
        source: Its text.
        namespace: What the text calls and uses, by name.
    """

    def __init__(self, compiler: Compiler, run: Callable[[tuple[Any, ...]], Any]) -> None:
        self.run = run
        self.source, self.namespace = compiler.source, compiler.namespace
        self.outside, self.written, self.generators = compiler.outside, compiler.written, compiler.generators
        self.trusted = False


def _undo(error: BaseException, saved: Saved | None, unsaved_from: float) -> None:
    """Undoes what a failed replay has done, and says so; returns if that is not possible."""
    traceback, line = error.__traceback__, 0
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == _FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    if line < unsaved_from:
        if saved is not None:
            saved.restore()
        raise Undone from error


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
        grad_mode: Whether gradients are enabled where the program is called.

    Attributes:
        refusal: Why the calls cannot be replayed; `None` as far as is known.
        source: The text of the function.
        namespace: What it calls and uses, by name.
        outside: The tensors that it uses and does not make.
        written: Those that it writes to.
        generators: What it draws from.
        saved: What is written up to the last kernel that can fail.
        draws_early: Whether random numbers are drawn up to there.
        unsaved_from: The first line of the text that writes or draws later than that.
    """

    def __init__(
        self, calls: Sequence[Call], inputs: Sequence[torch.Tensor], outputs: Sequence[Any], grad_mode: bool = False
    ) -> None:
        self.grad_mode = grad_mode
        self.source = ""
        self.outside: list[torch.Tensor] = []
        self.written: list[torch.Tensor] = []
        self.saved: list[torch.Tensor] = []
        self.generators: list[torch.Generator] = []
        self.draws_early = False
        self.unsaved_from = math.inf
        self.refusal: str | None = None
        self._written = {
            storage_id(tensor) for call in calls for tensor in written_by(call) if tensor.layout is torch.strided
        }
        rewriter = Rewriter(calls, outputs, self._written)
        self._calls, outputs = rewriter.calls, rewriter.outputs
        self._rewriter = rewriter  # keeps alive what the identities below refer to
        self._returned = {storage_id(tensor) for tensor in outputs if tensor is not None}
        self._names: dict[int, str] = {id(tensor): f"x{index}" for index, tensor in enumerate(inputs)}
        self._inputs = [f"x{index}" for index in range(len(inputs))]
        self._constants: dict[int, torch.Tensor] = {}
        self._frozen: set[int] = set()
        self.namespace: dict[str, Any] = {}
        self._held: dict[int, str] = {}
        if any(storage_id(tensor) in self._written for tensor in inputs):
            self.refusal = "it changes its input in place"
        fresh = [call.result for call in calls if call.function.name() == "aten::lift_fresh"]
        if any(storage_id(tensor) in self._written for tensor in fresh):
            self.refusal = "it changes a tensor in place that it makes from Python numbers in every run"
        self._outputs = outputs

    def compile(self, unpack: str, **names: Any) -> Callable[[tuple[Any, ...]], list[Any]]:
        """Returns the function: it takes a batch and returns the list of outputs.

        Args:
            unpack: The expression that takes a batch, `given`, apart into the inputs.
            **names: What the expression uses.
        """
        lines = self._needed(self._lines())
        body, places = self._body(lines)
        start = [f"{', '.join(self._inputs)}, = {unpack}"] if self._inputs else []
        self._note_effects(lines, places, first=len(start) + 5)
        self.namespace.update(
            names, below_autograd=below_autograd, set_grad_mode=set_grad_mode, undo=_undo, Saved=Saved,
            unsaved_from=self.unsaved_from, written=self.saved, drawn=self.generators if self.draws_early else [],
        )  # fmt: skip
        saved = "Saved(written, drawn)" if self.saved or self.draws_early else "None"
        text = [*start, f"saved = {saved}", "try:", "    with below_autograd():", *(f"        {line}" for line in body)]
        text += ["except Exception as error:", "    undo(error, saved, unsaved_from)", "    raise"]
        text += ["finally:", f"    set_grad_mode({self.grad_mode})"]
        self.source = "\n".join(["def captured(given):", *(f"    {line}" for line in text)]) + "\n"
        exec(compile(self.source, _FILE, "exec"), self.namespace)
        function: Callable[[tuple[Any, ...]], list[Any]] = self.namespace["captured"]
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
        """Returns whether a call gives the very tensor that was recorded in every run."""
        if written_by(call) or is_random(call.function):
            return False
        results = tensors_in(call.result)
        if any(storage_id(tensor) in self._returned for tensor in results):
            return False  # who gets it may write to it
        fixed = all(id(tensor) not in self._names for tensor in given)
        if given and fixed and is_view(call.function):
            return True
        if any(storage_id(tensor) in self._written for tensor in results):
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
        stays = bool(written_by(call)) or is_random(call.function)
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

    def _body(self, lines: list[_Line]) -> tuple[list[str], list[int]]:
        """Returns the text, and at which of its lines each call stands."""
        returned = [self._reference(tensor) if tensor is not None else "None" for tensor in self._outputs]
        last: dict[str, int] = {}
        for number, line in enumerate(lines):
            for name in (*line.reads, *(name for name in line.makes if name)):
                last[name] = number
        dying: dict[int, list[str]] = {}
        for name, number in last.items():
            if name not in returned and name not in self._inputs:
                dying.setdefault(number, []).append(name)
        text: list[str] = []
        places: list[int] = []
        mode = self.grad_mode
        for number, line in enumerate(lines):
            if line.call.grad_mode is not mode:
                mode = line.call.grad_mode
                text.append(f"set_grad_mode({mode})")
            places.append(len(text))
            text.append(f"{self._target(line)}{self._call(line.call)}")
            if number in dying:
                text.append(f"del {', '.join(sorted(dying[number]))}")
        text.append(f"return [{', '.join(returned)}]")
        return text, places

    def _note_effects(self, lines: list[_Line], places: list[int], first: int) -> None:
        """Finds out what stays of a run besides its results, and what of it has to be undone after a failure."""
        last = max((number for number, line in enumerate(lines) if not takes_any_values(line.call)), default=-1)
        outside = {storage_id(tensor): tensor for tensor in self.outside}
        for number, line in enumerate(lines):
            written = [tensor for tensor in written_by(line.call) if storage_id(tensor) in outside]
            aliases = [
                self.namespace[self._held[id(tensor)]] if id(tensor) in self._held else outside[storage_id(tensor)]
                for tensor in written
            ]
            self.written += aliases
            drawn = generator_of(line.call) if is_random(line.call.function) else None
            if is_random(line.call.function) and drawn is None:
                self.refusal = "it draws from a generator whose state cannot be read"
            if drawn is not None and not any(drawn is one for one in self.generators):
                self.generators.append(drawn)
            if number <= last:
                self.saved += [alias for alias in aliases if not any(alias is one for one in self.saved)]
                self.draws_early |= drawn is not None
            elif written or drawn is not None:
                self.unsaved_from = min(self.unsaved_from, first + places[number])

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
            return name if name is not None else self._hold_tensor(value)
        if isinstance(value, (list, tuple)) and tensors_in(value):
            return f"[{', '.join(self._reference(item) for item in value)}]"
        if type(value) in _LITERALS or (type(value) is float and math.isfinite(value)):
            return repr(value)
        return self._hold(value)

    def _hold_tensor(self, tensor: torch.Tensor) -> str:
        """Gives a tensor from outside a name: a plain alias, which a kernel cannot tell from the tensor itself."""
        if id(tensor) not in self._held:
            alias = self._constants.get(id(tensor), tensor).detach()
            self.outside.append(alias)
            self._hold(alias.requires_grad_(tensor.requires_grad), id(tensor))
        return self._held[id(tensor)]

    def _hold(self, value: Any, key: int | None = None) -> str:
        """Gives a constant a name. `key` tells tensors apart whose plain alias is what is kept."""
        key = id(value) if key is None else key
        if key not in self._held:
            self._held[key] = f"c{len(self._held)}"
            self.namespace[self._held[key]] = value
        return self._held[key]


def _needs_no_values(call: Call) -> bool:
    """Returns whether a kernel fills a tensor without a look at any other: `ones_like`, `full`, `arange`."""
    name = call.function.name().split("::")[1].split(".")[0]
    return name.endswith(("ones_like", "zeros_like", "full_like")) or name in (
        "ones", "zeros", "full", "arange", "scalar_tensor", "eye", "new_zeros", "new_ones", "new_full",
    )  # fmt: skip
