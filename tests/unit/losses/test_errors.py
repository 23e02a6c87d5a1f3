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


def test_tagged_probabilities_with_from_logits_are_warned_of_once():
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = torch.tensor([0, 1, 2, 1])
    tagged = activations.softmax(torch.randn(4, 3))
    with pytest.warns(UserWarning, match="SparseCategoricalCrossentropy\\(from_logits=False\\)"):
        value = loss(labels, tagged)
    torch.testing.assert_close(value, losses.SparseCategoricalCrossentropy()(labels, tagged))
    torch.testing.assert_close(loss(labels, tagged), value)  # in silence: warnings are errors here
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


TEN = torch.tensor([[0.0], [3.0], [9.0], [1.0]])
HALF = torch.full((4, 1), 0.5)


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "message"),
    [
        (losses.BinaryCrossentropy(), TEN, HALF, r"labels of 10 classes(.|\n)*Dense\(10, activation='softmax'\)"),
        (losses.BinaryFocalCrossentropy(), TEN.int().flatten(), HALF, "sparse_categorical_crossentropy"),
        (losses.Dice(), TEN, HALF, "dice .*labels of 10 classes"),
        (losses.Hinge(), TEN, HALF, "hinge .*labels of 10 classes"),
        (losses.BinaryCrossentropy(), torch.tensor([[-1.0], [1.0]]), HALF[:2], r"y = \(y \+ 1\) / 2"),
        (losses.CategoricalGeneralizedCrossEntropy(), torch.tensor([0, 5]), PROBABILITIES[:2], r"Dense\(6\)"),
        (
            losses.SparseCategoricalCrossentropy(),
            torch.tensor([0, 1]),
            HALF[:2] * 2,
            r"Dense\(2, activation='softmax'\)",
        ),
        (losses.CTC(), torch.tensor([[1, 7]]), torch.randn(1, 4, 3), r"1 to 2(.|\n)*Dense\(8\)"),
        (losses.CTC(), torch.tensor([[1, -1]]), torch.randn(1, 4, 3), "Pad with 0"),
    ],
)
def test_labels_of_the_wrong_kind(loss, y_true, y_pred, message):
    with pytest.raises(ValueError, match=message):
        check(loss, y_true, y_pred)


SEVERAL = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred", "message"),
    [
        (losses.BinaryCrossentropy(), torch.full((4, 3), 255.0), torch.rand(4, 3), "y = y / 255"),
        (losses.BinaryCrossentropy(), torch.tensor([[-1.0], [0.0], [1.0]]), HALF[:3], "sample weight 0"),
        (losses.SquaredHinge(), torch.tensor([[-3.0], [0.0]]), HALF[:2], "-1 and 1, or 0 and 1"),
        (losses.CategoricalCrossentropy(), SEVERAL, PROBABILITIES[:2], r"Dense\(3, activation='sigmoid'\)"),
        (
            losses.CategoricalFocalCrossentropy(),
            torch.eye(3),
            torch.randn(3, 3) * 5,
            r"FocalCrossentropy\(from_logits=True",
        ),
        (losses.BinaryFocalCrossentropy(), torch.ones(4, 3), torch.randn(4, 3) * 5, "look like logits"),
        (losses.Tversky(), torch.ones(4, 3), torch.randn(4, 3) * 5, "Give the last layer `activation='sigmoid'`"),
        (losses.CTC(), torch.tensor([[1, 1, 1]]), torch.randn(1, 4, 3), "need 5"),
        (losses.CTC(), torch.tensor([[1]]), torch.randn(1, 4, 3).softmax(-1), "expects logits"),
        (losses.Circle(), torch.tensor([0, 1]), torch.ones(2, 3), "UnitNormalization"),
        (losses.Poisson(), torch.ones(2, 1), torch.tensor([[1.0], [-1.0]]), "softplus"),
        (losses.BinaryCrossentropy(), torch.ones(4, 1), activations.softmax(torch.randn(4, 1)), "single unit"),
    ],
)
def test_doubtful_first_batches(loss, y_true, y_pred, message):
    with pytest.warns(UserWarning, match=message):
        check(loss, y_true, y_pred)


