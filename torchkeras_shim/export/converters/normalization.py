"""Normalization."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.layers import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)

_BATCH_NORM: dict[int, Any] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def _with_channels_second(e: Emitter, x: Any, rank: int, axis: int, run: Any) -> Any:
    """Runs something on `x` with the given axis in place 1."""
    axis %= rank
    if axis == 1:
        return run(x)
    order = [0, axis, *[other for other in range(1, rank) if other != axis]]
    back = [order.index(position) for position in range(rank)]
    return e.permute(run(e.permute(x, order)), back)


@converts(BatchNormalization, masks=True)
def convert_batch_norm(e: Emitter, layer: Any, inputs: Any, mask: Any = None, finished: Any = None) -> Any:
    """Adds a batch normalization, with `finished` a function that is given the module and returns the one to use."""
    rank = len(e.shape(inputs, layer))
    frozen = not layer.trainable or e.training is False
    if layer.renorm and not frozen:
        raise no_counterpart(layer, "`nn.BatchNorm2d` has no `renorm`", "Use `renorm=False`.")
    if e.training is True and layer.trainable:
        raise no_counterpart(layer, "it is called with `training=True`", "Use `module.train()` for that.")
    mask = e.masks.get(inputs) if mask is None else mask
    if mask is not None and not frozen:
        raise no_counterpart(layer, "`nn.BatchNorm1d` leaves no masked steps out", "Freeze it (`trainable = False`).")
    if rank not in _BATCH_NORM and not frozen:
        raise no_counterpart(layer, f"torch has no batch normalization of rank {rank}", "Reshape the input before it.")

    def run(x: Any) -> Any:
        if not frozen:
            change = finished or (lambda module: module)
            return e.module(layer, "", lambda: change(_batch_norm_module(e, layer, rank)), x)
        # Moving statistics in both modes, which no setting of `nn.BatchNorm2d` means.
        mean = e.parameter(layer, "running_mean", lambda: e.weights.tensor(layer.moving_mean))
        variance = e.parameter(layer, "running_var", lambda: e.weights.tensor(layer.moving_variance))
        gamma = None if layer.gamma is None else e.weight(layer, "gamma")
        beta = None if layer.beta is None else e.weight(layer, "beta")
        return e.call(F.batch_norm, x, mean, variance, gamma, beta, False, 0.0, layer.epsilon)

    outputs = _with_channels_second(e, inputs, rank, layer.axis, run)
    if mask is not None:
        e.masks[outputs] = mask
    return outputs


def _batch_norm_module(e: Emitter, layer: Any, rank: int) -> nn.Module:
    module: nn.Module = _BATCH_NORM[rank](
        layer.moving_mean.shape[0], layer.epsilon, 1.0 - layer.momentum, device=layer.moving_mean.device
    )
    e.weights.fill(module, weight=layer.gamma, bias=layer.beta)
    module.running_mean = e.weights.tensor(layer.moving_mean)
    module.running_var = e.weights.tensor(layer.moving_variance)
    return module


@converts(LayerNormalization)
def _layer_norm(e: Emitter, layer: Any, inputs: Any) -> Any:
    if layer.rms_scaling:
        raise no_counterpart(layer, "`nn.LayerNorm` has no `rms_scaling`", "Use `RMSNormalization`.")
    shape = e.shape(inputs, layer)

    def make() -> nn.Module:
        sizes = [shape[axis] for axis in layer.axis]
        module = nn.LayerNorm(sizes, layer.epsilon, device="meta")
        return e.weights.fill(module, weight=layer.gamma, bias=layer.beta)

    return _over_last(e, layer, inputs, len(shape), make)


def _over_last(e: Emitter, layer: Any, inputs: Any, rank: int, make: Any) -> Any:
    """Calls a module that normalizes over the last axes, with the layer's axes moved there."""
    axes = sorted(axis % rank for axis in layer.axis)
    if [axis % rank for axis in layer.axis] != axes:
        raise no_counterpart(layer, f"its axes {layer.axis} are not in order", "Give them in ascending order.")
    order = [*[axis for axis in range(rank) if axis not in axes], *axes]
    x = e.module(layer, "", make, e.permute(inputs, order))
    return e.permute(x, [order.index(position) for position in range(rank)])


@converts(RMSNormalization)
def _rms_norm(e: Emitter, layer: Any, inputs: Any) -> Any:
    def make() -> nn.Module:
        module = nn.RMSNorm(list(layer.scale.shape), layer.epsilon, device="meta")
        return e.weights.fill(module, weight=layer.scale)

    return _over_last(e, layer, inputs, len(e.shape(inputs, layer)), make)


@converts(GroupNormalization)
def _group_norm(e: Emitter, layer: Any, inputs: Any) -> Any:
    shape = e.shape(inputs, layer)
    channels = shape[layer.axis]

    def make() -> nn.Module:
        module = nn.GroupNorm(layer.groups, channels, layer.epsilon, device="meta")
        return e.weights.fill(module, weight=layer.gamma, bias=layer.beta)

    return _with_channels_second(e, inputs, len(shape), layer.axis, lambda x: e.module(layer, "", make, x))


@converts(UnitNormalization)
def _unit_norm(e: Emitter, layer: Any, inputs: Any) -> Any:
    if isinstance(layer._dim, int):
        return e.call(F.normalize, inputs, dim=layer._dim, eps=1e-12)
    length = e.call(torch.linalg.vector_norm, inputs, dim=tuple(layer._dim), keepdim=True)
    return e.call(torch.div, inputs, e.call(torch.clamp, length, min=1e-12))
