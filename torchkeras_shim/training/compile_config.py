"""What `compile()` was told, as a config for files and back."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
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
        "loss": trainer.objective.loss,
        "loss_weights": trainer.objective.loss_weights,
        "metrics": trainer.measures.given,
        "weighted_metrics": trainer.measures.given_weighted,
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

    Raises:
        ValueError: If it has fields that no compile config has, or values that such a field cannot have.
    """
    if not config:
        return
    check_fields(model, config)
    given = {key: value for key, value in config.items() if value is not None or key in ("optimizer", "loss")}
    model.compile(**serialization.deserialize_keras_object(given))
    if model.built:
        trainer.build_optimizer()


def check_fields(model: Any, config: Any) -> None:
    """Checks what a file says of `compile`, which takes more from a program: options of a compiler, say.

    Raises:
        ValueError: If it has fields that no compile config has, or values that such a field cannot have.
    """
    if not isinstance(config, dict):
        raise ValueError(f"The compile config of model '{model.name}' must be a dict. Received: {str(config)[:100]}")
    for key, value in config.items():
        if key not in _FIELDS:
            raise ValueError(
                f"The compile config of model '{model.name}' has the unknown field {str(key)[:60]!r}. Known are: "
                f"{', '.join(_FIELDS)}. Load the model with `compile=False`, and compile it yourself."
            )
        is_fine, expected = _FIELDS[key]
        if not is_fine(value):
            raise ValueError(
                f"The compile config of model '{model.name}' must have {expected} as {key}. Received: "
                f"{key}={str(value)[:100]}. Load the model with `compile=False`, and compile it yourself."
            )


def _is_described(value: Any) -> bool:
    """Returns whether a value is an object, or its name or config."""
    if isinstance(value, dict):
        return "class_name" in value
    return not isinstance(value, (bool, int, float, list, tuple))


def _is_structure(is_fine: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Returns a test of values, and of lists and dicts of them as deep as the outputs of a model are nested."""

    def test(value: Any) -> bool:
        if is_fine(value):
            return True
        if isinstance(value, dict):
            return "class_name" not in value and all(isinstance(key, str) and test(item) for key, item in value.items())
        return isinstance(value, (list, tuple)) and all(map(test, value))

    return test


def _is_weight(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def _is_flag(value: Any) -> bool:
    return value is None or isinstance(value, bool)


_OBJECTS = _is_structure(_is_described)
#: What a compile config may hold: a test of each field, and what it wants. Keras of any version writes the first eight.
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "optimizer": (_is_described, "a name or config"),
    "loss": (_OBJECTS, "names or configs"),
    "loss_weights": (_is_structure(_is_weight), "finite numbers"),
    "metrics": (_OBJECTS, "names or configs"),
    "weighted_metrics": (_OBJECTS, "names or configs"),
    "run_eagerly": (_is_flag, "True, False or None"),
    "steps_per_execution": (
        lambda value: value is None or (type(value) is int and 1 <= value < 1 << 31),
        "a positive integer",
    ),
    "jit_compile": (lambda value: _is_flag(value) or value == "auto", "True, False, None or 'auto'"),
    "auto_scale_loss": (_is_flag, "True, False or None"),
}
