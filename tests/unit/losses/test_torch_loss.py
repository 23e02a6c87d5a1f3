"""Torch's losses in the place of Keras's."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim import losses

LABELS = torch.tensor([1, 0, 2, 2])


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        (nn.MSELoss(), "mse_loss"),
        (nn.MSELoss, "mse_loss"),
        (F.mse_loss, "mse_loss"),
        (partial(F.huber_loss, delta=2.0), "huber_loss"),
        (nn.CrossEntropyLoss(), "cross_entropy_loss"),
    ],
)
def test_recognised(identifier, name):
    loss = losses.as_loss(identifier)
    assert isinstance(loss, losses.TorchLoss)
    assert loss.name == name


def test_prediction_comes_first():
    y_true, y_pred = torch.tensor([[0.2, 0.8]]), torch.tensor([[0.5, 0.5]])
    ours = losses.as_loss(nn.KLDivLoss(reduction="batchmean"))(y_true, y_pred.log())
    torch.testing.assert_close(ours, F.kl_div(y_pred.log(), y_true, reduction="batchmean"))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float32])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("identifier", [nn.CrossEntropyLoss(), F.cross_entropy])
def test_class_indices_of_any_type(dtype, shape, identifier):
    logits = torch.randn(4, 3)
    ours = losses.as_loss(identifier)(LABELS.to(dtype).reshape(shape), logits)
    torch.testing.assert_close(ours, F.cross_entropy(logits, LABELS))


def test_class_probabilities():
    logits = torch.randn(4, 3)
    one_hot = F.one_hot(LABELS, 3)
    ours = losses.as_loss(nn.CrossEntropyLoss(label_smoothing=0.1))(one_hot, logits)
    torch.testing.assert_close(ours, F.cross_entropy(logits, one_hot.float(), label_smoothing=0.1))


def test_real_targets_take_the_type_and_rank_of_predictions():
    y_true, y_pred = torch.tensor([1, 2, 3]), torch.tensor([[1.0], [2.0], [5.0]])
    assert losses.as_loss(nn.L1Loss())(y_true, y_pred) == pytest.approx(2 / 3)
    assert losses.as_loss(nn.BCEWithLogitsLoss())(torch.ones(3, dtype=torch.int32), y_pred).ndim == 0
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.as_loss(nn.MSELoss())(torch.zeros(3, 2), torch.zeros(3, 5))


def test_sample_weights_are_keras():
    logits, weights = torch.randn(4, 3), torch.tensor([1.0, 0.0, 2.0, 0.5])
    per_sample = F.cross_entropy(logits, LABELS, reduction="none")
    mean = losses.as_loss(nn.CrossEntropyLoss())
    torch.testing.assert_close(mean(LABELS, logits, sample_weight=weights), (per_sample * weights).sum() / 4)
    torch.testing.assert_close(
        mean(LABELS, logits, sample_weight=weights), losses.SparseCategoricalCrossentropy(True)(LABELS, logits, weights)
    )
    total = losses.as_loss(nn.CrossEntropyLoss(reduction="sum"))
    torch.testing.assert_close(total(LABELS, logits, sample_weight=weights), (per_sample * weights).sum())


def test_elementwise_losses_are_reduced_to_samples():
    y_true, y_pred, weights = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([1.0, 0.0, 2.0, 0.5])
    expected = losses.MeanSquaredError()(y_true, y_pred, sample_weight=weights)
    torch.testing.assert_close(losses.as_loss(nn.MSELoss())(y_true, y_pred, sample_weight=weights), expected)
    torch.testing.assert_close(losses.as_loss(F.mse_loss)(y_true, y_pred, sample_weight=weights), expected)
    torch.testing.assert_close(
        losses.as_loss(nn.MSELoss())(y_true, y_pred, sample_weight=weights.reshape(4, 1)), expected
    )
    total = losses.as_loss(nn.MSELoss(reduction="sum"))(y_true, y_pred, sample_weight=weights)
    torch.testing.assert_close(total, ((y_true - y_pred).square().sum(1) * weights).sum())


def test_masked_predictions():
    y_pred = torch.tensor([[1.0], [5.0]])
    y_pred._keras_mask = torch.tensor([True, False])
    assert losses.as_loss(nn.MSELoss())(torch.zeros(2, 1), y_pred) == 1.0


def test_the_original_is_left_alone():
    module = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    loss = losses.as_loss(module)
    loss(LABELS, torch.randn(4, 3), sample_weight=torch.ones(4))
    assert module.reduction == "mean"
    assert loss.loss is module


def test_reduction_none_of_the_module_is_averaged():
    y_true, y_pred = torch.zeros(4, 2), torch.ones(4, 2)
    assert losses.TorchLoss(nn.MSELoss(reduction="none"), reduction="sum_over_batch_size")(y_true, y_pred) == 1.0


def test_losses_of_three_tensors_are_refused():
    with pytest.raises(ValueError, match="takes 3 tensors"):
        losses.as_loss(nn.TripletMarginLoss())
    with pytest.raises(TypeError, match="needs no wrapper"):
        losses.TorchLoss(lambda y_true, y_pred: y_pred)


def test_other_modules_are_called_as_keras_calls():
    class Mine(nn.Module):
        def forward(self, y_true, y_pred):
            return y_true - y_pred

    loss = losses.as_loss(Mine())
    assert loss.name == "mine"
    assert loss(torch.tensor([3.0]), torch.tensor([1.0])) == 2.0


@pytest.mark.parametrize(
    "identifier",
    [
        nn.MSELoss(),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1),
        nn.HuberLoss(delta=3.0),
        F.mse_loss,
        partial(F.huber_loss, delta=3.0),
    ],
)
def test_config(identifier):
    loss = losses.as_loss(identifier)
    again = losses.deserialize(losses.serialize(loss))
    assert again.get_config().keys() == loss.get_config().keys()
    y_pred = torch.randn(4, 3)
    y_true = LABELS if "cross" in loss.name else torch.randn(4, 3)
    torch.testing.assert_close(again(y_true, y_pred), loss(y_true, y_pred))
    with pytest.raises(ValueError, match="no loss named 'Evil'"):
        losses.TorchLoss.from_config({"loss": "Evil"})
