"""Whole programs on the stand-in accelerator: data on its way, replays, callbacks, precision, files, own steps."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchkeras_shim as keras
from tests.accelerator.device import Steady, counted
from torchkeras_shim import callbacks, layers
from torchkeras_shim.core.device import device as placed_on
from torchkeras_shim.data import placement

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 6)).astype("float32")
Y = RANDOM.integers(0, 3, 20)
LOSS = "sparse_categorical_crossentropy"


def mlp(optimizer=None, **compiled):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    model.compile(
        optimizer or keras.optimizers.SGD(0.1), LOSS, metrics=["accuracy"], **{"jit_compile": False, **compiled}
    )
    return model


def both(accelerator, program, rtol=1e-4):
    """Runs a program on the CPU and on the device from the same weights, and compares what it returns."""
    with placed_on("cpu"):
        weights = mlp().get_weights()
        expected = program(weights)
    with placed_on(accelerator):
        got = program(weights)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-5)


def fitted(weights, *data, optimizer=None, compiled=None, **options):
    model = mlp(optimizer, **(compiled or {}))
    model.set_weights(weights)
    options = {"epochs": 3, "verbose": 0, "shuffle": False, **options}
    history = model.fit(*data, **options).history
    rates = ("learning_rate",)
    return model, [*(value for name, value in history.items() if name not in rates), *model.get_weights()]


class Sequence(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return X[index * 7 : index * 7 + 7], Y[index * 7 : index * 7 + 7]


class Batches:
    def __iter__(self):
        return iter([(X[:5], Y[:5]), (X[5:9], Y[5:9])])


def batches():
    while True:
        for start in range(0, 20, 5):
            yield X[start : start + 5], Y[start : start + 5]


def loader(**options):
    return DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=5, **options)


#: Data on the host, how `fit` is told to take it, and how many tensors of it each step brings over.
DATA = {
    "loader": (loader, {}, 2),
    "pinned loader": (lambda: loader(pin_memory=True), {}, 2),
    "generator": (batches, {"steps_per_epoch": 4}, 2),
    "py_dataset": (Sequence, {}, 2),
    "dataset of torch": (lambda: loader().dataset, {}, 0),
    "iterable": (Batches, {}, 2),
}
STEPS = {"loader": 4, "pinned loader": 4, "generator": 4, "py_dataset": 3, "dataset of torch": 1, "iterable": 2}


@pytest.mark.parametrize("name", DATA)
def test_data_that_comes_in_batches(accelerator, name):
    make, options, copies = DATA[name]
    both(accelerator, lambda weights: fitted(weights, make(), **options)[1])
    with placed_on(accelerator):
        model = mlp()
        model.fit(make(), epochs=1, verbose=0, **options)
        with counted() as few:
            model.fit(make(), epochs=1, verbose=0, **options)
        with counted() as many:
            model.fit(make(), epochs=3, verbose=0, **options)
    assert many.host_copies - few.host_copies == 2 * STEPS[name] * copies


@pytest.mark.parametrize("kind", ["arrays", "arrays too large", "file", "tensors", "tensors there", "shuffled"])
def test_arrays(accelerator, kind, monkeypatch, tmp_path):
    if kind == "arrays too large":
        monkeypatch.setattr(placement, "_room", lambda device: 0 if device.type != "cpu" else float("inf"))
    x, options = X, {"batch_size": 6}
    if kind == "file":
        np.save(tmp_path / "x.npy", X)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    if kind == "shuffled":
        options["shuffle"] = "batch"

    def program(weights):
        data = torch.from_numpy(X) if kind.startswith("tensors") else x
        if kind == "tensors there":
            data = data.to(mlp().weights[0].device)
        model, values = fitted(weights, data, Y, validation_data=(X[:8], Y[:8]), **options)
        return [*values, *model.evaluate(data, Y, verbose=0), model.predict(data, batch_size=7, verbose=0)]

    both(accelerator, program)


@pytest.mark.parametrize("jit_compile", ["captured", "auto"])
def test_replayed_steps(accelerator, jit_compile):
    steady = Steady()
    with placed_on(accelerator):
        weights = mlp().get_weights()
        _, expected = fitted(weights, X, Y, batch_size=10, epochs=9)
        model, got = fitted(weights, X, Y, batch_size=10, epochs=9, compiled={"jit_compile": jit_compile})
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        if jit_compile == "captured":
            assert model._trainer.binding.reports["fit"].ran.refusal is None
            model.fit(X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[steady])
            steady.check()


def test_captured_dropout_draws_from_the_device(accelerator):
    def program(jit_compile):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((6,)), layers.Dropout(0.4), layers.Dropout(0.2, seed=1), layers.Dense(3)])
        model.compile("sgd", "mse", jit_compile=jit_compile)
        history = model.fit(X, X[:, :3], epochs=9, verbose=0).history["loss"]
        return model, [history, *model.get_weights(), torch.rand(2, device=accelerator).cpu()]

    with placed_on(accelerator):
        _, expected = program(False)
        model, got = program("captured")
        assert model._trainer.binding.reports["fit"].ran.refusal is None
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_callbacks(accelerator, tmp_path):
    def program(weights):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        all_of_them = [
            callbacks.BackupAndRestore(folder / "backup"),
            callbacks.CSVLogger(folder / "log.csv"),
            callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True),
            callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: float(logs["loss"])),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            callbacks.ModelCheckpoint(folder / "best.keras", "val_loss", save_best_only=True),
            callbacks.ModelCheckpoint(folder / "last.weights.h5", save_weights_only=True),
            callbacks.ReduceLROnPlateau("val_loss", patience=1),
            callbacks.SwapEMAWeights(),
            callbacks.TensorBoard(folder / "board", histogram_freq=1, write_graph=False),
            callbacks.TerminateOnNaN(),
        ]
        folder.mkdir()
        optimizer = keras.optimizers.Adam(0.01, use_ema=True)
        model, values = fitted(
            weights, X, Y, optimizer=optimizer, epochs=4, callbacks=all_of_them, validation_data=(X[:8], Y[:8])
        )
        best = keras.models.load_model(folder / "best.keras")
        assert {parameter.device for parameter in best.parameters()} == {model.weights[0].device}
        return [*values, best.predict(X, verbose=0)]

    both(accelerator, program, rtol=1e-3)


def test_training_goes_on_after_a_stop(accelerator, tmp_path):
    def stop(epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt

    def train(*more):
        return fitted(weights, X, Y, epochs=4, shuffle=True, callbacks=list(more))

    with placed_on(accelerator):
        weights = mlp().get_weights()
        _, expected = train()
        with pytest.raises(KeyboardInterrupt):
            train(callbacks.BackupAndRestore(tmp_path), callbacks.LambdaCallback(on_epoch_begin=stop))
        torch.rand(1, device=accelerator)
        model, _ = train(callbacks.BackupAndRestore(tmp_path))
    for one, other in zip(model.get_weights(), expected[-4:], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(accelerator, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        both(accelerator, lambda weights: fitted(weights, X, Y, optimizer=keras.optimizers.Adam(0.01))[1], rtol=3e-2)
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weights.h5", "copy", "state_dict", "clone"])
def test_a_model_goes_through_files_and_copies(accelerator, name, tmp_path):
    with placed_on(accelerator):
        model = mlp(keras.optimizers.Adam(0.01))
        model.fit(X, Y, verbose=0)
        if name in ("model.keras", "model.h5"):
            model.save(tmp_path / name)
            again = keras.models.load_model(tmp_path / name)
        elif name == "model.weights.h5":
            model.save_weights(tmp_path / name)
            again = mlp(keras.optimizers.Adam(0.01))
            again.build_optimizer() if hasattr(again, "build_optimizer") else again.fit(X, Y, verbose=0)
            again.load_weights(tmp_path / name)
        elif name == "copy":
            again = copy.deepcopy(model)
        elif name == "state_dict":
            torch.save(model.state_dict(), tmp_path / "weights.pt")
            again = copy.deepcopy(model)
            again.set_weights([np.zeros_like(weight) for weight in model.get_weights()])
            again.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
        else:
            again = keras.models.clone_model(model)
            again.set_weights(model.get_weights())
        assert {tensor.device for tensor in again.parameters()} == {accelerator}
        np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
        if name not in ("state_dict", "clone"):
            histories = [one.fit(X, Y, epochs=2, verbose=0, shuffle=False).history["loss"] for one in (model, again)]
            np.testing.assert_allclose(*histories, rtol=1e-5)
    with placed_on("cpu"):
        if name == "model.keras":
            host = keras.models.load_model(tmp_path / name)
            assert host.weights[0].device == torch.device("cpu")


def test_a_model_moves(accelerator):
    """Torch gives a model new parameters on such a device, as not on CUDA, so that it is compiled afterwards."""
    with placed_on("cpu"):
        model = mlp()
        _, expected = fitted(model.get_weights(), X, Y)
        model.to(accelerator)
    with placed_on(accelerator):
        model.compile(keras.optimizers.SGD(0.1), LOSS, metrics=["accuracy"], jit_compile=False)
        model.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    assert {parameter.device for parameter in model.parameters()} == {accelerator}
    for one, other in zip(model.get_weights(), expected[-4:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


class OwnSteps(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, "softmax")
        self.seen = keras.metrics.Mean(name="seen")

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        self.zero_grad()
        loss.backward()
        weights = self.trainable_weights
        with torch.no_grad():
            self.optimizer.apply([weight.grad for weight in weights], weights)
        self.seen.update_state(loss)
        return {"seen": self.seen.result()}


def test_steps_of_the_models_own(accelerator):
    with placed_on(accelerator):
        keras.utils.set_random_seed(1)
        model = OwnSteps()
        model.compile("adam", LOSS)
        steady = Steady()
        history = model.fit(X, Y, epochs=4, verbose=0, callbacks=[steady]).history
        assert history["seen"][-1] < history["seen"][0]
        steady.check()


def test_a_loop_by_hand(accelerator):
    with placed_on(accelerator):
        model = mlp()
        model.train_on_batch(X, Y)
        model.test_on_batch(X, Y)
        assert model.predict_on_batch(X).shape == (20, 3)
        assert model(X).device == accelerator
        report = []
        model.explain_step(print_fn=report.append)
        assert "on stand_in:0" in report[0]


def test_export(accelerator):
    with placed_on(accelerator):
        model = mlp()
        module = model.to_torch()
        x = torch.from_numpy(X).to(accelerator)
        torch.testing.assert_close(module(x), model(x))


def test_an_application_trains_and_predicts_as_on_the_cpu(accelerator):
    random = np.random.default_rng(3)
    x, y = random.normal(size=(8, 32, 32, 3)).astype("float32"), random.integers(0, 3, 8)
    weights, results = None, []
    for device in ("cpu", accelerator):
        with placed_on(device):
            model = keras.applications.MobileNet(
                weights=None, alpha=0.25, classes=3, input_shape=(32, 32, 3), dropout=0.0
            )
            weights = model.get_weights() if weights is None else weights
            model.set_weights(weights)
            model.compile(keras.optimizers.SGD(0.01), LOSS, jit_compile=False)
            history = model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
            results.append([*history["loss"], model.predict(x, verbose=0)])
            assert all(weight.device.type == torch.device(device).type for weight in model.weights)
    for got, expected in zip(*reversed(results), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-5)
