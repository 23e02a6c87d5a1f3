"""Checks of what the user hands to an optimizer, with Keras's words."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import torch

from torchkeras_shim.core.errors import did_you_mean


def check_unknown(cls: type, kwargs: dict[str, Any]) -> None:
    """Refuses arguments that no optimizer has; `decay` of old Keras is answered with a warning."""
    if kwargs.pop("decay", None) is not None:
        warnings.warn("Argument `decay` is no longer supported and will be ignored.", stacklevel=4)
    if not kwargs:
        return
    known = [name for name in inspect.signature(cls).parameters if name not in ("self", "kwargs")]
    first = next(iter(kwargs))
    hint = " Did you mean 'learning_rate'?" if first == "lr" else did_you_mean(first, known)
    raise ValueError(f"Argument(s) not recognized: {kwargs}.{hint} {cls.__name__} accepts: {', '.join(known)}.")


def check_accumulation(steps: int | None) -> None:
    """Refuses an accumulation over fewer than two steps."""
    if steps and not steps >= 2:
        raise ValueError(
            f"`gradient_accumulation_steps` must be an integer >= 2. Received: gradient_accumulation_steps={steps}"
        )


def check_clipping(clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None) -> None:
    """Refuses more than one way of clipping."""
    if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
        raise ValueError(
            "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
            f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, global_clipnorm={global_clipnorm}"
        )


def check_ema(momentum: float, frequency: Any) -> None:
    """Refuses settings of the moving average that are out of range."""
    if momentum > 1 or momentum < 0:
        raise ValueError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={momentum}")
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(
            f"`ema_overwrite_frequency` must be an integer >= 1 or None. Received: ema_overwrite_frequency={frequency}"
        )


def check_count(optimizer: Any, grads: list[Any]) -> None:
    """Refuses gradients without variables that do not belong to the built ones."""
    if not optimizer.built:
        raise ValueError(
            "When passing `grads` without `variables`, the optimizer must already be built on a list of variables. "
            "Call `optimizer.build(trainable_variables)` first. "
        )
    expected = len(optimizer._trainable_variables)
    if len(grads) != expected:
        raise ValueError(
            "When passing `grads` as a list of gradient tensors, the gradients must match `optimizer.variables` "
            f"one-to-one. Received a list of {len(grads)} gradients, but the optimizer is tracking {expected} "
            "trainable variables."
        )


def check_known(optimizer: Any, variables: list[torch.Tensor]) -> None:
    """Refuses variables that the optimizer was not built with."""
    for variable in variables:
        if optimizer._var_key(variable) not in optimizer._trainable_variables_indices:
            name = getattr(variable, "path", None) or type(variable).__name__
            raise ValueError(
                f"Unknown variable: {name} of shape {tuple(variable.shape)}. This optimizer can only be called for the "
                "variables it was originally built with. When working with a new set of variables, you should recreate "
                f"a new optimizer instance: `optimizer = {type(optimizer).__name__}(...)`. Where a model's layers "
                "changed since it was compiled, or a part of it was built later, call `model.compile(...)` again."
            )


def without_missing(grads: list[Any], variables: list[torch.Tensor]) -> tuple[list[Any], list[torch.Tensor]]:
    """Leaves out variables without a gradient, with a warning that names them.

    Raises:
        ValueError: If no variable has a gradient, or the lists differ in length.
    """
    if len(grads) != len(variables):
        raise ValueError(
            f"Expected one gradient for each variable. Received {len(grads)} gradients for {len(variables)} variables."
        )
    if not any(grad is None for grad in grads):
        return grads, variables
    missing = [
        getattr(variable, "path", None) or f"{type(variable).__name__} {tuple(variable.shape)}"
        for grad, variable in zip(grads, variables, strict=True)
        if grad is None
    ]
    if len(missing) == len(grads):
        raise ValueError(
            f"No gradients provided for any variable. Received None for all of {missing}. "
            "Call `loss.backward()` first, and check that the loss depends on the variables."
        )
    warnings.warn(
        f"Gradients do not exist for variables {missing} when minimizing the loss. If using `model.compile()`, did you "
        "forget to provide a `loss` argument?",
        stacklevel=3,
    )
    pairs = [(grad, variable) for grad, variable in zip(grads, variables, strict=True) if grad is not None]
    return [grad for grad, _ in pairs], [variable for _, variable in pairs]


def check_built_for_weights(optimizer: Any) -> None:
    """Refuses to set the weights of an optimizer that has none yet."""
    if not optimizer.built:
        raise ValueError(
            "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
            "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
        )
