"""The part of `keras.ops` that networks are made of: `keras.ops.nn`."""

from torchkeras_shim.ops import (
    activation,
    adaptive_pooling,
    attention,
    blocks,
    convolution,
    crossentropy,
    ctc,
    encoding,
    normalization,
    pooling,
)
from torchkeras_shim.ops.activation import *
from torchkeras_shim.ops.adaptive_pooling import *
from torchkeras_shim.ops.attention import *
from torchkeras_shim.ops.blocks import *
from torchkeras_shim.ops.convolution import *
from torchkeras_shim.ops.crossentropy import *
from torchkeras_shim.ops.ctc import *
from torchkeras_shim.ops.encoding import *
from torchkeras_shim.ops.fourier import polar
from torchkeras_shim.ops.image.filters import psnr
from torchkeras_shim.ops.normalization import *
from torchkeras_shim.ops.pooling import *

_FAMILIES = (
    activation,
    adaptive_pooling,
    attention,
    blocks,
    convolution,
    crossentropy,
    ctc,
    encoding,
    normalization,
    pooling,
)

__all__ = sorted({"polar", "psnr", *(name for family in _FAMILIES for name in family.__all__ if name != "rearrange")})
