"""Global numeric settings: the float type, the fuzz factor and the image layout.

They are process-wide, as in Keras, and read when a layer, loss or metric is created. What the file `keras.json` in
Keras's folder says of them holds from the start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

_FLOATX_CHOICES = ("float16", "bfloat16", "float32", "float64")
_IMAGE_DATA_FORMATS = ("channels_last", "channels_first")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"


def keras_home() -> str:
    """Returns the folder of Keras's cache: the one that the environment variable `KERAS_HOME` names, or `~/.keras`.

    Example:
        >>> os.path.basename(keras_home())
        '.keras'
    """
    return os.path.expanduser(os.environ.get("KERAS_HOME") or os.path.join("~", ".keras"))


def floatx() -> str:
    """Returns the default float type of new weights and of converted inputs.

    Example:
        >>> floatx()
        'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Sets the default float type.

    Args:
        value: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`.

    Raises:
        ValueError: If the value is anything else.

    Example:
        >>> set_floatx("float32")  # the default
    """
    global _floatx
    if value not in _FLOATX_CHOICES:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected one of {_FLOATX_CHOICES}.")
    _floatx = str(value)


def epsilon() -> float:
    """Returns the fuzz factor that keeps logarithms and divisions finite (default `1e-7`).

    Example:
        >>> epsilon()
        1e-07
    """
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor.

    Args:
        value: A positive number.

    Example:
        >>> set_epsilon(1e-7)  # the default
    """
    global _epsilon
    _epsilon = float(value)


def image_data_format() -> str:
    """Returns where images carry their channels by default.

    Example:
        >>> image_data_format()
        'channels_last'
    """
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the default image layout.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ValueError: If the value is anything else.

    Example:
        >>> set_image_data_format("channels_last")  # the default
    """
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Resolves a layer's `data_format` argument: `None` means the global default."""
    if data_format is None:
        return _image_data_format
    value = str(data_format).lower()
    if value not in _IMAGE_DATA_FORMATS:
        raise ValueError(
            f"The `data_format` argument must be one of {_IMAGE_DATA_FORMATS}. Received: data_format={data_format}"
        )
    return value


_flash_attention: bool | None = None


def enable_flash_attention() -> None:
    """Lets attention layers made from now on use torch's flash kernel wherever it can; so they do by default."""
    global _flash_attention
    _flash_attention = True


def disable_flash_attention() -> None:
    """Forbids the flash kernel to attention layers made from now on that do not ask for it themselves."""
    global _flash_attention
    _flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """Returns whether attention layers may use the flash kernel; `None` where nobody has said.

    Example:
        >>> print(is_flash_attention_enabled())
        None
    """
    return _flash_attention


def _limit_of(variable: str) -> int | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    if not text.isdigit():
        raise ValueError(f"The environment variable {variable} must be a whole number. Received: {text!r}")
    return int(text)


_max_epochs: int | None = _limit_of("KERAS_MAX_EPOCHS")
_max_steps_per_epoch: int | None = _limit_of("KERAS_MAX_STEPS_PER_EPOCH")


def max_epochs() -> int | None:
    """Returns how many epochs `fit` trains at most; `None`, or 0, if there is no limit.

    The environment variable `KERAS_MAX_EPOCHS` sets it, too: whole scripts can be tried quickly.

    Example:
        >>> print(max_epochs())
        None
    """
    return _max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limits how many epochs `fit` trains.

    Args:
        max_epochs: The limit; `None` for none.

    Example:
        >>> set_max_epochs(None)  # the default
    """
    global _max_epochs
    _max_epochs = _checked_limit("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """Returns how many steps an epoch of `fit`, `evaluate` or `predict` has at most; `None`, or 0, for no limit.

    The environment variable `KERAS_MAX_STEPS_PER_EPOCH` sets it, too.

    Example:
        >>> print(max_steps_per_epoch())
        None
    """
    return _max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limits how many steps an epoch has.

    Args:
        max_steps_per_epoch: The limit; `None` for none.

    Example:
        >>> set_max_steps_per_epoch(None)  # the default
    """
    global _max_steps_per_epoch
    _max_steps_per_epoch = _checked_limit("max_steps_per_epoch", max_steps_per_epoch)


def _checked_limit(name: str, value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"Expected `{name}` to be a whole number from 0, or `None`. Received: {name}={value!r}")
    return value


def _read_file(path: str) -> dict[str, Any]:
    """Returns Keras's settings in a file; none if it is missing or is not JSON, as in Keras."""
    try:
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _apply_file(path: str) -> None:
    settings = _read_file(path)
    setters: dict[str, Callable[[Any], None]] = {
        "floatx": set_floatx,
        "epsilon": set_epsilon,
        "image_data_format": set_image_data_format,
    }
    for name, setter in setters.items():
        if name in settings:
            try:
                setter(settings[name])
            except (TypeError, ValueError) as error:
                raise ValueError(f"Invalid `{name}` in {path}: {error} Correct the file, or remove it.") from None


_apply_file(os.path.join(keras_home(), "keras.json"))
