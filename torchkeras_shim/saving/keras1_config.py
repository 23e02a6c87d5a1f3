"""Configs of Keras 1 as those of Keras 2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_REGULARIZERS = {"W_regularizer": "kernel_regularizer", "U_regularizer": "recurrent_regularizer",
                 "b_regularizer": "bias_regularizer"}  # fmt: skip
_CONSTRAINTS = {"W_constraint": "kernel_constraint", "b_constraint": "bias_constraint"}
_DENSE = {"output_dim": "units", "init": "kernel_initializer", "bias": "use_bias", **_REGULARIZERS, **_CONSTRAINTS}
_CONVOLUTION = {
    **_DENSE,
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "atrous_rate": "dilation_rate",
    "filter_length": "kernel_size",
    "subsample_length": "strides",
}
_RECURRENT = {
    **_DENSE,
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
_POOLING = {"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"}
_CONV_LSTM = {**_CONVOLUTION, **_RECURRENT}
#: What an argument is called in Keras 2, by class; the class itself may have another name there.
ARGUMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "Dense": ("Dense", _DENSE),
    "TimeDistributedDense": ("Dense", _DENSE),
    **{f"Convolution{rank}D": (f"Conv{rank}D", _CONVOLUTION) for rank in (1, 2, 3)},
    **{f"AtrousConvolution{rank}D": (f"Conv{rank}D", _CONVOLUTION) for rank in (1, 2)},
    "SeparableConvolution2D": (
        "SeparableConv2D",
        {
            **_CONVOLUTION,
            "depthwise_regularizer": "depthwise_regularizer",
            "init": "depthwise_initializer",
        },
    ),
    "Deconvolution2D": ("Conv2DTranspose", _CONVOLUTION),
    **{f"LocallyConnected{rank}D": (f"LocallyConnected{rank}D", _CONVOLUTION) for rank in (1, 2)},
    "Highway": ("Highway", _DENSE),
    "MaxoutDense": ("MaxoutDense", {**_DENSE, "nb_feature": "features"}),
    **{f"MaxPooling{rank}D": (f"MaxPooling{rank}D", _POOLING) for rank in (1, 2, 3)},
    **{f"AveragePooling{rank}D": (f"AveragePooling{rank}D", _POOLING) for rank in (1, 2, 3)},
    **{name: (name, _RECURRENT) for name in ("LSTM", "GRU", "SimpleRNN")},
    "ConvLSTM2D": ("ConvLSTM2D", _CONV_LSTM),
    "Embedding": (
        "Embedding",
        {
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
    ),
    "BatchNormalization": ("BatchNormalization", {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"}),
    "PReLU": ("PReLU", {"init": "alpha_initializer"}),
    "GaussianNoise": ("GaussianNoise", {"sigma": "stddev"}),
    **{name: (name, {"p": "rate"}) for name in ("Dropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D",
                                                "SpatialDropout3D")},
    "UpSampling1D": ("UpSampling1D", {"length": "size"}),
}  # fmt: skip
#: Arguments that changed nothing that a model computes, or follow from the weights.
_GONE = ("input_dtype", "consume_less", "input_dim", "input_length", "output_shape", "forget_bias_init")
_KERNELS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
#: Arguments of several layers that became something else than another name.
ONLY_IN_KERAS_1 = (
    "dim_ordering",
    "mode",
    "consume_less",
    "forget_bias_init",
    *(name for names in _KERNELS for name in names),
)
_UNSUPPORTED = frozenset(("Graph", "Siamese"))
_MERGES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot",
           "cos": "CosineMerge"}  # fmt: skip
_NAMES = {"zero": "zeros", "one": "ones", "uniform": "random_uniform", "normal": "random_normal"}


def to_keras2(config: Any) -> Any:
    """Returns the config of a model or layer of Keras 1 as Keras 2 would write it.

    Args:
        config: The config; one of a later Keras would be misread.

    Raises:
        ValueError: If a part of it is not supported; the message says which.

    Example:
        >>> dense = {"class_name": "Dense", "config": {"name": "d", "output_dim": 2, "init": "zero", "bias": False}}
        >>> to_keras2(dense)["config"]
        {'name': 'd', 'units': 2, 'kernel_initializer': 'zeros', 'use_bias': False}
    """
    converted = _convert(config)
    _complete(converted)
    return converted


#: Layers whose config left out in which order the axes are.
_WITHOUT_ORDER = re.compile(r"(Cropping|SpatialDropout|UpSampling|ZeroPadding)[23]D")


def _complete(config: Any) -> None:
    """Gives the layers that do not say in which order their axes are the order of all the others."""
    layers = list(_layers(config))
    known = {layer["config"]["data_format"] for layer in layers if "data_format" in layer["config"]}
    if len(known) == 1:
        for layer in layers:
            if _WITHOUT_ORDER.fullmatch(layer["class_name"]):
                layer["config"].setdefault("data_format", next(iter(known)))


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict) and isinstance(config.get("config"), dict) and "class_name" in config:
        yield config
    members = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    for member in members:
        yield from _layers(member)


def _convert(config: Any) -> Any:
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        return config
    class_name, inner = config["class_name"], config.get("config")
    if class_name == "Sequential":
        members = inner if isinstance(inner, list) else (inner or {}).get("layers", [])
        return _sequential(config, members)
    if not isinstance(inner, dict):
        return config
    if isinstance(inner.get("layers"), list) and "input_layers" in inner:
        return {**config, "config": {**inner, "layers": [_convert(layer) for layer in inner["layers"]]}}
    if class_name in _UNSUPPORTED:
        raise _refusal(f"layer '{inner.get('name')}' of class {class_name}")
    if class_name == "Merge":
        return {**config, **_merge(inner)}
    return {**config, **_layer(class_name, inner)}


class UnsupportedError(ValueError):
    """A part of a config that has no counterpart today.

    Args:
        what: The part.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"This is a Keras 1 file, and its {what} is not supported. Rebuild that part with layers of today, and "
            "load the weights of the others by name: `model.load_weights(path, by_name=True)`."
        )
        self.what = what


