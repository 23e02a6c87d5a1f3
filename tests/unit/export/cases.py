"""One table of models, each around one layer, that the tests of all forms of export share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import torchkeras_shim as keras

L = keras.layers


def _stack(shape: tuple[Any, ...], *layers: Any, dtype: str = "float32") -> Any:
    return keras.Sequential([keras.Input(shape, dtype=dtype), *layers])


def _graph(shapes: list[tuple[Any, ...]], run: Callable[..., Any], dtype: str = "float32") -> Any:
    inputs = [keras.Input(shape, dtype=dtype) for shape in shapes]
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], run(*inputs))


def _image(layer: Any, size: int = 7, channels: int = 4) -> Callable[[], Any]:
    return lambda: _stack((size, size, channels), layer())


def _steps(layer: Any, size: int = 7) -> Callable[[], Any]:
    return lambda: _stack((size, 4), layer())


def _volume(layer: Any) -> Callable[[], Any]:
    return lambda: _stack((5, 6, 4, 2), layer())


def _two(layer: Any, shape: tuple[int, ...] = (4,)) -> Callable[[], Any]:
    return lambda: _graph([shape, shape], lambda a, b: layer()([a, b]))


def _attended(layer: Any, **kwargs: Any) -> Callable[[], Any]:
    return lambda: _graph([(5, 6), (7, 6)], lambda q, v: layer()(q, v, **kwargs))


def _words(x: Any) -> Any:
    return L.Embedding(5, 4, mask_zero=True)(x)


def _masked(layer: Any, **kwargs: Any) -> Callable[[], Any]:
    return lambda: _graph([(6,)], lambda x: layer()(L.Embedding(5, 4, mask_zero=True)(x), **kwargs), "int32")


#: Layers with weights and settings of every kind: `name -> model`.
CASES: dict[str, Callable[[], Any]] = {
    "dense": lambda: _stack((4,), L.Dense(3, activation="tanh")),
    "dense_no_bias": lambda: _stack((4,), L.Dense(3, use_bias=False)),
    "dense_rank_4": lambda: _stack((2, 3, 4), L.Dense(3)),
    "einsum_dense": lambda: _stack((5, 4), L.EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d")),
    "embedding": lambda: _stack((6,), L.Embedding(5, 3), dtype="int32"),
    "embedding_of_floats": lambda: _graph([(6,)], lambda x: L.Embedding(5, 3)(L.ReLU()(x))),
    "stft_spectrogram": _steps(lambda: L.STFTSpectrogram(frame_length=4)),
    "mel_spectrogram": lambda: _stack((50,), L.MelSpectrogram(fft_length=16, sequence_stride=4, num_mel_bins=3)),
    "conv1d": _steps(lambda: L.Conv1D(3, 3, activation="relu")),
    "conv1d_causal": _steps(lambda: L.Conv1D(3, 2, padding="causal", dilation_rate=2)),
    "conv1d_same_even": _steps(lambda: L.Conv1D(3, 4, padding="same")),
    "conv2d": _image(lambda: L.Conv2D(3, 3, activation="gelu")),
    "conv2d_same": _image(lambda: L.Conv2D(3, 3, padding="same", use_bias=False)),
    "conv2d_same_strides": _image(lambda: L.Conv2D(3, 3, strides=2, padding="same"), size=8),
    "conv2d_groups": _image(lambda: L.Conv2D(6, (3, 2), groups=2, dilation_rate=2)),
    "conv2d_channels_first": lambda: _stack((4, 7, 8), L.Conv2D(3, 3, data_format="channels_first")),
    "conv2d_unknown_size": lambda: _stack((None, None, 4), L.Conv2D(3, 3, strides=2, padding="same")),
    "conv3d": _volume(lambda: L.Conv3D(3, 2, strides=(1, 2, 1), padding="same")),
    "conv1d_transpose": _steps(lambda: L.Conv1DTranspose(3, 3, strides=2, padding="same")),
    "conv2d_transpose": _image(lambda: L.Conv2DTranspose(3, 3, strides=2, padding="same")),
    "conv2d_transpose_valid": _image(lambda: L.Conv2DTranspose(3, 2, strides=3)),
    "conv2d_transpose_dilated": _image(lambda: L.Conv2DTranspose(3, 4, padding="same", dilation_rate=2)),
    "conv3d_transpose": _volume(lambda: L.Conv3DTranspose(3, 3, strides=2)),
    "depthwise_conv1d": _steps(lambda: L.DepthwiseConv1D(3, padding="same")),
    "depthwise_conv2d": _image(lambda: L.DepthwiseConv2D(3, strides=2, depth_multiplier=2, padding="same")),
    "separable_conv1d": _steps(lambda: L.SeparableConv1D(5, 3, activation="relu")),
    "separable_conv2d": _image(lambda: L.SeparableConv2D(5, 3, depth_multiplier=2, padding="same")),
    "max_pooling1d": _steps(lambda: L.MaxPooling1D(2)),
    "max_pooling2d": _image(lambda: L.MaxPooling2D(2, padding="same")),
    "max_pooling2d_stride_1": _image(lambda: L.MaxPooling2D(2, strides=1, padding="same")),
    "max_pooling3d": _volume(lambda: L.MaxPooling3D(2)),
    "average_pooling1d": _steps(lambda: L.AveragePooling1D(3, 2, padding="same")),
    "average_pooling2d": _image(lambda: L.AveragePooling2D(3, 2, padding="same"), size=8),
    "average_pooling2d_unknown": lambda: _stack((None, None, 4), L.AveragePooling2D(3, 2, padding="same")),
    "max_pooling2d_unknown": lambda: _stack((None, None, 4), L.MaxPooling2D(3, 2, padding="same")),
    "average_pooling3d": _volume(lambda: L.AveragePooling3D(2)),
    "global_average1d": _steps(lambda: L.GlobalAveragePooling1D()),
    "global_average1d_mask": _masked(lambda: L.GlobalAveragePooling1D()),
    "global_average2d": _image(lambda: L.GlobalAveragePooling2D(keepdims=True)),
    "global_max2d": _image(lambda: L.GlobalMaxPooling2D()),
    "global_max3d": _volume(lambda: L.GlobalMaxPooling3D()),
    "adaptive_average2d": _image(lambda: L.AdaptiveAveragePooling2D((2, 3))),
    "adaptive_max1d": _steps(lambda: L.AdaptiveMaxPooling1D(3)),
    "batch_norm": _image(lambda: L.BatchNormalization()),
    "batch_norm_dense": lambda: _stack((4,), L.BatchNormalization(center=False)),
    "batch_norm_steps": _steps(lambda: L.BatchNormalization(scale=False)),
    "batch_norm_frozen": _image(lambda: L.BatchNormalization(trainable=False)),
    "layer_norm": _steps(lambda: L.LayerNormalization()),
    "layer_norm_axes": _image(lambda: L.LayerNormalization(axis=[1, 3])),
    "rms_norm": _steps(lambda: L.RMSNormalization()),
    "group_norm": _image(lambda: L.GroupNormalization(2)),
    "unit_norm": _steps(lambda: L.UnitNormalization(axis=[1, 2])),
    "lstm": _steps(lambda: L.LSTM(3)),
    "lstm_sequences": _steps(lambda: L.LSTM(3, return_sequences=True, go_backwards=True, use_bias=False)),
    "lstm_state": _steps(lambda: L.LSTM(3, return_state=True)),
    "lstm_mask": _masked(lambda: L.LSTM(3)),
    "lstm_mask_sequences": _masked(lambda: L.LSTM(3, return_sequences=True)),
    "lstm_after_masked_dense": lambda: _graph(
        [(6,)], lambda x: L.GRU(2)(L.Dropout(0.5)(L.Dense(3)(L.Embedding(5, 4, mask_zero=True)(x)))), "int32"
    ),
    "masked_add": lambda: _graph([(6,)], lambda x: L.LSTM(3)(L.Add()([_words(x), L.Dense(4)(_words(x))])), "int32"),
    "masked_average": lambda: _graph([(6,)], lambda x: L.LSTM(3)(L.Average()([_words(x), _words(x)])), "int32"),
    "half_masked_add": lambda: _graph([(6,)], lambda x: L.LSTM(3)(L.Add()([_words(x), L.Embedding(5, 4)(x)])), "int32"),
    "masked_concatenate": lambda: _graph(
        [(6,)], lambda x: L.LSTM(3)(L.Concatenate()([_words(x), L.Embedding(5, 2)(x)])), "int32"
    ),
    "masked_concatenate_of_steps": lambda: _graph(
        [(6,)], lambda x: L.LSTM(3)(L.Concatenate(axis=1)([_words(x), _words(x)])), "int32"
    ),
    "add_of_ranks": lambda: _graph([(5, 4), (4,)], lambda a, b: L.Add()([a, b])),
    "gru": _steps(lambda: L.GRU(3, return_sequences=True)),
    "gru_mask": _masked(lambda: L.GRU(3, return_sequences=True, go_backwards=True)),
    "simple_rnn": _steps(lambda: L.SimpleRNN(3)),
    "simple_rnn_relu": _steps(lambda: L.SimpleRNN(3, activation="relu")),
    "masking": lambda: _stack((5, 4), L.Masking(), L.SimpleRNN(3)),
    "bidirectional": _steps(lambda: L.Bidirectional(L.LSTM(3))),
    "bidirectional_sequences": _steps(lambda: L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="ave")),
    "bidirectional_mask": _masked(lambda: L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode="sum")),
    "initial_state": lambda: _graph([(5, 4), (3,)], lambda x, h: L.GRU(3)(x, initial_state=[h])),
    "time_distributed": lambda: _stack((5, 6, 6, 2), L.TimeDistributed(L.Conv2D(3, 3, activation="relu"))),
    "attention_heads": _attended(lambda: L.MultiHeadAttention(2, 3, value_dim=4)),
    "attention_heads_dropout": _attended(lambda: L.MultiHeadAttention(2, 3, dropout=0.3)),
    "attention_heads_causal": lambda: _graph(
        [(5, 6)], lambda x: L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    ),
    "attention_heads_scores": _attended(lambda: L.MultiHeadAttention(2, 3), return_attention_scores=True),
    "attention_heads_mask": lambda: _graph(
        [(6,)],
        lambda x: (lambda h: L.MultiHeadAttention(2, 3)(h, h, use_causal_mask=True))(
            L.Embedding(5, 4, mask_zero=True)(x)
        ),
        "int32",
    ),
    "grouped_attention": _attended(lambda: L.GroupQueryAttention(3, 4, 2)),
    "attention": _two(lambda: L.Attention(use_scale=True), (5, 4)),
    "attention_concat": _two(lambda: L.Attention(score_mode="concat"), (5, 4)),
    "additive_attention": _two(lambda: L.AdditiveAttention(), (5, 4)),
    "relu": _steps(lambda: L.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.1)),
    "relu_up_to_6": _image(lambda: L.ReLU(6.0)),
    "relu_up_to_half": _image(lambda: L.Conv2D(3, 2, activation=torch.nn.Hardtanh(0.0, 0.5))),
    "leaky_relu": _steps(lambda: L.LeakyReLU()),
    "elu": _steps(lambda: L.ELU(0.7)),
    "prelu": _steps(lambda: L.PReLU(alpha_initializer="uniform", shared_axes=[1])),
    "softmax": _steps(lambda: L.Softmax(axis=1)),
    "softmax_axes": _steps(lambda: L.Softmax(axis=[1, 2])),
    "dropout": _steps(lambda: L.Dropout(0.5)),
    "dropout_of_steps": lambda: _stack((5, 4), L.Dropout(0.5, noise_shape=(None, 1, 4))),
    "spatial_dropout": _image(lambda: L.SpatialDropout2D(0.5)),
    "gaussian_noise": _steps(lambda: L.GaussianNoise(0.5)),
    "gaussian_dropout": _steps(lambda: L.GaussianDropout(0.5)),
    "alpha_dropout": _steps(lambda: L.AlphaDropout(0.5)),
    "flatten": _image(lambda: L.Flatten()),
    "flatten_channels_first": _image(lambda: L.Flatten(data_format="channels_first")),
    "reshape": _image(lambda: L.Reshape((-1, 2))),
    "permute": _image(lambda: L.Permute((3, 1, 2))),
    "repeat_vector": lambda: _stack((4,), L.RepeatVector(3)),
    "zero_padding": _image(lambda: L.ZeroPadding2D(((1, 0), (2, 3)))),
    "cropping": _image(lambda: L.Cropping2D(((1, 0), (2, 1)))),
    "cropping1d": _steps(lambda: L.Cropping1D(2)),
    "up_sampling1d": _steps(lambda: L.UpSampling1D(3)),
    "up_sampling2d": _image(lambda: L.UpSampling2D((2, 3))),
    "up_sampling2d_bilinear": _image(lambda: L.UpSampling2D(2, interpolation="bilinear")),
    "up_sampling2d_bicubic": _image(lambda: L.UpSampling2D(2, interpolation="bicubic")),
    "resizing": _image(lambda: L.Resizing(4, 5)),
    "resizing_antialias": _image(lambda: L.Resizing(4, 5, crop_to_aspect_ratio=True, antialias=True)),
    "center_crop": _image(lambda: L.CenterCrop(4, 5)),
    "rescaling": _image(lambda: L.Rescaling(1 / 255.0, offset=[0.1, 0.2, 0.3, 0.4])),
    "add": _two(lambda: L.Add()),
    "subtract": _two(lambda: L.Subtract()),
    "multiply": _two(lambda: L.Multiply()),
    "average": _two(lambda: L.Average()),
    "maximum": _two(lambda: L.Maximum()),
    "minimum": _two(lambda: L.Minimum()),
    "concatenate": _two(lambda: L.Concatenate(axis=1), (5, 4)),
    "dot": lambda: _graph([(5, 4), (6, 4)], lambda a, b: L.Dot(axes=2, normalize=True)([a, b])),
    "dot_vectors": _two(lambda: L.Dot(axes=1)),
    "identity": _steps(lambda: L.Identity()),
    "activity_regularization": _steps(lambda: L.ActivityRegularization(0.1)),
    "lambda_torch": _steps(lambda: L.Lambda(torch.sin)),
    "lambda_python": _steps(lambda: L.Lambda(lambda x: torch.cat([x * 2, x.flip(1)], 1))),
    "torch_module": lambda: _stack((4,), torch.nn.Linear(4, 3), torch.relu),
    "wrapped_module": lambda: _graph([(4,)], lambda x: L.TorchModuleWrapper(torch.nn.Linear(4, 3))(x)),
    "operators": lambda: _graph([(4,), (4,)], lambda a, b: (a * 2.0 - b[:, :1]).clamp(min=0.0)),
    "keras_ops": lambda: _graph([(4,)], lambda x: keras.ops.concatenate([keras.ops.square(x), x], axis=-1)),
    "torch_functions": lambda: _graph([(4,)], lambda x: torch.stack([torch.sin(x), x], dim=1)),
    "fixed_mode": lambda: _graph([(4,)], lambda x: L.Dropout(0.5)(x, training=False)),
}
_ACTIVATIONS = """linear elu selu celu glu softplus softsign silu gelu mish exponential leaky_relu relu6 log_softmax
    log_sigmoid hard_sigmoid hard_silu hard_tanh squareplus sparsemax"""
for _name in _ACTIVATIONS.split():
    CASES[f"activation_{_name}"] = lambda name=_name: _steps(lambda: L.Activation(name))()  # type: ignore[misc]


def example(model: Any, batch: int = 3, unknown: int = 8) -> list[torch.Tensor]:
    """Returns inputs for a model: integers from 0 to 4, or normal numbers."""
    torch.manual_seed(0)
    found = []
    for spec in model.inputs:
        shape = [batch, *[unknown if size is None else size for size in spec.shape[1:]]]
        integer = spec.dtype.startswith("int")
        found.append(torch.randint(0, 5, shape, dtype=torch.int32) if integer else torch.randn(shape))
    return found


def randomized(model: Any) -> Any:
    """Gives every weight, the moving statistics too, a value of its own."""
    generator = torch.Generator().manual_seed(1)
    for weight in model.weights:
        weight.data.copy_(torch.rand(weight.shape, generator=generator) + (0.0 if weight.ndim > 1 else 0.2))
    return model


def flat(outputs: Any) -> list[torch.Tensor]:
    """Returns the tensors of any structure."""
    return [leaf for leaf in keras.tree.flatten(outputs) if isinstance(leaf, torch.Tensor)]
