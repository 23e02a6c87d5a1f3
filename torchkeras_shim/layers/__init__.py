"""Layers: everything in Keras's `keras.layers` that this package has."""

from torchkeras_shim.layers.activations.activation import Activation
from torchkeras_shim.layers.activations.rectifiers import ELU, LeakyReLU, PReLU, ReLU
from torchkeras_shim.layers.activations.softmax import Softmax
from torchkeras_shim.layers.attention.additive_attention import AdditiveAttention
from torchkeras_shim.layers.attention.attention import Attention
from torchkeras_shim.layers.attention.grouped_query_attention import GroupQueryAttention
from torchkeras_shim.layers.attention.multi_head_attention import MultiHeadAttention
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.convolutional.conv import Conv1D, Conv2D, Conv3D
from torchkeras_shim.layers.convolutional.conv_transpose import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose
from torchkeras_shim.layers.convolutional.depthwise_conv import DepthwiseConv1D, DepthwiseConv2D
from torchkeras_shim.layers.convolutional.separable_conv import SeparableConv1D, SeparableConv2D
from torchkeras_shim.layers.core.dense import Dense
from torchkeras_shim.layers.core.einsum_dense import EinsumDense
from torchkeras_shim.layers.core.embedding import Embedding
from torchkeras_shim.layers.core.foreign_layers import FlaxLayer, JaxLayer, TFSMLayer
from torchkeras_shim.layers.core.identity import Identity
from torchkeras_shim.layers.core.lambda_layer import Lambda
from torchkeras_shim.layers.core.masking import Masking
from torchkeras_shim.layers.core.reversible_embedding import ReversibleEmbedding
from torchkeras_shim.layers.core.torch_module_wrapper import TorchModuleWrapper
from torchkeras_shim.layers.core.wrapper import Wrapper
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
from torchkeras_shim.layers.normalization.group_normalization import GroupNormalization
from torchkeras_shim.layers.normalization.layer_normalization import LayerNormalization
from torchkeras_shim.layers.normalization.rms_normalization import RMSNormalization
from torchkeras_shim.layers.normalization.spectral_normalization import SpectralNormalization
from torchkeras_shim.layers.normalization.unit_normalization import UnitNormalization
from torchkeras_shim.layers.pooling.adaptive_pooling import (
    AdaptiveAveragePooling1D,
    AdaptiveAveragePooling2D,
    AdaptiveAveragePooling3D,
    AdaptiveMaxPooling1D,
    AdaptiveMaxPooling2D,
    AdaptiveMaxPooling3D,
)
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
from torchkeras_shim.layers.preprocessing.audio.mel_spectrogram import MelSpectrogram
from torchkeras_shim.layers.preprocessing.audio.stft_spectrogram import STFTSpectrogram
from torchkeras_shim.layers.preprocessing.category_encoding import CategoryEncoding
from torchkeras_shim.layers.preprocessing.colors.clahe import ContrastLimitedAdaptiveHistogramEqualization
from torchkeras_shim.layers.preprocessing.colors.color_jitter import RandomColorJitter
from torchkeras_shim.layers.preprocessing.colors.histograms import AutoContrast, Equalization
from torchkeras_shim.layers.preprocessing.colors.hues import (
    RandomColorDegeneration,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from torchkeras_shim.layers.preprocessing.colors.light import RandomBrightness, RandomContrast
from torchkeras_shim.layers.preprocessing.colors.sharpness import RandomGaussianBlur, RandomSharpness
from torchkeras_shim.layers.preprocessing.colors.tones import RandomInvert, RandomPosterization, Solarization
from torchkeras_shim.layers.preprocessing.discretization import Discretization
from torchkeras_shim.layers.preprocessing.hashed_crossing import HashedCrossing
from torchkeras_shim.layers.preprocessing.hashing import Hashing
from torchkeras_shim.layers.preprocessing.images.center_crop import CenterCrop
from torchkeras_shim.layers.preprocessing.images.max_num_bounding_boxes import MaxNumBoundingBoxes
from torchkeras_shim.layers.preprocessing.images.random_crop import RandomCrop
from torchkeras_shim.layers.preprocessing.images.random_elastic_transform import RandomElasticTransform
from torchkeras_shim.layers.preprocessing.images.random_erasing import RandomErasing
from torchkeras_shim.layers.preprocessing.images.random_flip import RandomFlip
from torchkeras_shim.layers.preprocessing.images.random_perspective import RandomPerspective
from torchkeras_shim.layers.preprocessing.images.random_rotation import RandomRotation
from torchkeras_shim.layers.preprocessing.images.random_shear import RandomShear
from torchkeras_shim.layers.preprocessing.images.random_translation import RandomTranslation
from torchkeras_shim.layers.preprocessing.images.random_zoom import RandomZoom
from torchkeras_shim.layers.preprocessing.images.resizing import Resizing
from torchkeras_shim.layers.preprocessing.integer_lookup import IntegerLookup
from torchkeras_shim.layers.preprocessing.mixing.aug_mix import AugMix
from torchkeras_shim.layers.preprocessing.mixing.pairs import CutMix, MixUp
from torchkeras_shim.layers.preprocessing.mixing.rand_augment import RandAugment
from torchkeras_shim.layers.preprocessing.normalization import Normalization
from torchkeras_shim.layers.preprocessing.pipeline import Pipeline
from torchkeras_shim.layers.preprocessing.string_lookup import StringLookup
from torchkeras_shim.layers.preprocessing.text_vectorization import TextVectorization
from torchkeras_shim.layers.regularization.activity_regularization import ActivityRegularization
from torchkeras_shim.layers.regularization.dropout import Dropout
from torchkeras_shim.layers.regularization.noise import AlphaDropout, GaussianDropout, GaussianNoise
from torchkeras_shim.layers.regularization.spatial_dropout import SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from torchkeras_shim.layers.reshaping.cropping import Cropping1D, Cropping2D, Cropping3D
from torchkeras_shim.layers.reshaping.flatten import Flatten
from torchkeras_shim.layers.reshaping.permute import Permute
from torchkeras_shim.layers.reshaping.repeat_vector import RepeatVector
from torchkeras_shim.layers.reshaping.rescaling import Rescaling
from torchkeras_shim.layers.reshaping.reshape import Reshape
from torchkeras_shim.layers.reshaping.up_sampling import UpSampling1D, UpSampling2D, UpSampling3D
from torchkeras_shim.layers.reshaping.zero_padding import ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from torchkeras_shim.layers.retired import LAYERS as _RETIRED  # noqa: F401  # files name them
from torchkeras_shim.layers.rnn.bidirectional import Bidirectional
from torchkeras_shim.layers.rnn.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from torchkeras_shim.layers.rnn.gru import GRU
from torchkeras_shim.layers.rnn.gru_cell import GRUCell
from torchkeras_shim.layers.rnn.lstm import LSTM
from torchkeras_shim.layers.rnn.lstm_cell import LSTMCell
from torchkeras_shim.layers.rnn.rnn import RNN
from torchkeras_shim.layers.rnn.simple_rnn import SimpleRNN
from torchkeras_shim.layers.rnn.simple_rnn_cell import SimpleRNNCell
from torchkeras_shim.layers.rnn.stacked_rnn_cells import StackedRNNCells
from torchkeras_shim.layers.rnn.time_distributed import TimeDistributed

AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
GlobalAvgPool1D, GlobalAvgPool2D, GlobalAvgPool3D = (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
)
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D

serialize = LAYERS.serialize
deserialize = LAYERS.deserialize

__all__ = [
    "Activation",
    "ActivityRegularization",
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "Add",
    "AdditiveAttention",
    "AlphaDropout",
    "Attention",
    "AugMix",
    "AutoContrast",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "CenterCrop",
    "Concatenate",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "CutMix",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "ELU",
    "EinsumDense",
    "Embedding",
    "Equalization",
    "Flatten",
    "FlaxLayer",
    "GRU",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
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
    "GroupNormalization",
    "GroupQueryAttention",
    "HashedCrossing",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "JaxLayer",
    "LSTM",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxNumBoundingBoxes",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Maximum",
    "MelSpectrogram",
    "Minimum",
    "MixUp",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "Pipeline",
    "RMSNormalization",
    "RNN",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Resizing",
    "ReversibleEmbedding",
    "STFTSpectrogram",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "Solarization",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "SpectralNormalization",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TFSMLayer",
    "TextVectorization",
    "TimeDistributed",
    "TorchModuleWrapper",
    "UnitNormalization",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Wrapper",
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
