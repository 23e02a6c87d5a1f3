"""Adam and AdamW, on torch's fused kernel if it is available."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core.torch_private import foreach, fused_adam_, fused_adamw_
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class Adam(Optimizer):
    """Scales each element's step by running estimates of the gradient's mean and its square.

    Keras's form of the rule: `w -= alpha * m / (sqrt(v) + epsilon)`, where `alpha` is the learning rate with both bias
    corrections. Torch's own Adam adds its epsilon after correcting `v` and gives other numbers.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        beta_1: The decay of the mean.
        beta_2: The decay of the mean square.
        epsilon: Keeps the division finite.
        amsgrad: Whether to divide by the largest mean square so far.
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
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
        >>> optimizer = Adam(learning_rate=0.1)
        >>> optimizer.apply([torch.tensor([1.0, -1.0])], [w])
        >>> w.detach()
        tensor([0.9000, 2.1000])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.amsgrad = amsgrad
        self._velocity_hats: list[Variable] = []

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self._momentums, self._velocities = self.add_optimizer_variables(variables, ["momentum", "velocity"])
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def _states(self) -> tuple[list[Variable], ...]:
        return self._momentums, self._velocities, self._velocity_hats

    def _kernel_states(self, params: list[torch.Tensor], variables: list[torch.Tensor]) -> tuple[Any, ...]:
        first = params[0]
        if not kernels.fused_adam_works(first.device, first.dtype):
            return [], None, False
        return [kernels.endless_step(first.device)] * len(params), self._flag, kernels.are_permuted(params)

    def _can_leave_out(self, variable: torch.Tensor) -> bool:
        return kernels.fused_adam_works(variable.device, variable.dtype)

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        done = step + 1
        return rate, rate * math.sqrt(1.0 - self.beta_2**done) / (1.0 - self.beta_1**done)

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, velocities, hats, steps, flag, permuted = states
        if steps:
            if permuted:
                params, grads, momentums, velocities, hats = kernels.in_memory_order(
                    params, grads, momentums, velocities, hats
                )
            fused_adam_(
                params, grads, momentums, velocities, hats, steps, lr=scalars[1], beta1=self.beta_1, beta2=self.beta_2,
                weight_decay=0.0, eps=self.epsilon, amsgrad=self.amsgrad, maximize=False, found_inf=flag,
            )  # fmt: skip
            return
        foreach.lerp_(momentums, grads, 1.0 - self.beta_1)
        kernels.square_average_(velocities, grads, self.beta_2)
        if self.amsgrad:
            foreach.maximum_(hats, velocities)
            velocities = hats
        denominators = foreach.sqrt(velocities)
        foreach.add_(denominators, self.epsilon)
        kernels.add_quotient_(params, momentums, denominators, -scalars[1])

    def _update_decayed(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, velocities, hats, steps, flag, permuted = states
        rate, alpha = scalars[:2]
        if not steps or isinstance(alpha, torch.Tensor) or isinstance(rate, torch.Tensor) or not alpha:
            super()._update_decayed(params, grads, states, scalars)
            return
        # The kernel decays by its own rate times the decay, and its rate carries the bias corrections here.
        decay = (self.weight_decay or 0.0) * rate / alpha
        if permuted:
            params, grads, momentums, velocities, hats = kernels.in_memory_order(
                params, grads, momentums, velocities, hats
            )
        fused_adamw_(
            params, grads, momentums, velocities, hats, steps, lr=alpha, beta1=self.beta_1, beta2=self.beta_2,
            weight_decay=decay, eps=self.epsilon, amsgrad=self.amsgrad, maximize=False, found_inf=flag,
        )  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }


@OPTIMIZERS.register()
class AdamW(Adam):
    """Adam with weight decay on: each variable shrinks by `weight_decay * learning_rate` before each update.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        weight_decay: The decay; a float.
        beta_1: The decay of the mean.
        beta_2: The decay of the mean square.
        epsilon: Keeps the division finite.
        amsgrad: Whether to divide by the largest mean square so far.
        clipnorm: See `Optimizer`, as for all arguments below.
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
        ValueError: without a weight decay.

    Example:
        >>> AdamW().get_config()["weight_decay"]
        0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            amsgrad=amsgrad,
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
        if self.weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
