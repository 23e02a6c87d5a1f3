"""`keras.legacy`: what is kept for older code."""

from torchkeras_shim.legacy import saving

__all__ = ["saving"]
