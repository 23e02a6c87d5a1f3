"""Arrays and plain Python values out of pickles, which may otherwise run any code.

Nothing that a pickle names is called. What stands for an array is written down and made into one afterwards, because
numpy's own constructors trust what a pickle tells them of memory.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any

import numpy as np

_NUMBERS = re.compile(r"[?biuf][1248]?")


def load(content: bytes, encoding: str = "ASCII") -> Any:
    """Returns what a pickle of numbers, strings, lists, dicts and numpy arrays holds.

    Args:
        content: The pickle.
        encoding: How strings of Python 2 are read.

    Raises:
        pickle.UnpicklingError: If the pickle refers to anything else.

    Example:
        >>> load(pickle.dumps({"a": [1, 2]}, protocol=2))
        {'a': [1, 2]}
        >>> load(pickle.dumps(np.array([[1], [2]], dtype="uint8"), protocol=2)).array()
        array([[1],
               [2]], dtype=uint8)
    """
    return _Unpickler(io.BytesIO(content), encoding=encoding).load()


class PickledArray:
    """What a pickle says of an array."""

    def __setstate__(self, state: Any) -> None:
        try:
            _, self._shape, self._dtype, self._is_fortran, self._data = state
        except (TypeError, ValueError):
            raise pickle.UnpicklingError("it holds an array without a content") from None

    def array(self) -> np.ndarray[Any, Any]:
        """Returns an array of numbers.

        Raises:
            pickle.UnpicklingError: If the elements are no numbers, or not as many as they should be.
        """
        if not isinstance(self._dtype, PickledType) or not isinstance(self._data, bytes):
            raise pickle.UnpicklingError("it holds an array of something else than numbers")
        try:
            flat: np.ndarray[Any, Any] = np.frombuffer(bytearray(self._data), self._dtype.dtype())
            shaped: np.ndarray[Any, Any] = flat.reshape(self._shape, order="F" if self._is_fortran else "C")
            return shaped
        except (TypeError, ValueError) as error:
            raise pickle.UnpicklingError(f"it holds an array that is not whole: {error}") from None

    def objects(self) -> list[Any]:
        """Returns the elements of an array of objects.

        Raises:
            pickle.UnpicklingError: If it is another array.
        """
        if not isinstance(self._data, list):
            raise pickle.UnpicklingError("it holds numbers where lists of numbers are expected")
        return self._data


class PickledType:
    """What a pickle says of the type of an array."""

    _order = "|"

    def __init__(self, name: Any, *_: Any) -> None:
        self._name = name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: Any) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else ""
        self._order = order.decode("ascii", "replace") if isinstance(order, bytes) else str(order)

    def dtype(self) -> np.dtype[Any]:
        """Returns the type, which must be one of numbers."""
        if not _NUMBERS.fullmatch(self._name) or self._order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"it holds an array of the type {self._order}{self._name}")
        return np.dtype(f"{self._order}{self._name}")


def _new_array(*_: Any) -> PickledArray:
    return PickledArray()


def _encoded(text: Any, encoding: Any) -> bytes:
    if encoding not in ("latin1", b"latin1") or not isinstance(text, str):
        raise pickle.UnpicklingError(f"it encodes something as {encoding!r}")
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    _KNOWN = {
        ("numpy", "ndarray"): None,  # an argument only, never called
        ("numpy", "dtype"): PickledType,
        ("numpy.core.multiarray", "_reconstruct"): _new_array,
        ("numpy._core.multiarray", "_reconstruct"): _new_array,
        ("_codecs", "encode"): _encoded,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which no such file contains") from None
