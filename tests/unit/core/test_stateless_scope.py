"""`StatelessScope`: variables hold other values in a block, and their own ones after it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import torchkeras_shim as keras


def test_given_and_assigned_variables_are_restored():
    given, assigned, untouched = (keras.Variable(value, trainable=False) for value in (1.0, 2.0, 3.0))
    with keras.StatelessScope([(given, 10.0)]) as scope:
        assert float(given) == 10
        assigned.assign(given * 2)
        scope.add_update((given, 11.0))
        assert (float(scope.get_current_value(given)), float(scope.get_current_value(assigned))) == (11, 20)
    assert [float(one) for one in (given, assigned, untouched)] == [1, 2, 3]
    assert (float(scope.get_current_value(given)), float(scope.get_current_value(assigned))) == (11, 20)
    assert scope.get_current_value(untouched) is None


def test_layers_and_optimizers_work_on_the_values():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    before = model.get_weights()
    with keras.StatelessScope([(weight, torch.full(weight.shape, 3.0)) for weight in model.weights]) as scope:
        np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0), [[9.0]])
        model.train_on_batch(np.ones((1, 2)), np.zeros((1, 1)))
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    np.testing.assert_allclose(scope.get_current_value(model.weights[0]), [[-6.0], [-6.0]])  # 3 - 0.5 * 2 * 9


def test_an_error_inside_and_a_scope_in_a_scope_restore_too():
    variable, seen = keras.Variable(1.0, trainable=False), []

    def fail():
        with keras.StatelessScope([(variable, 2.0)]):
            with keras.StatelessScope([(variable, 3.0)]):
                seen.append(float(variable))
            seen.append(float(variable))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [*seen, float(variable)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda v: ([(1, 2.0)],), ValueError, "must be Variable instances. Received instead: 1"),
        (lambda v: ([(v, [1.0, 2.0])],), ValueError, r"shape \(\), received a value of shape \(2,\)"),
        (lambda v: ([(v, torch.ones((), requires_grad=True))],), NotImplementedError, r"`layer.stateless_call\("),
        (lambda v: ([], True), NotImplementedError, "collect_losses=True"),
        (lambda v: ([], False, False), NotImplementedError, "initialize_variables=False"),
    ],
)
def test_what_cannot_be_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        keras.StatelessScope(*arguments(keras.Variable(0.0)))


def test_what_other_threads_write_stays():
    here, there = (keras.Variable(1.0, trainable=False) for _ in range(2))
    with keras.StatelessScope() as scope:
        here.assign(2.0)
        other = threading.Thread(target=there.assign, args=(3.0,))
        other.start()
        other.join()
    assert (float(here), float(there)) == (1.0, 3.0)
    assert scope.get_current_value(there) is None
