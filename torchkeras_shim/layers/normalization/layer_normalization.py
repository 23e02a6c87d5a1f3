"""`LayerNormalization`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.normalization.axes import within
from torchkeras_shim.layers.normalization.scaled_and_shifted import ScaledAndShifted
from torchkeras_shim.ops import normalization

_HALF = (torch.float16, torch.bfloat16)


@LAYERS.register()
class LayerNormalization(ScaledAndShifted):
    """Brings each sample to mean 0 and variance 1 over some axes, then scales and shifts.

    Args:
        axis: The axis or axes, without the batch.
        epsilon: What keeps the division finite.
        center: Whether a trained `beta` is added.
        scale: Whether a trained `gamma` is multiplied with.
        beta_initializer: How `beta` starts.
        gamma_initializer: How `gamma` starts.
        beta_regularizer: A penalty on `beta`.
        gamma_regularizer: A penalty on `gamma`.
        beta_constraint: A projection of `beta` after each update.
        gamma_constraint: A projection of `gamma` after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ... and `rms_scaling` (deprecated in Keras):
            only divide by the standard deviation.

    Raises:
        TypeError: If `axis` is neither an integer nor a list of them.

    Example:
        >>> LayerNormalization(epsilon=0.0)(torch.tensor([[1.0, 3.0]])).detach()
        tensor([[-1.,  1.]])
    """

    axis: Any

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        rms_scaling = kwargs.pop("rms_scaling", False)
        if rms_scaling:
            warnings.warn(
                "You passed `rms_scaling=True`, which is deprecated. This argument incorrectly scales the input by the "
                "variance, not the root mean square. Use `keras.layers.RMSNormalization` instead.",
                stacklevel=2,
            )
        super().__init__(**kwargs)
        sentence = "Expected an int or a list/tuple of ints for the argument 'axis', but received: {value}."
        self.axis = arguments.axes(self, "axis", axis, sentence)
        self.epsilon = arguments.number(self, "epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.rms_scaling = rms_scaling
        self.beta_initializer = arguments.known(self, "beta_initializer", initializers, beta_initializer)
        self.gamma_initializer = arguments.known(self, "gamma_initializer", initializers, gamma_initializer)
        self.beta_regularizer = arguments.known(self, "beta_regularizer", regularizers, beta_regularizer)
        self.gamma_regularizer = arguments.known(self, "gamma_regularizer", regularizers, gamma_regularizer)
        self.beta_constraint = arguments.known(self, "beta_constraint", constraints, beta_constraint)
        self.gamma_constraint = arguments.known(self, "gamma_constraint", constraints, gamma_constraint)
        self.supports_masking = True
        self.autocast = False  # statistics are at least float32, whatever comes
        self._trailing = 0  # the number of axes, where they are the last ones

    def build(self, input_shape: Any) -> None:
        """Creates scale and shift of the shape of the axes."""
        self.axis = axes = within(self, input_shape)
        shape = tuple(input_shape[axis] for axis in axes)
        self._without_weights()
        if self.scale or self.rms_scaling:
            self.gamma = self.add_weight(
                name="gamma",
                shape=shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(
                name="beta",
                shape=shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )
        if not self.rms_scaling and normalization.are_trailing(axes, len(input_shape)):
            self._trailing = len(axes)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalizes."""
        dtype = self._compute_dtype
        if inputs.dtype is not dtype or dtype in _HALF:
            return self._normalize_others(inputs)
        if self._trailing:
            gamma, beta = self._scale_and_shift()
            return torch.layer_norm(inputs, inputs.shape[-self._trailing :], gamma, beta, self.epsilon)
        return normalization.normalize_layer(inputs, self.gamma, self.beta, self.axis, self.epsilon, self.rms_scaling)

    def _normalize_others(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalizes what is not of the layer's type, or too narrow to compute in, and returns the layer's type."""
        x = inputs if inputs.is_floating_point() else inputs.to(self._compute_dtype)
        x = x.float() if x.dtype in _HALF else x
        gamma, beta = (None if weight is None else weight.to(x.dtype) for weight in (self.gamma, self.beta))
        outputs = normalization.normalize_layer(x, gamma, beta, self.axis, self.epsilon, self.rms_scaling)
        return outputs.to(self._compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "axis": self.axis if isinstance(self.axis, int) else list(self.axis),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": self.rms_scaling,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
