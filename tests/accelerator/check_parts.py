"""Every loss, metric, optimizer and schedule on the stand-in accelerator: the CPU's numbers, no waiting, no copies."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.accelerator.device import Steady
from torchkeras_shim import layers, losses, metrics, optimizers
from torchkeras_shim.core.device import device as placed_on

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(12, 5)).astype("float32")
LABELS = RANDOM.integers(0, 4, 12)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
NUMBERS = RANDOM.normal(size=(12, 4)).astype("float32")
BITS = (NUMBERS > 0).astype("float32")
WEIGHTS = np.linspace(0.5, 2.0, 12).astype("float32")


def parameters_and_states(model):
    return [np.asarray(value) for value in model.get_weights()] + [
        variable.numpy() for variable in getattr(model.optimizer, "variables", ())
    ]


def run(device, target, compiled, *, activation="softmax", weights=None, first=None, steady=None, epochs=3):
    """Everything that a small model gives, compiled with what `compiled()` returns."""
    with placed_on(device):
        keras.utils.set_random_seed(3)
        dense = layers.Dense(8, "relu", kernel_regularizer="l2", kernel_constraint="max_norm")
        model = keras.Sequential([keras.Input((5,)), dense, layers.Dense(4, activation)])
        if first is not None:
            model.set_weights(first)
        start = model.get_weights()
        model.compile(**{"jit_compile": False, **compiled()})
        callbacks = [steady] if steady else []
        options = {"sample_weight": weights, "batch_size": 6, "verbose": 0}
        history = model.fit(X, target, epochs=epochs, shuffle=False, callbacks=callbacks, **options).history
        evaluated = model.evaluate(X, target, return_dict=True, **options)
        for tensor in [*model.parameters(), *model.buffers()]:
            assert tensor.device == torch.device(device)
        return start, [*history.values(), *evaluated.values(), *parameters_and_states(model)]


def compare(accelerator, target, compiled, rtol=1e-4, atol=1e-5, **options):
    steady = Steady()
    first, expected = run("cpu", target, compiled, **options)
    _, got = run(accelerator, target, compiled, first=first, steady=steady, **options)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)
    steady.check()


#: What a loss is told: the targets, and the outputs' activation.
LOSSES = {
    "BinaryCrossentropy": (BITS, "sigmoid"),
    "BinaryFocalCrossentropy": (BITS, "sigmoid"),
    "Circle": (LABELS, torch.nn.functional.normalize),
    "CategoricalGeneralizedCrossEntropy": (LABELS, "softmax"),
    "CosineSimilarity": (NUMBERS, "linear"),
    "Hinge": (BITS, "linear"),
    "SquaredHinge": (BITS, "linear"),
    "SparseCategoricalCrossentropy": (LABELS, "softmax"),
    **dict.fromkeys(["CategoricalCrossentropy", "CategoricalFocalCrossentropy", "KLDivergence"], (ONE_HOT, "softmax")),
    **dict.fromkeys(["CategoricalHinge", "Dice", "Poisson", "Tversky"], (ONE_HOT, "softmax")),
    **dict.fromkeys(["Huber", "LogCosh", "MeanAbsoluteError", "MeanSquaredError"], (NUMBERS, "linear")),
    **dict.fromkeys(["MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"], (ONE_HOT, "softmax")),
}
NO_LOSSES = {"CTC", "Loss", "LossFunctionWrapper", "TorchLoss"}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(accelerator, name, weights):
    target, activation = LOSSES[name]
    loss = getattr(losses, name)
    if name in ("Dice", "Tversky"):
        weights = None  # they give one value for a batch
    compare(accelerator, target, lambda: {"loss": loss(), "optimizer": "sgd"}, activation=activation, weights=weights)


def public(module):
    return {name for name, value in vars(module).items() if inspect.isclass(value) and "torchkeras" in value.__module__}


def test_ctc(accelerator):
    target = RANDOM.integers(1, 4, (6, 3))
    outputs = RANDOM.normal(size=(6, 8, 5)).astype("float32")
    expected = losses.CTC()(torch.tensor(target), torch.tensor(outputs))
    got = losses.CTC()(torch.tensor(target).to(accelerator), torch.tensor(outputs).to(accelerator))
    assert got.device == accelerator
    torch.testing.assert_close(got.cpu(), expected)


@pytest.mark.parametrize("loss", [torch.nn.CrossEntropyLoss(), torch.nn.functional.cross_entropy])
def test_losses_of_torch(accelerator, loss):
    compare(accelerator, LABELS, lambda: {"loss": loss, "optimizer": "sgd"}, activation="linear")


#: What a metric is told: the targets, the outputs' activation and the arguments.
METRICS = {
    "Accuracy": (NUMBERS, "linear", {}),
    "BinaryIoU": (BITS, "sigmoid", {}),
    "CosineSimilarity": (NUMBERS, "linear", {}),
    "ConcordanceCorrelation": (NUMBERS, "linear", {}),
    "PearsonCorrelation": (NUMBERS, "linear", {}),
    "FBetaScore": (ONE_HOT, "softmax", {}),
    "F1Score": (ONE_HOT, "softmax", {"threshold": 0.3}),
    "IoU": (BITS, "sigmoid", {"num_classes": 2, "target_class_ids": [1]}),
    "MeanIoU": (BITS, "sigmoid", {"num_classes": 2}),
    "OneHotIoU": (ONE_HOT, "softmax", {"num_classes": 4, "target_class_ids": [1, 2]}),
    "OneHotMeanIoU": (ONE_HOT, "softmax", {"num_classes": 4}),
    "SparseCategoricalAccuracy": (LABELS, "softmax", {}),
    "SparseCategoricalCrossentropy": (LABELS, "softmax", {}),
    "SparseTopKCategoricalAccuracy": (LABELS, "softmax", {"k": 2}),
    "TopKCategoricalAccuracy": (ONE_HOT, "softmax", {"k": 2}),
    "CategoricalAccuracy": (ONE_HOT, "softmax", {}),
    "CategoricalCrossentropy": (ONE_HOT, "softmax", {}),
    "CategoricalHinge": (ONE_HOT, "softmax", {}),
    "KLDivergence": (ONE_HOT, "softmax", {}),
    "Poisson": (ONE_HOT, "softmax", {}),
    "Hinge": (BITS, "linear", {}),
    "SquaredHinge": (BITS, "linear", {}),
    "PrecisionAtRecall": (BITS, "sigmoid", {"recall": 0.5}),
    "RecallAtPrecision": (BITS, "sigmoid", {"precision": 0.5}),
    "SensitivityAtSpecificity": (BITS, "sigmoid", {"specificity": 0.5}),
    "SpecificityAtSensitivity": (BITS, "sigmoid", {"sensitivity": 0.5}),
    **{name: (BITS, "sigmoid", {}) for name in ("AUC", "BinaryAccuracy", "BinaryCrossentropy", "Precision", "Recall")},
    **{name: (BITS, "sigmoid", {}) for name in ("FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives")},
    **{name: (NUMBERS, "linear", {}) for name in ("LogCoshError", "MeanAbsoluteError", "MeanSquaredError", "R2Score")},
    **{name: (NUMBERS, "linear", {}) for name in ("RootMeanSquaredError",)},
    **{name: (ONE_HOT, "softmax", {}) for name in ("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError")},
}
NO_METRICS = {"Mean", "MeanMetricWrapper", "Metric", "Sum"}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", METRICS)
def test_metrics(accelerator, name, weights):
    target, activation, arguments = METRICS[name]
    if "IoU" in name:
        weights = None  # they take one for each place

    def compiled():
        metric = {"metrics" if weights is None else "weighted_metrics": [getattr(metrics, name)(**arguments)]}
        loss = "sparse_categorical_crossentropy" if target is LABELS else "mse"
        return {"loss": loss, "optimizer": "sgd", **metric}

    compare(accelerator, target, compiled, activation=activation, weights=weights)


OPTIMIZERS = {
    **{name: lambda name=name: getattr(optimizers, name)() for name in (
        "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Muon", "Nadam",
        "RMSprop", "SGD", "ScheduleFreeAdamW",
    )},
    "Adam, amsgrad": lambda: optimizers.Adam(amsgrad=True, weight_decay=0.01),
    "SGD, momentum": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "RMSprop, centered": lambda: optimizers.RMSprop(centered=True, momentum=0.5),
    "clipnorm": lambda: optimizers.Adam(clipnorm=0.1),
    "clipvalue": lambda: optimizers.Adam(clipvalue=0.1),
    "global_clipnorm": lambda: optimizers.Adam(global_clipnorm=0.1),
    "averages": lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: optimizers.SGD(0.1, gradient_accumulation_steps=2),
    "schedule": lambda: optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 5)),
    "optimizers of torch": lambda: torch.optim.AdamW,
}  # fmt: skip
NO_OPTIMIZERS = {"Optimizer", "OptimizerMap", "LossScaleOptimizer", "MultiOptimizer", "TorchOptimizer"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(accelerator, name):
    loss = "sparse_categorical_crossentropy"
    compare(accelerator, LABELS, lambda: {"loss": loss, "optimizer": OPTIMIZERS[name]()}, rtol=1e-3, atol=1e-4)


def test_loss_scaling(accelerator):
    def compiled():
        scaled = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=8.0, dynamic_growth_steps=2)
        return {"loss": "sparse_categorical_crossentropy", "optimizer": scaled}

    compare(accelerator, LABELS, compiled)


def test_nothing_public_is_left_out():
    assert public(losses) == set(LOSSES) | NO_LOSSES
    assert public(metrics) == set(METRICS) | NO_METRICS
    assert public(optimizers) == {name for name in OPTIMIZERS if hasattr(optimizers, name)} | NO_OPTIMIZERS
