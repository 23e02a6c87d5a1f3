"""The part of `keras.ops` that numpy has too: `keras.ops.numpy`."""

from torchkeras_shim.ops import (
    arithmetic,
    comparison,
    creation,
    elementwise,
    extremes,
    indexing,
    matrices,
    nan_statistics,
    products,
    rearranging,
    reductions,
    rounding,
    sets,
    shaping,
    special,
    statistics,
    tapers,
    vectorizing,
)
from torchkeras_shim.ops.arithmetic import *
from torchkeras_shim.ops.comparison import *
from torchkeras_shim.ops.creation import *
from torchkeras_shim.ops.elementwise import *
from torchkeras_shim.ops.extremes import *
from torchkeras_shim.ops.indexing import *
from torchkeras_shim.ops.matrices import *
from torchkeras_shim.ops.nan_statistics import *
from torchkeras_shim.ops.products import *
from torchkeras_shim.ops.rearranging import *
from torchkeras_shim.ops.reductions import *
from torchkeras_shim.ops.rounding import *
from torchkeras_shim.ops.sets import *
from torchkeras_shim.ops.shaping import *
from torchkeras_shim.ops.special import *
from torchkeras_shim.ops.statistics import *
from torchkeras_shim.ops.tapers import *
from torchkeras_shim.ops.vectorizing import *

#: What these modules hold that Keras keeps in `keras.ops.math` and `keras.ops.linalg`.
_NOT_HERE = ("cdist", "erf", "erfc", "erfinv", "in_top_k", "logdet", "logsumexp", "norm", "rsqrt", "top_k")
_FAMILIES = (
    arithmetic,
    comparison,
    creation,
    elementwise,
    extremes,
    indexing,
    matrices,
    nan_statistics,
    products,
    rearranging,
    reductions,
    rounding,
    sets,
    shaping,
    special,
    statistics,
    tapers,
    vectorizing,
)

__all__ = sorted({name for family in _FAMILIES for name in family.__all__ if name not in _NOT_HERE})
