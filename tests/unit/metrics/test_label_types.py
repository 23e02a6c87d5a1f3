"""Labels of every type that data comes in: the same results as for floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import metrics

TYPES = ["bool", "uint8", "int8", "int64", "float16", "float64"]
ONE_HOT = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]])
SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3]], "float32")

METRICS = {
    "categorical_accuracy": metrics.CategoricalAccuracy,
    "top_2": lambda: metrics.TopKCategoricalAccuracy(k=2),
    "binary_accuracy": metrics.BinaryAccuracy,
    "one_hot_iou": lambda: metrics.OneHotIoU(3, [0]),
    "one_hot_mean_iou": lambda: metrics.OneHotMeanIoU(3),
    "binary_iou": metrics.BinaryIoU,
    "precision": metrics.Precision,
    "recall": metrics.Recall,
    "auc": metrics.AUC,
    "f1": lambda: metrics.F1Score(average="macro"),
    "crossentropy": metrics.CategoricalCrossentropy,
    "mse": metrics.MeanSquaredError,
    "cosine": metrics.CosineSimilarity,
    "hinge": metrics.CategoricalHinge,
}


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_takes_labels_of_any_type(name, dtype):
    expected = METRICS[name]()(torch.tensor(ONE_HOT, dtype=torch.float32), torch.tensor(SCORES))
    for labels in (ONE_HOT.astype(dtype), torch.from_numpy(ONE_HOT.astype(dtype))):
        torch.testing.assert_close(METRICS[name]()(labels, torch.tensor(SCORES)), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("dtype", TYPES)
def test_training_on_one_hot_labels_of_any_type(dtype):
    def results(labels):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, activation="softmax")])
        model.compile("sgd", "categorical_crossentropy", metrics=["accuracy", metrics.TopKCategoricalAccuracy(k=2)])
        return model.fit(SCORES, labels, epochs=2, verbose=0, shuffle=False).history

    expected = results(ONE_HOT.astype("float32"))
    for name, values in results(ONE_HOT.astype(dtype)).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-3)
