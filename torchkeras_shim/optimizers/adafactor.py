"""Adafactor."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core.sharded import any_sharded, cut, part, whole
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import kernels
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.norms import norms_of
from torchkeras_shim.optimizers.overwriting import is_overwritten
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class Adafactor(Optimizer):
    """Scales steps by a mean square that a matrix keeps as one number per row and one per column.

    The step is relative: it is multiplied by the root mean square of the variable itself.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        beta_2_decay: The power of the step count with which the mean square comes to rest.
        epsilon_1: Added to the squared gradient.
        epsilon_2: The least root mean square of a variable.
        clip_threshold: The largest root mean square of an update.
        relative_step: Whether the rate is at most `1 / sqrt(step)`. Keras's rule has this bound either way.
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
        >>> Adafactor(learning_rate=0.5).apply([torch.tensor([3.0, -4.0])], [w])
        >>> w.detach()
        tensor([0.5000, 1.5000])
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
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
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        self._rows: list[Variable | None] = []
        self._columns: list[Variable | None] = []
        self._velocities: list[Variable | None] = []
        for index, variable in enumerate(variables):
            name = getattr(variable, "name", None) or f"variable_{index}"
            shape = tuple(variable.shape)
            if len(shape) < 2:
                self._rows.append(self._placeholder(name))
                self._columns.append(self._placeholder(name))
            elif is_overwritten(variable):
                self._rows.append(None)
                self._columns.append(None)
            else:
                self._rows.append(self._add_part(variable, shape[:-1], name))
                self._columns.append(self._add_part(variable, (*shape[:-2], shape[-1]), name))
            unused = is_overwritten(variable)
            self._velocities.append(None if unused else self.add_variable_from_reference(variable, "velocity"))

    def _placeholder(self, name: str) -> Variable:
        """Adds what Keras saves in the place of rows and columns where a variable has none."""
        with devices.device("cpu"):
            variable = Variable(0, dtype="int32", trainable=False, name=name)
        self._variables.append(variable)
        return variable

    def _states(self) -> tuple[list[Any], ...]:
        return self._rows, self._columns, self._velocities

    def _kernel_states(self, params: list[torch.Tensor], variables: list[torch.Tensor]) -> tuple[Any, ...]:
        factored = [index for index, param in enumerate(params) if param.ndim >= 2]
        plain = [index for index, param in enumerate(params) if param.ndim < 2]
        roots = [math.sqrt(max(variable.numel(), 1)) for variable in variables]
        return factored, plain, roots, norms_of(variables), variables if any_sharded(variables) else None

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        done = step + 1
        return rate, min(rate, 1.0 / math.sqrt(done)), float(done**self.beta_2_decay)

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        rows, columns, velocities, factored, plain, roots, norms, variables = states
        step, share = scalars[1:3]
        squares = foreach.mul(grads, grads)
        foreach.add_(squares, self.epsilon_1)
        for index in factored:
            row, column, square = rows[index], columns[index], squares[index]
            kernels.average_([row, column], _means(square, None if variables is None else variables[index]), share)
            relative = row / row.mean(-1, keepdim=True)
            if variables is None:
                torch.mul(relative.unsqueeze(-1), column.unsqueeze(-2), out=velocities[index])
            else:
                velocities[index].copy_(part(relative.unsqueeze(-1) * column.unsqueeze(-2), variables[index]))
        if plain:
            kernels.average_([velocities[index] for index in plain], [squares[index] for index in plain], share)
        updates = foreach.div(grads, foreach.sqrt(velocities))
        sizes = foreach.clamp_min(_root_mean_squares(norms(updates), roots, self.clip_threshold), 1.0)
        scales = foreach.clamp_min(_root_mean_squares(norms(params), roots), self.epsilon_2)
        foreach.div_(scales, sizes)
        foreach.mul_(updates, scales)
        kernels.add_scaled_(params, updates, -step)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "beta_2_decay": self.beta_2_decay,
            "epsilon_1": self.epsilon_1,
            "epsilon_2": self.epsilon_2,
            "clip_threshold": self.clip_threshold,
            "relative_step": self.relative_step,
        }


def _means(square: torch.Tensor, variable: torch.Tensor | None) -> list[torch.Tensor]:
    """Returns the means over rows and over columns; of all of it where only the part of a variable is here."""
    if variable is not None:
        square = whole(cut(square, variable))
    return [square.mean(-1), square.mean(-2)]


def _root_mean_squares(norms: Any, roots: list[float], unit: float = 1.0) -> tuple[torch.Tensor, ...]:
    """Returns the root mean squares of tensors in a unit, by their norms and the roots of their numbers of elements."""
    foreach.div_(norms, [root * unit for root in roots])
    return norms  # type: ignore[no-any-return]
