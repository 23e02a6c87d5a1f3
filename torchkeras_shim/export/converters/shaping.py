"""Layers that move values around."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim.export.converters.convolution import to_first, to_last
from torchkeras_shim.export.emitter import Emitter
from torchkeras_shim.export.table import converts
from torchkeras_shim.export.tracing import traced_layer
from torchkeras_shim.export.weights import plain
from torchkeras_shim.layers import (
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Rescaling,
    Reshape,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
)


@converts(Flatten)
def _flatten(e: Emitter, layer: Any, inputs: Any) -> Any:
    rank = len(e.shape(inputs, layer))
    if rank == 1:
        return e.call(torch.unsqueeze, inputs, 1)
    if layer.data_format == "channels_first" and rank > 2:
        inputs = e.call(torch.movedim, inputs, 1, -1)
    return e.module(layer, "", nn.Flatten, inputs)


@converts(Reshape)
def _reshape(e: Emitter, layer: Any, inputs: Any) -> Any:
    # A size that is not known and -1 for the batch would be two: the batch is read from the input.
    return e.call(torch.reshape, inputs, (e.method("size", inputs, 0), *layer._sizes))


@converts(Permute)
def _permute(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.permute(inputs, (0, *layer.dims))


@converts(RepeatVector)
def _repeat_vector(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.method("expand", e.call(torch.unsqueeze, inputs, 1), -1, layer.n, -1)


@converts(ZeroPadding1D, ZeroPadding2D, ZeroPadding3D)
def _zero_padding(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.call(F.pad, inputs, list(layer._amounts))


@converts(Cropping1D, Cropping2D, Cropping3D)
def _cropping(e: Emitter, layer: Any, inputs: Any) -> Any:
    amounts: list[int] = []
    for before, after in reversed(layer._pairs):
        amounts += [-before, -after]
    if layer._axes[0] == 1:  # channels last
        amounts = [0, 0, *amounts]
    return e.call(F.pad, inputs, amounts)  # negative amounts crop


@converts(Rescaling)
def _rescaling(e: Emitter, layer: Any, inputs: Any) -> Any:
    def constant(name: str) -> Any:
        value = getattr(layer, name)
        if isinstance(value, (int, float)):
            return float(value)
        found = layer._constant(name, value, torch.device(e.weights.device))
        return e.parameter(layer, name, lambda: plain(found).clone())

    scaled = e.call(torch.mul, e.method("to", inputs, layer._compute_dtype), constant("scale"))
    offset = constant("offset")
    return scaled if isinstance(offset, float) and offset == 0.0 else e.call(torch.add, scaled, offset)


@converts(UpSampling1D)
def _repeat_steps(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.call(torch.repeat_interleave, inputs, layer.size, 1)


@converts(UpSampling2D, UpSampling3D)
def _up_sampling(e: Emitter, layer: Any, inputs: Any) -> Any:
    rank, mode = len(layer.size), getattr(layer, "interpolation", "nearest")
    if mode not in ("nearest", "bilinear"):
        return traced_layer(e, layer, inputs)
    factors = tuple(float(size) for size in layer.size)
    options = {"mode": mode, **({"align_corners": False} if mode == "bilinear" else {})}
    x = to_first(e, layer, inputs, rank)
    x = e.module(layer, "", lambda: nn.Upsample(scale_factor=factors, **options), x)  # type: ignore[arg-type]
    return to_last(e, layer, x, rank)
