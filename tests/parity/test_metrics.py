"""Metrics against real Keras: values over several batches, weights, masks, configs, names."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, imported, keras
from torchkeras_shim import metrics

rng = np.random.RandomState(11)


def probabilities(*shape):
    values = rng.uniform(0.05, 1.0, shape).astype("float32")
    return values / values.sum(-1, keepdims=True)


def one_hot(*shape):
    return np.eye(shape[-1], dtype="float32")[rng.randint(0, shape[-1], shape[:-1])]


def batches(make):
    return [make(size) for size in (6, 6)]  # one size: JAX compiles every operation per shape


REAL = batches(lambda n: (rng.randn(n, 3).astype("float32"), rng.randn(n, 3).astype("float32")))
POSITIVE = batches(lambda n: (rng.uniform(0, 3, (n, 3)).astype("float32"), rng.uniform(0, 3, (n, 3)).astype("float32")))
COLUMN = batches(lambda n: (rng.randn(n).astype("float32"), rng.randn(n, 1).astype("float32")))
BINARY = batches(lambda n: (rng.randint(0, 2, (n, 1)), rng.uniform(0, 1, (n, 1)).astype("float32")))
BINARY_FLAT = batches(lambda n: (rng.randint(0, 2, n).astype("float32"), rng.uniform(0, 1, n).astype("float32")))
BINARY_MIXED = batches(lambda n: (rng.randint(0, 2, n), rng.uniform(0, 1, (n, 1)).astype("float32")))
BINARY_LOGITS = batches(lambda n: (rng.randint(0, 2, (n, 1)), rng.randn(n, 1).astype("float32")))
MULTI_LABEL = batches(
    lambda n: (rng.randint(0, 2, (n, 4)).astype("float32"), rng.uniform(0, 1, (n, 4)).astype("float32"))
)
MULTI_LABEL_LOGITS = batches(lambda n: (rng.randint(0, 2, (n, 4)).astype("float32"), rng.randn(n, 4).astype("float32")))
STEPS = batches(
    lambda n: (np.round(rng.uniform(0, 1, (n, 1))), np.round(rng.uniform(0, 1, (n, 1)), 1).astype("float32"))
)
ONE_HOT = batches(lambda n: (one_hot(n, 6), probabilities(n, 6)))
SPARSE = batches(lambda n: (rng.randint(0, 6, n), probabilities(n, 6)))
SPARSE_COLUMN = batches(lambda n: (rng.randint(0, 6, (n, 1)), probabilities(n, 6)))
SPARSE_BYTE = batches(lambda n: (rng.randint(0, 6, n).astype("uint8"), probabilities(n, 6)))
SPARSE_FLOAT = batches(lambda n: (rng.randint(0, 6, n).astype("float32"), probabilities(n, 6)))
SEQUENCE = batches(lambda n: (rng.randint(0, 6, (n, 5)), probabilities(n, 5, 6)))
SEQUENCE_COLUMN = batches(lambda n: (rng.randint(0, 6, (n, 5, 1)), probabilities(n, 5, 6)))
SEQUENCE_ONE_HOT = batches(lambda n: (one_hot(n, 5, 6), probabilities(n, 5, 6)))
TIES = batches(lambda n: (rng.randint(0, 6, n), rng.choice([0.1, 0.2, 0.3], (n, 6)).astype("float32")))
EQUAL = batches(lambda n: (rng.randint(0, 3, (n, 2)), rng.randint(0, 3, (n, 2)).astype("float32")))
RANKED = batches(lambda n: (rng.randint(0, 6, n), np.stack([rng.permutation(6) for _ in range(n)])))
PLACES = batches(lambda n: (rng.randint(0, 6, (n, 5)), rng.randint(0, 6, (n, 5))))
BEYOND = batches(lambda n: (rng.randint(-1, 8, (n, 5)), rng.randint(-1, 7, (n, 5)).astype("float32")))
CHANNELS_FIRST = batches(lambda n: (one_hot(n, 5, 6).transpose(0, 2, 1), probabilities(n, 5, 6).transpose(0, 2, 1)))
POINTS = {"num_thresholds": 20}

CASES = [
    ("MeanSquaredError", {}, REAL),
    ("MeanSquaredError", {}, COLUMN),
    ("RootMeanSquaredError", {}, REAL),
    ("RootMeanSquaredError", {}, COLUMN),
    ("MeanAbsoluteError", {}, REAL),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanSquaredLogarithmicError", {}, POSITIVE),
    ("LogCoshError", {}, REAL),
    ("CosineSimilarity", {}, REAL),
    ("CosineSimilarity", {"axis": 1}, REAL),
    ("Hinge", {}, BINARY_LOGITS),
    ("SquaredHinge", {}, BINARY_LOGITS),
    ("CategoricalHinge", {}, ONE_HOT),
    ("KLDivergence", {}, ONE_HOT),
    ("Poisson", {}, POSITIVE),
    ("BinaryCrossentropy", {}, MULTI_LABEL),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, MULTI_LABEL_LOGITS),
    ("CategoricalCrossentropy", {}, ONE_HOT),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, ONE_HOT),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, SEQUENCE),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, SPARSE),
    ("Accuracy", {}, EQUAL),
    ("BinaryAccuracy", {}, BINARY),
    ("BinaryAccuracy", {}, BINARY_FLAT),
    ("BinaryAccuracy", {}, BINARY_MIXED),
    ("BinaryAccuracy", {"threshold": 0.3}, MULTI_LABEL),
    ("CategoricalAccuracy", {}, ONE_HOT),
    ("CategoricalAccuracy", {}, SEQUENCE_ONE_HOT),
    ("SparseCategoricalAccuracy", {}, SPARSE),
    ("SparseCategoricalAccuracy", {}, SPARSE_COLUMN),
    ("SparseCategoricalAccuracy", {}, SPARSE_BYTE),
    ("SparseCategoricalAccuracy", {}, SPARSE_FLOAT),
    ("SparseCategoricalAccuracy", {}, SEQUENCE),
    ("SparseCategoricalAccuracy", {}, SEQUENCE_COLUMN),
    ("SparseCategoricalAccuracy", {}, TIES),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT),
    ("TopKCategoricalAccuracy", {"k": 3}, SEQUENCE_ONE_HOT),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, SPARSE),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, SEQUENCE),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, TIES),
    ("SparseTopKCategoricalAccuracy", {}, SPARSE_FLOAT),
    ("SparseTopKCategoricalAccuracy", {"k": 3, "from_sorted_ids": True}, RANKED),
    ("TruePositives", {}, BINARY),
    ("FalsePositives", {}, BINARY_MIXED),
    ("TrueNegatives", {"thresholds": [0.2, 0.7]}, BINARY),
    ("FalseNegatives", {"thresholds": 0.4}, MULTI_LABEL),
    ("TruePositives", {"thresholds": [0.0, 0.5, 1.0]}, STEPS),
    ("Precision", {}, BINARY),
    ("Precision", {}, BINARY_MIXED),
    ("Precision", {"thresholds": [0.1, 0.5, 0.8]}, MULTI_LABEL),
    ("Precision", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, STEPS),
    ("Precision", {"top_k": 2}, MULTI_LABEL),
    ("Precision", {"top_k": 2, "class_id": 1}, MULTI_LABEL),
    ("Precision", {"class_id": 2}, MULTI_LABEL),
    ("Recall", {}, BINARY_FLAT),
    ("Recall", {"thresholds": 0.3, "class_id": 0}, MULTI_LABEL),
    ("Recall", {"top_k": 1}, ONE_HOT),
    ("AUC", {}, BINARY),
    ("AUC", {}, BINARY_FLAT),
    ("AUC", {}, MULTI_LABEL),
    ("AUC", {"num_thresholds": 5}, STEPS),
    ("AUC", {"from_logits": True}, BINARY_LOGITS),
    ("AUC", {"thresholds": [0.3, 0.9, 0.5]}, BINARY),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, STEPS),
    ("AUC", {"label_weights": [0.5, 2.0, 1.0, 0.0]}, MULTI_LABEL),
    ("AUC", {"multi_label": True}, MULTI_LABEL),
    ("AUC", {"multi_label": True, "num_labels": 4, "thresholds": [0.2, 0.7]}, MULTI_LABEL),
    ("AUC", {"multi_label": True, "label_weights": [0.5, 2.0, 1.0, 0.0]}, MULTI_LABEL),
    ("AUC", {"multi_label": True, "num_labels": 4, "curve": "PR", "from_logits": True}, MULTI_LABEL_LOGITS),
    *[
        ("AUC", {"curve": curve, "summation_method": method, "num_thresholds": 20}, BINARY)
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "majoring", "minoring")
    ],
    ("F1Score", {}, MULTI_LABEL),
    ("F1Score", {"threshold": 0.5, "average": "micro"}, MULTI_LABEL),
    ("F1Score", {"average": "macro"}, ONE_HOT),
    ("FBetaScore", {"beta": 2.0, "threshold": 0.4, "average": "weighted"}, MULTI_LABEL),
    ("R2Score", {}, REAL),
    ("R2Score", {}, COLUMN),
    ("R2Score", {"class_aggregation": None}, REAL),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL),
    ("R2Score", {"num_regressors": 2}, REAL),
    ("PearsonCorrelation", {}, REAL),
    ("PearsonCorrelation", {"axis": 0}, REAL),
    ("ConcordanceCorrelation", {}, REAL),
    ("ConcordanceCorrelation", {"axis": 0}, POSITIVE),
    ("SensitivityAtSpecificity", {"specificity": 0.5}, BINARY),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "class_id": 2, **POINTS}, MULTI_LABEL),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6, **POINTS}, BINARY_MIXED),
    ("SpecificityAtSensitivity", {"sensitivity": 1.0, "num_thresholds": 2}, MULTI_LABEL),
    ("PrecisionAtRecall", {"recall": 0.5, **POINTS}, BINARY_FLAT),
    ("PrecisionAtRecall", {"recall": 0, "num_thresholds": 1}, MULTI_LABEL),
    ("RecallAtPrecision", {"precision": 0.5, **POINTS}, BINARY),
    ("RecallAtPrecision", {"precision": 1.0, **POINTS}, MULTI_LABEL),
    ("IoU", {"num_classes": 6, "target_class_ids": [0, 3]}, PLACES),
    ("IoU", {"num_classes": 6, "target_class_ids": (1,), "ignore_class": 2}, BEYOND),
    ("IoU", {"num_classes": 6, "target_class_ids": [5], "sparse_y_pred": False}, SEQUENCE),
    ("IoU", {"num_classes": 6, "target_class_ids": [5], "dtype": "float32"}, PLACES),
    ("BinaryIoU", {}, BINARY),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, MULTI_LABEL),
    ("MeanIoU", {"num_classes": 6}, PLACES),
    ("MeanIoU", {"num_classes": 8, "ignore_class": 1}, BEYOND),
    ("OneHotIoU", {"num_classes": 6, "target_class_ids": [1, 2]}, SEQUENCE_ONE_HOT),
    (
        "OneHotIoU",
        {"num_classes": 6, "target_class_ids": [1, 2], "sparse_y_pred": True},
        [(one_hot(6, 6), RANKED[0][0])],
    ),
    ("OneHotMeanIoU", {"num_classes": 6}, SEQUENCE_ONE_HOT),
    ("OneHotMeanIoU", {"num_classes": 6, "ignore_class": 0}, ONE_HOT),
]
IDS = [f"{name}-{'-'.join(map(str, arguments.values()))}-{index}" for index, (name, arguments, _) in enumerate(CASES)]


def run(module, name, arguments, data, weights=None, convert=np.asarray):
    metric = getattr(module, name)(**arguments)
    for index, (y_true, y_pred) in enumerate(data):
        more = {} if weights is None else {"sample_weight": weights[index]}
        metric.update_state(convert(y_true), convert(y_pred), **more)
    return metric.result()


@pytest.mark.parametrize(("name", "arguments", "data"), CASES, ids=IDS)
def test_value(name, arguments, data):
    ours = run(metrics, name, arguments, data, convert=torch.as_tensor)
    theirs = run(keras.metrics, name, arguments, data)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert_close(ours, theirs, rtol=2e-5)
    assert_close(run(metrics, name, arguments, data), theirs, rtol=2e-5, message="numpy arrays")


# One case of each class, and every way that weights of labels or thresholds meet those of samples.
WEIGHTED = [case for index, case in enumerate(CASES) if case[0] != CASES[index - 1][0] or "multi_label" in case[1]]
WEIGHTED += [case for case in CASES if "label_weights" in case[1] or case[2] is STEPS]
WEIGHTED = [case for case in WEIGHTED if "IoU" not in case[0]]  # these want integer weights, one per place


@pytest.mark.parametrize(("name", "arguments", "data"), WEIGHTED, ids=[str(i) for i in range(len(WEIGHTED))])
def test_sample_weight(name, arguments, data):
    weights = [rng.uniform(0, 2, len(y_true)).astype("float32") for y_true, _ in data]
    theirs = run(keras.metrics, name, arguments, data, weights)
    ours = run(metrics, name, arguments, data, weights, convert=torch.as_tensor)
    assert_close(ours, theirs, rtol=5e-5)


@pytest.mark.parametrize(("name", "arguments", "data"), [case for case in CASES if "IoU" in case[0]])
def test_weights_of_places(name, arguments, data):
    size = {"IoU": 30, "MeanIoU": 30, "BinaryIoU": data[0][0].size}.get(name, data[0][0].size // 6)
    weights = [rng.randint(0, 4, size) for _ in data]
    ours = run(metrics, name, arguments, data, weights, convert=torch.as_tensor)
    assert_close(ours, run(keras.metrics, name, arguments, data, weights))


def test_channels_first():
    """Classes in another place than the last; Keras itself fails at the result there, so it gets them transposed."""
    ours = run(metrics, "OneHotMeanIoU", {"num_classes": 6, "axis": 1}, CHANNELS_FIRST, convert=torch.as_tensor)
    last = [(y_true.transpose(0, 2, 1), y_pred.transpose(0, 2, 1)) for y_true, y_pred in CHANNELS_FIRST]
    assert_close(ours, run(keras.metrics, "OneHotMeanIoU", {"num_classes": 6}, last))


@pytest.mark.parametrize("regressors", [11, 12])
def test_adjusted_r2_of_too_few_samples(regressors):
    data = [(y_true[:, :1], y_pred[:, :1]) for y_true, y_pred in REAL]
    with pytest.warns(UserWarning, match="Falling back to standard R2 score"):
        ours = run(metrics, "R2Score", {"num_regressors": regressors}, data)
    with pytest.warns(UserWarning, match="Falling back to standard R2 score"):
        assert_close(ours, run(keras.metrics, "R2Score", {"num_regressors": regressors}, data))


@pytest.mark.parametrize(("name", "data"), [("SparseCategoricalAccuracy", SPARSE), ("BinaryAccuracy", BINARY)])
def test_ragged_last_batch(name, data):
    ragged = [data[0], (data[1][0][:3], data[1][1][:3])]
    ours = run(metrics, name, {}, ragged, convert=torch.as_tensor)
    assert_close(ours, run(keras.metrics, name, {}, ragged))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("MeanSquaredError", REAL),
        ("SparseCategoricalAccuracy", SPARSE),
        ("BinaryAccuracy", BINARY),
        ("Precision", BINARY),
        ("AUC", BINARY),
    ],
)
def test_weights_as_a_column(name, data):
    weights = [rng.uniform(0, 2, (len(y_true), 1)).astype("float32") for y_true, _ in data]
    ours = run(metrics, name, {}, data, weights, convert=torch.as_tensor)
    assert_close(ours, run(keras.metrics, name, {}, data, weights), rtol=2e-5)


@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"])
def test_weights_per_step(name):
    weights = [rng.uniform(0, 2, y_true.shape).astype("float32") for y_true, _ in SEQUENCE]
    ours = run(metrics, name, {}, SEQUENCE, weights, convert=torch.as_tensor)
    assert_close(ours, run(keras.metrics, name, {}, SEQUENCE, weights), rtol=2e-5)


@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"])
@pytest.mark.parametrize("weighted", [False, True])
def test_mask(name, weighted):
    y_true, y_pred = SEQUENCE[0]
    mask = rng.uniform(size=y_true.shape) > 0.4
    weights = rng.uniform(size=y_true.shape).astype("float32") if weighted else None
    prediction = torch.as_tensor(y_pred)
    prediction._keras_mask = torch.as_tensor(mask)
    ours = getattr(metrics, name)()(torch.as_tensor(y_true), prediction, sample_weight=weights)
    theirs_in = keras.ops.convert_to_tensor(y_pred)
    keras.src.backend.set_keras_mask(theirs_in, keras.ops.convert_to_tensor(mask))
    theirs = getattr(keras.metrics, name)()(y_true, theirs_in, sample_weight=weights)
    assert_close(ours, theirs, rtol=2e-5)


@pytest.mark.parametrize("name", ["Mean", "Sum"])
@pytest.mark.parametrize(
    ("values", "weights"),
    [
        ([1.0, 3.0, 5.0], None),
        ([1.0, 3.0, 5.0], [1.0, 1.0, 0.0]),
        (4.0, None),
        (4.0, 0.5),
        ([[1.0, 2.0], [3.0, 5.0]], None),
        ([[1.0, 2.0], [3.0, 5.0]], [0.5, 2.0]),
        ([[1.0, 2.0], [3.0, 5.0]], [[0.5, 2.0], [1.0, 0.0]]),
        ([[1.0], [3.0]], [0.5, 2.0]),
        ([1.0, 3.0], [[0.5], [2.0]]),
        ([1, 2, 4], None),
    ],
)
def test_mean_and_sum(name, values, weights):
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    for factor in (1, 2):
        args = (np.array(values) * factor,) if weights is None else (np.array(values) * factor, np.array(weights))
        ours.update_state(*args)
        theirs.update_state(*args)
    assert_close(ours.result(), theirs.result())


FUNCTIONS = [
    ("binary_accuracy", BINARY),
    ("categorical_accuracy", ONE_HOT),
    ("categorical_accuracy", SEQUENCE_ONE_HOT),
    ("sparse_categorical_accuracy", SPARSE),
    ("sparse_categorical_accuracy", SPARSE_COLUMN),
    ("sparse_categorical_accuracy", SEQUENCE_COLUMN),
    ("top_k_categorical_accuracy", ONE_HOT),
    ("sparse_top_k_categorical_accuracy", SEQUENCE),
    ("pearson_correlation", REAL),
    ("concordance_correlation", REAL),
    ("binary_focal_crossentropy", MULTI_LABEL),
    ("categorical_focal_crossentropy", ONE_HOT),
]


@pytest.mark.parametrize(("name", "data"), FUNCTIONS)
def test_function(name, data):
    ours, theirs = getattr(metrics, name)(*data[0]), getattr(keras.metrics, name)(*data[0])
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert_close(ours, theirs, rtol=2e-5)


CLASSES = sorted({name for name, _, _ in CASES} | {"Mean", "Sum"})


#: What the classes without defaults are made with.
REQUIRED = {name: arguments for name, arguments, _ in reversed(CASES) if "IoU" in name or "At" in name}


def in_int32(ours):
    """Counts are int64 as Keras's are on TensorFlow; on JAX they are int32."""
    return {
        key: "int32" if value == "int64" and keras.backend.backend() == "jax" else value for key, value in ours.items()
    }


