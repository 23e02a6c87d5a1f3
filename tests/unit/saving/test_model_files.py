"""Whole models: what is kept, what is left out and said so, and the files of older versions."""

from __future__ import annotations

import json
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.unit.saving.hostile import model_of, trained
from torchkeras_shim import layers

X = np.linspace(-1, 1, 15, dtype="float32").reshape(5, 3)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def test_the_public_names():
    assert keras.models.load_model is keras.saving.load_model
    assert keras.models.save_model is keras.saving.save_model


def test_a_model_without_shapes_is_kept_as_it_is(tmp_path):
    model = keras.Sequential([layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.built
    assert loaded(torch.ones(4, 3)).shape == (4, 2)


def test_saving_asks_before_it_overwrites(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    first = model_of(2)
    first.save(path)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    model_of(2).save(path, overwrite=False)
    assert same(keras.saving.load_model(path), first)


def test_torch_modules_have_no_config(tmp_path):
    with pytest.raises(NotImplementedError, match="torch module Linear, which has no config"):
        keras.Sequential([keras.Input((3,)), torch.nn.Linear(3, 2)]).save(tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"optimizer": torch.optim.SGD, "loss": "mse"},
        {"optimizer": "sgd", "loss": torch.nn.MSELoss()},
        {"optimizer": "sgd", "loss": lambda y_true, y_pred: y_pred.mean()},
    ],
    ids=["torch optimizer", "torch loss", "lambda"],
)
def test_what_has_no_config_is_left_out_with_a_warning(tmp_path, arguments):
    model = model_of(2)
    model.compile(**arguments)
    with pytest.warns(UserWarning, match=r"call `compile\(\)` again after loading"):
        model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not loaded.compiled
    assert same(loaded, model)


def test_an_optimizer_that_has_not_trained_is_no_cause_of_a_warning(tmp_path):
    model = model_of(2)
    model.compile(keras.optimizers.Adam(0.5), "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.iterations == 0
    assert float(loaded.optimizer.learning_rate) == 0.5


def test_the_compiler_is_left_to_the_machine_that_loads(tmp_path):
    """Keras writes `jit_compile: true` wherever its backend can compile, not where the user asked for it."""
    path = tmp_path / "model.keras"
    model = model_of(2)
    model.compile("sgd", "mse", jit_compile=True, steps_per_execution=3, run_eagerly=False)
    model.save(path)
    with zipfile.ZipFile(path) as file:
        assert json.loads(file.read("config.json"))["compile_config"]["jit_compile"] is True
    loaded = keras.saving.load_model(path)
    assert loaded.get_compile_config()["jit_compile"] == "auto"
    assert loaded.get_compile_config()["steps_per_execution"] == 3


def test_a_compile_of_the_users_own_is_not_called(tmp_path):
    @keras.saving.register_keras_serializable("files")
    class Own(keras.Sequential):
        def compile(self, optimizer, loss, extra):
            super().compile(optimizer, loss)

    model = Own([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", "mse", extra=1)
    model.save(tmp_path / "model.keras")
    with pytest.warns(UserWarning, match="`compile.*method is custom"):
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, Own)
    assert not loaded.compiled


def test_without_the_optimizer(tmp_path):
    path = str(tmp_path / "model.h5")
    trained().save(path, include_optimizer=False)
    with h5py.File(path) as file:
        assert "training_config" not in file.attrs
        assert list(file) == ["model_weights"]


def test_files_are_read_array_by_array(tmp_path, monkeypatch):
    """Never two arrays of a file in memory at once, beside the model itself."""
    from torchkeras_shim.saving import hdf5

    path = str(tmp_path / "model.keras")
    trained().save(path)
    alive, original = [], hdf5.read

    def read(dataset):
        import weakref

        tensor = original(dataset)
        assert all(reference() is None for reference in alive)
        alive.append(weakref.ref(tensor))
        return tensor

    monkeypatch.setattr(hdf5, "read", read)
    keras.saving.load_model(path)
    assert len(alive) == 4 + 10


# Weights alone ------------------------------------------------------------------------------------------------------


def named(*names, sizes=None):
    sizes = sizes or [4] * len(names)
    return keras.Sequential(
        [keras.Input((3,)), *(layers.Dense(n, name=name) for n, name in zip(sizes, names, strict=True))]
    )


def test_layers_by_name(tmp_path):
    path = tmp_path / "weights.h5"
    source = named("a", "b", "c")
    source.save_weights(path)
    target = named("x", "c", sizes=[4, 4])
    before = target.get_layer("x").get_weights()
    target.load_weights(path, by_name=True)
    assert same(target.get_layer("c"), source.get_layer("c"))
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_layer("x").get_weights(), strict=True))


def test_layers_by_order_must_be_as_many(tmp_path):
    path = tmp_path / "weights.h5"
    named("a", "b", "c").save_weights(path)
    with pytest.raises(ValueError, match=r"expected 2 layers, found 3 saved layers.*'a', 'b', 'c'.*by_name=True"):
        named("a", "b").load_weights(path)


def test_what_does_not_fit_changes_nothing(tmp_path):
    path = tmp_path / "weights.h5"
    source, target = named("a", "b"), named("a", "b", sizes=[4, 5])
    source.save_weights(path)
    before = target.get_weights()
    with pytest.raises(ValueError, match=r"layer #1 \(named b\) for weight .*expects shape \(4, 5\).*shape \(4, 4\)"):
        target.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, target.get_weights(), strict=True))
    with pytest.warns(UserWarning, match="Skipping loading weights"):
        target.load_weights(path, skip_mismatch=True)
    assert same(target.get_layer("a"), source.get_layer("a"))


