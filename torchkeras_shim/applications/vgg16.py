"""VGG16."""

from torchkeras_shim.applications.frame import variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.vgg import vgg

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

_HASHES = ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc")

VGG16 = variant("VGG16", "vgg16", vgg("vgg16", (2, 2, 3, 3, 3), _HASHES), __name__)
preprocess_input = preprocessor("caffe")
