"""`keras.distillation`: losses between a teacher and a student, and training by them."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, keras

LIBRARIES = (keras, torchkeras_shim)


def logits(seed, shape=(4, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


LOSSES = {
    "logits": lambda k: k.distillation.LogitsDistillation(),
    "logits, softened": lambda k: k.distillation.LogitsDistillation(temperature=2.0, loss=k.losses.KLDivergence()),
    "logits by crossentropy": lambda k: k.distillation.LogitsDistillation(
        4, loss=k.losses.CategoricalCrossentropy(from_logits=True)
    ),
    "features": lambda k: k.distillation.FeatureDistillation(),
    "features by name": lambda k: k.distillation.FeatureDistillation(loss="cosine_similarity"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_losses(case):
    sides = logits(0), logits(1)
    theirs, ours = (float(LOSSES[case](k).compute_loss(*map(k.ops.convert_to_tensor, sides))) for k in LIBRARIES)
    assert_close(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("case", LOSSES)
def test_configs(case):
    theirs, ours = (LOSSES[case](k).get_config() for k in LIBRARIES)
    assert ours.keys() == theirs.keys()
    loss = LOSSES[case](torchkeras_shim)
    again = type(loss).from_config(loss.get_config())
    sides = [torchkeras_shim.ops.convert_to_tensor(logits(seed)) for seed in (0, 1)]
    assert_close(again.compute_loss(*sides), loss.compute_loss(*sides))


def test_outputs_may_be_left_out():
    results = []
    for k in LIBRARIES:
        loss = k.distillation.LogitsDistillation(loss={"a": "mse", "b": None})
        sides = [{name: k.ops.convert_to_tensor(logits(seed)) for name in "ab"} for seed in (2, 3)]
        results.append(float(loss.compute_loss(*sides)))
    assert_close(results[1], results[0], rtol=1e-5)


def models(k):
    def one(width):
        layers = [k.layers.Dense(width, activation="tanh", name="hidden"), k.layers.Dense(4, name="features")]
        return k.Sequential([k.Input((5,)), *layers, k.layers.Dense(3, name="scores")])

    pair = one(6), one(2)
    for seed, model in enumerate(pair):
        generator = np.random.default_rng(seed)
        model.set_weights([generator.normal(0, 0.5, size=w.shape).astype("float32") for w in model.weights])
    return pair


DISTILLERS = {
    "logits": lambda k: {"distillation_losses": LOSSES["logits, softened"](k), "student_loss_weight": 0.3},
    "features and logits": lambda k: {
        "distillation_losses": [
            k.distillation.FeatureDistillation("mse", "features", "features"),
            LOSSES["logits by crossentropy"](k),
        ],
        "distillation_loss_weights": [1.0, 0.5],
    },
    "labels alone": lambda k: {"distillation_losses": LOSSES["features"](k), "student_loss_weight": 1.0},
    "the teacher alone": lambda k: {"distillation_losses": LOSSES["features"](k), "student_loss_weight": 0.0},
}


@pytest.mark.parametrize("case", DISTILLERS)
def test_training(case):
    x, y = logits(4, (8, 5)), np.arange(8, dtype="int32") % 3
    histories, weights, scores = [], [], []
    for k in LIBRARIES:
        teacher, student = models(k)
        distiller = k.distillation.Distiller(teacher, student, **DISTILLERS[case](k))
        loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
        distiller.compile(k.optimizers.SGD(0.1), loss=loss, metrics=["accuracy"])
        history = distiller.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history
        histories.append({key: [float(value) for value in values] for key, values in history.items()})
        weights.append(student.get_weights() + teacher.get_weights())
        scores.append(np.asarray(distiller.predict(x, verbose=0)))
    assert histories[1].keys() == histories[0].keys()
    for key, values in histories[0].items():
        assert_close(histories[1][key], values, rtol=1e-3, atol=1e-5, message=key)
    for one, two in zip(weights[1], weights[0], strict=True):
        assert_close(one, two, rtol=1e-3, atol=1e-4)
    assert_close(scores[1], scores[0], rtol=1e-3, atol=1e-4)


def test_the_teacher_is_frozen_and_the_student_is_the_users_own():
    teacher, student = models(torchkeras_shim)
    distiller = torchkeras_shim.distillation.Distiller(teacher, student, LOSSES["logits"](torchkeras_shim))
    assert distiller.student is student
    assert not teacher.trainable_weights
    assert [id(w) for w in distiller.trainable_weights] == [id(w) for w in student.trainable_weights]


def other_output(k):
    return k.Sequential([k.Input((5,)), k.layers.Dense(2)])


def of_a_class(k):
    class Model(k.Model):
        def call(self, inputs):
            return inputs

    return Model()


REFUSED = {
    "no model": lambda k: k.distillation.Distiller(1, models(k)[1], LOSSES["logits"](k)),
    "other outputs": lambda k: k.distillation.Distiller(models(k)[0], other_output(k), LOSSES["logits"](k)),
    "no losses": lambda k: k.distillation.Distiller(*models(k), None),
    "a weight too many": lambda k: k.distillation.Distiller(*models(k), [LOSSES["logits"](k)], [1.0, 2.0]),
    "a share above one": lambda k: k.distillation.Distiller(*models(k), LOSSES["logits"](k), student_loss_weight=1.5),
    "no loss": lambda k: k.distillation.Distiller(*models(k), LOSSES["logits"](k)).compile("sgd"),
    "a layer that is not there": lambda k: k.distillation.Distiller(
        *models(k), k.distillation.FeatureDistillation("mse", "nowhere", "features")
    ),
    "a layer of a class": lambda k: k.distillation.FeatureDistillation("mse", "a", "b").validate_model_compatibility(
        of_a_class(k), models(k)[1]
    ),
    "no temperature": lambda k: k.distillation.LogitsDistillation(temperature=0.0),
    "only none": lambda k: k.distillation.FeatureDistillation(loss=[None, None]),
}
SENTENCES = [
    "Teacher must be a keras.Model",
    "Teacher and student output shapes are incompatible.",
    "'distillation_losses' cannot be `None`.",
    "must match number of distillation_losses",
    "student_loss_weight must be between 0.0 and 1.0",
    "'loss' cannot be `None`.",
    "In teacher model: No such layer: nowhere.",
    "requires Functional or Sequential models.",
    "temperature must be positive.",
    "must contain at least one non-`None` value.",
]


@pytest.mark.parametrize(("case", "sentence"), list(zip(REFUSED, SENTENCES, strict=True)))
def test_it_is_refused_as_in_keras(case, sentence):
    for k in LIBRARIES:
        with pytest.raises(ValueError, match=sentence):
            REFUSED[case](k)


def test_sample_weights_are_refused():
    distiller = torchkeras_shim.distillation.Distiller(*models(torchkeras_shim), LOSSES["logits"](torchkeras_shim))
    distiller.compile("sgd", loss="mse")
    with pytest.raises(ValueError, match="does not use sample weights"):
        distiller.fit(logits(0, (4, 5)), logits(1), sample_weight=np.ones(4), verbose=0)


@pytest.mark.filterwarnings("ignore:.*compile.*was not called")
@pytest.mark.parametrize(("source", "target"), [LIBRARIES, LIBRARIES[::-1], (torchkeras_shim, torchkeras_shim)])
def test_files(source, target, tmp_path):
    distiller = source.distillation.Distiller(*models(source), **DISTILLERS["features and logits"](source))
    x = logits(5, (2, 5))
    expected = np.asarray(distiller.predict(x, verbose=0))
    distiller.save(tmp_path / "m.keras")
    other = target.saving.load_model(str(tmp_path / "m.keras"))
    assert_close(other.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    assert len(other.distillation_losses) == 2
    assert list(other.distillation_loss_weights) == [1.0, 0.5]
