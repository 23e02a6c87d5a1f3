"""Layers of Keras 1 and 2 whose positional arguments, or whose whole class, Keras 3 does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.compat.legacy import merged, once
from torchkeras_shim.layers import retired

#: What came after the sizes of a kernel, in Keras 1.
AFTER_SIZES = ("init", "activation", "weights", "border_mode", "subsample", "dim_ordering")


class _Maker(type):
    """The class of an old class: calling it gives a layer of its base, whose instances count as its own."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "make" not in cls.__dict__:  # a subclass of the user's
            return super().__call__(*args, **kwargs)
        return cls.__dict__["make"](*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[1]) if "make" in cls.__dict__ else super().__instancecheck__(instance)


def _old_class(name: str, base: type, make: Callable[..., Any]) -> type:
    return _Maker(name, (base,), {"make": make, "__doc__": f"Makes a `{base.__name__}`.", "__module__": __name__})


def _convolution(name: str, base: Any, rank: int) -> type:
    """Returns the class that reads `Convolution2D(64, 3, 3)`; there, today's `Conv2D` reads a stride."""

    def make(*args: Any, **kwargs: Any) -> Any:
        sizes = args[1 : 1 + rank]
        if rank > 1 and len(sizes) == rank and all(type(size) is int for size in sizes):
            rest = dict(zip(AFTER_SIZES, args[1 + rank :], strict=False))
            numbers = ", ".join(map(str, sizes))
            once.say(f"{name}({args[0]}, {numbers})", f"{base.__name__}({args[0]}, ({numbers}))")
            return base(args[0], sizes, **rest, **kwargs)
        return base(*args, **kwargs)

    return _old_class(name, base, make)


def _time_distributed_dense(output_dim: int, **kwargs: Any) -> Any:
    once.say("TimeDistributedDense(n)", "Dense(n)")
    return layers.Dense(output_dim, **kwargs)


def _cudnn_gru(units: int, **kwargs: Any) -> Any:
    once.say("CuDNNGRU(n)", "GRU(n)")
    return layers.GRU(units, **{"reset_after": True, **kwargs})


def _cudnn_lstm(units: int, **kwargs: Any) -> Any:
    once.say("CuDNNLSTM(n)", "LSTM(n)")
    return layers.LSTM(units, **kwargs)


def _thresholded_relu(theta: float = 1.0, **kwargs: Any) -> Any:
    once.say("ThresholdedReLU(theta)", "ReLU(threshold=theta)")
    return layers.ReLU(threshold=theta, **kwargs)


#: The layer of today for a way of merging.
MODES: dict[str, type] = {
    "ave": layers.Average,
    "concat": layers.Concatenate,
    "cos": retired.CosineMerge,
    "dot": layers.Dot,
    "max": layers.Maximum,
    "mul": layers.Multiply,
    "sum": layers.Add,
}


def _axes(dot_axes: Any) -> Any:
    if not isinstance(dot_axes, (list, tuple)):
        return dot_axes
    return tuple(axis[0] if isinstance(axis, (list, tuple)) else axis for axis in dot_axes)


def _merging(
    mode: Any,
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    name: str | None = None,
    **kwargs: Any,
) -> Any:
    """Returns the layer of today for a way to merge.

    Args:
        mode: `"sum"`, `"mul"`, `"ave"`, `"max"`, `"concat"`, `"dot"` or `"cos"`, or a function of the list.
        concat_axis: The axis of `"concat"`.
        dot_axes: The axes of `"dot"` and `"cos"`.
        output_shape: What a function returns.
        name: The layer's name.
        **kwargs: `arguments` and `output_mask` of a function.

    Raises:
        ValueError: If the mode is not one of these.
    """
    if callable(mode):
        once.say("merge(mode=function)", "layers.Lambda(function)(tensors)")
        shape = output_shape if isinstance(output_shape, (list, tuple)) else None
        return layers.Lambda(mode, output_shape=shape, mask=kwargs.get("output_mask"),
                             arguments=kwargs.get("arguments"), name=name)  # fmt: skip
    if mode not in MODES:
        raise ValueError(f"merge(mode={mode!r}) is not known. It takes: {list(MODES)}, or a function.")
    once.say(f'merge(mode="{mode}")', f"layers.{MODES[mode].__name__}()(tensors)")
    settings = {"concat": {"axis": concat_axis}, "dot": {"axes": _axes(dot_axes)}, "cos": {"axes": _axes(dot_axes)}}
    return MODES[mode](name=name, **settings.get(mode, {}))


def merge(inputs: Any, mode: Any = "sum", concat_axis: int = -1, dot_axes: Any = -1, output_shape: Any = None,
          output_mask: Any = None, arguments: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """Merges tensors as Keras 1 did; `_merging` has the arguments."""
    layer = _merging(mode, concat_axis, dot_axes, output_shape, name, output_mask=output_mask, arguments=arguments)
    return layer(inputs)


def _merge_layer(layers: Any = None, mode: Any = "sum", concat_axis: int = -1, dot_axes: Any = -1,
                 output_shape: Any = None, output_mask: Any = None, arguments: Any = None, node_indices: Any = None,
                 tensor_indices: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """Returns what `Merge([models], mode)` is today: a model of all their inputs, or the layer alone without models."""
    layer = _merging(mode, concat_axis, dot_axes, output_shape, name, output_mask=output_mask, arguments=arguments)
    if layers is None:
        return layer
    return merged.branches(layers, layer)


#: The layers, by name.
NAMES: dict[str, Any] = {
    "Convolution1D": _convolution("Convolution1D", layers.Conv1D, 1),
    "Convolution2D": _convolution("Convolution2D", layers.Conv2D, 2),
    "Convolution3D": _convolution("Convolution3D", layers.Conv3D, 3),
    "Merge": _merge_layer,
    "merge": merge,
    "Deconvolution2D": _convolution("Deconvolution2D", layers.Conv2DTranspose, 2),
    "AtrousConvolution1D": _convolution("AtrousConvolution1D", layers.Conv1D, 1),
    "AtrousConvolution2D": _convolution("AtrousConvolution2D", layers.Conv2D, 2),
    "SeparableConvolution2D": _convolution("SeparableConvolution2D", layers.SeparableConv2D, 2),
    **{layer.__name__: layer for layer in retired.LAYERS if layer is not retired.CosineMerge},
    "CuDNNGRU": _old_class("CuDNNGRU", layers.GRU, _cudnn_gru),
    "CuDNNLSTM": _old_class("CuDNNLSTM", layers.LSTM, _cudnn_lstm),
    "ThresholdedReLU": _old_class("ThresholdedReLU", layers.ReLU, _thresholded_relu),
    "TimeDistributedDense": _old_class("TimeDistributedDense", layers.Dense, _time_distributed_dense),
}
