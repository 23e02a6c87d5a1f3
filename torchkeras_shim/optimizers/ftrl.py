"""FTRL, "follow the regularized leader"."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class Ftrl(Optimizer):
    """Follows the regularized leader: suits shallow models of many sparse features, and makes weights exactly zero.

    Each variable is computed anew from the sum of its gradients, pulled towards zero by L1 and L2.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        learning_rate_power: How fast the rate falls with the sum of squares; 0 for not at all.
        initial_accumulator_value: What the sum of squares starts from.
        l1_regularization_strength: The pull towards exactly zero.
        l2_regularization_strength: The pull that grows with the weight.
        l2_shrinkage_regularization_strength: An L2 penalty in the gradient.
        beta: The paper's beta: an L2 pull that falls with the rate.
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

    Raises:
        ValueError: If a strength is below zero, or the power above.

    Example:
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> Ftrl(learning_rate=1.0, l1_regularization_strength=1.0).apply([torch.tensor([0.5, 3.0])], [w])
        >>> w.detach()
        tensor([ 0.0000, -0.6630])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
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
        if learning_rate_power > 0.0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        for argument, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0.0:
                raise ValueError(f"`{argument}` needs to be positive or zero. Received: {argument}={value}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        value = self.initial_accumulator_value

        def start(shape: Any, dtype: Any) -> torch.Tensor:
            return torch.full(shape, value, dtype=dtypes.to_torch_dtype(dtype))

        self._accumulators, self._linears = self.add_optimizer_variables(
            variables, ["accumulator", "linear"], [start, "zeros"]
        )

    def _states(self) -> tuple[list[Variable], ...]:
        return self._accumulators, self._linears

    def _power(self, sums: Any) -> Any:
        power = -self.learning_rate_power
        return foreach.sqrt(sums) if power == 0.5 else foreach.pow(sums, power)

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        accumulators, linears = states
        rate = scalars[0]
        before = self._power(accumulators)
        foreach.addcmul_(accumulators, grads, grads, 1.0)
        after = self._power(accumulators)
        change = foreach.sub(after, before)
        foreach.div_(change, rate)
        foreach.mul_(change, params)
        foreach.sub_(change, grads)
        if self.l2_shrinkage_regularization_strength:
            foreach.add_(change, params, alpha=-2.0 * self.l2_shrinkage_regularization_strength)
        foreach.sub_(linears, change)
        # after / rate + 2 * (l2 + beta / (2 * rate))
        foreach.add_(after, self.beta)
        foreach.div_(after, rate)
        foreach.add_(after, 2.0 * self.l2_regularization_strength)
        pull = self.l1_regularization_strength
        within = foreach.clamp_max(linears, pull)
        foreach.clamp_min_(within, -pull)
        foreach.sub_(within, linears)
        foreach.div_(within, after)
        foreach.copy_(params, within)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        }
