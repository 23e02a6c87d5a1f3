"""Functional models as Keras's configs, and back.

A graph is written as its operations with the calls of each: arguments, and for each symbolic argument where it comes
from, `[operation, call, output]`. Functions are written as the operation classes that Keras has for them.
"""

from __future__ import annotations

import heapq
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from torchkeras_shim.core import custom_objects as custom
from torchkeras_shim.core import naming, serialization, symbolic, tree
from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.core.operation import Operation
from torchkeras_shim.core.symbolic import FUNCTIONS, KerasTensor, Node, RecordedFunction
from torchkeras_shim.models import call_numbers, config_checks
from torchkeras_shim.models.graph import Graph

#: What Keras's operations take in their call; every other parameter belongs to the constructor of their class.
_CALLED_WITH = frozenset(
    ("x", "x1", "x2", "xs", "inputs", "condition", "indices", "key", "operands", "values", "kernel", "target", "output")
)

#: Functions whose class Keras keeps elsewhere than among those of numpy, and than where this package keeps them.
_FAMILIES = {
    "math": frozenset(
        [
            "segment_sum",
            "segment_max",
            "top_k",
            "in_top_k",
            "logsumexp",
            "extract_sequences",
            "fft",
            "fft2",
            "ifft2",
            "rfft",
            "irfft",
            "stft",
            "istft",
            "rsqrt",
            "erf",
            "erfinv",
            "logdet",
            "view_as_complex",
            "view_as_real",
        ]
    ),
    "core": frozenset(
        [
            "cast",
            "stop_gradient",
            "scatter",
            "scatter_update",
            "slice",
            "slice_update",
            "shape",
            "unstack",
            "map",
            "scan",
        ]
    ),
    "nn": frozenset(
        [
            "conv",
            "depthwise_conv",
            "separable_conv",
            "conv_transpose",
            "max_pool",
            "average_pool",
            "batch_normalization",
            "layer_normalization",
            "rms_normalization",
            "one_hot",
            "multi_hot",
            "moments",
            "normalize",
            "binary_crossentropy",
            "categorical_crossentropy",
            "sparse_categorical_crossentropy",
            "ctc_loss",
            "dot_product_attention",
        ]
    ),
}


def graph_to_config(graph: Graph) -> dict[str, Any]:
    """Returns the config of a graph: `layers`, `input_layers` and `output_layers` as Keras writes them."""
    own = set(map(id, graph.nodes))
    nodes_of = {
        id(operation): [node for node in operation._inbound_nodes if id(node) in own or not node.input_tensors]
        for operation in graph.operations
    }
    numbers = {id(node): index for nodes in nodes_of.values() for index, node in enumerate(nodes)}
    given = {id(tensor): layer.name for layer, tensor in zip(graph.input_layers, graph.inputs, strict=True)}

    def where(tensor: KerasTensor) -> list[Any]:
        if id(tensor) in given:
            return [given[id(tensor)], 0, 0]
        history = tensor._keras_history
        assert history is not None  # every tensor of a sorted graph has a maker
        node = history.operation._inbound_nodes[history.node_index]
        return [history.operation.name, numbers[id(node)], history.tensor_index]

    def output(tensor: KerasTensor) -> list[Any]:
        name, call, index = where(tensor)
        return [name, call + first_output.get(name, 0), index]

    first_output = {operation.name: call_numbers.first_in_outputs(operation) for operation in graph.operations}
    layers = []
    for operation in graph.operations:
        nodes = [node for node in nodes_of[id(operation)] if node.input_tensors]
        entry = _operation_config(operation, nodes)
        entry["name"] = operation.name
        entry["inbound_nodes"] = [_node_config(node, where) for node in nodes]
        layers.append(entry)
    return {
        "layers": layers,
        "input_layers": tree.map_structure(where, graph.input_structure),
        "output_layers": tree.map_structure(output, graph.output_structure),
    }


def _operation_config(operation: Any, nodes: list[Node]) -> dict[str, Any]:
    if isinstance(operation, Operation) and not isinstance(operation, RecordedFunction):
        return dict(serialization.serialize_keras_object(operation))
    if not isinstance(operation, RecordedFunction):
        raise NotImplementedError(
            f"The graph calls the torch module {type(operation).__name__}, which has no config. Save the weights with "
            "`torch.save(model.state_dict(), path)` instead."
        )
    if operation.public_name is None:
        raise NotImplementedError(
            f"The graph calls the function '{operation.name}', which Keras does not know. Use the function of "
            "`keras.ops` that does the same, or put it into the `call` of a layer of your own."
        )
    class_name = "".join(part.capitalize() for part in operation.public_name.split("_"))
    return {
        "module": f"keras.src.ops.{_family(operation)}",
        "class_name": class_name,
        "config": {"name": operation.name, **_settings(operation, nodes[0])},
        "registered_name": class_name,
    }


