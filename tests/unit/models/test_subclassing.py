"""Models and layers written as classes: the patterns of Keras's guides, and torch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers


def data(samples=24, width=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, width)).astype("float32"), rng.normal(size=(samples, 1)).astype("float32")


class Call(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(8, activation="relu")
        self.out = layers.Dense(1)

    def call(self, inputs):
        return self.out(self.hidden(inputs))


class Forward(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = torch.nn.Linear(4, 8)
        self.out = layers.Dense(1)

    def forward(self, inputs):
        return self.out(torch.relu(self.hidden(inputs)))


class Tracked(keras.Model):
    """Layers in lists and dicts, some appended after the assignment."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = []
        for width in (6, 5):
            self.blocks.append(layers.Dense(width, activation="relu"))
        self.heads = {"a": layers.Dense(1)}
        self.heads["b"] = layers.Dense(1)

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.heads["a"](inputs) + self.heads["b"](inputs)


@pytest.mark.parametrize(("cls", "weights"), [(Call, 4), (Forward, 4), (Tracked, 8)])
def test_the_first_data_build_and_training_changes_every_weight(cls, weights):
    x, y = data()
    model = cls()
    model.compile(keras.optimizers.SGD(0.05), "mse")
    model.fit(x, y, epochs=1, verbose=0)
    assert model.built
    assert len(model.trainable_weights) == weights
    before = model.get_weights()
    history = model.fit(x, y, epochs=5, verbose=0, shuffle=False).history["loss"]
    assert history[-1] < history[0]
    kernels = [(a, b) for a, b in zip(before, model.get_weights(), strict=True) if a.ndim == 2]
    assert all(not np.array_equal(a, b) for a, b in kernels)
    assert model.predict(x, verbose=0).shape == (24, 1)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), model.test_on_batch(x, y), rtol=1e-5)


def test_layers_appended_after_a_fit_are_trained_by_the_next():
    x, y = data()
    model = Tracked()
    model.compile(keras.optimizers.SGD(0.05), "mse")
    model.fit(x, y, verbose=0)
    assert len(model.layers) == 4
    model.blocks.append(layers.Dense(3))
    model.heads = {"a": layers.Dense(1), "b": layers.Dense(1)}
    assert len(model.layers) == 5
    model.compile(keras.optimizers.SGD(0.05), "mse")
    model.train_on_batch(x, y)
    assert len(model.trainable_weights) == 10
    before = model.blocks[2].get_weights()[0]
    model.train_on_batch(x, y)
    assert not np.array_equal(before, model.blocks[2].get_weights()[0])


def test_shapes_that_layers_were_built_for_leave_the_batch_open():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")

        def call(self, inputs):
            return inputs * self.scale

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = Scale()
            self.out = layers.Dense(1)

        def call(self, inputs):
            return self.out(self.scale(inputs))

    x, y = data()
    model = Net()
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    assert model.scale.get_build_config() == {"input_shape": (None, 4)}
    lines = []
    model.summary(print_fn=lambda text, **_: lines.append(text))
    assert "(None, 1)" in "\n".join(lines)
    assert "(2, " not in "\n".join(lines)


# Overridden steps ---------------------------------------------------------------------------------------------------