def test_layers_with_other_numbers_of_weights(tmp_path):
    path = tmp_path / "weights.h5"
    named("a").save_weights(path)
    target = keras.Sequential([keras.Input((3,)), layers.Dense(4, use_bias=False, name="a")])
    with pytest.raises(ValueError, match=r"expects 1 weight\(s\). Received 2"):
        target.load_weights(path, by_name=True)
    with pytest.raises(ValueError, match=r"expects 1 weight\(s\). Received 2"):
        target.load_weights(path, skip_mismatch=True)
    with pytest.warns(UserWarning, match=r"expects 1 weight\(s\)"):
        target.load_weights(path, by_name=True, skip_mismatch=True)


def test_torch_modules_in_older_weights_files(tmp_path):
    def make():
        return keras.Sequential(
            [keras.Input((3,)), torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), layers.Dense(2, name="out")]
        )

    source, target = make(), make()
    source.save_weights(tmp_path / "weights.h5")
    target.load_weights(tmp_path / "weights.h5")
    assert same(source, target)


def test_long_lists_of_names(tmp_path):
    path = tmp_path / "weights.h5"
    names = [f"{'a_long_name_of_a_layer' * 40}_{index}" for index in range(90)]
    source, target = named(*names), named(*names)
    source.save_weights(path)
    with h5py.File(path) as file:
        assert "layer_names0" in file.attrs
        assert "layer_names1" in file.attrs
    target.load_weights(path)
    assert same(source, target)


def test_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    from safetensors.torch import load_file

    path = str(tmp_path / "model.safetensors")
    source, target = trained(), model_of(4, 2)
    source.save_weights(path)
    assert load_file(path).keys() == source.state_dict().keys()
    target.load_weights(path)
    assert same(source, target)
    other = model_of(4, 3)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"'1.bias' is expected to have shape \(3,\), found \(2,\)"):
        other.load_weights(path)
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
    with pytest.warns(UserWarning, match="These were left out"):
        other.load_weights(path, skip_mismatch=True)
    assert same(other.layers[0], source.layers[0])
    with open(path, "wb") as file:
        file.write(b"nothing of the kind")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        target.load_weights(path)


