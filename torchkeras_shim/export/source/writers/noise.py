"""Noise and dropout of whole channels, as modules that know their mode."""

from __future__ import annotations

from typing import Any

from torch import nn

from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.source.parts import noise as parts
from torchkeras_shim.export.source.table import writes
from torchkeras_shim.layers import (
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from torchkeras_shim.ops.windows import TO_FIRST, TO_LAST


@writes(GaussianNoise, GaussianDropout)
def _noise(e: Emitter, layer: Any, inputs: Any) -> Any:
    if e.training is False or layer._amount == 0:
        return inputs
    if e.training is True:
        raise no_counterpart(layer, "it is called with `training=True`", "Use `module.train()` for that.")
    if isinstance(layer, GaussianNoise):
        return e.module(layer, "", lambda: parts.GaussianNoise(layer._amount), inputs)
    if layer._amount == 1:
        raise no_counterpart(layer, "a rate of 1 has no finite result", "Use a rate below 1.")
    return e.module(layer, "", lambda: parts.GaussianDropout(layer._amount), inputs)


_CHANNELS: dict[type, Any] = {
    SpatialDropout1D: nn.Dropout1d,
    SpatialDropout2D: nn.Dropout2d,
    SpatialDropout3D: nn.Dropout3d,
}


@writes(*_CHANNELS)
def _channels(e: Emitter, layer: Any, inputs: Any) -> Any:
    if e.training is not None:
        raise no_counterpart(layer, "it is called with `training=`", "Use `module.train()` for that.")
    cls, rank = next((_CHANNELS[base], n) for n, base in enumerate(_CHANNELS, 1) if isinstance(layer, base))
    last = getattr(layer, "data_format", "channels_last") == "channels_last"
    x = e.permute(inputs, TO_FIRST[rank]) if last else inputs
    x = e.module(layer, "", lambda: cls(layer.rate), x)
    return e.permute(x, TO_LAST[rank]) if last else x
