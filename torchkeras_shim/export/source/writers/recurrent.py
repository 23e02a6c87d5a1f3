"""Both directions of a recurrent layer in one module."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import nn

from torchkeras_shim.export.converters import recurrent
from torchkeras_shim.export.emitter import Emitter
from torchkeras_shim.export.source.table import writes
from torchkeras_shim.export.table import find
from torchkeras_shim.layers import GRU, LSTM, Bidirectional, SimpleRNN


@writes(Bidirectional)
def _bidirectional(e: Emitter, layer: Any, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
    masked = mask is not None or e.masks.get(sequences) is not None
    if masked or initial_state is not None or layer.return_state or not _are_alike(layer):
        return recurrent.convert_bidirectional(e, layer, sequences, initial_state, mask)
    result = e.module(layer, "", lambda: _module(e, layer), sequences)
    steps, state = (e.call(operator.getitem, result, index) for index in range(2))
    if layer.return_sequences:
        if layer.merge_mode == "concat":
            return steps
        halves = e.call(torch.chunk, steps, 2, -1)
    else:
        hidden = e.call(operator.getitem, state, 0) if isinstance(layer.forward_layer, LSTM) else state
        halves = e.call(torch.unbind, hidden, 0)
        if layer.merge_mode == "concat":
            return e.call(torch.cat, halves, -1)
    return recurrent.merge(e, layer.merge_mode, *(e.call(operator.getitem, halves, index) for index in range(2)))


def _are_alike(layer: Any) -> bool:
    """Returns whether one module of torch has both directions."""
    pair = (layer.forward_layer, layer.backward_layer)
    first, second = pair
    return (
        type(first) is type(second)
        and isinstance(first, (LSTM, GRU, SimpleRNN))
        and all(
            find(one) is not None and one._has_kernel() and not one.stateful and not one.cell.dropout for one in pair
        )
        and first.cell.units == second.cell.units
        and (first.cell.bias is None) == (second.cell.bias is None)
        and (not isinstance(first, SimpleRNN) or first.cell.activation is second.cell.activation)
        and not first.go_backwards
        and second.go_backwards
    )


def _module(e: Emitter, layer: Any) -> nn.Module:
    one, other = (recurrent.make_module(e, part) for part in (layer.forward_layer, layer.backward_layer))
    cls: Any = type(one)
    kind = {"nonlinearity": one.nonlinearity} if cls is nn.RNN else {}
    size = (one.input_size, one.hidden_size)
    both = cls(*size, bias=one.bias, batch_first=True, bidirectional=True, device="meta", **kind)
    for name, weight in one.named_parameters():
        setattr(both, name, weight)
    for name, weight in other.named_parameters():
        setattr(both, f"{name}_reverse", weight)
    made: nn.Module = both
    return made
