"""The public `keras.ops`: every operation is a plain tensor function that also works on symbolic tensors.

Each module lists what it adds to it in its `__all__`.
"""

from torchkeras_shim.ops import (
    activation,
    adaptive_pooling,
    arithmetic,
    attention,
    blocks,
    comparison,
    control_flow,
    convolution,
    core,
    creation,
    crossentropy,
    ctc,
    elementwise,
    encoding,
    extremes,
    fourier,
    gradients,
    image,
    indexing,
    linalg,
    matrices,
    nan_statistics,
    nn,
    normalization,
    numpy,
    pooling,
    products,
    rearranging,
    reductions,
    rounding,
    segments,
    sets,
    shaping,
    special,
    statistics,
    tapers,
    vectorizing,
)
from torchkeras_shim.ops.activation import *
from torchkeras_shim.ops.adaptive_pooling import *
from torchkeras_shim.ops.arithmetic import *
from torchkeras_shim.ops.attention import *
from torchkeras_shim.ops.blocks import *
from torchkeras_shim.ops.comparison import *
from torchkeras_shim.ops.control_flow import *
from torchkeras_shim.ops.convolution import *
from torchkeras_shim.ops.core import *
from torchkeras_shim.ops.creation import *
from torchkeras_shim.ops.crossentropy import *
from torchkeras_shim.ops.ctc import *
from torchkeras_shim.ops.elementwise import *
from torchkeras_shim.ops.encoding import *
from torchkeras_shim.ops.extremes import *
from torchkeras_shim.ops.fourier import *
from torchkeras_shim.ops.gradients import *
from torchkeras_shim.ops.image.filters import psnr
from torchkeras_shim.ops.indexing import *
from torchkeras_shim.ops.linalg import *
from torchkeras_shim.ops.matrices import *
from torchkeras_shim.ops.nan_statistics import *
from torchkeras_shim.ops.normalization import *
from torchkeras_shim.ops.pooling import *
from torchkeras_shim.ops.products import *
from torchkeras_shim.ops.rearranging import *
from torchkeras_shim.ops.reductions import *
from torchkeras_shim.ops.rounding import *
from torchkeras_shim.ops.segments import *
from torchkeras_shim.ops.sets import *
from torchkeras_shim.ops.shaping import *
from torchkeras_shim.ops.special import *
from torchkeras_shim.ops.statistics import *
from torchkeras_shim.ops.tapers import *
from torchkeras_shim.ops.vectorizing import *

_FAMILIES = (
    activation,
    adaptive_pooling,
    arithmetic,
    attention,
    blocks,
    comparison,
    control_flow,
    convolution,
    core,
    creation,
    crossentropy,
    ctc,
    elementwise,
    encoding,
    extremes,
    fourier,
    gradients,
    indexing,
    linalg,
    matrices,
    nan_statistics,
    normalization,
    pooling,
    products,
    rearranging,
    reductions,
    rounding,
    segments,
    sets,
    shaping,
    special,
    statistics,
    tapers,
    vectorizing,
)

__all__ = sorted({"image", "linalg", "nn", "numpy", "psnr", *(name for family in _FAMILIES for name in family.__all__)})
