"""The calls in the graphs of Keras 1, Keras 2 and tf.keras, as Keras 3 writes them."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.saving import tf_operations

_RECURRENT = frozenset(("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "LSTM", "RNN", "SimpleRNN"))
_CONSTANT = "_CONSTANT_VALUE"
#: The layers of `model.add_loss(tensor)` and `model.add_metric(tensor)`, and their arguments that are gone.
_EFFECTS = {"AddLoss": ("unconditional",), "AddMetric": ("aggregation",)}


def modernize_graph(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of a functional model with the calls of its layers in the form of today.

    Which call of a layer a number means is left to whoever builds the graph: files differ in that too.

    Args:
        config: With `layers`, `input_layers` and `output_layers`; the layers' own configs are those of Keras 3.

    Raises:
        ValueError: If the graph calls a function of TensorFlow that has no counterpart.
    """
    names = {layer.get("name") for layer in config["layers"] if isinstance(layer, dict)}
    return _with_effects({**config, "layers": [_modernize_entry(layer, names) for layer in config["layers"]]})


def _with_effects(config: dict[str, Any]) -> dict[str, Any]:
    """Puts losses and metrics of symbolic tensors, which nothing followed in Keras 2, behind the first output."""
    layers, outputs = [], config.get("output_layers")
    for entry in config["layers"]:
        place = _first_place(outputs)
        if place is not None and _is_effect(entry):
            gone = _EFFECTS[entry["class_name"]]
            inner = {key: value for key, value in entry["config"].items() if key not in gone}
            nodes = [{"args": [[tensor(place), tensor(node[0])]], "kwargs": {}} for node in entry["inbound_nodes"]]
            entry = {key: value for key, value in entry.items() if key != "build_config"}
            entry |= {"module": "keras.layers", "registered_name": None, "config": inner, "inbound_nodes": nodes}
            outputs = _replaced(outputs, place, [entry.get("name"), len(nodes) - 1, 0])
        layers.append(entry)
    return {**config, "layers": layers, "output_layers": outputs}


def _is_effect(entry: Any) -> bool:
    """Returns whether a layer is one of Keras 2's, which was called on the loss or the metric alone."""
    if not isinstance(entry, dict) or entry.get("class_name") not in _EFFECTS:
        return False
    nodes = entry.get("inbound_nodes")
    return (
        isinstance(entry.get("config"), dict)
        and isinstance(nodes, list)
        and bool(nodes)
        and all(isinstance(node, list) and len(node) == 1 and isinstance(node[0], list) for node in nodes)
    )


def _first_place(outputs: Any) -> list[Any] | None:
    """Returns the first `[layer, call, output]` of a structure of them."""
    if isinstance(outputs, list) and len(outputs) == 3 and isinstance(outputs[0], str):
        return outputs
    items = outputs.values() if isinstance(outputs, dict) else outputs if isinstance(outputs, list) else ()
    return next((place for item in items if (place := _first_place(item)) is not None), None)


def _replaced(outputs: Any, old: list[Any], new: list[Any]) -> Any:
    """Returns a structure of places with another one in the place of the one that is given."""
    if outputs is old:
        return new
    if isinstance(outputs, dict):
        return {key: _replaced(item, old, new) for key, item in outputs.items()}
    return [_replaced(item, old, new) for item in outputs] if isinstance(outputs, list) else outputs


def _modernize_entry(entry: Any, names: set[Any]) -> Any:
    if not isinstance(entry, dict) or not isinstance(entry.get("inbound_nodes"), list):
        return entry
    nodes = [_modernize_node(node, entry, names) for node in entry["inbound_nodes"]]
    entry = {**entry, "inbound_nodes": nodes}
    if entry.get("class_name") in _RECURRENT:
        entry.pop("build_config", None)  # it counts the states among the inputs; the call tells the shape anyway
    return tf_operations.to_operation(entry) if entry.get("class_name") in tf_operations.CLASSES else entry


def _modernize_node(node: Any, entry: dict[str, Any], names: set[Any]) -> Any:
    if not isinstance(node, list) or not node:
        return node
    places = [node] if isinstance(node[0], str) else node
    if not all(isinstance(place, list) and len(place) >= 3 for place in places):
        return node
    given = places[0][3] if len(places[0]) > 3 and isinstance(places[0][3], dict) else {}
    kwargs = {key: with_tensors(value, names) for key, value in given.items()}
    is_operation = entry.get("class_name") in tf_operations.CLASSES
    if is_operation or places[0][0] == _CONSTANT:
        inputs = [place[2] if place[0] == _CONSTANT else tensor(place) for place in places]
        return {"args": inputs if len(inputs) == 1 else [inputs], "kwargs": kwargs}
    if entry.get("class_name") in _RECURRENT and len(places) > 1:
        if entry["config"].get("num_constants"):
            raise ValueError(
                f"Layer '{entry.get('name')}' of the file is called with constants, which is not supported in files "
                "of Keras 2."
            )
        kwargs["initial_state"] = [tensor(place) for place in places[1:]]
        places = places[:1]
    return [[*place[:3], kwargs] for place in places]


def with_tensors(value: Any, names: set[Any]) -> Any:
    """Returns an argument of a call with each `[layer, call, output]` in it as Keras 3 writes a symbolic tensor."""
    if isinstance(value, list):
        if len(value) == 3 and isinstance(value[0], str) and value[0] in names and isinstance(value[1], int):
            return tensor(value)
        return [with_tensors(item, names) for item in value]
    if isinstance(value, dict):
        return {key: with_tensors(item, names) for key, item in value.items()}
    return value


def tensor(place: list[Any]) -> dict[str, Any]:
    """Returns how Keras 3 writes the symbolic tensor at a place of the graph."""
    return {"class_name": "__keras_tensor__", "config": {"keras_history": place[:3]}}
