"""Schedule-free AdamW."""

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
class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no learning-rate schedule: it averages the path while it walks it.

    The variables are a point between the walking sequence, kept as `momentum`, and its average.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        beta_1: The average's share of the variables.
        beta_2: The decay of the mean square.
        epsilon: Keeps the division finite.
        warmup_steps: Over how many steps the rate rises to `learning_rate`.
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
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> ScheduleFreeAdamW(learning_rate=0.5).apply([torch.tensor([3.0, -4.0])], [w])
        >>> w.detach()
        tensor([0.5000, 1.5000])
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
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
        self.warmup_steps = warmup_steps

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        for momentum, variable in zip(self._momentums, variables, strict=True):
            if momentum is not None:
                self.assign(momentum, variable.detach())

    def _states(self) -> tuple[list[Variable], ...]:
        return self._momentums, self._velocities

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        done = step + 1
        warm = rate * min(done / self.warmup_steps, 1.0) if self.warmup_steps > 0 else rate
        return rate, warm, 1.0 / done, 1.0 - self.beta_2**done

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, velocities = states
        _, rate, share, correction = scalars[:4]
        kernels.square_average_(velocities, grads, self.beta_2)
        denominators = foreach.div(velocities, correction)
        foreach.sqrt_(denominators)
        foreach.add_(denominators, self.epsilon)
        # The variables are (1 - beta_1) * momentum + beta_1 * average: take the momentum out, let the average follow
        # the new one by its share, put the new one in.
        foreach.add_(params, momentums, alpha=self.beta_1 - 1.0)
        kernels.add_quotient_(momentums, grads, denominators, -rate)
        foreach.mul_(params, 1.0 - share)
        kernels.add_scaled_(params, momentums, 1.0 - self.beta_1 + self.beta_1 * share)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "warmup_steps": self.warmup_steps,
        }
