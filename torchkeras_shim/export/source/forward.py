"""A graph of `torch.fx` as the straight lines of a `forward`."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from torchkeras_shim.core.torch_private import overload_of
from torchkeras_shim.export.source.catalog import PART_NAMES, is_part
from torchkeras_shim.export.source.modules import is_changed
from torchkeras_shim.export.source.operators import plainly
from torchkeras_shim.export.source.text import Call, Names, checked, literal, statement

_INFIX: dict[Any, str] = {
    torch.add: "+",
    operator.add: "+",
    torch.sub: "-",
    operator.sub: "-",
    torch.mul: "*",
    operator.mul: "*",
    torch.div: "/",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    torch.matmul: "@",
    operator.matmul: "@",
    torch.ne: "!=",
    operator.ne: "!=",
    torch.eq: "==",
    operator.eq: "==",
    torch.ge: ">=",
    operator.ge: ">=",
    torch.gt: ">",
    operator.gt: ">",
    torch.le: "<=",
    operator.le: "<=",
    torch.lt: "<",
    operator.lt: "<",
    operator.and_: "&",
    operator.or_: "|",
}
#: Functions of torch that read better as methods.
_METHODS = {
    "abs", "amax", "amin", "any", "all", "bool", "chunk", "clamp", "cumsum", "exp", "expand", "flatten", "flip", "log",
    "mean", "movedim", "narrow", "permute", "prod", "repeat_interleave", "reshape", "select", "sigmoid", "softmax",
    "square", "squeeze", "sqrt", "sum", "t", "tanh", "tril", "transpose", "unflatten", "unsqueeze",
}  # fmt: skip
#: What `make_fx` calls its inputs.
_OF_TRACER = re.compile(r"arg\d+_\d+")
_REDUCTIONS = {"mean", "sum", "amax", "amin", "any", "all"}
_NAMESPACES: tuple[tuple[Any, str], ...] = (
    (F, "F"),
    (torch, "torch"),
    (torch.linalg, "torch.linalg"),
    (torch.special, "torch.special"),
    (torch.fft, "torch.fft"),
)


def _between(low: float, high: float) -> tuple[str, list[str | Call]]:
    if (low, high) == (0.0, 6.0):
        return "F.relu6", []
    return "F.hardtanh", [f"min_val={literal(low)}", f"max_val={literal(high)}"]


#: Modules without weights and modes that read better as functions: what stands behind the input.
_FUNCTIONS: dict[type, Callable[[Any], tuple[str, list[str | Call]]]] = {
    nn.ReLU: lambda m: ("F.relu", []),
    nn.ReLU6: lambda m: ("F.relu6", []),
    nn.LeakyReLU: lambda m: ("F.leaky_relu", [f"negative_slope={literal(m.negative_slope)}"]),
    nn.ELU: lambda m: ("F.elu", [] if m.alpha == 1.0 else [f"alpha={literal(m.alpha)}"]),
    nn.CELU: lambda m: ("F.celu", [] if m.alpha == 1.0 else [f"alpha={literal(m.alpha)}"]),
    nn.SELU: lambda m: ("F.selu", []),
    nn.SiLU: lambda m: ("F.silu", []),
    nn.GELU: lambda m: ("F.gelu", [] if m.approximate == "none" else [f"approximate={literal(m.approximate)}"]),
    nn.Mish: lambda m: ("F.mish", []),
    nn.Softplus: lambda m: ("F.softplus", []),
    nn.Softsign: lambda m: ("F.softsign", []),
    nn.LogSigmoid: lambda m: ("F.logsigmoid", []),
    nn.Hardsigmoid: lambda m: ("F.hardsigmoid", []),
    nn.Hardswish: lambda m: ("F.hardswish", []),
    nn.Hardtanh: lambda m: _between(m.min_val, m.max_val),
    nn.Sigmoid: lambda m: ("torch.sigmoid", []),
    nn.Tanh: lambda m: ("torch.tanh", []),
    nn.Flatten: lambda m: ("torch.flatten", ["1"]),
    nn.Softmax: lambda m: ("F.softmax", [f"dim={literal(m.dim)}"]),
    nn.LogSoftmax: lambda m: ("F.log_softmax", [f"dim={literal(m.dim)}"]),
}
_SIMPLE: dict[type, nn.Module] = {nn.Softplus: nn.Softplus(), nn.Mish: nn.Mish(), nn.Flatten: nn.Flatten()}


def as_function(module: nn.Module) -> tuple[str, list[str | Call]] | None:
    """Returns the function, and its further arguments, that a module without state stands for."""
    make = None if is_changed(module) else _FUNCTIONS.get(type(module))
    plain = _SIMPLE.get(type(module))
    if make is None or (plain is not None and repr(plain) != repr(module)):
        return None
    return make(module)


class UnknownCall(TypeError):
    """A node whose function or constant has no text. Its first argument is the node, its second the reason."""


class Forward:
    """Writes the body of a `forward`.

    Args:
        module: The module with the graph.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        self.module = module
        self._names = Names({*PART_NAMES, "x"})
        self._text: dict[fx.Node, str] = {}
        self._waiting: dict[fx.Node, str | Call] = {}  # what is written inside the line of its only user
        self.lines: list[str] = []
        self.inputs: list[str] = []
        self.parts: set[Callable[..., Any]] = set()

    def write(self) -> list[str]:
        """Returns the lines, indented as in a method of a class."""
        nodes = list(self.module.graph.nodes)
        shown = [node for node in nodes if node.op not in ("placeholder", "get_attr") and not _reads_size(node)]
        following = dict(itertools.pairwise(shown))
        for node in nodes:
            if node.op == "placeholder":
                name = str(node.meta.get("name") or node.target)
                self._text[node] = self._names.give("inputs" if _OF_TRACER.fullmatch(name) else name, "inputs")
                self.inputs.append(self._text[node])
            elif node.op == "get_attr":
                self._text[node] = f"self.{checked(str(node.target))}"
            elif node.op == "output":
                self._line("return ", self._argument(node.args[0]))
            elif node not in self._text:
                self._node(node, following)
        return self.lines

    # One node -------------------------------------------------------------------------------------------------------

    def _node(self, node: fx.Node, following: dict[fx.Node, fx.Node]) -> None:
        try:
            expression = self._expression(node)
        except TypeError as error:
            raise UnknownCall(node, str(error)) from error
        if _reads_size(node) and self._text.get(node.args[0], "x") != "x":  # type: ignore[arg-type]
            self._waiting[node] = expression  # read in the lines that need it
            return
        after = following.get(node)
        only = after if after is not None and list(node.users) == [after] else None  # the one user, on the next line
        if only is not None and (only.op == "output" or self._wraps(only, node)):
            self._waiting[node] = expression
            return
        if self._unpacks(node):
            self._unpack(node, expression)
            return
        self._text[node] = "x" if only is not None else self._name(node)
        if note := node.meta.get("note"):
            self.lines += [f"        # {line}" for line in note.splitlines()]
        self._line(f"{self._text[node]} = ", expression)

    def _name(self, node: fx.Node) -> str:
        own = "part" if node.target is operator.getitem else getattr(node.target, "__name__", None)
        text = str(node.meta.get("name") or own or node.target)
        return self._names.give(text, "value")

    def _wraps(self, user: fx.Node, node: fx.Node) -> bool:
        """Returns whether a node is written inside the line of its user: an activation around a module's call."""
        if node.op != "call_module" or user.op != "call_module" or user.args[:1] != (node,):
            return False
        inner, outer = (self.module.get_submodule(str(one.target)) for one in (node, user))
        return as_function(outer) is not None and as_function(inner) is None

    def _unpacks(self, node: fx.Node) -> bool:
        called = self.module.get_submodule(str(node.target)) if node.op == "call_module" else None
        return isinstance(called, nn.RNNBase) and all(user.target is operator.getitem for user in node.users)

    def _unpack(self, node: fx.Node, expression: str | Call) -> None:
        """Writes `outputs, (hidden, cell) = self.lstm(x)`, with `_` for what nobody reads."""
        parts: dict[Any, fx.Node] = {user.args[1]: user for user in node.users}
        outputs = self._target(parts.get(0), "outputs")
        state = parts.get(1)
        if isinstance(self.module.get_submodule(str(node.target)), nn.LSTM) and state is not None:
            halves = {user.args[1]: user for user in state.users if user.target is operator.getitem}
            if len(halves) == len(state.users):
                pair = ", ".join(self._target(halves.get(i), n) for i, n in enumerate(("hidden", "cell")))
                self._text[state] = ""
                self._line(f"{outputs}, ({pair}) = ", expression)
                return
        self._line(f"{outputs}, {self._target(state, 'hidden')} = ", expression)

    def _target(self, node: fx.Node | None, name: str) -> str:
        if node is None or not node.users:
            return "_"
        self._text[node] = self._names.give(name)
        return self._text[node]

    def _line(self, prefix: str, expression: str | Call) -> None:
        self.lines += statement(prefix, expression, indent=8)

    # Expressions ----------------------------------------------------------------------------------------------------

    def _expression(self, node: fx.Node) -> str | Call:
        args = [self._argument(argument) for argument in node.args]
        named = [_keyword(checked(key), self._argument(value)) for key, value in node.kwargs.items()]
        if node.op == "call_module":
            function = as_function(self.module.get_submodule(str(node.target)))
            if function is not None:
                return Call(function[0], [*args, *function[1]])
            return Call(f"self.{checked(str(node.target))}", [*args, *named])
        if node.op == "call_method":
            return self._method(checked(str(node.target)), args, named)
        if node.target is operator.getitem:
            return f"{args[0]}[{self._index(node.args[1])}]"
        infix = _INFIX.get(node.target)
        if infix is not None and len(args) == 2 and not named and fx.Node in map(type, node.args):
            return f"{args[0]}**{args[1]}" if infix == "**" else f"{args[0]} {infix} {args[1]}"
        return self._called(node, args, named)

    def _method(self, name: str, args: list[str | Call], named: list[str | Call]) -> Call:
        """Returns the call of a method as one writes it by hand."""
        owner, rest = args[0], list(args[1:])
        if name in ("permute", "expand", "reshape") and len(rest) == 1 and isinstance(rest[0], Call):
            rest = list(rest[0].arguments)
        if name in _REDUCTIONS and rest:
            keep = [] if len(rest) < 2 or rest[1] == "False" else [_keyword("keepdim", rest[1])]
            rest = [_keyword("dim", rest[0]), *keep]
        return Call(f"{owner}.{name}", [*rest, *named])

    def _called(self, node: fx.Node, args: list[str | Call], named: list[str | Call]) -> str | Call:
        function: Any = node.target
        overload = overload_of(function)
        if overload is not None:
            namespace, name, kind = overload
            written = plainly(name, args, named) if namespace == "aten" else None
            return written or Call(f"torch.ops.{namespace}.{name}.{kind}", [*args, *named])
        name = getattr(function, "__name__", "")
        if is_part(function):
            self.parts.add(function)
            return Call(name, [*args, *named])
        if (
            name in _METHODS
            and getattr(torch, name, None) is function
            and node.args
            and isinstance(node.args[0], fx.Node)
        ):
            return self._method(name, args, named)
        if function is F.pad:
            args = [args[0], _as_tuple(args[1])]
            named = [] if node.kwargs.get("value") in (None, 0) else named
        for namespace, text in _NAMESPACES:
            short = name.removeprefix(f"{text.rpartition('.')[2]}_")  # `torch.linalg.norm` calls itself `linalg_norm`
            if short.isidentifier() and getattr(namespace, short, None) is function:
                return Call(f"{text}.{short}", [*args, *named])
        if getattr(operator, name, None) is function:
            if name == "neg":
                return f"-{args[0]}"
            if name == "invert":
                return f"~{args[0]}"
        raise TypeError(f"the function {name[:60]!r} is not one of torch's public ones")

    def _argument(self, value: Any) -> str | Call:
        if isinstance(value, fx.Node):
            return self._waiting[value] if value in self._waiting else self._text[value]
        if isinstance(value, (tuple, list)):
            brackets = "[]" if isinstance(value, list) else "()"
            return Call("", [self._argument(item) for item in value], brackets)
        if isinstance(value, dict):
            return Call("", [f"{literal(key)}: {self._argument(item)}" for key, item in value.items()], "{}")
        if isinstance(value, slice):
            return Call("slice", [self._argument(part) for part in (value.start, value.stop, value.step)])
        return literal(value)

    def _index(self, value: Any) -> str:
        parts = value if isinstance(value, tuple) and value else (value,)
        texts = [self._slice(part) if isinstance(part, slice) else str(self._argument(part)) for part in parts]
        return ", ".join(texts) + ("," if isinstance(value, tuple) and len(texts) == 1 else "")

    def _slice(self, value: slice) -> str:
        ends = ["" if part is None else str(self._argument(part)) for part in (value.start, value.stop)]
        return ":".join(ends) + ("" if value.step is None else f":{self._argument(value.step)}")


def _as_tuple(value: str | Call) -> str | Call:
    return Call("", value.arguments, "()") if isinstance(value, Call) else value


def _reads_size(node: fx.Node) -> bool:
    """Returns whether a node reads a size of something that has a name of its own, because others read it too."""
    source = node.args[0] if node.args else None
    wanted = node.op == "call_method" and node.target == "size" and len(node.args) == 2
    return wanted and isinstance(source, fx.Node) and (source.op == "placeholder" or len(source.users) > 1)


def _keyword(key: str, value: str | Call) -> str | Call:
    return Call(f"{key}={value.head}", value.arguments, value.brackets) if isinstance(value, Call) else f"{key}={value}"
