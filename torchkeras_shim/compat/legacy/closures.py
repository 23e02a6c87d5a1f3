"""Loss functions of Keras 2 that use symbolic tensors of the model: what to write instead."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor


def symbols_of(function: Any) -> list[str]:
    """Returns the names by which a function knows symbolic tensors that are not its arguments.

    Example:
        >>> mean = KerasTensor((None, 2))
        >>> symbols_of(lambda y_true, y_pred: y_pred + mean)
        ['mean']
    """
    if isinstance(function, functools.partial):
        given: dict[Any, Any] = {**dict(enumerate(function.args)), **function.keywords}
        return [str(name) for name, one in given.items() if isinstance(one, KerasTensor)] + symbols_of(function.func)
    if not inspect.isfunction(function):
        return []
    outside = {name: function.__globals__.get(name) for name in function.__code__.co_names}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            outside[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return [name for name, one in outside.items() if isinstance(one, KerasTensor)]


def explaining(compile_model: Callable[..., None]) -> Callable[..., None]:
    """Returns the `compile` that explains the error of a loss that uses symbolic tensors.

    Args:
        compile_model: The one that takes the optimizer and the loss first.
    """

    @functools.wraps(compile_model)
    def compiled(self: Any, optimizer: Any = "rmsprop", loss: Any = None, *args: Any, **kwargs: Any) -> None:
        if loss is not None:
            loss = tree.map_structure(_explained, loss)
        compile_model(self, optimizer, loss, *args, **kwargs)

    return compiled


def _explained(loss: Any) -> Any:
    names = symbols_of(loss)
    if not names:
        return loss

    def explained(y_true: Any, y_pred: Any) -> Any:
        try:
            found = loss(y_true, y_pred)
        except Exception as error:
            raise ValueError(text) from error
        if isinstance(found, KerasTensor):
            raise ValueError(text)
        return found

    explained.__name__ = getattr(loss, "__name__", "loss")
    text = (
        f"The loss '{explained.__name__}' computes with symbolic tensors, which have no values when it is called: "
        f"{', '.join(names)}. Add the loss to the model instead:\n"
        "    model.add_loss(K.mean(...))  # of the model's inputs and outputs, and of these tensors\n"
        "    model.compile(optimizer)\n"
        "Targets are then one more input: `Model([x, targets], outputs)`."
    )
    return explained
