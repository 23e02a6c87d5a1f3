"""What a summary says, as data: one row per layer, and the totals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor, RecordedFunction
from torchkeras_shim.layers.base import Layer
from torchkeras_shim.layers.inference import infer_output
from torchkeras_shim.layers.weights import module_weights
from torchkeras_shim.optimizers import TorchOptimizer


@dataclass(frozen=True)
class Row:
    """One layer.

    Attributes:
        name: The layer's name.
        kind: Its class.
        output_shape: Its output shape as text, `"?"` if it is not known.
        params: The number of its weights' elements, `None` if it is not built.
        trainable: Whether training changes it, `None` if it has no weights.
        level: 0 for the model's own layers, 1 for those inside them, and so on.
        connected_to: Where its inputs come from, as Keras writes it: `"dense[0][0], conv2d[0][0]"`.
    """

    name: str
    kind: str
    output_shape: str
    params: int | None
    trainable: bool | None
    level: int = 0
    connected_to: str = "-"


@dataclass(frozen=True)
class Count:
    """A number of elements and the bytes that they take."""

    params: int = 0
    size: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.params + other.params, self.size + other.size)


@dataclass(frozen=True)
class Summary:
    """A whole summary: the model's name, its rows and its totals.

    `optimizer` is `None` before the first update; `branches` says whether the layers are more than one chain.
    """

    name: str
    rows: list[Row]
    trainable: Count
    non_trainable: Count
    optimizer: Count | None = None
    branches: bool = False
    total: Count = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", self.trainable + self.non_trainable + (self.optimizer or Count()))


def summarize(model: Any, expand_nested: bool = False, layer_range: Sequence[str] | None = None) -> Summary:
    """Collects what `model.summary()` shows. The model is not changed.

    Args:
        model: The model.
        expand_nested: Whether the layers of nested models get rows of their own.
        layer_range: Two regular expressions: the first and the last layer to show.

    Returns:
        The rows and totals; shared weights are counted once in the totals.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        >>> [(row.name, row.params) for row in summarize(model).rows]
        [('dense', 8)]
    """
    graph = getattr(model, "_graph", None)
    named = model.named_layers() if graph is None else [(each.name, each) for each in graph.operations]
    first, last = _bounds([name for name, _ in named], layer_range)
    rows: list[Row] = []
    nodes = set() if graph is None else set(map(id, graph.nodes))
    for name, module in named[first:last]:
        rows.extend(_rows(name, module, _spec_of(module), expand_nested, 0, nodes))
    return Summary(
        name=model.name,
        rows=rows,
        trainable=_count(model.trainable_weights),
        non_trainable=_count(model.non_trainable_weights),
        optimizer=_optimizer_count(model),
        branches=graph is not None and not _is_chain(graph),
    )


def _is_chain(graph: Any) -> bool:
    """Returns whether a graph is a plain stack: one input each, and no layer used twice."""
    inputs = [node.input_tensors for node in graph.nodes]
    outputs = [graph.inputs, *(node.outputs for node in graph.nodes)]
    one_each = all(len(tensors) == 1 for tensors in (*inputs, *outputs, graph.outputs))
    in_order = one_each and all(given[0] is made[0] for given, made in zip(inputs, outputs, strict=False))
    return in_order and len({id(node.operation) for node in graph.nodes}) == len(graph.nodes)


def _connections(operation: Any, nodes: set[int]) -> str:
    """Says where the inputs of an operation's calls among `nodes`, given by their `id`, come from."""
    places = []
    for node in operation.__dict__.get("_inbound_nodes", ()):
        if id(node) in nodes:
            histories = [tensor._keras_history for tensor in node.input_tensors]
            places += [f"{h.operation.name}[{h.node_index}][{h.tensor_index}]" for h in histories]
    return ", ".join(places) or "-"