def test_right_first_batches_of_the_other_losses():
    unit = torch.nn.functional.normalize(torch.randn(4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(losses.BinaryFocalCrossentropy(), torch.tensor([[True], [False]]), HALF[:2])
        check(losses.BinaryCrossentropy(label_smoothing=0.1), torch.rand(4, 3), torch.rand(4, 3))
        check(losses.CategoricalFocalCrossentropy(), torch.eye(3), PROBABILITIES[:3])
        check(losses.CategoricalGeneralizedCrossEntropy(), torch.tensor([0, 1, 2, 1]), PROBABILITIES)
        check(losses.CategoricalCrossentropy(), torch.full((2, 3), 1 / 3), PROBABILITIES[:2])
        check(losses.Hinge(), torch.tensor([[-1.0], [1.0]]), torch.randn(2, 1))
        check(losses.Hinge(), torch.tensor([[0.0], [1.0]]), torch.randn(2, 1))
        check(losses.Dice(), torch.ones(2, 4, 4, 1), torch.rand(2, 4, 4, 1))
        check(losses.CTC(), torch.tensor([[1, 2, 0]]), torch.randn(1, 4, 3))
        check(losses.Circle(), torch.tensor([0, 1, 0, 1]), unit)
        check(losses.Poisson(), torch.ones(2, 1), torch.ones(2, 1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.BinaryCrossentropy()(torch.zeros(4), torch.zeros(4, 10)), r"Dense\(10, activation='softmax'\)"),
        (lambda: losses.BinaryCrossentropy()(torch.zeros(4, 2), torch.zeros(4, 3)), r"`Dense\(2\)`"),
        (lambda: losses.BinaryFocalCrossentropy()(torch.zeros(4, 2), torch.zeros(4, 3)), r"`Dense\(2\)`"),
        (lambda: losses.CategoricalCrossentropy()(torch.zeros(4, 2), torch.zeros(4, 3)), r"`Dense\(2\)`"),
        (lambda: losses.CategoricalFocalCrossentropy()(torch.zeros(4), torch.zeros(4, 3)), r"to_categorical\(y, num"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy()(torch.eye(3), PROBABILITIES[:3]), r"y.argmax\(axis=-1\)"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0), "q must be in the interval"),
        (lambda: losses.KLDivergence()(torch.zeros(4, 2), torch.zeros(4, 3)), r"`Dense\(2\)`"),
        (lambda: losses.Poisson()(torch.zeros(4), torch.zeros(4, 3)), r"Dense\(1\)"),
        (lambda: losses.Hinge()(torch.zeros(4, 2), torch.zeros(4, 3)), r"Dense\(2\)"),
        (lambda: losses.Dice()(torch.zeros(2, 8, 8), torch.zeros(2, 8, 8, 3)), r"num_classes=3"),
        (lambda: losses.CTC()(torch.zeros(2), torch.zeros(2, 5, 3)), "Pad the labels"),
        (lambda: losses.CTC()(torch.zeros(2, 4), torch.zeros(2, 3)), "return_sequences=True"),
        (lambda: losses.CTC()(torch.zeros(3, 4), torch.zeros(2, 4, 3)), "as many samples"),
        (lambda: losses.Circle()(torch.eye(3), torch.eye(3)), r"y.argmax\(axis=-1\)"),
        (lambda: losses.categorical_focal_crossentropy(np.eye(2), np.eye(2), axis=True), "axis"),
    ],
)
def test_targets_that_do_not_fit_the_output(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_focal_losses_of_one_unit():
    with pytest.warns(SyntaxWarning, match="binary_focal_crossentropy"):
        losses.CategoricalFocalCrossentropy()(torch.ones(4, 1), torch.ones(4, 1))
