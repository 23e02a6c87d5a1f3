"""Mixed precision in layers: who sees weights in which type, and what happens to everybody else."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.layers.casting import CastingTable

MIXED = "mixed_bfloat16"


@pytest.fixture
def mixed():
    keras.config.set_dtype_policy(MIXED)
    yield
    keras.config.set_dtype_policy("float32")


class Looks(layers.Layer):
    """Notes the types that its call sees."""

    def build(self, input_shape):
        self.inner = layers.Dense(2, dtype="float32")
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        self.exact = self.add_weight(shape=(), initializer="zeros", name="exact", autocast=False)
        self.total = self.add_weight(shape=(), initializer="zeros", trainable=False, name="total")
        self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False, name="count")

    def call(self, inputs):
        inside = self.inner(inputs)
        self.seen = [inputs.dtype, self.scale.dtype, self.exact.dtype, self.total.dtype, self.count.dtype, inside.dtype]
        assert self.scale is self.scale
        self.total.assign_add(2.0)
        return inputs * self.scale


def test_what_a_call_sees():
    layer = Looks(dtype=MIXED)
    outputs = layer(np.ones((2, 3), "float32"))
    half, full = torch.bfloat16, torch.float32
    assert layer.seen == [half, half, full, half, torch.int32, full]
    assert outputs.dtype is half
    assert layer.scale.dtype is layer.total.dtype is full
    assert layer.scale is layer.weights[0]
    assert float(layer.total) == 2.0
    assert (layer.dtype, layer.compute_dtype, layer.variable_dtype) == ("float32", "bfloat16", "float32")


def test_gradients_reach_the_weights_in_their_own_type():
    layer = layers.Dense(2, dtype=MIXED)
    layer(torch.ones(3, 4)).sum().backward()
    assert layer.kernel.grad.dtype is torch.float32
    assert layer.kernel.grad.tolist() == [[3.0, 3.0]] * 4


def test_other_policies_have_torch_s_own_tables():
    for policy in ("float32", "bfloat16", None):
        layer = layers.Dense(2, dtype=policy)
        assert type(layer._parameters) is dict
        assert "forward" not in layer.__dict__


def test_change_of_policy():
    layer = layers.Dense(2)
    x = torch.ones(3, 4)
    assert layer(x).dtype is torch.float32
    layer.dtype_policy = MIXED
    assert layer(x).dtype is torch.bfloat16
    assert layer(x).dtype is torch.bfloat16
    layer.dtype_policy = "float32"
    assert layer(x).dtype is torch.float32
    assert type(layer._parameters) is not CastingTable
    assert layer.kernel is layer.weights[0]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_cast_their_own_weights(duplicate):
    layer = layers.Dense(2, dtype=MIXED)
    x = torch.ones(3, 4)
    before = layer(x)
    other = duplicate(layer)
    other.kernel.assign(torch.zeros(4, 2))
    assert torch.equal(layer(x), before)
    assert other(x).tolist() == [[0.0, 0.0]] * 3
    assert other(x).dtype is torch.bfloat16


def test_state_dict_and_moves_are_untouched():
    layer = layers.Dense(2, dtype=MIXED)
    layer(torch.ones(1, 3))
    assert [(k, v.dtype) for k, v in layer.state_dict().items()] == [("kernel", torch.float32), ("bias", torch.float32)]
    layer.double()
    assert layer.kernel.dtype is torch.float64
    assert layer(torch.ones(1, 3)).dtype is torch.bfloat16


def test_a_change_in_place_that_would_be_lost_is_refused():
    class Counts(layers.Layer):
        def build(self, input_shape):
            self.total = self.add_weight(shape=(), initializer="zeros", trainable=False, name="total")

        def call(self, inputs):
            self.total.add_(1.0)
            return inputs

    with pytest.raises(RuntimeError, match=r"self\.total\.assign"):
        Counts(dtype=MIXED)(torch.ones(2))
    layer = Counts()
    layer(torch.ones(2))
    assert float(layer.total) == 1.0


def test_an_error_in_a_call_leaves_nothing_open():
    layer = Looks(dtype=MIXED)
    layer(torch.ones(2, 3))
    with pytest.raises(ValueError):
        layer.forward("nothing")
    assert layer.scale.dtype is torch.float32


def test_threads_do_not_see_each_other_s_calls():
    inside, seen = threading.Event(), threading.Event()

    class Waits(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, inputs):
            inside.set()
            assert seen.wait(10)
            return inputs * self.scale

    layer = Waits(dtype=MIXED)
    layer.build((2, 3))
    outputs = []
    thread = threading.Thread(target=lambda: outputs.append(layer(torch.ones(2, 3))))
    thread.start()
    assert inside.wait(10)
    assert layer.scale.dtype is torch.float32
    seen.set()
    thread.join()
    assert outputs[0].dtype is torch.bfloat16


def test_a_layer_that_does_not_autocast_sees_its_weights_as_they_are():
    class Plain(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.autocast = False

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, inputs):
            return inputs * self.scale

    assert Plain(dtype=MIXED)(torch.ones(2)).dtype is torch.float32


@pytest.mark.usefixtures("mixed")
def test_a_subclassed_model_casts_its_inputs_everywhere():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.seen = []
            self.out = layers.Dense(1)
            self.bonus = self.add_weight(shape=(), initializer="ones", name="bonus")

        def call(self, inputs):
            self.seen.append((inputs["x"].dtype, inputs["i"].dtype, self.bonus.dtype))
            return self.out(inputs["x"]) + self.bonus

    model = Net()
    model.compile("sgd", "mse")
    x = {"x": np.ones((8, 3), "float32"), "i": np.ones((8, 1), "int32")}
    model.fit(x, np.ones((8, 1), "float32"), batch_size=4, verbose=0)
    model.predict(x, verbose=0)
    model({"x": torch.ones(1, 3), "i": torch.ones(1, 1, dtype=torch.int32)})
    assert set(model.seen) == {(torch.bfloat16, torch.int32, torch.bfloat16)}
    assert {weight.dtype for weight in model.weights} == {torch.float32}


@pytest.mark.usefixtures("mixed")
def test_whole_numbers_given_as_floats_survive_an_embedding():
    model = keras.Sequential([layers.Embedding(2000, 2)])
    x = np.array([[1001.0, 1003.0]], "float32")  # neither is a bfloat16
    expected = model.layers[0](x.astype("int32"))
    assert torch.equal(model(torch.from_numpy(x)), expected)


@pytest.mark.parametrize(
    ("policy", "auto_scale_loss", "wrapped"),
    [("mixed_float16", True, True), ("mixed_float16", False, False), (MIXED, True, False), ("float32", True, False)],
)
@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD, keras.optimizers.Nadam])
def test_compile_scales_the_loss_of_mixed_float16(policy, auto_scale_loss, wrapped, optimizer):
    keras.config.set_dtype_policy(policy)
    try:
        model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
        model.compile(optimizer, "mse", auto_scale_loss=auto_scale_loss)
        model.fit(np.full((8, 3), 0.01, "float32"), np.zeros((8, 1), "float32"), batch_size=4, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.mixed_precision.LossScaleOptimizer) is wrapped
    if wrapped:
        assert int(model.optimizer.step_counter) == 2
        assert model.optimizer.name == "loss_scale_optimizer"


def test_float16_training_finds_its_scale_and_learns():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
        scaling = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.Adam(0.01), initial_scale=2.0**40)
        model.compile(scaling, "mse")
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 4)).astype("float32")
    y = x.sum(1, keepdims=True)
    losses = model.fit(x, y, batch_size=32, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    assert float(scaling.dynamic_scale) < 2.0**40
    assert int(scaling.iterations) < 12 * 8


@pytest.mark.usefixtures("mixed")
def test_compiled_forward_computes_the_same():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(2)])
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    expected = model.predict(x, verbose=0)
    model.compile("sgd", "mse", jit_compile=True)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=2e-2, atol=2e-2)
