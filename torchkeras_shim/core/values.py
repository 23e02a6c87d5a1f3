"""Values as users write them, as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.text import StringTensor, as_strings, is_text


def as_values(value: Any) -> Any:
    """Returns a tensor, an array, a number or nested lists as a tensor, text as a `StringTensor`.

    Python's numbers become int32 (int64 if they must) and `floatx()`; arrays keep their type, and lists of arrays, too.

    Raises:
        ValueError: If nested lists are of different lengths.
    """
    if isinstance(value, (torch.Tensor, StringTensor)):
        return value
    if is_text(value):
        return as_strings(value)
    first = value
    while isinstance(first, (list, tuple)) and len(first):
        first = first[0]
    if isinstance(first, torch.Tensor):
        return torch.stack([as_values(one) for one in value])
    if hasattr(value, "dtype"):
        return torch.as_tensor(value)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(
            "Can't convert non-rectangular Python sequence to Tensor. Nested lists must be of equal lengths; for "
            "others "
            f"there is RaggedTensor.from_rows(...). Received: {str(value)[:80]}"
        ) from error
    if hasattr(first, "dtype"):
        return torch.as_tensor(array)
    if array.dtype == np.int64 and (not array.size or max(-int(array.min()), int(array.max())) < 2**31):
        return torch.as_tensor(array.astype(np.int32))
    tensor = torch.as_tensor(array)
    return tensor.to(dtypes.to_torch_dtype(config.floatx())) if tensor.is_floating_point() else tensor
