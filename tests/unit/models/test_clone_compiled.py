"""Clones of compiled models are compiled alike, with an optimizer and metrics of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras

X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")


def stack():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def functional():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2)(inputs))


def squared(y_true, y_pred):
    return keras.ops.mean((y_true - y_pred) ** 2)


@pytest.mark.parametrize("make", [stack, functional])
@pytest.mark.parametrize("optimizer", [lambda: keras.optimizers.SGD(0.25, momentum=0.5), lambda: torch.optim.SGD])
def test_a_clone_is_compiled_alike(make, optimizer):
    model, own = make(), keras.metrics.MeanSquaredError(name="own")
    model.compile(optimizer(), squared, metrics=["mae", squared, own], steps_per_execution=2)
    model.fit(X, Y, verbose=0)
    clone = keras.models.clone_model(model)
    assert (clone.compiled, clone.loss) == (True, squared)
    result = clone.train_on_batch(X, Y, return_dict=True)
    assert set(result) == {"loss", "mae", "squared", "own"}
    np.testing.assert_allclose(result["own"], result["loss"], rtol=1e-6)  # nothing of the first model's batches
    assert int(clone.optimizer.iterations) == 1
    assert clone.optimizer is not model.optimizer


def test_settings_of_the_optimizer_go_along():
    model = stack()
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5), "mse")
    model.optimizer.learning_rate = 0.125
    clone = keras.models.clone_model(model)
    assert (float(clone.optimizer.learning_rate), clone.optimizer.momentum) == (0.125, 0.5)


def test_an_optimizer_of_one_model_is_not_cloned():
    model = stack()
    model.compile(torch.optim.SGD(model.parameters(), lr=0.1), "mse")
    with pytest.warns(UserWarning, match="cloned without what it was compiled with"):
        assert not keras.models.clone_model(model).compiled


def test_an_uncompiled_model_stays_so():
    assert not keras.models.clone_model(stack()).compiled


def test_input_tensors_have_the_structure_of_the_inputs():
    x, y = keras.Input((3,), name="x"), keras.Input((3,), name="y")
    model = keras.Model({"x": x, "y": y}, x + y)
    assert keras.models.clone_model(model, input_tensors={"x": x, "y": y}).input.keys() == {"x", "y"}
    with pytest.raises(ValueError, match=r"`input_tensors` must have the same structure as model\.input"):
        keras.models.clone_model(model, input_tensors=(x, y))
