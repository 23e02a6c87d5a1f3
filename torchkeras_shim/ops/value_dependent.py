"""Operations whose symbolic result cannot be found by running them on zeros.

A singular matrix has no inverse, and how many values are not zero depends on the values.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from torchkeras_shim.core import stand_ins, symbolic
from torchkeras_shim.core.failures import recover

Function = TypeVar("Function", bound=Callable[..., Any])


def never_on_zeros(function: Function) -> Function:
    """Makes a function work on symbolic tensors: its shapes come from torch's meta device, which has no values."""
    return _recording(function, lambda args, kwargs: symbolic.infer(function, args, kwargs, device="meta"))


def by_size(function: Function) -> Function:
    """Makes a function work on symbolic tensors, whose result depends on whether sizes are above its other numbers."""
    sizes = (2, 7, stand_ins.SIZES[0])
    return _recording(function, lambda args, kwargs: symbolic.infer(function, args, kwargs, "meta", sizes))


def with_spec(spec: Callable[..., Any]) -> Callable[[Function], Function]:
    """Makes a function work on symbolic tensors whose result has a size that no shape tells.

    Args:
        spec: A function of the same arguments that returns `KerasTensor`s, with `None` for that size.
    """
    return lambda function: _recording(function, lambda args, kwargs: spec(*args, **kwargs))


def _recording(function: Function, infer: Callable[[Any, Any], Any]) -> Function:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not (symbolic.is_symbolic(args) or (kwargs and symbolic.is_symbolic(kwargs))):
            try:
                return function(*args, **kwargs)
            except (IndexError, RuntimeError) as error:
                return recover(function, args, kwargs, error)
        outputs = infer(args, kwargs)
        symbolic.Node(symbolic.RecordedFunction(function), args, kwargs, outputs)
        return outputs

    symbolic.FUNCTIONS[function.__name__] = call  # where saved models find it, as they find what `op` decorates
    return call  # type: ignore[return-value]
