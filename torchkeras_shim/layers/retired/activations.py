"""`ParametricSoftplus` and `SReLU` of Keras 1: activations with weights."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import initializers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers.base import LAYERS, Layer


class Parametric(Layer):
    """An activation with weights for each feature.

    Args:
        shared_axes: The axes along which they are the same.
        **kwargs: Arguments of every layer.
    """

    _treats_samples_alone = True

    def __init__(self, shared_axes: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        axes = shared_axes if isinstance(shared_axes, (list, tuple)) else [shared_axes]
        self.shared_axes = [axis for axis in axes if axis is not None]

    def _add(self, name: str, initializer: Any, input_shape: Any) -> Variable:
        shape = [1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape)][1:]
        return self.add_weight(shape, initializer, name=name)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "shared_axes": self.shared_axes or None}


@LAYERS.register()
class ParametricSoftplus(Parametric):
    """`alpha * softplus(beta * inputs)`.

    Args:
        alpha_init: How each alpha starts.
        beta_init: How each beta starts.
        shared_axes: The axes along which they are the same.
        **kwargs: Arguments of every layer.

    Example:
        >>> ParametricSoftplus(alpha_init=1.0, beta_init=1.0)(torch.zeros(1, 1))
        tensor([[0.6931]], grad_fn=<MulBackward0>)
    """

    def __init__(self, alpha_init: float = 0.2, beta_init: float = 5.0, shared_axes: Any = None, **kwargs: Any) -> None:
        super().__init__(shared_axes, **kwargs)
        self.alpha_init = float(alpha_init)
        self.beta_init = float(beta_init)

    def build(self, input_shape: Any) -> None:
        """Creates alphas and betas."""
        self.alphas = self._add("alphas", initializers.Constant(self.alpha_init), input_shape)
        self.betas = self._add("betas", initializers.Constant(self.beta_init), input_shape)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Computes the outputs."""
        return F.softplus(inputs * self.betas) * self.alphas

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "alpha_init": self.alpha_init, "beta_init": self.beta_init}


@LAYERS.register()
class SReLU(Parametric):
    """The identity between two thresholds, and a line of its own on each side.

    Args:
        t_left_init: How the left thresholds start.
        a_left_init: How the slopes on the left start.
        t_right_init: How the distances to the right thresholds start.
        a_right_init: How the slopes on the right start.
        shared_axes: The axes along which they are the same.
        **kwargs: Arguments of every layer.

    Example:
        >>> SReLU(a_left_init="zeros", t_right_init="ones")(torch.tensor([[-3.0, 0.5, 2.0]])).tolist()
        [[0.0, 0.5, 2.0]]
    """

    t_left: Variable
    a_left: Variable
    t_right: Variable
    a_right: Variable
    _STARTS = ("t_left", "a_left", "t_right", "a_right")

    def __init__(
        self,
        t_left_init: Any = "zeros",
        a_left_init: Any = "glorot_uniform",
        t_right_init: Any = "glorot_uniform",
        a_right_init: Any = "ones",
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        self.t_left_init = initializers.get(t_left_init)
        self.a_left_init = initializers.get(a_left_init)
        self.t_right_init = initializers.get(t_right_init)
        self.a_right_init = initializers.get(a_right_init)

    def build(self, input_shape: Any) -> None:
        """Creates thresholds and slopes."""
        for name in self._STARTS:
            setattr(self, name, self._add(name, getattr(self, f"{name}_init"), input_shape))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Computes the outputs."""
        left: torch.Tensor = self.t_left
        right = left + self.t_right.abs()
        above = torch.minimum(F.relu(inputs - left), right - left)
        below = self.a_left * F.relu(left - inputs)
        return left + above - below + F.relu(inputs - right) * self.a_right

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        starts = {f"{name}_init": initializers.serialize(getattr(self, f"{name}_init")) for name in self._STARTS}
        return {**super().get_config(), **starts}
