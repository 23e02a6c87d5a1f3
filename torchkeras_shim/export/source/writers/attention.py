"""Attention of several heads, as a class of the file's own."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import nn

from torchkeras_shim.export.converters import attention
from torchkeras_shim.export.converters.core import projection
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.source.parts.attention import MultiHeadAttention as Part
from torchkeras_shim.export.source.table import writes
from torchkeras_shim.export.source.text import Call, number
from torchkeras_shim.layers import GroupQueryAttention, MultiHeadAttention


@writes(MultiHeadAttention, GroupQueryAttention)
def _multi_head(e: Emitter, layer: Any, query: Any, value: Any, key: Any = None, **given: Any) -> Any:
    unusual = layer._use_gate or layer._sliding_window is not None or len(layer._output_dense.outputs) > 1
    if unusual or len(e.shape(query, layer)) != 3 or e.training is not None:
        return attention.convert_multi_head(e, layer, query, value, key, **given)
    mask = attention.merged(e, attention.masks_of(e, query, value, key, given))
    if mask is not None and attention.rank_of_mask(e, given, attention.masks_of(e, query, value, key, given)) == 3:
        mask = e.call(torch.unsqueeze, mask, 1)
    options: dict[str, Any] = {} if mask is None else {"mask": mask}
    options |= {"causal": True} if given.get("use_causal_mask") else {}
    options |= {"return_scores": True} if given.get("return_attention_scores") else {}
    others = () if key is None or key is value else (key,)
    outputs = e.module(layer, "", lambda: _part(e, layer), query, value, *others, **options)
    found = outputs
    if "return_scores" in options:
        found = tuple(e.call(operator.getitem, outputs, index) for index in range(2))
        outputs = found[0]
    if e.masks.get(query) is not None:
        e.masks[outputs] = e.masks[query]
    return found


def _part(e: Emitter, layer: Any) -> nn.Module:
    dense = {name: getattr(layer, f"_{name}_dense") for name in ("query", "key", "value", "output")}
    made: dict[str, Any] = {name: projection(e, one.kernel, one.bias, one.bound) for name, one in dense.items()}
    biases = {one.bias is not None for one in dense.values()}
    if len(biases) > 1:
        raise no_counterpart(layer, "some of its projections have a bias and others do not", "Use one `use_bias`.")
    heads, size = dense["query"].outputs
    groups, width = dense["value"].outputs
    sizes = {name: module.in_features for name, module in made.items()}
    options = {
        "key_size": (sizes["key"], sizes["value"]),
        "value_dim": (width, size),
        "output_size": (made["output"].out_features, sizes["query"]),
        "groups": (groups, heads),
    }
    words = [f"{name}={number(given)}" for name, (given, usual) in options.items() if given != usual]
    words += [] if biases == {True} else ["bias=False"]
    words += [f"dropout={number(layer._rate)}"] if layer._rate else []
    with torch.device("meta"):
        part: Any = Part(sizes["query"], sizes["value"], heads, size, dropout=layer._rate)
    for name, module in made.items():
        setattr(part, name, module)
    first = [number(sizes["query"]), number(sizes["value"]), f"heads={number(heads)}", f"key_dim={number(size)}"]
    part.written_as = Call(Part.__name__, [*first, *words])
    made_part: nn.Module = part
    return made_part
