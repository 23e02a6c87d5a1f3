"""Configs in older forms: those of tf.keras 2 and of Keras's `.h5` files, read and written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from torchkeras_shim.core import custom_objects
from torchkeras_shim.saving import keras1_config, legacy_nodes

#: What Keras 2 called `hard_sigmoid`.
HARD_SIGMOID = "legacy_hard_sigmoid"
#: What the schedule is called that an optimizer's `decay` is today.
DECAY = "decay"

# What older versions call a class.
_CLASSES = {
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "LayerNormalizationV1": "LayerNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "ThresholdedReLU": "ReLU",
}
# Arguments that are gone since and never changed a result, by class.
_GONE: dict[str, tuple[str, ...]] = {
    "BatchNormalization": ("fused",),
    "Embedding": ("input_length",),
    "InputLayer": ("ragged", "type_spec", "input_dtype"),
    "Lambda": ("module", "function_type", "output_shape_type", "output_shape_module", "mask_module", "mask_type"),
    **{f"SpatialDropout{rank}D": ("trainable", "noise_shape") for rank in (1, 2, 3)},
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape", "build_input_shape"),
}
# Arguments that are gone since, and the value at which they changed nothing.
_NEUTRAL: dict[str, Any] = {
    "cudnn_on_gpu": True,
    "groups": 1,
    "ragged": False,
    "renorm": False,
    "softmax_robust_masking": False,
    "synchronized": False,
    "time_major": False,
    "virtual_batch_size": None,
    "adjustment": None,
    "bidirectional": False,
    "noise_shape": None,
}
_WITH_GROUPS = ("Conv1D", "Conv2D", "Conv3D", "GroupNormalization")
_RECURRENT = ("GRU", "LSTM", "SimpleRNN", "RNN", "GRUCell", "LSTMCell", "SimpleRNNCell")
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}, "ReLU": {"theta": "threshold"}}
_INITIALIZERS = frozenset(
    f"{kind}{name}"
    for kind, names in (
        ("Glorot", ("Normal", "Uniform")),
        ("He", ("Normal", "Uniform")),
        ("Lecun", ("Normal", "Uniform")),
        ("Random", ("Normal", "Uniform")),
        ("", ("Constant", "Identity", "Ones", "Orthogonal", "TruncatedNormal", "VarianceScaling", "Zeros")),
    )
    for name in names
)
_ACTIVATIONS = ("activation", "recurrent_activation")
_OPTIMIZER_GONE = ("is_legacy_optimizer", "jit_compile")
# Keras cannot read the short names of losses out of `.h5` files.
_FULL_NAMES = {
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}
_AUTOMATIC_METRICS = {"binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
# Spellings that Keras 1 wrote and nobody after it.
_KERAS_1 = frozenset(
    ("output_dim", "nb_filter", "border_mode", "dim_ordering", "inner_init", "W_regularizer", "input_dtype")
)


def era(config: Any, keras_version: str | None = None) -> int:
    """Returns which Keras a config is of: 1, 2 or 3, where 2 stands for tf.keras too.

    Args:
        config: The config of a model or layer.
        keras_version: What the file says; without it, the config itself decides.

    Example:
        >>> era({"class_name": "Dense", "config": {"units": 3}}, "2.2.4-tf")
        2
        >>> era({"class_name": "Dense", "config": {"output_dim": 3}})
        1
    """
    if keras_version is None and isinstance(config, dict):
        keras_version = config.get("keras_version")
    major = keras_version.partition(".")[0] if isinstance(keras_version, str) else ""
    if major.isdigit():
        return min(max(int(major), 1), 3)
    if isinstance(config, dict) and "module" in config:
        return 3
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    members = [layer for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
    if any("module" in layer for layer in members):
        return 3
    insides = [inner, *(layer.get("config") for layer in members)]
    return 1 if any(isinstance(found, dict) and not _KERAS_1.isdisjoint(found) for found in insides) else 2


def modernize(config: Any, era: int = 2) -> Any:
    """Returns the config of a model, layer, loss or metric as Keras 3 writes it; one of Keras 3 comes back as it is.

    Args:
        config: The config.
        era: Which Keras it is of, see `era`.

    Raises:
        ValueError: If a part of it has no counterpart today.

    Example:
        >>> modernize({"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4]}})
        {'class_name': 'InputLayer', 'config': {'batch_shape': [None, 4]}}
        >>> modernize({"class_name": "Dense", "config": {"units": 1, "activation": "hard_sigmoid"}})["config"]
        {'units': 1, 'activation': 'legacy_hard_sigmoid'}
    """
    if era >= 3:
        return config
    return _modernize(keras1_config.to_keras2(config) if era == 1 else config)


#: Whether the configs that classes are given have been looked at already: those of a file are, as a whole.
_settled: ContextVar[bool] = ContextVar("settled", default=False)


@contextmanager
def settled() -> Iterator[None]:
    """Takes the configs that models are made from in a `with` block as they are."""
    token = _settled.set(True)
    try:
        yield
    finally:
        _settled.reset(token)


def modernize_model(config: Any, class_name: str) -> Any:
    """Returns what the `from_config` of a model is given, as Keras 3 writes it.

    Args:
        config: The config of a model of any Keras, without its class.
        class_name: `"Sequential"` or `"Functional"`.

    Example:
        >>> modernize_model([{"class_name": "Dense", "config": {"output_dim": 3}}], "Sequential")["layers"]
        [{'class_name': 'Dense', 'config': {'units': 3}}]
    """
    if _settled.get():
        return config
    whole = {"class_name": class_name, "config": config}
    return modernize(whole, era(whole))["config"]


def _modernize(config: Any) -> Any:
    if isinstance(config, list):
        return [_modernize(item) for item in config]
    if not isinstance(config, dict):
        return config
    if set(config) == {"type", "value"} and config["type"] == "ndarray":  # how Keras 2.0 wrote an array of one number
        return config["value"]
    config = {key: _modernize(value) for key, value in config.items()}
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        return config
    class_name, inner = _class_name(config["class_name"]), config["config"]
    if class_name == "function" and inner == "hard_sigmoid" and custom_objects.find(inner) is None:
        return {**config, "config": HARD_SIGMOID}
    if class_name == "Sequential" and isinstance(inner, list):  # as it was before tf.keras 2.2
        inner = {"name": None, "layers": inner}
    if class_name in ("Policy", "PolicyV1") and isinstance(inner, dict):
        return str(inner.get("name")).replace("infer", "float32")
    if class_name == "MeanMetricWrapper" and isinstance(inner, dict) and isinstance(inner.get("fn"), str):
        automatic = inner["fn"] in _AUTOMATIC_METRICS and inner.get("name") in ("accuracy", "acc")
        return inner["name"] if automatic else inner["fn"]
    if isinstance(inner, dict):
        inner = _arguments(config["class_name"], class_name, inner)
        if isinstance(inner.get("layers"), list) and "input_layers" in inner:
            inner = legacy_nodes.modernize_graph(inner)
    return {**config, "class_name": class_name, "config": inner}


def _class_name(name: str) -> str:
    if custom_objects.find(name) is not None:
        return name
    # "Custom>Adam" is how tf.keras 2 wrote some of its own classes.
    name = name.removeprefix("Custom>")
    if name[-2:] in ("V1", "V2") and name[:-2] in _INITIALIZERS:
        return name[:-2]
    return _CLASSES.get(name, name)


def _arguments(old_class: str, class_name: str, inner: dict[str, Any]) -> dict[str, Any]:
    if custom_objects.find(old_class) is not None:
        return _with_activations(inner)
    inner = _with_activations(inner)
    for name in _GONE.get(class_name, ()):
        inner.pop(name, None)
    if class_name in _RECURRENT:
        inner.pop("implementation", None)
    for name, value in _NEUTRAL.items():
        if name in inner and inner[name] == value and not (name == "groups" and class_name in _WITH_GROUPS):
            del inner[name]
    for old, new in _RENAMED.get(class_name, {}).items():
        if old in inner:
            inner[new] = inner.pop(old)
    if class_name == "InputLayer" and "batch_input_shape" in inner:
        inner["batch_shape"] = inner.pop("batch_input_shape")
    axis = inner.get("axis")
    if class_name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = axis[0]
    if class_name == "GRU" and "reset_after" not in inner:
        inner["reset_after"] = old_class == "CuDNNGRU"  # Keras 2 had no other before 2.1.3
    if class_name in _INITIALIZERS:
        inner.pop("dtype", None)
        if class_name == "VarianceScaling" and inner.get("distribution") == "normal":
            inner["distribution"] = "truncated_normal"
    if inner.get("reduction") == "auto":
        inner["reduction"] = "sum_over_batch_size"
    return inner


def _with_activations(inner: dict[str, Any]) -> dict[str, Any]:
    """Keras 3 has given the name `hard_sigmoid` to another function."""
    inner = dict(inner)
    for key in _ACTIVATIONS:
        if inner.get(key) == "hard_sigmoid" and custom_objects.find("hard_sigmoid") is None:
            inner[key] = HARD_SIGMOID
    return inner


def modernize_optimizer(config: Any, era: int = 2) -> Any:
    """Returns the config of an optimizer as Keras 3 writes it.

    Args:
        config: The config.
        era: Which Keras it is of, see `era`.

    Example:
        >>> modernize_optimizer({"class_name": "SGD", "config": {"lr": 0.1, "decay": 0.0}})
        {'class_name': 'SGD', 'config': {'learning_rate': 0.1}}
    """
    config = modernize(config, era)
    if era >= 3 or not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        return config
    inner = {key: value for key, value in config["config"].items() if key not in _OPTIMIZER_GONE}
    if "lr" in inner:
        inner["learning_rate"] = inner.pop("lr")
    decay = inner.pop("decay", None)
    if config["class_name"] == "Nadam":  # its decay was that of the momentum, with another rule than today's
        inner.pop("schedule_decay", None)
        decay = None
    if decay and isinstance(inner.get("learning_rate"), (int, float)):
        inner["learning_rate"] = {
            "class_name": "InverseTimeDecay",
            "config": {
                "initial_learning_rate": inner["learning_rate"],
                "decay_steps": 1,
                "decay_rate": decay,
                "name": DECAY,
            },
        }
    return {**config, "config": inner}


def modernize_training(config: Any, era: int) -> Any:
    """Returns the `compile_config` of a `.keras` file as Keras 3 writes it."""
    if era >= 3 or not isinstance(config, dict):
        return config
    kept = {key: modernize(value, era) for key, value in config.items() if value is not None}
    return {**kept, "optimizer": modernize_optimizer(config.get("optimizer"), era)}


def to_legacy(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of a model in the form that `.h5` files have: `class_name` and `config` only.

    Args:
        config: What `serialize_keras_object` returned.
    """
    inner = config["config"]
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        inner = {**inner, "layers": [to_legacy(layer) for layer in inner["layers"]]}
    kept: dict[str, Any] = {key: config[key] for key in ("name", "inbound_nodes") if key in config}
    if ".ops." in str(config.get("module")):  # functions in a graph: their class is not a layer
        kept["module"] = config["module"]
    return {"class_name": config.get("registered_name") or config["class_name"], "config": inner, **kept}


def to_legacy_value(value: Any) -> Any:
    """Returns an argument of `compile()` in the form that `.h5` files have: functions are names."""
    if isinstance(value, str):
        return _FULL_NAMES.get(value.lower(), value)
    if isinstance(value, dict) and value.get("class_name") == "function":
        return value["config"]
    if isinstance(value, dict) and "class_name" in value:
        return {"class_name": value.get("registered_name") or value["class_name"], "config": value["config"]}
    if isinstance(value, dict):
        return {key: to_legacy_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_legacy_value(item) for item in value]
    return value
