"""Whole trainings from equal weights, epoch by epoch, against real Keras."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity.oracle import assert_close, keras


def blobs(samples=96, features=6, classes=3, seed=0):
    """Three well-separated classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, samples)
    centers = rng.normal(size=(classes, features)) * 1.5
    return (centers[y] + rng.normal(size=(samples, features))).astype("float32"), y.astype("int64")


def mlp(k, last="softmax", units=3, **kwargs):
    return k.Sequential([k.Input((6,)), k.layers.Dense(8, activation="relu", **kwargs), k.layers.Dense(units, last)])


def convnet(k):
    return k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            k.layers.BatchNormalization(),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.LayerNormalization(),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def pair(make, **kwargs):
    """The same model twice, from equal weights."""
    theirs, ours = make(keras, **kwargs), make(tks, **kwargs)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def compare(ours, theirs, fit_ours, fit_theirs=None, rtol=2e-4, atol=2e-5):
    """Fits both and compares every epoch's logs and the weights after."""
    history = ours.fit(**fit_ours, verbose=0, shuffle=False).history
    expected = theirs.fit(**(fit_theirs or fit_ours), verbose=0, shuffle=False).history
    assert set(history) == set(expected)
    for name, values in expected.items():
        assert_close(np.array(history[name]), np.array(values), rtol, atol, message=name)
    for mine, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(mine, their, rtol, atol)
    return history


OPTIMIZERS = {
    "adam": lambda k: k.optimizers.Adam(0.01),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.01),
    "sgd": lambda k: k.optimizers.SGD(0.05),
    "momentum": lambda k: k.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01),
    "schedule": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.01, 5, 0.5)),
    "clipnorm": lambda k: k.optimizers.SGD(0.1, clipnorm=0.05),
    "global_clipnorm": lambda k: k.optimizers.SGD(0.1, global_clipnorm=0.05),
    "accumulation": lambda k: k.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "ema": lambda k: k.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_over_epochs(name):
    x, y = blobs()
    ours, theirs = pair(mlp)
    ours.compile(OPTIMIZERS[name](tks), "sparse_categorical_crossentropy", metrics=["accuracy"])
    theirs.compile(OPTIMIZERS[name](keras), "sparse_categorical_crossentropy", metrics=["accuracy"])
    compare(ours, theirs, {"x": x, "y": y, "batch_size": 20, "epochs": 3, "validation_split": 0.25})


LOSSES = {
    "sparse": ("softmax", 3, "sparse_categorical_crossentropy", lambda y: y),
    "categorical": ("softmax", 3, "categorical_crossentropy", lambda y: np.eye(3, dtype="float32")[y]),
    "binary": ("sigmoid", 1, "binary_crossentropy", lambda y: (y > 0).astype("float32")),
    "binary column": ("sigmoid", 1, "binary_crossentropy", lambda y: (y > 0).astype("float32")[:, None]),
    "mse": (None, 1, "mse", lambda y: y.astype("float32")),
    "mae": (None, 1, "mae", lambda y: y.astype("float32")),
    "huber": (None, 1, "huber", lambda y: y.astype("float32")),
}


@pytest.mark.parametrize("weights", ["none", "sample", "class"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_with_weights(name, weights):
    last, units, loss, targets = LOSSES[name]
    x, y = blobs(80)
    fit = {"x": x, "y": targets(y), "batch_size": 16, "epochs": 2}
    if weights == "sample":
        fit["sample_weight"] = np.random.default_rng(1).uniform(0, 2, len(x)).astype("float32")
        fit["validation_data"] = (x[:30], targets(y)[:30], fit["sample_weight"][:30])
    if weights == "class":
        if name in ("mse", "mae", "huber"):
            pytest.skip("class weights need classes")
        fit["class_weight"] = {0: 1.0, 1: 2.5, 2: 0.5}
    ours, theirs = pair(mlp, last=last, units=units)
    metrics = [] if name in ("mse", "mae", "huber") else ["accuracy"]
    for model, k in ((ours, tks), (theirs, keras)):
        weighted = ["mae"] if metrics == [] else None
        model.compile(k.optimizers.SGD(0.05), loss, metrics=metrics, weighted_metrics=weighted)
    compare(ours, theirs, fit)
    assert_close(
        np.array(ours.evaluate(x, targets(y), verbose=0)),
        np.array(theirs.evaluate(x, targets(y), verbose=0)),
        2e-4,
        2e-5,
    )
    assert_close(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), 2e-4, 2e-5)


def test_convolutions_and_batch_normalization():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 8, 8, 2)).astype("float32"), rng.integers(0, 3, 40)
    ours, theirs = pair(convnet)
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit = {"x": x, "y": y, "batch_size": 16, "epochs": 3, "validation_data": (x, y)}
    compare(ours, theirs, fit, rtol=1e-3, atol=1e-4)


def test_regularizers_and_constraints():
    x, y = blobs()
    ours, theirs = pair(mlp, kernel_regularizer="l2", bias_regularizer="l2", kernel_constraint="max_norm")
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy")
    compare(ours, theirs, {"x": x, "y": y, "epochs": 2, "validation_split": 0.2})


def test_activity_regularizer():
    x, y = blobs()
    ours, theirs = pair(mlp, activity_regularizer="l2")
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy")
    compare(ours, theirs, {"x": x, "y": y, "epochs": 2})


def test_steps_per_epoch_goes_on_where_it_stopped():
    x, y = blobs()
    ours, theirs = pair(mlp)
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy")
    compare(ours, theirs, {"x": x, "y": y, "epochs": 3, "steps_per_epoch": 2, "batch_size": 16})


def test_loss_weights_of_a_single_output():
    x, y = blobs()
    ours, theirs = pair(mlp)
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=0.5)
    compare(ours, theirs, {"x": x, "y": y, "epochs": 2})


METRICS = ["accuracy", "acc", "sparse_top_k_categorical_accuracy"]


@pytest.mark.parametrize("metric", METRICS)
def test_metric_names_and_values(metric):
    x, y = blobs()
    ours, theirs = pair(mlp)
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[metric])
    history = compare(ours, theirs, {"x": x, "y": y, "epochs": 2, "validation_split": 0.25})
    assert metric in history
    assert f"val_{metric}" in history


def test_binary_metrics():
    x, y = blobs()
    ours, theirs = pair(mlp, last="sigmoid", units=1)
    for model, k in ((ours, tks), (theirs, keras)):
        names = [k.metrics.Precision(), k.metrics.Recall(), k.metrics.AUC(), "accuracy", "mae"]
        model.compile("sgd", "binary_crossentropy", metrics=names)
    compare(ours, theirs, {"x": x, "y": (y > 0).astype("float32"), "epochs": 2})


def test_on_batch_functions():
    x, y = blobs(32)
    ours, theirs = pair(mlp)
    for model in (ours, theirs):
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(3):
        assert_close(np.array(ours.train_on_batch(x, y)), np.array(theirs.train_on_batch(x, y)), 1e-4, 1e-5)
    mine, their = ours.test_on_batch(x, y, return_dict=True), theirs.test_on_batch(x, y, return_dict=True)
    assert list(mine) == list(their)
    assert_close(np.array(list(mine.values())), np.array([float(v) for v in their.values()]), 1e-4, 1e-5)
    assert_close(ours.predict_on_batch(x), theirs.predict_on_batch(x), 1e-4, 1e-5)
