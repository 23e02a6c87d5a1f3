"""ResNet50V2, ResNet101V2 and ResNet152V2."""

from torchkeras_shim.applications.frame import variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.resnet_blocks import resnet

__all__ = ["ResNet101V2", "ResNet152V2", "ResNet50V2", "decode_predictions", "preprocess_input"]

_50 = resnet(
    "resnet50v2",
    (3, 4, 6, 3),
    ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    version=2,
)
_101 = resnet(
    "resnet101v2",
    (3, 4, 23, 3),
    ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    version=2,
)
_152 = resnet(
    "resnet152v2",
    (3, 8, 36, 3),
    ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    version=2,
)

ResNet50V2 = variant("ResNet50V2", "resnet50v2", _50, __name__)
ResNet101V2 = variant("ResNet101V2", "resnet101v2", _101, __name__)
ResNet152V2 = variant("ResNet152V2", "resnet152v2", _152, __name__)
preprocess_input = preprocessor("tf")
