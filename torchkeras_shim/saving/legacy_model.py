"""Whole models in Keras's older `.h5` format."""

from __future__ import annotations

import json
import logging
from typing import Any

from torchkeras_shim.core import custom_objects as custom
from torchkeras_shim.core import serialization
from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.core.tables import TABLES, Table
from torchkeras_shim.saving import budget, hdf5, legacy_config, legacy_h5
from torchkeras_shim.saving.errors import DamagedFileError
from torchkeras_shim.saving.model_config import KERAS_VERSION, check_names, parse, rebuild, without_compilation

_logger = logging.getLogger("torchkeras_shim")


def save(model: Any, path: str, include_optimizer: bool = True) -> None:
    """Writes a model: its architecture, weights, and what it was compiled with.

    Args:
        model: The model.
        path: Where to.
        include_optimizer: Whether to write what it was compiled with.
    """
    config = serialization.serialize_keras_object(model)
    training = config.get("compile_config") if include_optimizer else None
    with replacing(path) as temporary, hdf5.created(temporary) as file:
        file.attrs["keras_version"] = KERAS_VERSION
        file.attrs["backend"] = "torch"
        file.attrs["model_config"] = json.dumps(legacy_config.to_legacy(config))
        if training:
            file.attrs["training_config"] = json.dumps(_training_config(training))
        legacy_h5.write_weights(model, file.create_group("model_weights"))
        if training:
            legacy_h5.write_optimizer(model.optimizer, file)


def _training_config(compile_config: dict[str, Any]) -> dict[str, Any]:
    arguments = {key: legacy_config.to_legacy_value(value) for key, value in compile_config.items()}
    optimizer = arguments.pop("optimizer")
    return {**arguments, "optimizer_config": optimizer}


def load(path: str, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    """Reads what `save`, Keras 3 or tf.keras 2 has written.

    Args:
        path: A `.h5` file.
        custom_objects: The user's own classes and functions by name.
        compile: Whether to compile the model as it was when it was saved.
    """
    with hdf5.opened(path, path) as file, custom.CustomObjectScope(custom_objects or {}):
        text = hdf5.text(file, "model_config")
        if text is None:
            raise ValueError(
                f"No model config found in the file at {path}. If it holds weights only, build the model and call "
                "`model.load_weights(path)`."
            )
        version = hdf5.text(file, "keras_version")
        weights = hdf5.find_group(file, "model_weights")
        if weights is None:
            raise DamagedFileError(f"'{path}' holds no 'model_weights'.")
        training_text = hdf5.text(file, "training_config") if compile else None
        with budget.limit(path, file.id.get_filesize()):
            config = parse(text, path)
            if not compile:
                config = without_compilation(config)
            era = legacy_config.era(config, version)
            model = rebuild(config, custom_objects, path, version)
            if training_text is not None:
                _compile(model, training_text, path, era)
        legacy_h5.read_weights(model, weights)
        if compile and training_text is None:
            _logger.warning(
                "No training configuration found in the save file, so the model was *not* compiled. Compile it "
                "manually."
            )
        if training_text is not None and not legacy_h5.read_optimizer(model.optimizer, file):
            _logger.warning(
                "The saved optimizer state does not fit the optimizer. As a result, your model is starting with a "
                "freshly initialized optimizer."
            )
    return model


def load_weights(model: Any, path: str, skip_mismatch: bool, by_name: bool) -> None:
    """Reads the weights out of a `.h5` file of a whole model or of weights alone."""
    with hdf5.opened(path, path) as file:
        group = file
        if not hdf5.has_names(file, "layer_names"):
            group = hdf5.find_group(file, "model_weights")
        if group is None:
            raise ValueError(
                f"'{path}' holds neither 'layer_names' nor 'model_weights': it is not a weights file of Keras."
            )
        legacy_h5.read_weights(model, group, skip_mismatch, by_name)


def holds_names(path: str) -> bool:
    """Returns whether a `.h5` file finds the weights by the names of layers, whatever it is called."""
    with hdf5.opened(path, path) as file:
        return hdf5.has_names(file, "layer_names") or hdf5.find_group(file, "model_weights") is not None


def save_weights(model: Any, path: str) -> None:
    """Writes the weights alone."""
    with replacing(path) as temporary, hdf5.created(temporary) as file:
        legacy_h5.write_weights(model, file)


def _compile(model: Any, text: str, path: str, era: int) -> None:
    try:
        config = budget.parse_json(text, path)
        budget.check_numbers(config, path)
        optimizer = legacy_config.modernize_optimizer(config["optimizer_config"], era)
        config = {
            key: legacy_config.modernize(value, era) for key, value in config.items() if key != "optimizer_config"
        }
    except (json.JSONDecodeError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFileError(f"The training config of '{path}' cannot be read: {error}") from error
    check_names(config, path)
    losses, metrics = TABLES["keras.losses"], TABLES["keras.metrics"]
    try:
        model.compile(
            optimizer=TABLES["keras.optimizers"].deserialize(optimizer),
            loss=_restore(config.get("loss"), losses),
            loss_weights=config.get("loss_weights"),
            metrics=_restore(config.get("metrics"), metrics),
            weighted_metrics=_restore(config.get("weighted_metrics"), metrics),
            run_eagerly=bool(config.get("run_eagerly", False)),
            steps_per_execution=config.get("steps_per_execution", 1),
        )
        if model.built:
            model._build_optimizer()
    except ValueError:
        raise
    except Exception as error:  # whatever wrong arguments do in a constructor
        if custom.raised_by_user(error):
            raise
        raise DamagedFileError(
            f"The model of '{path}' could not be compiled as it was: {type(error).__name__}: {error}"
        ) from error


def _restore(value: Any, table: Table) -> Any:
    """Makes objects of configs in any structure; names stay names, which `compile` understands, but the user's own."""
    if isinstance(value, str):
        found = custom.find(value)
        return value if found is None else found
    if isinstance(value, dict) and "class_name" in value:
        return table.deserialize(value)
    if isinstance(value, dict):
        return {key: _restore(item, table) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore(item, table) for item in value]
    return value
