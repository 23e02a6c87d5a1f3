"""Blocks of convolutions of several sizes side by side, which InceptionV3 and InceptionResNetV2 are made of."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

#: A convolution: filters, height and width of the kernel.
Conv = tuple[int, int, int]
Branch = tuple[Conv, ...]


def convolved(x: KerasTensor, axis: int, conv: Conv, stride: int = 1, padding: str = "same") -> Any:
    """Returns what a convolution finds, normalized and without what is below zero.

    Args:
        x: The features.
        axis: Where the channels are.
        conv: The convolution.
        stride: Its stride.
        padding: Its padding.
    """
    filters, height, width = conv
    x = layers.Conv2D(filters, (height, width), strides=stride, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(axis=axis, scale=False)(x)
    return layers.Activation("relu")(x)


def branched(x: KerasTensor, axis: int, branch: Branch) -> KerasTensor:
    """Returns what convolutions find, one after the other.

    Args:
        x: The features.
        axis: Where the channels are.
        branch: The convolutions.
    """
    for conv in branch:
        x = convolved(x, axis, conv)
    return x


def mixed(x: KerasTensor, axis: int, branches: tuple[Branch, ...], name: str) -> Any:
    """Returns what branches find, side by side; the last one follows an average.

    Args:
        x: The features.
        axis: Where the channels are.
        branches: The branches.
        name: The name of the layer that puts them side by side.
    """
    found = [branched(x, axis, branch) for branch in branches[:-1]]
    average = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    found.append(branched(average, axis, branches[-1]))
    return layers.Concatenate(axis=axis, name=name)(found)


def smaller(x: KerasTensor, axis: int, branches: tuple[Branch, ...], name: str) -> Any:
    """Halves height and width: by the last convolution of each branch, and by a pooling beside them.

    Args:
        x: The features.
        axis: Where the channels are.
        branches: The branches.
        name: The name of the layer that puts them side by side.
    """
    found = []
    for branch in branches:
        inside = branched(x, axis, branch[:-1])
        found.append(convolved(inside, axis, branch[-1], stride=2, padding="valid"))
    found.append(layers.MaxPooling2D(3, strides=2)(x))
    return layers.Concatenate(axis=axis, name=name)(found)


def stem(image: KerasTensor, axis: int) -> Any:
    """Returns the first features of a picture.

    Args:
        image: The picture.
        axis: Where the channels are.
    """
    x = convolved(image, axis, (32, 3, 3), stride=2, padding="valid")
    x = convolved(x, axis, (32, 3, 3), padding="valid")
    x = convolved(x, axis, (64, 3, 3))
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = convolved(x, axis, (80, 1, 1), padding="valid")
    x = convolved(x, axis, (192, 3, 3), padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)
