"""Distributions of floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed, generator_for
from torchkeras_shim.core.torch_private import sample_dirichlet, standard_gamma
from torchkeras_shim.ops.promotion import device_of
from torchkeras_shim.random.drawing import float_dtype, parameter, sizes, wide

__all__ = ["beta", "gamma", "normal", "truncated_normal", "uniform"]


def _moved(values: torch.Tensor, scale: Any, offset: Any) -> torch.Tensor:
    """Returns `values * scale + offset`, the numbers being tensors on any device or plain ones."""
    scale, offset = (x.to(values.device) if isinstance(x, torch.Tensor) and x.dim() else x for x in (scale, offset))
    moved: torch.Tensor = values * scale + offset
    return moved


def normal(
    shape: Sequence[int], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Draws from a normal distribution.

    Args:
        shape: The shape of the result.
        mean: The mean.
        stddev: The standard deviation.
        dtype: A float type, `floatx()` by default.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of floats, or the seed is not valid.

    Example:
        >>> torch.equal(normal((2, 3), seed=1), normal((2, 3), seed=1))
        True
    """
    target, device = float_dtype("normal", dtype), device_of(mean, stddev)
    values = torch.randn(sizes(shape), dtype=wide(target), device=device, generator=generator_for(seed, device))
    return _moved(values, stddev, mean).to(target)


def uniform(
    shape: Sequence[int], minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Draws numbers between two bounds, the lower included, the upper not.

    Args:
        shape: The shape of the result.
        minval: The lower bound.
        maxval: The upper bound.
        dtype: A float type, `floatx()` by default.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of floats, or the seed is not valid.

    Example:
        >>> bool((uniform((100,), -1.0, 1.0, seed=1) < 1.0).all())
        True
    """
    target, device = float_dtype("uniform", dtype), device_of(minval, maxval)
    share = torch.rand(sizes(shape), dtype=wide(target), device=device, generator=generator_for(seed, device))
    low, high = (parameter(bound, share.shape, target, device) for bound in (minval, maxval))
    values = _moved(share, (high - low).to(share.dtype), low.to(share.dtype)).to(target)
    return torch.where(values < high, values, low)  # rounding must not reach the upper bound


def truncated_normal(
    shape: Sequence[int], mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Seed = None
) -> torch.Tensor:
    """Draws from a normal distribution without what lies more than two standard deviations from the mean.

    Args:
        shape: The shape of the result.
        mean: The mean.
        stddev: The standard deviation before the cut.
        dtype: A float type, `floatx()` by default.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of floats, or the seed is not valid.

    Example:
        >>> bool((truncated_normal((100,), seed=1).abs() <= 2.0).all())
        True
    """
    target, device = float_dtype("truncated_normal", dtype), device_of(mean, stddev)
    bound = math.erf(math.sqrt(2.0))
    # Through the inverse of the distribution function: the same as drawing again beyond the cut.
    values = torch.empty(sizes(shape), dtype=wide(target), device=device)
    values.uniform_(-bound, bound, generator=generator_for(seed, device))
    values.erfinv_().mul_(math.sqrt(2.0)).clamp_(-2.0, 2.0)
    return _moved(values, stddev, mean).to(target)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Seed = None) -> torch.Tensor:
    """Draws from a gamma distribution of scale one.

    Args:
        shape: The shape of the result.
        alpha: The shape of the distribution, a positive number or a tensor of them.
        dtype: A float type, `floatx()` by default.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of floats, or the seed is not valid.

    Example:
        >>> bool((gamma((100,), 2.0, seed=1) > 0).all())
        True
    """
    target, device = float_dtype("gamma", dtype), device_of(alpha)
    shapes = parameter(alpha, sizes(shape), wide(target), device)
    # torch has no public function of gamma numbers that takes a generator; this is what torch.distributions calls.
    values: torch.Tensor = standard_gamma(shapes.contiguous(), generator=generator_for(seed, device))
    return values.to(target)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Seed = None) -> torch.Tensor:
    """Draws from a beta distribution.

    Args:
        shape: The shape of the result.
        alpha: The first parameter, a positive number or a tensor of them.
        beta: The second parameter, a positive number or a tensor of them.
        dtype: A float type, `floatx()` by default.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Raises:
        ValueError: If the type is not of floats, or the seed is not valid.

    Example:
        >>> values = beta((100,), 2.0, 3.0, seed=1)
        >>> bool(((values > 0) & (values < 1)).all())
        True
    """
    target, device = float_dtype("beta", dtype), device_of(alpha, beta)
    both = [parameter(one, sizes(shape), wide(target), device) for one in (alpha, beta)]
    # A Dirichlet distribution of two; as above, what torch.distributions calls.
    values: torch.Tensor = sample_dirichlet(torch.stack(both, dim=-1), generator=generator_for(seed, device))
    return values[..., 0].to(target)
