"""Tables from tokens to indices and back: texts on the host, integers on any device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.text import StringTensor

Array = np.ndarray[Any, np.dtype[Any]]


class TextTable:
    """The indices of texts.

    Args:
        tokens: The texts as bytes.
        start: The index of the first; the others follow.
        default: The index of a text that is not in the table.
        special: Further texts with their own indices.
    """

    def __init__(
        self, tokens: Sequence[bytes], start: int, default: int, special: dict[bytes, int] | None = None
    ) -> None:
        self._indices = {token: start + place for place, token in enumerate(tokens)} | (special or {})
        self._tokens = np.fromiter(tokens, dtype=object, count=len(tokens))
        self._start = start
        self._default = default

    def look_up(self, texts: Iterable[bytes], count: int = -1) -> Array:
        """Returns the indices of texts, of which there are `count`, or any number.

        Example:
            >>> TextTable([b"a", b"b"], start=2, default=1).look_up([b"b", b"c", b"a"])
            array([3, 1, 2])
        """
        found = map(self._indices.get, texts, repeat(self._default))
        return np.fromiter(found, dtype=np.int64, count=count)

    def texts(self, indices: torch.Tensor, default: bytes) -> Array:
        """Returns the texts of indices; those that belong to none get `default`.

        Example:
            >>> TextTable([b"a", b"b"], start=2, default=1).texts(torch.tensor([3, 1]), b"?").tolist()
            [b'b', b'?']
        """
        places = indices.numpy(force=True).astype(np.int64) - self._start
        found = np.full(places.shape, default, dtype=object)
        known = (places >= 0) & (places < len(self._tokens))
        found[known] = self._tokens[places[known]]
        return found


class IntegerTable:
    """The indices of integers, looked up where the integers are.

    Args:
        tokens: The integers.
        start: The index of the first; the others follow.
        default: The index of an integer that is not in the table.
    """

    def __init__(self, tokens: Sequence[int], start: int, default: int) -> None:
        held = torch.as_tensor(list(tokens), dtype=torch.int64)
        self._parts: tuple[torch.Tensor, ...] = (held, *torch.sort(held))
        self._start = start
        self._default = default

    def _on(self, device: torch.device) -> tuple[torch.Tensor, ...]:
        """Returns the tokens, the sorted ones and their order on a device."""
        if device.type == "meta":  # a run for shapes alone: what is kept must not lose its values
            return tuple(one.to(device) for one in self._parts)
        if self._parts[0].device != device:
            self._parts = tuple(one.to(device) for one in self._parts)
        return self._parts

    def look_up(self, numbers: torch.Tensor) -> torch.Tensor:
        """Returns the indices of integers.

        Example:
            >>> IntegerTable([7, 5], start=1, default=0).look_up(torch.tensor([5, 6, 7]))
            tensor([2, 0, 1])
        """
        tokens, ordered, order = self._on(numbers.device)
        if not len(tokens):
            return torch.full_like(numbers, self._default)
        places = torch.searchsorted(ordered, numbers).clamp(max=len(tokens) - 1)
        return torch.where(ordered.take(places) == numbers, order.take(places) + self._start, self._default)

    def numbers(self, indices: torch.Tensor, default: int) -> torch.Tensor:
        """Returns the integers of indices; those that belong to none get `default`.

        Example:
            >>> IntegerTable([7, 5], start=1, default=0).numbers(torch.tensor([1, 0, 9]), -1)
            tensor([ 7, -1, -1])
        """
        tokens, *_ = self._on(indices.device)
        if not len(tokens):
            return torch.full_like(indices, default)
        places = indices - self._start
        last = len(tokens) - 1
        return torch.where((places >= 0) & (places <= last), tokens.take(places.clamp(0, last)), default)


def as_bytes(token: Any) -> Any:
    """Returns a text as UTF-8, and anything else as it is."""
    return token.encode("utf-8", "surrogateescape") if isinstance(token, str) else token


def as_text(token: Any) -> Any:
    """Returns the text of bytes, and anything else as it is; `as_bytes` undoes it, whatever the bytes."""
    return token.decode("utf-8", "surrogateescape") if isinstance(token, bytes) else token


def flat_texts(texts: StringTensor) -> Array:
    """Returns the bytes of a tensor of texts one after the other."""
    flat: Array = np.asarray(texts).reshape(-1)
    return flat
