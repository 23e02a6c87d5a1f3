"""A tree of graph modules as classes: the constructor's lines, and the `forward` of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx, nn

from torchkeras_shim.export.source import notes
from torchkeras_shim.export.source.catalog import is_part
from torchkeras_shim.export.source.forward import Forward, UnknownCall, as_function
from torchkeras_shim.export.source.modules import constructor
from torchkeras_shim.export.source.text import Call, Names, checked, class_name, literal, reference, statement

_ADVICE = "Write it into the file by hand, or take `model.to_torch()` as it is."


class Classes:
    """Writes the classes of a file.

    Args:
        problems: Where what cannot be written is noted.
        taken: Names of the file that are in use.

    Attributes:
        texts: The lines of each class, those that others use first.
        parts: The parts that they use.
    """

    def __init__(self, problems: list[str], taken: set[str]) -> None:
        self.problems = problems
        self.names = Names(taken)
        self.texts: list[list[str]] = []
        self.parts: set[Callable[..., Any]] = set()
        self._written: dict[int, tuple[str, nn.Module]] = {}
        self._noted: set[str] = set()

    def add(self, module: fx.GraphModule, name: str, first_lines: list[str] | None = None) -> str:
        """Writes a module as a class, and those inside it before. Returns the name of the class."""
        if id(module) in self._written:
            return self._written[id(module)][0]
        members = _members(module)
        wanted = class_name(name)
        own = self.names.give("Block" if wanted == "Network" and not first_lines else wanted, "Network")
        made = [line for path in members for line in self._member(module, path)]
        self._written[id(module)] = (own, module)
        lines = [
            f"class {own}(nn.Module):",
            *(f"    {line}".rstrip() for line in first_lines or []),
            *([""] if first_lines else []),
        ]
        tied = [*_tied(module), *self._type(module)] if first_lines else []
        if made or tied:
            lines += ["    def __init__(self) -> None:", "        super().__init__()", *made, *tied, ""]
        try:
            self.texts.append([*lines, *self._forward(module)])
        except UnknownCall as error:
            self.problems.append(f"Part '{_shown(error.args[0])}' cannot be written: {error.args[1]}. {_ADVICE}")
        return own

    def _forward(self, module: fx.GraphModule) -> list[str]:
        forward = Forward(module)
        body = forward.write()
        self.parts |= forward.parts
        arguments = ["self", *(f"{name}: torch.Tensor" for name in forward.inputs)]
        result = "torch.Tensor" if _returns_tensor(module) else f"{_container(module)}"
        return [*statement("def forward", Call("", arguments), f" -> {result}:", indent=4), *body]

    # Members --------------------------------------------------------------------------------------------------------

    def _member(self, module: fx.GraphModule, path: str) -> Iterator[str]:
        try:
            yield from self._made(module, checked(path))
        except TypeError as error:
            self.problems.append(f"Module '{path[:60]}' cannot be written: {error}. {_ADVICE}")

    def _made(self, module: fx.GraphModule, path: str) -> Iterator[str]:
        value: Any = getattr(module, path)
        if isinstance(value, nn.Parameter):
            asked = [] if value.requires_grad else ["requires_grad=False"]
            empty = Call("torch.zeros", [literal(size) for size in value.shape] or ["()"])
            yield from statement(f"self.{path} = ", Call("nn.Parameter", [empty, *asked]), indent=8)
        elif isinstance(value, torch.Tensor):
            yield from statement("", Call("self.register_buffer", [literal(path), _constant(value)]), indent=8)
        else:
            yield from self._module(path, value)

    def _module(self, path: str, value: nn.Module) -> Iterator[str]:
        if isinstance(value, fx.GraphModule):
            name = self.add(value, str(value.meta.get("name") or path))
            yield from statement(f"self.{path} = ", Call(name), indent=8)
            return
        call = constructor(value)
        if call is None:
            kind = type(value).__name__
            why = (
                "its arguments cannot be told from it"
                if type(value).__module__.startswith("torch.")
                else "it is code of your own"
            )
            self.problems.append(f"Module '{path}' (of type {kind}) cannot be written: {why}. {_ADVICE}")
            return
        if is_part(type(value)):
            self.parts.add(type(value))
        yield from self._note(value)
        yield from statement(f"self.{path} = ", call, indent=8)
        yield from _frozen(path, value)

    def _type(self, root: nn.Module) -> list[str]:
        """Returns the line that gives all weights their type, if it is not torch's own."""
        types = {value.dtype for value in root.state_dict().values() if value.is_floating_point()}
        if len(types) > 1:
            self.problems.append(f"The weights have several types, {sorted(map(str, types))}. {_ADVICE}")
        return [f"        self.to({kind})" for kind in types if len(types) == 1 and kind != torch.float32]

    def _note(self, module: nn.Module) -> Iterator[str]:
        """A comment where torch's module differs from Keras's layer: the first time in a file."""
        text = notes.of(module)
        if text and text not in self._noted:
            self._noted.add(text)
            yield from (f"        # {line}" for line in text.splitlines())


def _members(module: fx.GraphModule) -> list[str]:
    """Returns the paths of the modules and weights that a graph uses, in its order, without functions in disguise."""
    found: dict[str, None] = {}
    for node in module.graph.nodes:
        path = str(node.target)
        if node.op == "get_attr" or (node.op == "call_module" and as_function(module.get_submodule(path)) is None):
            found[path] = None
    return list(found)


def _frozen(path: str, module: nn.Module) -> Iterator[str]:
    weights = dict(module.named_parameters())
    still = [name for name, weight in weights.items() if not weight.requires_grad]
    if still and len(still) == len(weights):
        yield f"        self.{path}.requires_grad_(False)"
        return
    yield from (f"        self.{reference(f'{path}.{name}')}.requires_grad_(False)" for name in still)


def _tied(root: nn.Module) -> list[str]:
    """Returns the lines that make one of modules and weights which several classes share."""
    first: dict[int, str] = {}
    lines: list[str] = []

    def visit(module: nn.Module, prefix: str) -> None:
        parts = [*module._parameters.items(), *module._buffers.items(), *module._modules.items()]
        for name, value in parts:
            path = f"{prefix}.{name}"
            if value is None or (isinstance(value, nn.Module) and not value.state_dict()):
                continue
            if id(value) in first:
                lines.append(f"        {reference(path)} = {reference(first[id(value)])}")
                continue
            first[id(value)] = path
            if isinstance(value, nn.Module):
                visit(value, path)

    visit(root, "self")
    return ["        # Shared: one weight in several places.", *lines] if lines else []


def _constant(value: torch.Tensor) -> str | Call:
    if value.numel() <= 16:
        kind = [] if value.dtype == torch.float32 else [f"dtype={value.dtype}"]
        return Call("torch.tensor", [literal(value.tolist()), *kind])
    kind = [] if value.dtype == torch.float32 else [f"dtype={value.dtype}"]
    return Call("torch.zeros", [*map(literal, value.shape), *kind])


def _returns_tensor(module: fx.GraphModule) -> bool:
    return isinstance(next(iter(reversed(module.graph.nodes))).args[0], fx.Node)


def _container(module: fx.GraphModule) -> str:
    outputs = next(iter(reversed(module.graph.nodes))).args[0]
    if isinstance(outputs, dict):
        return "dict[str, torch.Tensor]"
    return "list[torch.Tensor]" if isinstance(outputs, list) else "tuple[torch.Tensor, ...]"


def _shown(node: fx.Node) -> str:
    return str(node.meta.get("name") or node.name)
