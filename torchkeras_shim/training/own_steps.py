"""What a subclass of `Model` overrides, and the steps that call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torchkeras_shim.data import pack_x_y_sample_weight
from torchkeras_shim.training.parts import Step

Function = TypeVar("Function", bound=Callable[..., Any])


def builtin(method: Function) -> Function:
    """Marks a method of `Model` as the built-in one: a class whose method has no such mark overrides it."""
    method._is_builtin = True  # type: ignore[attr-defined]
    return method


def overrides(model: Any, name: str) -> bool:
    """Returns whether a model, by its class or alone, has a method of its own that the built-in step leaves out."""
    return not getattr(getattr(model, name), "_is_builtin", False)


def make_own_step(method: Callable[[Any], Any]) -> Step:
    """Returns a step that calls a model's `train_step` or `test_step` with Keras's `data`."""

    def step(x: Any, y: Any, sample_weight: Any = None) -> Any:
        return method(pack_x_y_sample_weight(x, y, sample_weight))

    return step


def make_own_prediction(method: Callable[[Any], Any]) -> Step:
    """Returns a step that calls a model's `predict_step` with the inputs alone."""

    def step(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return method((x,))

    return step
