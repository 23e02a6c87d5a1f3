"""Initializers that draw at random.

Numbers are always drawn on the CPU and then moved: one seed gives the same weights on every device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes, serialization
from torchkeras_shim.core.seeding import Seed, SeedGenerator, generator_for
from torchkeras_shim.initializers.base import INITIALIZERS, Initializer

#: The standard deviation of a standard normal cut at two.
_STDDEV_OF_TRUNCATED = 0.87962566103423978


class RandomInitializer(Initializer):
    """Base class of initializers with a seed.

    Args:
        seed: `None` draws from torch's global generator (`torch.manual_seed`) at every call; an integer gives the
            same values at every call; a `keras.random.SeedGenerator` goes on from call to call.

    Raises:
        ValueError: If the seed is not valid.
    """

    def __init__(self, seed: Seed = None) -> None:
        if isinstance(seed, dict):  # the config of a SeedGenerator
            seed = serialization.deserialize_keras_object(seed)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, SeedGenerator))):
            raise ValueError(
                "`seed` must be an integer or None, or an instance of `keras.random.SeedGenerator()`. "
                f"Received: seed={seed!r} of type {type(seed).__name__}"
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"seed": serialization.serialize_keras_object(self.seed)}

    def _generator(self) -> torch.Generator | None:
        return generator_for(self.seed, torch.device("cpu"))

    def _empty(self, shape: Sequence[int], dtype: Any) -> torch.Tensor:
        """Room to draw into: half types draw in float32, torch's generators being coarse there."""
        target = dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype))
        if not target.is_floating_point:
            raise ValueError(
                f"{type(self).__name__} draws floats: expected a type such as 'float32'. Received: dtype={dtype!r}."
            )
        return torch.empty(
            tuple(shape), dtype=torch.float64 if target == torch.float64 else torch.float32, device="cpu"
        )

    def _placed(self, values: torch.Tensor, dtype: Any) -> torch.Tensor:
        return values.to(devices.default_device(), dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype)))

    def _normal(self, shape: Sequence[int], dtype: Any, mean: float, stddev: float) -> torch.Tensor:
        return self._placed(self._empty(shape, dtype).normal_(mean, stddev, generator=self._generator()), dtype)

    def _uniform(self, shape: Sequence[int], dtype: Any, low: float, high: float) -> torch.Tensor:
        return self._placed(self._empty(shape, dtype).uniform_(low, high, generator=self._generator()), dtype)

    def _truncated_normal(self, shape: Sequence[int], dtype: Any, mean: float, stddev: float) -> torch.Tensor:
        """Draws through the inverse of the distribution function: the same as redrawing beyond two deviations."""
        bound = math.erf(math.sqrt(2.0))
        values = self._empty(shape, dtype).uniform_(-bound, bound, generator=self._generator())
        values.erfinv_().mul_(math.sqrt(2.0)).clamp_(-2.0, 2.0).mul_(stddev).add_(mean)
        return self._placed(values, dtype)


@INITIALIZERS.register("random_normal", "normal")
class RandomNormal(RandomInitializer):
    """A normal distribution.

    Args:
        mean: Its mean.
        stddev: Its standard deviation.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Example:
        >>> RandomNormal(stddev=0.01)((2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns values drawn from the distribution."""
        return self._normal(shape, dtype, self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@INITIALIZERS.register("truncated_normal")
class TruncatedNormal(RandomInitializer):
    """A normal distribution without what lies more than two standard deviations from the mean.

    Args:
        mean: Its mean.
        stddev: Its standard deviation before the cut.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Example:
        >>> bool(TruncatedNormal(stddev=1.0)((100,)).abs().max() <= 2)
        True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns values drawn from the distribution."""
        return self._truncated_normal(shape, dtype, self.mean, self.stddev)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@INITIALIZERS.register("random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """A uniform distribution.

    Args:
        minval: The lower bound.
        maxval: The upper bound.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Example:
        >>> bool(RandomUniform(0.0, 1.0)((100,)).min() >= 0)
        True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed = None) -> None:
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns values drawn from the distribution."""
        return self._uniform(shape, dtype, self.minval, self.maxval)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


@INITIALIZERS.register("orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A random matrix with orthonormal columns, or rows if there are fewer of them.

    Weights of more dimensions are made as matrices of shape `(product of the others, last)`.

    Args:
        gain: What the matrix is multiplied by.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.

    Example:
        >>> q = Orthogonal()((3, 3))
        >>> torch.allclose(q @ q.T, torch.eye(3), atol=1e-5)
        True
    """

    def __init__(self, gain: float = 1.0, seed: Seed = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns an orthogonal tensor.

        Raises:
            ValueError: If there are fewer than two dimensions.
        """
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        square = self._empty((max(rows, columns), min(rows, columns)), dtype).normal_(generator=self._generator())
        q, r = torch.linalg.qr(square)
        q = q * torch.sign(torch.diagonal(r))  # without it, q is not uniformly distributed
        if rows < columns:
            q = q.T
        return self._placed(self.gain * q.reshape(tuple(shape)), dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "gain": self.gain}
