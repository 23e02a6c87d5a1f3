"""Dense layers, embeddings, activations, wrappers of torch modules and functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from torchkeras_shim.export.converters.activation import activate
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.export.tracing import is_plain_function, traced_call
from torchkeras_shim.layers import (
    ELU,
    Activation,
    ActivityRegularization,
    Dense,
    EinsumDense,
    Embedding,
    Identity,
    Lambda,
    LeakyReLU,
    Masking,
    PReLU,
    ReLU,
    Softmax,
    TorchModuleWrapper,
)


def projection(e: Emitter, kernel: torch.Tensor, bias: torch.Tensor | None, bound: int) -> nn.Module:
    """Returns an `nn.Linear` on a kernel whose first `bound` dimensions go in and whose others come out."""
    width = kernel.shape[:bound].numel()
    module = nn.Linear(width, kernel.numel() // width, bias=bias is not None, device="meta")
    flat_bias = None if bias is None else (bias, lambda b: b.view(-1))
    return e.weights.fill(module, weight=(kernel, lambda k: k.view(width, -1).t()), bias=flat_bias)


@converts(Dense)
def _dense(e: Emitter, layer: Any, inputs: Any) -> Any:
    outputs = e.module(layer, "", lambda: projection(e, layer.kernel, layer.bias, 1), inputs)
    e.specs[outputs] = e.specs.get(inputs)  # type: ignore[assignment]
    return activate(e, layer, outputs, layer.activation)


@converts(EinsumDense)
def _einsum_dense(e: Emitter, layer: Any, inputs: Any) -> Any:
    outputs = e.call(torch.einsum, layer.equation, inputs, e.weight(layer, "kernel"))
    if layer.bias is not None:
        outputs = e.call(torch.add, outputs, e.weight(layer, "bias"))
    return activate(e, layer, outputs, layer.activation)


@converts(Embedding, masks=True)
def _embedding(e: Emitter, layer: Any, inputs: Any) -> Any:
    def make() -> nn.Module:
        # With a weight of its own none is drawn: drawing normal numbers on "meta" imports `torch._dynamo`, two seconds.
        size = (layer.input_dim, layer.output_dim)
        module = nn.Embedding(*size, _weight=torch.empty(size, device="meta"))
        return e.weights.fill(module, weight=layer.embeddings)

    spec = e.specs.get(inputs)
    if spec is None or not spec.dtype.startswith(("int32", "int64")):
        inputs = e.method("long", inputs)  # Keras takes integers that come as floats
    outputs = e.module(layer, "", make, inputs)
    if layer.mask_zero:
        e.masks[outputs] = e.call(torch.ne, inputs, 0)
    return outputs


@converts(Masking, masks=True)
def _masking(e: Emitter, layer: Any, inputs: Any) -> Any:
    value = layer.mask_value
    if not isinstance(value, (int, float)):
        raise no_counterpart(layer, "its `mask_value` is not a number", "Use a number.")
    counts = e.call(torch.ne, inputs, value)
    outputs = e.call(torch.where, e.call(torch.any, counts, -1, True), inputs, 0)
    e.masks[outputs] = e.call(torch.any, counts, -1)
    return outputs


@converts(Activation)
def _activation(e: Emitter, layer: Any, inputs: Any) -> Any:
    return activate(e, layer, inputs, layer.activation, part="")


@converts(Identity, ActivityRegularization)
def _identity(e: Emitter, layer: Any, inputs: Any) -> Any:
    return inputs


@converts(ReLU)
def _relu(e: Emitter, layer: Any, inputs: Any) -> Any:
    top, slope, threshold = layer.max_value, layer.negative_slope, layer.threshold
    if threshold == 0 and slope == 0 and top is None:
        return e.module(layer, "", nn.ReLU, inputs)
    if threshold == 0 and slope == 0:
        return e.module(layer, "", lambda: nn.Hardtanh(0.0, top), inputs)
    if threshold == 0 and top is None:
        return e.module(layer, "", lambda: nn.LeakyReLU(slope), inputs)
    above = inputs if top is None else e.call(torch.clamp, inputs, max=top)
    below = e.call(torch.mul, e.call(torch.sub, inputs, threshold), slope)
    return e.call(torch.where, e.call(torch.ge, inputs, threshold), above, below)


@converts(LeakyReLU)
def _leaky(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.module(layer, "", lambda: nn.LeakyReLU(layer.negative_slope), inputs)


@converts(ELU)
def _elu(e: Emitter, layer: Any, inputs: Any) -> Any:
    return e.module(layer, "", lambda: nn.ELU(layer.alpha), inputs)


@converts(PReLU)
def _prelu(e: Emitter, layer: Any, inputs: Any) -> Any:
    # `nn.PReLU` has one slope, or one per channel; Keras's may have one per place.
    below = e.call(torch.mul, e.call(torch.clamp, inputs, max=0.0), e.weight(layer, "alpha"))
    return e.call(torch.add, e.call(torch.relu, inputs), below)


@converts(Softmax)
def _softmax(e: Emitter, layer: Any, inputs: Any, mask: Any = None) -> Any:
    if mask is not None or e.masks.get(inputs) is not None:
        raise no_counterpart(layer, "it takes a mask", "Apply the mask before it, with `torch.where`.")
    axis = layer.axis
    if isinstance(axis, int) or len(axis) == 1:
        return e.module(layer, "", lambda: nn.Softmax(dim=axis if isinstance(axis, int) else axis[0]), inputs)
    total = e.call(torch.logsumexp, inputs, dim=tuple(axis), keepdim=True)
    return e.call(torch.exp, e.call(torch.sub, inputs, total))


@converts(TorchModuleWrapper)
def _wrapper(e: Emitter, layer: Any, *args: Any, **kwargs: Any) -> Any:
    return e.module(layer, "", lambda: e.weights.module(layer.module), *args, **kwargs)


@converts(Lambda)
def _lambda(e: Emitter, layer: Any, inputs: Any) -> Any:
    if layer._wants_mask or layer._wants_training:
        raise no_counterpart(layer, "its function takes a mask or the mode", "Write it as a `torch.nn.Module`.")
    if is_plain_function(layer.function):
        return e.call(layer.function, inputs, **layer.arguments)
    if any(True for value in getattr(layer.function, "__closure__", None) or () if _is_module(value)):
        raise no_counterpart(layer, "its function uses a layer or module", "Call that in the model itself.")
    return traced_call(e, layer, lambda x: layer.function(x, **layer.arguments), inputs)


def _is_module(cell: Any) -> bool:
    try:
        return isinstance(cell.cell_contents, (nn.Module, nn.Parameter))
    except ValueError:  # an empty cell
        return False
