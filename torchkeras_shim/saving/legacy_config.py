"""Configs in older forms: those of tf.keras 2 and of Keras's `.h5` files, read and written."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import custom_objects

# What older versions call a class.
_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LayerNormalizationV1": "LayerNormalization",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
}
# Arguments that are gone since and never changed a result, by class.
_GONE: dict[str, tuple[str, ...]] = {
    "Embedding": ("input_length",),
    "GRU": ("implementation",),
    "LSTM": ("implementation",),
    "Lambda": ("module", "function_type", "output_shape_type", "output_shape_module"),
}
_RENAMED = {"LeakyReLU": {"alpha": "negative_slope"}}
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


def modernize(config: Any) -> Any:
    """Returns the config of a model, layer, loss or metric as Keras 3 writes it; one of Keras 3 comes back as it is.

    Example:
        >>> modernize({"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4]}})
        {'class_name': 'InputLayer', 'config': {'batch_shape': [None, 4]}}
    """
    if isinstance(config, list):
        return [modernize(item) for item in config]
    if not isinstance(config, dict):
        return config
    config = {key: modernize(value) for key, value in config.items()}
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        return config
    class_name, inner = _class_name(config["class_name"]), config["config"]
    if class_name == "Sequential" and isinstance(inner, list):  # as it was before tf.keras 2.2
        inner = {"layers": inner}
    if class_name in ("Policy", "PolicyV1") and isinstance(inner, dict):
        return inner.get("name")
    if class_name == "MeanMetricWrapper" and isinstance(inner, dict) and isinstance(inner.get("fn"), str):
        automatic = inner["fn"] in _AUTOMATIC_METRICS and inner.get("name") in ("accuracy", "acc")
        return inner["name"] if automatic else inner["fn"]
    if isinstance(inner, dict):
        inner = _arguments(class_name, inner)
    return {**config, "class_name": class_name, "config": inner}


def _class_name(name: str) -> str:
    if custom_objects.find(name) is not None:
        return name
    # "Custom>Adam" is how tf.keras 2 wrote some of its own classes.
    return _CLASSES.get(name, name.removeprefix("Custom>"))


def _arguments(class_name: str, inner: dict[str, Any]) -> dict[str, Any]:
    inner = dict(inner)
    for name in _GONE.get(class_name, ()):
        inner.pop(name, None)
    for old, new in _RENAMED.get(class_name, {}).items():
        if old in inner:
            inner[new] = inner.pop(old)
    if class_name == "InputLayer" and "batch_input_shape" in inner:
        inner["batch_shape"] = inner.pop("batch_input_shape")
    axis = inner.get("axis")
    if class_name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        inner["axis"] = axis[0]
    if inner.get("reduction") == "auto":
        inner["reduction"] = "sum_over_batch_size"
    if inner.get("time_major") is False:
        del inner["time_major"]
    return inner


def modernize_optimizer(config: Any) -> Any:
    """Returns the config of an optimizer as Keras 3 writes it.

    Example:
        >>> modernize_optimizer({"class_name": "SGD", "config": {"lr": 0.1, "decay": 0.0}})
        {'class_name': 'SGD', 'config': {'learning_rate': 0.1}}
    """
    config = modernize(config)
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        return config
    inner = {key: value for key, value in config["config"].items() if key not in _OPTIMIZER_GONE}
    if "lr" in inner:
        inner["learning_rate"] = inner.pop("lr")
    decay = inner.pop("decay", None)
    if decay and isinstance(inner.get("learning_rate"), (int, float)):
        inner["learning_rate"] = {
            "class_name": "InverseTimeDecay",
            "config": {"initial_learning_rate": inner["learning_rate"], "decay_steps": 1, "decay_rate": decay},
        }
    return {**config, "config": inner}


def to_legacy(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of a model in the form that `.h5` files have: `class_name` and `config` only.

    Args:
        config: What `serialize_keras_object` returned.
    """
    inner = config["config"]
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        inner = {**inner, "layers": [to_legacy(layer) for layer in inner["layers"]]}
    kept: dict[str, Any] = {key: config[key] for key in ("name", "inbound_nodes") if key in config}
    if ".ops." in str(config.get("module")):  # functions in a graph: their class is no layer
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
