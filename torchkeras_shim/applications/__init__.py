"""`keras.applications`: models for pictures, with the weights that Keras publishes."""

from torchkeras_shim.applications import imagenet_utils, resnet, resnet50, resnet_v2, vgg16, vgg19
from torchkeras_shim.applications.resnet import ResNet50, ResNet101, ResNet152
from torchkeras_shim.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from torchkeras_shim.applications.vgg16 import VGG16
from torchkeras_shim.applications.vgg19 import VGG19

__all__ = [
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "imagenet_utils",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
]
