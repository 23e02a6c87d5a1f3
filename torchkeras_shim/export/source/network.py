"""The graph that a file is written from: that of `to_torch`, with classes of the file's own where these read better."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.export.emitter import OF_MODULES, NoCounterpartError
from torchkeras_shim.export.network import Network
from torchkeras_shim.export.source import notes
from torchkeras_shim.export.source.parts import sequences
from torchkeras_shim.export.source.table import find_writer
from torchkeras_shim.export.source.text import Names
from torchkeras_shim.export.weights import Weights

_BOOLEAN = {torch.ne, torch.any, torch.logical_and, torch.logical_or, torch.logical_not}
_NOBODYS_NAME = re.compile(r"input_layer(_\d+)?")


class SourceNetwork(Network):
    """Collects one class of the file, and what cannot be written, instead of stopping at the first of these.

    Attributes:
        problems: What has no counterpart, one sentence each.
        has_masked_outputs: Whether a mask reaches an output, where Keras lets it weigh the loss.
    """

    def __init__(self, weights: Weights, memo: dict[Any, Any], problems: list[str], training: bool | None) -> None:
        super().__init__(weights, memo)
        self.problems = problems
        self.training = training
        self._members = Names(OF_MODULES)
        self._given: dict[Any, str] = {}
        self._layer_at_work: Any = None
        self.has_masked_outputs = False

    def whole(self, model: Any) -> fx.GraphModule:
        """Returns a model as a module."""
        specs = [model._specs[0]] if model._graph is None else model._graph.inputs
        names = ["inputs"] if model._graph is None else model._graph.input_names
        inputs = [self.placeholder(f"input_{index}", spec) for index, spec in enumerate(specs)]
        for node, name in zip(inputs, names, strict=True):
            node.meta["name"] = "inputs" if len(inputs) == 1 and _NOBODYS_NAME.fullmatch(name) else name
        outputs = self.inline(model, inputs)
        self.has_masked_outputs = any(leaf in self.masks for leaf in tree.flatten(outputs))
        for node, spec in self.specs.items():
            if isinstance(spec, KerasTensor):
                node.meta.update(shape=spec.shape, dtype=spec.dtype)
        return self.finish(outputs, "Network")

    def find(self, layer: Any) -> tuple[type, Any] | None:
        """Returns the class that a layer is converted as, and the converter: the file's own one first."""
        return find_writer(layer) or super().find(layer)

    def nested(self, model: Any, training: bool | None) -> nn.Module:
        """Returns the module of a model inside this one."""
        module = SourceNetwork(self.weights, self.memo, self.problems, training).whole(model)
        module.meta["name"] = model.name
        return module

    def convert(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Adds a layer. One without counterpart is noted, and stands for its input from there on."""
        outer, self._layer_at_work = self._layer_at_work, layer
        try:
            outputs = super().convert(layer, *args, **kwargs)
        except NoCounterpartError as error:
            return self._noted(error)
        finally:
            self._layer_at_work = outer
        if isinstance(outputs, fx.Node):
            outputs.meta["name"] = getattr(layer, "name", "")
            if outputs in self.masks:
                self.masks[outputs].meta.setdefault("name", "mask")
        return outputs

    def method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Adds the call of a method of `torch.Tensor`, unless it changes nothing."""
        if name == "bool" and args[0].target in _BOOLEAN:
            return args[0]
        return super().method(name, *args, **kwargs)

    def composite(self, name: str, add: Callable[[], Any], *args: Any) -> Any:
        """Adds the call of the file's own function for several calls."""
        return self.call(getattr(sequences, name), *args)

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """Adds the call of a torch function, with a comment if Keras's layer asks for it."""
        node = super().call(function, *args, **kwargs)
        node.meta["note"] = notes.of_call(function, self._layer_at_work)
        return node

    def module(self, layer: Any, part: str, make: Callable[[], nn.Module], *args: Any, **kwargs: Any) -> Any:
        """Adds the call of a module, whose constructor must be able to say which weights it has."""
        return super().module(layer, part, lambda: _complete(make()), *args, **kwargs)

    def _run_node(self, operation: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        try:
            return super()._run_node(operation, args, kwargs)
        except NoCounterpartError as error:
            return self._noted(error)

    def _noted(self, error: NoCounterpartError) -> Any:
        self.problems.append(str(error))
        return self.method("clone", next(iter(self.graph.nodes)))

    def _path(self, layer: Any, part: str, fallback: str, index: int = 0) -> str:
        key = (id(layer), part, index)
        if key not in self._given:
            name = getattr(layer, "name", None) or type(layer).__name__.lower()
            self._given[key] = self._members.give(f"{self._prefix}{name}{part}", longest=40)
        return self._given[key]


_NORMALIZATIONS = (
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm, nn.GroupNorm),
    *(nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
)


def _complete(module: Any) -> Any:
    """Gives a normalization that has one of scale and offset the other one too, fixed: torch has both or none."""
    if not isinstance(module, _NORMALIZATIONS):
        return module
    given = [weight for weight in (module.weight, module.bias) if weight is not None]
    if not given:
        setattr(module, "elementwise_affine" if isinstance(module, nn.LayerNorm) else "affine", False)
    if len(given) == 1:
        name, fill = ("weight", torch.ones_like) if module.weight is None else ("bias", torch.zeros_like)
        setattr(module, name, nn.Parameter(fill(given[0].detach()), requires_grad=False))
    return module
