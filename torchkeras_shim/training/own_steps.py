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


class Batch(list[Any]):
    """One batch of a loop as an iterator, which TensorFlow's functions of steps get, and as the list that torch's get.

    Args:
        batch: The batch, tensors in Keras's packing.
    """

    def __init__(self, batch: Any) -> None:
        super().__init__([batch])
        self._rest = [batch]

    def __iter__(self) -> Batch:
        return self

    def __next__(self) -> Any:
        if not self._rest:
            raise StopIteration
        return self._rest.pop()


#: The attributes that hold functions of steps, by the name of the loop.
STEP_FUNCTIONS = {"fit": "train_function", "evaluate": "test_function", "predict": "predict_function"}


def own_function_name(model: Any, method: str) -> str | None:
    """Returns by which name a model has its own function for a loop's steps; `None` if it has none."""
    name = STEP_FUNCTIONS[method]
    if overrides(model, f"make_{name}"):
        return f"make_{name}"
    function = getattr(model, name)
    return None if function is None or getattr(function, "_is_builtin", False) else name


def make_own_functions(model: Any, method: str) -> None:
    """Lets a model make its own function for a loop's steps, where its class overrides `make_train_function`, say.

    Raises:
        TypeError: If it makes none.
    """
    name = STEP_FUNCTIONS[method]
    if not overrides(model, f"make_{name}"):
        return
    made = getattr(model, f"make_{name}")()
    if callable(made) and getattr(model, name) is None:  # as in Keras 2, where it need only be returned
        setattr(model, name, made)
    if not callable(getattr(model, name)):
        raise TypeError(
            f"`{type(model).__name__}.make_{name}()` must set `self.{name}` to a function of an iterator of batches. "
            f"Received: self.{name}={getattr(model, name)!r}. End it with `self.{name} = one_step`."
        )


def make_own_function_step(model: Any, method: str) -> Step:
    """Returns a step that calls a model's own `train_function`, `test_function` or `predict_function`."""
    name = STEP_FUNCTIONS[method]

    def step(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        data = (x,) if method == "predict" else pack_x_y_sample_weight(x, y, sample_weight)
        return getattr(model, name)(Batch(data))

    return step


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
