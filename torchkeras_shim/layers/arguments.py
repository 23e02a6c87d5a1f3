"""Checks of the arguments that layers are constructed with: each returns the argument, or refuses it by name.

An integer may come from numpy, as a scalar or as an array without dimensions; a bool, a string or a float that happens
to be whole is not one. `sentence` is Keras's wording where Keras has one, with `{name}` and `{value}` to fill in.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.custom_objects import raised_by_user
from torchkeras_shim.core.errors import ConfigError
from torchkeras_shim.ops.windows import standardize_tuple


def plain(value: Any) -> Any:
    """Returns a scalar of numpy or torch as Python's own number, and anything else as it is.

    Example:
        >>> plain(np.int64(3)), plain(np.array(0.5)), plain([3])
        (3, 0.5, [3])
    """
    is_scalar = isinstance(value, np.generic) or (isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim == 0)
    return value.item() if is_scalar else value


def is_integer(value: Any) -> bool:
    """Returns whether a value is an integer: not a bool, and not a float that happens to be whole.

    Example:
        >>> is_integer(3), is_integer(True), is_integer(3.0), is_integer("3")
        (True, False, False, False)
    """
    value = plain(value)
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Returns whether a value is a real number, and not a bool."""
    value = plain(value)
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def refusal(
    owner: Any, name: str, value: Any, expected: str, sentence: str | None = None, kind: type[Exception] = ValueError
) -> Exception:
    """Returns the error for an argument that cannot be.

    Args:
        owner: The layer.
        name: The argument.
        value: What it was given.
        expected: What it takes.
        sentence: Keras's wording, which comes first.
        kind: The class of the error.
    """
    sentence = sentence or "Invalid value for argument `{name}`. Received: {name}={value}."
    said = sentence.format(name=name, value=repr(value))
    return kind(f"{said} {type(owner).__name__} takes {expected} as `{name}`, not a value of type {type(value)}.")


def integer(owner: Any, name: str, value: Any, sentence: str | None = None, kind: type[Exception] = ValueError) -> int:
    """Returns an argument that must be an integer, such as an axis."""
    if not is_integer(value):
        raise refusal(owner, name, value, "an integer", sentence, kind)
    return int(value)


def positive_integer(
    owner: Any, name: str, value: Any, sentence: str | None = None, mistyped: type[Exception] = ValueError
) -> int:
    """Returns an argument that must be a positive integer; `mistyped` is the error for what is not an integer."""
    if not is_integer(value) or value <= 0:
        kind = ValueError if is_integer(value) else mistyped
        raise refusal(owner, name, value, "a positive integer", sentence, kind)
    return int(value)


def number(owner: Any, name: str, value: Any, sentence: str | None = None) -> Any:
    """Returns an argument that must be a number."""
    if not is_number(value):
        raise refusal(owner, name, value, "a number", sentence)
    return plain(value)


def numeric(owner: Any, name: str, value: Any) -> Any:
    """Returns an argument that must be a number or an array of numbers, as it came."""
    if isinstance(value, torch.Tensor):
        return value
    try:
        kind = np.asarray(value).dtype.kind
    except (TypeError, ValueError):  # lists of unequal lengths
        kind = "O"
    if kind not in "biuf" or (isinstance(value, Sequence) and not value):
        raise refusal(owner, name, value, "a number or an array of numbers")
    return value


def at_least_zero(owner: Any, name: str, value: Any, sentence: str | None = None) -> Any:
    """Returns an argument that must be a number and not negative."""
    if not is_number(value) or value < 0:
        raise refusal(owner, name, value, "a number that is not negative", sentence)
    return plain(value)


