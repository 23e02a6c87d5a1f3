"""Subclassed models against real Keras: the same class, the same weights, the same histories."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity.oracle import assert_close, keras


def plain(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.hidden = k.layers.Dense(8, activation="tanh")
            self.norm = k.layers.BatchNormalization(momentum=0.5)
            self.out = k.layers.Dense(3)

        def call(self, inputs, training=None):
            return self.out(self.norm(self.hidden(inputs), training=training))

    return Net()


def containers(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [k.layers.Dense(6, activation="relu")]
            self.blocks.append(k.layers.Dense(5, activation="relu", kernel_regularizer="l2"))
            self.heads = {"b": k.layers.Dense(3), "a": k.layers.Dense(3)}

        def call(self, inputs):
            for block in self.blocks:
                inputs = block(inputs)
            return self.heads["a"](inputs) - self.heads["b"](inputs)

    return Net()


def with_losses(k):
    class Scale(k.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
            self.inner = k.layers.Dense(4, activation="relu", activity_regularizer="l2")
            self.inner.build(input_shape)

        def call(self, inputs, training=False):
            if training:
                self.add_loss(0.1 * k.ops.sum(k.ops.square(self.scale)))
            return self.inner(inputs * self.scale)

    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.scale = Scale()
            self.out = k.layers.Dense(3)

        def call(self, inputs, training=False):
            outputs = self.out(self.scale(inputs, training=training))
            self.add_loss(0.01 * k.ops.mean(k.ops.abs(outputs)))
            return outputs

    return Net()


def own_losses_and_metrics(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.out = k.layers.Dense(3)

        def call(self, inputs):
            return self.out(inputs)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight, training)
            return 0.5 * loss + 0.1 * k.ops.mean(k.ops.square(y_pred))

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return super().compute_metrics(x, y, y_pred, sample_weight)

    return Net()


def several(k):
    class Net(k.Model):
        def __init__(self):
            super().__init__()
            self.shared = k.layers.Dense(5, activation="tanh")
            self.first, self.second = k.layers.Dense(3), k.layers.Dense(1)

        def call(self, inputs):
            x = self.shared(inputs["a"]) + self.shared(inputs["b"])
            return [self.first(x), self.second(x)]

    return Net()


MODELS = {f.__name__: f for f in (plain, containers, with_losses, own_losses_and_metrics)}


def same_start(make, x):
    keras.utils.clear_session()
    theirs, ours = make(keras), make(tks)
    for model in (theirs, ours):
        model(x)
    expected = [tuple(w.shape) for w in theirs.weights]
    assert [tuple(w.shape) for w in ours.weights] == expected
    rng = np.random.default_rng(7)
    start = [np.abs(rng.normal(scale=0.4, size=shape)).astype("float32") for shape in expected]
    for model in (theirs, ours):
        model.set_weights(start)
    return ours, theirs


def compare_training(ours, theirs, x, y, optimizer, rtol=2e-4, **compiled):
    histories, results = [], []
    for k, model in ((tks, ours), (keras, theirs)):
        model.compile(optimizer=optimizer(k), **compiled)
        fitted = model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0, validation_data=(x, y))
        histories.append(fitted.history)
        results.append(model.evaluate(x, y, verbose=0, return_dict=True))
    assert set(histories[0]) == set(histories[1])
    for name, values in histories[1].items():
        assert_close(np.array(histories[0][name]), np.array(values), rtol=rtol, atol=1e-5, message=name)
    assert set(results[0]) == set(results[1])
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_histories(name, optimizer):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(36, 4)).astype("float32"), rng.normal(size=(36, 3)).astype("float32")
    ours, theirs = same_start(MODELS[name], x)
    compare_training(ours, theirs, x, y, lambda k: getattr(k.optimizers, optimizer)(0.02), loss="mse", metrics=["mae"])
    assert_close(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-3, atol=1e-4)


def test_several_inputs_and_outputs():
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(20, 4)).astype("float32") for name in "ab"}
    y = [rng.integers(0, 3, 20), rng.normal(size=(20, 1)).astype("float32")]
    ours, theirs = same_start(several, x)
    expected = theirs.predict(x, verbose=0)
    found = ours.predict(x, verbose=0)
    assert type(found) is type(expected)
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b)
    for model, k in ((ours, tks), (theirs, keras)):
        model.compile(k.optimizers.SGD(0.05), loss=[k.losses.SparseCategoricalCrossentropy(from_logits=True), "mse"])
    histories = [m.fit(x, y, epochs=2, batch_size=5, shuffle=False, verbose=0).history for m in (ours, theirs)]
    assert_close(np.array(histories[0]["loss"]), np.array(histories[1]["loss"]), rtol=1e-4)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_configs_of_layers_without_get_config():
    configs = []
    for k in (tks, keras):

        class Widened(k.layers.Layer):
            def __init__(self, width, factor=2, **kwargs):
                super().__init__(**kwargs)
                self.width, self.factor = width, factor

        configs.append(Widened(3, factor=4, name="widened").get_config())
    assert configs[0] == configs[1]


def masked_graph(k):
    tokens = k.Input((4,), dtype="int32", name="tokens")
    x = k.layers.Embedding(5, 6, mask_zero=True, name="embedding")(tokens)
    return k.Model(tokens, k.layers.Dense(1, name="value")(x), name="masked")


def masked_pool(k):
    tokens = k.Input((4,), dtype="int32", name="tokens")
    x = k.layers.Embedding(5, 6, mask_zero=True, name="embedding")(tokens)
    x = k.layers.GlobalAveragePooling1D(name="pool")(k.layers.Dropout(0.0, name="drop")(x))
    return k.Model(tokens, k.layers.Dense(1, name="value")(x), name="pooled")


@pytest.mark.parametrize(("make", "shape"), [(masked_graph, (9, 4, 1)), (masked_pool, (9, 1))])
def test_masked_histories(make, shape):
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 5, (9, 4))
    tokens[:, 0] = 1  # no sequence is empty
    y = rng.normal(size=shape).astype("float32")
    ours, theirs = same_start(make, tokens)
    compare_training(ours, theirs, tokens, y, lambda k: k.optimizers.SGD(0.05), loss="mse")
