"""Recurrent layers as `nn.LSTM`, `nn.GRU` and `nn.RNN`."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import nn

from torchkeras_shim import activations
from torchkeras_shim.export.converters.regularization import drop
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts, find
from torchkeras_shim.export.weights import plain
from torchkeras_shim.layers import GRU, LSTM, Bidirectional, SimpleRNN, TimeDistributed


@converts(LSTM, GRU, SimpleRNN, masks=True)
def _recurrent(e: Emitter, layer: Any, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
    _check(layer)
    mask = e.masks.get(sequences) if mask is None else mask
    outputs, states, all_steps = _run(e, layer, sequences, initial_state, mask)
    if layer.return_sequences and mask is not None:
        e.masks[outputs] = mask
    del all_steps
    return (outputs, *states) if layer.return_state else outputs


def _check(layer: Any) -> None:
    if layer.stateful:
        raise no_counterpart(
            layer, "torch's modules keep no state between calls (`stateful=True`)", "Use `return_state` instead."
        )
    if not layer._has_kernel():
        advice = "The default activations without `recurrent_dropout` (and `reset_after=True` for a GRU) have one."
        raise no_counterpart(layer, "torch's module computes another cell", advice)


def _run(e: Emitter, layer: Any, x: Any, initial_state: Any, mask: Any) -> tuple[Any, list[Any], Any]:
    """Adds the module and what surrounds it. Returns the outputs, the last states, and all steps."""
    cell = layer.cell
    if cell.dropout and e.training is not False:
        # One draw for all steps.
        shape = (e.method("size", x, 0), 1, e.method("size", x, 2))
        x = e.call(torch.mul, x, drop(e, layer, e.method("new_ones", x, shape), cell.dropout, ".dropout"))
    if layer.go_backwards:
        x = e.call(torch.flip, x, [1])
        mask = None if mask is None else e.call(torch.flip, mask, [1])
    if mask is not None:
        if layer.return_state and isinstance(layer, LSTM):
            reason = "`nn.LSTM` does not tell its state at the last step that a mask lets through"
            raise no_counterpart(layer, reason, "Leave the mask or `return_state=True` out.")
        if initial_state is not None:
            raise no_counterpart(layer, "it takes a mask and a first state", "Leave one of them out.")
        x = e.composite("steps_in_front", lambda: _moved_to_front(e, x, mask), x, mask)
    steps, finals = _module(e, layer, x, initial_state)
    if mask is None:
        outputs = steps if layer.return_sequences else finals[0]
        return outputs, finals, steps
    return _behind_mask(e, layer, steps, mask)


def _moved_to_front(e: Emitter, x: Any, mask: Any) -> Any:
    """Moves the steps that count to the front of each sequence: what lies behind them reaches no result."""
    skipped = e.call(torch.logical_not, mask)
    place = e.call(torch.sub, e.call(torch.cumsum, mask, 1), 1)
    behind = e.call(torch.add, e.call(torch.cumsum, skipped, 1), e.call(torch.sum, mask, 1, keepdim=True))
    places = e.call(torch.where, mask, place, e.call(torch.sub, behind, 1))
    index = e.method("expand", e.call(torch.unsqueeze, places, -1), -1, -1, e.method("size", x, 2))
    return e.call(torch.scatter, e.call(torch.zeros_like, x), 1, index, x)


def _behind_mask(e: Emitter, layer: Any, steps: Any, mask: Any) -> tuple[Any, list[Any], Any]:
    """Each step shows the output of the last step that counted, zeros where none has: place 0 of a longer sequence."""
    width = layer.cell.units
    longer: list[Any] = []

    def gather(places: Any) -> Any:
        longer.extend([] if longer else [e.call(nn.functional.pad, steps, [0, 0, 1, 0])])
        index = e.method("expand", e.call(torch.unsqueeze, places, -1), -1, -1, width)
        return e.call(torch.gather, longer[0], 1, index)

    def take(places: Any) -> Any:
        return e.composite("outputs_after", lambda: gather(places), steps, places)

    last = e.call(torch.squeeze, take(e.call(torch.sum, mask, 1, keepdim=True)), 1)
    outputs = last
    if layer.return_sequences:
        outputs = take(e.call(torch.cumsum, mask, 1))
        if layer.zero_output_for_mask:
            outputs = e.call(torch.mul, outputs, e.call(torch.unsqueeze, mask, -1))
    elif layer.zero_output_for_mask:
        outputs = e.call(torch.mul, last, e.call(torch.select, e.call(torch.unsqueeze, mask, -1), 1, -1))
    return outputs, [last], steps


def _module(e: Emitter, layer: Any, x: Any, initial_state: Any) -> tuple[Any, list[Any]]:
    """Adds the call of the module. Returns all steps and the last states, each of shape (batch, units)."""
    is_lstm = isinstance(layer, LSTM)
    given: list[Any] = []
    if initial_state is not None:
        parts = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        parts = [e.call(torch.unsqueeze, part, 0) for part in parts]
        given = [tuple(parts) if is_lstm else parts[0]]
    if isinstance(layer, GRU) and not e.weights.copy:
        result = _gru_on_shared_weights(e, layer, x, given)
    else:
        result = e.module(layer, "", lambda: make_module(e, layer), x, *given)
    steps, states = (e.call(operator.getitem, result, index) for index in range(2))
    finals = [e.call(operator.getitem, states, index) for index in range(2)] if is_lstm else [states]
    return steps, [e.call(torch.squeeze, final, 0) for final in finals]


def make_module(e: Emitter, layer: Any) -> nn.Module:
    """Returns torch's module for a recurrent layer."""
    cell = layer.cell
    use_bias = cell.bias is not None
    options: dict[str, Any] = {"bias": use_bias, "batch_first": True, "device": cell.kernel.device}
    size = (cell.kernel.shape[0], cell.units)
    if isinstance(layer, SimpleRNN):
        kind = "relu" if cell.activation is activations.relu else "tanh"
        module: nn.Module = nn.RNN(*size, nonlinearity=kind, **options)
    else:
        module = nn.LSTM(*size, **options) if isinstance(layer, LSTM) else nn.GRU(*size, **options)
    view = _reordered if isinstance(layer, GRU) else None

    def turned(kernel: torch.Tensor) -> torch.Tensor:
        return (kernel if view is None else view(kernel)).t()

    e.weights.fill(module, weight_ih_l0=(cell.kernel, turned), weight_hh_l0=(cell.recurrent_kernel, turned))
    if use_bias and view is not None:
        e.weights.fill(
            module, bias_ih_l0=(cell.bias, lambda b: view(b[0])), bias_hh_l0=(cell.bias, lambda b: view(b[1]))
        )
    elif use_bias:
        e.weights.fill(module, bias_ih_l0=cell.bias)
        # Keras has one bias where torch has two: the second stays zero.
        zeros = torch.zeros_like(plain(cell.bias))
        module.bias_hh_l0 = nn.Parameter(zeros, requires_grad=False)
    return module


