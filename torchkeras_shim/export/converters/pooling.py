"""Pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from torchkeras_shim.export.converters.convolution import pad_same, spatial_sizes, to_first, to_last
from torchkeras_shim.export.emitter import Emitter
from torchkeras_shim.export.table import converts
from torchkeras_shim.layers import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from torchkeras_shim.ops.pooling import _same_amounts

_MODULES: dict[tuple[str, int], Any] = {
    ("max", 1): nn.MaxPool1d,
    ("max", 2): nn.MaxPool2d,
    ("max", 3): nn.MaxPool3d,
    ("average", 1): nn.AvgPool1d,
    ("average", 2): nn.AvgPool2d,
    ("average", 3): nn.AvgPool3d,
}


@converts(MaxPooling1D, MaxPooling2D, MaxPooling3D, AveragePooling1D, AveragePooling2D, AveragePooling3D)
def _pool(e: Emitter, layer: Any, inputs: Any) -> Any:
    window, strides, mode = layer.pool_size, layer.strides, layer.pool_mode
    rank = len(window)
    x = to_first(e, layer, inputs, rank)
    if layer.padding == "valid":
        return to_last(e, layer, e.module(layer, "", lambda: _MODULES[mode, rank](window, strides), x), rank)
    sizes = spatial_sizes(e, layer, inputs, rank)
    if None in sizes:
        return to_last(e, layer, _pool_unknown(e, layer, x, sizes), rank)
    # torch's `ceil_mode` takes windows that reach over the end, and leaves what lies outside out of maximum and mean.
    amounts, shifted = _same_amounts([0, 0, *[size or 0 for size in sizes]], window, strides)
    options = {"padding": tuple(amounts), "ceil_mode": True}
    if mode == "average":
        options["count_include_pad"] = False
    x = e.module(layer, "", lambda: _MODULES[mode, rank](window, strides, **options), x)
    for axis in shifted:  # a stride of 1 and an even window: the first window is one too many
        x = e.call(torch.narrow, x, axis, 1, sizes[axis - 2])
    return to_last(e, layer, x, rank)


def _pool_unknown(e: Emitter, layer: Any, x: Any, sizes: list[int | None]) -> Any:
    """Pools with amounts of padding that are computed from the sizes at run time."""
    window, strides, mode = layer.pool_size, layer.strides, layer.pool_mode
    ones = (1,) * len(window)

    def make() -> nn.Module:
        module: nn.Module = _MODULES[mode, len(window)](window, strides)
        return module

    lowest = float("-inf") if mode == "max" else 0.0
    outputs = e.module(layer, "", make, pad_same(e, x, sizes, window, strides, ones, lowest))
    if mode == "max":
        return outputs
    # The mean leaves the padding out: divide by the share of the window that lies inside.
    share = pad_same(e, e.call(torch.ones_like, x), sizes, window, strides, ones, 0.0)
    return e.call(torch.div, outputs, e.module(layer, "", make, share))


@converts(GlobalAveragePooling2D, GlobalAveragePooling3D)
def _global_mean(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.call(torch.mean, inputs, layer._axes, layer.keepdims)


@converts(GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D)
def _global_max(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.call(torch.amax, inputs, layer._axes, layer.keepdims)


@converts(GlobalAveragePooling1D, masks=True)
def _global_mean_of_steps(e: Emitter, layer: Any, inputs: Any, mask: Any = None) -> Any:
    mask = e.masks.get(inputs) if mask is None else mask
    if mask is None:
        return _global_mean(e, layer, inputs)
    axis = layer._axes[0]
    counts = e.call(torch.unsqueeze, e.method("bool", mask), 3 - axis)
    total = e.call(torch.sum, e.call(torch.where, counts, inputs, 0.0), axis, layer.keepdims)
    return e.call(torch.div, total, e.call(torch.sum, counts, axis, layer.keepdims))


_ADAPTIVE: dict[type, Any] = {
    AdaptiveAveragePooling1D: nn.AdaptiveAvgPool1d,
    AdaptiveAveragePooling2D: nn.AdaptiveAvgPool2d,
    AdaptiveAveragePooling3D: nn.AdaptiveAvgPool3d,
    AdaptiveMaxPooling1D: nn.AdaptiveMaxPool1d,
    AdaptiveMaxPooling2D: nn.AdaptiveMaxPool2d,
    AdaptiveMaxPooling3D: nn.AdaptiveMaxPool3d,
}


@converts(*_ADAPTIVE)
def _adaptive(e: Emitter, layer: Any, inputs: Any) -> Any:
    rank = len(layer.output_size)
    size = layer.output_size if rank > 1 else layer.output_size[0]
    cls = next(_ADAPTIVE[base] for base in type(layer).__mro__ if base in _ADAPTIVE)
    x = e.module(layer, "", lambda: cls(size), to_first(e, layer, inputs, rank))
    return to_last(e, layer, x, rank)