@pytest.mark.parametrize("name", CLASSES)
def test_config(name):
    keras.src.utils.naming.reset_uids()  # automatic names count from the start on both sides
    arguments = REQUIRED.get(name, {})
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    assert in_int32(ours.get_config()) == theirs.get_config()
    serialized = metrics.serialize(ours)
    assert {**serialized, "config": in_int32(serialized["config"])} == keras.metrics.serialize(theirs)
    back = keras.saving.deserialize_keras_object(serialized)
    assert type(back) is type(theirs)
    assert in_int32(back.get_config()) == in_int32(ours.get_config())
    assert repr(ours) == repr(theirs)
    again = metrics.deserialize(keras.metrics.serialize(theirs))
    assert type(again) is type(ours)
    assert in_int32(again.get_config()) == in_int32(ours.get_config())
    assert [(v.path, tuple(v.shape)) for v in ours.variables] == [(v.path, tuple(v.shape)) for v in theirs.variables]
    assert getattr(ours, "_direction", None) == getattr(theirs, "_direction", None)


@pytest.mark.parametrize(("name", "arguments", "data"), CASES, ids=IDS)
def test_config_with_arguments(name, arguments, data):
    named = {**arguments, "name": "mine", "dtype": "float64"}
    ours, theirs = getattr(metrics, name)(**named).get_config(), getattr(keras.metrics, name)(**named).get_config()
    assert list(ours) == list(theirs)
    for key in ours:
        if key == "label_weights" and ours[key] is not None:
            assert_close(ours[key], theirs[key])
        else:
            assert ours[key] == theirs[key], key
    again = getattr(metrics, name).from_config(ours)
    if "axis" not in arguments:  # Keras leaves CosineSimilarity's out of the config, and so do we
        for y_true, y_pred in data:
            again.update_state(y_true, y_pred)
        assert_close(again.result(), run(metrics, name, arguments, data))


