"""The base of layers that take data as it comes: arrays, lists, texts, as well as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.core.values import as_values
from torchkeras_shim.layers.base import Layer

_READY = (torch.Tensor, KerasTensor, StringTensor, RaggedTensor)


class DataLayer(Layer):
    """A layer that also takes plain lists, numbers and texts, in a model, in a data set's `map`, or by itself."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Runs the layer on tensors, arrays, lists or symbolic tensors."""
        return super().__call__(self._given(inputs), *args, **kwargs)

    def _given(self, inputs: Any) -> Any:
        return to_data(inputs)


def to_data(value: Any) -> Any:
    """Returns what a user writes for data as an array, a tensor, or a `StringTensor`; tensors as they are.

    Example:
        >>> to_data([1, 2]), to_data(["a"]).tolist()
        (array([1, 2], dtype=int32), [b'a'])
    """
    if isinstance(value, _READY):
        return value
    if is_text(value):
        return as_strings(value)
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], torch.Tensor):
            return torch.stack(list(value))
        if value and isinstance(value[0], (np.ndarray, np.generic)):
            return np.array(value)
        return as_values(value).numpy()
    if isinstance(value, (bool, int, float)):
        return as_values(value).numpy()
    return np.asarray(value) if hasattr(value, "__array__") else value
