"""Convolutions: torch's modules between a permutation to its layout and one back."""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim.export.converters.activation import activate
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.layers import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from torchkeras_shim.ops.convolution import KERNEL_TO_TORCH, transposed_amounts
from torchkeras_shim.ops.windows import TO_FIRST, TO_LAST, same_padding

_CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def to_first(e: Emitter, layer: Any, x: Any, rank: int) -> Any:
    """Brings an input into torch's layout."""
    return e.permute(x, TO_FIRST[rank]) if layer.data_format == "channels_last" else x


def to_last(e: Emitter, layer: Any, x: Any, rank: int) -> Any:
    """Brings an output back into the layer's layout."""
    return e.permute(x, TO_LAST[rank]) if layer.data_format == "channels_last" else x


def spatial_sizes(e: Emitter, layer: Any, inputs: Any, rank: int) -> list[int | None]:
    """Returns the spatial sizes of a layer's input, `None` if they are not known."""
    shape = e.shape(inputs, layer)
    return list(shape[1 : 1 + rank] if layer.data_format == "channels_last" else shape[2:])


def pad_same(e: Emitter, x: Any, sizes: list[int | None], window: Any, strides: Any, dilation: Any, fill: float) -> Any:
    """Pads as TensorFlow's `same` does; where a size is not known, by nodes that compute the amounts from it."""
    amounts: list[Any] = []
    for axis in reversed(range(len(sizes))):
        size = sizes[axis]
        if size is not None:
            amounts += same_padding(size, window[axis], strides[axis], dilation[axis])
        else:
            amounts += _unknown_amounts(e, x, axis + 2, (window[axis] - 1) * dilation[axis] + 1, strides[axis])
    return x if all(amount == 0 for amount in amounts) else e.call(F.pad, x, amounts, value=fill)


def _unknown_amounts(e: Emitter, x: Any, axis: int, reach: int, stride: int) -> list[Any]:
    if stride == 1:
        return [(reach - 1) // 2, reach - 1 - (reach - 1) // 2]
    size = e.method("size", x, axis)
    # total = max((ceil(size / stride) - 1) * stride + reach - size, 0)
    outputs = e.call(operator.floordiv, e.call(operator.add, size, stride - 1), stride)
    covered = e.call(operator.add, e.call(operator.mul, outputs, stride), reach - stride)
    total = e.call(torch.sym_max, e.call(operator.sub, covered, size), 0)
    before = e.call(operator.floordiv, total, 2)
    return [before, e.call(operator.sub, total, before)]


def _convolution(e: Emitter, layer: Any, x: Any, part: str, kernel: Any, view: Any, bias: Any, groups: int) -> Any:
    """Adds the module and what `padding` needs before it; `x` is in torch's layout already."""
    rank = layer.rank
    amounts = layer._amounts

    def make() -> nn.Module:
        weight = view(kernel)
        module = _CONV[rank](
            weight.shape[1] * groups,
            weight.shape[0],
            layer.kernel_size,
            layer.strides,
            0 if isinstance(amounts, str) else amounts,
            layer.dilation_rate,
            groups,
            bias is not None,
            device="meta",
        )
        return e.weights.fill(module, weight=(kernel, view), bias=bias)

    return e.module(layer, part, make, x)


def _padded(e: Emitter, layer: Any, inputs: Any) -> Any:
    """Returns the input in torch's layout, padded where the module cannot do it."""
    if type(layer).convolution_op is not Conv2D.convolution_op:
        raise no_counterpart(layer, "it overrides `convolution_op`", "Write it as a `torch.nn.Module` of your own.")
    rank, mode = layer.rank, layer._amounts
    x = to_first(e, layer, inputs, rank)
    if mode == "causal":
        return e.call(F.pad, x, [layer.dilation_rate[0] * (layer.kernel_size[0] - 1), 0])
    if mode == "same":
        sizes = spatial_sizes(e, layer, inputs, rank)
        return pad_same(e, x, sizes, layer.kernel_size, layer.strides, layer.dilation_rate, 0.0)
    return x


@converts(Conv1D, Conv2D, Conv3D)
def _conv(e: Emitter, layer: Any, inputs: Any) -> Any:
    x = _padded(e, layer, inputs)
    order = KERNEL_TO_TORCH[layer.rank]
    x = _convolution(e, layer, x, "", layer.kernel, lambda k: k.permute(order), layer.bias, layer.groups)
    return _activated(e, layer, x)


def _activated(e: Emitter, layer: Any, x: Any) -> Any:
    return activate(e, layer, to_last(e, layer, x, layer.rank), layer.activation)


def _depthwise_view(kernel: torch.Tensor) -> torch.Tensor:
    rank = kernel.ndim - 2
    turned = kernel.permute(rank, rank + 1, *range(rank))
    return turned.reshape(-1, 1, *turned.shape[2:])


@converts(DepthwiseConv1D, DepthwiseConv2D)
def _depthwise(e: Emitter, layer: Any, inputs: Any) -> Any:
    x = _padded(e, layer, inputs)
    x = _convolution(e, layer, x, "", layer.kernel, _depthwise_view, layer.bias, layer.kernel.shape[-2])
    return _activated(e, layer, x)


@converts(SeparableConv1D, SeparableConv2D)
def _separable(e: Emitter, layer: Any, inputs: Any) -> Any:
    x = _padded(e, layer, inputs)
    depthwise, pointwise = layer.depthwise_kernel, layer.pointwise_kernel
    x = _convolution(e, layer, x, ".depthwise", depthwise, _depthwise_view, None, depthwise.shape[-2])
    order = KERNEL_TO_TORCH[layer.rank]

    def make() -> nn.Module:
        module = _CONV[layer.rank](*pointwise.shape[-2:], 1, bias=layer.bias is not None, device="meta")
        return e.weights.fill(module, weight=(pointwise, lambda k: k.permute(order)), bias=layer.bias)

    return _activated(e, layer, e.module(layer, ".pointwise", make, x))


@converts(Conv1DTranspose, Conv2DTranspose, Conv3DTranspose)
def _transposed(e: Emitter, layer: Any, inputs: Any) -> Any:
    rank = layer.rank
    amounts, additions, rest = transposed_amounts(
        layer.kernel_size, layer.strides, layer.padding, layer._extra, layer.dilation_rate
    )
    inside = all(pair == (0, 0) for pair in rest)
    order = KERNEL_TO_TORCH[rank]

    def make() -> nn.Module:
        filters, channels = layer.kernel.shape[-2:]
        module = _TRANSPOSED[rank](
            channels,
            filters,
            layer.kernel_size,
            layer.strides,
            amounts,
            additions,
            bias=layer.bias is not None and inside,
            dilation=layer.dilation_rate,
            device="meta",
        )
        return e.weights.fill(
            module, weight=(layer.kernel, lambda k: k.permute(order)), bias=layer.bias if inside else None
        )

    x = e.module(layer, "" if inside else ".kernel", make, to_first(e, layer, inputs, rank))
    if not inside:
        # What torch's module cannot crop or add at one end only; the bias comes after it.
        x = e.call(F.pad, x, [amount for pair in reversed(rest) for amount in pair])
        if layer.bias is not None:
            x = e.call(torch.add, x, e.weight(layer, "bias", lambda b: b.view(-1, *(1,) * rank)))
    return _activated(e, layer, x)
