"""ResNet: blocks that add what they find to what they were given (He and others, 2015 and 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame
from torchkeras_shim.applications.pretrained import OLDER_ENDS, files
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

_EPSILON = 1.001e-5
_FILTERS = (64, 128, 256, 512)


def resnet(name: str, depths: tuple[int, ...], hashes: tuple[str, str], version: int) -> Callable[[Frame], Model]:
    """Returns what builds a ResNet.

    Args:
        name: What its files are called.
        depths: How many blocks each of the four stages has.
        hashes: The hashes of its files.
        version: 1 normalizes after the convolutions, 2 before them.
    """
    weights = files("resnet", name, hashes, OLDER_ENDS)
    stage = _stage if version == 1 else _stage_v2

    def network(frame: Frame) -> Model:
        axis = frame.axis
        image = frame.image(default_size=224, min_size=32)
        x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        if version == 1:
            x = _normalized(x, axis, "conv1_bn", "conv1_relu")
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for number, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True), start=2):
            x = stage(x, axis, filters, depth, f"conv{number}", last=number == 5)
        if version == 2:
            x = _normalized(x, axis, "post_bn", "post_relu")
        return frame.model(image, frame.averaged_and_classified(x), weights)

    return network


def _normalized(x: KerasTensor, axis: int, name: str, activation: str | None = None) -> Any:
    x = layers.BatchNormalization(axis=axis, epsilon=_EPSILON, name=name)(x)
    return layers.Activation("relu", name=activation)(x) if activation else x


# Version 1 ----------------------------------------------------------------------------------------------------------


def _stage(x: KerasTensor, axis: int, filters: int, depth: int, name: str, last: bool) -> KerasTensor:
    for number in range(1, depth + 1):
        # The first stage follows a pooling; each later one makes the picture smaller by itself, as it begins.
        stride = 2 if number == 1 and name != "conv2" else 1
        x = _block(x, axis, filters, stride, f"{name}_block{number}", projected=number == 1)
    return x


def _block(x: KerasTensor, axis: int, filters: int, stride: int, name: str, projected: bool) -> Any:
    shortcut = x
    if projected:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        shortcut = _normalized(shortcut, axis, f"{name}_0_bn")
    x = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = _normalized(x, axis, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = _normalized(x, axis, f"{name}_2_bn", f"{name}_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = _normalized(x, axis, f"{name}_3_bn")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


# Version 2 ----------------------------------------------------------------------------------------------------------


def _stage_v2(x: KerasTensor, axis: int, filters: int, depth: int, name: str, last: bool) -> KerasTensor:
    for number in range(1, depth + 1):
        # All stages but the last make the picture smaller, at their end.
        stride = 2 if number == depth and not last else 1
        x = _block_v2(x, axis, filters, stride, f"{name}_block{number}", projected=number == 1)
    return x


def _block_v2(x: KerasTensor, axis: int, filters: int, stride: int, name: str, projected: bool) -> Any:
    before = _normalized(x, axis, f"{name}_preact_bn", f"{name}_preact_relu")
    shortcut = x
    if projected:
        shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(before)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = _normalized(x, axis, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = _normalized(x, axis, f"{name}_2_bn", f"{name}_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])
