"""Batch normalization with Keras's statistics, which training needs."""

from __future__ import annotations

from typing import Any

from torch import nn

from torchkeras_shim.export.converters.normalization import convert_batch_norm
from torchkeras_shim.export.emitter import Emitter
from torchkeras_shim.export.source.parts import normalization as parts
from torchkeras_shim.export.source.table import writes
from torchkeras_shim.layers import BatchNormalization

_BIASED: dict[type, type] = {
    nn.BatchNorm1d: parts.BatchNorm1d,
    nn.BatchNorm2d: parts.BatchNorm2d,
    nn.BatchNorm3d: parts.BatchNorm3d,
}


@writes(BatchNormalization)
def _batch_norm(e: Emitter, layer: Any, inputs: Any, mask: Any = None) -> Any:
    return convert_batch_norm(e, layer, inputs, mask, _with_biased_variance)


def _with_biased_variance(module: Any) -> Any:
    module.momentum = round(module.momentum, 12)  # 1 - 0.99 is 0.010000000000000009
    module.__class__ = _BIASED[type(module)]
    return module
