"""Losses against real Keras: values, weights, masks, reductions, gradients, configs, names."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, imported, keras, to_numpy
from torchkeras_shim import losses

BACKEND = keras.backend.backend()
rng = np.random.RandomState(7)


def probabilities(*shape):
    values = rng.uniform(0.05, 1.0, shape).astype("float32")
    return values / values.sum(-1, keepdims=True)


def one_hot(*shape):
    return np.eye(shape[-1], dtype="float32")[rng.randint(0, shape[-1], shape[:-1])]


REAL = (rng.randn(6, 3).astype("float32"), rng.randn(6, 3).astype("float32"))
POSITIVE = (rng.uniform(0, 3, (6, 3)).astype("float32"), rng.uniform(0, 3, (6, 3)).astype("float32"))
BINARY = (rng.randint(0, 2, (6, 3)).astype("float32"), rng.uniform(0, 1, (6, 3)).astype("float32"))
SIGNED = (rng.choice([-1.0, 1.0], (6, 3)).astype("float32"), rng.randn(6, 3).astype("float32"))
ONE_HOT = (one_hot(6, 4), probabilities(6, 4))
LOGITS = (one_hot(6, 4), rng.randn(6, 4).astype("float32"))
SPARSE = (rng.randint(0, 4, 6), probabilities(6, 4))
SPARSE_COLUMN = (rng.randint(0, 4, (6, 1)), probabilities(6, 4))
SPARSE_FLOAT = (rng.randint(0, 4, 6).astype("float32"), probabilities(6, 4))
SPARSE_BYTE = (rng.randint(0, 4, 6).astype("uint8"), probabilities(6, 4))
SPARSE_SHORT = (rng.randint(0, 4, 6).astype("int16"), rng.randn(6, 4).astype("float32"))
SEQUENCE = (rng.randint(0, 4, (6, 5)), probabilities(6, 5, 4))
UNNORMALISED = (one_hot(6, 4), rng.uniform(0.1, 2.0, (6, 4)).astype("float32"))
EXTREME = (np.array([[1.0], [0.0], [1.0], [0.0]], "float32"), np.array([[0.0], [1.0], [1.0], [0.0]], "float32"))
CERTAIN = (np.array([0, 1, 1]), np.array([[0, 1, 0], [0, 1, 0], [0.5, 0.5, 0]], "float32"))
FLAT = (rng.randn(6).astype("float32"), rng.randn(6).astype("float32"))
FLAT_COLUMN = (rng.randn(6).astype("float32"), rng.randn(6, 1).astype("float32"))
COLUMN_FLAT = (rng.randn(6, 1).astype("float32"), rng.randn(6).astype("float32"))
DOUBLE = (rng.randn(6, 3), rng.randn(6, 3).astype("float32"))
INTEGER = (rng.randint(0, 5, (6, 1)), rng.randn(6, 1).astype("float32"))
IMAGE = (rng.randn(2, 3, 4, 5).astype("float32"), rng.randn(2, 3, 4, 5).astype("float32"))
MASKS = (rng.randint(0, 2, (6, 5, 4)).astype("float32"), rng.uniform(0, 1, (6, 5, 4)).astype("float32"))
EMBEDDINGS = rng.randn(6, 4).astype("float32")
EMBEDDINGS /= np.linalg.norm(EMBEDDINGS, axis=-1, keepdims=True)
CLUSTERS = (np.array([0, 1, 0, 1, 2, 0]), EMBEDDINGS)
CLUSTERS_COLUMN = (np.array([[0], [1], [0], [1], [1], [0]]), EMBEDDINGS)
SPELLING = (
    np.array([[1, 2, 3], [1, 1, 0], [3, 0, 0], [0, 0, 0], [2, 1, 2], [2, 3, 0]]),
    rng.randn(6, 5, 4).astype("float32"),
)

CASES = [
    ("MeanSquaredError", {}, REAL),
    ("MeanSquaredError", {}, FLAT),
    ("MeanSquaredError", {}, FLAT_COLUMN),
    ("MeanSquaredError", {}, COLUMN_FLAT),
    ("MeanSquaredError", {}, DOUBLE),
    ("MeanSquaredError", {}, INTEGER),
    ("MeanSquaredError", {}, IMAGE),
    ("MeanAbsoluteError", {}, REAL),
    ("MeanAbsoluteError", {}, FLAT_COLUMN),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanAbsolutePercentageError", {}, BINARY),
    ("MeanSquaredLogarithmicError", {}, POSITIVE),
    ("MeanSquaredLogarithmicError", {}, REAL),
    ("Huber", {}, REAL),
    ("Huber", {"delta": 0.3}, REAL),
    ("LogCosh", {}, REAL),
    ("CosineSimilarity", {}, REAL),
    ("CosineSimilarity", {"axis": 0}, REAL),
    ("KLDivergence", {}, ONE_HOT),
    ("KLDivergence", {}, BINARY),
    ("Poisson", {}, POSITIVE),
    ("Hinge", {}, SIGNED),
    ("Hinge", {}, BINARY),
    ("SquaredHinge", {}, SIGNED),
    ("SquaredHinge", {}, BINARY),
    ("CategoricalHinge", {}, ONE_HOT),
    ("BinaryCrossentropy", {}, BINARY),
    ("BinaryCrossentropy", {}, EXTREME),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, BINARY),
    ("BinaryCrossentropy", {"from_logits": True}, SIGNED),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, (BINARY[0], REAL[0])),
    ("BinaryCrossentropy", {"axis": 0}, BINARY),
    ("BinaryCrossentropy", {"from_logits": True}, (BINARY[0][:, 0], REAL[0][:, :1])),
    ("CategoricalCrossentropy", {}, ONE_HOT),
    ("CategoricalCrossentropy", {}, UNNORMALISED),
    ("CategoricalCrossentropy", {}, (one_hot(3, 3), CERTAIN[1])),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT),
    ("CategoricalCrossentropy", {"from_logits": True}, LOGITS),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, LOGITS),
    ("CategoricalCrossentropy", {"from_logits": True}, (one_hot(6, 5, 4), rng.randn(6, 5, 4).astype("float32"))),
    ("CategoricalCrossentropy", {"axis": 0}, (ONE_HOT[0].T, ONE_HOT[1].T)),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("SparseCategoricalCrossentropy", {}, SPARSE_COLUMN),
    ("SparseCategoricalCrossentropy", {}, SPARSE_FLOAT),
    ("SparseCategoricalCrossentropy", {}, SPARSE_BYTE),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, SPARSE_SHORT),
    ("SparseCategoricalCrossentropy", {}, SEQUENCE),
    ("SparseCategoricalCrossentropy", {}, CERTAIN),
    ("SparseCategoricalCrossentropy", {}, (UNNORMALISED[0].argmax(-1), UNNORMALISED[1] / 2.1)),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, SPARSE),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}, (np.array([-1, 2, 0, -1, 3, 1]), SPARSE[1])),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2, "from_logits": True}, SPARSE_SHORT),
    ("BinaryFocalCrossentropy", {}, BINARY),
    ("BinaryFocalCrossentropy", {}, EXTREME),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.7, "gamma": 1.5}, BINARY),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, (BINARY[0], REAL[0])),
    ("BinaryFocalCrossentropy", {"gamma": 0, "axis": 0}, BINARY),
    ("CategoricalFocalCrossentropy", {}, ONE_HOT),
    ("CategoricalFocalCrossentropy", {"gamma": 0.5}, UNNORMALISED),
    ("CategoricalFocalCrossentropy", {"alpha": [0.1, 0.2, 0.3, 0.4], "label_smoothing": 0.1}, ONE_HOT),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "gamma": 3.0}, LOGITS),
    ("CategoricalFocalCrossentropy", {"axis": 0}, (ONE_HOT[0].T, ONE_HOT[1].T)),
    ("CategoricalGeneralizedCrossEntropy", {}, SPARSE),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.9}, SPARSE_BYTE),
    ("CategoricalGeneralizedCrossEntropy", {}, SEQUENCE),
    ("Dice", {}, BINARY),
    ("Dice", {"axis": 1}, BINARY),
    ("Dice", {"axis": (1, 2)}, MASKS),
    ("Dice", {"axis": [0, -1]}, MASKS),
    ("Dice", {"axis": 1}, (BINARY[0][:, 0], BINARY[1][:, :1])),
    ("Tversky", {}, MASKS),
    ("Tversky", {"alpha": 0.2, "beta": 0.8, "axis": 1}, BINARY),
    ("Circle", {}, CLUSTERS),
    ("Circle", {"gamma": 2.0, "margin": 0.1, "remove_diagonal": False}, CLUSTERS_COLUMN),
    ("CTC", {}, SPELLING),
    ("CTC", {}, (SPELLING[0].astype("uint8"), SPELLING[1])),
]
IDS = [f"{name}-{'-'.join(map(str, arguments.values()))}-{index}" for index, (name, arguments, _) in enumerate(CASES)]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]


def both(name, arguments, y_true, y_pred, **call):
    ours = getattr(losses, name)(**arguments)(torch.as_tensor(y_true), torch.as_tensor(y_pred), **call)
    theirs = getattr(keras.losses, name)(**arguments)(y_true, y_pred, **call)
    return ours, theirs


@pytest.mark.parametrize(("name", "arguments", "data"), CASES, ids=IDS)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "none"])
def test_value(name, arguments, data, reduction):
    ours, theirs = both(name, {**arguments, "reduction": reduction}, *data)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert_close(ours, theirs, rtol=2e-5)


@pytest.mark.parametrize(("name", "arguments", "data"), CASES, ids=IDS)
def test_numpy_in(name, arguments, data):
    loss = getattr(losses, name)(**arguments)
    assert_close(loss(*data), loss(*map(torch.as_tensor, data)))


WEIGHTED = [
    ("MeanSquaredError", REAL),
    ("MeanSquaredError", FLAT_COLUMN),
    ("SparseCategoricalCrossentropy", SPARSE),
    ("CategoricalCrossentropy", ONE_HOT),
    ("BinaryCrossentropy", BINARY),
    ("Huber", REAL),
    ("BinaryFocalCrossentropy", BINARY),
    ("CategoricalFocalCrossentropy", ONE_HOT),
    ("CategoricalGeneralizedCrossEntropy", SPARSE),
    ("Circle", CLUSTERS),
    ("CTC", SPELLING),
]


@pytest.mark.parametrize(("name", "data"), WEIGHTED, ids=[f"{name}-{i}" for i, (name, _) in enumerate(WEIGHTED)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(6,), (6, 1), None])
def test_sample_weight(name, data, reduction, shape):
    weights = shape and np.array([1.0, 0.5, 2.0, 0.0, 3.0, 0.25], "float32").reshape(shape)
    ours, theirs = both(name, {"reduction": reduction}, *data, sample_weight=weights)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert_close(ours, theirs, rtol=2e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_sample_weight_per_step(reduction):
    weights = rng.uniform(0, 1, (6, 5)).astype("float32")
    ours, theirs = both("SparseCategoricalCrossentropy", {"reduction": reduction}, *SEQUENCE, sample_weight=weights)
    assert_close(ours, theirs, rtol=2e-5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_all_weights_zero(reduction):
    ours, theirs = both("MeanSquaredError", {"reduction": reduction}, *REAL, sample_weight=np.zeros(6, "float32"))
    assert_close(ours, theirs)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("MeanSquaredError", (IMAGE[0][0], IMAGE[1][0])),
        ("SparseCategoricalCrossentropy", SEQUENCE),
        ("CategoricalGeneralizedCrossEntropy", SEQUENCE),
        ("BinaryFocalCrossentropy", MASKS),
        ("Circle", CLUSTERS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mask(name, data, reduction, weighted):
    y_true, y_pred = data
    mask = rng.uniform(size=y_pred.shape[:-1]) > 0.4
    weights = rng.uniform(size=y_pred.shape[:-1]).astype("float32") if weighted else None
    prediction = torch.as_tensor(y_pred)
    prediction._keras_mask = torch.as_tensor(mask)
    ours = getattr(losses, name)(reduction=reduction)(torch.as_tensor(y_true), prediction, sample_weight=weights)
    theirs_in = keras.ops.convert_to_tensor(y_pred)
    keras.src.backend.set_keras_mask(theirs_in, keras.ops.convert_to_tensor(mask))
    theirs = getattr(keras.losses, name)(reduction=reduction)(y_true, theirs_in, sample_weight=weights)
    assert_close(ours, theirs, rtol=2e-5)


def keras_gradient(loss, y_true, y_pred, weights):
    if BACKEND == "jax":
        return np.asarray(
            imported("jax").grad(lambda prediction: loss(y_true, prediction, sample_weight=weights))(y_pred)
        )
    tf = imported("tensorflow")

    prediction = tf.Variable(y_pred)
    with tf.GradientTape() as tape:
        value = loss(y_true, prediction, sample_weight=weights)
    return tape.gradient(value, prediction).numpy()


GRADIENTS = [case for case in CASES if case[2][1].shape[0] == 6 and case[2] is not INTEGER]


@pytest.mark.skipif(BACKEND not in ("jax", "tensorflow"), reason="needs the gradients of JAX or TensorFlow")
@pytest.mark.parametrize(("name", "arguments", "data"), GRADIENTS)
def test_gradient(name, arguments, data):
    y_true, y_pred = data
    plain = arguments.get("axis") == 0 or y_pred.ndim > 2  # the losses are no vector of one per sample
    weights = None if plain else np.linspace(0.5, 2.0, 6, dtype="float32")
    prediction = torch.tensor(y_pred, requires_grad=True)
    getattr(losses, name)(**arguments)(torch.as_tensor(y_true), prediction, sample_weight=weights).backward()
    theirs = keras_gradient(getattr(keras.losses, name)(**arguments), y_true, y_pred, weights)
    assert_close(prediction.grad, theirs, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "activation", "y_true"),
    [
        ("SparseCategoricalCrossentropy", "softmax", SPARSE[0]),
        ("CategoricalCrossentropy", "softmax", ONE_HOT[0]),
        ("BinaryCrossentropy", "sigmoid", one_hot(6, 4)),
    ],
)
@pytest.mark.parametrize("weights", [None, np.linspace(0.0, 2.0, 6, dtype="float32")])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_logits_behind_an_activation(name, activation, y_true, weights, scale):
    """Predictions that carry their logits: as Keras on TensorFlow, where they come from Keras's own activations."""
    logits = torch.tensor(rng.randn(6, 4).astype("float32") * scale)
    prediction = getattr(torch, activation)(logits, *([-1] if activation == "softmax" else []))
    prediction._keras_logits = logits
    ours = getattr(losses, name)()(torch.as_tensor(y_true), prediction, sample_weight=weights)
    if BACKEND == "tensorflow":
        theirs_in = getattr(keras.activations, activation)(keras.ops.convert_to_tensor(logits.numpy()))
        theirs = getattr(keras.losses, name)()(y_true, theirs_in, sample_weight=weights)
    else:
        theirs = getattr(keras.losses, name)(from_logits=True)(y_true, logits.numpy(), sample_weight=weights)
    assert_close(ours, theirs, rtol=2e-5)


