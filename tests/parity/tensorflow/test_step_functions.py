"""`make_train_function` and its kin, where a class overrides them and where users call them: as Keras on TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as ours
from tests.parity.oracle import kept, keras
from torchkeras_shim.core import tree

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = X.sum(axis=1, keepdims=True)


def _classes(library):
    class Plain(library.Model):
        """A model whose kernel starts with ones, and which counts its own steps."""

        def __init__(self):
            super().__init__()
            self.dense = library.layers.Dense(1, kernel_initializer="ones")
            self.count = 0

        def call(self, inputs):
            return self.dense(inputs)

    class Replaces(Plain):
        def make_train_function(self, force=False):
            if self.train_function is not None and not force:
                return

            def one_step(iterator):
                self.count += 1
                return self.train_step(next(iterator))

            self.train_function = one_step

        def make_test_function(self, force=False):
            def one_step(iterator):
                self.count += 100
                return {**self.test_step(next(iterator)), "own": 7.0}

            self.test_function = one_step

    class Wraps(Plain):
        def make_train_function(self, force=False):
            super().make_train_function(force)
            inner = self.train_function

            def wrapped(iterator):
                self.count += 1
                return {**inner(iterator), "own": 3.0}

            self.train_function = wrapped

        def make_predict_function(self, force=False):
            super().make_predict_function(force)
            inner = self.predict_function
            self.predict_function = lambda data: 2 * inner(data)

    return {"plain": Plain, "replaces": Replaces, "wraps": Wraps}


def _loops(library, name):
    """What the loops of a model return, and how often its own functions ran."""
    model = _classes(library)[name]()
    model.compile("sgd", "mse", run_eagerly=True)
    history = model.fit(X, Y + 1, batch_size=4, epochs=2, shuffle=False, verbose=0).history
    steps = model.count
    evaluated = model.evaluate(X, Y, batch_size=4, verbose=0, return_dict=True)
    predicted = np.stack([model.predict(X, batch_size=4, verbose=0), np.asarray(model.predict_on_batch(X))])
    model.fit(X, Y + 1, batch_size=4, verbose=0)
    return sorted(history.items()), steps, sorted(evaluated.items()), np.asarray(predicted), model.count


def _called(library):
    """What the functions return that a user asks for."""
    model = _classes(library)["plain"]()
    model.compile("sgd", "mse", run_eagerly=True)
    model.build((None, 3))
    before = [model.train_function, model.test_function, model.predict_function]
    model.make_train_function()
    model.make_test_function()
    model.make_predict_function()
    batch = (library.ops.convert_to_tensor(X), library.ops.convert_to_tensor(Y + 1))
    made = model.train_function
    model.make_train_function()
    logs = [model.train_function(iter([batch])), model.test_function(iter([batch]))]
    predicted = model.predict_function([batch[:1]])
    same = model.train_function is made
    model.compile("sgd", "mse")
    values = [{key: float(value) for key, value in one.items()} for one in logs]
    return before, values, library.ops.convert_to_numpy(predicted), same, model.train_function


def _same(ours_found, theirs_found):
    for own, theirs in zip(tree.flatten(ours_found), tree.flatten(theirs_found), strict=True):
        if isinstance(theirs, (float, np.ndarray)):
            np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-6)
        else:
            assert own == theirs


@pytest.mark.parametrize("name", ["plain", "replaces", "wraps"])
def test_loops_honour_what_a_class_overrides(name):
    _same(_loops(ours, name), kept(_loops, keras, name))


def test_users_call_what_is_made():
    _same(_called(ours), kept(_called, keras))


def test_a_function_that_was_set_takes_the_place_of_the_step():
    model = _classes(ours)["plain"]()
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=4, verbose=0)
    step, seen = model.make_train_function(), []
    model.train_function = lambda data: seen.append(len(data)) or step(data)
    losses = model.fit(X, Y, batch_size=4, verbose=0).history["loss"]
    assert seen == [1, 1]
    assert np.isfinite(losses).all()


def test_a_class_that_makes_none_is_told():
    class Forgets(_classes(ours)["plain"]):
        def make_train_function(self, force=False):
            """Sets nothing."""

    model = Forgets()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"must set `self\.train_function`"):
        model.fit(X, Y, verbose=0)


def test_a_spent_iterator_stops():
    model = _classes(ours)["plain"]()
    model.compile("sgd", "mse")
    with pytest.raises(StopIteration):
        model.make_train_function()(iter([]))
