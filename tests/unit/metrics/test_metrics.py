"""Own behaviour of the metrics: state, custom metrics, the lean way, identifiers."""

from __future__ import annotations

import copy
import sys
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torchkeras_shim import activations, metrics
from torchkeras_shim.core.variable import Variable


class CountOps(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def test_the_hot_path_is_short():
    metric = metrics.SparseCategoricalAccuracy()
    y_true, y_pred = torch.randint(0, 5, (8,)), torch.randn(8, 5)
    entered = []

    def profile(frame, event, arg):
        if event == "call" and "torchkeras_shim" in frame.f_code.co_filename:
            entered.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        metric.update_state(y_true, y_pred)
    finally:
        sys.setprofile(None)
    assert len(entered) <= 3, entered
    with CountOps() as counted:
        metric.update_state(y_true, y_pred)
    assert len(counted.names) <= 5, counted.names


EVERY = [
    (metrics.Mean, None, torch.rand(6)),
    (metrics.MeanSquaredError, torch.rand(6, 1), torch.rand(6, 1)),
    (metrics.RootMeanSquaredError, torch.rand(6, 1), torch.rand(6, 1)),
    (metrics.BinaryAccuracy, torch.ones(6, 1), torch.rand(6, 1)),
    (metrics.SparseCategoricalAccuracy, torch.zeros(6, dtype=torch.int64), torch.rand(6, 3)),
    (metrics.SparseTopKCategoricalAccuracy, torch.zeros(6, dtype=torch.int64), torch.rand(6, 3)),
    (metrics.SparseCategoricalCrossentropy, torch.zeros(6, dtype=torch.int64), torch.rand(6, 3)),
    (metrics.Precision, torch.ones(6, 1), torch.rand(6, 1)),
    (metrics.AUC, torch.ones(6, 1), torch.rand(6, 1)),
    (metrics.F1Score, torch.ones(6, 2), torch.rand(6, 2)),
    (metrics.R2Score, torch.rand(6, 2), torch.rand(6, 2)),
    (metrics.PearsonCorrelation, torch.rand(6, 3), torch.rand(6, 3)),
    (metrics.ConcordanceCorrelation, torch.rand(6, 3), torch.rand(6, 3)),
    (partial(metrics.SensitivityAtSpecificity, 0.0), torch.ones(6, 1), torch.rand(6, 1)),
    (partial(metrics.PrecisionAtRecall, 0.1), torch.ones(6, 1), torch.rand(6, 1)),
    (partial(metrics.MeanIoU, 3, dtype="float32"), torch.tensor([0, 1, 2, 0, 1, 2]), torch.tensor([0, 1, 2, 2, 1, 0])),
    (partial(metrics.BinaryIoU, dtype="float32"), torch.ones(6), torch.rand(6)),
]


@pytest.mark.parametrize(("cls", "y_true", "y_pred"), EVERY)
@pytest.mark.parametrize("weighted", [False, True])
def test_state_is_no_part_of_a_graph(cls, y_true, y_pred, weighted):
    metric = cls()
    if not y_pred.is_floating_point():
        pytest.skip("class indices have no gradient")
    y_pred = y_pred.clone().requires_grad_()
    args = (y_pred * 1.0,) if y_true is None else (y_true, y_pred * 1.0)
    weights = {"sample_weight": torch.ones(6)} if weighted else {}
    metric.update_state(*args, **weights)
    metric.update_state(*args, **weights)
    assert all(not variable.requires_grad and variable.grad_fn is None for variable in metric.variables)
    assert not metric.result().requires_grad


@pytest.mark.parametrize(("cls", "y_true", "y_pred"), EVERY)
def test_reset_and_results_that_stay(cls, y_true, y_pred):
    metric = cls()
    args = (y_pred,) if y_true is None else (y_true, y_pred)
    first = metric(*args)
    kept = first.clone()
    identities = [id(variable) for variable in metric.variables]
    metric.update_state(*args)
    metric.reset_state()
    assert all(float(variable.abs().sum()) == 0.0 for variable in metric.variables)
    torch.testing.assert_close(first, kept)
    torch.testing.assert_close(metric(*args), kept)
    assert identities == [id(variable) for variable in metric.variables]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("cls", "y_true", "y_pred"), EVERY)
def test_moves_to_the_device_of_the_data(cls, y_true, y_pred):
    metric = cls()
    metric.to("cpu")
    args = (y_pred,) if y_true is None else (y_true, y_pred)
    expected = metric(*args)
    metric.reset_state()
    result = metric(*(value.cuda() for value in args))
    assert result.is_cuda
    torch.testing.assert_close(result.cpu(), expected)