FUNCTIONS = [
    ("mean_squared_error", REAL),
    ("mean_squared_error", FLAT_COLUMN),
    ("mean_absolute_error", REAL),
    ("mean_absolute_percentage_error", REAL),
    ("mean_squared_logarithmic_error", POSITIVE),
    ("huber", REAL),
    ("log_cosh", REAL),
    ("cosine_similarity", REAL),
    ("kl_divergence", ONE_HOT),
    ("poisson", POSITIVE),
    ("hinge", SIGNED),
    ("squared_hinge", SIGNED),
    ("categorical_hinge", ONE_HOT),
    ("binary_crossentropy", BINARY),
    ("categorical_crossentropy", ONE_HOT),
    ("sparse_categorical_crossentropy", SPARSE),
    ("sparse_categorical_crossentropy", SEQUENCE),
    ("binary_focal_crossentropy", BINARY),
    ("categorical_focal_crossentropy", ONE_HOT),
    ("dice", MASKS),
    ("tversky", MASKS),
    ("circle", CLUSTERS),
    ("ctc", SPELLING),
]


@pytest.mark.parametrize(("name", "data"), FUNCTIONS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(FUNCTIONS)])
def test_function(name, data):
    ours, theirs = getattr(losses, name)(*data), getattr(keras.losses, name)(*data)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert_close(ours, theirs, rtol=2e-5)


