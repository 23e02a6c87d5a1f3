"""The two kinds of data sets side by side: what differs in how a test writes to them, and plain values of what they "
"say."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import Dataset, RaggedTensorSpec, TensorSpec


def ours():
    """Functions of torch, by the names that the tests use."""
    return SimpleNamespace(
        Dataset=Dataset,
        arange=lambda n: torch.arange(int(n)),
        fill=lambda n, value: (
            StringTensor([value] * int(n)) if isinstance(value, str) else value.expand(int(n)).clone()
        ),
        length=len,
        spec=TensorSpec,
        ragged_spec=RaggedTensorSpec,
        ragged=RaggedTensor.from_rows,
        dtype=lambda name: name,
        constant=torch.as_tensor,
        to=lambda x, name: x.to(getattr(torch, name)),
    )


def theirs(tf):
    """The same functions of TensorFlow."""
    return SimpleNamespace(
        Dataset=tf.data.Dataset,
        arange=lambda n: tf.range(n),
        fill=lambda n, value: tf.fill([n], value),
        length=lambda x: tf.shape(x)[0],
        spec=tf.TensorSpec,
        ragged_spec=lambda shape, dtype: tf.RaggedTensorSpec(shape, dtype),
        ragged=tf.ragged.constant,
        dtype=lambda name: getattr(tf, name),
        constant=tf.constant,
        to=lambda x, name: tf.cast(x, name),
    )


def plain(element):
    """An element as lists, numbers and bytes, with the names of their types."""
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, tuple):
        return [plain(value) for value in element]
    if element is None:
        return None
    if hasattr(element, "as_numpy_iterator"):
        return ["dataset", [plain(value) for value in element]]
    if hasattr(element, "to_list"):
        return ["ragged", kind(element), element.to_list()]
    value = element.numpy()
    return [kind(element), value if isinstance(value, bytes) else np.asarray(value).tolist()]


def kind(part):
    """The name of a type."""
    return str(getattr(part.dtype, "name", part.dtype)).removeprefix("torch.")


def specs(spec):
    """Specs as lists."""
    if isinstance(spec, dict):
        return {key: specs(value) for key, value in spec.items()}
    if isinstance(spec, tuple):
        return [specs(value) for value in spec]
    name = type(spec).__name__
    if name.startswith("None"):
        return None
    if name == "DatasetSpec":
        return ["dataset", specs(spec.element_spec)]
    shape = getattr(spec, "shape", None)
    if shape is not None and getattr(shape, "rank", 0) is None:
        shape = None
    return [name, None if shape is None else list(shape), kind(spec)]


def answers(dataset, spec=True):
    """What a data set holds, how many it says, and of which kind."""
    elements = [plain(element) for element in dataset]
    said = [elements, int(dataset.cardinality())]
    return [*said, specs(dataset.element_spec)] if spec else said


def error_of(function, *args):
    """The name and the beginning of the message of what a function raises; only its first sentence is Keras's or "
    "TensorFlow's."""
    try:
        function(*args)
    except Exception as error:
        message = re.sub(r"^\{\{.*?\}\} ", "", str(error))
        return [type(error).__name__, message]
    return None
