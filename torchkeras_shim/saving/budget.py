"""A limit on what a model out of a file may allocate before its weights are read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.core.variable import before_creation
from torchkeras_shim.saving.errors import UnsafeFileError

# A file that was saved in half the precision, or compressed, holds less than the model needs; small ones need not be
# looked at so closely.
_TIMES_THE_FILE = 16
_ROOM = 1 << 26
_USUAL_MEMORY = 1 << 34
# A model of ten thousand layers has half as many.
_MOST_CONTAINERS = 1_000_000
# Arguments that make lists of their length rather than weights.
_LARGEST_NUMBERS = {"num_thresholds": 1_000_000}


@contextmanager
def limit(path: str, size: int) -> Iterator[None]:
    """Refuses, inside a `with` block, to create weights out of all proportion to a file.

    A few bytes of a config can ask for a layer of any size. Its honest counterpart has its weights in the same file.

    Args:
        path: What the file is called in messages.
        size: How many bytes of weights the file holds.

    Example:
        >>> from torchkeras_shim.core.variable import Variable
        >>> with limit("model.keras", size=1000):
        ...     Variable(torch.zeros, shape=(10**12,))
        Traceback (most recent call last):
        torchkeras_shim.saving.errors.UnsafeFileError: Not allowed: the model of 'model.keras' asks for a weight of
        shape (1000000000000,), but the file holds only 1000 bytes of weights.
    """
    with _limited(_ROOM + _TIMES_THE_FILE * size, path, f"the file holds only {size} bytes of weights."):
        yield


@contextmanager
def limit_to_memory(path: str) -> Iterator[None]:
    """Refuses, inside a `with` block, to create more weights than half of the machine's memory has room for.

    A text has no weights to compare with, and an honest one may be of any model that fits.

    Args:
        path: What the text is called in messages.
    """
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on Windows
        memory = _USUAL_MEMORY
    advice = "If it is your own, use `from_config(json.loads(text)['config'])` of its class."
    with _limited(memory // 2, path, f"the machine's memory has {memory} bytes. {advice}"):
        yield


@contextmanager
def _limited(left: int, path: str, reason: str) -> Iterator[None]:
    def check(shape: tuple[int, ...], dtype: torch.dtype) -> None:
        nonlocal left
        left -= math.prod(int(length) for length in shape) * dtype.itemsize
        if left < 0:
            raise UnsafeFileError(
                f"Not allowed: the model of '{path}' asks for a weight of shape {shape}, but {reason}"
            )

    token = before_creation.set(check)
    try:
        yield
    finally:
        before_creation.reset(token)


def parse_json(text: str, path: str) -> Any:
    """Returns what a JSON text of a file holds.

    Args:
        text: The text.
        path: What the file is called in messages.

    Raises:
        UnsafeFileError: If it has more lists and objects than any model (an empty one of two characters takes 70
            bytes), is nested deeper than Python can follow, has a number of thousands of digits, or one name twice.
        json.JSONDecodeError: If it is not JSON.

    Example:
        >>> parse_json('{"a": [1]}', "model.keras")
        {'a': [1]}
    """
    count = text.count("{") + text.count("[")
    if count > _MOST_CONTAINERS:
        raise UnsafeFileError(f"Not allowed: the JSON in '{path}' has {count} lists and objects.")
    try:
        return json.loads(text, object_pairs_hook=_with_names_once)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise UnsafeFileError(f"Not allowed: the JSON in '{path}' cannot be read: {error}") from error


def _with_names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a dict; of two entries, two readers may take different ones, and one checks what the other does not use."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has two entries {twice[:80]!r}")
    return found


def check_numbers(config: Any, path: str) -> None:
    """Refuses a config with an argument that would fill the memory all by itself."""
    if isinstance(config, list):
        for item in config:
            check_numbers(item, path)
    elif isinstance(config, dict):
        for key, value in config.items():
            if isinstance(value, (int, float)) and value > _LARGEST_NUMBERS.get(key, math.inf):
                raise UnsafeFileError(f"Not allowed: the config in '{path}' has {key}={value}.")
            check_numbers(value, path)
