"""Mistakes with losses are explained, with the corrected line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from torchkeras_shim import activations, losses

PROBABILITIES = torch.full((4, 3), 1 / 3)


@pytest.mark.parametrize("labels", [torch.tensor([0, 1, 2, 1]), torch.tensor([[0], [1], [2], [1]])])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_integer_labels_for_the_categorical_loss(labels, smoothing):
    with pytest.raises(ValueError, match="one-hot labels") as caught:
        losses.CategoricalCrossentropy(label_smoothing=smoothing)(labels, PROBABILITIES)
    assert 'loss="sparse_categorical_crossentropy"' in str(caught.value)
    assert "keras.utils.to_categorical(y, num_classes=3)" in str(caught.value)


def test_one_hot_labels_for_the_sparse_loss():
    with pytest.raises(ValueError, match="one-hot") as caught:
        losses.SparseCategoricalCrossentropy()(torch.eye(3)[[0, 1, 2, 1]], PROBABILITIES)
    assert 'loss="categorical_crossentropy"' in str(caught.value)
    assert "y.argmax(axis=-1)" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        ([0, 1, 2, 7], "Dense(8)"),
        ([1, 2, 3, 1], "y = y - 1"),
        ([0, 1, -1, 1], "ignore_class"),
        ([0, -100, 1, 1], "-100"),
    ],
)
@pytest.mark.parametrize("weights", [None, torch.ones(4)])
def test_labels_outside_the_classes(labels, advice, weights):
    labels = torch.tensor(labels)
    with pytest.raises(ValueError, match="outside the number of classes") as caught:
        losses.SparseCategoricalCrossentropy()(labels, PROBABILITIES, sample_weight=weights)
    assert advice in str(caught.value)
    assert f"largest label {int(labels.max())}" in str(caught.value)
    with pytest.raises(ValueError, match="output 'digits' has 3 classes"):
        losses.check_first_batch(losses.SparseCategoricalCrossentropy(), labels, PROBABILITIES, "digits")


def test_other_batch_sizes():
    with pytest.raises(ValueError, match=r"target.shape=\(3,\), output.shape=\(4, 3\)"):
        losses.SparseCategoricalCrossentropy()(torch.tensor([0, 1, 2]), PROBABILITIES)
    with pytest.raises(ValueError, match=r"y_true.shape=\(3, 1\), y_pred.shape=\(4, 1\)"):
        losses.MeanSquaredError()(torch.zeros(3, 1), torch.zeros(4, 1))
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.BinaryCrossentropy()(torch.zeros(3, 2), torch.zeros(4, 2))


def test_the_width_of_the_last_layer():
    with pytest.raises(ValueError, match=r"Dense\(1\)"):
        losses.MeanSquaredError()(torch.zeros(4), torch.zeros(4, 3))
    with pytest.raises(ValueError, match=r"Dense\(2\)"):
        losses.MeanSquaredError()(torch.zeros(4, 2), torch.zeros(4, 3))


def test_vectors_and_columns_do_not_broadcast():
    y_true, y_pred = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[1.0], [2.0], [3.0]])
    for loss in (losses.MeanSquaredError(), losses.MeanSquaredError("sum"), losses.Huber(), losses.MeanAbsoluteError()):
        assert loss(y_true, y_pred) == 0.0
        assert loss(y_pred, y_true) == 0.0


def test_weights_that_fit_nothing():
    with pytest.raises(ValueError, match=r"sample_weight.reshape\(-1, 1\)"):
        losses.MeanSquaredError()(torch.zeros(4, 5, 2), torch.zeros(4, 5, 2), sample_weight=torch.ones(4))


def check(loss, y_true, y_pred):
    losses.check_first_batch(loss, y_true, y_pred, "out")


def test_probabilities_with_from_logits():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = torch.tensor([0, 1, 2, 1])
    with pytest.warns(UserWarning, match=r"drop `activation='softmax'`.*from_logits=False"):
        check(loss, labels, PROBABILITIES)
    tagged = activations.softmax(torch.randn(4, 3))
    with pytest.warns(UserWarning, match="SparseCategoricalCrossentropy\\(from_logits=False\\)"):
        value = loss(labels, tagged)
    torch.testing.assert_close(value, losses.SparseCategoricalCrossentropy()(labels, tagged))
    with pytest.warns(UserWarning, match="sigmoid"):
        losses.BinaryCrossentropy(from_logits=True)(torch.ones(4, 1), activations.sigmoid(torch.randn(4, 1)))


@pytest.mark.parametrize(
    ("loss", "y_true"),
    [
        (losses.SparseCategoricalCrossentropy(), torch.tensor([0, 1, 2, 1])),
        (losses.CategoricalCrossentropy(), torch.eye(3)[[0, 1, 2, 1]]),
        (losses.BinaryCrossentropy(), torch.ones(4, 3)),
        (losses.as_loss("categorical_crossentropy"), torch.eye(3)[[0, 1, 2, 1]]),
    ],
)
def test_logits_without_from_logits(loss, y_true):
    with pytest.warns(UserWarning, match=r"look like logits.*from_logits=True"):
        check(loss, y_true, torch.randn(4, 3) * 5)


def test_rows_that_do_not_sum_to_one():
    with pytest.warns(UserWarning, match="do not sum to 1"):
        check(losses.CategoricalCrossentropy(), torch.eye(3)[[0, 1, 2, 1]], torch.full((4, 3), 0.9))


def test_what_is_right_passes_in_silence():
    labels = torch.tensor([0, 1, 2, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(losses.SparseCategoricalCrossentropy(), labels, PROBABILITIES)
        check(losses.SparseCategoricalCrossentropy(), labels.reshape(4, 1), activations.softmax(torch.randn(4, 3)))
        check(losses.SparseCategoricalCrossentropy(from_logits=True), labels, torch.randn(4, 3) * 5)
        check(losses.SparseCategoricalCrossentropy(ignore_class=-1), torch.tensor([0, -1, 2, 1]), PROBABILITIES)
        check(losses.SparseCategoricalCrossentropy(), torch.zeros(4, 5, dtype=torch.uint8), torch.full((4, 5, 2), 0.5))
        check(losses.BinaryCrossentropy(), torch.ones(4, 1), torch.rand(4, 1))
        check(losses.BinaryCrossentropy(from_logits=True), torch.ones(4, 1), torch.rand(4, 1))
        check(losses.MeanSquaredError(), torch.ones(4, 1), torch.randn(4, 1))
        check(losses.as_loss(lambda y_true, y_pred: y_pred), torch.ones(4, 1), torch.randn(4, 1))
        check(losses.as_loss(torch.nn.CrossEntropyLoss()), labels, torch.randn(4, 3))


def test_torch_losses_have_their_labels_checked():
    with pytest.raises(ValueError, match="largest label 3"):
        check(losses.as_loss(torch.nn.CrossEntropyLoss), torch.tensor([0, 1, 3, 1]), torch.randn(4, 3))
    check(losses.as_loss(torch.nn.CrossEntropyLoss()), torch.tensor([0, 1, -100, 1]), torch.randn(4, 3))


def test_arguments_of_the_categorical_function():
    with pytest.raises(ValueError, match="axis"):
        losses.categorical_crossentropy(np.eye(2), np.eye(2), axis=True)
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.CategoricalCrossentropy()(torch.ones(4, 1), torch.ones(4, 1))
