"""Merging, reshaping, noise, normalization and the rest of the convolutions and poolings against Keras's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras, see test_layers

from tests.parity import test_layers as base
from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

IMAGES, STEPS, VOLUMES, FIRST = (2, 4, 5, 3), (2, 7, 3), (2, 4, 3, 5, 2), {"data_format": "channels_first"}

# class, arguments, input shape
CASES = [
    ("RepeatVector", {"n": 3}, (2, 4)),
    ("Cropping1D", {}, STEPS),
    ("Cropping1D", {"cropping": (0, 2)}, STEPS),
    ("Cropping2D", {}, IMAGES),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, IMAGES),
    ("Cropping2D", {"cropping": (1, 0), **FIRST}, IMAGES),
    ("Cropping3D", {}, VOLUMES),
    ("Cropping3D", {"cropping": ((0, 1), (1, 0), (0, 0)), **FIRST}, VOLUMES),
    ("ZeroPadding1D", {}, STEPS),
    ("ZeroPadding1D", {"padding": (0, 2), **FIRST}, STEPS),
    ("ZeroPadding2D", {}, IMAGES),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, IMAGES),
    ("ZeroPadding2D", {"padding": (1, 2), **FIRST}, IMAGES),
    ("ZeroPadding3D", {}, VOLUMES),
    ("ZeroPadding3D", {"padding": (1, 2, 0), **FIRST}, VOLUMES),
    ("UpSampling1D", {"size": 3}, STEPS),
    ("UpSampling2D", {}, IMAGES),
    ("UpSampling2D", {"size": (3, 2), **FIRST}, IMAGES),
    ("UpSampling2D", {"size": (2, 3), "interpolation": "bilinear"}, IMAGES),
    ("UpSampling2D", {"interpolation": "bilinear", **FIRST}, IMAGES),
    ("UpSampling2D", {"interpolation": "bicubic"}, IMAGES),
    ("UpSampling2D", {"size": (1, 2), "interpolation": "lanczos3", **FIRST}, IMAGES),
    ("UpSampling2D", {"interpolation": "lanczos5"}, IMAGES),
    ("UpSampling3D", {}, VOLUMES),
    ("UpSampling3D", {"size": (1, 2, 3), **FIRST}, VOLUMES),
    ("GroupNormalization", {"groups": 2}, (2, 3, 5, 4)),
    ("GroupNormalization", {"groups": -1, "scale": False, "epsilon": 1e-5}, STEPS),
    ("GroupNormalization", {"groups": 2, "axis": 1, "gamma_regularizer": "l2"}, IMAGES),
    ("GroupNormalization", {"groups": 5, "axis": 2, "center": False}, (2, 3, 5, 4)),
    ("GroupNormalization", {"groups": 2}, (3, 6)),
    ("UnitNormalization", {}, (3, 4)),
    ("UnitNormalization", {"axis": [1, 2]}, IMAGES),
    ("RMSNormalization", {}, (3, 4)),
    ("RMSNormalization", {"axis": [-2, -1], "epsilon": 1e-3}, IMAGES),
    ("Conv1DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}, STEPS),
    ("Conv1DTranspose", {"filters": 2, "kernel_size": 2, "output_padding": 1, "strides": 3, **FIRST}, STEPS),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "activation": "relu"}, IMAGES),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": (3, 2), "strides": 2, "padding": "same"}, IMAGES),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "use_bias": False, **FIRST}, IMAGES),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2}, VOLUMES),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, STEPS),
    ("DepthwiseConv1D", {"kernel_size": 2, "depthwise_regularizer": "l2", "use_bias": False, **FIRST}, STEPS),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": (2, 3), "depth_multiplier": 2}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 2, "dilation_rate": 2, **FIRST}, (2, 3, 4, 5)),
    ("SeparableConv1D", {"filters": 4, "kernel_size": 3, "depth_multiplier": 2}, STEPS),
    ("SeparableConv1D", {"filters": 2, "kernel_size": 3, "padding": "same", "strides": 2, **FIRST}, STEPS),
    (
        "SeparableConv2D",
        {"filters": 4, "kernel_size": 3, "padding": "same", "strides": 2, "activation": "relu"},
        IMAGES,
    ),
    (
        "SeparableConv2D",
        {"filters": 2, "kernel_size": 2, "pointwise_initializer": "he_normal", "use_bias": False, **FIRST},
        IMAGES,
    ),
    ("AdaptiveAveragePooling1D", {"output_size": 3}, STEPS),
    ("AdaptiveAveragePooling2D", {"output_size": (2, 3)}, IMAGES),
    ("AdaptiveAveragePooling2D", {"output_size": 2, **FIRST}, IMAGES),
    ("AdaptiveAveragePooling3D", {"output_size": 2}, VOLUMES),
    ("AdaptiveMaxPooling1D", {"output_size": (3,), **FIRST}, (2, 3, 7)),
    ("AdaptiveMaxPooling2D", {"output_size": 2}, IMAGES),
    ("AdaptiveMaxPooling3D", {"output_size": (1, 2, 3)}, VOLUMES),
    ("SpatialDropout1D", {"rate": 0.5, "seed": 3}, STEPS),
    ("SpatialDropout2D", {"rate": 0.5, **FIRST}, IMAGES),
    ("SpatialDropout3D", {"rate": 0.5}, VOLUMES),
    ("AlphaDropout", {"rate": 0.5, "noise_shape": (None, 1)}, (3, 4)),
    ("GaussianDropout", {"rate": 0.5}, (3, 4)),
    ("GaussianNoise", {"stddev": 0.5, "seed": 1}, (3, 4)),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (3, 4)),
    ("Masking", {}, STEPS),
    ("Masking", {"mask_value": 2.0}, STEPS),
    ("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 5, "bias_axes": "c"}, (3, 4)),
    (
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (3, 2, 3), "bias_axes": "de", "activation": "relu"},
        (2, 3, 4),
    ),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (3, 2, 3), "bias_axes": "e"}, (2, 3, 4)),
    ("EinsumDense", {"equation": "abcd,cde->abe", "output_shape": (3, 5), "kernel_regularizer": "l2"}, (2, 3, 2, 4)),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y"}, (2, 3, 3, 4)),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 3, "bias_axes": "c"}, (2, 4, 3)),
    ("EinsumDense", {"equation": "abc,dc->adb", "output_shape": (5, 3)}, (2, 3, 4)),
]
IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(CASES)]
every_case = pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)

# class, arguments, shapes of the inputs
MERGES = [
    ("Add", {}, [(2, 3, 4), (2, 3, 4), (2, 3, 4)]),
    ("Add", {}, [(2, 3, 4), (2, 4)]),
    ("Subtract", {}, [(2, 3), (2, 3)]),
    ("Multiply", {}, [(2, 3, 4), (2, 1, 4)]),
    ("Average", {}, [(2, 3), (2, 3), (2, 1)]),
    ("Maximum", {}, [(2, 3, 4), (2, 3, 4)]),
    ("Minimum", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Concatenate", {}, [(2, 3, 4), (2, 3, 2)]),
    ("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 1, 4), (2, 2, 4)]),
    ("Dot", {"axes": 1}, [(2, 5), (2, 5)]),
    ("Dot", {"axes": (1, 2)}, [(2, 3, 5), (2, 4, 3)]),
    ("Dot", {"axes": -1, "normalize": True}, [(2, 4, 5), (2, 3, 5)]),
    ("Dot", {"axes": (2, 1)}, [(2, 3, 5, 2), (2, 5)]),
]
MERGE_IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(MERGES)]


@every_case
def test_weights(name, arguments, shape):
    base.test_weights(name, arguments, shape)


@every_case
def test_outputs_and_gradients(name, arguments, shape):
    base.test_outputs_and_gradients(name, arguments, shape, False)


@every_case
def test_config(name, arguments, shape):
    base.test_config(name, arguments, shape)


@every_case
def test_static_shape_and_type(name, arguments, shape):
    base.test_static_shape_and_type(name, arguments, shape)


@every_case
def test_float64(name, arguments, shape):
    base.test_float64(name, arguments, shape)


def several(shapes, seed=0):
    random = np.random.RandomState(seed)
    return [random.standard_normal(shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize(("name", "arguments", "shapes"), MERGES, ids=MERGE_IDS)
def test_merging(name, arguments, shapes):
    ours, theirs = getattr(layers, name)(**arguments, name="it"), getattr(keras.layers, name)(**arguments, name="it")
    data = several(shapes)
    assert_close(ours([torch.from_numpy(x) for x in data]), theirs(data), rtol=1e-5, atol=1e-6)
    assert ours.get_config() == theirs.get_config()
    assert layers.serialize(ours) | {"build_config": None} == keras.layers.serialize(theirs) | {"build_config": None}
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    open_shapes = [(None, *shape[1:]) for shape in shapes]
    symbolic = getattr(layers, name)(**arguments)([KerasTensor(shape) for shape in open_shapes])
    expected = getattr(keras.layers, name)(**arguments)([keras.KerasTensor(shape) for shape in open_shapes])
    assert symbolic.shape == tuple(expected.shape)
    assert symbolic.dtype == expected.dtype
    assert ours.compute_output_shape(shapes) == tuple(theirs.compute_output_shape(shapes))
    function = {"axes": -1} if name == "Dot" and not arguments else arguments
    assert_close(
        getattr(layers, name.lower())([torch.from_numpy(x) for x in data], **function),
        getattr(keras.layers, name.lower())(data, **function),
        rtol=1e-5,
        atol=1e-6,
    )


def mask_of(tensor):
    mask = getattr(tensor, "_keras_mask", None)
    return None if mask is None else to_numpy(mask).tolist()


@pytest.mark.parametrize("masked", [(0, 1), (0,), (1,)])
@pytest.mark.parametrize("name", ["Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"])
def test_merging_with_masks(name, masked):
    arguments = {"axes": 2} if name == "Dot" else {}
    x, y = several([(2, 3, 4), (2, 3, 4)])
    x[0, 1:] = x[1, 2] = y[0, 2] = y[1, 1:] = 0
    results = []
    for library, tensor in ((layers, torch.from_numpy), (keras.layers, keras.ops.convert_to_tensor)):
        masking = library.Masking()
        inputs = [masking(tensor(v)) if index in masked else tensor(v) for index, v in enumerate((x, y))]
        results.append(getattr(library, name)(**arguments)(inputs))
    ours, theirs = results
    assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert mask_of(ours) == mask_of(theirs)


@pytest.mark.parametrize(
    ("name", "arguments", "shapes"),
    [
        ("Add", {}, (2, 3)),
        ("Add", {}, [(2, 3), (2, 4)]),
        ("Add", {}, [(2, 3), (3, 3)]),
        ("Subtract", {}, [(2, 3), (2, 3), (2, 3)]),
        ("Concatenate", {}, [(2, 3, 4), (2, 2, 4)]),
        ("Concatenate", {}, [(2, 3, 4), (2, 4)]),
        ("Concatenate", {}, (2, 3)),
        ("Dot", {"axes": 1}, [(2, 3), (2, 4)]),
        ("Dot", {"axes": 1}, [(2, 3), (2, 3), (2, 3)]),
        ("Dot", {"axes": 0}, [(2, 3), (2, 3)]),
    ],
)
def test_merging_what_does_not_fit(name, arguments, shapes):
    data = several(shapes) if isinstance(shapes, list) else np.ones(shapes, "float32")
    for library in (layers, keras.layers):
        with pytest.raises(ValueError):
            getattr(library, name)(**arguments)(data)


def test_reversible_embedding():
    ids = np.array([[1, 2, 0], [3, 3, 4]], "int32")
    for arguments in (
        {},
        {"tie_weights": False, "logit_soft_cap": 2.0},
        {"mask_zero": True, "reverse_dtype": "float64"},
    ):
        ours = layers.ReversibleEmbedding(5, 3, **arguments, name="it")
        theirs = keras.layers.ReversibleEmbedding(5, 3, **arguments, name="it")
        vectors, expected = ours(torch.from_numpy(ids)), theirs(ids)
        assert [(w.path, tuple(w.shape)) for w in ours.weights] == [(w.path, tuple(w.shape)) for w in theirs.weights]
        ours.set_weights(theirs.get_weights())
        vectors = ours(torch.from_numpy(ids))
        assert_close(vectors, expected, rtol=1e-5, atol=1e-6)
        assert mask_of(vectors) == mask_of(expected)
        logits = theirs(expected, reverse=True)
        assert_close(ours(vectors, reverse=True), logits, rtol=1e-5, atol=1e-6)
        assert ours.get_config() == theirs.get_config()
        assert layers.deserialize(keras.layers.serialize(theirs)).get_config() == ours.get_config()


def test_wrapper():
    ours = layers.Wrapper(layers.Dense(2, name="in"), name="it")
    theirs = keras.layers.Wrapper(keras.layers.Dense(2, name="in"), name="it")
    assert ours.get_config() == theirs.get_config()
    ours.build((2, 3))
    theirs.build((2, 3))
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again.layer) is layers.Dense
    for library in (layers, keras.layers):
        with pytest.raises(ValueError, match="isn't a supported layer type"):
            library.Wrapper("dense")


def test_activity_regularization():
    x = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
    ours, theirs = layers.ActivityRegularization(0.2, 0.3), keras.layers.ActivityRegularization(0.2, 0.3)
    ours(torch.from_numpy(x))
    theirs(x)
    assert_close(ours.losses[0], theirs.losses[0])


@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_normalization(iterations):
    arguments = {"power_iterations": iterations, "name": "it"}
    ours = layers.SpectralNormalization(layers.Dense(3, name="in"), **arguments)
    theirs = keras.layers.SpectralNormalization(keras.layers.Dense(3, name="in"), **arguments)
    x = several([(2, 4)])[0]
    ours(torch.from_numpy(x))
    theirs(x)
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    ours.set_weights(theirs.get_weights())
    for training in (True, True, False):
        assert_close(ours(torch.from_numpy(x), training=training), theirs(x, training=training), rtol=1e-4, atol=1e-5)
        for mine, expected in zip(ours.weights, theirs.weights, strict=True):
            assert_close(mine, expected.value, rtol=1e-4, atol=1e-5)
    assert ours.get_config() == theirs.get_config()
    assert layers.deserialize(keras.layers.serialize(theirs)).get_config() == ours.get_config()
    with torch.no_grad():
        ours.layer.kernel.zero_()
    assert torch.isfinite(ours(torch.from_numpy(x), training=True)).all()
    for library in (layers, keras.layers):
        with pytest.raises(ValueError, match="power_iterations"):
            library.SpectralNormalization(library.Dense(3), power_iterations=0)
        with pytest.raises(ValueError, match="no attribute 'kernel'"):
            library.SpectralNormalization(library.Flatten())(x)


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("RepeatVector", {"n": 0}, ValueError),
        ("RepeatVector", {"n": 1.5}, TypeError),
        ("Cropping1D", {"cropping": (1, 2, 3)}, ValueError),
        ("Cropping2D", {"cropping": -1}, ValueError),
        ("Cropping2D", {"cropping": 1.5}, ValueError),
        ("Cropping3D", {"cropping": (1, 2)}, ValueError),
        ("ZeroPadding1D", {"padding": (1, -2)}, ValueError),
        ("ZeroPadding2D", {"padding": (1, 2, 3)}, ValueError),
        ("ZeroPadding3D", {"padding": 1.5}, ValueError),
        ("ZeroPadding2D", {"data_format": "last"}, ValueError),
        ("UpSampling1D", {"size": 0}, ValueError),
        ("UpSampling1D", {"size": True}, TypeError),
        ("UpSampling2D", {"size": (2, 2, 2)}, ValueError),
        ("SpatialDropout2D", {"rate": 1.5}, ValueError),
        ("SpatialDropout1D", {"rate": 0.5, "trainable": False}, TypeError),
        ("AlphaDropout", {"rate": -1}, ValueError),
        ("GaussianDropout", {"rate": 2}, ValueError),
        ("GaussianNoise", {"stddev": 2}, ValueError),
        ("Dot", {"axes": "a"}, TypeError),
        ("Dot", {"axes": (1, 2, 3)}, ValueError),
        ("Dot", {"axes": (1, 2.0)}, ValueError),
        ("GroupNormalization", {"groups": 0}, ValueError),
        ("UnitNormalization", {"axis": 1.5}, TypeError),
        ("Conv1DTranspose", {"filters": 0, "kernel_size": 2}, ValueError),
        ("Conv1DTranspose", {"filters": 2, "kernel_size": 2, "padding": "causal"}, ValueError),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2, "output_padding": 2}, ValueError),
        ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}, ValueError),
        ("DepthwiseConv2D", {"kernel_size": 0}, ValueError),
        ("DepthwiseConv1D", {"kernel_size": 2, "depth_multiplier": 0}, ValueError),
        ("SeparableConv2D", {"filters": -1, "kernel_size": 2}, ValueError),
        ("SeparableConv1D", {"filters": 1, "kernel_size": 2, "strides": 0}, ValueError),
        ("AdaptiveMaxPooling2D", {"output_size": (1, 2, 3)}, TypeError),
        ("AdaptiveAveragePooling3D", {"output_size": (1, 2)}, TypeError),
        ("AdaptiveMaxPooling1D", {"output_size": (1, 2)}, ValueError),
        ("AdaptiveAveragePooling1D", {"output_size": 1.5}, TypeError),
        ("AdaptiveAveragePooling1D", {"output_size": 1, "data_format": "last"}, ValueError),
    ],
)
def test_wrong_arguments(name, arguments, error):
    for library in (layers, keras.layers):
        with pytest.raises(error):
            getattr(library, name)(**arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Cropping1D", {"cropping": 3}, (2, 6, 1)),
        ("Cropping2D", {"cropping": ((2, 2), (0, 0))}, (2, 4, 4, 1)),
        ("GroupNormalization", {"groups": 3}, (2, 4)),
        ("GroupNormalization", {"groups": 8}, (2, 4)),
        ("DepthwiseConv2D", {"kernel_size": 5}, (2, 4, 4, 1)),
        ("SeparableConv1D", {"filters": 2, "kernel_size": 5}, (2, 4, 1)),
        ("UpSampling2D", {}, (2, 4, 4)),
        ("RepeatVector", {"n": 2}, (2, 4, 4)),
    ],
)
def test_wrong_inputs(name, arguments, shape):
    for library in (layers, keras.layers):
        with pytest.raises(ValueError):
            getattr(library, name)(**arguments)(np.ones(shape, "float32"))


@pytest.mark.parametrize("name", sorted({name for name, _, _ in (*CASES, *MERGES)}))
def test_constructor_signature(name):
    ours, theirs = (inspect.signature(getattr(library, name)) for library in (layers, keras.layers))
    mine = {n: p.default for n, p in ours.parameters.items() if n != "kwargs"}
    expected = {n: p.default for n, p in theirs.parameters.items() if n != "kwargs"}
    assert list(mine.items()) == list(expected.items())