def rate(owner: Any, name: str, value: Any) -> Any:
    """Returns an argument that must be a share, from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        sentence = (
            "Invalid value received for argument `{name}`. Expected a float value between 0 and 1. "
            "Received: {name}={value}."
        )
        raise refusal(owner, name, value, "a number from 0 to 1", sentence)
    return plain(value)


def seed(owner: Any, value: Any) -> int | None:
    """Returns the argument `seed`: an integer or `None`."""
    if value is None or isinstance(value, bool):  # a bool is an integer to Keras here
        return value
    return integer(owner, "seed", value, "Argument `seed` must be an integer or None. Received: seed={value}.")


def axes(
    owner: Any, name: str, value: Any, sentence: str | None = None, kind: type[Exception] = TypeError
) -> int | list[int]:
    """Returns an argument that must be an axis or a list of axes."""
    if is_integer(value):
        return int(value)
    if not isinstance(value, (list, tuple)) or not all(map(is_integer, value)):
        raise refusal(owner, name, value, "an integer or a list of integers", sentence, kind)
    return [int(axis) for axis in value]


def sizes(owner: Any, name: str, value: Any, rank: int, allow_zero: bool = False) -> tuple[int, ...]:
    """Returns an argument that must be one positive integer or `rank` of them."""
    found: tuple[int, ...] = of(owner, name, lambda: standardize_tuple(plain(value), rank, name, allow_zero))
    return found


def of(owner: Any, name: str, check: Callable[[], Any]) -> Any:
    """Runs a check that knows no layers, and adds to its error which layer has the argument."""
    try:
        return check()
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error} (Argument `{name}` of {type(owner).__name__}.)") from None


def known(owner: Any, name: str, room: Any, value: Any) -> Any:
    """Returns the activation, initializer, regularizer or constraint that an argument stands for.

    Args:
        owner: The layer.
        name: The argument.
        room: The module whose `get` knows them.
        value: What the argument was given.
    """
    try:
        return room.get(value)
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError, ConfigError) or raised_by_user(error):
            raise
        raise type(error)(f"{error} (Argument `{name}` of {type(owner).__name__}.)") from error


def shape(owner: Any, name: str, value: Any, unknown: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Returns an argument that must be a sequence of integers; `unknown` lists what may stand for an open size."""
    fits = isinstance(value, (list, tuple)) and all(is_integer(size) or size in unknown for size in value)
    if not fits:
        raise refusal(owner, name, value, "a tuple of integers")
    return tuple(plain(size) for size in value)


def pop_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Takes tf.keras's shape arguments of a first layer out of the keyword arguments. Returns the batch shape."""
    if kwargs.get("batch_input_shape") is not None:
        return tuple(kwargs.pop("batch_input_shape"))
    shape = kwargs.pop("input_shape", None)
    width = kwargs.pop("input_dim", None)
    kwargs.pop("batch_input_shape", None)
    if width is not None:
        shape = (width,)
    if shape is None:
        return None
    return (None, *((shape,) if isinstance(shape, int) else tuple(shape)))


def refuse_quantization(layer_class: str, quantization_config: Any) -> None:
    """Raises for Keras's argument for quantized layers, which exists only with its default.

    Raises:
        ValueError: If it is set.
    """
    if quantization_config is not None:
        raise ValueError(
            f"{layer_class}(quantization_config={quantization_config!r}) is not supported: there are no quantized "
            "layers here. Leave `quantization_config` out, and use torch's own quantization (for example `torchao`) on "
            "`model.to_torch()`."
        )


def one_of(owner: Any, name: str, value: Any, allowed: Sequence[str]) -> str:
    """Returns an argument that must be one of a few strings."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"Unknown value for `{name}` argument of {type(owner).__name__}. Allowed values are: {tuple(allowed)}. "
            f"Received: {name}={value}"
        )
    return value


def refuse_quantizing(layer_class: str, mode: str | None) -> None:
    """Raises for `quantize()` of a layer or model.

    Args:
        layer_class: The class.
        mode: What is asked for.

    Raises:
        NotImplementedError: For a mode that Keras has.
        ValueError: For any other one.
    """
    modes = ("int8", "float8", "int4", "gptq", "awq")
    if mode is not None and mode not in modes:
        raise ValueError(f"Invalid quantization mode. Expected one of {modes}. Received: mode={mode}")
    raise NotImplementedError(
        f"{layer_class}.quantize({mode!r}) is not supported: there are no quantized layers here. Quantize the plain "
        "torch modules of the model, `model.to_torch()`, by a package for it, such as torchao's "
        "`torchao.quantization.quantize_(module, ...)`."
    )
