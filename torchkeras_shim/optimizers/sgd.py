"""Gradient descent, with and without momentum."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.torch_private import foreach, fused_sgd_
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class SGD(Optimizer):
    """Steps against the gradient.

    The learning rate is inside the velocity, as in Keras: `v = momentum * v - learning_rate * g; w += v`. After a
    change of the rate this differs from torch's SGD.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        momentum: How much of the last step is taken again; a float in [0, 1].
        nesterov: Whether the gradient counts as if taken after the momentum's step.
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
        ValueError: If the momentum is not a float in [0, 1].

    Example:
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> SGD(learning_rate=0.5).apply([torch.tensor([1.0, 2.0])], [w])
        >>> w.detach()
        tensor([0.5000, 0.0000])
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        if not isinstance(momentum, float) or momentum < 0 or momentum > 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Received: momentum={momentum!r}")
        self.momentum = momentum
        self.nesterov = nesterov
        self.momentums: list[Variable] = []

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        if self.momentum != 0:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def _states(self) -> tuple[list[Variable], ...]:
        return (self.momentums,)

    def _kernel_states(self, params: list[torch.Tensor], variables: list[torch.Tensor]) -> tuple[Any, ...]:
        fused = not self.nesterov and kernels.fused_sgd_works(params[0].device, params[0].dtype)
        return fused, kernels.are_permuted(params), self._flag

    def _can_leave_out(self, variable: torch.Tensor) -> bool:
        return not self.nesterov and kernels.fused_sgd_works(variable.device, variable.dtype)

    def _update_decayed(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        flag = states[-1]
        if flag is None:
            super()._update_decayed(params, grads, states, scalars)
            return
        foreach.mul_(params, 1.0 - (1.0 - flag) * (scalars[0] * (self.weight_decay or 0.0)))
        self._update(params, grads, states, scalars)

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, fused, permuted, flag = states
        rate = scalars[0]
        if fused and not isinstance(rate, torch.Tensor):
            # Torch's buffer is `momentum * buffer + (1 - dampening) * g`: a dampening of 1 + rate makes it Keras's
            # velocity, which is then added as it is.
            if permuted:
                params, grads, momentums = kernels.in_memory_order(params, grads, momentums)
            fused_sgd_(
                params, grads, momentums, weight_decay=0.0, momentum=self.momentum, lr=-1.0 if momentums else rate,
                dampening=1.0 + rate if momentums else 0.0, nesterov=False, maximize=False, is_first_step=False,
                found_inf=flag,
            )  # fmt: skip
            return
        if not momentums:
            kernels.add_scaled_(params, grads, -rate)
            return
        foreach.mul_(momentums, self.momentum)
        kernels.add_scaled_(momentums, grads, -rate)
        if self.nesterov:
            foreach.add_(params, momentums, alpha=self.momentum)
            kernels.add_scaled_(params, grads, -rate)
        else:
            foreach.add_(params, momentums)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "nesterov": self.nesterov,
        }
