"""ResNet50, ResNet101 and ResNet152."""

from torchkeras_shim.applications.frame import variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.resnet_blocks import resnet

__all__ = ["ResNet101", "ResNet152", "ResNet50", "decode_predictions", "preprocess_input"]

_50 = resnet(
    "resnet50",
    (3, 4, 6, 3),
    ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    version=1,
)
_101 = resnet(
    "resnet101",
    (3, 4, 23, 3),
    ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    version=1,
)
_152 = resnet(
    "resnet152",
    (3, 8, 36, 3),
    ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    version=1,
)

ResNet50 = variant("ResNet50", "resnet50", _50, __name__)
ResNet101 = variant("ResNet101", "resnet101", _101, __name__)
ResNet152 = variant("ResNet152", "resnet152", _152, __name__)
preprocess_input = preprocessor("caffe")
