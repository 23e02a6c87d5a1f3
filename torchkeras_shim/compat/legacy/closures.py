"""Loss functions of Keras 1 and 2 that use symbolic tensors of the model: they get the values of each batch.

A graph of TensorFlow had such tensors at hand while it computed the loss: the mean and the variance of a variational
autoencoder, or the points between real and made pictures at which a critic's gradients are measured. Here the model
shows their values in passing, and the loss is called with these in the tensors' place.
"""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch

from torchkeras_shim.compat.legacy import once
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers.weights import StructureVersion

#: Names by which a function says that it takes gradients itself.
_GRADIENTS = frozenset(("gradients", "GradientTape"))


def outside(function: Any) -> dict[str, Any]:
    """Returns what a function uses besides its arguments, by the names that it has for it.

    Example:
        >>> factor = 3
        >>> outside(lambda x: x * factor)["factor"]
        3
    """
    if isinstance(function, functools.partial):
        given: dict[Any, Any] = {**dict(enumerate(function.args)), **function.keywords, "func": function.func}
        return {str(name): one for name, one in given.items()}
    if inspect.ismethod(function):
        held = getattr(function.__self__, "__dict__", {})
        used = {name: held[name] for name in function.__code__.co_names if name in held}
        return {**used, **outside(function.__func__)}
    if not inspect.isfunction(function):
        return {}
    found = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def _names(code: types.CodeType) -> Iterator[str]:
    """Returns the global names of a function, and of those written inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def symbols_of(function: Any) -> dict[str, KerasTensor]:
    """Returns the symbolic tensors that a function uses besides its arguments, itself or in functions that it calls.

    Example:
        >>> mean = KerasTensor((None, 2))
        >>> list(symbols_of(lambda y_true, y_pred: y_pred + mean))
        ['mean']
    """
    return {name: one for each in _reachable(function) for name, one in _tensors_in(each).items()}


def _reachable(function: Any) -> list[Any]:
    """Returns a function and the functions that it uses."""
    found: dict[int, Any] = {id(function): function}
    waiting = [function]
    while waiting:
        for one in outside(waiting.pop()).values():
            if (isinstance(one, functools.partial) or inspect.isroutine(one)) and id(one) not in found:
                found[id(one)] = one
                waiting.append(one)
    return list(found.values())


def _tensors_in(function: Any) -> dict[str, KerasTensor]:
    found = {}
    for name, one in outside(function).items():
        for leaf in one if isinstance(one, (list, tuple)) else [one]:
            if isinstance(leaf, KerasTensor):
                found[name] = leaf
    return found


class _Seen:
    """The value that a symbolic tensor has in the batch that is being computed.

    Args:
        differentiable: Whether gradients with respect to it are wanted, wherever it comes from.
    """

    def __init__(self, differentiable: bool) -> None:
        self.differentiable = differentiable
        self.value: Any = None

    def __call__(self, value: Any) -> Any:
        if self.differentiable and torch.is_grad_enabled() and value.is_floating_point() and not value.requires_grad:
            value = value.detach().requires_grad_()
        self.value = value
        return value


class _Loss:
    """A loss that is called with values in the place of symbolic tensors.

    Args:
        function: The loss as it was written.
        symbols: The symbolic tensors, by the names that it has for them.
        seen: Their values, by the ids of the tensors.
    """

    def __init__(self, function: Any, symbols: dict[str, KerasTensor], seen: dict[int, _Seen]) -> None:
        self._function, self._seen = function, seen
        self._text = _refusal(function, symbols)
        self._changing = {id(one) for one in _reachable(function) if symbols_of(one)}
        self.__name__ = str(getattr(function, "__name__", None) or getattr(function, "func", type(self)).__name__)

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        if any(seen.value is None for seen in self._seen.values()):
            raise ValueError(self._text)
        found = self._put(self._function)(y_true, y_pred)
        for seen in self._seen.values():
            seen.value = None
        if isinstance(found, KerasTensor):
            raise ValueError(self._text)
        return found

    def _put(self, one: Any) -> Any:
        """Returns an object with values in the place of symbolic tensors."""
        if isinstance(one, KerasTensor):
            seen = self._seen.get(id(one))
            return one if seen is None else seen.value
        if type(one) in (list, tuple) and any(isinstance(leaf, KerasTensor) for leaf in one):
            return type(one)(map(self._put, one))
        if id(one) not in self._changing:
            return one
        if isinstance(one, functools.partial):
            given = {name: self._put(value) for name, value in one.keywords.items()}
            return functools.partial(self._put(one.func), *map(self._put, one.args), **given)
        if inspect.ismethod(one):
            owner = copy.copy(one.__self__)
            owner.__dict__.update({name: self._put(value) for name, value in owner.__dict__.items()})
            return types.MethodType(self._of_function(one.__func__), owner)
        return self._of_function(one)

    def _of_function(self, function: Any) -> types.FunctionType:
        variables = {**function.__globals__}
        variables |= {name: self._put(variables[name]) for name in _names(function.__code__) if name in variables}
        cells = tuple(types.CellType(self._put(cell.cell_contents)) for cell in function.__closure__ or ())
        made = types.FunctionType(function.__code__, variables, function.__name__, function.__defaults__, cells)
        made.__kwdefaults__ = function.__kwdefaults__
        return made


def _refusal(function: Any, symbols: dict[str, KerasTensor]) -> str:
    return (
        f"The loss '{getattr(function, '__name__', function)}' computes with symbolic tensors, which have no values "
        f"when it is called: {', '.join(symbols)}. Only `fit` and `evaluate` of a functional model whose inputs they "
        "come from have them. Add the loss to the model instead:\n"
        "    model.add_loss(K.mean(...))  # of the model's inputs and outputs, and of these tensors\n"
        "    model.compile(optimizer)\n"
        "Targets are then one more input: `Model([x, targets], outputs)`."
    )


def giving_values(compile_model: Callable[..., None]) -> Callable[..., None]:
    """Returns the `compile` that takes losses which use symbolic tensors of the model.

    Args:
        compile_model: The one that takes the optimizer and the loss first.
    """

    @functools.wraps(compile_model)
    def compiled(self: Any, optimizer: Any = "rmsprop", loss: Any = None, *args: Any, **kwargs: Any) -> None:
        seen: dict[int, tuple[KerasTensor, _Seen]] = {}
        if loss is not None:
            loss = tree.map_structure(lambda one: _with_values(one, seen), loss)
        graph = getattr(self, "_graph", None)
        if graph is not None and (seen or graph.is_watched):
            _watch(graph, list(seen.values()))
        compile_model(self, optimizer, loss, *args, **kwargs)

    return compiled


def _watch(graph: Any, watched: list[tuple[KerasTensor, _Seen]]) -> None:
    try:
        graph.watch(watched)
    except ValueError:  # of another model: the loss says so when it is called
        graph.watch([])
    StructureVersion.bump()


def _with_values(loss: Any, seen: dict[int, tuple[KerasTensor, _Seen]]) -> Any:
    symbols = symbols_of(loss)
    if not symbols:
        return loss
    once.say("a loss with symbolic tensors of the model", "model.add_loss(...)")
    takes_gradients = any(
        not _GRADIENTS.isdisjoint(_names(each.__code__)) for each in _reachable(loss) if hasattr(each, "__code__")
    )
    own = {}
    tensors = [leaf for each in _reachable(loss) for one in outside(each).values() for leaf in _leaves(one)]
    for tensor in tensors:
        _, value = seen.setdefault(id(tensor), (tensor, _Seen(takes_gradients)))
        value.differentiable |= takes_gradients
        own[id(tensor)] = value
    return _Loss(loss, symbols, own)


def _leaves(one: Any) -> list[KerasTensor]:
    return [leaf for leaf in (one if isinstance(one, (list, tuple)) else [one]) if isinstance(leaf, KerasTensor)]
