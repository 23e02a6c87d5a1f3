"""Layers of Keras 1 and 2 whose positional arguments, or whose whole class, Keras 3 does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.compat.legacy import once

#: What came after the sizes of a kernel, in Keras 1.
_AFTER_SIZES = ("init", "activation", "weights", "border_mode", "subsample", "dim_ordering")


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
            rest = dict(zip(_AFTER_SIZES, args[1 + rank :], strict=False))
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


_MODES = {
    "sum": layers.add,
    "mul": layers.multiply,
    "ave": layers.average,
    "max": layers.maximum,
}


def merge(
    inputs: Any, mode: Any = "sum", concat_axis: int = -1, dot_axes: Any = -1, name: str | None = None, **kwargs: Any
) -> Any:
    """Merges tensors as Keras 1 did.

    Args:
        inputs: The tensors.
        mode: `"sum"`, `"mul"`, `"ave"`, `"max"`, `"concat"`, `"dot"` or `"cos"`, or a function of the list.
        concat_axis: The axis of `"concat"`.
        dot_axes: The axes of `"dot"` and `"cos"`.
        name: The layer's name.
        **kwargs: `output_shape` of a function.

    Raises:
        ValueError: If the mode is not one of these.
    """
    named: dict[str, Any] = {} if name is None else {"name": name}
    if mode in _MODES:
        once.say(f'merge(mode="{mode}")', f"layers.{_MODES[mode].__name__}(tensors)")
        return _MODES[mode](inputs, **named)
    if mode == "concat":
        once.say('merge(mode="concat")', "layers.concatenate(tensors)")
        return layers.concatenate(inputs, axis=concat_axis, **named)
    if mode in ("dot", "cos"):
        once.say(f'merge(mode="{mode}")', "layers.dot(tensors, axes)")
        axes = (
            tuple(axis[0] if isinstance(axis, (list, tuple)) else axis for axis in dot_axes)
            if isinstance(dot_axes, (list, tuple))
            else dot_axes
        )
        return layers.dot(inputs, axes=axes, normalize=mode == "cos", **named)
    if callable(mode):
        once.say("merge(mode=function)", "layers.Lambda(function)(tensors)")
        return layers.Lambda(mode, **named, **kwargs)(inputs)
    raise ValueError(
        f"merge(mode={mode!r}) is not known. It takes: {[*_MODES, 'concat', 'dot', 'cos']}, or a function."
    )


#: The layers, by name.
NAMES: dict[str, Any] = {
    "Convolution1D": _convolution("Convolution1D", layers.Conv1D, 1),
    "Convolution2D": _convolution("Convolution2D", layers.Conv2D, 2),
    "Convolution3D": _convolution("Convolution3D", layers.Conv3D, 3),
    "merge": merge,
    "Deconvolution2D": _convolution("Deconvolution2D", layers.Conv2DTranspose, 2),
    "AtrousConvolution1D": _convolution("AtrousConvolution1D", layers.Conv1D, 1),
    "AtrousConvolution2D": _convolution("AtrousConvolution2D", layers.Conv2D, 2),
    "SeparableConvolution2D": _convolution("SeparableConvolution2D", layers.SeparableConv2D, 2),
    "CuDNNGRU": _old_class("CuDNNGRU", layers.GRU, _cudnn_gru),
    "CuDNNLSTM": _old_class("CuDNNLSTM", layers.LSTM, _cudnn_lstm),
    "ThresholdedReLU": _old_class("ThresholdedReLU", layers.ReLU, _thresholded_relu),
    "TimeDistributedDense": _old_class("TimeDistributedDense", layers.Dense, _time_distributed_dense),
}
