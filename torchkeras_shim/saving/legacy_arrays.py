"""The arrays of older weights files, laid out as the layers of today want them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import h5py
import torch

from torchkeras_shim import layers
from torchkeras_shim.layers.rnn.gru_cell import GRUCell
from torchkeras_shim.layers.rnn.lstm_cell import LSTMCell
from torchkeras_shim.saving import hdf5

Change = Callable[[torch.Tensor], torch.Tensor]


class Source:
    """What a weight is read from: one array of a file, or several side by side, rearranged at the end.

    Args:
        arrays: The arrays; they are joined along the last axis.
    """

    def __init__(self, arrays: Sequence[h5py.Dataset]) -> None:
        self.arrays = list(arrays)
        self.change: Change | None = None
        first = self.arrays[0]
        self.name = str(first.name)
        self.dtype = first.dtype
        self.shape = tuple(first.shape)
        if len(self.arrays) > 1 and self.shape:
            self.shape = (*self.shape[:-1], sum(array.shape[-1] for array in self.arrays if array.ndim))

    def verify(self) -> None:
        """Makes sure that all of it can be read."""
        for array in self.arrays:
            hdf5.verify(array)

    def read(self) -> torch.Tensor:
        """Returns the values."""
        parts = [hdf5.read(array) for array in self.arrays]
        value = parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)
        return value if self.change is None else self.change(value)

    def rearrange(self, change: Change) -> None:
        """Has the values changed when they are read; the shape follows at once, without reading."""
        before = self.change
        self.change = change if before is None else lambda value: change(before(value))
        self.shape = tuple(change(torch.empty(self.shape, device="meta")).shape)


class Origin:
    """Which Keras wrote a file, on what.

    Args:
        era: 1, 2 or 3.
        backend: `"theano"`, whose convolutions turn the kernel round, or another.
    """

    def __init__(self, era: int = 3, backend: str | None = None) -> None:
        self.era = era
        self.backend = backend


_GATES = re.compile(r"^(?P<layer>.*?)_?(?P<kind>[WUb])_(?P<gate>[izrcfho])(?::0)?$")
#: The order of a file's gates, and that of today.
_LSTM, _GRU = ("icfo", "ifco"), ("zrh", "zrh")


def sources(arrays: list[h5py.Dataset], origin: Origin) -> list[Source]:
    """Returns what the weights of a layer are read from.

    Keras 1 kept the gates of a recurrent layer in arrays of their own.

    Args:
        arrays: The layer's arrays, in the file's order.
        origin: Which Keras wrote them.
    """
    found: list[Source] = []
    index = 0
    while index < len(arrays):
        count = _gates(arrays[index:]) if origin.era == 1 else 0
        if not count:
            found.append(Source([arrays[index]]))
            index += 1
            continue
        saved, wanted = _LSTM if count == 12 else _GRU
        for kind in range(3):
            found.append(Source([arrays[index + 3 * saved.index(gate) + kind] for gate in wanted]))
        index += count
    return found


def _gates(arrays: list[h5py.Dataset]) -> int:
    """Returns how many arrays at the beginning are those of one recurrent layer's gates."""
    for count, (saved, _) in ((12, _LSTM), (9, _GRU)):
        parts = [_GATES.match(str(array.name).rpartition("/")[2]) for array in arrays[:count]]
        wanted = [(kind, gate) for gate in saved for kind in "WUb"]
        if len(parts) == count and [part and (part["kind"], part["gate"]) for part in parts] == wanted:
            return count
    return 0


def owners(module: torch.nn.Module) -> dict[int, tuple[torch.nn.Module, str]]:
    """Returns, for each weight in a layer, the layer in it that it belongs to, and its name there."""
    return {id(p): (part, name) for part in module.modules() for name, p in part._parameters.items() if p is not None}


Owner = tuple[torch.nn.Module, str]


