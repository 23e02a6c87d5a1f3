"""Elements kept in a file from the first whole pass on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import atomic, dtypes
from torchkeras_shim.core.errors import DataLossError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import records
from torchkeras_shim.data.pipeline.node import Node, Through

#: numpy has no bfloat16: its bits are kept as integers.
_AS_BITS = {torch.bfloat16: torch.int16}


class FileCache(Through):
    """Elements that are kept in a file, which later passes and programs read.

    The file holds data only: the shapes and types of the parts, and their bytes.

    Args:
        source: The elements.
        path: The file.
    """

    def __init__(self, source: Node, path: str) -> None:
        super().__init__(source)
        self._path = os.path.abspath(path)
        self.indexable = False
        self.shares = False

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return self.source.cardinality

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        if os.path.exists(self._path):
            with open(self._path, "rb") as file:
                yield from map(decoded, records.unframed(file))
            return
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with atomic.replacing(self._path) as temporary, open(temporary, "wb") as file:
            for element in self.source:
                file.write(records.framed(encoded(element)))
                yield element


def encoded(element: Any) -> bytes:
    """Returns an element as bytes.

    Raises:
        TypeError: If it has parts that are no tensors, or named tuples, which nothing in a file could make again.
    """
    blocks: list[bytes] = []
    return _joined(json.dumps(_form(element, blocks)).encode(), blocks)


def _joined(head: bytes, blocks: list[bytes]) -> bytes:
    return b"".join((len(head).to_bytes(4, "little"), head, *blocks))


def _form(element: Any, blocks: list[bytes]) -> Any:
    if type(element) is dict:
        if not all(isinstance(key, str) for key in element):
            raise TypeError(f"A cache in a file takes dicts with keys of text. Received: the keys {list(element)}")
        return {"dict": [[key, _form(value, blocks)] for key, value in element.items()]}
    if type(element) is tuple:
        return {"tuple": [_form(value, blocks) for value in element]}
    if isinstance(element, RaggedTensor):
        return {"ragged": [_form(element.values, blocks), _form(element.row_splits, blocks)]}
    if isinstance(element, StringTensor):
        flat = element.reshape(-1).tolist()
        blocks.extend(flat)
        return {"text": [list(element.shape), [len(item) for item in flat]]}
    if isinstance(element, torch.Tensor):
        bits = element.view(_AS_BITS[element.dtype]) if element.dtype in _AS_BITS else element
        blocks.append(bits.numpy(force=True).tobytes())
        return {"tensor": [list(element.shape), dtypes.standardize_dtype(element.dtype)]}
    if element is None:
        return None
    raise TypeError(
        f"A cache in a file keeps tensors, text, tuples and dicts. Received: {type(element).__name__}. Write `cache()` "
        "to keep elements in memory, or bring them to that form in a `map`."
    )


def decoded(data: bytes) -> Any:
    """Returns the element that `encoded` has made bytes of.

    Raises:
        DataLossError: If it has not.
    """
    try:
        size = int.from_bytes(data[:4], "little")
        element, end = _element(json.loads(data[4 : 4 + size]), data, 4 + size)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError) as error:
        raise DataLossError(f"A cache file holds something else than elements of a dataset: {error}") from error
    if end != len(data):
        raise DataLossError("A cache file holds something else than elements of a dataset.")
    return element


def _element(form: Any, data: bytes, start: int) -> tuple[Any, int]:
    if form is None:
        return None, start
    ((kind, content),) = form.items()
    if kind in ("tuple", "ragged"):
        parts = []
        for one in content:
            part, start = _element(one, data, start)
            parts.append(part)
        return (tuple(parts) if kind == "tuple" else RaggedTensor(*parts)), start
    if kind == "dict":
        named = {}
        for key, one in content:
            named[key], start = _element(one, data, start)
        return named, start
    shape, what = content
    if kind == "text":
        array = np.empty(len(what), dtype=object)
        for index, length in enumerate(what):
            array[index] = data[start : start + length]
            start += length
        return StringTensor.of_bytes(array.reshape(shape)), start
    dtype = dtypes.to_torch_dtype(what)
    count = int(np.prod(shape, dtype=np.int64))
    if not count:
        return torch.empty(shape, dtype=dtype), start
    tensor = torch.frombuffer(bytearray(data[start : start + count * dtype.itemsize]), dtype=dtype)
    return tensor.reshape(shape), start + count * dtype.itemsize