# Files of older versions --------------------------------------------------------------------------------------------

KERNEL, BIAS = np.arange(12, dtype="float32").reshape(3, 4) / 10, np.ones(4, "float32")
OUT = np.arange(8, dtype="float32").reshape(4, 2) / 10


def initializer(name):
    return {"class_name": name, "config": {"seed": None} if name == "GlorotUniform" else {}}


def tf_keras_config(policy="float32"):
    """A model as tf.keras 2 describes it."""
    dense = {
        "name": "dense",
        "trainable": True,
        "batch_input_shape": [None, 3],
        "dtype": policy,
        "units": 4,
        "activation": "relu",
        "use_bias": True,
        "kernel_initializer": initializer("GlorotUniform"),
        "bias_initializer": initializer("Zeros"),
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.01}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }
    norm = {
        "name": "batch_normalization",
        "trainable": True,
        "dtype": policy,
        "axis": [1],
        "momentum": 0.99,
        "epsilon": 0.001,
        "center": True,
        "scale": True,
        "beta_initializer": initializer("Zeros"),
        "gamma_initializer": initializer("Ones"),
        "moving_mean_initializer": initializer("Zeros"),
        "moving_variance_initializer": initializer("Ones"),
        "beta_regularizer": None,
        "gamma_regularizer": None,
        "beta_constraint": None,
        "gamma_constraint": None,
    }
    out = {**dense, "name": "out", "units": 2, "activation": "linear", "use_bias": False}
    del out["batch_input_shape"]
    start = {
        "batch_input_shape": [None, 3],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "dense_input",
    }
    return {
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "layers": [
                {"class_name": "InputLayer", "config": start},
                {"class_name": "Dense", "config": dense},
                {"class_name": "BatchNormalization", "config": norm},
                {"class_name": "LeakyReLU", "config": {"name": "leaky", "trainable": True, "alpha": 0.25}},
                {"class_name": "Dense", "config": out},
            ],
        },
    }


TF_TRAINING = {
    "loss": {
        "class_name": "SparseCategoricalCrossentropy",
        "config": {"reduction": "auto", "name": "sparse_categorical_crossentropy", "from_logits": True},
    },
    "metrics": [
        [
            {
                "class_name": "MeanMetricWrapper",
                "config": {"name": "accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy"},
            }
        ]
    ],
    "weighted_metrics": None,
    "loss_weights": None,
    "optimizer_config": {
        "class_name": "Adam",
        "config": {
            "name": "Adam",
            "learning_rate": 0.002,
            "decay": 0.0,
            "beta_1": 0.8,
            "beta_2": 0.999,
            "epsilon": 1e-07,
            "amsgrad": False,
        },
    },
}


def write_tf_keras_file(path, config, training=None, weights_only=False):
    """A `.h5` file in the layout of tf.keras 2."""
    weights = {
        "dense": {"dense/kernel:0": KERNEL, "dense/bias:0": BIAS},
        "batch_normalization": {
            "batch_normalization/gamma:0": BIAS * 2,
            "batch_normalization/beta:0": BIAS / 2,
            "batch_normalization/moving_mean:0": BIAS / 4,
            "batch_normalization/moving_variance:0": BIAS * 3,
        },
        "leaky": {},
        "out": {"out/kernel:0": OUT},
    }
    with h5py.File(path, "w") as file:
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        group = file if weights_only else file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["backend"] = b"tensorflow"
        group.attrs["keras_version"] = b"2.9.0"
        for name, arrays in weights.items():
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [key.encode() for key in arrays]
            for key, value in arrays.items():
                layer[key] = value


def expected(x):
    hidden = np.maximum(x @ KERNEL + BIAS, 0)
    normal = (hidden - 0.25) / np.sqrt(3 + 0.001) * 2 + 0.5
    return np.where(normal > 0, normal, normal * 0.25) @ OUT


POLICIES = {
    "name": "float32",
    "policy": {"class_name": "Policy", "config": {"name": "float32"}},
    "keras 3": {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None},
}


