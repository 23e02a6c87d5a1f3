"""Whole models as plain torch modules."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor, RecordedFunction
from torchkeras_shim.export import converters
from torchkeras_shim.export.emitter import Emitter, member_name, no_counterpart
from torchkeras_shim.export.table import READS_MASKS, find
from torchkeras_shim.export.tracing import is_method, is_plain_function, traced_call, traced_layer
from torchkeras_shim.export.weights import Weights
from torchkeras_shim.layers import Embedding, InputLayer, Layer, Masking

_PACKAGE = __name__.partition(".")[0]
_LITERALS = (bool, int, float, str, type(None), torch.dtype, torch.device, slice, type(...), fx.Node)
_WRITE_MODULE = "Write it as a `torch.nn.Module`, which is taken over as it is."

assert converters  # importing them fills the table


def to_torch(model: Any, copy: bool = False) -> nn.Module:
    """Returns a model as plain torch modules, with nothing of this library in it.

    Args:
        model: A built `Sequential` or functional model, of layers that plain torch has a counterpart of.
        copy: Whether the weights get memory of their own. Otherwise training one trains the other.

    Returns:
        A `torch.nn.Sequential`, or a `torch.fx.GraphModule` where the model has branches or masks. Several inputs are
        positional arguments in the order of `model.inputs`.

    Raises:
        ValueError: If the model is not built, is subclassed, or has a layer without counterpart, which is named.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="out")])
        >>> to_torch(model)
        Sequential(
          (out): Linear(in_features=4, out_features=2, bias=True)
        )
    """
    _check_model(model)
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    module = build(model, Weights(copy, device), {}, None)
    module.train(model.training)
    for name, child in module.named_modules():
        if isinstance(child, Layer) or type(child).__module__.partition(".")[0] == _PACKAGE:
            raise no_counterpart(child, f"it lies inside the torch module '{name.rpartition('.')[0]}'", _WRITE_MODULE)
    return module


def build(model: Any, weights: Weights, memo: dict[Any, Any], training: bool | None) -> nn.Module:
    """Returns the module of a model.

    Args:
        model: A `Sequential` or functional model.
        weights: Makes the parameters.
        memo: The modules of layers that were met before.
        training: The mode that the model was called in, or `None`.
    """
    _check_model(model)
    if model._graph is None and not _makes_masks(model):
        return nn.Sequential(dict_of(_members(model, weights, memo, training)))
    e = Network(weights, memo)
    e.training = training
    specs = [model._specs[0]] if model._graph is None else model._graph.inputs
    names = ["inputs"] if model._graph is None else model._graph.input_names
    inputs = [e.placeholder(name, spec) for name, spec in zip(names, specs, strict=True)]
    return e.finish(e.inline(model, inputs), model.name)


def dict_of(members: Iterator[tuple[str, nn.Module]]) -> Any:
    """Returns named modules with names that are different and that torch accepts."""
    found: dict[str, nn.Module] = {}
    for name, module in members:
        unique, count = member_name(name), 1
        while unique in found:
            unique, count = f"{member_name(name)}_{count}", count + 1
        found[unique] = module
    return OrderedDict(found)


def _members(model: Any, weights: Weights, memo: dict[Any, Any], training: bool | None) -> Iterator[tuple[str, Any]]:
    """The members of a `Sequential`: each layer by itself, as one module or as several in a row."""
    for (name, member), spec in zip(model.named_layers(), model._specs, strict=False):
        e = Network(weights, memo, owner=member)
        e.training = training
        x = e.placeholder("inputs", spec)
        outputs = e.convert(member, x)
        chain = e.chain(outputs)
        if chain is None:
            yield name, e.finish(outputs, type(member).__name__)
            continue
        for index, (path, module) in enumerate(chain):
            yield (f"{name}_{path}" if index else name), module


class Network(Emitter):
    """An emitter that knows every layer, nested models and recorded functions."""

    def convert(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """Adds a layer, a model or a torch module. Returns its outputs, as nodes in their structure."""
        training = kwargs.pop("training", None)
        with self.mode(training):
            if not isinstance(layer, Layer):
                return self.module(layer, "", lambda: self.weights.module(layer), *args, **kwargs)
            if hasattr(layer, "_graph"):
                return self._nested(layer, *args, **kwargs)
            return self._layer(layer, args, kwargs)

    def _layer(self, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if layer.compute_dtype != layer.variable_dtype:
            raise no_counterpart(
                layer,
                f"it computes in {layer.compute_dtype} with weights of {layer.variable_dtype}",
                "Build the model with `dtype_policy='float32'` and use `torch.autocast` around the result.",
            )
        found = self.find(layer)
        mask = self._mask_of(args)
        if found is None:
            return self._remember_mask(layer, self._traced(layer, mask, args, kwargs), mask)
        base, converter = found
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        outputs = converter(self, layer, *args, **kwargs)
        return outputs if base in READS_MASKS else self._remember_mask(layer, outputs, mask)

    def find(self, layer: Any) -> tuple[type, Any] | None:
        """Returns the class that a layer is converted as, and the converter."""
        return find(layer)

    def _traced(self, layer: Any, mask: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Adds a layer of this library that has no converter, if its mode makes no difference."""
        if not type(layer).__module__.startswith(f"{_PACKAGE}.layers."):
            raise no_counterpart(layer, "its `call` is Python code that needs this library", _WRITE_MODULE)
        inner = [module for module in layer.modules() if isinstance(module, Layer)]
        if any(module._call_spec.has_training for module in inner):
            raise no_counterpart(layer, "torch has no module for it", _WRITE_MODULE)
        if mask is not None and layer._call_spec.has_mask:
            raise no_counterpart(layer, "it takes a mask", "Leave the mask out.")
        return traced_layer(self, layer, *args, **kwargs)

    def _mask_of(self, args: tuple[Any, ...]) -> Any:
        nodes = [leaf for leaf in tree.flatten(list(args[:1])) if isinstance(leaf, fx.Node)]
        return next((self.masks[node] for node in nodes if node in self.masks), None)

    def _remember_mask(self, layer: Any, outputs: Any, mask: Any) -> Any:
        if mask is None or not layer.supports_masking or not isinstance(outputs, fx.Node):
            return outputs
        if not getattr(type(layer).compute_mask, "_is_default", False):
            raise no_counterpart(layer, "it changes the mask of its input", "Leave the mask out before it.")
        self.masks[outputs] = mask
        return outputs

    # Models ---------------------------------------------------------------------------------------------------------

    def _nested(self, model: Any, inputs: Any, mask: Any = None) -> Any:
        _check_model(model)
        leaves = tree.flatten(inputs) if model._graph is None else model._graph.flatten_inputs(inputs)
        if mask is not None:
            raise no_counterpart(model, "it is called with a mask", "Make the mask inside, by `Masking`.")
        if _makes_masks(model) or any(leaf in self.masks for leaf in leaves):
            with self.inside(model.name):  # masks do not pass the border of a module
                return self.inline(model, leaves)
        training = self.training
        outputs = self.module(model, "", lambda: self.nested(model, training), *leaves, variant=training)
        structure = model._specs[-1] if model._graph is None else model._unpacked(model._graph.output_structure)
        return self._unpacked(outputs, structure)

    def nested(self, model: Any, training: bool | None) -> nn.Module:
        """Returns the module of a model inside this one."""
        return build(model, self.weights, self.memo, training)

    def _unpacked(self, node: Any, structure: Any) -> Any:
        """Returns the outputs of a module in their structure."""
        if isinstance(structure, KerasTensor):
            return node
        getitem = operator.getitem
        if isinstance(structure, dict):
            return {key: self._unpacked(self.call(getitem, node, key), value) for key, value in structure.items()}
        parts = [self._unpacked(self.call(getitem, node, index), value) for index, value in enumerate(structure)]
        return parts if isinstance(structure, list) else tuple(parts)

    def inline(self, model: Any, inputs: list[Any]) -> Any:
        """Adds the layers of a model to this graph. Returns its outputs in their structure."""
        if model._graph is None:
            x: Any = inputs[0]
            for (_, member), spec in zip(model.named_layers(), model._specs, strict=False):
                if isinstance(x, fx.Node):
                    self.specs[x] = spec
                x = self.convert(member, x)
            return x
        graph = model._graph
        values = {id(tensor): node for tensor, node in zip(graph.inputs, inputs, strict=True)}
        self.specs.update(dict(zip(inputs, graph.inputs, strict=True)))

        def renew(leaf: Any) -> Any:
            return values[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        for node in graph.nodes:
            args = [tree.map_structure(renew, argument) for argument in node.args]
            kwargs = {key: tree.map_structure(renew, value) for key, value in node.kwargs.items()}
            outputs = self._run_node(node.operation, args, kwargs)
            structure = _called_structure(node)
            leaves = [outputs] if isinstance(structure, KerasTensor) else self._leaves(structure, outputs)
            for tensor, leaf in zip(node.outputs, leaves, strict=True):
                values[id(tensor)] = leaf
                if isinstance(leaf, fx.Node):
                    self.specs[leaf] = tensor
        return tree.map_structure(renew, model._unpacked(graph.output_structure))

    def _leaves(self, structure: Any, outputs: Any) -> list[Any]:
        if isinstance(outputs, fx.Node):
            outputs = self._unpacked(outputs, structure)
        return [leaf for leaf in tree.flatten(outputs) if isinstance(leaf, fx.Node)]

    def _run_node(self, operation: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if not isinstance(operation, RecordedFunction):
            return args[0] if isinstance(operation, InputLayer) else self.convert(operation, *args, **kwargs)
        function = operation.function
        known = all(isinstance(leaf, (*_LITERALS, torch.Tensor)) for leaf in tree.flatten([args, kwargs]))
        if known and (is_method(function) or is_plain_function(function)):
            args = [tree.map_structure(lambda leaf: self._constant(operation, leaf), argument) for argument in args]
            if is_method(function):
                return self.method(function.__name__, *args, **kwargs)
            return self.call(function, *args, **kwargs)
        return traced_call(self, operation, lambda a, k: function(*a, **k), args, kwargs)

    def _constant(self, operation: Any, leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        make = self.weights.parameter if isinstance(leaf, nn.Parameter) else self.weights.tensor
        return self.parameter(operation, f"constant_{id(leaf)}", lambda: make(leaf.to(self.weights.device)))


def _called_structure(node: Any) -> Any:
    """Returns the structure that a node's operation returns for data, with the symbolic tensors in it."""
    operation, structure = node.operation, node.output_structure
    return operation._unpacked(structure) if isinstance(operation, Layer) else structure


def _makes_masks(model: Any) -> bool:
    return any(
        isinstance(module, Masking) or (isinstance(module, Embedding) and module.mask_zero)
        for module in model.modules()
    )


def _check_model(model: Any) -> None:
    """Raises for a model whose architecture is not known."""
    code = "Its layers are known only when Python runs: a subclassed model is a `torch.nn.Module` already."
    if model._graph is None and not isinstance(model, nn.Sequential):
        raise no_counterpart(model, "it is a subclassed model.", f"{code} Write it as `Model(inputs, outputs)`.")
    own = type(model).call.__module__.startswith(f"{_PACKAGE}.models.")
    if not own or not type(model).forward.__module__.startswith((f"{_PACKAGE}.", "torch.")):
        raise no_counterpart(model, "it has a `call` of its own.", f"{code} Write it as `Model(inputs, outputs)`.")
    if not model.built or (model._graph is None and model._specs is None):
        raise ValueError(
            f"Model '{model.name}' has not been built. Call it on some data, or `model.build(input_shape)`, first."
        )