def fit(source: Source, weight: torch.Tensor, owner: Owner | None, origin: Origin) -> None:
    """Lays an array out as a weight wants it, where its layer had another layout when it was written.

    Args:
        source: What to read.
        weight: What it is for.
        owner: The layer that the weight belongs to, and its name there.
        origin: Which Keras wrote it.
    """
    if owner is None or origin.era >= 3:
        return
    layer, name = owner
    if name == "kernel" and origin.era == 1:
        _keras1_kernel(source, layer, tuple(weight.shape))
    if origin.backend == "theano" and _is_convolution(layer, name):
        axes = tuple(range(len(source.shape) - 2))
        source.rearrange(lambda value: value.flip(axes))


_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)


def _is_convolution(layer: torch.nn.Module, name: str) -> bool:
    if type(layer).__name__ == "ConvLSTMCell":
        return name in ("kernel", "recurrent_kernel")
    return name == "kernel" and isinstance(layer, (*_CONVOLUTIONS, *_TRANSPOSED))


def _keras1_kernel(source: Source, layer: torch.nn.Module, wanted: tuple[int, ...]) -> None:
    rank = len(source.shape)
    if isinstance(layer, layers.Conv1D) and rank == 4:
        size, channels, filters = wanted
        if source.shape == (filters, channels, size, 1):  # before Keras 1.1
            source.rearrange(lambda value: value.permute(2, 3, 1, 0))
        if source.shape == (size, 1, channels, filters):
            source.rearrange(lambda value: value[:, 0])
        return
    first = getattr(layer, "data_format", None) == "channels_first"
    spatial = tuple(range(2, rank))
    if isinstance(layer, _TRANSPOSED):
        if first:
            source.rearrange(lambda value: value.permute(*spatial, 0, 1))
        elif source.shape != wanted and rank == len(wanted):
            source.rearrange(lambda value: value.transpose(-1, -2))
    elif isinstance(layer, _CONVOLUTIONS) and first:
        source.rearrange(lambda value: value.permute(*spatial, 1, 0))


def fit_cudnn(sources: list[Source], owners: list[Owner | None], era: int) -> None:
    """Lays out the arrays of `CuDNNLSTM` and `CuDNNGRU`, whose kernels were transposed gate by gate, for today's cells.

    They are known by their bias, which has one part for the inputs and one for the state in a single row.

    Args:
        sources: What the weights of a layer are read from.
        owners: The layer in it that each of the weights belongs to, and its name there.
        era: Which Keras wrote the file.
    """
    if era != 2:
        return
    cells: dict[int, LSTMCell | GRUCell] = {}
    for source, owner in zip(sources, owners, strict=True):
        cell, name = owner or (None, "")
        if name != "bias" or not isinstance(cell, (LSTMCell, GRUCell)):
            continue
        if source.shape == (2 * _gate_count(cell) * cell.units,):
            cells[id(cell)] = cell
    for source, owner in zip(sources, owners, strict=True):
        if owner is not None and id(owner[0]) in cells:
            _from_cudnn(source, cells[id(owner[0])], owner[1])


def _gate_count(cell: LSTMCell | GRUCell) -> int:
    return 4 if isinstance(cell, LSTMCell) else 3


def _from_cudnn(source: Source, cell: LSTMCell | GRUCell, name: str) -> None:
    gates = _gate_count(cell)
    if name != "bias" and (len(source.shape) != 2 or source.shape[-1] != gates * cell.units):
        return  # the comparison of shapes refuses it
    if name == "kernel":
        source.rearrange(lambda value: _by_gate(value, gates, lambda gate: gate.reshape(gate.shape[::-1]).T))
    elif name == "recurrent_kernel":
        source.rearrange(lambda value: _by_gate(value, gates, lambda gate: gate.T))
    elif isinstance(cell, LSTMCell):
        source.rearrange(lambda value: value.reshape(2, -1).sum(0))
    else:
        source.rearrange(lambda value: value.reshape(2, -1))


def _by_gate(value: torch.Tensor, gates: int, change: Change) -> torch.Tensor:
    return torch.cat([change(gate) for gate in value.chunk(gates, dim=-1)], dim=-1)
