"""Dropout and noise. The draws are torch's own: a `seed` of the layer is not taken over."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.layers import (
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)


def drop(e: Emitter, layer: Any, x: Any, rate: float, part: str = "") -> Any:
    """Adds an `nn.Dropout`, or what holds for a mode that the call was given."""
    if e.training is False:
        return x
    if e.training is True:
        return e.call(F.dropout, x, rate, True)
    return e.module(layer, part, lambda: nn.Dropout(rate), x)


@converts(Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D)
def _dropout(e: Emitter, layer: Any, inputs: Any) -> Any:
    if layer.noise_shape is None:
        return drop(e, layer, inputs, layer.rate)
    if e.training is False:
        return inputs
    shape = [e.method("size", inputs, axis) if size is None else size for axis, size in enumerate(layer.noise_shape)]
    kept = drop(e, layer, e.method("new_ones", inputs, shape), layer.rate)
    return e.call(torch.mul, inputs, kept)


def _in_training(e: Emitter, layer: Any, like: Any) -> Any:
    """Adds a tensor that is 1 in training mode and 0 otherwise, because a graph does not know its mode.

    Dropout of one half makes 0 or 2 of a 1 in training, which are both 1 away from it.
    """
    if e.training is True:
        return 1.0
    one = e.method("new_ones", like, (1,))
    return e.call(torch.abs, e.call(torch.sub, e.module(layer, ".mode", lambda: nn.Dropout(0.5), one), 1.0))


@converts(GaussianNoise)
def _noise(e: Emitter, layer: Any, inputs: Any) -> Any:
    if e.training is False or layer._amount == 0:
        return inputs
    noise = e.call(torch.mul, e.call(torch.randn_like, inputs), layer._amount)
    return e.call(torch.add, inputs, e.call(torch.mul, noise, _in_training(e, layer, inputs)))


@converts(GaussianDropout)
def _gaussian_dropout(e: Emitter, layer: Any, inputs: Any) -> Any:
    if e.training is False or layer._amount == 0:
        return inputs
    if layer._amount == 1:
        raise no_counterpart(layer, "a rate of 1 has no finite result", "Use a rate below 1.")
    deviation = math.sqrt(layer._amount / (1.0 - layer._amount))
    noise = e.call(torch.mul, e.call(torch.randn_like, inputs), deviation)
    factor = e.call(torch.add, e.call(torch.mul, noise, _in_training(e, layer, inputs)), 1.0)
    return e.call(torch.mul, inputs, factor)


@converts(AlphaDropout)
def _alpha_dropout(e: Emitter, layer: Any, inputs: Any) -> Any:
    if e.training is False:
        return inputs
    if getattr(layer, "noise_shape", None) is not None:
        raise no_counterpart(layer, "`nn.AlphaDropout` has no `noise_shape`", "Leave it out.")
    if e.training is True:
        return e.call(F.alpha_dropout, inputs, layer._amount, True)
    return e.module(layer, "", lambda: nn.AlphaDropout(layer._amount), inputs)
