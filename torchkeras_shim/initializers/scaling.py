"""Initializers whose spread depends on how many inputs and outputs a weight connects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.seeding import Seed
from torchkeras_shim.initializers.base import INITIALIZERS
from torchkeras_shim.initializers.random import _STDDEV_OF_TRUNCATED, RandomInitializer

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Returns how many inputs and outputs a weight connects.

    Args:
        shape: The weight's shape: `(in, out)`, or `(..., in, out)` for convolutions, whose window counts for both.
        input_axes: The axes of the inputs, where they are others.
        output_axes: The axes of the outputs; both must be given to count.

    Example:
        >>> compute_fans((3, 3, 8, 16))
        (72, 144)
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 1:
        return 1, 1
    if len(shape) == 1:
        return int(shape[0]), int(shape[0])
    window = math.prod(shape[:-2])
    return int(shape[-2] * window), int(shape[-1] * window)


def with_axes(initializer: Any, input_axes: Sequence[int], output_axes: Sequence[int]) -> Any:
    """Returns an initializer for a kernel that connects several axes at once.

    Args:
        initializer: Any initializer; those that do not count inputs and outputs, or know their axes, stay as they are.
        input_axes: The kernel's axes of inputs.
        output_axes: Its axes of outputs.

    Example:
        >>> with_axes(GlorotUniform(), [0], [1, 2]).output_axes
        [1, 2]
    """
    if not isinstance(initializer, VarianceScaling):
        return initializer
    if initializer.input_axes is not None and initializer.output_axes is not None:
        return initializer
    axes = {"input_axes": list(input_axes), "output_axes": list(output_axes)}
    return type(initializer).from_config({**initializer.get_config(), **axes})


@INITIALIZERS.register("variance_scaling")
class VarianceScaling(RandomInitializer):
    """Values of variance `scale / n`, `n` being the number of inputs, outputs, or their mean.

    Args:
        scale: A positive number.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`: what `n` is.
        distribution: `"truncated_normal"` (or `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Raises:
        ValueError: If the scale is not positive, or the mode or distribution is unknown.

    Example:
        >>> VarianceScaling(2.0, "fan_out")((3, 4)).shape
        torch.Size([3, 4])
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if scale <= 0.0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        if mode not in _MODES:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {_MODES}")
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in _DISTRIBUTIONS:
            raise ValueError(f"Invalid `distribution` argument: {distribution}. Please use one of {_DISTRIBUTIONS}")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns values drawn from the distribution."""
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": float(fan_in), "fan_out": float(fan_out), "fan_avg": (fan_in + fan_out) / 2.0}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return self._uniform(shape, dtype, -limit, limit)
        if self.distribution == "untruncated_normal":
            return self._normal(shape, dtype, 0.0, math.sqrt(variance))
        return self._truncated_normal(shape, dtype, 0.0, math.sqrt(variance) / _STDDEV_OF_TRUNCATED)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _Preset(VarianceScaling):
    """A `VarianceScaling` whose first three arguments are fixed by the class."""

    _preset: tuple[float, str, str]

    def __init__(
        self,
        seed: Seed = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self._preset, seed=seed, input_axes=input_axes, output_axes=output_axes)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {key: config[key] for key in ("seed", "input_axes", "output_axes")}


@INITIALIZERS.register("glorot_uniform")
class GlorotUniform(_Preset):
    """Uniform within `sqrt(6 / (fan_in + fan_out))` of zero (Glorot and Bengio 2010, also called Xavier).

    Args:
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Example:
        >>> GlorotUniform()((3, 4)).shape
        torch.Size([3, 4])
    """

    _preset = (1.0, "fan_avg", "uniform")


@INITIALIZERS.register("glorot_normal")
class GlorotNormal(_Preset):
    """Truncated normal of standard deviation `sqrt(2 / (fan_in + fan_out))` (Glorot and Bengio 2010).

    Args:
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Example:
        >>> GlorotNormal()((3, 4)).shape
        torch.Size([3, 4])
    """

    _preset = (1.0, "fan_avg", "truncated_normal")


@INITIALIZERS.register("he_uniform")
class HeUniform(_Preset):
    """Uniform within `sqrt(6 / fan_in)` of zero (He et al. 2015).

    Args:
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Example:
        >>> HeUniform()((3, 4)).shape
        torch.Size([3, 4])
    """

    _preset = (2.0, "fan_in", "uniform")


@INITIALIZERS.register("he_normal")
class HeNormal(_Preset):
    """Truncated normal of standard deviation `sqrt(2 / fan_in)` (He et al. 2015).

    Args:
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Example:
        >>> HeNormal()((3, 4)).shape
        torch.Size([3, 4])
    """

    _preset = (2.0, "fan_in", "truncated_normal")


@INITIALIZERS.register("lecun_uniform")
class LecunUniform(_Preset):
    """Uniform within `sqrt(3 / fan_in)` of zero (LeCun et al. 1998).

    Args:
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Example:
        >>> LecunUniform()((3, 4)).shape
        torch.Size([3, 4])
    """

    _preset = (1.0, "fan_in", "uniform")


@INITIALIZERS.register("lecun_normal")
class LecunNormal(_Preset):
    """Truncated normal of standard deviation `sqrt(1 / fan_in)` (LeCun et al. 1998).

    Args:
        seed: An integer for the same values at every call, a `SeedGenerator`, or `None`.
        input_axes: The axes of the inputs, where they are not the last but one.
        output_axes: The axes of the outputs, where they are not the last.

    Example:
        >>> LecunNormal()((3, 4)).shape
        torch.Size([3, 4])
    """

    _preset = (1.0, "fan_in", "truncated_normal")