@pytest.mark.parametrize("policy", POLICIES)
def test_models_of_tf_keras(tmp_path, policy):
    path = str(tmp_path / "model.h5")
    write_tf_keras_file(path, tf_keras_config(POLICIES[policy]), TF_TRAINING)
    model = keras.saving.load_model(path)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected(X), rtol=1e-5)
    assert model.optimizer.beta_1 == 0.8
    assert model.loss.from_logits if hasattr(model.loss, "from_logits") else True
    history = model.fit(X, np.array([0, 1, 0, 1, 0]), verbose=0)
    assert list(history.history) == ["accuracy", "loss"] or sorted(history.history) == ["accuracy", "loss"]


def test_models_of_tf_keras_open_in_keras_alike(tmp_path):
    from tests.parity.oracle import keras as oracle

    path = str(tmp_path / "model.h5")
    write_tf_keras_file(path, tf_keras_config())
    theirs = oracle.saving.load_model(path, compile=False)
    np.testing.assert_allclose(theirs.predict(X, verbose=0), expected(X), rtol=1e-5)


def test_weights_of_tf_keras(tmp_path):
    path = str(tmp_path / "model.h5")
    write_tf_keras_file(path, tf_keras_config())
    model = keras.saving.load_model(path, compile=False)
    for name in ("weights.h5", "old.weights.h5"):
        write_tf_keras_file(tmp_path / name, None, weights_only=True)
        model.set_weights([np.zeros_like(w) for w in model.get_weights()])
        model.load_weights(tmp_path / name)
        np.testing.assert_allclose(model.predict(X, verbose=0), expected(X), rtol=1e-5)


def test_the_oldest_form_of_sequential(tmp_path):
    path = str(tmp_path / "model.h5")
    config = tf_keras_config()
    config["config"] = config["config"]["layers"][1:]
    write_tf_keras_file(path, config)
    np.testing.assert_allclose(
        keras.saving.load_model(path, compile=False).predict(X, verbose=0), expected(X), rtol=1e-5
    )


def test_optimizers_of_tf_keras(tmp_path):
    path = str(tmp_path / "model.h5")
    config = {
        "class_name": "Custom>SGD",
        "config": {"lr": 0.5, "decay": 0.1, "momentum": 0.9, "is_legacy_optimizer": 1},
    }
    write_tf_keras_file(path, tf_keras_config(), {**TF_TRAINING, "optimizer_config": config})
    optimizer = keras.saving.load_model(path).optimizer
    assert optimizer.momentum == 0.9
    assert float(optimizer.learning_rate) == 0.5
    optimizer.iterations.fill_(10)
    assert float(optimizer.learning_rate) == pytest.approx(0.25)


def test_state_of_an_optimizer_that_does_not_fit(tmp_path, logged):
    path = str(tmp_path / "model.h5")
    write_tf_keras_file(path, tf_keras_config(), TF_TRAINING)
    with h5py.File(path, "r+") as file:
        group = file.create_group("optimizer_weights")
        group["Adam/iter:0"] = np.int64(7)
        group.attrs["weight_names"] = [b"Adam/iter:0"]
    assert keras.saving.load_model(path).optimizer.iterations == 0
    assert "freshly initialized optimizer" in "\n".join(logged)


def test_files_without_a_training_config_say_so(tmp_path, logged):
    path = str(tmp_path / "model.h5")
    write_tf_keras_file(path, tf_keras_config())
    assert not keras.saving.load_model(path).compiled
    assert "No training configuration found in the save file" in "\n".join(logged)


def test_weights_files_are_no_models(tmp_path):
    path = str(tmp_path / "model.h5")
    write_tf_keras_file(path, None, weights_only=True)
    with pytest.raises(ValueError, match=r"No model config found in the file.*load_weights"):
        keras.saving.load_model(path)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ValueError, match="is not a weights file of Keras"):
        model_of(2).load_weights(path)