def test_own_steps_and_own_metrics():
    class Own(Call):
        def __init__(self):
            super().__init__()
            self.loss_tracker = keras.metrics.Mean(name="my_loss")
            self.mae = keras.metrics.MeanAbsoluteError(name="mae")

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae]

        def train_step(self, data):
            x, y = data
            loss = ((self(x, training=True) - y) ** 2).mean()
            self.zero_grad()
            loss.backward()
            weights = self.trainable_weights
            with torch.no_grad():
                self.optimizer.apply([weight.grad for weight in weights], weights)
                self.loss_tracker.update_state(loss)
                self.mae.update_state(y, self(x))
            return {"my_loss": self.loss_tracker.result(), "mae": self.mae.result()}

        def test_step(self, data):
            x, y = data
            y_pred = self(x, training=False)
            self.loss_tracker.update_state(((y_pred - y) ** 2).mean())
            self.mae.update_state(y, y_pred)
            return {metric.name: metric.result() for metric in self.metrics}

        def predict_step(self, data):
            return {"value": self(data[0]), "twice": 2 * self(data[0])}

    x, y = data()
    model = Own()
    model.compile(keras.optimizers.SGD(0.05))
    history = model.fit(x, y, epochs=6, batch_size=8, verbose=0, validation_data=(x, y)).history
    assert set(history) == {"my_loss", "mae", "val_my_loss", "val_mae"}
    assert history["my_loss"][-1] < history["my_loss"][0]
    predicted = model.predict(x, verbose=0)
    np.testing.assert_allclose(predicted["twice"], 2 * predicted["value"], rtol=1e-6)
    results = model.evaluate(x, y, batch_size=8, verbose=0, return_dict=True)
    assert results["mae"] == pytest.approx(np.abs(predicted["value"] - y).mean(), rel=1e-5)
    assert results["my_loss"] == pytest.approx(history["val_my_loss"][-1], rel=1e-5)
    assert float(model.mae.count) > 0
    model.reset_metrics()
    assert float(model.mae.count) == 0


def test_own_compute_loss_and_compute_metrics():
    class Own(Call):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight, training) + 10.0

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**results, "largest": y_pred.detach().max()}

    x, y = data()
    model = Own()
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=24, verbose=0).history
    predicted = model.predict(x, verbose=0)
    assert history["loss"][0] == pytest.approx(10 + ((predicted - y) ** 2).mean(), rel=1e-5)
    assert history["mae"][0] == pytest.approx(np.abs(predicted - y).mean(), rel=1e-5)
    assert history["largest"][0] == pytest.approx(predicted.max(), rel=1e-5)


def test_a_compile_of_its_own_takes_what_it_likes():
    class TwoOptimizers(keras.Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = layers.Dense(1), layers.Dense(1)

        def compile(self, left_optimizer, right_optimizer):
            super().compile()
            self.left_optimizer, self.right_optimizer = left_optimizer, right_optimizer

        def train_step(self, data):
            x, y = data
            loss = ((self.left(x) + self.right(x) - y) ** 2).mean()
            self.zero_grad()
            loss.backward()
            with torch.no_grad():
                for part, optimizer in ((self.left, self.left_optimizer), (self.right, self.right_optimizer)):
                    weights = part.trainable_weights
                    optimizer.apply([weight.grad for weight in weights], weights)
            return {"loss": loss.detach()}

    x, y = data()
    model = TwoOptimizers()
    model.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.0))
    model.fit(x, y, verbose=0)
    left, right = model.left.get_weights()[0], model.right.get_weights()[0]
    model.fit(x, y, verbose=0)
    assert not np.array_equal(left, model.left.get_weights()[0])
    np.testing.assert_array_equal(right, model.right.get_weights()[0])


# Layers -------------------------------------------------------------------------------------------------------------


