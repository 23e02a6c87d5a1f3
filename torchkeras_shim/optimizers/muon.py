"""Muon."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.sharded import any_sharded, cut, part, whole
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.overwriting import is_overwritten
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class Muon(Optimizer):
    """Moves matrices by the nearest orthogonal matrix to their momentum, and everything else as AdamW does.

    Variables of rank 2 are matrices, except embeddings and those of `exclude_layers`. The last layer of a classifier
    learns better by AdamW: name it there.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        adam_beta_1: AdamW's decay of the mean.
        adam_beta_2: AdamW's decay of the mean square.
        adam_weight_decay: The weight decay of what AdamW moves.
        epsilon: Keeps AdamW's division finite.
        weight_decay: The weight decay of matrices. See `Optimizer`, as for all arguments up to `name`.
        clipnorm: See `Optimizer`.
        clipvalue: See `Optimizer`.
        global_clipnorm: See `Optimizer`.
        use_ema: See `Optimizer`.
        ema_momentum: See `Optimizer`.
        ema_overwrite_frequency: See `Optimizer`.
        loss_scale_factor: See `Optimizer`.
        gradient_accumulation_steps: See `Optimizer`.
        name: See `Optimizer`.
        exclude_layers: Patterns; AdamW moves the variables whose path contains one of them.
        exclude_embeddings: Whether AdamW moves the variables with "embedding" in their path.
        muon_a: A coefficient of the iteration, as the next two.
        muon_b: See `muon_a`.
        muon_c: See `muon_a`.
        adam_lr_ratio: AdamW's learning rate in units of `learning_rate`.
        momentum: The momentum of matrices.
        ns_steps: How many Newton-Schulz iterations approximate the orthogonal matrix.
        nesterov: Whether the momentum is Nesterov's.
        rms_rate: The root mean square of a matrix's step in units of the learning rate; `None` for steps of norm 1.
        **kwargs: See `Optimizer`.

    Example:
        >>> w = torch.nn.Parameter(torch.zeros(2, 2))
        >>> optimizer = Muon(learning_rate=1.0, rms_rate=None, weight_decay=None)
        >>> optimizer.apply([torch.tensor([[5.0, 0.0], [0.0, 5.0]])], [w])
        >>> w.detach().round(decimals=1) + 0.0
        tensor([[-1.1000,  0.0000],
                [ 0.0000, -1.1000]])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.7750,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
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
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.epsilon = epsilon
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.exclude_embeddings = exclude_embeddings
        self.exclude_layers = exclude_layers or []
        self.adam_weight_decay = adam_weight_decay
        self.rms_rate = rms_rate

    def _should_use_adamw(self, variable: torch.Tensor) -> bool:
        if variable.ndim != 2:
            return True
        path = getattr(variable, "path", "")
        if self.exclude_embeddings and "embedding" in path.lower():
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self.momentums: list[Variable | None] = []
        self.adam_velocities: list[Variable | None] = []
        for variable in variables:
            unused = is_overwritten(variable)
            self.momentums.append(None if unused else self.add_variable_from_reference(variable, "momentum"))
            by_adam = not unused and self._should_use_adamw(variable)
            self.adam_velocities.append(self.add_variable_from_reference(variable, "velocity") if by_adam else None)

    def _states(self) -> tuple[list[Any], ...]:
        return self.momentums, self.adam_velocities

    def _kernel_states(self, params: list[torch.Tensor], variables: list[torch.Tensor]) -> tuple[Any, ...]:
        return (variables if any_sharded(variables) else None,)

    def _rule_of(self, variable: torch.Tensor) -> bool:
        return self.adam_velocities[self._get_variable_index(variable)] is not None

    def _decays(self, variable: torch.Tensor) -> bool:
        decay = self.adam_weight_decay if self._rule_of(variable) else self.weight_decay
        return bool(decay) and self._use_weight_decay(variable)

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        done = step + 1
        corrected = math.sqrt(1.0 - self.adam_beta_2**done) / (1.0 - self.adam_beta_1**done)
        return rate, rate * self.adam_lr_ratio * corrected

    def _update_decayed(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        decay = self.adam_weight_decay if states[1] else self.weight_decay
        foreach.mul_(params, 1.0 - scalars[0] * (decay or 0.0))
        self._update(params, grads, states, scalars)

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        momentums, velocities, variables = states
        if velocities:  # only what AdamW moves has them
            foreach.lerp_(momentums, grads, 1.0 - self.adam_beta_1)
            kernels.square_average_(velocities, grads, self.adam_beta_2)
            denominators = foreach.sqrt(velocities)
            foreach.add_(denominators, self.epsilon)
            kernels.add_quotient_(params, momentums, denominators, -scalars[1])
            return
        foreach.mul_(momentums, self.momentum)
        foreach.add_(momentums, grads)
        directions = foreach.add(grads, momentums, alpha=self.momentum) if self.nesterov else momentums
        if variables is None:
            updates = [self._orthogonal(direction) for direction in directions]
        else:  # a matrix at a time is whole, in each process
            updates = [
                part(self._orthogonal(whole(cut(direction, variable))), variable)
                for direction, variable in zip(directions, variables, strict=True)
            ]
        kernels.add_scaled_(params, updates, -scalars[0])

    def _orthogonal(self, matrix: torch.Tensor) -> torch.Tensor:
        return self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))

    def zeropower_via_newtonschulz5(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Returns nearly the nearest orthogonal matrix, by a quintic Newton-Schulz iteration.

        Args:
            x: A matrix.
            steps: How many iterations.

        Raises:
            ValueError: If `x` is not a matrix.
        """
        if x.ndim != 2:
            raise ValueError(
                f"Expected gradient or momentum to have at least 2 dimensions, and here no more. "
                f"Received: shape={tuple(x.shape)}. Pass one matrix at a time."
            )
        a, b, c = self.muon_a, self.muon_b, self.muon_c
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / (torch.linalg.vector_norm(x) + 1e-7)  # singular values within [0, 1]
        for _ in range(steps):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x.T if tall else x

    def lr_adjust(self, x: torch.Tensor) -> torch.Tensor:
        """Returns a matrix's step with the root mean square `rms_rate`, or as it is if that is `None`.

        Args:
            x: The step, nearly orthogonal.
        """
        return x if self.rms_rate is None else x * (math.sqrt(max(x.shape)) * self.rms_rate)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "adam_beta_1": self.adam_beta_1,
            "adam_beta_2": self.adam_beta_2,
            "epsilon": self.epsilon,
            "exclude_layers": self.exclude_layers,
            "muon_a": self.muon_a,
            "muon_b": self.muon_b,
            "muon_c": self.muon_c,
            "adam_lr_ratio": self.adam_lr_ratio,
            "momentum": self.momentum,
            "ns_steps": self.ns_steps,
            "nesterov": self.nesterov,
            "exclude_embeddings": self.exclude_embeddings,
            "adam_weight_decay": self.adam_weight_decay,
            "rms_rate": self.rms_rate,
        }
