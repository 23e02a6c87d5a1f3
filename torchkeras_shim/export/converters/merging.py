"""Layers that make one tensor of several."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.layers import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract


def _aligned(e: Emitter, layer: Any, inputs: Any) -> list[Any]:
    """Returns the inputs with ones put in behind the batch, so that all have the same rank."""
    ranks = [len(e.shape(x, layer)) for x in inputs]
    aligned = []
    for x, rank in zip(inputs, ranks, strict=True):
        for _ in range(max(ranks) - rank):
            x = e.call(torch.unsqueeze, x, 1)
        aligned.append(x)
    return aligned


def _merged_mask(e: Emitter, inputs: Any) -> Any:
    masks = [e.masks.get(x) for x in inputs]
    if not masks or any(mask is None for mask in masks):
        return None
    merged = masks[0]
    for mask in masks[1:]:
        merged = e.call(torch.logical_or, merged, mask)
    return merged


_FUNCTIONS: dict[type, Any] = {
    Add: torch.add,
    Average: torch.add,
    Subtract: torch.sub,
    Multiply: torch.mul,
    Maximum: torch.maximum,
    Minimum: torch.minimum,
}
_MASKED_DIFFERENTLY = (Multiply, Maximum, Minimum)


@converts(*_FUNCTIONS, masks=True)
def _elementwise(e: Emitter, layer: Any, inputs: Any) -> Any:
    if isinstance(layer, _MASKED_DIFFERENTLY) and any(e.masks.get(x) is not None for x in inputs):
        raise no_counterpart(layer, "it leaves out what is masked", "Use `Add` or `Concatenate` on masked sequences.")
    aligned = _aligned(e, layer, inputs)
    function = next(_FUNCTIONS[base] for base in type(layer).__mro__ if base in _FUNCTIONS)
    outputs = aligned[0]
    for x in aligned[1:]:
        outputs = e.call(function, outputs, x)
    if isinstance(layer, Average):
        outputs = e.call(torch.div, outputs, len(aligned))
    mask = _merged_mask(e, inputs)
    if mask is not None and len(aligned) > 1:
        e.masks[outputs] = mask
    return outputs


@converts(Concatenate, masks=True)
def _concatenate(e: Emitter, layer: Any, inputs: Any) -> Any:
    outputs = e.call(torch.cat, list(inputs), layer.axis)
    masks = [e.masks.get(x) for x in inputs]
    if all(mask is None for mask in masks):
        return outputs
    rank = len(e.shape(inputs[0], layer))
    full = []
    for x, mask in zip(inputs, masks, strict=True):
        ones = e.call(torch.ones_like, x, dtype=torch.bool)
        full.append(ones if mask is None else e.call(torch.logical_and, ones, _widened(e, mask, rank)))
    e.masks[outputs] = e.call(torch.any, e.call(torch.cat, full, layer.axis), -1)
    return outputs


def _widened(e: Emitter, mask: Any, rank: int) -> Any:
    return e.call(torch.unsqueeze, e.method("bool", mask), -1) if rank > 2 else e.method("bool", mask)


@converts(Dot, masks=True)
def _dot(e: Emitter, layer: Any, inputs: Any) -> Any:
    x, y = inputs
    shapes = e.shape(x, layer), e.shape(y, layer)
    one, other = layer._axes_for(len(shapes[0]), len(shapes[1]))
    if layer.normalize:
        smallest = config.epsilon()
        x, y = e.call(F.normalize, x, dim=one, eps=smallest), e.call(F.normalize, y, dim=other, eps=smallest)
    # Letters: z for the batch, s for what is summed over, the others as they come.
    letters = iter("abcdefghijklmnop")
    first = ["z", *[next(letters) for _ in shapes[0][1:]]]
    second = ["z", *[next(letters) for _ in shapes[1][1:]]]
    first[one] = second[other] = "s"
    rest = [letter for letter in first + second if letter not in "zs"]
    equation = f"{''.join(first)},{''.join(second)}->z{''.join(rest)}"
    products = e.call(torch.einsum, equation, x, y)
    return products if rest else e.call(torch.unsqueeze, products, 1)
