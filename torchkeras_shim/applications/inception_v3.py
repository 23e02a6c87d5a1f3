"""InceptionV3: convolutions of several sizes side by side (Szegedy and others, 2016)."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import OLDER_ENDS, files
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

_WEIGHTS = files(
    "inception_v3",
    "inception_v3",
    ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
    OLDER_ENDS,
)

#: A convolution: filters, height and width of the kernel.
_Conv = tuple[int, int, int]
_Branch = tuple[_Conv, ...]


def _small(pooled: int) -> tuple[_Branch, ...]:
    return (
        ((64, 1, 1),),
        ((48, 1, 1), (64, 5, 5)),
        ((64, 1, 1), (96, 3, 3), (96, 3, 3)),
        ((pooled, 1, 1),),
    )


def _long(filters: int) -> tuple[_Branch, ...]:
    return (
        ((192, 1, 1),),
        ((filters, 1, 1), (filters, 1, 7), (192, 7, 1)),
        ((filters, 1, 1), (filters, 7, 1), (filters, 1, 7), (filters, 7, 1), (192, 1, 7)),
        ((192, 1, 1),),
    )


#: The branches of each block; the last one follows an average.
_SMALL = tuple(_small(pooled) for pooled in (32, 64, 64))
_LONG = tuple(_long(filters) for filters in (128, 160, 160, 192))


def _network(frame: Frame) -> Model:
    axis = frame.axis
    image = frame.image(default_size=299, min_size=75)
    x = _conv(image, axis, (32, 3, 3), stride=2, padding="valid")
    x = _conv(x, axis, (32, 3, 3), padding="valid")
    x = _conv(x, axis, (64, 3, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = _conv(x, axis, (80, 1, 1), padding="valid")
    x = _conv(x, axis, (192, 3, 3), padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    for number, branches in enumerate(_SMALL):
        x = _mixed(x, axis, branches, f"mixed{number}")
    x = _smaller(x, axis, (((384, 3, 3),), ((64, 1, 1), (96, 3, 3), (96, 3, 3))), "mixed3")
    for number, branches in enumerate(_LONG, start=4):
        x = _mixed(x, axis, branches, f"mixed{number}")
    last = ((192, 1, 1), (320, 3, 3)), ((192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3))
    x = _smaller(x, axis, last, "mixed8")
    for number in (0, 1):
        x = _forked(x, axis, number)
    return frame.model(image, _end(frame, x), _WEIGHTS)


def _end(frame: Frame, x: KerasTensor) -> KerasTensor:
    return frame.averaged_and_classified(x) if frame.include_top else frame.pooled(x)


def _conv(x: KerasTensor, axis: int, conv: _Conv, stride: int = 1, padding: str = "same") -> Any:
    filters, height, width = conv
    x = layers.Conv2D(filters, (height, width), strides=stride, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(axis=axis, scale=False)(x)
    return layers.Activation("relu")(x)


def _branch(x: KerasTensor, axis: int, branch: _Branch) -> KerasTensor:
    for conv in branch:
        x = _conv(x, axis, conv)
    return x


def _mixed(x: KerasTensor, axis: int, branches: tuple[_Branch, ...], name: str) -> Any:
    found = [_branch(x, axis, branch) for branch in branches[:-1]]
    average = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    found.append(_branch(average, axis, branches[-1]))
    return layers.Concatenate(axis=axis, name=name)(found)


def _smaller(x: KerasTensor, axis: int, branches: tuple[_Branch, ...], name: str) -> Any:
    """Halves height and width: by the last convolution of each branch, and by a pooling beside them."""
    found = []
    for branch in branches:
        inside = _branch(x, axis, branch[:-1])
        found.append(_conv(inside, axis, branch[-1], stride=2, padding="valid"))
    found.append(layers.MaxPooling2D(3, strides=2)(x))
    return layers.Concatenate(axis=axis, name=name)(found)


def _forked(x: KerasTensor, axis: int, number: int) -> Any:
    """A block whose branches end in a row and a column, side by side."""
    found = [_conv(x, axis, (320, 1, 1))]
    for branch, name in ((((384, 1, 1),), f"mixed9_{number}"), (((448, 1, 1), (384, 3, 3)), None)):
        inside = _branch(x, axis, branch)
        fork = [_conv(inside, axis, (384, 1, 3)), _conv(inside, axis, (384, 3, 1))]
        found.append(layers.Concatenate(axis=axis, name=name)(fork))
    average = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    found.append(_conv(average, axis, (192, 1, 1)))
    return layers.Concatenate(axis=axis, name=f"mixed{9 + number}")(found)


InceptionV3 = variant("InceptionV3", "inception_v3", _network, __name__)
preprocess_input = preprocessor("tf")
