"""Keras's optimizers where torch's own compute something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Adam(torch.optim.Adam):
    """Adam as Keras has it: epsilon is added before the second moment is corrected.

    torch divides by sqrt(v) / sqrt(1 - beta_2 ** t) + eps, Keras by sqrt(v) + eps with
    the correction in the learning rate. The same eps, scaled, makes one of the other.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["updates"] = group.get("updates", 0) + 1
            group.setdefault("epsilon", group["eps"])
            correction = 1.0 - group["betas"][1] ** group["updates"]
            group["eps"] = group["epsilon"] / math.sqrt(correction)
        return super().step(closure)


class AdamW(torch.optim.AdamW):
    """AdamW as Keras has it: epsilon is added before the second moment is corrected.

    torch divides by sqrt(v) / sqrt(1 - beta_2 ** t) + eps, Keras by sqrt(v) + eps with
    the correction in the learning rate. The same eps, scaled, makes one of the other.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        for group in self.param_groups:
            group["updates"] = group.get("updates", 0) + 1
            group.setdefault("epsilon", group["eps"])
            correction = 1.0 - group["betas"][1] ** group["updates"]
            group["eps"] = group["epsilon"] / math.sqrt(correction)
        return super().step(closure)


class Rule(torch.optim.Optimizer):
    """An optimizer that is given by what it does to one parameter."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.update(parameter, parameter.grad, self.state[parameter], group)
        return loss

    def update(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        state: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        raise NotImplementedError


class SGD(Rule):
    """SGD with Keras's momentum: the learning rate is part of the velocity.

    torch multiplies by the rate afterwards, which differs once the rate changes.
    """

    def __init__(self, params: Any, lr: float, momentum: float, nesterov: bool = False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov})

    def update(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        state: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        step = options["lr"] * gradient
        velocity = state.setdefault("velocity", torch.zeros_like(parameter))
        velocity.mul_(options["momentum"]).sub_(step)
        if options["nesterov"]:
            parameter.add_(options["momentum"] * velocity - step)
        else:
            parameter.add_(velocity)


class RMSprop(Rule):
    """RMSprop as Keras has it: it divides by sqrt(v + eps), torch by sqrt(v) + eps."""

    def __init__(
        self,
        params: Any,
        lr: float,
        rho: float,
        eps: float,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        options = {"lr": lr, "rho": rho, "eps": eps}
        super().__init__(
            params, {**options, "momentum": momentum, "centered": centered}
        )

    def update(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        state: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        keep = 1.0 - options["rho"]
        squares = state.setdefault("squares", torch.zeros_like(parameter))
        squares.lerp_(gradient.square(), keep)
        variance = squares
        if options["centered"]:
            average = state.setdefault("average", torch.zeros_like(parameter))
            average.lerp_(gradient, keep)
            variance = squares - average.square()
        step = options["lr"] * gradient / (variance + options["eps"]).sqrt()
        if options["momentum"]:
            velocity = state.setdefault("velocity", torch.zeros_like(parameter))
            step = velocity.mul_(options["momentum"]).add_(step)
        parameter.sub_(step)


class Adagrad(Rule):
    """Adagrad as Keras has it: it divides by sqrt(v + eps), torch by sqrt(v) + eps."""

    def __init__(self, params: Any, lr: float, initial_value: float, eps: float):
        super().__init__(params, {"lr": lr, "initial_value": initial_value, "eps": eps})

    def update(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        state: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        if not state:
            state["squares"] = torch.full_like(parameter, options["initial_value"])
        squares = state["squares"].addcmul_(gradient, gradient)
        parameter.sub_(options["lr"] * gradient / (squares + options["eps"]).sqrt())


class Adamax(Rule):
    """Adamax as Keras has it: epsilon is added to the norm; torch adds it inside."""

    def __init__(self, params: Any, lr: float, betas: tuple[float, float], eps: float):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def update(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        state: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        beta_1, beta_2 = options["betas"]
        state["updates"] = state.get("updates", 0) + 1
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        norm = state.setdefault("norm", torch.zeros_like(parameter))
        mean.lerp_(gradient, 1.0 - beta_1)
        torch.maximum(norm.mul_(beta_2), gradient.abs(), out=norm)
        rate = options["lr"] / (1.0 - beta_1 ** state["updates"])
        parameter.sub_(rate * mean / (norm + options["eps"]))


class Lion(Rule):
    """Lion, which torch does not have: the sign of a mixture of mean and gradient."""

    def __init__(self, params: Any, lr: float, betas: tuple[float, float]):
        super().__init__(params, {"lr": lr, "betas": betas})

    def update(
        self,
        parameter: torch.Tensor,
        gradient: torch.Tensor,
        state: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        beta_1, beta_2 = options["betas"]
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        direction = torch.lerp(mean, gradient, 1.0 - beta_1).sign()
        parameter.sub_(options["lr"] * direction)
        mean.lerp_(gradient, 1.0 - beta_2)


def decay_weights(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Shrinks all weights as Keras's `weight_decay` does, apart from the gradients.

    torch's `weight_decay` of most optimizers is added to the gradients instead.
    """
    with torch.no_grad():
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.mul_(1.0 - group["lr"] * rate)


def clip_each_gradient(model: nn.Module, norm: float) -> None:
    """Clips the gradient of each weight for itself, as Keras's `clipnorm` does."""
    for parameter in model.parameters():
        nn.utils.clip_grad_norm_(parameter, norm)


NEEDS = dict.fromkeys(("SGD", "RMSprop", "Adagrad", "Adamax", "Lion"), ("Rule",))