def test_public_names():
    assert {name for name in dir(keras.metrics) if name[0] != "_"} <= set(dir(metrics))


def signature(target):
    return [(name, value.default) for name, value in inspect.signature(target).parameters.items()]


@pytest.mark.parametrize("name", [name for name in dir(keras.metrics) if name[0] != "_"])
def test_signature(name):
    assert signature(getattr(metrics, name)) == signature(getattr(keras.metrics, name))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("R2Score", {"class_aggregation": "mean"}),
        ("R2Score", {"num_regressors": -1}),
        ("SensitivityAtSpecificity", {"specificity": 1.5}),
        ("SpecificityAtSensitivity", {"sensitivity": -0.5}),
        ("PrecisionAtRecall", {"recall": 2}),
        ("RecallAtPrecision", {"precision": -1}),
        ("RecallAtPrecision", {"precision": 0.5, "num_thresholds": 0}),
        ("IoU", {"num_classes": 2, "target_class_ids": [0, 2]}),
        ("Precision", {"thresholds": [0.5, 1.5]}),
        ("AUC", {"num_thresholds": 1}),
        ("FBetaScore", {"beta": 2}),
        ("FBetaScore", {"beta": -0.5}),
        ("FBetaScore", {"average": "mean"}),
        ("FBetaScore", {"threshold": 1}),
        ("F1Score", {"threshold": 1.5}),
    ],
)
def test_refused_arguments(name, arguments):
    with pytest.raises(ValueError) as theirs:
        getattr(keras.metrics, name)(**arguments)
    with pytest.raises(ValueError) as ours:
        getattr(metrics, name)(**arguments)
    first = ". ".join(str(theirs.value).split(". ")[: 2 if "Score" in name else 1])
    assert " ".join(first.split()) in " ".join(str(ours.value).split())