def _family(operation: RecordedFunction) -> str:
    """Returns the module of Keras that an operation's class lives in."""
    name = operation.public_name
    for family, names in _FAMILIES.items():
        if name in names:
            return family
    own_module = operation.function.__module__.rpartition(".")[2]
    return {"activation": "nn", "encoding": "nn", "linalg": "linalg", "core": "core"}.get(own_module, "numpy")


def _bound(operation: RecordedFunction, node: Node) -> dict[str, Any]:
    """Returns a function's arguments by name, without defaults and with variable ones left out."""
    return dict(inspect.signature(operation.function).bind(*node.args, **node.kwargs).arguments)


def _settings(operation: RecordedFunction, node: Node) -> dict[str, Any]:
    """The arguments that Keras's operation class takes in its constructor."""
    if operation.is_operator:
        return {}
    arguments = _bound(operation, node)
    return {
        key: serialization.serialize_keras_object(value)
        for key, value in arguments.items()
        if key not in _CALLED_WITH and not symbolic.is_symbolic(value)
    }


def _node_config(node: Node, where: Callable[[KerasTensor], list[Any]]) -> dict[str, Any]:
    def serialize(leaf: Any) -> Any:
        if isinstance(leaf, KerasTensor):
            config = {"shape": leaf.shape, "dtype": leaf.dtype, "keras_history": where(leaf)}
            return {"class_name": "__keras_tensor__", "config": config}
        return serialization.serialize_keras_object(leaf)

    args, kwargs = node.args, node.kwargs
    if isinstance(node.operation, RecordedFunction) and not node.operation.is_operator:
        settings = _settings(node.operation, node)
        args = tuple(value for key, value in _bound(node.operation, node).items() if key not in settings)
        kwargs = {}
    if call_numbers.first_in_outputs(node.operation):
        kwargs = {"mask": None, **kwargs}  # as Keras does, by which `call_numbers` knows how calls are counted
    return {
        "args": tuple(tree.map_structure(serialize, argument) for argument in args),
        "kwargs": {key: tree.map_structure(serialize, value) for key, value in kwargs.items()},
    }


def graph_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> tuple[Any, Any]:
    """Rebuilds the symbolic inputs and outputs of a config.

    Args:
        config: With `layers`, `input_layers` and `output_layers`.
        custom_objects: The user's own classes and functions by name.

    Raises:
        ValueError: If a layer or function is not known, or the calls do not form a graph.
    """
    config_checks.check_graph(config)
    operations: dict[str, Any] = {}
    calls: list[tuple[str, int, dict[str, Any]]] = []
    for entry in config["layers"]:
        operations[entry["name"]] = _operation_from_config(entry, custom_objects)
        calls.extend((entry["name"], index, node) for index, node in enumerate(_nodes_of(entry)))
    calls, output_layers = call_numbers.from_zero(config["layers"], calls, config["output_layers"], operations)
    called = {name for name, _, _ in calls}
    made: dict[tuple[str, int], list[Any]] = {
        (name, 0): tree.flatten(operation.output)
        for name, operation in operations.items()
        # A layer that is called here may have been called in another model, which shares it, too.
        if name not in called and not isinstance(operation, _Function) and operation._inbound_nodes
    }

    def tensor(place: Any) -> Any:
        name, index, output = place[:3]
        outputs = made.get((name, index), [])
        if output >= len(outputs):
            raise ValueError(
                f"The config names output {output} of call {index} of layer '{name}', which has {len(outputs)} "
                "output(s)."
            )
        return outputs[output]

    for name, index, node in _in_order(calls, set(made)):
        args, kwargs = _arguments(node, tensor)
        made[name, index] = tree.flatten(operations[name](*args, **kwargs))
        if isinstance(operations[name], _Function):
            _name(made[name, index], name if index == 0 else f"{name}_{index}")
    return call_numbers.map_places(tensor, config["input_layers"]), call_numbers.map_places(tensor, output_layers)


def _in_order(calls: list[call_numbers.Call], made: set[tuple[str, int]]) -> Iterator[call_numbers.Call]:
    """Returns calls in an order in which each finds what it needs: round by round, in the order of the config.

    Raises:
        ValueError: If there is no such order.
    """
    missing: list[int] = []  # how many of its inputs a call still waits for
    waiting: dict[tuple[str, int], list[int]] = {}  # which calls wait for what another one makes
    for number, (_, _, node) in enumerate(calls):
        needed = {(place[0], int(place[1])) for place in _places(node)} - made
        missing.append(len(needed))
        for place in needed:
            waiting.setdefault(place, []).append(number)
    ready = [number for number, count in enumerate(missing) if count == 0]
    heapq.heapify(ready)
    later: list[int] = []  # what became ready in this round but stands before the call that made it so
    while ready or later:
        if not ready:
            ready, later = later, []
            heapq.heapify(ready)
        number = heapq.heappop(ready)
        yield calls[number]
        for other in waiting.pop(calls[number][:2], []):
            missing[other] -= 1
            if missing[other] == 0:
                if other > number:
                    heapq.heappush(ready, other)
                else:
                    later.append(other)
    stuck = next((number for number, count in enumerate(missing) if count), None)
    if stuck is not None:
        raise ValueError(
            "Invalid Functional model configuration. The graph of the Functional model either has loops or "
            f"disconnected nodes: nothing makes the inputs of '{calls[stuck][0]}'."
        )


