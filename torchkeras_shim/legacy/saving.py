"""`keras.legacy.saving`: objects as dicts in the form of Keras 2; the functions of `keras.utils.legacy`."""

from torchkeras_shim.utils.legacy import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]