def test_names():
    for name, target in imported("keras.src.metrics").ALL_OBJECTS_DICT.items():
        assert metrics.METRICS.lookup(name) is getattr(metrics, target.__name__), name


@pytest.mark.parametrize("identifier", ["accuracy", "acc", "Accuracy", "ACC"])
@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [((8,), (8, 1)), ((8, 1), (8, 1)), ((8,), (8, 10)), ((8, 1), (8, 10)), ((8, 10), (8, 10)), ((8, 5), (8, 5, 10))],
)
def test_accuracy_is_chosen_by_shape(identifier, y_true, y_pred):
    get_metric = imported("keras.src.trainers.compile_utils").get_metric

    ours = metrics.as_metric(identifier, torch.zeros(y_true), torch.zeros(y_pred))
    theirs = get_metric(identifier, np.zeros(y_true), np.zeros(y_pred))
    assert type(ours).__name__ == type(theirs).__name__
    assert ours.name == theirs.name


def my_metric(y_true, y_pred):
    return abs(y_true - y_pred)


@pytest.mark.parametrize("identifier", ["mse", "AUC", "auc", "sparse_categorical_accuracy", my_metric])
def test_names_of_compiled_metrics(identifier):
    get_metric = imported("keras.src.trainers.compile_utils").get_metric

    ours = metrics.as_metric(identifier, torch.zeros(8, 1), torch.zeros(8, 1))
    theirs = get_metric(identifier, np.zeros((8, 1)), np.zeros((8, 1)))
    assert ours.name == theirs.name
    assert type(ours).__name__ == type(theirs).__name__


