"""What `compile()` was told: a record of it, its checks, and its config for files and back."""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from torchkeras_shim.core import serialization, tree
from torchkeras_shim.metrics import Metric
from torchkeras_shim.optimizers import Optimizer


@dataclass(frozen=True, eq=False)
class Compiled:
    """The arguments of `Model.compile`; what they are as long as it has not been called.

    Attributes:
        optimizer: A name, config, class or instance of an optimizer.
        loss: The loss, or losses by output.
        loss_weights: A number, or numbers by output.
        metrics: Metrics, or lists of them by output.
        weighted_metrics: The same, for metrics that sample weights weigh.
        run_eagerly: Whether the model's own steps are called on every batch.
        steps_per_execution: How many batches go between two calls of the callbacks.
        jit_compile: How steps are to run.
        auto_scale_loss: Whether the loss is scaled where gradients are float16.
    """

    optimizer: Any = None
    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    run_eagerly: bool = False
    steps_per_execution: int = 1
    jit_compile: Any = "auto"
    auto_scale_loss: bool = True

    def check(self) -> None:
        """Raises for what cannot be meant.

        Raises:
            TypeError: If `jit_compile` has options that `torch.compile` does not know.
            ValueError: For other values that an argument cannot have.
        """
        _check_strategy(self.jit_compile, self.run_eagerly)
        steps = self.steps_per_execution
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"`steps_per_execution` must be a positive integer. Received: {steps!r}")
        weights = self.loss_weights
        if weights is not None and not isinstance(weights, (list, tuple, dict, float, int)):
            raise ValueError(
                "Expected `loss_weights` argument to be a float (single output case) or a list, tuple, or dict "
                f"(multiple output case). Received instead: loss_weights={weights} of type {type(weights)}"
            )
        for argument, value in (("metrics", self.metrics), ("weighted_metrics", self.weighted_metrics)):
            if value and not isinstance(value, (list, tuple, dict)):
                raise ValueError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict. Received instead: "
                    f"{argument}={value} of type {type(value)}. Write `{argument}=[{value!r}]`."
                )

    def get_config(self, optimizer: Any, name: str) -> dict[str, Any] | None:
        """Returns the arguments as plain values, in Keras's order.

        Args:
            optimizer: The optimizer in use. It is described as it is now: its current learning rate, say.
            name: The model's name, for the warning.

        Returns:
            The config; `None`, with a warning, where something in it has no config.
        """
        arguments = {
            "optimizer": self._asked_for(optimizer),
            "loss": self.loss,
            "loss_weights": self.loss_weights,
            "metrics": self.metrics,
            "weighted_metrics": self.weighted_metrics,
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            # Keras knows no other values, and which strategy is best is a matter of the machine that trains next.
            "jit_compile": self.jit_compile if isinstance(self.jit_compile, bool) else "auto",
        }
        try:
            return {key: serialization.serialize_keras_object(value) for key, value in arguments.items()}
        except (ValueError, NotImplementedError) as error:
            warnings.warn(
                f"What model '{name}' was compiled with cannot be written down, so it is left out: call `compile()` "
                f"again after loading. {error}",
                stacklevel=3,
            )
            return None

    def again(self, optimizer: Any) -> dict[str, Any]:
        """Returns the arguments for another model, with an optimizer and metrics of its own, which have seen nothing.

        Args:
            optimizer: The optimizer in use, whose settings the new one has.

        Raises:
            NotImplementedError: If the optimizer belongs to the variables of one model.
        """
        used = self._asked_for(optimizer)
        metrics = copy.deepcopy((self.metrics, self.weighted_metrics))
        for metric in tree.flatten(metrics):
            if isinstance(metric, Metric):
                metric.reset_state()
        arguments = {field.name: getattr(self, field.name) for field in fields(self)}
        if isinstance(self.optimizer, type) or inspect.isfunction(self.optimizer):
            used = self.optimizer  # is called with the other model's variables
        elif isinstance(used, Optimizer):
            used = type(used).from_config(used.get_config())
        return {**arguments, "optimizer": used, "metrics": metrics[0], "weighted_metrics": metrics[1]}

    def _asked_for(self, optimizer: Any) -> Any:
        """Returns the optimizer that was asked for; one that scales the loss on its own account is made again."""
        if optimizer is None:
            return self.optimizer
        inner = getattr(optimizer, "inner_optimizer", None)
        if inner is None or isinstance(self.optimizer, type(optimizer)):
            return optimizer
        return inner


def _check_strategy(jit_compile: Any, run_eagerly: bool) -> None:
    """Raises for what `compile` cannot take as `jit_compile`."""
    if isinstance(jit_compile, dict):
        unknown = set(jit_compile) - {"fullgraph", "dynamic", "backend", "mode", "options"}
        if unknown:
            raise TypeError(
                f"`jit_compile={jit_compile}` has options that torch.compile does not know: {sorted(unknown)}. "
                "It takes fullgraph, dynamic, backend, mode and options."
            )
    elif jit_compile not in (True, False, "auto", None, "captured", "cuda_graph"):
        raise ValueError(
            "`jit_compile` must be True, False, 'auto', 'captured', 'cuda_graph', or a dict of options for "
            "torch.compile. "
            f"Received: jit_compile={jit_compile!r}"
        )
    if run_eagerly and jit_compile not in (False, "auto", None):
        raise ValueError(f"If `jit_compile` is {jit_compile!r}, then `run_eagerly` cannot be True.")


def arguments_of(config: Any, name: str) -> dict[str, Any]:
    """Returns the arguments of `compile()` that a config from a file stands for.

    Args:
        config: The config.
        name: The model's name, for messages.

    Raises:
        ValueError: If it has fields that no compile config has, or values that such a field cannot have.
    """
    check_fields(config, name)
    given = {key: value for key, value in config.items() if value is not None or key in ("optimizer", "loss")}
    arguments: dict[str, Any] = serialization.deserialize_keras_object(given)
    return arguments


def check_fields(config: Any, name: str) -> None:
    """Checks what a file says of `compile`, which takes more from a program: options of a compiler, say.

    Raises:
        ValueError: If it has fields that no compile config has, or values that such a field cannot have.
    """
    if not isinstance(config, dict):
        raise ValueError(f"The compile config of model '{name}' must be a dict. Received: {str(config)[:100]}")
    for key, value in config.items():
        if key not in _FIELDS:
            raise ValueError(
                f"The compile config of model '{name}' has the unknown field {str(key)[:60]!r}. Known are: "
                f"{', '.join(_FIELDS)}. Load the model with `compile=False`, and compile it yourself."
            )
        is_fine, expected = _FIELDS[key]
        if not is_fine(value):
            raise ValueError(
                f"The compile config of model '{name}' must have {expected} as {key}. Received: "
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
