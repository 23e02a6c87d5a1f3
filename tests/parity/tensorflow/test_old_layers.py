"""Layers, weights and optimizers of Keras 2 that Keras 3 has dropped, compared with `tf_keras`."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import imported, kept
from torchkeras_shim import layers as today
from torchkeras_shim.compat.legacy import effects
from torchkeras_shim.compat.legacy.old_optimizers import Decay
from torchkeras_shim.layers import retired

pytestmark = pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning")
keras2 = imported("tf_keras")
saving2 = imported("tf_keras.src.saving.legacy.hdf5_format")

LOCAL = [
    ("LocallyConnected1D", {"filters": 3, "kernel_size": 2}, (2, 6, 4)),
    ("LocallyConnected1D", {"filters": 2, "kernel_size": 3, "strides": 2, "use_bias": False}, (2, 8, 3)),
    ("LocallyConnected1D", {"filters": 2, "kernel_size": 3, "data_format": "channels_first"}, (2, 4, 7)),
    ("LocallyConnected2D", {"filters": 3, "kernel_size": (3, 2)}, (2, 5, 4, 2)),
    ("LocallyConnected2D", {"filters": 2, "kernel_size": 2, "strides": (2, 1), "activation": "tanh"}, (2, 6, 5, 3)),
    ("LocallyConnected2D", {"filters": 2, "kernel_size": (2, 3), "data_format": "channels_first"}, (2, 3, 4, 5)),
]  # fmt: skip


def _computed(module, name, kwargs, x, weights):
    layer = getattr(module, name)(**kwargs)
    layer.build(x.shape)
    if weights is None:
        return [tuple(weight.shape) for weight in layer.get_weights()]
    layer.set_weights(weights)
    y = layer(x)
    return np.asarray(y.detach() if hasattr(y, "detach") else y)


@pytest.mark.parametrize(("name", "kwargs", "shape"), LOCAL)
def test_locally_connected_layers(name, kwargs, shape):
    random = np.random.RandomState(1)
    x = random.normal(size=shape).astype("float32")
    shapes = _computed(retired, name, kwargs, x, None)
    assert shapes == [tuple(size) for size in kept(_computed, keras2.layers, name, kwargs, x, None)]
    weights = [random.normal(size=size).astype("float32") for size in shapes]
    found = _computed(retired, name, kwargs, torchkeras_shim.ops.convert_to_tensor(x), weights)
    np.testing.assert_allclose(found, kept(_computed, keras2.layers, name, kwargs, x, weights), rtol=1e-4, atol=1e-5)
    layer = getattr(retired, name)(**kwargs)
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def _converted(saving, layers, name, weights):
    kwargs = {"reset_after": True} if name == "GRU" else {}
    layer = getattr(layers, name)(3, **kwargs)
    layer.build((None, 4, 2))
    return [
        np.asarray(weight) for weight in saving.preprocess_weights_for_loading(layer, list(weights), "2", "tensorflow")
    ]


def _cudnn_weights(name):
    gates = {"LSTM": 4, "GRU": 3}[name]
    random = np.random.RandomState(2)
    return [random.normal(size=size).astype("float32") for size in ((2, 3 * gates), (3, 3 * gates), (6 * gates,))]


def _write(path, name, weights, version="2.2.4"):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"layer"]
        file.attrs["keras_version"] = version.encode()
        file.attrs["backend"] = b"tensorflow"
        group = file.create_group("layer")
        group.attrs["weight_names"] = [f"layer/{index}:0".encode() for index in range(len(weights))]
        for index, weight in enumerate(weights):
            group.create_dataset(f"layer/{index}:0", data=weight)


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_weights_of_cudnn_layers(name, wrapped, tmp_path):
    weights = _cudnn_weights(name)
    expected = kept(_converted, saving2, keras2.layers, name, weights)
    layer = getattr(today, name)(3)
    model = torchkeras_shim.Sequential(
        [torchkeras_shim.Input((4, 2)), today.Bidirectional(layer) if wrapped else layer]
    )
    _write(tmp_path / "old.h5", name, weights * (2 if wrapped else 1))
    model.load_weights(tmp_path / "old.h5")
    for ours, theirs in zip(model.get_weights(), [*expected, *expected], strict=False):
        np.testing.assert_allclose(ours, theirs.reshape(ours.shape), rtol=1e-6)


def test_weights_of_another_shape_are_refused(tmp_path):
    model = torchkeras_shim.Sequential([torchkeras_shim.Input((4, 2)), today.LSTM(3)])
    kernel, recurrent, bias = _cudnn_weights("LSTM")
    before = model.get_weights()
    for wrong in ([kernel[:1], recurrent, bias], [kernel.ravel(), recurrent, bias], [kernel, recurrent[:, 1:], bias]):
        _write(tmp_path / "old.h5", "LSTM", wrong)
        with pytest.raises(ValueError, match="Shape mismatch"):
            model.load_weights(tmp_path / "old.h5")
    np.testing.assert_array_equal(model.get_weights()[1], before[1])


OPTIMIZERS = [
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("RMSprop", {}),
    ("Adagrad", {"initial_accumulator_value": 0.1}),
    ("Adamax", {}),
]


def _trained(keras, name, kwargs, x, y, rates):
    """Trains by an optimizer of Keras 2 with a decay, and sets its rate after each pass."""
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones", input_shape=(3,))])
    model.compile(getattr(keras.optimizers.legacy, name)(learning_rate=0.05, decay=0.1, **kwargs), "mse")
    return _passes(model, x, y, rates)


def _passes(model, x, y, rates):
    found = []
    for rate in rates:
        for _ in range(3):
            model.train_on_batch(x, y)
        found.append(np.concatenate([np.ravel(weight) for weight in model.get_weights()]))
        model.optimizer.learning_rate = rate
    return np.stack(found)


@pytest.mark.parametrize(("name", "kwargs"), OPTIMIZERS)
def test_the_decay_of_optimizers(name, kwargs, monkeypatch):
    from torchkeras_shim.compat.legacy import old_optimizers

    x, y = np.arange(12, dtype="float32").reshape(4, 3) / 12, np.ones((4, 1), "float32")
    rates = [0.02, 0.2, 0.1]
    expected = kept(_trained, keras2, name, kwargs, x, y, rates)
    cls = getattr(torchkeras_shim.optimizers, name)
    monkeypatch.setattr(cls, "__init__", old_optimizers.decaying(cls.__init__))
    home = next(one for one in cls.__mro__ if "learning_rate" in vars(one))
    monkeypatch.setattr(home, "learning_rate", old_optimizers.settable(vars(home)["learning_rate"]))
    model = torchkeras_shim.Sequential([torchkeras_shim.Input((3,)), today.Dense(1, kernel_initializer="ones")])
    model.compile(cls(learning_rate=0.05, decay=0.1, **kwargs), "mse")
    assert isinstance(model.optimizer._decay, Decay)
    np.testing.assert_allclose(_passes(model, x, y, rates), expected, rtol=2e-4, atol=2e-5)


def _with_effects(keras, add_loss, add_metric, x, y):
    inputs = keras.layers.Input((3,))
    hidden = keras.layers.Dense(2, kernel_initializer="ones", activation="relu")(inputs)
    model = keras.models.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(hidden))
    add_loss(model, hidden * 0.25)
    add_metric(model, hidden, name="size", aggregation="mean")
    model.compile(keras.optimizers.SGD(0.125), None if y is None else "mse")
    history = model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0).history
    return {name: [float(value) for value in values] for name, values in history.items()}, model.evaluate(
        x, y, verbose=0, return_dict=True
    )


def _of_keras_2(keras, x, y):
    def add_loss(model, value):
        model.add_loss(keras.backend.mean(value))

    return _with_effects(keras, add_loss, lambda model, value, **kwargs: model.add_metric(value, **kwargs), x, y)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("with_targets", [False, True])
def test_losses_and_metrics_of_symbolic_tensors(with_targets):
    x = np.arange(12, dtype="float32").reshape(4, 3) / 12
    y = np.ones((4, 1), "float32") if with_targets else None
    expected, evaluated = kept(_of_keras_2, keras2, x, y)
    add_loss = effects.adding_losses(today.Layer.add_loss)
    found = _with_effects(
        torchkeras_shim, lambda model, value: add_loss(model, torchkeras_shim.ops.mean(value)), effects.add_metric, x, y
    )
    for ours, theirs in zip(found, (expected, evaluated), strict=True):
        assert sorted(ours) == sorted(theirs)
        for name in ours:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
