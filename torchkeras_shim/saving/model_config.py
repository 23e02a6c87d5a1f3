"""A model's architecture as JSON and back, out of closed tables only."""

from __future__ import annotations

import json
from typing import Any

from torchkeras_shim.core import serialization, sharing
from torchkeras_shim.core.custom_objects import CustomObjectScope, find, raised_by_user
from torchkeras_shim.core.tables import TABLES
from torchkeras_shim.saving import budget, legacy_config
from torchkeras_shim.saving.errors import DamagedFileError, shorten

#: The version of Keras whose formats are written here.
KERAS_VERSION = "3.15.1"


def model_to_json(model: Any, **kwargs: Any) -> str:
    """Returns a model's architecture, and what it was compiled with, as JSON.

    Args:
        model: The model.
        **kwargs: Arguments of `json.dumps`.

    Raises:
        NotImplementedError: If a part of the model has no config.
        TypeError: If a config holds something that JSON cannot.

    Example:
        >>> import torchkeras_shim as keras
        >>> model_to_json(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))[:30]
        '{"module": "keras", "class_nam'
    """
    with sharing.writing():
        config = sharing.keep_shared(serialization.serialize_keras_object(model))
    try:
        return json.dumps(config, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"Model '{model.name}' has something in its config that cannot be written as JSON: {error}. "
            "`get_config()` of your own classes must return numbers, strings, lists, dicts and objects with a config."
        ) from error


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds a model, with new weights, from what `model.to_json()` returned.

    The text may be of Keras 1, 2 or 3, or of tf.keras.

    Args:
        json_string: The JSON text.
        custom_objects: The user's own classes and functions by name.

    Returns:
        The model.

    Raises:
        ValueError: If it is not a model, or a name is not known.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
        >>> model_from_json(model.to_json()).output_shape
        (None, 2)
    """
    config = parse(json_string, "the JSON text")
    with budget.limit_to_memory("the JSON text"):
        return rebuild(config, custom_objects, "the JSON text")


def parse(text: str, path: str) -> dict[str, Any]:
    """Returns the config that a text holds.

    Raises:
        DamagedFileError: If it is not JSON of a model.
    """
    try:
        config = budget.parse_json(text, path)
    except json.JSONDecodeError as error:
        raise DamagedFileError(f"The config of '{path}' cannot be read: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str) or "config" not in config:
        raise DamagedFileError(f"'{path}' holds no config of a model. Received: {str(config)[:100]}")
    try:
        budget.check_numbers(config, path)
    except RecursionError as error:
        raise DamagedFileError(f"The config of '{path}' is nested too deeply.") from error
    return config


def without_compilation(config: Any) -> Any:
    """Returns a config without what its model, and models inside it, were compiled with."""
    if isinstance(config, list):
        return [without_compilation(item) for item in config]
    if not isinstance(config, dict):
        return config
    own = {"class_name", "config"} <= set(config)
    return {key: without_compilation(value) for key, value in config.items() if not (own and key == "compile_config")}


def rebuild(
    config: dict[str, Any], custom_objects: dict[str, Any] | None, path: str, keras_version: str | None = None
) -> Any:
    """Makes a model from a config that comes out of a file.

    Args:
        config: The config, of Keras 1, 2 or 3.
        custom_objects: The user's own classes and functions by name.
        path: What the file is called in messages.
        keras_version: What the file says that it was written by.

    Raises:
        ValueError: If the config does not describe a model, or refers to names that are not known.
    """
    with CustomObjectScope(custom_objects or {}), sharing.reading(), legacy_config.settled():
        try:
            era = legacy_config.era(config, keras_version)
            training = legacy_config.modernize_training(config.pop("compile_config", None), era)
            model = serialization.deserialize_keras_object(legacy_config.modernize(config, era))
            if training and hasattr(model, "compile_from_config"):
                check_names(training, path)
                model.compile_from_config(training)
        except ValueError as error:
            if not raised_by_user(error):
                shorten(error)
            raise
        except NotImplementedError as error:
            raise ValueError(f"The model of '{path}' cannot be rebuilt here: {error}") from error
        except Exception as error:  # whatever wrong arguments do in a constructor
            if raised_by_user(error):
                raise
            said = f"it has no entry {error}" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
            wrong = ValueError(f"The model of '{path}' could not be rebuilt from its config: {said}")
            shorten(wrong)
            raise wrong from error
    if not hasattr(model, "compile_from_config") and not getattr(model, "_is_saved_alone", False):
        raise DamagedFileError(f"'{path}' describes no model but a {type(model).__name__}.")
    return model


#: What `compile()` makes of the shapes of the data, rather than a function of that name.
_AUTOMATIC = ("acc", "accuracy", "ce", "crossentropy")


def check_names(training: dict[str, Any], path: str) -> None:
    """Makes sure that the losses and metrics that a file names are known.

    Args:
        training: The arguments of `compile()` in the file.
        path: What the file is called in messages.

    Raises:
        ValueError: If one is not known; the message says how to pass it.
    """
    for key, kind in (("loss", "loss"), ("metrics", "metric"), ("weighted_metrics", "metric")):
        table = TABLES["keras.losses" if kind == "loss" else "keras.metrics"]
        for name in _names(training.get(key)):
            if not (name in _AUTOMATIC or find(name) is not None or table.lookup(name) is not None):
                raise ValueError(
                    f"Unknown {kind} function: '{name}', which the model of '{path}' was compiled with. If it is your "
                    f"own, pass it: `custom_objects={{{name!r}: ...}}`. With `compile=False` the model is loaded "
                    "without its losses, metrics and optimizer."
                )


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [] if "class_name" in value else [name for item in value.values() for name in _names(item)]
    return [name for item in value for name in _names(item)] if isinstance(value, (list, tuple)) else []
