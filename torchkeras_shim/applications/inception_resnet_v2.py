"""InceptionResNetV2: Inception's blocks, added to what they were given (Szegedy and others, 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.inception_blocks import Branch, branched, mixed, smaller, stem
from torchkeras_shim.applications.pretrained import OLDER_ENDS, files
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

_WEIGHTS = files(
    "inception_resnet_v2",
    "inception_resnet_v2",
    ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
    OLDER_ENDS,
)

#: The branches of the first block, and of those that make height and width smaller.
_FIRST: tuple[Branch, ...] = (
    ((96, 1, 1),),
    ((48, 1, 1), (64, 5, 5)),
    ((64, 1, 1), (96, 3, 3), (96, 3, 3)),
    ((64, 1, 1),),
)
_TO_17: tuple[Branch, ...] = (((384, 3, 3),), ((256, 1, 1), (256, 3, 3), (384, 3, 3)))
_TO_8: tuple[Branch, ...] = (
    ((256, 1, 1), (384, 3, 3)),
    ((256, 1, 1), (288, 3, 3)),
    ((256, 1, 1), (288, 3, 3), (320, 3, 3)),
)
#: The branches of the blocks that are repeated, named after the size of their pictures.
_AT_35: tuple[Branch, ...] = (((32, 1, 1),), ((32, 1, 1), (32, 3, 3)), ((32, 1, 1), (48, 3, 3), (64, 3, 3)))
_AT_17: tuple[Branch, ...] = (((192, 1, 1),), ((128, 1, 1), (160, 1, 7), (192, 7, 1)))
_AT_8: tuple[Branch, ...] = (((192, 1, 1),), ((192, 1, 1), (224, 1, 3), (256, 3, 1)))

#: Where files of Keras say that this layer is.
_LAYERS = Registry("layer", "keras.src.applications.inception_resnet_v2")


@_LAYERS.register()
class CustomScaleLayer(layers.Layer):
    """Adds a second input to the first, scaled.

    Args:
        scale: What the second input is multiplied by.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> CustomScaleLayer(0.5)([torch.tensor([1.0]), torch.tensor([2.0])])
        tensor([2.])
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Returns the sum."""
        return torch.add(inputs[0], inputs[1], alpha=self.scale)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "scale": self.scale}


def _network(frame: Frame) -> Model:
    axis = frame.axis
    image = frame.image(default_size=299, min_size=75)
    x = mixed(stem(image, axis), axis, _FIRST, "mixed_5b")
    for number in range(1, 11):
        x = _block(x, axis, _AT_35, f"block35_{number}", scale=0.17)
    x = smaller(x, axis, _TO_17, "mixed_6a")
    for number in range(1, 21):
        x = _block(x, axis, _AT_17, f"block17_{number}", scale=0.1)
    x = smaller(x, axis, _TO_8, "mixed_7a")
    for number in range(1, 10):
        x = _block(x, axis, _AT_8, f"block8_{number}", scale=0.2)
    x = _block(x, axis, _AT_8, "block8_10", scale=1.0, activated=False)
    x = layers.Conv2D(1536, 1, padding="same", use_bias=False, name="conv_7b")(x)
    x = layers.BatchNormalization(axis=axis, scale=False, name="conv_7b_bn")(x)
    x = layers.Activation("relu", name="conv_7b_ac")(x)
    return frame.model(image, _end(frame, x), _WEIGHTS)


def _end(frame: Frame, x: KerasTensor) -> KerasTensor:
    # The poolings of a model without a classifier have automatic names in this family.
    return frame.averaged_and_classified(x) if frame.include_top else frame.pooled(x)


def _block(
    x: KerasTensor, axis: int, branches: tuple[Branch, ...], name: str, scale: float, activated: bool = True
) -> Any:
    """What branches find, as many channels as came in, added to what came in."""
    found = layers.Concatenate(axis=axis, name=f"{name}_mixed")([branched(x, axis, branch) for branch in branches])
    channels = x.shape[axis]
    assert channels is not None
    found = layers.Conv2D(channels, 1, padding="same", name=f"{name}_conv")(found)
    x = CustomScaleLayer(scale)([x, found])
    return layers.Activation("relu", name=f"{name}_ac")(x) if activated else x


InceptionResNetV2 = variant("InceptionResNetV2", "inception_resnet_v2", _network, __name__)
preprocess_input = preprocessor("tf")
