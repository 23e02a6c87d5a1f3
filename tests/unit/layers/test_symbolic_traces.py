"""Finding out shapes leaves no trace: layers that change their state in `call` count their calls on data alone.

The right values are those of Keras on TensorFlow.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras

X = np.arange(6, dtype="float32").reshape(2, 3)


class Count(keras.layers.Layer):
    """Counts its calls in a weight."""

    def __init__(self, as_attribute, trainable):
        super().__init__()
        self.counts_gradients = trainable
        if as_attribute:
            self.n = keras.Variable(0.0, trainable=trainable)

    def build(self, input_shape):
        if not hasattr(self, "n"):
            self.n = self.add_weight(shape=(), initializer="zeros", trainable=self.counts_gradients)

    def call(self, inputs):
        self.n.assign(self.n + 2)
        self.n.assign_sub(1.0)
        return inputs + 0 * self.n.value


class Holder(keras.Model):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


def functional(layer):
    inputs = keras.Input((3,))
    return keras.Model(inputs, layer(inputs))


KINDS = {
    "functional": functional,
    "sequential": lambda layer: keras.Sequential([keras.Input((3,)), layer]),
    "sequential without input": lambda layer: keras.Sequential([layer]),
    "subclassed": Holder,
    "nested": lambda layer: functional(functional(layer)),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("as_attribute", [False, True])
@pytest.mark.parametrize("trainable", [False, True])
class TestCounts:
    @pytest.fixture
    def layer(self, as_attribute, trainable):
        return Count(as_attribute, trainable)

    def test_calls_count(self, kind, layer):
        model = kind(layer)
        for count in (1, 2, 3):
            model(X)
            assert layer.n.numpy() == count
        model.predict(X, verbose=0)
        assert layer.n.numpy() == 4

    @pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
    def test_batches_count(self, kind, layer):
        model = kind(layer)
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(X, X, batch_size=1, epochs=2, verbose=0)
        assert layer.n.numpy() == 4
        model.evaluate(X, X, verbose=0)
        assert layer.n.numpy() == 5
        model.train_on_batch(X, X)
        assert layer.n.numpy() == 6

    def test_asking_for_shapes_does_not_count(self, kind, layer):
        model = kind(layer)
        model(X)
        model.compute_output_spec(keras.KerasTensor((4, 3)))
        model.compute_output_shape((4, 3))
        model.summary(print_fn=lambda *_, **__: None)
        assert layer.n.numpy() == 1
        assert not isinstance(layer.n, keras.KerasTensor)


class Everything(keras.layers.Layer):
    """Changes all kinds of state that a layer may have."""

    def __init__(self):
        super().__init__()
        self.listed = [keras.Variable(0.0, trainable=False)]
        self.named = {"a": keras.Variable(0.0)}
        self.mean = keras.metrics.Mean()
        self.sums = [keras.metrics.Sum()]
        self.seeds = keras.random.SeedGenerator(1)
        self.register_buffer("plain", torch.zeros(()))

    def build(self, input_shape):
        self.w = self.add_weight(shape=(3,), initializer="ones", trainable=False)

    def call(self, inputs):
        self.listed[0].assign_add(1.0)
        self.named["a"].assign_add(1.0)
        self.mean.update_state(inputs)
        self.sums[0].update_state(inputs)
        self.plain = self.plain + 1
        self.w.assign(self.w * 2)
        self.add_loss(keras.ops.sum(inputs))
        keras.random.uniform((2,), seed=self.seeds)
        torch.rand(2)
        return inputs * self.w

    def state(self):
        values = [self.listed[0], self.named["a"], self.mean.result(), self.sums[0].result(), self.plain, self.w.sum()]
        return [*(float(value.detach()) for value in values), *self.seeds.state.tolist(), len(self.losses)]


@pytest.mark.parametrize("shape", [(3,), (None, 3), (20_000, 3)], ids=["on zeros", "without length", "on meta"])
@pytest.mark.parametrize("kind", ["functional", "sequential", "subclassed"])
def test_no_state_keeps_a_trace(shape, kind):
    layer = Everything()
    fresh = [0.0] * 5 + [3.0, 1, 0, 0]
    random_state = torch.get_rng_state()
    if kind == "subclassed":
        model = Holder(layer)
        model.compute_output_spec(keras.KerasTensor((None, *shape)))
    else:
        inputs = keras.Input(shape)
        model = keras.Model(inputs, layer(inputs)) if kind == "functional" else keras.Sequential([inputs, layer])
    model.summary(print_fn=lambda *_, **__: None)
    assert layer.state() == fresh
    assert torch.equal(torch.get_rng_state(), random_state)
    ones = np.ones((2, *(7 if size is None else size for size in shape)), "float32")
    model(ones)
    assert layer.state() == [1.0, 1.0, 1.0, float(ones.sum()), 1.0, 6.0, 1, 1, 1]


class Fails(Count):
    def call(self, inputs):
        self.n.assign_add(1.0)
        raise RuntimeError("not today")


def test_a_failing_run_leaves_no_trace_either():
    layer = Fails(as_attribute=True, trainable=True)
    with pytest.raises(RuntimeError, match="not today"):
        functional(layer)
    assert layer.n.numpy() == 0


@pytest.mark.parametrize(
    ("operate", "row", "dtype"),
    [
        (lambda x: x * np.arange(3, dtype="float32"), [0, 1, 2], "float32"),
        (lambda x: x + np.arange(3), [1, 2, 3], "float32"),
        (lambda x: x - np.ones((1, 3), "float32"), [0, 0, 0], "float32"),
        (lambda x: x / np.full(3, 4), [0.25, 0.25, 0.25], "float32"),
        (lambda x: x ** np.arange(3), [1, 1, 1], "float32"),
        (lambda x: x @ np.ones((3, 2), "float32"), [3, 3], "float32"),
        (lambda x: x > np.arange(3), [True, False, False], "bool"),
        (lambda x: (x > 0) & np.array([True, False, True]), [True, False, True], "bool"),
    ],
)
def test_operators_with_arrays(operate, row, dtype):
    """The values and types are Keras's."""
    x = keras.Input((3,))
    y = operate(x)
    assert y.dtype == dtype
    model = keras.Model(x, y)
    again = keras.Model.from_config(model.get_config())
    for each in (model, again):
        result = each.predict(np.ones((2, 3), "float32"), verbose=0)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, [row, row])
