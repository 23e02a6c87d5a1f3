"""Layers of Keras 1 and 2 that `keras.layers` has no longer: for files that hold them, and scripts of that time."""

from torchkeras_shim.layers.retired.activations import ParametricSoftplus, SReLU
from torchkeras_shim.layers.retired.cosine import CosineMerge
from torchkeras_shim.layers.retired.dense import Highway, MaxoutDense
from torchkeras_shim.layers.retired.locally_connected import LocallyConnected1D, LocallyConnected2D

#: All of them. Scripts have them in the zero-change mode.
LAYERS = (CosineMerge, Highway, LocallyConnected1D, LocallyConnected2D, MaxoutDense, ParametricSoftplus, SReLU)

__all__ = [
    "LAYERS",
    "CosineMerge",
    "Highway",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxoutDense",
    "ParametricSoftplus",
    "SReLU",
]
