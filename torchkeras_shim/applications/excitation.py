"""Squeeze and excitation: channels weighed by what all of a picture says of them (Hu and others, 2018)."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

#: How the kernels of both EfficientNets begin.
KERNELS = {
    "class_name": "VarianceScaling",
    "config": {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"},
}
LAST_KERNEL = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"},
}


def excited(x: KerasTensor, axis: int, reduced: int, name: str) -> Any:
    """Returns features whose channels are weighed.

    Args:
        x: The features.
        axis: Where the channels are.
        reduced: How many channels the weights are computed from.
        name: What the layers' names begin with.
    """
    channels = x.shape[axis]
    assert channels is not None
    weights = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    shape = (1, 1, channels) if axis == 3 else (channels, 1, 1)
    weights = layers.Reshape(shape, name=f"{name}se_reshape")(weights)
    for filters, activation, step in ((reduced, "swish", "reduce"), (channels, "sigmoid", "expand")):
        weights = layers.Conv2D(
            filters,
            1,
            padding="same",
            activation=activation,
            kernel_initializer=KERNELS,
            name=f"{name}se_{step}",
        )(weights)
    return layers.Multiply(name=f"{name}se_excite")([x, weights])