def test_to_keeps_the_variables():
    metric = metrics.AUC(label_weights=[1.0])
    variables = metric.variables
    assert metric.to("cpu") is metric
    assert all(left is right for left, right in zip(metric.variables, variables, strict=True))


class BinaryTruePositives(metrics.Metric):
    """The custom metric of Keras's guides."""

    def __init__(self, name="binary_true_positives", **kwargs):
        super().__init__(name=name, **kwargs)
        self.true_positives = self.add_weight(name="tp", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = (y_true == 1) & (y_pred > 0.5)
        values = values.to(torch.float32)
        if sample_weight is not None:
            values = values * torch.as_tensor(sample_weight)
        self.true_positives.assign_add(values.sum())

    def result(self):
        return self.true_positives.clone()


def test_a_custom_metric():
    metric = BinaryTruePositives()
    y_true, y_pred = torch.tensor([1, 1, 0]), torch.tensor([0.9, 0.2, 0.8], requires_grad=True)
    assert metric(y_true, y_pred) == 1.0
    assert metric(y_true, y_pred, sample_weight=[3.0, 1.0, 1.0]) == 4.0
    metric.reset_state()
    assert metric.result() == 0.0
    assert [variable.path for variable in metric.variables] == ["binary_true_positives/tp"]
    assert repr(metric) == str(metric) == "<BinaryTruePositives name=binary_true_positives>"
    assert BinaryTruePositives.from_config(metric.get_config()).name == metric.name


def test_metrics_inside_metrics():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.own = self.add_variable(shape=(2,), initializer="ones", name="own")
            self.inner = metrics.Mean(name="inner")
            self.more = [metrics.Mean(name="first"), {"a": metrics.Sum(name="second")}]

    paths = [variable.path for variable in Both().variables]
    assert paths == ["both/own", "inner/total", "inner/count", "first/total", "first/count", "second/total"]
    assert Both().own.numpy().tolist() == [1.0, 1.0]


def test_forgotten_super():
    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Forgetful()


def test_base_class_says_what_to_define():
    with pytest.raises(NotImplementedError, match="Metric has to define `update_state"):
        metrics.Metric().update_state()
    with pytest.raises(NotImplementedError, match="Metric has to define `result"):
        metrics.Metric().result()


@pytest.mark.parametrize(("cls", "y_true", "y_pred"), EVERY)
def test_copies_are_apart(cls, y_true, y_pred):
    metric = cls()
    args = (y_pred,) if y_true is None else (y_true, y_pred)
    metric(*args)
    twin = copy.deepcopy(metric)
    metric.reset_state()
    assert any(float(variable.abs().sum()) > 0 for variable in twin.variables)
    twin.update_state(*args)
    assert all(float(variable.abs().sum()) == 0 for variable in metric.variables)


def test_nothing_seen_yet():
    for metric in (metrics.Mean(), metrics.Precision(), metrics.AUC(), metrics.RootMeanSquaredError()):
        assert metric.result() == 0.0


def test_logits_behind_predictions():
    logits = torch.tensor([[100.0, 0.0]])
    metric = metrics.SparseCategoricalCrossentropy()
    assert metric(torch.tensor([1]), activations.softmax(logits)) == 100.0


def test_functions_and_modules():
    def distance(y_true, y_pred):
        return (y_true - y_pred).abs().mean(-1)

    class Module(torch.nn.Module):
        def forward(self, y_true, y_pred):
            return y_true - y_pred

    y_true, y_pred = torch.tensor([[3.0], [3.0]]), torch.tensor([[1.0], [2.0]])
    assert metrics.as_metric(distance)(y_true, y_pred) == 1.5
    assert metrics.as_metric(distance).name == "distance"
    assert metrics.as_metric(Module())(y_true, y_pred) == 1.5
    assert metrics.as_metric(Module()).name == "module"
    assert metrics.as_metric(torch.nn.L1Loss())(y_true, y_pred) == 1.5
    labels, logits = torch.tensor([1, 0], dtype=torch.int32), torch.randn(2, 3)
    ours = metrics.as_metric(torch.nn.CrossEntropyLoss)
    assert ours.name == "cross_entropy_loss"
    torch.testing.assert_close(ours(labels, logits), torch.nn.functional.cross_entropy(logits, labels.long()))


def test_identifiers():
    instance = metrics.AUC(name="area")
    assert metrics.as_metric(instance) is instance
    assert metrics.as_metric(metrics.AUC).name == "auc"
    assert metrics.as_metric({"class_name": "AUC", "config": {"name": "area", "curve": "PR"}}).curve == "PR"
    with pytest.raises(ValueError, match=r"Did you mean .*sparse_categorical_accuracy"):
        metrics.as_metric("sparse_categorical_acuracy")
    with pytest.raises(ValueError, match="received `None`"):
        metrics.as_metric(None)
    with pytest.raises(ValueError, match='"binary_accuracy" or "sparse_categorical_accuracy"'):
        metrics.as_metric("accuracy")
    assert isinstance(metrics.as_metric("ce", torch.zeros(8), torch.zeros(8, 3)), metrics.SparseCategoricalCrossentropy)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(thresholds=[0.5, 1.5]), "must be in"),
        (lambda: metrics.AUC(num_thresholds=1), "must be an integer > 1"),
        (lambda: metrics.AUC(curve="ROCK"), "Did you mean 'ROC'"),
        (lambda: metrics.AUC(summation_method="middle"), "interpolation"),
        (lambda: metrics.AUC(num_labels=3), "only when `multi_label`"),
        (lambda: metrics.AUC(multi_label=True)(torch.zeros(3), torch.zeros(3)), "rank 2"),
        (lambda: metrics.Recall(class_id=0)(torch.zeros(3), torch.zeros(3)), "class_id"),
        (lambda: metrics.Precision()(torch.zeros(3), torch.zeros(3, 4)), r"to_categorical\(y, num_classes=4\)"),
        (lambda: metrics.F1Score(average="mean"), "average"),
        (lambda: metrics.FBetaScore(beta=1), "beta"),
        (lambda: metrics.F1Score(threshold=2.0), "threshold"),
        (lambda: metrics.F1Score()(torch.zeros(3), torch.zeros(3)), "2D inputs"),
        (lambda: metrics.BinaryAccuracy()(torch.zeros(3, 2), torch.zeros(4, 2)), "same shape"),
        (lambda: metrics.SparseCategoricalAccuracy()(torch.zeros(3), torch.zeros(4, 2)), "same shape"),
        (lambda: metrics.Metric().add_variable((), "zeros", aggregation="most"), "aggregation"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_labels_that_are_no_class_are_not_among_the_best():
    matches = metrics.sparse_top_k_categorical_accuracy(np.array([7, -1, 0]), np.array([[0.1, 0.9]] * 3), k=2)
    assert matches.tolist() == [0.0, 0.0, 1.0]


def test_nan_predictions_fall_into_no_bucket():
    metric = metrics.AUC(num_thresholds=5)
    metric.update_state(torch.tensor([1.0, 0.0]), torch.tensor([float("nan"), 0.3]))
    assert torch.isfinite(metric.result())


def test_dtype_of_results():
    metric = metrics.Mean(dtype="float64")
    assert metric.dtype == "float64"
    assert metric([1.0, 2.0]).dtype == torch.float64


LABELS = torch.tensor([0, 3, 9, 1])
SOFTMAX = torch.rand(4, 10).softmax(-1)


@pytest.mark.parametrize("labels", [LABELS, LABELS.reshape(4, 1)])
@pytest.mark.parametrize(
    ("metric", "advice"),
    [
        ("binary_accuracy", "sparse_categorical_accuracy"),
        (metrics.BinaryAccuracy, r"Dense\(1, activation='sigmoid'\)"),
        ("AUC", r"keras.metrics.AUC\(multi_label=True, num_labels=10\)"),
        (metrics.Precision(), r"keras.metrics.Precision\(class_id=0\)"),
        (metrics.Recall(), r"to_categorical\(y, num_classes=10\)"),
        (metrics.TruePositives(), r"keras.metrics.TruePositives\(\)"),
        (metrics.PrecisionAtRecall(0.5), r"PrecisionAtRecall\(recall=0.5, class_id=0\)"),
        ("categorical_accuracy", r"sparse_categorical_accuracy(.|\n)*to_categorical\(y, num_classes=10\)"),
        (metrics.TopKCategoricalAccuracy(), "sparse_top_k_categorical_accuracy"),
        (metrics.F1Score(), r"to_categorical\(y, num_classes=10\)"),
    ],
)
def test_class_labels_for_metrics_of_other_targets(metric, advice, labels):
    with pytest.raises(ValueError, match=advice) as caught:
        metrics.as_metric(metric, labels, SOFTMAX)
    assert f"y_true.shape={tuple(labels.shape)}, y_pred.shape=(4, 10)" in str(caught.value)


def test_one_hot_labels_for_metrics_of_class_labels():
    for name in ("sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy"):
        with pytest.raises(ValueError, match=r'metrics=\["' + name.removeprefix("sparse_")):
            metrics.as_metric(name, torch.eye(10)[:4], SOFTMAX)


@pytest.mark.parametrize(
    ("metric", "y_pred", "advice"),
    [
        (metrics.BinaryAccuracy(threshold=1.5), [0.1, 0.9], r"BinaryAccuracy\(threshold=0.5\)"),
        (metrics.BinaryAccuracy(), [-3.0, 2.0], r"BinaryAccuracy\(threshold=0.0\)"),
        (metrics.AUC(), [-3.0, 2.0], r"AUC\(from_logits=True\)"),
        (metrics.Precision(), [-3.0, 2.0], "activation='sigmoid'"),
        (metrics.RecallAtPrecision(0.5), [-3.0, 2.0], "activation='sigmoid'"),
    ],
)
def test_thresholds_and_predictions_that_do_not_meet(metric, y_pred, advice):
    with pytest.warns(UserWarning, match=advice):
        metrics.check_first_batch(metric, torch.tensor([0, 1]), torch.tensor(y_pred), "out")


class Largest(metrics.Precision):
    """Makes of class labels what its base wants: such subclasses are common."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true == 0, y_pred.argmax(-1) == 0, sample_weight)


def test_metrics_that_fit_pass_in_silence():
    binary = torch.tensor([[0.0], [1.0]])
    probabilities = torch.tensor([[0.2], [0.7]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in (
            metrics.AUC(),
            metrics.Precision(),
            metrics.BinaryAccuracy(),
            metrics.SensitivityAtSpecificity(0.5),
        ):
            metrics.as_metric(metric, binary, probabilities)
            metrics.as_metric(metric, binary.flatten(), probabilities)
            metrics.as_metric(metric, torch.eye(10)[:4], SOFTMAX)
        metrics.as_metric(metrics.AUC(from_logits=True), binary, probabilities - 1.0)
        metrics.as_metric(metrics.Precision(thresholds=0), binary, probabilities - 0.5)
        metrics.as_metric(metrics.BinaryAccuracy(threshold=0.0), binary, probabilities - 0.5)
        metrics.as_metric(Largest(), LABELS, SOFTMAX)
        metrics.as_metric("sparse_categorical_accuracy", LABELS, SOFTMAX)
        metrics.as_metric(metrics.SparseTopKCategoricalAccuracy(from_sorted_ids=True), LABELS, torch.ones(4, 10))
        metrics.as_metric("categorical_accuracy", torch.eye(10)[:4], SOFTMAX)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.AUC(thresholds=[0.5, 1.5]), r"must be in \[0, 1\](.|\n)*thresholds=0.5"),
        (lambda: metrics.R2Score()(torch.zeros(3), torch.zeros(3)), r"y.reshape\(-1, 1\)"),
        (lambda: metrics.R2Score().result(), "no result before"),
        (lambda: metrics.F1Score()(LABELS, SOFTMAX), r"to_categorical\(y, num_classes=10\)"),
        (lambda: metrics.MeanIoU(10)(LABELS, SOFTMAX), "sparse_y_pred=False"),
        (lambda: metrics.OneHotMeanIoU(10)(LABELS, SOFTMAX), "class indices"),
        (
            lambda: metrics.MeanIoU(2)(torch.zeros(2, 4, 4), torch.zeros(2, 4, 4), torch.ones(2).int()),
            "one weight per place",
        ),
        (lambda: metrics.PearsonCorrelation()(torch.zeros(3, 2), torch.zeros(4, 2)), "same shape"),
    ],
)
def test_errors_of_the_other_metrics(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_counts_are_whole_numbers():
    metric = metrics.MeanIoU(2)
    assert metric.dtype == "int64"
    with pytest.warns(UserWarning, match="dtype='float32'"):
        metric.update_state([0, 1], [0, 1], sample_weight=np.array([1.0, 0.5], "float32"))
    assert metric.variables[0].tolist() == [[1, 0], [0, 0]]


def test_correlation_of_constants():
    assert metrics.pearson_correlation([[1.0, 1.0]], [[0.0, 1.0]]).isnan().all()
    assert metrics.concordance_correlation([[1.0, 1.0]], [[0.0, 1.0]]).tolist() == [0.0]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("cls", "y_true", "y_pred"), EVERY)
def test_updates_read_nothing_back(cls, y_true, y_pred):
    metric = cls()
    args = tuple(value.cuda() for value in ((y_pred,) if y_true is None else (y_true, y_pred)))
    metric.update_state(*args)
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update_state(*args)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_state_in_lists_and_dicts_is_state():
    metric = metrics.Mean()
    metric.more = {"a": [Variable(0.0), Variable(1.0)]}
    assert len(metric.variables) == 4
    metric.reset_state()
    assert metric.more["a"][1].numpy() == 0.0
