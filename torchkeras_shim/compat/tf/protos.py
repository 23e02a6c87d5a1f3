"""Tensors as protocol buffers, as TensorBoard's plugins write them into summaries; needs TensorBoard."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.tensors import convert


def _tensor_util() -> Any:
    try:
        return importlib.import_module("tensorboard.util.tensor_util")
    except ImportError as error:
        raise ImportError("Tensors as protocol buffers need TensorBoard: `pip install tensorboard`.") from error


@public("make_tensor_proto")
def make_tensor_proto(values: Any, dtype: Any = None, shape: Any = None, verify_shape: bool = False) -> Any:
    """Returns a tensor as a `TensorProto`.

    Args:
        values: A tensor, array, number or text, or lists of these.
        dtype: The type; that of the values by default.
        shape: The shape; that of the values by default.
        verify_shape: Whether values of another shape are an error, instead of being filled up.
    """
    if dtype is not None or hasattr(values, "detach"):
        values = np.asarray(convert(values, dtype=dtype).detach().cpu())
    return _tensor_util().make_tensor_proto(values, shape=shape, verify_shape=verify_shape)


@public("make_ndarray")
def make_ndarray(tensor: Any) -> Any:
    """Returns the array in a `TensorProto`."""
    return _tensor_util().make_ndarray(tensor)
