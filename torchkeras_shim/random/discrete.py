"""Distributions of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.seeding import Seed, generator_for
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, device_of
from torchkeras_shim.random.drawing import float_dtype, parameter, sizes, wide

__all__ = ["binomial", "categorical", "randint"]


def _integer_dtype(dtype: Any) -> torch.dtype:
    standard = dtypes.standardize_dtype(dtype or "int32")
    if not standard.startswith(("int", "uint")):
        raise ValueError(
            f"`keras.random.randint` requires an integer `dtype`, such as 'int32'. Received: dtype={dtype!r}"
        )
    return dtypes.to_torch_dtype(standard)


def randint(shape: Sequence[int], minval: Any, maxval: Any, dtype: Any = "int32", seed: Seed = None) -> torch.Tensor:
    """Draws integers between two bounds, the lower included, the upper not.

    Args:
        shape: The shape of the result.
        minval: The lower bound.
        maxval: The upper bound.
        dtype: An integer type.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of integers, nothing lies between the bounds, or the seed is not valid.

    Example:
        >>> sorted(set(randint((100,), 0, 3, seed=1).tolist()))
        [0, 1, 2]
    """
    target, device = _integer_dtype(dtype), device_of(minval, maxval)
    generator = generator_for(seed, device)
    if isinstance(minval, torch.Tensor) or isinstance(maxval, torch.Tensor):
        share = torch.rand(sizes(shape), dtype=wide(torch.float64), device=device, generator=generator)
        low, high = (parameter(bound, share.shape, share.dtype, device).floor() for bound in (minval, maxval))
        return torch.minimum(low + torch.floor(share * (high - low)), high - 1).to(target)
    if int(minval) >= int(maxval):
        raise ValueError(f"`maxval` must be larger than `minval`. Received: minval={minval}, maxval={maxval}")
    return torch.randint(int(minval), int(maxval), sizes(shape), device=device, generator=generator).to(target)


def binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Draws how many of a number of trials succeed.

    Args:
        shape: The shape of the result.
        counts: The number of trials, or a tensor of such numbers.
        probabilities: The probability of success, or a tensor of them.
        dtype: A float type, `floatx()` by default.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of floats, or the seed is not valid.

    Example:
        >>> bool((binomial((100,), 10, 0.5, seed=1) <= 10).all())
        True
    """
    target, device = float_dtype("binomial", dtype), device_of(counts, probabilities)
    both = [parameter(one, sizes(shape), wide(target), device) for one in (counts, probabilities)]
    return torch.binomial(both[0], both[1], generator=generator_for(seed, device)).to(target)


@op
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Any:
    """Draws classes from unnormalised log-probabilities.

    Args:
        logits: Log-probabilities `(batch, classes)`.
        num_samples: How many classes to draw for each row.
        dtype: The type of the result.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Returns:
        Class indices `(batch, num_samples)`.

    Raises:
        ValueError: If the logits have another rank, or the seed is not valid.

    Example:
        >>> categorical([[0.0, 100.0]], 3)
        tensor([[1, 1, 1]], dtype=torch.int32)
    """
    logits = as_float(logits)
    if logits.dim() != 2:
        raise ValueError(
            "`logits` should be a 2-D tensor with shape [batch_size, num_classes]. "
            f"Received: logits of shape {tuple(logits.shape)}"
        )
    probabilities = torch.softmax(logits.detach().to(wide(logits.dtype)), dim=-1)
    generator = generator_for(seed, logits.device)
    drawn = torch.multinomial(probabilities, num_samples, replacement=True, generator=generator)
    return drawn.to(dtypes.to_torch_dtype(dtype))