def _refusal(what: str) -> UnsupportedError:
    return UnsupportedError(what)


def _layer(class_name: str, inner: dict[str, Any]) -> dict[str, Any]:
    new_class, renamed = ARGUMENTS.get(class_name, (class_name, {}))
    result: dict[str, Any] = {}
    for key, value in inner.items():
        if key not in _GONE or (key == "input_dim" and class_name == "Embedding"):
            result[renamed.get(key, key)] = _value(key, value)
    if class_name == "Embedding":
        result.pop("dropout", None)
    if "dim_ordering" in result:
        result["data_format"] = _data_format(result.pop("dim_ordering"), inner)
    for names in _KERNELS:
        if names[0] in result:
            result["kernel_size"] = [result.pop(name) for name in names if name in result]
    if class_name == "BatchNormalization" and result.pop("mode", 0) not in (0, 2):
        raise _refusal(f"BatchNormalization '{inner.get('name')}' with mode={inner['mode']}")
    if class_name == "GRU":
        result["reset_after"] = False
    if isinstance(result.get("layer"), dict):
        result["layer"] = _convert(result["layer"])
    if result.get("padding") == "full":
        raise _refusal(f"layer '{inner.get('name')}' with border_mode='full'")
    return {"class_name": new_class, "config": result}


def _data_format(ordering: Any, inner: dict[str, Any]) -> str:
    known = {"th": "channels_first", "tf": "channels_last", "default": "channels_last"}
    if ordering not in known:
        raise _refusal(f"layer '{inner.get('name')}' with dim_ordering={ordering!r}")
    return known[ordering]


