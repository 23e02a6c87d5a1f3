"""Objects that occur several times in one config: written with a number, so that they come back as one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

KEY = "shared_object_id"

#: The numbers of the objects written so far, and the objects, so that no other one gets the same `id`.
_written: ContextVar[dict[int, tuple[int, Any]] | None] = ContextVar("written", default=None)
#: The objects read so far, by their number in the file.
_read: ContextVar[dict[int, Any] | None] = ContextVar("read", default=None)


@contextmanager
def writing() -> Iterator[None]:
    """Numbers the objects that are serialized inside a `with` block; `keep_shared` goes over the result."""
    token = _written.set({})
    try:
        yield
    finally:
        _written.reset(token)


@contextmanager
def reading() -> Iterator[None]:
    """Makes one object of what has one number, inside a `with` block."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


def is_reading() -> bool:
    """Returns whether objects are being made from the config of a file."""
    return _read.get() is not None


def number(obj: Any) -> int | None:
    """Returns the number of an object that is being serialized, `None` outside of `writing`."""
    numbers = _written.get()
    if numbers is None:
        return None
    return numbers.setdefault(id(obj), (len(numbers), obj))[0]


def keep_shared(config: Any) -> Any:
    """Takes the numbers of objects that occur once out of a config, in place."""
    counts = Counter(found[KEY] for found in _numbered(config))
    for found in list(_numbered(config)):
        if counts[found[KEY]] == 1:
            del found[KEY]
    return config


def _numbered(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        if KEY in config:
            yield config
        for value in config.values():
            yield from _numbered(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _numbered(value)


def known(config: dict[str, Any]) -> Any:
    """Returns the object of an earlier config with the same number, or `None`."""
    objects, key = _read.get(), config.get(KEY)
    return objects.get(key) if objects and isinstance(key, int) else None


def remember(config: dict[str, Any], obj: Any) -> None:
    """Notes the object that was made of a config."""
    objects, key = _read.get(), config.get(KEY)
    if objects is not None and isinstance(key, int):
        objects[key] = obj
