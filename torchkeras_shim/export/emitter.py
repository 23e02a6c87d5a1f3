"""A graph of plain torch modules and functions while it is being written."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.export.weights import Weights


class NoCounterpartError(ValueError):
    """A layer, or a setting of one, for which plain torch has nothing.

    Example:
        >>> from torchkeras_shim import layers
        >>> print(no_counterpart(layers.Dense(1, name="head"), "it is an example", "Write it in torch."))
        Layer 'head' (of type Dense) has no counterpart in plain torch: it is an example. Write it in torch.
    """


def no_counterpart(layer: Any, reason: str, advice: str) -> NoCounterpartError:
    """Returns the error that names a layer, why it cannot be converted, and what to do."""
    name = getattr(layer, "name", None) or type(layer).__name__
    kind, why = type(layer).__name__, reason.rstrip(".")
    return NoCounterpartError(f"Layer '{name}' (of type {kind}) has no counterpart in plain torch: {why}. {advice}")


class Emitter:
    """Collects the nodes, modules and weights of one `torch.fx` graph.

    Attributes:
        weights: Makes the parameters.
        specs: The symbolic tensor behind a node: its shape, with `None` for unknown sizes, and its type.
        masks: The node of the mask that rides on a node.
        training: `None` where layers follow the module's mode; otherwise the mode that the call was given.
        owner: The layer that has the graph to itself, whose modules need no name of the layer's.
    """

    def __init__(self, weights: Weights, memo: dict[Any, Any], owner: Any = None) -> None:
        self.weights = weights
        self.graph = fx.Graph()
        self.root = nn.Module()
        self.specs: dict[fx.Node, KerasTensor] = {}
        self.masks: dict[fx.Node, fx.Node] = {}
        self.training: bool | None = None
        self.owner = owner
        self.memo = memo  # the modules of a layer, so that a layer that is used twice stays one
        self._prefix = ""
        self._paths: dict[Any, str] = {}
        self._taken: set[str] = set()

    # Nodes ----------------------------------------------------------------------------------------------------------

    def placeholder(self, name: str, spec: KerasTensor | None) -> fx.Node:
        """Adds an input."""
        node = self.graph.placeholder(identifier(name))
        if spec is not None:
            self.specs[node] = spec
        return node

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Adds the call of a torch function."""
        return self.graph.call_function(function, args, _keywords(kwargs))

    def method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Adds the call of a method of `torch.Tensor`."""
        return self.graph.call_method(identifier(name), args, _keywords(kwargs))

    def composite(self, name: str, add: Callable[[], Any], *args: Any) -> Any:
        """Adds several calls that make one thing, which a source file may have a function for: `name(*args)`."""
        return add()

    def module(
        self, layer: Any, part: str, make: Callable[[], nn.Module], *args: Any, variant: Any = None, **kwargs: Any
    ) -> Any:
        """Adds the call of a module.

        Args:
            layer: The layer that it stands for.
            part: Which of its modules; an empty string for the only one.
            make: Makes the module; it is called once per layer.
            *args: What the module is called on.
            variant: What else it depends on: another one is another module.
            **kwargs: What it is called with by keyword.
        """
        key = (id(layer), part)
        variants = self.memo.setdefault(key, ({}, layer))[0]  # the layer too, so that no other gets the same id
        if variant not in variants:
            variants[variant] = make()
        module = variants[variant]
        index = list(variants).index(variant)
        path = self._path(layer, part, type(module).__name__.lower(), index)
        self._place(path, module)
        return self.graph.call_module(path, args, _keywords(kwargs))

    def parameter(self, layer: Any, name: str, make: Callable[[], torch.Tensor]) -> Any:
        """Adds a reading of a parameter, or of a buffer where `make` returns a plain tensor."""
        key = (id(layer), "weight", name)
        if key not in self.memo:
            self.memo[key] = (make(), layer)
        path = self._path(layer, f".{name}", name)
        self._place(path, self.memo[key][0])
        return self.graph.get_attr(path)

    def weight(self, layer: Any, name: str, view: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Any:
        """Adds a reading of a layer's own weight, in Keras's shape unless `view` changes it."""
        variable = getattr(layer, name)
        return self.parameter(layer, name, lambda: self.weights.parameter(variable, view))

    def convert(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Adds a layer, a model or a torch module. Returns its outputs, as nodes in their structure."""
        raise NotImplementedError

    # Shapes ---------------------------------------------------------------------------------------------------------

    def shape(self, node: fx.Node, layer: Any) -> tuple[int | None, ...]:
        """Returns the shape of an input of a layer, with `None` for unknown sizes."""
        spec = self.specs.get(node)
        if spec is None:
            raise no_counterpart(layer, "the shape of its input is not known", "Give the model a full `Input`.")
        return spec.shape

    def size(self, node: fx.Node, axis: int, known: int | None) -> Any:
        """Returns a size: the number, or a node that reads it if it is not known."""
        return self.method("size", node, axis) if known is None else known

    def permute(self, node: Any, order: Any) -> Any:
        """Adds a permutation of axes, unless it changes nothing."""
        order = tuple(order)
        return node if order == tuple(range(len(order))) else self.call(torch.permute, node, order)

    # Places ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Puts what is added inside a `with` block under a name."""
        before, self._prefix = self._prefix, f"{self._prefix}{member_name(name)}."
        try:
            yield
        finally:
            self._prefix = before

    @contextmanager
    def mode(self, training: bool | None) -> Iterator[None]:
        """Fixes the mode inside a `with` block, unless it is `None`."""
        before, self.training = self.training, self.training if training is None else training
        try:
            yield
        finally:
            self.training = before

    def _path(self, layer: Any, part: str, fallback: str, index: int = 0) -> str:
        """Returns the place of a part, and of a variant of it: `dense`, `dense_activation`, `attention.query`."""
        if id(layer) not in self._paths:
            base = self._prefix + member_name(getattr(layer, "name", None) or type(layer).__name__.lower())
            unique, count = base, 1
            while unique in self._taken:
                unique, count = f"{base}_{count}", count + 1
            self._taken.add(unique)
            self._paths[id(layer)] = unique
        variant = f"_{index}" if index else ""
        if layer is self.owner:
            return (part.strip("._") or fallback) + variant
        return self._paths[id(layer)] + part + variant

    def _place(self, path: str, value: Any) -> None:
        *folders, name = path.split(".")
        parent: Any = self.root
        for folder in folders:
            if not hasattr(parent, folder):
                parent.add_module(folder, nn.Module())
            parent = getattr(parent, folder)
        if isinstance(value, torch.Tensor) and not isinstance(value, nn.Parameter):
            if name not in parent._buffers:
                parent.register_buffer(name, value)
        else:
            setattr(parent, name, value)

    # Results --------------------------------------------------------------------------------------------------------

    def finish(self, outputs: Any, name: str) -> fx.GraphModule:
        """Returns the module."""
        self.graph.output(outputs)
        self.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        self.graph.lint()
        return fx.GraphModule(self.root, self.graph, class_name=_class_name(name))

    def chain(self, outputs: Any) -> list[tuple[str, nn.Module]] | None:
        """Returns the modules with their names where the graph does nothing but call one after the other."""
        found: list[tuple[str, nn.Module]] = []
        previous: Any = None
        for node in self.graph.nodes:
            if node.op == "call_module" and node.args == (previous,) and not node.kwargs:
                found.append((str(node.target), self.root.get_submodule(str(node.target))))
            elif node.op != "placeholder":
                return None
            previous = node
        return found if outputs is previous else None


