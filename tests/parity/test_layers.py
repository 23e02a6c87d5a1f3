"""Every layer against Keras's: weights, outputs, gradients, configs, shapes, types and modes."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

IMAGES = (2, 8, 7, 4)
STEPS = (2, 9, 4)
VOLUMES = (2, 5, 6, 4, 3)
FIRST = {"data_format": "channels_first"}

# class, arguments, input shape
CASES = [
    ("Dense", {"units": 3}, (5, 4)),
    ("Dense", {"units": 3, "activation": "relu", "use_bias": False}, (2, 3, 4)),
    (
        "Dense",
        {"units": 2, "activation": "softmax", "kernel_regularizer": "l2", "bias_constraint": "non_neg"},
        (2, 3, 2, 4),
    ),
    ("Dense", {"units": 2, "activation": "sigmoid", "kernel_initializer": "he_normal"}, (3, 1)),
    ("Dense", {"units": 4, "activity_regularizer": "l2", "kernel_constraint": "max_norm"}, (3, 5)),
    ("Activation", {"activation": "tanh"}, (3, 4)),
    ("Activation", {"activation": "softmax"}, (3, 4)),
    ("Activation", {"activation": "linear"}, (3, 4)),
    ("ReLU", {}, (3, 4)),
    ("ReLU", {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, (3, 4)),
    ("LeakyReLU", {}, (3, 4)),
    ("LeakyReLU", {"negative_slope": 0.1}, (3, 4)),
    ("ELU", {}, (3, 4)),
    ("ELU", {"alpha": 0.5}, (3, 4)),
    ("PReLU", {}, (3, 4, 2)),
    ("PReLU", {"shared_axes": [1, 2], "alpha_initializer": "glorot_normal"}, IMAGES),
    ("Softmax", {}, (3, 4)),
    ("Softmax", {"axis": 1}, (3, 4, 2)),
    ("Softmax", {"axis": [1, 2]}, (3, 4, 2)),
    ("Dropout", {"rate": 0.5}, (3, 4)),
    ("Dropout", {"rate": 0.5, "noise_shape": (None, 1), "seed": 3}, (3, 4)),
    ("Flatten", {}, IMAGES),
    ("Flatten", FIRST, IMAGES),
    ("Flatten", {}, (5,)),
    ("Flatten", {}, (5, 2)),
    ("Reshape", {"target_shape": (4, 3)}, (2, 12)),
    ("Reshape", {"target_shape": (-1, 2)}, (2, 3, 4)),
    ("Reshape", {"target_shape": (12,)}, (2, 3, 4)),
    ("Permute", {"dims": (2, 1)}, (2, 3, 4)),
    ("Permute", {"dims": (3, 1, 2)}, IMAGES),
    ("Rescaling", {"scale": 0.5}, (2, 3)),
    ("Rescaling", {"scale": 1 / 127.5, "offset": -1}, IMAGES),
    ("Rescaling", {"scale": [1.0, 2.0, 3.0, 4.0], "offset": [0.0, 1.0, 2.0, 3.0]}, IMAGES),
    ("Identity", {}, (2, 3)),
    ("Conv1D", {"filters": 3, "kernel_size": 3}, STEPS),
    ("Conv1D", {"filters": 3, "kernel_size": 4, "padding": "same", "strides": 2, "activation": "relu"}, STEPS),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, STEPS),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "strides": 2, **FIRST}, STEPS),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2, "activation": "relu"}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": (2, 3), "padding": "SAME", "use_bias": False}, IMAGES),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "dilation_rate": 2, "padding": "same"}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": (2, 1), "padding": "same", **FIRST}, IMAGES),
    (
        "Conv2D",
        {"filters": 4, "kernel_size": 1, "groups": 4, "bias_initializer": "ones", "kernel_regularizer": "l2"},
        IMAGES,
    ),
    ("Conv3D", {"filters": 3, "kernel_size": 2, "padding": "same"}, VOLUMES),
    ("MaxPooling1D", {}, STEPS),
    ("MaxPooling1D", {"pool_size": 3, "strides": 1, "padding": "same"}, STEPS),
    ("MaxPooling2D", {}, IMAGES),
    ("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGES),
    ("MaxPooling2D", {"pool_size": (2, 3), "strides": 1, "padding": "same", **FIRST}, IMAGES),
    ("MaxPooling3D", {"padding": "same"}, VOLUMES),
    ("AveragePooling1D", {"pool_size": 2}, STEPS),
    ("AveragePooling2D", {"pool_size": 2}, IMAGES),
    ("AveragePooling2D", {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGES),
    ("AveragePooling2D", {"pool_size": 2, "strides": 1, "padding": "same", **FIRST}, IMAGES),
    ("AveragePooling3D", {"pool_size": (1, 2, 2)}, VOLUMES),
    ("GlobalAveragePooling1D", {}, STEPS),
    ("GlobalAveragePooling1D", {"keepdims": True, **FIRST}, STEPS),
    ("GlobalAveragePooling2D", {}, IMAGES),
    ("GlobalAveragePooling2D", {"keepdims": True, **FIRST}, IMAGES),
    ("GlobalAveragePooling3D", {}, VOLUMES),
    ("GlobalMaxPooling1D", {"keepdims": True}, STEPS),
    ("GlobalMaxPooling2D", {}, IMAGES),
    ("GlobalMaxPooling2D", FIRST, IMAGES),
    ("GlobalMaxPooling3D", {}, VOLUMES),
    ("BatchNormalization", {}, (6, 4)),
    ("BatchNormalization", {}, STEPS),
    ("BatchNormalization", {"momentum": 0.8, "epsilon": 1e-5}, IMAGES),
    ("BatchNormalization", {"axis": 1}, IMAGES),
    ("BatchNormalization", {"axis": 2, "center": False}, IMAGES),
    ("BatchNormalization", {"axis": 0}, (3, 4, 5)),
    ("BatchNormalization", {"scale": False, "beta_regularizer": "l2"}, VOLUMES),
    ("BatchNormalization", {"center": False, "scale": False}, (6, 4)),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.7, "dmax": 0.2}}, (6, 4)),
    ("BatchNormalization", {"renorm": True, "renorm_momentum": 0.7, "scale": False}, IMAGES),
    ("BatchNormalization", {}, (1, 4)),
    ("LayerNormalization", {}, (3, 4)),
    ("LayerNormalization", {"axis": [1, 2], "epsilon": 1e-5}, (2, 3, 4, 5)),
    ("LayerNormalization", {"axis": [-2, -1], "center": False}, (2, 3, 4)),
    ("LayerNormalization", {"axis": 1, "scale": False}, IMAGES),
    ("LayerNormalization", {"axis": -1, "gamma_regularizer": "l2"}, IMAGES),
    ("Embedding", {"input_dim": 5, "output_dim": 3}, (2, 4)),
    (
        "Embedding",
        {"input_dim": 5, "output_dim": 3, "mask_zero": True, "embeddings_constraint": "unit_norm"},
        (2, 3, 4),
    ),
]
IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(CASES)]
#: Only batch normalization computes something else in training mode; what dropout does is random, see tests/unit.
IN_MODES = [
    (*case, training) for case in CASES for training in (False, True) if not training or case[0].startswith("Ba")
]


def inputs_of(name, shape, seed=0):
    random = np.random.RandomState(seed)
    if name == "Embedding":
        return random.randint(0, 5, shape).astype("int32")
    return random.standard_normal(shape).astype("float32")


def pair(name, arguments, shape, **common):
    """The same layer of ours and of Keras's, built, with equal weights."""
    ours = getattr(layers, name)(**arguments, **common, name="it")
    theirs = getattr(keras.layers, name)(**arguments, **common, name="it")
    x = inputs_of(name, shape)
    ours(torch.from_numpy(x))
    theirs.build(shape)
    random = np.random.RandomState(1)
    weights = [(0.5 + random.uniform(size=w.shape)).astype("float32") for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(theirs.get_weights())
    return ours, theirs, x


def gradients_of_keras(layer, x, cotangent, training):
    """Output, new state, and the gradients of `sum(layer(x) * cotangent)` for the trainable weights and the input."""
    state = [v.value for v in layer.non_trainable_variables]
    mode = {"training": training} if layer._call_has_training_arg else {}
    if keras.backend.backend() == "jax":
        import jax

        def loss(weights, x):
            y, moved = layer.stateless_call(weights, state, x, **mode)
            return (y * cotangent).sum(), (y, moved)

        floating = np.asarray(x).dtype.kind == "f"
        function = jax.value_and_grad(loss, (0, 1) if floating else (0,), has_aux=True)
        (_, (y, moved)), gradients = jax.jit(function)([v.value for v in layer.trainable_variables], x)
        return y, moved, gradients[0], gradients[1] if floating else None
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layer(x, **mode)
        loss = tf.reduce_sum(y * cotangent)
    weights = tape.gradient(loss, [v.value for v in layer.trainable_variables])
    moved = [tf.identity(v.value) for v in layer.non_trainable_variables]
    return y, moved, [tf.convert_to_tensor(g) for g in weights], tape.gradient(loss, x) if x.dtype.is_floating else None


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_weights(name, arguments, shape):
    ours, theirs, _ = pair(name, arguments, shape)
    for which in ("weights", "trainable_weights", "non_trainable_weights"):
        expected = [(v.path, tuple(v.shape)) for v in getattr(theirs, which) if v.dtype != "uint32"]  # seeds apart
        assert [(v.path, tuple(v.shape)) for v in getattr(ours, which)] == expected, which
    expected = sum(int(np.prod(v.shape)) for v in theirs.weights if v.dtype != "uint32")
    assert ours.count_params() == expected


@pytest.mark.parametrize(("name", "arguments", "shape", "training"), IN_MODES)
def test_outputs_and_gradients(name, arguments, shape, training):
    ours, theirs, data = pair(name, arguments, shape)
    x = torch.from_numpy(data)
    if x.is_floating_point():
        x.requires_grad_()
    cotangent = np.random.RandomState(2).standard_normal(ours.compute_output_shape(shape)).astype("float32")
    y, moved, for_weights, for_input = gradients_of_keras(theirs, data, cotangent, training)
    output = ours(x, training=training)
    assert output.dtype == torch.float32
    assert_close(output, y, rtol=1e-4, atol=2e-5)
    if output.requires_grad:
        (output * torch.from_numpy(cotangent)).sum().backward()
    for weight, expected in zip(ours.trainable_weights, for_weights, strict=True):
        assert_close(weight.grad, expected, rtol=1e-3, atol=1e-4, message=weight.path)
        assert [step for step, size in zip(weight.grad.stride(), weight.shape, strict=True) if size > 1] == [
            step for step, size in zip(weight.stride(), weight.shape, strict=True) if size > 1
        ]  # the optimizers' fused kernels want it so
    moved = [value for value in moved if to_numpy(value).dtype != "uint32"]  # seeds
    for weight, expected in zip(ours.non_trainable_weights, moved, strict=True):
        assert_close(weight, expected, message=weight.path)
    if for_input is not None:
        assert_close(x.grad, for_input, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_config(name, arguments, shape):
    ours, theirs, _ = pair(name, arguments, shape)
    assert ours.get_config() == theirs.get_config()
    mine, expected = layers.serialize(ours), keras.layers.serialize(theirs)
    assert mine | {"build_config": None} == expected | {"build_config": None}
    if theirs.weights:
        assert mine["build_config"] == expected["build_config"]
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in ours.weights]
    back = type(theirs).from_config(ours.get_config())
    assert back.get_config() == theirs.get_config()
    unbuilt = getattr(layers, name)(**arguments, name="it").get_config()
    assert unbuilt == getattr(keras.layers, name)(**arguments, name="it").get_config()


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_static_shape_and_type(name, arguments, shape):
    ours, theirs, x = pair(name, arguments, shape)
    open_batch = (None, *shape[1:])
    if (name, arguments) != ("BatchNormalization", {"axis": 0}):
        expected = tuple(theirs.compute_output_shape(open_batch))
        assert ours.compute_output_shape(open_batch) == expected
        fresh = getattr(layers, name)(**arguments)
        symbolic = fresh(KerasTensor(open_batch, dtype=str(x.dtype)))
        assert symbolic.shape == expected
        assert symbolic.dtype == theirs(keras.KerasTensor(open_batch, dtype=str(x.dtype))).dtype
    assert ours.compute_output_shape(shape) == tuple(ours(x).shape)


@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_float64(name, arguments, shape):
    ours, _, x = pair(name, arguments, shape)
    wide = getattr(layers, name)(**arguments, dtype="float64")
    output = wide(torch.from_numpy(x))
    assert output.dtype == torch.float64
    assert all(w.dtype == torch.float64 for w in wide.weights)
    wide.set_weights(ours.get_weights())
    assert_close(wide(torch.from_numpy(x)), ours(torch.from_numpy(x)), rtol=1e-4, atol=2e-5)
    assert ours(x.astype("float64") if x.dtype.kind == "f" else x).dtype == torch.float32


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
    if dtype == "int64":
        x = x.astype("int32")  # JAX has no int64
    ours = getattr(layers, name)(**arguments)
    theirs = getattr(keras.layers, name)(**arguments)
    ours(x)
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
