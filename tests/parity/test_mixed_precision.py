"""Mixed precision against Keras: types everywhere, values within half precision, whole trainings, configs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

import torchkeras_shim as tks
from tests.parity.oracle import assert_close, keras
from tests.parity.test_fit import blobs, convnet, mlp
from tests.parity.test_layers import CASES, IDS, gradients_of_keras, pair
from torchkeras_shim import layers

HALF = {"mixed_bfloat16": 2e-2, "mixed_float16": 4e-3}


def as_float32(value):
    if isinstance(value, torch.Tensor):
        return value.detach().float().numpy()
    return np.asarray(value).astype("float32")


def near(ours, theirs, tolerance, message=""):
    theirs = as_float32(theirs)
    scale = max(float(np.abs(theirs).max(initial=0.0)), 1e-3)
    np.testing.assert_allclose(as_float32(ours), theirs, rtol=tolerance, atol=tolerance * scale, err_msg=message)


@pytest.fixture
def policy(request):
    for module in (tks, keras):
        module.config.set_dtype_policy(request.param)
    yield request.param
    for module in (tks, keras):
        module.config.set_dtype_policy("float32")


@pytest.mark.parametrize("name_of_policy", HALF)
@pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)
def test_every_layer(name, arguments, shape, name_of_policy):
    ours, theirs, x = pair(name, arguments, shape, dtype=name_of_policy)
    if name.endswith("Pooling3D") and name_of_policy == "mixed_float16" and keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no such kernel on the CPU")
    tolerance = HALF[name_of_policy]
    mine, expected = ours(torch.from_numpy(x)), theirs(x)
    assert str(mine.dtype) == f"torch.{keras.backend.standardize_dtype(expected.dtype)}"
    near(mine, expected, tolerance)
    assert [str(w.dtype) for w in ours.weights] == [f"torch.{w.dtype}" for w in theirs.weights if w.dtype != "uint32"]
    assert ours.get_config() == theirs.get_config()
    spec = ours(tks.KerasTensor(shape, "int32" if x.dtype.kind == "i" else "float32"))
    assert (spec.shape, spec.dtype) == (tuple(mine.shape), str(mine.dtype).removeprefix("torch."))


TRAINED = [
    "Dense", "Conv1D", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D", "Embedding", "PReLU",
    "BatchNormalization", "LayerNormalization",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [case for case in CASES if case[0] in TRAINED],
    ids=[name for case, name in zip(CASES, IDS, strict=True) if case[0] in TRAINED],
)
def test_gradients_and_statistics_in_training(name, arguments, shape):
    ours, theirs, data = pair(name, arguments, shape, dtype="mixed_bfloat16")
    output = ours(torch.from_numpy(data), training=True)
    cotangent = np.random.RandomState(2).standard_normal(output.shape).astype("float32")
    _, moved, for_weights, _ = gradients_of_keras(theirs, data, cotangent, True)
    if output.requires_grad:
        (output.float() * torch.from_numpy(cotangent)).sum().backward()
    for weight, expected in zip(ours.trainable_weights, for_weights, strict=True):
        assert weight.grad.dtype is torch.float32
        near(weight.grad, expected, 5e-2, weight.path)
    moved = [value for value in moved if str(value.dtype) != "uint32"]
    for weight, expected in zip(ours.non_trainable_weights, moved, strict=True):
        assert weight.dtype is torch.float32
        near(weight, expected, 1e-3, weight.path)


def trained(make, optimizer, **compile_arguments):
    theirs, ours = make(keras), make(tks)
    ours.set_weights(theirs.get_weights())
    for model, k in ((ours, tks), (theirs, keras)):
        model.compile(optimizer(k), "sparse_categorical_crossentropy", metrics=["accuracy"], **compile_arguments)
    return ours, theirs


@pytest.mark.parametrize("policy", HALF, indirect=True)
@pytest.mark.parametrize("make", [mlp, convnet])
def test_whole_trainings(policy, make):
    x, y = blobs()
    if make is convnet:
        x = np.random.default_rng(1).normal(size=(96, 8, 8, 2)).astype("float32") + y[:, None, None, None]

    def optimizer(k):
        adam = k.optimizers.Adam(0.01)
        # Small enough that no gradient overflows: at the edge of float16 every backend's sums have their own.
        scaling = k.optimizers.LossScaleOptimizer(adam, initial_scale=64.0, dynamic_growth_steps=8)
        return scaling if policy == "mixed_float16" else adam

    ours, theirs = trained(make, optimizer)
    arguments = {"batch_size": 16, "epochs": 4, "validation_data": (x, y), "verbose": 0, "shuffle": False}
    history, expected = ours.fit(x, y, **arguments).history, theirs.fit(x, y, **arguments).history
    assert set(history) == set(expected)
    for name in ("loss", "val_loss"):
        assert_close(np.array(history[name]), np.array(expected[name]), 5e-2, 5e-2, message=name)
    for name in ("accuracy", "val_accuracy"):
        assert_close(np.array(history[name]), np.array(expected[name]), 0, 0.06, message=name)
    for mine, their in zip(ours.weights, theirs.weights, strict=True):
        assert mine.dtype is torch.float32
        assert str(their.dtype) == "float32"
        near(mine, their.value, 8e-2, mine.path)
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations)
    if policy == "mixed_float16":
        assert float(ours.optimizer.dynamic_scale) == float(theirs.optimizer.dynamic_scale.value)
    prediction = ours.predict(x, verbose=0)
    near(prediction, theirs.predict(x, verbose=0), 5e-2)


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
def test_a_last_layer_in_float32(policy):
    def make(k):
        return k.Sequential(
            [k.Input((6,)), k.layers.Dense(8, "relu"), k.layers.Dense(3, "softmax", dtype="float32", name="last")]
        )

    theirs, ours = make(keras), make(tks)
    ours.set_weights(theirs.get_weights())
    x, _ = blobs()
    mine, expected = ours(torch.from_numpy(x)), theirs(x)
    assert mine.dtype is torch.float32
    assert keras.backend.standardize_dtype(expected.dtype) == "float32"
    near(mine, expected, 2e-2)
    assert [layer.compute_dtype for layer in ours.layers] == [layer.compute_dtype for layer in theirs.layers]
    assert [layer.dtype_policy.name for layer in ours.layers] == [layer.dtype_policy.name for layer in theirs.layers]
    rebuilt = tks.Sequential.from_config(ours.get_config())
    assert [layer.dtype_policy.name for layer in rebuilt.layers] == ["mixed_bfloat16", "float32"]


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
@pytest.mark.parametrize("given", [True, False])
def test_types_of_inputs_and_outputs(policy, given):
    def make(k):
        start = [k.Input((6,))] if given else []
        model = k.Sequential([*start, k.layers.Dense(3)])
        if not given:
            model.build((None, 6))
        return model

    ours, theirs = make(tks), make(keras)
    assert ours.inputs[0].dtype == theirs.inputs[0].dtype
    assert ours.outputs[0].dtype == theirs.outputs[0].dtype
    assert ours.dtype_policy.name == theirs.dtype_policy.name


@pytest.mark.parametrize("policy", ["mixed_bfloat16"], indirect=True)
def test_a_functional_model_leaves_types_to_its_layers(policy):
    def make(k):
        x = k.Input((4,))
        exact = k.layers.Dense(5, dtype="float32")(x)
        return k.Model(x, [exact, k.layers.Dense(3)(exact) + 1.0])

    theirs, ours = make(keras), make(tks)
    ours.set_weights(theirs.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    for mine, expected, tolerance in zip(ours(torch.from_numpy(x)), theirs(x), (1e-5, 2e-2), strict=True):
        assert str(mine.dtype) == f"torch.{keras.backend.standardize_dtype(expected.dtype)}"
        near(mine, expected, tolerance)
    ours.compile("adam", "mse")
    ours.fit(x, [np.zeros((3, 5), "float32"), np.zeros((3, 3), "float32")], verbose=0)
    assert {weight.dtype for weight in ours.weights} == {torch.float32}


def test_policies_are_keras_s():
    for name in ("float32", "mixed_float16", "mixed_bfloat16"):
        for kind in ("DTypePolicy", "FloatDTypePolicy"):
            ours, theirs = getattr(tks, kind)(name), getattr(keras, kind)(name)
            assert ours.get_config() == theirs.get_config()
            assert repr(ours) == repr(theirs)
            config = keras.dtype_policies.serialize(theirs)
            assert tks.dtype_policies.serialize(ours) == config
            assert tks.dtype_policies.deserialize(config) == ours
            assert keras.dtype_policies.deserialize(tks.dtype_policies.serialize(ours)) == theirs
    names = {name for name in dir(keras.mixed_precision) if not name.startswith("_")}
    assert names <= set(dir(tks.mixed_precision))


@pytest.mark.parametrize("wrong", ["mixed_float12", 3, "nonsense"])
def test_wrong_policies_raise_what_keras_raises(wrong):
    for call in (lambda k: k.DTypePolicy(wrong), lambda k: k.config.set_dtype_policy(wrong)):
        with pytest.raises((ValueError, TypeError)) as theirs:
            call(keras)
        with pytest.raises(type(theirs.value)) as ours:
            call(tks)
        assert str(ours.value) == str(theirs.value)


def test_layers_go_both_ways():
    ours = layers.Dense(2, dtype="mixed_float16", name="it")
    theirs = keras.layers.Dense(2, dtype="mixed_float16", name="it")
    assert keras.layers.Dense.from_config(ours.get_config()).dtype_policy == theirs.dtype_policy
    assert layers.Dense.from_config(theirs.get_config()).dtype_policy == ours.dtype_policy
