"""Pooling to a given size, whatever the size of the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.windows import TO_FIRST, TO_LAST, standardize_tuple

__all__ = ["adaptive_average_pool", "adaptive_max_pool"]

_AVERAGE: dict[int, Callable[..., torch.Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}
_MAX: dict[int, Callable[..., torch.Tensor]] = {
    1: F.adaptive_max_pool1d,
    2: F.adaptive_max_pool2d,
    3: F.adaptive_max_pool3d,
}


def _pool(functions: dict[int, Any], inputs: Any, output_size: int | Sequence[int], data_format: str | None) -> Any:
    given = as_tensor(inputs)
    x = as_float(given)
    if functions is _MAX and x is not given:  # the largest of integers is one of them, and float64 holds it
        return _pool(functions, given.to(torch.float64), output_size, data_format).to(given.dtype)
    rank = x.dim() - 2
    if rank not in functions:
        raise ValueError(f"Expected inputs of rank 3, 4 or 5. Received: inputs of shape {tuple(x.shape)}.")
    size = standardize_tuple(output_size, rank, "output_size")
    if config.standardize_data_format(data_format) == "channels_first":
        return functions[rank](x, size)
    return functions[rank](x.permute(TO_FIRST[rank]), size).permute(TO_LAST[rank])


@op
def adaptive_average_pool(inputs: Any, output_size: int | Sequence[int], data_format: str | None = None) -> Any:
    """Returns the means of as many windows as the result has places; neighbouring windows may overlap.

    Args:
        inputs: A tensor of shape (batch, spatial..., channels), or (batch, channels, spatial...) if channels-first.
        output_size: The size of the result.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Example:
        >>> adaptive_average_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([0.5000, 2.5000])
    """
    return _pool(_AVERAGE, inputs, output_size, data_format)


@op
def adaptive_max_pool(inputs: Any, output_size: int | Sequence[int], data_format: str | None = None) -> Any:
    """Returns the maxima of as many windows as the result has places; neighbouring windows may overlap.

    Args:
        inputs: A tensor of shape (batch, spatial..., channels), or (batch, channels, spatial...) if channels-first.
        output_size: The size of the result.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.

    Example:
        >>> adaptive_max_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([1., 3.])
    """
    return _pool(_MAX, inputs, output_size, data_format)
