"""Nadam."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core import dtypes, naming
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.host import HostNumber
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class Nadam(Optimizer):
    """Adam with Nesterov's momentum, whose share grows over the first steps.

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
        >>> w = torch.nn.Parameter(torch.ones(1))
        >>> Nadam(learning_rate=0.1).apply([torch.tensor([4.0])], [w])
        >>> w.detach()
        tensor([0.8...])
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
        dtype = dtypes.standardize_dtype(variables[0].dtype if variables else None)
        name = naming.auto_name("Variable")
        # The product of the momentum's shares so far: read and written on the host, saved as the last variable.
        self._product = HostNumber(1.0, dtype, name, name)
        self._variables.append(self._product.variable)

    def _states(self) -> tuple[list[Variable], ...]:
        return self._momentums, self._velocities

    def _share(self, step: int) -> float:
        share: float = self.beta_1 * (1.0 - 0.5 * 0.96**step)
        return share

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        now, later = self._share(step + 1), self._share(step + 2)
        product = self._product.read() * now
        root = math.sqrt(1.0 - self.beta_2 ** (step + 1))
        return (
            rate,
            rate * later / (1.0 - product * later),
            rate * (1.0 - now) / (1.0 - product),
            root,
        )

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, velocities = states
        _, momentum_rate, gradient_rate, root = scalars[:4]
        foreach.lerp_(momentums, grads, 1.0 - self.beta_1)
        kernels.square_average_(velocities, grads, self.beta_2)
        denominators = foreach.sqrt(velocities)
        foreach.div_(denominators, root)
        foreach.add_(denominators, self.epsilon)
        kernels.add_quotient_(params, momentums, denominators, -momentum_rate)
        kernels.add_quotient_(params, grads, denominators, -gradient_rate)

    def advance(self) -> None:
        """Counts one step, and the momentum's share where this step was an update."""
        step = self._steps.read()
        if not (step + 1) % self._every:
            self._product.write(self._product.read() * self._share(step // self._every + 1))
        super().advance()

    def resume(self, steps: int) -> None:
        """Goes on after a number of steps, which the product of the momentum's shares follows from."""
        super().resume(steps)
        self._product.write(math.prod(self._share(step + 1) for step in range(steps // self._every)))

    def _sync(self) -> None:
        super()._sync()
        if self.built:
            self._product.synced()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