def _reordered(weight: torch.Tensor) -> torch.Tensor:
    """Keras's gates are z, r, h and torch's are r, z, n."""
    z, r, h = weight.chunk(3, -1)
    return torch.cat([r, z, h], -1)


def _gru_on_shared_weights(e: Emitter, layer: Any, x: Any, given: list[Any]) -> Any:
    """The function behind `nn.GRU`: no view of Keras's weights has torch's order of gates, which the module needs."""
    cell = layer.cell

    def reordered(weight: Any) -> Any:
        parts = e.call(torch.chunk, weight, 3, -1)
        z, r, h = (e.call(operator.getitem, parts, index) for index in range(3))
        return e.call(torch.cat, [r, z, h], -1)

    weights = []
    for name in ("kernel", "recurrent_kernel"):
        node = e.parameter(layer, name, lambda name=name: e.weights.parameter(getattr(cell, name)))  # type: ignore[misc]
        weights.append(e.call(torch.t, reordered(node)))
    if cell.bias is not None:
        bias = reordered(e.parameter(layer, "bias", lambda: e.weights.parameter(cell.bias)))
        weights += [e.call(operator.getitem, bias, 0), e.call(operator.getitem, bias, 1)]
    first = given[0] if given else e.method("new_zeros", x, (1, e.method("size", x, 0), cell.units))
    return e.call(torch.gru, x, first, weights, cell.bias is not None, 1, 0.0, False, False, True)


@converts(Bidirectional, masks=True)
def convert_bidirectional(e: Emitter, layer: Any, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
    """Adds a layer and its mirror image."""
    mask = e.masks.get(sequences) if mask is None else mask
    forward, backward = layer.forward_layer, layer.backward_layer
    for one in (forward, backward):
        if find(one) is None or not isinstance(one, (LSTM, GRU, SimpleRNN)):
            raise no_counterpart(one, "it is not an LSTM, GRU or SimpleRNN", "Use one of these inside `Bidirectional`.")
        _check(one)
    half = None if initial_state is None else len(initial_state) // 2
    states_of = [None, None] if half is None else [list(initial_state[:half]), list(initial_state[half:])]
    results, states = [], []
    with e.inside(layer.name):
        for one, first in zip((forward, backward), states_of, strict=True):
            outputs, finals, _ = _run(e, one, sequences, first, mask)
            results.append(outputs)
            states += finals
    if layer.return_sequences:
        results[1] = e.call(torch.flip, results[1], [1])
    output = merge(e, layer.merge_mode, *results)
    if mask is not None and layer.return_sequences:
        for one in output if isinstance(output, tuple) else (output,):
            e.masks[one] = mask
    if not layer.return_state:
        return output
    return (*output, *states) if isinstance(output, tuple) else (output, *states)


def merge(e: Emitter, mode: Any, forward: Any, backward: Any) -> Any:
    """Adds what makes one of both directions."""
    if mode == "concat":
        return e.call(torch.cat, [forward, backward], -1)
    if mode == "mul":
        return e.call(torch.mul, forward, backward)
    if mode is None:
        return forward, backward
    total = e.call(torch.add, forward, backward)
    return e.call(torch.div, total, 2) if mode == "ave" else total


@converts(TimeDistributed)
def _time_distributed(e: Emitter, layer: Any, inputs: Any) -> Any:
    shape = e.shape(inputs, layer)
    steps = e.call(torch.flatten, inputs, 0, 1)
    spec = e.specs[inputs]
    e.specs[steps] = type(spec)((None, *shape[2:]), spec.dtype)
    with e.inside(layer.name):
        outputs = e.convert(layer.layer, steps)
    if isinstance(outputs, (tuple, list, dict)):
        raise no_counterpart(layer, "the layer in it has several outputs", "Use a layer with one output.")
    sizes = (e.method("size", inputs, 0), e.size(inputs, 1, shape[1]))
    return e.call(torch.unflatten, outputs, 0, sizes)
