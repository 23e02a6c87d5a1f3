"""Whole data sets in files: `save` and `load`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from torchkeras_shim.core import atomic
from torchkeras_shim.data.pipeline import records
from torchkeras_shim.data.pipeline.caching import decoded, encoded
from torchkeras_shim.data.pipeline.node import Node, peeked

#: The file inside of the folder.
_FILE = "elements.tkdata"


def write(source: Node, path: str) -> None:
    """Writes the elements of one pass into a folder."""
    os.makedirs(path, exist_ok=True)
    with atomic.replacing(os.path.join(path, _FILE)) as temporary, open(temporary, "wb") as file:
        for element in source:
            file.write(records.framed(encoded(element)))


class Loaded(Node):
    """The elements that `write` has put into a folder.

    Raises:
        FileNotFoundError: If there is no such folder, or something else in it.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = os.path.join(os.path.abspath(path), _FILE)
        if not os.path.exists(self._path):
            raise FileNotFoundError(
                f"There is no data set in {path!r}: expected the file {_FILE}, which `dataset.save(path)` writes. Data "
                "sets that TensorFlow has saved cannot be read; write TFRecord files there."
            )

    @property
    def cardinality(self) -> int:
        """The number of elements, for which the file is read once."""
        return self._count

    @cached_property
    def _count(self) -> int:
        with open(self._path, "rb") as file:
            return sum(1 for _ in records.unframed(file))

    @cached_property
    def spec(self) -> Any:
        """The specs of the first element."""
        return peeked(self)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        with open(self._path, "rb") as file:
            yield from map(decoded, records.unframed(file))
