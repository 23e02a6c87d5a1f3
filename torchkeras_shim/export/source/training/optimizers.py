"""Keras's optimizers as torch's, with the arguments that make them equal, or as a short class of the file's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from torchkeras_shim import optimizers
from torchkeras_shim.export.source.parts import optimizers as parts
from torchkeras_shim.export.source.text import Call, literal, number
from torchkeras_shim.export.source.training import schedules


@dataclass
class Written:
    """An optimizer as text.

    Attributes:
        call: What makes it, with the model's parameters as the first argument.
        rate: The body of `learning_rate(step)`, if the rate follows a schedule.
        before: What is done between the gradients and the step.
        parts: The parts that it uses.
    """

    call: Call
    rate: list[str] | None = None
    before: list[str] = field(default_factory=list)
    parts: list[Callable[..., Any]] = field(default_factory=list)


def write(optimizer: Any, problems: list[str], rate_changes: bool) -> Written | None:
    """Returns an optimizer as text, or notes why there is none.

    Args:
        optimizer: The model's optimizer.
        problems: Where to note.
        rate_changes: Whether a callback changes the learning rate.
    """
    name = type(optimizer).__name__
    if inspect.isclass(optimizer) and issubclass(optimizer, torch.optim.Optimizer):
        make_one: Any = optimizer
        return _torchs_own(make_one([torch.nn.Parameter(torch.zeros(()))]), problems)
    if isinstance(optimizer, optimizers.TorchOptimizer):
        return _torchs_own(optimizer.optimizer, problems)
    make = _RULES.get(type(optimizer))
    if make is None:
        problems.append(
            f"Optimizer '{name}' has no counterpart in torch. Compile the model with one of "
            f"{', '.join(sorted(cls.__name__ for cls in _RULES))}, or pass `training_loop=False`."
        )
        return None
    problems += [
        f"Optimizer '{name}' has {what}, which the loop does not do. {advice}" for what, advice in _extra(optimizer)
    ]
    body, rate = _rate(optimizer, problems)
    kind, arguments = make(optimizer, body is not None or rate_changes)
    call = Call(kind if isinstance(kind, str) else kind.__name__, ["model.parameters()", f"lr={rate}", *arguments])
    written = Written(call, body, parts=[] if isinstance(kind, str) else [kind])
    _clip(optimizer, written)
    if optimizer.weight_decay and not isinstance(optimizer, optimizers.Adam | optimizers.Nadam):
        written.before.append(f"decay_weights(optimizer, {number(optimizer.weight_decay)})")
        written.parts.append(parts.decay_weights)
    return written


def _rate(optimizer: Any, problems: list[str]) -> tuple[list[str] | None, str]:
    source = optimizer._rate.source
    if source is None:
        return None, number(float(optimizer.learning_rate))
    body = schedules.formula(source)
    if body is None:
        problems.append(
            f"The learning rate comes from '{type(source).__name__}', which is Python code. Use a schedule of "
            "`keras.optimizers.schedules`, or pass `training_loop=False` and a `torch.optim.lr_scheduler` of your own."
        )
    return body, "1.0"


def _extra(optimizer: Any) -> list[tuple[str, str]]:
    """What optimizers may do besides, which the file leaves to its reader."""
    found = []
    if optimizer.use_ema:
        found.append(("`use_ema`", "Use `torch.optim.swa_utils.AveragedModel`, and compile without it."))
    if optimizer.gradient_accumulation_steps:
        found.append(("`gradient_accumulation_steps`", "Compile without it, with a larger `batch_size`."))
    if optimizer.loss_scale_factor:
        found.append(("`loss_scale_factor`", "Use `torch.amp.GradScaler`, and compile without it."))
    if optimizer._excluded_variables or optimizer._excluded_names is not None:
        found.append(("weights that do not decay", "Make parameter groups by hand, and compile without it."))
    return found


def _clip(optimizer: Any, written: Written) -> None:
    if optimizer.clipnorm:
        written.before.append(f"clip_each_gradient(model, {number(optimizer.clipnorm)})")
        written.parts.append(parts.clip_each_gradient)
    elif optimizer.global_clipnorm:
        limit = number(optimizer.global_clipnorm)
        written.before.append(f"nn.utils.clip_grad_norm_(model.parameters(), {limit})")
    elif optimizer.clipvalue:
        limit = number(optimizer.clipvalue)
        written.before.append(f"nn.utils.clip_grad_value_(model.parameters(), {limit})")


def _betas(o: Any) -> str:
    return f"betas=({number(o.beta_1)}, {number(o.beta_2)})"


def _adam(o: Any, changing: bool) -> tuple[Any, list[str]]:
    arguments = [_betas(o), f"eps={number(o.epsilon)}"]
    if o.amsgrad:
        arguments.append("amsgrad=True")
    if o.weight_decay:
        return parts.AdamW, [*arguments, f"weight_decay={number(o.weight_decay)}"]
    return parts.Adam, arguments


def _nadam(o: Any, changing: bool) -> tuple[Any, list[str]]:
    # A `momentum_decay` of 1 is Keras's schedule of the momentum.
    arguments = [_betas(o), f"eps={number(o.epsilon)}", "momentum_decay=1.0"]
    if o.weight_decay:
        arguments += [f"weight_decay={number(o.weight_decay)}", "decoupled_weight_decay=True"]
    return "torch.optim.NAdam", arguments


def _sgd(o: Any, changing: bool) -> tuple[Any, list[str]]:
    if not o.momentum:
        return "torch.optim.SGD", []
    arguments = [f"momentum={number(o.momentum)}", *(["nesterov=True"] if o.nesterov else [])]
    return parts.SGD if changing else "torch.optim.SGD", arguments


def _rmsprop(o: Any, changing: bool) -> tuple[Any, list[str]]:
    arguments = [f"rho={number(o.rho)}", f"eps={number(o.epsilon)}"]
    arguments += [f"momentum={number(o.momentum)}"] if o.momentum else []
    return parts.RMSprop, [*arguments, *(["centered=True"] if o.centered else [])]


def _adagrad(o: Any, changing: bool) -> tuple[Any, list[str]]:
    return parts.Adagrad, [f"initial_value={number(o.initial_accumulator_value)}", f"eps={number(o.epsilon)}"]


def _adadelta(o: Any, changing: bool) -> tuple[Any, list[str]]:
    return "torch.optim.Adadelta", [f"rho={number(o.rho)}", f"eps={number(o.epsilon)}"]


def _adamax(o: Any, changing: bool) -> tuple[Any, list[str]]:
    return parts.Adamax, [_betas(o), f"eps={number(o.epsilon)}"]


def _lion(o: Any, changing: bool) -> tuple[Any, list[str]]:
    return parts.Lion, [_betas(o)]


_RULES: dict[type, Callable[[Any, bool], tuple[Any, list[str]]]] = {
    optimizers.Adam: _adam,
    optimizers.AdamW: _adam,
    optimizers.Nadam: _nadam,
    optimizers.SGD: _sgd,
    optimizers.RMSprop: _rmsprop,
    optimizers.Adagrad: _adagrad,
    optimizers.Adadelta: _adadelta,
    optimizers.Adamax: _adamax,
    optimizers.Lion: _lion,
}


def _torchs_own(optimizer: torch.optim.Optimizer, problems: list[str]) -> Written | None:
    """An optimizer of `torch.optim` whose parameters have one group."""
    cls = type(optimizer)
    if getattr(torch.optim, cls.__name__, None) is not cls or len(optimizer.param_groups) != 1:
        problems.append(
            f"Optimizer '{cls.__name__}' is code of your own, or has several groups of parameters. Pass "
            "`training_loop=False` and make it by hand."
        )
        return None
    group = optimizer.param_groups[0]
    usual = {name: p.default for name, p in inspect.signature(cls.__init__).parameters.items()}
    given = [key for key in optimizer.defaults if key in usual and (key == "lr" or group[key] != usual[key])]
    arguments = [_keyword(key, group[key]) for key in given]
    return Written(Call(f"torch.optim.{cls.__name__}", ["model.parameters()", *arguments]))


def _keyword(key: str, value: Any) -> str:
    return f"{key}={number(value) if isinstance(value, float) else literal(value)}"
