"""Attention, out of linear layers and torch's functions."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim.export.converters.core import projection
from torchkeras_shim.export.converters.regularization import drop
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.layers import AdditiveAttention, Attention, GroupQueryAttention, MultiHeadAttention


def merged(e: Emitter, masks: list[Any]) -> Any:
    """Returns one mask out of several, or `None`."""
    both = None
    for mask in masks:
        both = mask if both is None else e.call(torch.logical_and, both, mask)
    return both


def _causal(e: Emitter, query: Any, value: Any) -> Any:
    ones = e.method("new_ones", query, (e.method("size", query, 1), e.method("size", value, 1)), dtype=torch.bool)
    return e.call(torch.tril, ones)


def masks_of(e: Emitter, query: Any, value: Any, key: Any, given: dict[str, Any]) -> list[Any]:
    """Returns the masks, each broadcasting to (batch, targets, sources); the causal one apart."""
    parts = []
    for name, node, axis in (("query_mask", query, -1), ("value_mask", value, -2), ("key_mask", key, -2)):
        mask = given.get(name)
        mask = e.masks.get(node) if mask is None and node is not None else mask
        if mask is not None:
            parts.append(e.call(torch.unsqueeze, e.method("bool", mask), axis))
    if given.get("attention_mask") is not None:
        parts.append(e.method("bool", given["attention_mask"]))
    return parts


@converts(MultiHeadAttention, GroupQueryAttention, masks=True)
def convert_multi_head(e: Emitter, layer: Any, query: Any, value: Any, key: Any = None, **given: Any) -> Any:
    """Adds attention of several heads."""
    if len(e.shape(query, layer)) != 3:
        raise no_counterpart(layer, "its inputs have more than one axis of places", "Move the others into the batch.")
    if layer._sliding_window is not None:
        raise no_counterpart(layer, "torch's attention has no `sliding_window`", "Pass an `attention_mask` instead.")
    masks = masks_of(e, query, value, key, given)
    with_scores = bool(given.get("return_attention_scores"))
    causal = bool(given.get("use_causal_mask"))
    plain_causal = causal and not masks
    sources = value if key is None else key
    if causal and (not plain_causal or with_scores or layer._rate):
        masks.append(_causal(e, query, value))
    mask = merged(e, masks)
    if mask is not None and rank_of_mask(e, given, masks) == 3:
        mask = e.call(torch.unsqueeze, mask, 1)
    q = _heads(e, layer, "query", layer._query_dense, query)
    k = _heads(e, layer, "key", layer._key_dense, sources)
    v = _heads(e, layer, "value", layer._value_dense, value)
    depth, count = layer._query_dense.outputs[-1], layer._query_dense.outputs[0]
    repeats = count // layer._key_dense.outputs[0]
    if repeats > 1:
        k, v = (e.call(torch.repeat_interleave, x, repeats, 1) for x in (k, v))
    scores = None
    if mask is None and not with_scores and not layer._rate:
        heads = e.call(F.scaled_dot_product_attention, q, k, v, is_causal=plain_causal)
    else:
        empty = with_scores or bool(layer._rate)
        heads, scores = _attend(e, layer, q, k, v, mask, 1.0 / math.sqrt(depth), empty)
    heads = e.call(torch.flatten, e.call(torch.transpose, heads, 1, 2), 2)
    if layer._use_gate:
        heads = e.call(torch.mul, heads, e.call(torch.sigmoid, _project(e, layer, "gate", layer._gate_dense, query)))
    outputs = _project(e, layer, "attention_output", layer._output_dense, heads)
    if len(layer._output_dense.outputs) > 1:
        outputs = e.call(torch.unflatten, outputs, -1, tuple(layer._output_dense.outputs))
    if e.masks.get(query) is not None:
        e.masks[outputs] = e.masks[query]
    return (outputs, scores) if with_scores else outputs


def rank_of_mask(e: Emitter, given: dict[str, Any], masks: list[Any]) -> int:
    """Returns the rank of the merged mask: 2 for one without a batch."""
    attention = given.get("attention_mask")
    spec = e.specs.get(attention) if attention is not None else None
    rank = 3 if spec is None else len(spec.shape)
    return max(rank, 3) if len(masks) > 1 or attention is None or rank != 2 else 2


def _attend(e: Emitter, layer: Any, q: Any, k: Any, v: Any, mask: Any, scale: float, empty: bool) -> tuple[Any, Any]:
    """Attention in steps, for what the one function cannot do: the scores, dropout's mode, rows without any source.

    Such a row is empty, or the mean of all sources: Keras has it one way or the other.
    """
    scores = e.call(torch.matmul, e.call(torch.mul, q, scale), e.call(torch.transpose, k, -1, -2))
    if mask is not None:
        scores = e.call(torch.where, mask, scores, -1e9)
    scores = e.call(torch.softmax, scores, -1)
    if mask is not None and empty:
        scores = e.call(torch.where, mask, scores, 0.0)
    dropped = drop(e, layer, scores, layer._rate, ".dropout") if layer._rate else scores
    return e.call(torch.matmul, dropped, v), scores


def _project(e: Emitter, layer: Any, name: str, part: Any, x: Any) -> Any:
    return e.module(layer, f".{name}", lambda: _linear(e, part), x)


def _linear(e: Emitter, part: Any) -> nn.Module:
    return projection(e, part.kernel, part.bias, part.bound)


def _heads(e: Emitter, layer: Any, name: str, part: Any, x: Any) -> Any:
    """Projects to heads of shape (batch, heads, places, depth)."""
    wide = e.call(torch.unflatten, _project(e, layer, name, part, x), -1, tuple(part.outputs))
    return e.call(torch.transpose, wide, 1, 2)


@converts(Attention, AdditiveAttention, masks=True)
def _attention(
    e: Emitter,
    layer: Any,
    inputs: Any,
    mask: Any = None,
    return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Any:
    query, value = inputs[0], inputs[1]
    key = inputs[2] if len(inputs) > 2 else value
    query_mask, allowed = (mask[0], mask[1]) if mask else (e.masks.get(query), e.masks.get(value))
    scores = _scores(e, layer, query, key)
    masks = [] if allowed is None else [e.call(torch.unsqueeze, e.method("bool", allowed), -2)]
    if use_causal_mask:
        masks.append(_causal(e, query, key))
    if masks:
        scores = e.call(torch.where, merged(e, masks), scores, e.call(torch.sub, scores, 1e9))
    weights = e.call(torch.softmax, scores, -1)
    dropped = drop(e, layer, weights, layer.dropout, ".dropout") if layer.dropout else weights
    outputs = e.call(torch.matmul, dropped, value)
    if query_mask is not None:
        shown = e.call(torch.unsqueeze, e.method("bool", query_mask), -1)
        outputs = e.call(torch.where, shown, outputs, 0.0)
        e.masks[outputs] = query_mask
    return (outputs, dropped) if return_attention_scores else outputs


def _scores(e: Emitter, layer: Any, query: Any, key: Any) -> Any:
    scale = None if layer.scale is None else e.weight(layer, "scale")
    additive = isinstance(layer, AdditiveAttention)
    if not additive and layer.score_mode == "dot":
        scores = e.call(torch.matmul, query, e.call(torch.transpose, key, -2, -1))
        return scores if scale is None else e.call(torch.mul, scores, scale)
    both = e.call(torch.add, e.call(torch.unsqueeze, query, -2), e.call(torch.unsqueeze, key, -3))
    if additive:
        both = e.call(torch.tanh, both)
        return e.call(torch.sum, both if scale is None else e.call(torch.mul, both, scale), -1)
    both = e.call(torch.tanh, both if scale is None else e.call(torch.mul, both, scale))
    return e.call(torch.mul, e.call(torch.sum, both, -1), e.weight(layer, "concat_score_weight"))
