"""DenseNet: each block adds a few channels to all that came before (Huang and others, 2017)."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, Network, variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import OLDER_ENDS, files
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

_GROWTH = 32
_EPSILON = 1.001e-5


def _densenet(name: str, depths: tuple[int, ...], hashes: tuple[str, str]) -> Network:
    weights = files("densenet", name, hashes, OLDER_ENDS)

    def network(frame: Frame) -> Model:
        axis = frame.axis
        image = frame.image(default_size=224, min_size=32)
        x = layers.ZeroPadding2D(3)(image)
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
        x = _normalized(x, axis, "conv1_bn", "conv1_relu")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for number, depth in enumerate(depths, start=2):
            for block in range(1, depth + 1):
                x = _block(x, axis, f"conv{number}_block{block}")
            if number <= len(depths):
                x = _transition(x, axis, f"pool{number}")
        x = _normalized(x, axis, "bn", "relu")
        return frame.model(image, frame.averaged_and_classified(x), weights)

    return network


def _normalized(x: KerasTensor, axis: int, name: str, activation: str) -> Any:
    x = layers.BatchNormalization(axis=axis, epsilon=_EPSILON, name=name)(x)
    return layers.Activation("relu", name=activation)(x)


def _block(x: KerasTensor, axis: int, name: str) -> Any:
    new = _normalized(x, axis, f"{name}_0_bn", f"{name}_0_relu")
    new = layers.Conv2D(4 * _GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(new)
    new = _normalized(new, axis, f"{name}_1_bn", f"{name}_1_relu")
    new = layers.Conv2D(_GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
    return layers.Concatenate(axis=axis, name=f"{name}_concat")([x, new])


def _transition(x: KerasTensor, axis: int, name: str) -> Any:
    """Halves the channels, and the height and width."""
    channels = x.shape[axis]
    assert channels is not None
    x = _normalized(x, axis, f"{name}_bn", f"{name}_relu")
    x = layers.Conv2D(channels // 2, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


_121 = _densenet(
    "densenet121", (6, 12, 24, 16), ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738")
)
_169 = _densenet(
    "densenet169", (6, 12, 32, 32), ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b")
)
_201 = _densenet(
    "densenet201", (6, 12, 48, 32), ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1")
)

DenseNet121 = variant("DenseNet121", "densenet121", _121, __name__)
DenseNet169 = variant("DenseNet169", "densenet169", _169, __name__)
DenseNet201 = variant("DenseNet201", "densenet201", _201, __name__)
preprocess_input = preprocessor("torch")
