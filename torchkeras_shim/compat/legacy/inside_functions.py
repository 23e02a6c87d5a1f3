"""Functions of the inside of Keras that packages call, with Keras's contracts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from torchkeras_shim.core.symbolic import KerasTensor, infer, is_symbolic
from torchkeras_shim.layers.arguments import plain

Object = TypeVar("Object")


def keras_export(path: str | list[str]) -> Callable[[Object], Object]:
    """Returns a decorator that leaves a class or function as it is: where it is public is up to its package."""
    return lambda value: value


def never() -> bool:
    """Returns `False`: there are no stateless or symbolic scopes here, no graphs of TensorFlow and no Grain workers."""
    return False


def no_distribution() -> None:
    """Returns `None`, as Keras does as long as nobody has called `set_distribution`."""


def any_symbolic_tensors(args: Any = None, kwargs: Any = None) -> bool:
    """Returns whether there is a `KerasTensor` among arguments.

    Example:
        >>> any_symbolic_tensors(([KerasTensor((2,))], 1)), any_symbolic_tensors((1,), {"x": 2})
        (True, False)
    """
    return is_symbolic(list(args or ())) or is_symbolic(dict(kwargs or {}))


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Returns what a function would return for symbolic arguments, as `KerasTensor`s.

    Example:
        >>> compute_output_spec(lambda x: x @ x, KerasTensor((None, 3, 3))).shape
        (None, 3, 3)
    """
    return infer(fn, args, kwargs)


def get_keras_mask(x: Any) -> Any:
    """Returns the mask that a tensor carries, or `None`."""
    return getattr(x, "_keras_mask", None)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Has a tensor carry a mask, as a layer's output does."""
    x._keras_mask = torch.as_tensor(mask, device=x.device) if isinstance(x, torch.Tensor) else mask


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """Returns a shape as a tuple.

    Raises:
        ValueError: If it is not one.

    Example:
        >>> standardize_shape([None, 3])
        (None, 3)
    """
    if shape is None:
        raise ValueError("Undefined shapes are not supported. Pass a tuple of integers and `None`.")
    return KerasTensor(shape).shape


def standardize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """Returns a size for each of `n` axes.

    Args:
        value: One integer, or one for each axis.
        n: How many axes there are.
        name: What the argument is called in messages.
        allow_zero: Whether a size may be zero.

    Raises:
        ValueError: If it is something else.

    Example:
        >>> standardize_tuple(3, 2, "kernel_size"), standardize_tuple([1, 2], 2, "strides")
        ((3, 3), (1, 2))
    """
    least = 0 if allow_zero else 1
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) != n or not all(type(plain(size)) is int and size >= least for size in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {n} integers. Received {name}={value}. Pass integers that are "
            f"at least {least}, such as {name}={(max(least, 1),) * n}."
        )
    return tuple(plain(size) for size in values)


def no_automatic_dependency_tracking(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Has a method set attributes that stay as they are: lists are not wrapped, layers in them not the object's own.

    Args:
        fn: A method of a layer or model.
    """

    @functools.wraps(fn)
    def untracked(self: Any, *args: Any, **kwargs: Any) -> Any:
        cls: type = type(self)
        object.__setattr__(self, "__class__", _untracking(cls))
        try:
            return fn(self, *args, **kwargs)
        finally:
            object.__setattr__(self, "__class__", cls)

    return untracked


@functools.cache
def _untracking(cls: type) -> type:
    return type(cls.__name__, (cls,), {"__setattr__": object.__setattr__, "__module__": cls.__module__})
