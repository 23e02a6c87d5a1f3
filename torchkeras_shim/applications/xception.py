"""Xception: convolutions over places and over channels, one after the other (Chollet, 2017)."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import OLDER_ENDS, files
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

_WEIGHTS = files(
    "xception", "xception", ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"), OLDER_ENDS
)


def _network(frame: Frame) -> Model:
    axis = _AXES[frame.axis]
    x = image = frame.image(default_size=299, min_size=71)
    for number, (filters, stride) in enumerate(((32, 2), (64, 1)), start=1):
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"block1_conv{number}")(x)
        x = layers.BatchNormalization(axis=axis, name=f"block1_conv{number}_bn")(x)
        x = layers.Activation("relu", name=f"block1_conv{number}_act")(x)
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _smaller(x, axis, (filters, filters), block, activated=block > 2)
    for block in range(5, 13):
        rest = x
        for number in (1, 2, 3):
            x = _separable(x, axis, 728, f"block{block}_sepconv{number}", "before")
        x = layers.Add()([x, rest])
    x = _smaller(x, axis, (728, 1024), 13, activated=True)
    for number, filters in ((1, 1536), (2, 2048)):
        x = _separable(x, axis, filters, f"block14_sepconv{number}", "after")
    return frame.model(image, _end(frame, x), _WEIGHTS)


#: Keras's configs count the channels' axis from the end if it is last.
_AXES = {1: 1, 3: -1}


def _end(frame: Frame, x: KerasTensor) -> KerasTensor:
    # The poolings of a model without a classifier have automatic names in this family.
    return frame.averaged_and_classified(x) if frame.include_top else frame.pooled(x)


def _separable(x: KerasTensor, axis: int, filters: int, name: str, activation: str = "") -> Any:
    if activation == "before":
        x = layers.Activation("relu", name=f"{name}_act")(x)
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(axis=axis, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_act")(x) if activation == "after" else x


def _smaller(x: KerasTensor, axis: int, filters: tuple[int, int], block: int, activated: bool) -> Any:
    """Two convolutions and a pooling, which a convolution with a stride goes around."""
    around = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    around = layers.BatchNormalization(axis=axis)(around)
    for number in (1, 2):
        before = "before" if activated or number == 2 else ""
        x = _separable(x, axis, filters[number - 1], f"block{block}_sepconv{number}", before)
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add()([x, around])


Xception = variant("Xception", "xception", _network, __name__)
preprocess_input = preprocessor("tf")
