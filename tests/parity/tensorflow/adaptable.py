"""What is asked of a layer that prepares data, of Keras's and of ours."""

from __future__ import annotations

import numpy as np


def plain(value):
    """A tensor of any make as its type, its shape and a list; of text as bytes."""
    if hasattr(value, "to_list"):  # ragged
        rows = value.to_list()
        return ["ragged", _name(value.dtype), rows]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if type(value).__name__ == "SparseTensor":
        import tensorflow as tf

        value = tf.sparse.to_dense(value)
    elif getattr(value, "is_sparse", False):
        value = value.to_dense()
    if isinstance(value, (list, str, bytes)):
        return value
    name = _name(value.dtype)
    array = np.asarray(value.numpy())
    if name == "string":
        return [name, list(array.shape), [one if isinstance(one, str) else one.decode() for one in array.reshape(-1)]]
    return [name, list(array.shape), np.round(array.astype("float64"), 4).reshape(-1).tolist()]


def _name(dtype):
    return str(getattr(dtype, "name", dtype)).removeprefix("torch.")


_REFUSALS = ("InvalidArgumentError", "NotFoundError", "UnimplementedError", "RuntimeError", "FailedPreconditionError")


def failure(error):
    """The class and the beginning of the message of an error."""
    message = str(error).partition("\x1b[1m")[2] or str(error)  # in a call, Keras writes more around it
    kind = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
    # Where TensorFlow refuses data, it does so in words and classes of its own.
    return ["Exception", ""] if type(error).__name__ in _REFUSALS else [kind, message[:30]]


def answers(library, name, arguments, data, inputs):
    """Everything that is compared of a layer: what it makes of inputs, its config, its state.

    Args:
        library: Keras, or this package.
        name: The class.
        arguments: Those of its constructor.
        data: What it adapts to: lists, or `None`.
        inputs: The inputs, as lists.
    """
    try:
        layer = getattr(library.layers, name)(**arguments, name="it")
        if data is not None:
            layer.adapt(np.array(data))
    except Exception as error:
        return failure(error)
    found = {"outputs": []}
    for one in inputs:
        try:
            found["outputs"].append(plain(layer(one if isinstance(one, (str, int)) else _array(one))))
        except Exception as error:
            found["outputs"].append(failure(error))
    found["config"] = layer.get_config()
    found["weights"] = [np.asarray(weight.numpy()) for weight in layer.weights]
    if hasattr(layer, "get_vocabulary"):
        vocabulary = layer.get_vocabulary(), layer.get_vocabulary(include_special_tokens=False)
        found["vocabulary"] = [[str(one) if isinstance(one, str) else int(one) for one in part] for part in vocabulary]
        found["vocabulary_size"] = layer.vocabulary_size()
    return found


def _array(value):
    if isinstance(value, tuple):
        return [np.array(one) for one in value]
    return np.array(value)


def shape_of(library, name, arguments, data, shape, dtype):
    """The shape and type of the symbolic result."""
    layer = getattr(library.layers, name)(**arguments)
    if data is not None:
        layer.adapt(np.array(data))
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [library.KerasTensor(one, dtype) for one in shapes]
    output = layer(inputs if isinstance(shape, list) else inputs[0])
    return list(output.shape), output.dtype
