"""What a step was bound to may change at any time: who notices, and when. The table is in the architecture page."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.training import binding as binding_module

X = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
Y = X[:, :1] * 2


def mlp(jit_compile=False, **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(5, activation="tanh"), layers.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "jit_compile": jit_compile, **arguments})
    return model


class At(keras.callbacks.Callback):
    """Does something after one batch of any loop."""

    def __init__(self, batch, action):
        super().__init__()
        self.batch, self.action = batch, action

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.batch:
            self.action(self.model)

    on_test_batch_end = on_predict_batch_end = on_train_batch_end


def freeze(model):
    model.layers[0].trainable = False


@pytest.mark.parametrize("jit_compile", [False, "captured", "auto"])
def test_a_layer_frozen_in_the_middle_of_an_epoch_stays_as_it_is(jit_compile):
    model, kept = mlp(jit_compile), []
    note = At(5, lambda model: (freeze(model), kept.append(model.layers[0].get_weights())))
    before = model.layers[1].get_weights()
    model.fit(X, Y, batch_size=2, verbose=0, callbacks=[note])
    for one, other in zip(kept[0], model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(before[0], model.layers[1].get_weights()[0])


@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_steps_before_and_after_a_change_are_those_of_eager_training(jit_compile):
    weights = []
    for eagerly in (True, False):
        model = mlp(False if eagerly else jit_compile, run_eagerly=eagerly)
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0, callbacks=[At(9, freeze)])
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


LOOPS = {
    "fit": lambda model, **given: model.fit(X, Y, batch_size=4, verbose=0, **given),
    "evaluate": lambda model, **given: model.evaluate(X, Y, batch_size=4, verbose=0, **given),
    "predict": lambda model, **given: model.predict(X, batch_size=4, verbose=0, **given),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_hook_added_in_the_middle_of_a_replayed_epoch_is_called_and_recorded_anew(loop):
    model, seen, runs = mlp("captured"), [], []

    def add(model):
        runs.append(model._trainer.binding.reports[loop].ran)
        model.layers[0].register_forward_hook(lambda *_: seen.append(1))

    LOOPS[loop](model, callbacks=[At(9, add)])
    later = model._trainer.binding.reports[loop].ran
    assert runs[0].replayed > 0
    assert later is not runs[0], "what replayed before has the old step in it"
    assert later.replayed > 0, "the rest of the epoch is worth a recording of its own"
    assert len(seen) == later.written + 1  # and the batch at which the hook was found


@pytest.mark.parametrize("loop", LOOPS)
def test_a_steady_loop_binds_once(loop):
    model, other = mlp(), []
    LOOPS[loop](model)
    step = model._trainer.binding.step(loop)
    LOOPS[loop](model)
    assert model._trainer.binding.step(loop) is step
    LOOPS[loop](model, callbacks=[At(3, lambda model: other.append(mlp()))])  # any new weight counts as a change
    assert model._trainer.binding.step(loop) is not step


def test_a_step_of_the_models_own_is_not_bound_anew_in_an_epoch():
    """It freezes and unfreezes layers in each batch, as adversarial networks do."""
    bound = []

    class Toggling(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            self.dense.trainable = False
            self.dense.trainable = True
            bound.append(self._trainer.binding.step("fit", mid_epoch=True))
            return super().train_step(data)

    model = Toggling()
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=8, verbose=0)
    assert len(set(map(id, bound))) == 1


CHANGES = {
    "a setting": lambda model: setattr(model.layers[1], "activation", keras.activations.relu),
    "a hook": lambda model: model.layers[0].register_forward_hook(lambda *_: None),
    "the memory of a weight": lambda model: setattr(
        model.layers[0].kernel, "data", model.layers[0].kernel.data.clone()
    ),
    "the optimizer": lambda model: setattr(model, "optimizer", keras.optimizers.SGD(0.1)),
    "a setting of the optimizer": lambda model: setattr(model.optimizer, "clipnorm", 0.5),
    "run_eagerly": lambda model: setattr(model, "run_eagerly", True),
    "a move": lambda model: model.to(torch.float32),
    "a frozen layer": freeze,
    "a popped layer": lambda model: model.pop(),
    "compile": lambda model: model.compile("sgd", "mse"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_between_two_fits_binds_anew(change):
    model = mlp()
    model.fit(X, Y, batch_size=8, verbose=0)
    step = model._trainer.binding.step("fit")
    CHANGES[change](model)
    target = Y if model.output_shape == (None, 1) else np.tile(Y, 5)
    model.fit(X, target, batch_size=8, verbose=0)
    assert model._trainer.binding.step("fit") is not step


class Act:
    """An activation with a setting, two of which are equal if their settings are."""

    def __init__(self, slope):
        self.slope = slope

    def __call__(self, x):
        return x * self.slope

    def __eq__(self, other):
        return self.slope == other.slope

    __hash__ = None


def several_kinds():
    """A model in which everything has a setting: raw modules, functions, regularizers, losses, metrics."""
    x = inputs = keras.Input((4,))
    x = layers.Dense(4, activation=Act(1.0), kernel_regularizer=keras.regularizers.L2(0.1), name="dense")(x)
    x = layers.TorchModuleWrapper(torch.nn.Sequential(torch.nn.Dropout(0.5)), name="raw")(x)
    x = layers.Dense(1, activity_regularizer=keras.regularizers.L1(0.1), name="last")(keras.ops.tanh(x))
    model = keras.Model(inputs, x)
    model.layers[1].sizes = [1, 2]
    model.layers[1].none_of_ours = [torch.ones(1)]
    model.compile("sgd", torch.nn.HuberLoss(), metrics=[keras.metrics.BinaryAccuracy(threshold=0.5)], jit_compile=False)
    model.fit(X, Y, verbose=0)
    return model


def with_other_attributes(layer):
    layer.__dict__ = {**layer.__dict__, "sizes": [1, 3]}


def renamed(layer):
    layer.size_s = layer.__dict__.pop("sizes")


SETTINGS = {
    "a number of a raw module": lambda model: setattr(model.get_layer("raw").module[0], "p", 0.25),
    "a raw module": lambda model: model.get_layer("raw").module.__setitem__(0, torch.nn.Dropout(0.5)),
    "one more raw module": lambda model: model.get_layer("raw").module.append(torch.nn.Tanh()),
    "an item of a list": lambda model: model.layers[1].__dict__["sizes"].__setitem__(1, 3),
    "one more item of a list": lambda model: model.layers[1].__dict__["sizes"].append(3),
    "a list that becomes plain": lambda model: model.layers[1].none_of_ours.__setitem__(0, 2),
    "another of the same value": lambda model: setattr(model.get_layer("dense"), "activation", Act(1.0)),
    "a setting of an activation": lambda model: setattr(model.get_layer("dense").activation, "slope", 2.0),
    "a weight's penalty": lambda model: setattr(model.get_layer("dense").kernel.regularizer, "l2", 0.2),
    "one more penalty": lambda model: setattr(model.get_layer("last").kernel, "regularizer", keras.regularizers.L2()),
    "a setting of a penalty": lambda model: setattr(model.get_layer("last").activity_regularizer, "l1", 0.2),
    "a setting of a loss": lambda model: setattr(model.loss, "delta", 2.0),
    "a setting of a metric": lambda model: setattr(model.metrics[-1], "threshold", 0.25),
    "a weight with a penalty": lambda model: setattr(model.get_layer("dense").kernel, "requires_grad", False),
    "a table of attributes": lambda model: with_other_attributes(model.layers[1]),
    "a name": lambda model: renamed(model.layers[1]),
    "an attribute more": lambda model: model.layers[1].__dict__.update(more=1),
    "an attribute less": lambda model: model.layers[1].__dict__.pop("sizes"),
    "a hook of a raw module": lambda model: model.get_layer("raw").module[0].register_forward_pre_hook(lambda *_: None),
}


@pytest.mark.parametrize("change", SETTINGS)
def test_a_glance_sees_whatever_a_survey_sees(change):
    model = several_kinds()
    binding = model._trainer.binding
    binding.recheck()
    step, kept = binding.step("fit"), binding._fingerprint
    binding.recheck()
    assert binding.step("fit") is step
    SETTINGS[change](model)
    binding.recheck()
    assert binding._fingerprint != kept
    assert binding.step("fit") is not step


def test_a_hook_that_was_taken_away_binds_anew():
    model = several_kinds()
    handle = model.layers[1].register_forward_hook(lambda *_: None)
    model.fit(X, Y, verbose=0)
    step = model._trainer.binding.step("fit")
    handle.remove()
    model.fit(X, Y, verbose=0)
    assert model._trainer.binding.step("fit") is not step


def test_a_change_that_another_loop_saw_and_that_was_undone_binds_anew():
    model = several_kinds()
    dropout = model.get_layer("raw").module[0]
    model.predict(X, verbose=0)
    dropout.p = 0.25
    model.predict(X, verbose=0)
    dropout.p = 0.5
    step = model._trainer.binding.step("predict")
    model.fit(X, Y, verbose=0)
    assert model._trainer.binding.step("predict") is not step


def test_a_model_in_which_nothing_changes_is_surveyed_once_for_each_mode(monkeypatch):
    made = []
    survey = binding_module.Survey
    monkeypatch.setattr(binding_module, "Survey", lambda *given: made.append(1) or survey(*given))
    model = several_kinds()
    model.layers[1].seen = torch.ones(2)
    LOOPS["fit"](model)
    LOOPS["predict"](model)
    made.clear()
    for value in range(2):
        model.layers[1].seen = torch.full((2,), value)  # what layers keep of their inputs is no setting
        model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
        model.evaluate(X, Y, verbose=0)
        model.predict(X, verbose=0)
    assert not made


@pytest.mark.parametrize("jit_compile", [False, "auto", "captured"])
def test_a_change_between_two_single_batches_is_heeded(jit_compile):
    model, losses = mlp(jit_compile), []
    model.fit(X, Y, batch_size=8, epochs=4, verbose=0)
    for activation in (keras.activations.relu, keras.activations.linear):
        model.layers[1].activation = activation
        expected = np.mean((np.asarray(model(X[:8]).detach()) - Y[:8]) ** 2)
        losses += [model.test_on_batch(X[:8], Y[:8]) for _ in range(5)]
        assert losses[-1] == pytest.approx(expected, rel=1e-5)
        replayed = model._trainer.binding.reports["evaluate"].ran
        assert (replayed.replayed if replayed is not None else 0) == (2 if jit_compile == "captured" else 0)
    assert len(set(losses)) == 2


def test_each_fit_looks_at_its_targets_anew():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    labels = np.arange(96) % 3
    model.fit(X, labels, verbose=0)
    for loop in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="outside"):
            loop(X, labels + 1, verbose=0)


def test_the_table_names_tests_that_exist():
    tests = Path(__file__).parents[2]
    page = (tests.parent / "docs" / "concepts" / "architecture.md").read_text()
    table = page[page.index("## What goes out of date") : page.index("## Turns")]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`([^`]+\.py)`", row.split("|")[4])
        assert named, row
        assert all((tests / name).is_file() for name in named), row
