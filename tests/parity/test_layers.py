"""Every layer against Keras's: weights, outputs, gradients, configs, shapes, types and modes."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

from tests.parity import layer_checks as checks
from tests.parity.checking import ON_TENSORFLOW, first_of_each
from tests.parity.layer_cases import CASES, FIRST, IMAGES, STEPS
from tests.parity.layer_checks import gradients_of_keras, inputs_of, pair
from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import layers

__all__ = ["CASES", "IDS", "gradients_of_keras", "pair"]  # what the comparison of mixed precision uses, too

IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(CASES)]
#: Only batch normalization computes something else in training mode; what dropout does is random, see test_noise.
IN_MODES = [
    (*case, training, gradients)
    for case, gradients in zip(CASES, first_of_each(CASES), strict=True)
    for training in (False, True)
    if not training or case[0].startswith("Ba")
]
every_case = pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)


@every_case
def test_weights(name, arguments, shape):
    checks.check_weights(name, arguments, shape)


@pytest.mark.parametrize(("name", "arguments", "shape", "training", "gradients"), IN_MODES)
def test_outputs_and_gradients(name, arguments, shape, training, gradients):
    checks.check_outputs_and_gradients(name, arguments, shape, training, gradients)


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


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Dense", {"units": 3}, (5, 4)),
        ("Conv1D", {"filters": 2, "kernel_size": 3}, STEPS),
        ("Conv2D", {"filters": 2, "kernel_size": 3}, IMAGES),
        ("Rescaling", {"scale": 1 / 255}, IMAGES),
        ("BatchNormalization", {}, (5, 4)),
        ("GlobalAveragePooling2D", {}, IMAGES),
        ("LeakyReLU", {}, (5, 4)),
        ("Flatten", {}, IMAGES),
        ("Embedding", {"input_dim": 9, "output_dim": 2}, (5, 4)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_integer_inputs(name, arguments, shape, dtype):
    x = np.random.RandomState(0).randint(0, 2 if dtype == "bool" else 9, shape).astype(dtype)
    ours = getattr(layers, name)(**arguments)
    theirs = getattr(keras.layers, name)(**arguments)
    ours(x)
    refused = name.startswith("Conv") or (name, dtype) == ("LeakyReLU", "bool")  # by TensorFlow, where floats are right
    if ON_TENSORFLOW and refused:
        x = x.astype("float32")
    elif dtype == "int64":
        x = x.astype("int32")  # JAX has no int64
    theirs(x)
    theirs.set_weights(ours.get_weights())
    expected = theirs(x)
    output = ours(torch.from_numpy(x.astype(dtype)))
    assert_close(output, expected, rtol=1e-4, atol=1e-5)
    if name != "Flatten":
        assert output.dtype == torch.float32


@pytest.mark.parametrize("shape", [(6, 4), STEPS, IMAGES])
@pytest.mark.parametrize("renorm", [False, True])
def test_moving_statistics_over_steps(shape, renorm):
    ours, theirs, _ = pair("BatchNormalization", {"momentum": 0.7, "renorm": renorm}, shape)
    for seed in range(3):
        x = inputs_of("BatchNormalization", shape, seed) * (seed + 1)
        assert_close(ours(torch.from_numpy(x), training=True), theirs(x, training=True), rtol=1e-4, atol=1e-5)
    for mine, expected in zip(ours.weights, theirs.weights, strict=True):
        assert_close(mine, expected.value, message=mine.path)
    x = inputs_of("BatchNormalization", shape, 9)
    assert_close(ours(torch.from_numpy(x)), theirs(x), rtol=1e-4, atol=1e-5)


def test_frozen_batch_normalization_is_in_inference_mode():
    ours, theirs, x = pair("BatchNormalization", {}, (6, 4))
    ours.trainable = theirs.trainable = False
    before = ours.get_weights()
    assert_close(ours(torch.from_numpy(x), training=True), theirs(x, training=True), atol=1e-5)
    for weight, old in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert [w.path for w in ours.non_trainable_weights] == [w.path for w in theirs.non_trainable_weights]


@pytest.mark.parametrize("shape", [STEPS, IMAGES])
def test_batch_normalization_with_a_mask(shape):
    ours, theirs, x = pair("BatchNormalization", {"momentum": 0.5}, shape)
    mask = np.random.RandomState(3).uniform(size=shape[:-1]) > 0.4
    expected = theirs(x, training=True, mask=mask)
    assert_close(ours(torch.from_numpy(x), training=True, mask=torch.from_numpy(mask)), expected, rtol=1e-4, atol=1e-5)
    for mine, other in zip(ours.weights, theirs.weights, strict=True):
        assert_close(mine, other.value, message=mine.path)
    with pytest.raises(ValueError, match="one dimension less"):
        ours(torch.from_numpy(x), training=True, mask=torch.ones(shape, dtype=torch.bool))


def test_half_types_normalize_in_float32():
    x = (inputs_of("", (64, 4)) * 300).astype("float16")
    ours, theirs = layers.BatchNormalization(dtype="float16"), keras.layers.BatchNormalization(dtype="float16")
    for _ in range(2):
        output, expected = ours(torch.from_numpy(x), training=True), theirs(x, training=True)
    assert output.dtype == torch.float16
    assert_close(output.float(), to_numpy(expected).astype("float32"), rtol=1e-2, atol=1e-2)
    assert_close(ours.moving_variance.float(), to_numpy(theirs.moving_variance.value).astype("float32"), rtol=1e-2)


def test_masks_of_pooling_softmax_and_embedding():
    x = inputs_of("", STEPS)
    mask = np.random.RandomState(3).uniform(size=STEPS[:2]) > 0.4
    for arguments, data in (({}, x), ({"keepdims": True}, x), (FIRST, np.moveaxis(x, 1, 2).copy())):
        ours = layers.GlobalAveragePooling1D(**arguments)(torch.from_numpy(data), mask=torch.from_numpy(mask))
        assert_close(ours, keras.layers.GlobalAveragePooling1D(**arguments)(data, mask=mask))
    mask = np.random.RandomState(4).uniform(size=STEPS) > 0.5
    mask[0, 0] = False
    for axis in (-1, 1, [1, 2]):
        ours = layers.Softmax(axis=axis)(torch.from_numpy(x), mask=torch.from_numpy(mask))
        assert_close(ours, keras.layers.Softmax(axis=axis)(x, mask=mask))
    ids = np.array([[3, 0, 1]], dtype="int32")
    assert_close(
        layers.Embedding(5, 2, mask_zero=True).compute_mask(torch.from_numpy(ids)),
        keras.layers.Embedding(5, 2, mask_zero=True).compute_mask(ids),
    )
    assert layers.Embedding(5, 2).compute_mask(torch.from_numpy(ids)) is None


def test_embedding_with_given_weights():
    table = np.arange(12, dtype="float32").reshape(4, 3)
    for given in (table, [table]):
        ours = layers.Embedding(4, 3, weights=given)
        np.testing.assert_array_equal(ours(np.array([2, 0])).detach(), table[[2, 0]])
    with pytest.warns(UserWarning, match="input_length"):
        layers.Embedding(4, 3, input_length=7)


def test_initial_values_have_keras_statistics():
    """Drawn by another generator, so not equal: the same scale, on the logical shape whatever the memory's order."""
    ours, theirs = layers.Conv2D(64, 3), keras.layers.Conv2D(64, 3)
    x = np.zeros((1, 8, 8, 32), dtype="float32")
    ours(x)
    theirs(x)
    bound = np.sqrt(6 / (9 * 32 + 9 * 64))
    for values in (to_numpy(ours.kernel), to_numpy(theirs.kernel.value)):
        assert 0.98 * bound < np.abs(values).max() <= bound


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Dense", {"units": 0}),
        ("Dense", {"units": 2.5}),
        ("Conv2D", {"filters": 0, "kernel_size": 3}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 0}),
        ("Conv2D", {"filters": 3, "kernel_size": (3, 3, 3)}),
        ("Conv2D", {"filters": 3, "kernel_size": 0}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 0}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "causal"}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "channels"}),
        ("Conv2D", {"filters": 3, "kernel_size": 3, "unknown": 1}),
        ("MaxPooling2D", {"pool_size": (2, 2, 2)}),
        ("MaxPooling2D", {"pool_size": 0}),
        ("Dropout", {"rate": 1.5}),
        ("Dropout", {"rate": 0.5, "noise_shape": "ab"}),
        ("Dropout", {"rate": 0.5, "noise_shape": 3}),
        ("Dropout", {"rate": 0.5, "noise_shape": (0, 1)}),
        ("Dropout", {"rate": 0.5, "noise_shape": (1.5, 1)}),
        ("ReLU", {"max_value": -1.0}),
        ("ReLU", {"negative_slope": -1.0}),
        ("ReLU", {"threshold": None}),
        ("LeakyReLU", {"negative_slope": -1.0}),
        ("Permute", {"dims": (1, 3)}),
        ("Reshape", {"target_shape": (-1, -1)}),
        ("Reshape", {"target_shape": (-2, 1)}),
        ("Embedding", {"input_dim": 0, "output_dim": 3}),
        ("Embedding", {"input_dim": 3, "output_dim": True}),
        ("BatchNormalization", {"renorm": True, "renorm_clipping": {"r": 1.0}}),
        ("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 0.5, "rmin": 1.0}}),
        ("BatchNormalization", {"renorm": True, "renorm_clipping": {"dmax": -1.0}}),
        ("LayerNormalization", {"axis": "a"}),
    ],
)
def test_wrong_arguments_raise_what_keras_raises(name, arguments):
    with pytest.raises(Exception) as theirs:
        getattr(keras.layers, name)(**arguments)
    with pytest.raises(type(theirs.value)):
        getattr(layers, name)(**arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Conv2D", {"filters": 3, "kernel_size": 3}, (2, 8)),
        ("Conv2D", {"filters": 3, "kernel_size": 3}, (2, 2, 8, 3)),
        ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2}, (2, 8, 8, 3)),
        ("Conv1D", {"filters": 3, "kernel_size": 3}, (2, 8, 8, 8)),
        ("MaxPooling2D", {}, (2, 8, 8)),
        ("GlobalAveragePooling2D", {}, (2, 8, 8)),
        ("Dense", {"units": 3}, (8,)),
        ("Permute", {"dims": (2, 1)}, (2, 3)),
        ("Reshape", {"target_shape": (5,)}, (2, 4)),
        ("Reshape", {"target_shape": (-1, 3)}, (2, 4)),
    ],
)
def test_wrong_inputs_raise_what_keras_raises(name, arguments, shape):
    x = np.zeros(shape, dtype="float32")
    with pytest.raises(ValueError):
        getattr(keras.layers, name)(**arguments)(x)
    with pytest.raises(ValueError, match="it"):
        getattr(layers, name)(**arguments, name="it")(x)


def test_integers_into_layer_normalization_are_not_truncated():
    """Keras casts the normalized values back to integers."""
    x = torch.tensor([[0, 1, 2]])
    assert_close(layers.LayerNormalization()(x), layers.LayerNormalization()(x.float()))


def test_oracle_backend_is_one_that_is_right():
    assert os.environ["KERAS_BACKEND"] in ("jax", "tensorflow")
