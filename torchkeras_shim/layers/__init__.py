"""Layers: everything in Keras's `keras.layers` that this package has."""

from torchkeras_shim.layers.activations.activation import Activation
from torchkeras_shim.layers.activations.rectifiers import ELU, LeakyReLU, PReLU, ReLU
from torchkeras_shim.layers.activations.softmax import Softmax
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.convolutional.conv import Conv1D, Conv2D, Conv3D
from torchkeras_shim.layers.core.dense import Dense
from torchkeras_shim.layers.core.embedding import Embedding
from torchkeras_shim.layers.core.identity import Identity
from torchkeras_shim.layers.core.lambda_layer import Lambda
from torchkeras_shim.layers.core.torch_module_wrapper import TorchModuleWrapper
from torchkeras_shim.layers.input_layer import Input, InputLayer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.merging.concatenate import Concatenate, concatenate
from torchkeras_shim.layers.merging.dot import Dot, dot
from torchkeras_shim.layers.merging.elementwise import (
    Add,
    Average,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    maximum,
    minimum,
    multiply,
    subtract,
)
from torchkeras_shim.layers.normalization.batch_normalization import BatchNormalization
from torchkeras_shim.layers.normalization.layer_normalization import LayerNormalization
from torchkeras_shim.layers.pooling.average_pooling import AveragePooling1D, AveragePooling2D, AveragePooling3D
from torchkeras_shim.layers.pooling.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from torchkeras_shim.layers.pooling.max_pooling import MaxPooling1D, MaxPooling2D, MaxPooling3D
from torchkeras_shim.layers.regularization.dropout import Dropout
from torchkeras_shim.layers.reshaping.cropping import Cropping1D, Cropping2D, Cropping3D
from torchkeras_shim.layers.reshaping.flatten import Flatten
from torchkeras_shim.layers.reshaping.permute import Permute
from torchkeras_shim.layers.reshaping.repeat_vector import RepeatVector
from torchkeras_shim.layers.reshaping.rescaling import Rescaling
from torchkeras_shim.layers.reshaping.reshape import Reshape
from torchkeras_shim.layers.reshaping.up_sampling import UpSampling1D, UpSampling2D, UpSampling3D
from torchkeras_shim.layers.reshaping.zero_padding import ZeroPadding1D, ZeroPadding2D, ZeroPadding3D

AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D

serialize = LAYERS.serialize
deserialize = LAYERS.deserialize

__all__ = [
    "ELU",
    "Activation",
    "Add",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Dense",
    "Dot",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "Minimum",
    "Multiply",
    "PReLU",
    "Permute",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "Subtract",
    "TorchModuleWrapper",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]
