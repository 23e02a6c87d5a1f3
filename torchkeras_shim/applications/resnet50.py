"""ResNet50 under the name of a module of its own."""

from torchkeras_shim.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
