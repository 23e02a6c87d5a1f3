"""Own behaviour of the losses: the short way, types, identifiers, copies."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from torchkeras_shim import activations, losses

LABELS = torch.tensor([1, 0, 3, 2])


def softmax_of(logits):
    return activations.softmax(logits)


class CountOps(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def own_calls(function):
    """How many Python functions of the package one call enters."""
    entered = []

    def profile(frame, event, arg):
        if event == "call" and "torchkeras_shim" in frame.f_code.co_filename:
            entered.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return entered


HOT = [
    (losses.SparseCategoricalCrossentropy(), LABELS, softmax_of(torch.randn(4, 5)), 2),
    (losses.SparseCategoricalCrossentropy(), LABELS.to(torch.uint8), softmax_of(torch.randn(4, 5)), 2),
    (losses.SparseCategoricalCrossentropy(from_logits=True), LABELS, torch.randn(4, 5), 2),
    (losses.SparseCategoricalCrossentropy(from_logits=True), LABELS.reshape(4, 1), torch.randn(4, 5), 3),
    (losses.as_loss("sparse_categorical_crossentropy"), LABELS, softmax_of(torch.randn(4, 5)), 2),
    (losses.CategoricalCrossentropy(), F.one_hot(LABELS, 5).float(), softmax_of(torch.randn(4, 5)), 5),
    (losses.BinaryCrossentropy(), torch.ones(4, 1), activations.sigmoid(torch.randn(4, 1)), 1),
    (losses.MeanSquaredError(), torch.ones(4, 1), torch.randn(4, 1), 1),
    (losses.MeanSquaredError(), torch.ones(4), torch.randn(4, 1), 2),
    (losses.as_loss("mse"), torch.ones(4, 1), torch.randn(4, 1), 1),
    (losses.MeanAbsoluteError(), torch.ones(4, 1), torch.randn(4, 1), 3),
    (losses.Huber(), torch.ones(4, 1), torch.randn(4, 1), 1),
]


@pytest.mark.parametrize(("loss", "y_true", "y_pred", "most"), HOT)
def test_the_hot_path_is_short(loss, y_true, y_pred, most):
    loss(y_true, y_pred)
    assert len(own_calls(lambda: loss(y_true, y_pred))) <= 4
    with CountOps() as counted:
        loss(y_true, y_pred)
    assert len(counted.names) <= most, counted.names


@pytest.mark.parametrize(("loss", "y_true", "y_pred", "most"), HOT)
def test_both_ways_agree(loss, y_true, y_pred, most):
    short = loss(y_true, y_pred)
    general = loss(y_true, y_pred, sample_weight=torch.ones(4))
    torch.testing.assert_close(short, general)


def test_masked_predictions_leave_the_short_way():
    y_pred = torch.tensor([[1.0], [5.0]])
    y_pred._keras_mask = torch.tensor([True, False])
    assert losses.MeanSquaredError()(torch.zeros(2, 1), y_pred) == 1.0


def test_a_changed_reduction_counts():
    loss = losses.MeanSquaredError()
    loss.reduction = "sum"
    assert loss(torch.zeros(3, 1), torch.ones(3, 1)) == 3.0
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
        loss.reduction = "average"


def test_a_subclass_may_override_call():
    class Doubled(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2.0 * super().call(y_true, y_pred)

    assert Doubled()(torch.zeros(3, 1), torch.ones(3, 1)) == 2.0


def test_user_functions_get_targets_in_the_type_of_the_loss():
    seen = []

    def my_loss(y_true, y_pred):
        seen.append((y_true.dtype, y_pred.dtype))
        return (y_true - y_pred).abs().mean(-1)

    loss = losses.as_loss(my_loss)
    assert loss.name == "my_loss"
    assert loss(np.array([[1], [2]]), np.array([[1.0], [4.0]])) == 1.0
    assert seen == [(torch.float32, torch.float32)]


def test_dtype():
    loss = losses.MeanSquaredError(dtype="float64")
    assert loss.dtype == "float64"
    assert loss(torch.zeros(2, 1), torch.ones(2, 1)).dtype == torch.float64
    half = torch.ones(2, 1, dtype=torch.bfloat16)
    assert losses.MeanSquaredError()(torch.zeros(2, 1), half).dtype == torch.float32


def test_logits_survive_a_cast():
    logits = torch.tensor([[100.0, 0.0]], dtype=torch.bfloat16)
    loss = losses.SparseCategoricalCrossentropy()
    for weights in (None, torch.ones(1)):
        assert loss(torch.tensor([1]), softmax_of(logits), sample_weight=weights) == 100.0


def test_gradients_through_saturated_predictions():
    logits = torch.tensor([[100.0, 0.0]], requires_grad=True)
    losses.SparseCategoricalCrossentropy()(torch.tensor([1]), softmax_of(logits)).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, -1.0]]))


def test_nested_structures():
    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true["a"] - y_pred["a"]).abs() + (y_true["b"] - y_pred["b"]).abs()

    assert Both()({"a": np.array([1]), "b": np.array([2])}, {"a": torch.ones(1), "b": torch.zeros(1)}) == 2.0


def test_base_class_says_what_to_define():
    with pytest.raises(NotImplementedError, match="define `call"):
        losses.Loss()(torch.zeros(2), torch.zeros(2))


@pytest.mark.parametrize("make", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies(make):
    loss = make(losses.SparseCategoricalCrossentropy(from_logits=True))
    logits = torch.randn(4, 5)
    torch.testing.assert_close(loss(LABELS, logits), F.cross_entropy(logits, LABELS))


def test_an_empty_batch_has_no_losses():
    value = losses.MeanSquaredError()(np.zeros((0, 2)), np.zeros((0, 2)), sample_weight=np.zeros(0))
    assert value.shape == (0,)  # as in Keras


def test_identifiers():
    assert losses.get(None) is None
    assert losses.get("mse") is losses.mean_squared_error
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    config = {"class_name": "Huber", "config": {"delta": 2.0}}
    assert losses.as_loss(config)._fn_kwargs == {"delta": 2.0}
    instance = losses.Huber()
    assert losses.as_loss(instance) is instance
    with pytest.raises(ValueError, match=r"Did you mean .*mean_squared_error"):
        losses.get("mean_square_error")
    with pytest.raises(ValueError, match="received `None`"):
        losses.as_loss(None)
    with pytest.raises(ValueError, match="Could not interpret loss identifier"):
        losses.get(3)


@pytest.mark.parametrize(
    ("y_true", "y_pred", "expected"),
    [
        ((8,), (8, 1), "binary_crossentropy"),
        ((8,), (8, 3), "sparse_categorical_crossentropy"),
        ((8, 3), (8, 3), "categorical_crossentropy"),
    ],
)
def test_crossentropy_is_chosen_by_shape(y_true, y_pred, expected):
    loss = losses.as_loss("crossentropy", torch.zeros(y_true), torch.zeros(y_pred))
    assert loss.fn is getattr(losses, expected)
    with pytest.raises(ValueError, match=expected):
        losses.as_loss("crossentropy")


def test_repr():
    assert repr(losses.MeanSquaredError()).startswith("<LossFunctionWrapper(<function mean_squared_error")


def test_ignored_samples_reach_no_gradient():
    logits = torch.tensor([[1.0, 2.0], [float("nan"), 0.0]], requires_grad=True)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    value = loss(torch.tensor([1, -1]), logits)
    value.backward()
    torch.testing.assert_close(value, F.cross_entropy(logits[:1], torch.tensor([1])))
    assert logits.grad[1].tolist() == [0.0, 0.0]
    saturated = softmax_of(torch.tensor([[100.0, 0.0], [0.0, 0.0]]))
    assert losses.SparseCategoricalCrossentropy(ignore_class=-1)(torch.tensor([1, -1]), saturated) == 100.0


def test_symbolic_functions():
    from torchkeras_shim.core.symbolic import KerasTensor

    y_true, y_pred = KerasTensor((None,), dtype="int32"), KerasTensor((None, 4))
    assert losses.sparse_categorical_crossentropy(y_true, y_pred).shape == (None,)
    assert losses.mean_squared_error(KerasTensor((None, 4)), y_pred).shape == (None,)


def test_labels_that_no_path_can_spell():
    """Three equal labels need two blanks between them: a large loss, and nothing in the gradient."""
    logits = torch.randn(2, 4, 3, requires_grad=True)
    labels = torch.tensor([[1, 1, 1], [1, 2, 0]])
    value = losses.CTC(reduction="none")(labels, logits)
    assert value[0] == 707.0
    value.sum().backward()
    assert logits.grad[0].abs().sum() == 0.0
    assert logits.grad[1].isfinite().all()
    assert logits.grad[1].abs().sum() > 0.0


def test_ctc_of_symbolic_tensors():
    from torchkeras_shim.core.symbolic import KerasTensor

    assert losses.ctc(KerasTensor((4, 3), dtype="int64"), KerasTensor((4, 9, 5))).shape == (4,)


def test_circle_without_pairs_has_a_gradient():
    embeddings = torch.nn.functional.normalize(torch.randn(3, 4)).requires_grad_()
    for labels in (torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0])):
        value = losses.Circle()(labels, embeddings)
        value.backward()
        assert value == 0.0
        assert embeddings.grad.abs().sum() == 0.0


def test_focal_losses_of_saturated_logits():
    logits = torch.tensor([[-200.0]], requires_grad=True)
    losses.BinaryFocalCrossentropy(from_logits=True)(torch.tensor([[1.0]]), logits).backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[-1.0]]))
    tagged = torch.tensor([[-200.0]], requires_grad=True)
    losses.BinaryFocalCrossentropy()(torch.tensor([[1.0]]), activations.sigmoid(tagged)).backward()
    torch.testing.assert_close(tagged.grad, torch.tensor([[-1.0]]))


def test_labels_in_a_column():
    loss = losses.CategoricalGeneralizedCrossEntropy()
    predictions = torch.rand(4, 5)
    assert loss(LABELS.reshape(4, 1), predictions) == loss(LABELS, predictions)


def test_generalized_crossentropy_of_a_certain_prediction():
    predictions = torch.tensor([[1.0, 0.0, 0.0]], requires_grad=True)
    losses.CategoricalGeneralizedCrossEntropy()(torch.tensor([0]), predictions).backward()
    torch.testing.assert_close(predictions.grad, torch.tensor([[-1.0, 0.0, 0.0]]))


def test_zero_vectors_have_no_direction_in_half_precision():
    loss = losses.CosineSimilarity(dtype="float16")
    assert loss(torch.zeros(2, 3), torch.ones(2, 3)) == 0.0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    ("loss", "y_true", "y_pred"),
    [
        (losses.BinaryFocalCrossentropy(), torch.ones(4, 3), torch.rand(4, 3)),
        (losses.CategoricalFocalCrossentropy(alpha=[0.2, 0.3, 0.5]), torch.eye(3), torch.rand(3, 3)),
        (losses.CategoricalGeneralizedCrossEntropy(), LABELS, torch.rand(4, 5)),
        (losses.Dice(axis=(1,)), torch.ones(4, 3), torch.rand(4, 3)),
        (losses.Tversky(), torch.ones(4, 3), torch.rand(4, 3)),
        (losses.Circle(), LABELS % 2, F.normalize(torch.rand(4, 5))),
        (losses.CTC(), torch.tensor([[1, 2], [3, 0]]), torch.randn(2, 6, 4)),
    ],
)
def test_on_cuda(loss, y_true, y_pred):
    expected = loss(y_true, y_pred)
    prediction = y_pred.cuda().requires_grad_()
    loss(y_true.cuda(), prediction)  # constants are brought to the device once
    if not isinstance(loss, losses.CTC):  # torch's kernel takes the lengths on the host
        torch.cuda.set_sync_debug_mode("error")
    try:
        value = loss(y_true.to("cuda", non_blocking=True), prediction)
        value.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(value.cpu(), expected, rtol=1e-4, atol=1e-5)
