"""Small names: constants that scripts read, and functions that say what is known of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import NAMES, public
from torchkeras_shim.compat.tf.shapes import Shape, Size
from torchkeras_shim.compat.tf.tensors import is_tensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.text import StringTensor

for _name, _value in {
    "ASSETS_DIRECTORY": "assets",
    "ASSETS_KEY": "saved_model_assets",
    "CLASSIFY_INPUTS": "inputs",
    "CLASSIFY_METHOD_NAME": "tensorflow/serving/classify",
    "CLASSIFY_OUTPUT_CLASSES": "classes",
    "CLASSIFY_OUTPUT_SCORES": "scores",
    "DEFAULT_SERVING_SIGNATURE_DEF_KEY": "serving_default",
    "PREDICT_INPUTS": "inputs",
    "PREDICT_METHOD_NAME": "tensorflow/serving/predict",
    "PREDICT_OUTPUTS": "outputs",
    "REGRESS_INPUTS": "inputs",
    "REGRESS_METHOD_NAME": "tensorflow/serving/regress",
    "REGRESS_OUTPUTS": "outputs",
    "GPU": "gpu",
    "SERVING": "serve",
    "TRAINING": "train",
}.items():
    NAMES[f"saved_model.{_name}"] = _value


@public("AggregationMethod")
class AggregationMethod:
    """How TensorFlow adds gradients up. torch adds them as they come."""

    ADD_N = 0
    DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


@public("get_static_value")
def get_static_value(tensor: Any, partial: bool = False) -> Any:
    """Returns a tensor's value as numpy's, `None` for one of a graph."""
    if isinstance(tensor, KerasTensor):
        return None
    if isinstance(tensor, torch.Tensor):
        array = tensor.detach().cpu().numpy()
        return array[()] if not array.ndim else array
    return tensor.numpy() if isinstance(tensor, (StringTensor, Shape, Size)) else np.asarray(tensor)


@public("is_symbolic_tensor")
def is_symbolic_tensor(tensor: Any) -> bool:
    """Returns whether a tensor has no value, because it belongs to a graph.

    Raises:
        TypeError: If it is no tensor.
    """
    if not is_tensor(tensor):
        raise TypeError(f"Expected a tensor. Received: {tensor!r}")
    return isinstance(tensor, KerasTensor)


def _tuple(tensors: Any, control_inputs: Any = None, name: str | None = None) -> list[Any]:
    """Returns the tensors as a list: everything runs at once."""
    found = list(tensors)
    if all(one is None for one in found):
        raise ValueError("Must have at least one Tensor.")
    return found


NAMES["tuple"] = _tuple