def test_wrapper():
    ours = metrics.MeanMetricWrapper(metrics.huber, name="mine", delta=0.5)
    theirs = keras.metrics.MeanMetricWrapper(keras.metrics.huber, name="mine", delta=0.5)
    assert ours.get_config() == theirs.get_config()
    again = metrics.MeanMetricWrapper.from_config(ours.get_config())
    assert_close(again(*REAL[0]), theirs(*REAL[0]))
    assert ours._direction == theirs._direction == "down"


@pytest.mark.parametrize("name", ["dice", "tversky", "circle", "binary_focal_crossentropy", "ctc", "poisson"])
def test_loss_functions_as_metrics(name):
    from torchkeras_shim import losses

    ours = metrics.MeanMetricWrapper(getattr(losses, name), name="mine")
    theirs = keras.metrics.MeanMetricWrapper(getattr(keras.losses, name), name="mine")
    assert ours._direction == theirs._direction == "down"
    assert ours.get_config() == theirs.get_config()
    assert metrics.MeanMetricWrapper.from_config(ours.get_config())._fn is getattr(losses, name)


def test_loss_object_as_metric():
    from torchkeras_shim import losses

    ours = metrics.MeanMetricWrapper(losses.MeanSquaredError())
    theirs = keras.metrics.MeanMetricWrapper(keras.losses.MeanSquaredError())
    for batch in REAL:
        ours.update_state(*batch)
        theirs.update_state(*batch)
    assert_close(ours.result(), theirs.result())
    assert ours._direction == theirs._direction