def _value(key: str, value: Any) -> Any:
    """Returns an argument's value: regularizers and constraints were dicts with their class as `name`."""
    if isinstance(value, dict) and isinstance(value.get("name"), str) and "class_name" not in value:
        inner = {name: item for name, item in value.items() if name != "name"}
        if value["name"] in ("L1L2Regularizer", "WeightRegularizer", "ActivityRegularizer"):
            return {"class_name": "L1L2", "config": inner}
        if value["name"] == "EigenvalueRegularizer":
            raise _refusal("EigenvalueRegularizer")
        if "m" in inner:
            inner["max_value"] = inner.pop("m")
        return {"class_name": value["name"], "config": inner}
    if isinstance(value, str) and (key == "init" or key.endswith("_init")):
        return _NAMES.get(value, value)
    return value


def _merge(inner: dict[str, Any]) -> dict[str, Any]:
    """Returns the layer of Keras 2 that a `Merge` of two or more tensors was split into."""
    mode, name = inner.get("mode"), inner.get("name")
    if inner.get("mode_type", "raw") != "raw" or mode not in _MERGES:
        raise _refusal(f"Merge layer '{name}' with a function as its mode")
    config: dict[str, Any] = {"name": name}
    if mode == "concat":
        config["axis"] = inner.get("concat_axis", -1)
    if mode in ("dot", "cos"):
        config["axes"] = inner.get("dot_axes", -1)
    return {"class_name": _MERGES[mode], "config": config}


def _sequential(config: dict[str, Any], members: list[Any]) -> dict[str, Any]:
    """Returns a stack; one that begins with a `Merge` of other models is a graph."""
    first = members[0] if members else None
    name = config["config"].get("name") if isinstance(config.get("config"), dict) else config.get("name")
    if isinstance(first, dict) and first.get("class_name") == "Merge":
        return {**config, "class_name": "Functional", "config": _graph(members, name)}
    inner: dict[str, Any] = {"name": name, "layers": [_convert(member) for member in members]}
    return {**config, "config": inner}


def _graph(members: list[Any], name: Any) -> dict[str, Any]:
    """Returns the graph of a stack on a `Merge`: Keras 1 keeps the weights of all layers in one row, and so does it."""
    layers: list[dict[str, Any]] = []
    inputs: list[list[Any]] = []
    ends = []
    for branch in members[0]["config"].get("layers", []):
        ends.append(_branch(branch, layers, inputs))
    place = _append(layers, _convert(members[0]), [[*end, {}] for end in ends])
    for member in members[1:]:
        place = _append(layers, _convert(member), [[*place, {}]])
    return {"name": name or "merged", "layers": layers, "input_layers": inputs, "output_layers": [place]}


def _branch(branch: Any, layers: list[dict[str, Any]], inputs: list[list[Any]]) -> list[Any]:
    stack = branch.get("config") if isinstance(branch, dict) else None
    if not isinstance(stack, list) or not stack or branch["class_name"] != "Sequential":
        raise _refusal("Merge of something else than Sequential models")
    if stack[0].get("class_name") == "Merge":
        graph = _graph(stack, None)
        layers.extend(graph["layers"])
        inputs.extend(graph["input_layers"])
        return list(graph["output_layers"][0])
    shape = stack[0].get("config", {}).get("batch_input_shape")
    if shape is None:
        raise _refusal("Merge of a Sequential model without an input shape")
    name = f"{stack[0]['config'].get('name')}_input"
    dtype = stack[0]["config"].get("input_dtype") or "float32"
    source = {"class_name": "InputLayer", "config": {"name": name, "batch_input_shape": shape, "dtype": dtype}}
    place = _append(layers, source, None)
    inputs.append(place)
    for member in stack:
        place = _append(layers, _convert(member), [[*place, {}]])
    return place


def _append(layers: list[dict[str, Any]], entry: dict[str, Any], node: list[Any] | None) -> list[Any]:
    inner = entry["config"]
    name = (
        inner["name"] if isinstance(inner, dict) and "name" in inner else f"{entry['class_name'].lower()}_{len(layers)}"
    )
    layers.append({**entry, "name": name, "inbound_nodes": [] if node is None else [node]})
    return [name, 0, 0]
