"""`keras.preprocessing`: data from files and arrays, made ready for a model."""

from torchkeras_shim.preprocessing import image, sequence

__all__ = ["image", "sequence"]
