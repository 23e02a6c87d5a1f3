"""RMSprop, plain, centered and with momentum."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class RMSprop(Optimizer):
    """Divides each element's gradient by the root of its running mean square.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        rho: The decay of the mean square.
        momentum: How much of the last step is taken again.
        epsilon: Keeps the division finite; it is added under the root.
        centered: Whether to divide by the gradient's estimated variance in place of its mean square.
        weight_decay: See `Optimizer`, as for all arguments below.
        clipnorm: See `Optimizer`.
        clipvalue: See `Optimizer`.
        global_clipnorm: See `Optimizer`.
        use_ema: See `Optimizer`.
        ema_momentum: See `Optimizer`.
        ema_overwrite_frequency: See `Optimizer`.
        loss_scale_factor: See `Optimizer`.
        gradient_accumulation_steps: See `Optimizer`.
        name: See `Optimizer`.
        **kwargs: See `Optimizer`.

    Example:
        >>> w = torch.nn.Parameter(torch.ones(1))
        >>> RMSprop(learning_rate=0.1, rho=0.75).apply([torch.tensor([4.0])], [w])
        >>> w.detach()
        tensor([0.8000])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
            global_clipnorm=global_clipnorm,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
            name=name,
            **kwargs,
        )
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self._momentums: list[Variable] = []
        self._average_gradients: list[Variable] = []

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def _states(self) -> tuple[list[Variable], ...]:
        return self._velocities, self._momentums, self._average_gradients

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        velocities, momentums, averages = states
        kernels.square_average_(velocities, grads, self.rho)
        if self.centered:
            foreach.lerp_(averages, grads, 1.0 - self.rho)
            variances = foreach.addcmul(velocities, averages, averages, -1.0)
            foreach.add_(variances, self.epsilon)
            foreach.sqrt_(variances)
            roots = variances
        else:
            roots = kernels.root_of_sum(velocities, self.epsilon)
        if momentums:
            foreach.mul_(momentums, self.momentum)
            kernels.add_quotient_(momentums, grads, roots, scalars[0])
            foreach.sub_(params, momentums)
        else:
            kernels.add_quotient_(params, grads, roots, -scalars[0])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        }