def _name(outputs: list[Any], name: str) -> None:
    """Gives a recorded function the name it had, so that it is not that of another layer of the config."""
    for tensor in outputs:
        if isinstance(tensor, KerasTensor) and tensor._keras_history is not None:
            tensor._keras_history.operation.name = name


class _Function:
    """A function of a config with the settings that its operation class was made with."""

    def __init__(self, function: Callable[..., Any], settings: dict[str, Any]) -> None:
        self.function, self.settings = function, settings

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = tree.flatten([list(args), kwargs, self.settings])
        if not any(isinstance(leaf, KerasTensor) for leaf in given) or any(map(callable, given)):
            raise ValueError(
                f"The config calls the operation '{self.function.__name__}' on constants or functions instead of the "
                "tensors of its graph. What a file describes is not run before the model is."
            )
        if self.function is FUNCTIONS["get_item"]:  # JSON has made a list of the index
            args = tuple(tuple(argument) if isinstance(argument, list) else argument for argument in args)
        return self.function(*args, **self.settings, **kwargs)


def _is_operation(entry: dict[str, Any], custom_objects: dict[str, Any] | None) -> bool:
    """Returns whether an entry is of `keras.ops`, not of a layer.

    `.h5` files of Keras 3 do not say where a class is from. Keras takes all of them for layers, so that it cannot read
    its own files of `x + 1` or `MobileNetV3Small`. Unlike an operation's config, a layer's says whether it is trained.
    """
    if entry.get("module"):
        return ".ops" in str(entry["module"])
    nodes, name = entry.get("inbound_nodes") or [None], str(entry["class_name"])
    return (
        isinstance(nodes[0], dict)  # the form of Keras 3
        and "trainable" not in entry["config"]
        and naming.to_snake_case(name) in FUNCTIONS
        and name not in (custom_objects or {})
        and custom.find(name) is None
    )


def _operation_from_config(entry: dict[str, Any], custom_objects: dict[str, Any] | None) -> Any:
    if not _is_operation(entry, custom_objects):
        inner = {key: value for key, value in entry.items() if key not in ("name", "inbound_nodes")}
        return serialization.deserialize_keras_object(inner, custom_objects, default_module="keras.layers")
    name = naming.to_snake_case(entry["class_name"])
    if name not in FUNCTIONS:
        raise ValueError(f"The config calls the operation '{entry['class_name']}'.{did_you_mean(name, FUNCTIONS)}")
    settings = {key: value for key, value in entry["config"].items() if key not in ("name", "dtype")}
    return _Function(FUNCTIONS[name], serialization.deserialize_keras_object(settings))


def _nodes_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the calls of an operation; those of tf.keras 2 are lists of `[operation, call, output, kwargs]`."""
    nodes = []
    for node in entry.get("inbound_nodes", []):
        if isinstance(node, dict):
            nodes.append(node)
            continue
        places = [node] if node and isinstance(node[0], str) else node
        tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": place[:3]}} for place in places]
        kwargs = places[0][3] if places and len(places[0]) > 3 else {}
        nodes.append({"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": kwargs or {}})
    return nodes


def _places(value: Any) -> list[Any]:
    if call_numbers.is_tensor(value):
        return [value["config"]["keras_history"]]
    if isinstance(value, (list, tuple)):
        return [place for item in value for place in _places(item)]
    if isinstance(value, dict):
        return [place for item in value.values() for place in _places(item)]
    return []


def _arguments(node: dict[str, Any], tensor: Callable[[Any], Any]) -> tuple[list[Any], dict[str, Any]]:
    def restore(value: Any) -> Any:
        if call_numbers.is_tensor(value):
            return tensor(value["config"]["keras_history"])
        if isinstance(value, (list, tuple)):
            return type(value)(restore(item) for item in value)
        if isinstance(value, dict) and "class_name" not in value:
            return {key: restore(item) for key, item in value.items()}
        return serialization.deserialize_keras_object(value)

    args = [restore(argument) for argument in node.get("args", [])]
    given = node.get("kwargs", {})
    kwargs = {key: restore(value) for key, value in given.items() if _says_something(value)}
    return args, kwargs


def _says_something(value: Any) -> bool:
    """Whether an argument is more than the missing mask, or masks, that Keras writes down as well."""
    leaves = tree.flatten(value)
    return not leaves or any(leaf is not None for leaf in leaves)
