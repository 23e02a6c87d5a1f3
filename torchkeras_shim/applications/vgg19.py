"""VGG19."""

from torchkeras_shim.applications.frame import variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.vgg import vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

_HASHES = ("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6")

VGG19 = variant("VGG19", "vgg19", vgg("vgg19", (2, 2, 4, 4, 4), _HASHES), __name__)
preprocess_input = preprocessor("caffe")
