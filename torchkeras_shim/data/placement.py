"""Where arrays live while a model trains on them, and how rows of them get to the device.

Arrays that fit stay on the device; a gather there costs no transfer. Those that do not fit stay in host memory, and
files that are memory-mapped stay files: their rows pass through pinned memory, copied while earlier rows are at work.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.device import free_memory, has_streams
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.data import arrays

#: The share of an accelerator's free memory that data may take.
_MEMORY_SHARE = 0.4

#: A gathered chunk of rows takes about this many bytes. From 1 MiB on, the C library gives each chunk's memory back to
#: the system and every new one is paid for in page faults; much smaller ones pay torch's call overhead more often.
_CHUNK_BYTES = {"cpu": 512 << 10}
_CHUNK_BYTES_ELSEWHERE = 16 << 20

#: On one CPU thread a batch of this many bytes is gathered alone: it is then still in the cache when the model reads
#: it, which saves more than the call costs. More threads share the gathering of a chunk, which saves more again.
_ALONE_BYTES = 48 << 10

#: More batches than this in one chunk save nothing more.
_CHUNK_BATCHES = 128

#: Rows of an array: a range of them, or a tensor of indices.
Rows = tuple[int, int] | torch.Tensor


class Resident:
    """An array that lives on the device."""

    on_device = True

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.row_bytes = _row_bytes(tensor.shape, tensor.itemsize)
        self.place = f"{_kind(tensor)} lives on {tensor.device}"

    def take(self, rows: Rows) -> torch.Tensor:
        """Returns rows: a view for a range, a new tensor for indices, which live on the device as well."""
        if isinstance(rows, torch.Tensor):
            return self.tensor.index_select(0, rows)
        return self.tensor.narrow(0, rows[0], rows[1] - rows[0])

    def batches(self, rows: Rows, batch_size: int) -> Iterator[torch.Tensor]:
        """Returns rows batch by batch."""
        if isinstance(rows, torch.Tensor) and _alone(self, batch_size, rows.device):
            return map(self.tensor.index_select, itertools.repeat(0), torch.split(rows, batch_size))
        return iter(torch.split(self.take(rows), batch_size))


class Hosted:
    """An array in host memory; its rows are new tensors on the device."""

    on_device = False

    def __init__(self, tensor: torch.Tensor, device: torch.device) -> None:
        self.tensor = tensor
        self.device = device
        self.row_bytes = _row_bytes(tensor.shape, tensor.itemsize)
        self.place = f"{_kind(tensor)} in host memory, too large for {device}: copied while earlier rows are at work"

    def take(self, rows: Rows) -> torch.Tensor:
        """Returns rows on the device; indices live on the host."""
        if isinstance(rows, tuple):
            rows = torch.arange(*rows)
        # Pinned blocks come from torch's cache, which hands none out again before the copy from it is done.
        staged = torch.empty(
            (len(rows), *self.tensor.shape[1:]), dtype=self.tensor.dtype, pin_memory=has_streams(self.device)
        )
        torch.index_select(self.tensor, 0, rows, out=staged)
        return staged.to(self.device, non_blocking=True)


class Filed:
    """A memory-mapped or sparse array: only the rows asked for are ever read or filled in."""

    on_device = False

    def __init__(self, array: Any, name: str, device: torch.device) -> None:
        self.array = array.tocsr() if arrays.is_scipy_sparse(array) else array
        self.name = name
        self.device = device
        self.row_bytes = _row_bytes(array.shape, array.dtype.itemsize)
        stored = "sparse" if arrays.is_scipy_sparse(array) else "in a file"
        self.place = f"{_kind(array)} {stored}: read as its rows are needed, for {device}"

    def take(self, rows: Rows) -> torch.Tensor:
        """Returns rows on the device; indices live on the host."""
        block = self.array[slice(*rows)] if isinstance(rows, tuple) else self.array[rows.numpy()]
        host = arrays.to_numpy(block, self.name)
        if arrays.is_memory_mapped(host):  # a slice is still the file: read it, so that nobody computes on disk pages
            host = np.array(host)
        tensor = arrays.to_tensor(host, self.name)
        if has_streams(self.device):
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


class Texts:
    """Text, which always lives on the host."""

    def __init__(self, strings: StringTensor, device: torch.device) -> None:
        self.strings = strings
        self.on_device = device.type == "cpu"
        self.row_bytes = 8 * int(np.prod(strings.shape[1:], dtype=np.int64))
        self.place = f"{_kind(strings)} lives on cpu"

    def take(self, rows: Rows) -> StringTensor:
        """Returns rows; indices live on the host."""
        return self.strings[slice(*rows)] if isinstance(rows, tuple) else self.strings[rows]

    def batches(self, rows: Rows, batch_size: int) -> Iterator[StringTensor]:
        """Returns rows batch by batch."""
        return split(self.take(rows), batch_size)


Source = Resident | Hosted | Filed | Texts


def split(part: Any, batch_size: int) -> Iterator[Any]:
    """Cuts rows into batches."""
    if isinstance(part, torch.Tensor):
        return iter(torch.split(part, batch_size))
    return (part[start : start + batch_size] for start in range(0, len(part), batch_size))


def _kind(array: Any) -> str:
    return f"{str(array.dtype).removeprefix('torch.')} of shape {tuple(array.shape)}"


def _row_bytes(shape: Any, itemsize: int) -> int:
    return itemsize * int(np.prod(shape[1:], dtype=np.int64))


def place(leaves: list[Any], names: list[str], device: torch.device) -> list[Source]:
    """Decides for each array where it lives: all of them on the device if together they fit there.

    Args:
        leaves: The arrays.
        names: What they are called in error messages.
        device: Where the rows are needed.
    """
    # Only inputs may be text: no loss or metric takes any.
    leaves = [
        as_strings(leaf) if name.startswith("x") and is_text(leaf) else leaf
        for leaf, name in zip(leaves, names, strict=True)
    ]
    unread = [arrays.is_memory_mapped(leaf) or arrays.is_scipy_sparse(leaf) for leaf in leaves]
    for leaf, name, stays in zip(leaves, names, unread, strict=True):
        if stays:
            arrays.plain_numbers(np.empty(0, leaf.dtype), name)  # says now, not at the first batch, what cannot be one
    tensors = [
        None if stays or isinstance(leaf, StringTensor) else arrays.to_tensor(leaf, name)
        for leaf, name, stays in zip(leaves, names, unread, strict=True)
    ]
    moving = [tensor for tensor in tensors if tensor is not None and tensor.device != device]
    fits = sum(tensor.nbytes for tensor in moving) <= _room(device)
    sources: list[Source] = []
    for leaf, name, tensor in zip(leaves, names, tensors, strict=True):
        if isinstance(leaf, StringTensor):
            sources.append(Texts(leaf, device))
        elif tensor is None:
            sources.append(Filed(leaf, name, device))
        elif tensor.device == device or fits or tensor.device.type != "cpu":
            sources.append(Resident(tensor.to(device)))
        else:
            sources.append(Hosted(tensor, device))
    return sources


def _room(device: torch.device) -> float:
    """The bytes that data may take on a device."""
    return _MEMORY_SHARE * free_memory(device)


def batches_per_chunk(sources: list[Source], batch_size: int, device: torch.device) -> int:
    """Returns how many batches are gathered at once."""
    grouped = [source.row_bytes for source in sources if not (source.on_device and _alone(source, batch_size, device))]
    largest = max(grouped, default=0) * batch_size
    chunk = _CHUNK_BYTES.get(device.type, _CHUNK_BYTES_ELSEWHERE)
    return max(1, min(_CHUNK_BATCHES, chunk // max(largest, 1)))


def _alone(source: Source, batch_size: int, device: torch.device) -> bool:
    return device.type == "cpu" and torch.get_num_threads() == 1 and source.row_bytes * batch_size >= _ALONE_BYTES


def leaf_to_device(value: Any, device: torch.device, name: str = "batch") -> Any:
    """Returns one leaf of a batch that somebody else made, on the device. Only float64 is cast, to `floatx()`.

    Text stays on the host, and so do the places of a ragged tensor's rows.
    """
    if isinstance(value, RaggedTensor):
        return value.with_flat_values(leaf_to_device(value.flat_values, device, name))
    if isinstance(value, SparseTensor):
        return value if is_text(value.values) else leaf_to_device(value.to_torch(), device, name)
    if is_text(value):
        return as_strings(value)
    if isinstance(value, torch.Tensor):
        tensor = value.detach() if value.requires_grad else value
    elif arrays.is_array_like(value):
        tensor = arrays.as_tensor(value, name)
    else:
        tensor = arrays.as_tensor(np.asarray(value), name)
    if tensor.dtype == torch.float64:
        tensor = tensor.to(dtypes.to_torch_dtype(config.floatx()))
    return tensor if tensor.device == device else tensor.to(device, non_blocking=True)


class CopyStream:
    """Copies that overlap with what the device computes, if it has streams; elsewhere nothing special."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.Stream(device) if has_streams(device) else None
        if self._stream is not None:
            self._stream.wait_stream(torch.accelerator.current_stream(device))  # data may still be on its way

    def run(self, copy: Any, *args: Any) -> tuple[Any, Any]:
        """Starts `copy(*args)` and returns its result with a token for `ready`."""
        if self._stream is None:
            return copy(*args), None
        with self._stream:
            result = copy(*args)
            return result, self._stream.record_event()

    def ready(self, tensors: list[torch.Tensor], token: Any) -> None:
        """Makes the device's current work wait for the copy; the host does not wait."""
        if token is None:
            return
        current = torch.accelerator.current_stream(self.device)
        current.wait_event(token)
        for tensor in tensors:
            if isinstance(tensor, torch.Tensor):
                tensor.record_stream(current)