def _rows(name: str, module: Any, output: Any, expand: bool, level: int, nodes: set[int]) -> list[Row]:
    connected = _connections(module, nodes)
    if isinstance(module, RecordedFunction):
        kind = "".join(part.capitalize() for part in (module.public_name or module.name).split("_"))
        return [Row(name, kind, _shape_text(output), 0, None, level, connected)]
    weights = module_weights(module) if isinstance(module, torch.nn.Module) else []
    row = Row(
        name=name,
        kind=type(module).__name__,
        output_shape=_shape_text(output),
        params=_params(module, weights),
        trainable=_is_trainable(module) if weights else None,
        level=level,
        connected_to=connected,
    )
    if not expand:
        return [row]
    rows = [row]
    for child_name, child, spec in _inside(module):
        rows.extend(_rows(child_name, child, spec, expand, level + 1, nodes))
    return rows


def _inside(module: torch.nn.Module) -> list[tuple[str, torch.nn.Module, Any]]:
    """Returns the members of a nested model, or of a plain `torch.nn.Sequential`, with their output specs."""
    named_layers: Any = getattr(module, "named_layers", None)
    if named_layers is not None:
        return [(name, child, _spec_of(child)) for name, child in named_layers()]
    if not isinstance(module, torch.nn.Sequential):
        return []
    nodes = module.__dict__.get("_inbound_nodes")
    spec = nodes[-1].input_tensors[0] if nodes else None
    found = []
    for name, child in module.named_children():
        spec = None if spec is None else infer_output(child, spec)
        found.append((name, child, spec))
    return found


def _spec_of(module: torch.nn.Module) -> Any:
    """Returns the output specs of a module's last call in a model, or for the shape it was built for, or `None`."""
    nodes = module.__dict__.get("_inbound_nodes")
    if nodes:
        outputs = nodes[-1].outputs
        return outputs[0] if len(outputs) == 1 else outputs
    shape = module.__dict__.get("_build_shape")
    if shape is None or not isinstance(module, Layer):
        return None
    try:
        output_shape = module.compute_output_shape(shape)
    except Exception:  # the shape is a convenience: whatever a user's layer raises must not hide the rest
        return None
    return _as_specs(output_shape)


def _as_specs(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _as_specs(value) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and not all(size is None or isinstance(size, int) for size in shape):
        return [_as_specs(value) for value in shape]
    return KerasTensor(shape)


def _shape_text(specs: Any) -> str:
    if specs is None:
        return "?"
    texts = tree.map_structure(lambda spec: f"({', '.join(map(str, spec.shape))})", specs)
    leaves = tree.flatten(texts)
    return leaves[0] if len(leaves) == 1 else str(texts).replace("'", "")


def _params(module: torch.nn.Module, weights: list[Any]) -> int | None:
    if isinstance(module, Layer):
        return module.count_params() if module.built else None
    return None if any(is_lazy(weight) for weight in weights) else sum(weight.numel() for weight in weights)


def _is_trainable(module: torch.nn.Module) -> bool:
    if isinstance(module, Layer):
        return module.trainable
    return any(parameter.requires_grad for parameter in module.parameters())


def _count(tensors: Iterable[Any]) -> Count:
    known = {id(tensor): tensor for tensor in tensors if not is_lazy(tensor)}.values()
    return Count(sum(t.numel() for t in known), sum(t.numel() * t.element_size() for t in known))


def _optimizer_count(model: Any) -> Count | None:
    optimizer = model.optimizer if model.compiled else None
    if optimizer is None or not optimizer.built:
        return None
    tensors = list(optimizer.variables)
    if isinstance(optimizer, TorchOptimizer):
        state = optimizer.optimizer.state.values()
        tensors += [value for entries in state for value in entries.values() if isinstance(value, torch.Tensor)]
    return _count(tensors)


def _bounds(names: list[str], layer_range: Sequence[str] | None) -> tuple[int, int]:
    """Returns the slice of layers from the first match of one pattern to the last match of the other."""
    if layer_range is None:
        return 0, len(names)
    if len(layer_range) != 2:
        raise ValueError(
            "layer_range must be a list or tuple of length 2. Received: "
            f"layer_range = {layer_range} of length {len(layer_range)}"
        )
    if not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"layer_range should contain string type only. Received: {layer_range}")
    lower, upper = ([i for i, name in enumerate(names) if re.match(pattern, name)] for pattern in layer_range)
    if not lower or not upper:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}. "
            f"The layers are: {names}"
        )
    if min(lower) > max(upper):
        return min(upper), max(lower) + 1
    return min(lower), max(upper) + 1