@pytest.mark.parametrize("name", ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_ops(name, from_logits):
    from torchkeras_shim.ops import crossentropy

    data = {"binary_crossentropy": BINARY, "categorical_crossentropy": ONE_HOT}.get(name, SPARSE)
    ours = getattr(crossentropy, name)(*data, from_logits=from_logits)
    assert_close(ours, getattr(keras.ops, name)(*data, from_logits=from_logits), rtol=2e-5)


CLASSES = sorted({name for name, _, _ in CASES})


@pytest.mark.parametrize("name", CLASSES)
def test_config(name):
    ours, theirs = getattr(losses, name)(), getattr(keras.losses, name)()
    assert ours.get_config() == theirs.get_config()
    assert losses.serialize(ours) == keras.losses.serialize(theirs)
    again = losses.deserialize(keras.losses.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert type(ours).from_config(ours.get_config()).get_config() == ours.get_config()


@pytest.mark.parametrize(("name", "arguments", "data"), CASES, ids=IDS)
def test_config_with_arguments(name, arguments, data):
    named = {**arguments, "name": "mine", "reduction": "sum"}
    ours, theirs = getattr(losses, name)(**named), getattr(keras.losses, name)(**named)
    assert ours.get_config() == theirs.get_config()
    again = losses.deserialize(keras.losses.serialize(theirs))
    if set(arguments) <= set(ours.get_config()):  # Keras's configs of some classes leave an argument out
        assert_close(again(*data), ours(*data))
    back = keras.saving.deserialize_keras_object(losses.serialize(ours))
    assert type(back) is type(theirs)
    assert back.get_config() == theirs.get_config()


def test_public_names():
    assert {name for name in dir(keras.losses) if name[0] != "_"} <= set(dir(losses))


def signature(target):
    return [(name, value.default) for name, value in inspect.signature(target).parameters.items()]


@pytest.mark.parametrize("name", [name for name in dir(keras.losses) if name[0] != "_"])
def test_signature(name):
    assert signature(getattr(losses, name)) == signature(getattr(keras.losses, name))


TYPES = [case for index, case in enumerate(CASES) if case[0] != CASES[index - 1][0]]


@pytest.mark.parametrize(("name", "arguments", "data"), TYPES, ids=[case[0] for case in TYPES])
def test_half_precision(name, arguments, data):
    """The loss's own type, and predictions in half precision under a loss in float32."""
    ours, theirs = both(name, {**arguments, "dtype": "float16"}, *data)
    assert str(ours.dtype).removeprefix("torch.") == keras.backend.standardize_dtype(theirs.dtype)
    assert_close(ours.float(), np.asarray(theirs, "float32"), rtol=1e-2, atol=1e-2)
    ours, theirs = both(name, arguments, data[0], torch.as_tensor(data[1]).bfloat16().float().numpy())
    in_half = torch.as_tensor(data[1]).bfloat16()
    assert_close(getattr(losses, name)(**arguments)(torch.as_tensor(data[0]), in_half), theirs, rtol=2e-5)
    brief = getattr(losses, name)(**arguments, dtype="bfloat16")(torch.as_tensor(data[0]), in_half)
    assert_close(brief.float(), ours, rtol=5e-2, atol=5e-2)


def test_names():
    for name, target in imported("keras.src.losses").ALL_OBJECTS_DICT.items():
        assert losses.LOSSES.lookup(name).__name__ == target.__name__, name


def test_wrapper_config():
    ours = losses.LossFunctionWrapper(losses.huber, name="mine", delta=2.0)
    theirs = keras.src.losses.losses.LossFunctionWrapper(keras.losses.huber, name="mine", delta=2.0)
    assert ours.get_config() == theirs.get_config()
    again = losses.LossFunctionWrapper.from_config(ours.get_config())
    assert again.fn is losses.huber
    assert_close(again(*REAL), theirs(*REAL))


def test_user_functions_and_subclasses():
    ours = losses.LossFunctionWrapper(lambda y_true, y_pred: (y_true - y_pred) ** 2)(*DOUBLE)
    theirs = keras.src.losses.losses.LossFunctionWrapper(lambda y_true, y_pred: (y_true - y_pred) ** 2)(*DOUBLE)
    assert_close(ours, theirs)
    assert to_numpy(ours).dtype == to_numpy(theirs).dtype


@pytest.mark.parametrize("identifier", ["mse", "MeanSquaredError", "sparse_categorical_crossentropy", "huber", "Huber"])
def test_names_of_compiled_losses(identifier):
    get_loss = imported("keras.src.trainers.compile_utils").get_loss

    assert losses.as_loss(identifier).name == get_loss(identifier, None, None).name
