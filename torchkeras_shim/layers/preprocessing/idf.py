"""Inverse document frequencies: what the mode `"tf_idf"` weights the terms of a vocabulary by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.variable import before_creation
from torchkeras_shim.layers.preprocessing import vocabulary_files


def check_mode(output_mode: str, vocabulary: Any, weights: Any) -> None:
    """Refuses weights in any other mode than `"tf_idf"`, and a vocabulary without them in that mode.

    Raises:
        ValueError: If mode, vocabulary and weights do not go together.
    """
    if output_mode != "tf_idf":
        if weights is not None:
            raise ValueError(
                "`idf_weights` should only be set if output_mode is `'tf_idf'`. "
                f"Received: output_mode={output_mode} and idf_weights={weights}"
            )
        return
    if weights is None:
        raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'. Received: idf_weights=None")
    if vocabulary_files.is_path(vocabulary):
        raise ValueError(
            "output_mode `'tf_idf'` does not support loading a vocabulary from file. "
            f"Received: vocabulary={vocabulary!r}"
        )


def checked(weights: Any, length: int) -> np.ndarray[Any, Any]:
    """Returns weights that a user has given for a vocabulary of `length` terms.

    Raises:
        ValueError: If there is not one number for each term.
    """
    array: np.ndarray[Any, Any] = np.asarray(weights, dtype="float64")
    if array.ndim != 1:
        raise ValueError(f"TF-IDF data must be a 1-index array. Received: shape {array.shape}")
    if len(array) != length:
        raise ValueError(
            f"`idf_weights` must be the same length as vocabulary. len(idf_weights) is {len(array)}; "
            f"len(vocabulary) is {length}"
        )
    return array


def padded(weights: Any, unknown: int, size: int) -> torch.Tensor:
    """Returns the weight of each index.

    Args:
        weights: Those of the terms.
        unknown: How many indices of unknown terms stand before them; their weight is the mean.
        size: How many indices there are at least. Those behind the terms weigh nothing.
    """
    learned = np.asarray(weights)
    end = unknown + len(learned)
    dtype = dtypes.to_torch_dtype(config.floatx())
    check = before_creation.get()
    if check is not None:  # a few bytes of a file can ask for any number of places
        check((max(size, end),), dtype)
    result = torch.zeros(max(size, end), dtype=dtype)
    result[unknown:end] = torch.as_tensor(learned, dtype=dtype)
    result[:unknown] = float(learned.mean()) if len(learned) else 0.0
    return result
