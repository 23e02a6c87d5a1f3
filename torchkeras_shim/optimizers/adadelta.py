"""Adadelta."""

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
class Adadelta(Optimizer):
    """Scales each element's gradient by the ratio of the typical step to the typical gradient.

    The original paper's rule has no learning rate: use `learning_rate=1.0` for it.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        rho: The decay of both mean squares.
        epsilon: Keeps the first steps from being zero and the division finite.
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
        >>> Adadelta(learning_rate=1.0, rho=0.75, epsilon=1.0).apply([torch.tensor([2.0])], [w])
        >>> w.detach()
        tensor([-0.4142])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
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
        self.rho = rho
        self.epsilon = epsilon

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self._accumulated_grads, self._accumulated_delta_vars = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def _states(self) -> tuple[list[Variable], ...]:
        return self._accumulated_grads, self._accumulated_delta_vars

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        squares, step_squares = states
        kernels.square_average_(squares, grads, self.rho)
        steps = kernels.root_of_sum(step_squares, self.epsilon)
        foreach.mul_(steps, grads)
        foreach.div_(steps, kernels.root_of_sum(squares, self.epsilon))
        kernels.square_average_(step_squares, steps, self.rho)
        kernels.add_scaled_(params, steps, -scalars[0])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rho": self.rho,
            "epsilon": self.epsilon,
        }
