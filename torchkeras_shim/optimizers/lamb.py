"""LAMB."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.norms import norms_of
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class Lamb(Optimizer):
    """Adam with a step for each variable in proportion to its norm, for very large batches.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        beta_1: The decay of the mean.
        beta_2: The decay of the mean square.
        epsilon: Keeps the division finite.
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
        >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> Lamb(learning_rate=0.1).apply([torch.tensor([1.0, -1.0])], [w])
        >>> w.detach()
        tensor([2.6464, 4.3536])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
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
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def _states(self) -> tuple[list[Variable], ...]:
        return self._momentums, self._velocities

    def _kernel_states(self, params: list[torch.Tensor], variables: list[torch.Tensor]) -> tuple[Any, ...]:
        return (norms_of(variables),)

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        done = step + 1
        return rate, 1.0 - self.beta_1**done, 1.0 - self.beta_2**done

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, velocities, norms = states
        rate, first, second = scalars[:3]
        foreach.lerp_(momentums, grads, 1.0 - self.beta_1)
        kernels.square_average_(velocities, grads, self.beta_2)
        denominators = foreach.div(velocities, second)
        foreach.sqrt_(denominators)
        foreach.add_(denominators, self.epsilon)
        updates = foreach.div(momentums, first)
        foreach.div_(updates, denominators)
        lengths, steps = torch.stack(norms(params)), torch.stack(norms(updates))
        ratios = torch.where((lengths > 0) & (steps > 0), lengths / steps, 1.0)
        foreach.mul_(updates, list(ratios.unbind()))
        kernels.add_scaled_(params, updates, -rate)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
