"""One input in a list, a tuple or a dict; what models have no single input for; models that return nothing."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers

X = np.arange(6, dtype="float32").reshape(2, 3)
FORMS = {"list": [X], "tuple": (X,), "dict": {"x": X}, "dict with others": {"x": X, "a": X[:, :1]}}
#: 1 * 3 + 2 * 9 for ones as weights.
SUMS = np.repeat(X.sum(axis=1, keepdims=True), 2, axis=1)


def stack(*before):
    return keras.Sequential([*before, layers.Dense(2, kernel_initializer="ones")])


@pytest.mark.parametrize("given", FORMS.values(), ids=FORMS)
class TestSequential:
    def test_one_input_is_taken_out(self, given):
        model = stack(keras.Input((3,), name="x"))
        for outputs in (model(given), model.predict(given, verbose=0), model.predict_on_batch(given)):
            np.testing.assert_array_equal(outputs.detach() if hasattr(outputs, "detach") else outputs, SUMS)
        symbolic = {"x": keras.Input((3,)), "a": keras.Input((1,))} if isinstance(given, dict) else [keras.Input((3,))]
        assert model(symbolic).shape == (None, 2)

    def test_it_trains(self, given):
        losses = []
        for x in (X, given):
            model = stack(keras.Input((3,), name="x"))
            model.compile("sgd", "mse")
            losses.append(model.fit(x, SUMS + 1, validation_data=(x, SUMS + 1), shuffle=False, verbose=0).history)
            losses[-1]["evaluated"] = model.evaluate(x, SUMS, verbose=0)
            losses[-1]["batches"] = [model.train_on_batch(x, SUMS), model.test_on_batch(x, SUMS)]
        assert losses[0] == losses[1]


@pytest.mark.parametrize("given", [[X], (X,)], ids=["list", "tuple"])
def test_without_a_declared_input_a_list_of_one_will_do(given):
    np.testing.assert_array_equal(stack().predict(given, verbose=0), SUMS)
    np.testing.assert_array_equal(stack()(given).detach(), SUMS)


def test_several_inputs_are_refused_by_a_first_layer_that_takes_one():
    with pytest.raises(ValueError, match=r"Layer 'dense.*takes one tensor.*x\['x'\]"):
        stack()({"x": X})
    with pytest.raises(ValueError, match=r"Layer 'dense.*takes one tensor"):
        stack().predict({"x": X}, verbose=0)
    with pytest.raises(ValueError, match=r"expects 1 input.*received 2"):
        stack()([X, X])
    with pytest.raises(ValueError, match="expects 1 input"):
        stack(keras.Input((3,)))([X, X])
    with pytest.raises(ValueError, match='Missing data for input "x"'):
        stack(keras.Input((3,), name="x"))({"y": X})


@pytest.mark.parametrize("declared", [True, False])
def test_a_sequential_model_goes_on(declared):
    model = stack(*[keras.Input((3,))] * declared)
    model.build((None, 3))
    whole = keras.Model(model.input, layers.Dense(1, kernel_initializer="ones")(model.output))
    np.testing.assert_array_equal(whole.predict(X, verbose=0), 2 * SUMS[:, :1])
    assert model.input is model.inputs[0]
    assert model.output is model.outputs[0]


NAMES = ["input", "output", "inputs", "outputs", "input_shape", "output_shape", "input_names"]


class Net(keras.Model):
    def __init__(self, returns=True):
        super().__init__()
        self.dense = layers.Dense(2)
        self.returns = returns

    def call(self, inputs):
        outputs = self.dense(inputs)
        return outputs if self.returns else None


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_does_not_have_can_be_asked_for(name):
    for model in (stack(), Net()):
        assert not hasattr(model, name)
    assert not hasattr(layers.Dense(2), "output")
    with pytest.raises(AttributeError, match=r"has no defined|has no symbolic"):
        getattr(stack(), name)


def test_several_inputs_for_a_model_of_one_tensor_are_explained():
    model = Net()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"takes one tensor. Received a dict with the keys \['a'\].*`x\['a'\]`"):
        model.fit({"a": X}, SUMS, verbose=0)
    with pytest.raises(ValueError, match=r"could not be built for .*, a list of 1: .*`x\[0\]`"):
        model.fit([X], SUMS, verbose=0)
    model(X)
    with pytest.raises(ValueError, match=r"takes one tensor. Received a dict with the keys \['a'\].*`x\['a'\]`"):
        model({"a": X})


def test_a_call_that_returns_nothing_is_named():
    model = Net(returns=False)
    model.compile("sgd", "mse")
    calls = [
        lambda: model.fit(X, SUMS, verbose=0),
        lambda: model.evaluate(X, SUMS, verbose=0),
        lambda: model.predict(X, verbose=0),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"`call` returned None. End it with `return outputs`"):
            call()


@pytest.mark.parametrize("nest", [lambda y: {"o": [y]}, lambda y: [[y]], lambda y: ({"o": y},)])
def test_one_output_nested_deeper_trains(nest):
    x = keras.Input((3,))
    model = keras.Model(x, nest(x * 2.0))
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.evaluate(X, 2 * X, verbose=0) == [0, 0]


def test_losses_may_be_nested_as_the_outputs_are():
    x = keras.Input((3,))
    outputs = [layers.Dense(3, kernel_initializer="ones", name="a")(x), {"q": layers.Rescaling(2.0, name="b")(x)}]
    model = keras.Model(x, outputs)
    model.compile("sgd", ["mse", {"q": "mae"}])
    results = model.evaluate(X, [X, {"q": X}], verbose=0, return_dict=True)
    assert results["loss"] == pytest.approx(((SUMS[:, :1] - X) ** 2).mean() + X.mean())


def test_a_model_whose_steps_were_replayed_can_be_pickled():
    model = stack(keras.Input((3,)))
    model.compile("sgd", "mse", jit_compile="captured")
    model.fit(X, SUMS, batch_size=1, epochs=3, verbose=0)
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict(X, verbose=0), model.predict(X, verbose=0))
