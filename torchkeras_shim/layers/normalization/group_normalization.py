"""`GroupNormalization`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.normalization.axes import within
from torchkeras_shim.layers.normalization.scaled_and_shifted import ScaledAndShifted

_HALF = (torch.float16, torch.bfloat16)


@LAYERS.register()
class GroupNormalization(ScaledAndShifted):
    """Brings each group of channels of each sample to mean 0 and variance 1, then scales and shifts.

    Args:
        groups: The number of groups; -1 for one per channel (instance normalization).
        axis: The axis of the channels.
        epsilon: What keeps the division finite.
        center: Whether a trained `beta` is added.
        scale: Whether a trained `gamma` is multiplied with.
        beta_initializer: How `beta` starts.
        gamma_initializer: How `gamma` starts.
        beta_regularizer: A penalty on `beta`.
        gamma_regularizer: A penalty on `gamma`.
        beta_constraint: A projection of `beta` after each update.
        gamma_constraint: A projection of `gamma` after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the number of groups is none, or does not divide the channels.

    Example:
        >>> GroupNormalization(groups=2)(torch.ones(1, 4, 4, 6)).shape
        torch.Size([1, 4, 4, 6])
    """

    _to_first: tuple[int, ...] | None
    _to_last: Any

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
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
        if not arguments.is_integer(groups) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or `-1` for instance "
                f"normalization). Received: groups={groups}"
            )
        super().__init__(**kwargs)
        self.groups = int(groups)
        self.axis = arguments.integer(self, "axis", axis)
        self.epsilon = arguments.number(self, "epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = arguments.known(self, "beta_initializer", initializers, beta_initializer)
        self.gamma_initializer = arguments.known(self, "gamma_initializer", initializers, gamma_initializer)
        self.beta_regularizer = arguments.known(self, "beta_regularizer", regularizers, beta_regularizer)
        self.gamma_regularizer = arguments.known(self, "gamma_regularizer", regularizers, gamma_regularizer)
        self.beta_constraint = arguments.known(self, "beta_constraint", constraints, beta_constraint)
        self.gamma_constraint = arguments.known(self, "gamma_constraint", constraints, gamma_constraint)
        self.supports_masking = True
        self.autocast = False  # statistics are at least float32, whatever comes

    def build(self, input_shape: Any) -> None:
        """Creates scale and shift, one value per channel."""
        rank = len(input_shape)
        (axis,) = within(self, input_shape)
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer '{self.name}': axis {self.axis} of the input should have a defined dimension, but the layer "
                f"received an input with shape {tuple(input_shape)}."
            )
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Layer '{self.name}': the number of groups ({self.groups}) cannot be more than the number of channels "
                f"({channels})."
            )
        if channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}': the number of channels ({channels}) must be a multiple of the number of groups "
                f"({self.groups})."
            )
        self._without_weights()
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(channels,),
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=(channels,),
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: channels})
        # How torch's kernel, which wants the channels on axis 1, gets to see the inputs without a copy.
        axis %= rank
        self._lift = rank == 3 and axis == 2  # as an image of height 1, whose channels-last memory torch computes on
        axis, rank = (3, 4) if self._lift else (axis, rank)
        rest = [other for other in range(1, rank) if other != axis]
        self._to_first = None if axis == 1 else (0, axis, *rest)
        self._to_last = None if axis == 1 else tuple((0, axis, *rest).index(place) for place in range(rank))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalizes."""
        dtype = self._compute_dtype
        x = inputs if inputs.is_floating_point() else inputs.to(dtype)
        x = x.float() if x.dtype in _HALF else x
        gamma, beta = self._scale_and_shift()
        if gamma is not None and gamma.dtype is not x.dtype:
            gamma = gamma.to(x.dtype)
        if beta is not None and beta.dtype is not x.dtype:
            beta = beta.to(x.dtype)
        if self._to_first is None:
            outputs = F.group_norm(x, self.groups, gamma, beta, self.epsilon)
        else:
            x = x.unsqueeze(1) if self._lift else x
            outputs = F.group_norm(x.permute(*self._to_first), self.groups, gamma, beta, self.epsilon)
            outputs = outputs.permute(*self._to_last)
            outputs = outputs.squeeze(1) if self._lift else outputs
        return outputs if outputs.dtype is dtype else outputs.to(dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "groups": self.groups,
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
