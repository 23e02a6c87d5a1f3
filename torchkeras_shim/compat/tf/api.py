"""The public names of the `tensorflow` stand-in: each function says its own where it is defined."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import is_symbolic, record

Object = TypeVar("Object")
Function = TypeVar("Function", bound=Callable[..., Any])

#: What `tf.<path>` is, by path: `"math.add"`.
NAMES: dict[str, Any] = {}
#: Why a name of TensorFlow is not there, and what to write instead, by path. A path stands for all that is below it.
REFUSED: dict[str, str] = {}
#: What answers in place of a function on tensors if an argument is ragged, by the first of the function's paths.
FOR_RAGGED: dict[str, Callable[..., Any]] = {}


def public(*paths: str) -> Callable[[Object], Object]:
    """Makes a class, a function or a value known under names of TensorFlow, as it is."""

    def enter(value: Object) -> Object:
        for path in paths:
            NAMES[path] = value
        return value

    return enter


def tf_op(*paths: str) -> Callable[[Function], Function]:
    """Makes a function on tensors known under names of TensorFlow.

    Every such function takes `name=`, which means nothing here; on a `KerasTensor` it becomes one node of the graph;
    and what torch says of shapes that do not go together is raised as TensorFlow's `InvalidArgumentError`.
    """
    path = paths[0]

    def enter(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
            try:
                if is_symbolic(args) or (kwargs and is_symbolic(kwargs)):
                    return record(function, args, kwargs)
                if holds_ragged(args) or (kwargs and holds_ragged(kwargs.values())):
                    return FOR_RAGGED.get(path, function)(*args, **kwargs)
                return function(*args, **kwargs)
            except RuntimeError as error:
                if type(error) is not RuntimeError:
                    raise
                raise InvalidArgumentError(f"{error} [tf.{path}]") from error

        for one in paths:
            NAMES[one] = call
        return call  # type: ignore[return-value]

    return enter


def holds_ragged(values: Iterable[Any]) -> bool:
    """Returns whether one of some arguments, or of the lists among them, is a ragged tensor."""
    for value in values:
        kind = type(value)
        if kind is RaggedTensor or (kind in (list, tuple) and any(type(one) is RaggedTensor for one in value)):
            return True
    return False


def refuse(reason: str, *paths: str) -> None:
    """Notes why names are not there and what to write instead."""
    for path in paths:
        REFUSED[path] = reason
