"""InceptionV3: convolutions of several sizes side by side (Szegedy and others, 2016)."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.inception_blocks import Branch, branched, convolved, mixed, smaller, stem
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


def _small(pooled: int) -> tuple[Branch, ...]:
    return (
        ((64, 1, 1),),
        ((48, 1, 1), (64, 5, 5)),
        ((64, 1, 1), (96, 3, 3), (96, 3, 3)),
        ((pooled, 1, 1),),
    )


def _long(filters: int) -> tuple[Branch, ...]:
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
    x = stem(image, axis)
    for number, branches in enumerate(_SMALL):
        x = mixed(x, axis, branches, f"mixed{number}")
    x = smaller(x, axis, (((384, 3, 3),), ((64, 1, 1), (96, 3, 3), (96, 3, 3))), "mixed3")
    for number, branches in enumerate(_LONG, start=4):
        x = mixed(x, axis, branches, f"mixed{number}")
    last = ((192, 1, 1), (320, 3, 3)), ((192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3))
    x = smaller(x, axis, last, "mixed8")
    for number in (0, 1):
        x = _forked(x, axis, number)
    return frame.model(image, _end(frame, x), _WEIGHTS)


def _end(frame: Frame, x: KerasTensor) -> KerasTensor:
    return frame.averaged_and_classified(x) if frame.include_top else frame.pooled(x)


def _forked(x: KerasTensor, axis: int, number: int) -> Any:
    """A block whose branches end in a row and a column, side by side."""
    found = [convolved(x, axis, (320, 1, 1))]
    for branch, name in ((((384, 1, 1),), f"mixed9_{number}"), (((448, 1, 1), (384, 3, 3)), None)):
        inside = branched(x, axis, branch)
        fork = [convolved(inside, axis, (384, 1, 3)), convolved(inside, axis, (384, 3, 1))]
        found.append(layers.Concatenate(axis=axis, name=name)(fork))
    average = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    found.append(convolved(average, axis, (192, 1, 1)))
    return layers.Concatenate(axis=axis, name=f"mixed{9 + number}")(found)


InceptionV3 = variant("InceptionV3", "inception_v3", _network, __name__)
preprocess_input = preprocessor("tf")
