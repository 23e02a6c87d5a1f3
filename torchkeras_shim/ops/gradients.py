"""Functions with a gradient of their own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import is_symbolic, record

__all__ = ["custom_gradient"]


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a function whose gradient is the one that it returns itself.

    Args:
        f: A function of tensors that returns `(output, grad)`. `grad` is called with the gradient of the output, as
            `grad(upstream)` or, where it asks for the arguments too, as `grad(*args, upstream=upstream)`; with several
            outputs `upstream` is a tuple (and `grad` is called as `grad(*upstreams)`). It returns one gradient per
            argument.

    Example:
        >>> @custom_gradient
        ... def twice(x):
        ...     return 2 * x, lambda upstream: 10 * upstream
        >>> x = torch.tensor(1.0, requires_grad=True)
        >>> twice(x).backward()
        >>> x.grad
        tensor(10.)
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        layout: list[Any] = []

        def forward(leaves: tuple[Any, ...]) -> tuple[list[Any], Callable[..., Any]]:
            result = f(*tree.pack_sequence_as(args, leaves), **kwargs)
            if not isinstance(result, tuple) or len(result) != 2 or not callable(result[1]):
                raise ValueError(
                    f"A function under `custom_gradient` must return `(output, grad)`, `grad` being a function. "
                    f"Received from '{getattr(f, '__name__', f)}': {type(result).__name__}"
                )
            layout.append(result[0])
            return tree.flatten(result[0]), result[1]

        outputs = _WithGradient.apply(forward, *tree.flatten(args))
        return tree.pack_sequence_as(layout[0], outputs)

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or is_symbolic(kwargs):
            return record(run, args, kwargs)
        return run(*args, **kwargs)

    return call


class _WithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], *leaves: Any) -> tuple[Any, ...]:
        outputs, ctx.gradient = function(leaves)
        ctx.others = [None if isinstance(leaf, torch.Tensor) else (leaf,) for leaf in leaves]
        ctx.save_for_backward(*(leaf for leaf in leaves if isinstance(leaf, torch.Tensor)))
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> tuple[Any, ...]:
        saved = iter(ctx.saved_tensors)
        args = [next(saved) if other is None else other[0] for other in ctx.others]
        if _asks_for_arguments(ctx.gradient):
            gradients = ctx.gradient(*args, upstream=upstream[0] if len(upstream) == 1 else upstream)
        else:
            gradients = ctx.gradient(*upstream)
        flat = list(tree.flatten(tuple(gradients) if isinstance(gradients, (list, tuple)) else (gradients,)))
        if len(flat) != len(args):
            raise ValueError(
                f"The gradient function must return one gradient per argument: expected {len(args)}, got {len(flat)}."
            )
        return (None, *(g if other is None else None for g, other in zip(flat, ctx.others, strict=True)))


def _asks_for_arguments(gradient: Callable[..., Any]) -> bool:
    """Tells `grad(*args, upstream)` from `grad(upstream)`."""
    parameters = inspect.signature(gradient).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return True
    return "upstream" in parameters and len(parameters) > 1
