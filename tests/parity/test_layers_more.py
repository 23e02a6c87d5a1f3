"""Merging, reshaping, noise, normalization and the rest of the convolutions and poolings against Keras's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras, see test_layers

from tests.parity import layer_checks as checks
from tests.parity.checking import ON_TENSORFLOW, first_of_each
from tests.parity.layer_cases import MERGES, MORE_CASES
from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(MORE_CASES)]
every_case = pytest.mark.parametrize(("name", "arguments", "shape"), MORE_CASES, ids=IDS)

MERGE_IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(MERGES)]


@every_case
def test_weights(name, arguments, shape):
    checks.check_weights(name, arguments, shape)


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "gradients"),
    [(*case, gradients) for case, gradients in zip(MORE_CASES, first_of_each(MORE_CASES), strict=True)],
    ids=IDS,
)
def test_outputs_and_gradients(name, arguments, shape, gradients):
    checks.check_outputs_and_gradients(name, arguments, shape, False, gradients)


@every_case
def test_config(name, arguments, shape):
    checks.check_config(name, arguments, shape)


@every_case
def test_static_shape_and_type(name, arguments, shape):
    checks.check_static_shape_and_type(name, arguments, shape)


@every_case
def test_other_types(name, arguments, shape):
    checks.check_float64(name, arguments, shape)
    checks.check_half(name, arguments, shape)


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


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "mixed_bfloat16"])
@pytest.mark.parametrize(("name", "arguments", "shapes"), MERGES, ids=MERGE_IDS)
def test_merging_gradients_and_types(name, arguments, shapes, dtype):
    data = several(shapes)
    plain = [torch.from_numpy(x).requires_grad_() for x in data]
    expected = getattr(layers, name)(**arguments)(plain)
    expected.square().sum().backward()
    inputs = [torch.from_numpy(x).requires_grad_() for x in data]
    output = getattr(layers, name)(**arguments, dtype=dtype)(inputs)
    assert str(output.dtype) == "torch." + dtype.removeprefix("mixed_")
    output.float().square().sum().backward()
    close = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float64" else {"rtol": 0.05, "atol": 0.1}
    assert_close(output.float(), expected, **close)
    for mine, wanted in zip(inputs, plain, strict=True):
        assert_close(mine.grad, wanted.grad, **close)


@pytest.mark.parametrize(("name", "arguments", "shapes"), MERGES, ids=MERGE_IDS)
def test_merging_gradients(name, arguments, shapes):
    if not ON_TENSORFLOW:
        pytest.skip("the gradients are compared where that is quick")
    import tensorflow as tf

    data = several(shapes)
    theirs = [tf.convert_to_tensor(x) for x in data]
    with tf.GradientTape() as tape:
        tape.watch(theirs)
        loss = tf.reduce_sum(tf.square(getattr(keras.layers, name)(**arguments)(theirs)))
    inputs = [torch.from_numpy(x).requires_grad_() for x in data]
    getattr(layers, name)(**arguments)(inputs).square().sum().backward()
    for mine, wanted in zip(inputs, tape.gradient(loss, theirs), strict=True):
        assert_close(mine.grad, wanted, rtol=1e-4, atol=1e-5)


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
