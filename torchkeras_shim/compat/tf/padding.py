"""`tf.pad`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like


@tf_op("pad")
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    """A tensor with more elements before and after, along each axis."""
    x = like(tensor)
    pairs = [tuple(as_sizes(one)) for one in (paddings.tolist() if isinstance(paddings, torch.Tensor) else paddings)]
    if mode.upper() == "CONSTANT":
        flat = [one for pair in reversed(pairs) for one in pair]
        value = constant_values.item() if isinstance(constant_values, torch.Tensor) else constant_values
        return torch.nn.functional.pad(x, flat, value=value)
    return ops.pad(x, pairs, mode=mode.lower())