def _keywords(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the keywords of a call, which `torch.fx` writes into source as they are.

    Raises:
        ValueError: If one is not a name: it would become code.
    """
    for key in kwargs:
        if not key.isidentifier() or not key.isascii() or keyword.iskeyword(key):
            raise ValueError(
                f"A keyword of a call that is to become plain torch must be a Python name. Received: {key[:60]!r}. "
                "Rename the argument of the layer's `call` or of the module's `forward`."
            )
    return kwargs


def identifier(name: str) -> str:
    """Returns a name that Python accepts."""
    clean = re.sub(r"[^0-9A-Za-z_]", "_", name)
    if keyword.iskeyword(clean) or clean == "self":
        return f"{clean}_"
    return clean if not clean[:1].isdigit() else f"_{clean}"


#: Names that the modules of a network have already: a layer of such a name would hide a method.
OF_MODULES = frozenset({*dir(nn.Sequential()), *dir(fx.GraphModule), *vars(nn.Module()), "forward"})


def member_name(name: str) -> str:
    """Returns a name that a module may have for one of its members.

    Example:
        >>> member_name("dense"), member_name("train"), member_name("a-b")
        ('dense', 'train_', 'a_b')
    """
    clean = identifier(name)
    return f"{clean}_" if clean in OF_MODULES else clean


def _class_name(name: str) -> str:
    if not name.islower():
        return identifier(name)
    return "".join(part.capitalize() for part in identifier(name).split("_") if part) or "Network"
