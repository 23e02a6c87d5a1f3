"""What `compile()` was told, as a config for files and back."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from torchkeras_shim.core import serialization

if TYPE_CHECKING:
    from torchkeras_shim.training.trainer import Trainer


def get_compile_config(trainer: Trainer) -> dict[str, Any] | None:
    """Returns the arguments of `compile()` as plain values, in Keras's order.

    An optimizer is described as it is now: its current learning rate, say.

    Args:
        trainer: The trainer that was compiled.

    Returns:
        The config: empty before `compile()`, and `None`, with a warning, where something in it has no config.
    """
    if not trainer.compiled:
        return {}
    arguments = {
        "optimizer": _optimizer(trainer),
        "loss": trainer.loss_plan.loss,
        "loss_weights": trainer.loss_plan.loss_weights,
        "metrics": trainer.metric_plan.given,
        "weighted_metrics": trainer.metric_plan.given_weighted,
        "run_eagerly": trainer.run_eagerly,
        "steps_per_execution": trainer.steps_per_execution,
        # Keras knows no other values, and which strategy is best is a matter of the machine that trains next.
        "jit_compile": trainer.jit_compile if isinstance(trainer.jit_compile, bool) else "auto",
    }
    try:
        return {key: serialization.serialize_keras_object(value) for key, value in arguments.items()}
    except (ValueError, NotImplementedError) as error:
        warnings.warn(
            f"What model '{trainer.model.name}' was compiled with cannot be written down, so it is left out: call "
            f"`compile()` again after loading. {error}",
            stacklevel=2,
        )
        return None


def _optimizer(trainer: Trainer) -> Any:
    """Returns the optimizer that was asked for; one that scales the loss on its own account is made anew."""
    if trainer.optimizer is None:
        return trainer.optimizer_argument
    inner = getattr(trainer.optimizer, "inner_optimizer", None)
    if inner is None or isinstance(trainer.optimizer_argument, type(trainer.optimizer)):
        return trainer.optimizer
    return inner


def compile_from_config(model: Any, trainer: Trainer, config: dict[str, Any]) -> None:
    """Compiles a model as `get_compile_config` says, and gives the optimizer its variables where the model has them.

    Args:
        model: The model.
        trainer: Its trainer.
        config: The config; where it is empty nothing happens.
    """
    if not config:
        return
    model.compile(**serialization.deserialize_keras_object(config))
    if model.built:
        trainer.build_optimizer()
