"""Layers of the rectifier family: `ReLU`, `LeakyReLU`, `ELU`, `PReLU`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class ReLU(Layer):
    """Returns `x` above the threshold, `negative_slope * (x - threshold)` below it, at most `max_value`.

    Args:
        max_value: The largest output, none by default.
        negative_slope: The slope below the threshold.
        threshold: Where the function bends.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is negative.

    Example:
        >>> ReLU(max_value=1.0)(torch.tensor([-2.0, 0.5, 2.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """

    _treats_samples_alone = True
    _keeps_shape = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        sentence = "{name} of a ReLU layer cannot be a negative value. Received: {name}={value}."
        self.max_value = None if max_value is None else arguments.at_least_zero(self, "max_value", max_value, sentence)
        sentence = "{name} of a ReLU layer cannot be None or a negative value. Received: {name}={value}."
        self.negative_slope = arguments.at_least_zero(self, "negative_slope", negative_slope, sentence)
        self.threshold = arguments.at_least_zero(self, "threshold", threshold, sentence)
        self.supports_masking = True
        build_at_once(self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Applies the function."""
        if not self.negative_slope and not self.threshold:
            if self.max_value is None:
                return torch.relu(inputs)
            if inputs.is_floating_point():
                return F.hardtanh(inputs, 0.0, self.max_value)
        return activations.relu(  # type: ignore[no-any-return]
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


@LAYERS.register()
class LeakyReLU(Layer):
    """Returns `x` where positive, `negative_slope * x` elsewhere.

    Args:
        negative_slope: The slope for negative inputs.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ... `alpha` is the old name of
            `negative_slope`.

    Raises:
        ValueError: If the slope is negative.

    Example:
        >>> LeakyReLU(0.5)(torch.tensor([-2.0, 2.0]))
        tensor([-1.,  2.])
    """

    _treats_samples_alone = True
    _keeps_shape = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warnings.warn("Argument `alpha` is deprecated. Use `negative_slope` instead.", stacklevel=2)
        super().__init__(**kwargs)
        sentence = (
            "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. Expected a float. "
            "Received: negative_slope={value}."
        )
        self.negative_slope = arguments.at_least_zero(self, "negative_slope", negative_slope, sentence)
        self.supports_masking = True
        build_at_once(self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Applies the function."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return F.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "negative_slope": self.negative_slope}


@LAYERS.register()
class ELU(Layer):
    """Returns `x` where positive, `alpha * (exp(x) - 1)` elsewhere.

    Args:
        alpha: The scale of the negative part.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> ELU()(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """

    _treats_samples_alone = True
    _keeps_shape = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = arguments.number(self, "alpha", alpha)
        self.supports_masking = True
        build_at_once(self)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Applies the function."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return F.elu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha}


@LAYERS.register()
class PReLU(Layer):
    """Returns `x` where positive, `alpha * x` elsewhere, with a trained `alpha` per entry.

    Args:
        alpha_initializer: How the slopes start.
        alpha_regularizer: A penalty on the slopes.
        alpha_constraint: A projection of the slopes after each update.
        shared_axes: The axes along which one slope is shared, such as `[1, 2]` for images.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> PReLU(alpha_initializer="ones")(torch.tensor([[-2.0, 2.0]])).detach()
        tensor([[-2.,  2.]])
    """

    _treats_samples_alone = True
    _keeps_shape = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.alpha_initializer = arguments.known(self, "alpha_initializer", initializers, alpha_initializer)
        self.alpha_regularizer = arguments.known(self, "alpha_regularizer", regularizers, alpha_regularizer)
        self.alpha_constraint = arguments.known(self, "alpha_constraint", constraints, alpha_constraint)
        shared = None if shared_axes is None else arguments.axes(self, "shared_axes", shared_axes)
        self.shared_axes = [shared] if isinstance(shared, int) else shared

    def build(self, input_shape: Any) -> None:
        """Creates one slope per entry of a sample, 1 along shared axes."""
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            name="alpha",
            shape=shape,
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        axes = {}
        if self.shared_axes:
            axes = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in self.shared_axes}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Applies the function."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return torch.relu(inputs) - self.alpha * torch.relu(-inputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": None if self.shared_axes is None else list(self.shared_axes),
        }