class Noted(layers.Layer):
    """Notes how it was called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.seen = []

    def call(self, inputs, training=None, mask=None):
        self.seen.append((training, mask is not None))
        return inputs


class Nest(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.inner = Noted()

    def call(self, inputs):
        return self.inner(inputs)


def test_nested_layers_learn_the_mode_and_the_mask():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.nest = Nest()
            self.out = layers.Dense(1)

        def call(self, inputs):
            return self.out(self.nest(inputs)[:, 0])

    x, y = np.ones((6, 3, 2), "float32"), np.ones((6, 1), "float32")
    model = Net()
    model(x)
    model(x, training=True)
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    model.predict(x, verbose=0)
    modes = [training for training, _ in model.nest.inner.seen]
    assert modes[:2] == [False, True]
    assert modes[-2:] == [True, False]
    assert not any(masked for _, masked in model.nest.inner.seen)
    masked = layers.Masking()(torch.zeros(1, 3, 2))
    assert model.nest(masked)._keras_mask.tolist() == [[False] * 3]
    assert model.nest.inner.seen[-1] == (False, True)


def test_added_losses_of_nested_layers_are_minimised_and_not_accumulated():
    class Penalised(layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, inputs, training=None):
            if training:
                self.add_loss(self.scale**2)
            return inputs

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = [Penalised(), Penalised()]

        def call(self, inputs):
            for part in self.parts:
                inputs = part(inputs)
            return inputs

    x = np.zeros((4, 1), "float32")
    model = Net()
    model.compile(keras.optimizers.SGD(0.25), "mse")
    model.build((None, 1))
    losses = model.fit(x, x, epochs=3, verbose=0).history["loss"]
    assert losses == pytest.approx([2.0, 0.5, 0.125])  # each step halves both scales
    assert model.evaluate(x, x, verbose=0) == 0.0
    model(x, training=True)
    assert len(model.losses) == 2


class Adds(layers.Layer):
    def call(self, inputs):
        self.add_loss(4.0 + 0 * inputs.sum())
        return inputs


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kind", ["own", "shared"])
def test_added_losses_count_once_per_call(eager, kind):
    class Own(keras.Model):
        def call(self, inputs):
            self.add_loss(8.0 + 0 * inputs.sum())
            return inputs

    if kind == "own":
        model = Own()
    else:
        inputs, adds = keras.Input((4,)), Adds()
        model = keras.Model(inputs, adds(adds(inputs)))
    x = np.zeros((4, 4), "float32")
    model.compile("sgd", "mse", run_eagerly=eager)
    for _ in range(2):
        assert model.evaluate(x, x, verbose=0) == 8.0
        assert model.evaluate(x, x, batch_size=2, verbose=0) == 8.0


def test_no_loss_at_all_is_refused_by_the_eager_step_too():
    x, y = data()
    model = Call()
    model.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="No loss to compute"):
        model.fit(x, y, verbose=0)


# Config -------------------------------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="subclassing")
class Affine(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(input_shape[-1],), initializer="random_normal", name="shift")

    def call(self, inputs):
        return inputs * self.factor + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="subclassing")
class Net(keras.Model):
    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.affine = Affine(3.0)
        self.blocks = [layers.Dense(width), layers.Dense(1)]

    def call(self, inputs):
        return self.blocks[1](self.blocks[0](self.affine(inputs)))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def test_config_round_trip(tmp_path):
    x, y = data()
    model = Net(5, name="net")
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y, verbose=0)
    again = Net.from_config(model.get_config())
    assert (again.width, again.name) == (5, "net")
    layer = layers.deserialize(layers.serialize(model.affine))
    assert type(layer) is Affine
    assert layer.factor == 3.0
    model.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert type(loaded) is Net
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    model.fit(x, y, verbose=0, shuffle=False)
    loaded.fit(x, y, verbose=0, shuffle=False)  # the optimizer's state came along
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_call_without_a_body_says_what_to_write():
    class Empty(keras.Model):
        pass

    with pytest.raises(NotImplementedError, match="call"):
        Empty()(np.ones((2, 3), "float32"))


def test_a_layer_without_its_base_constructor_says_so():
    class Late(keras.Model):
        def __init__(self):
            self.dense = layers.Dense(1)

    with pytest.raises(
        RuntimeError, match=r"In layer 'Late', you forgot to call `super\(\).__init__\(\)` as the first"
    ):
        Late()


class Keywords(layers.Layer):
    def __init__(self, units, **others):
        super().__init__(**others)
        self.units = units


class Alone(keras.Model):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


class GraphOfUnits(keras.Model):
    def __init__(self, units, **kwargs):
        x = keras.Input((2,))
        super().__init__(x, layers.Dense(units)(x), **kwargs)


def test_arguments_that_a_config_captures():
    config = Keywords(3, name="k").get_config()
    assert (config["units"], config["name"]) == (3, "k")
    assert set(config) == {"name", "trainable", "dtype", "units"}
    model = GraphOfUnits(5)
    assert model.get_config()["units"] == 5
    assert GraphOfUnits.from_config(model.get_config()).output_shape == (None, 5)
    clone = keras.models.clone_model(model)
    assert clone.output_shape == (None, 5)
    assert type(clone).__name__ == "Functional"
    alone = Alone(layers.Dense(3))
    assert set(alone.get_config()) == {"name", "trainable", "dtype", "layer"}
    assert Alone.from_config(alone.get_config()).layer.units == 3
