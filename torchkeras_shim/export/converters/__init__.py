"""How each layer is written as plain torch. Importing this package fills the table."""

from torchkeras_shim.export.converters import (
    attention,
    convolution,
    core,
    images,
    merging,
    normalization,
    pooling,
    recurrent,
    regularization,
    shaping,
)

__all__ = [
    "attention",
    "convolution",
    "core",
    "images",
    "merging",
    "normalization",
    "pooling",
    "recurrent",
    "regularization",
    "shaping",
]
