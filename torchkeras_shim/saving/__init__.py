"""Saving and loading: whole models, weights, and objects as configs."""

from torchkeras_shim.core.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from torchkeras_shim.core.serialization import deserialize_keras_object, serialize_keras_object
from torchkeras_shim.saving.file_editor import KerasFileEditor
from torchkeras_shim.saving.files import load_model, load_weights, save_model, save_weights
from torchkeras_shim.saving.model_config import model_from_json, model_to_json

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_json",
    "model_to_json",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
