"""Functions that users put in the place of methods, in subclasses or on one object alone, are the ones that run."""

import copy
import types

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

X, Y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")


def made(loss="mse", optimizer="sgd", metrics=None):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile(optimizer, loss, metrics=metrics)
    return model


class Seen:
    """Counts calls and hands them on to a function."""

    def __init__(self, function):
        self.count, self.function = 0, function

    def __call__(self, *args, **kwargs):
        self.count += 1
        return self.function(*args, **kwargs)


@pytest.mark.parametrize("first", [False, True], ids=["at once", "after a run"])
@pytest.mark.parametrize(
    ("name", "run", "result"),
    [
        ("train_step", "fit", {"loss": 1.5}),
        ("test_step", "evaluate", {"loss": 1.5}),
        ("predict_step", "predict", torch.zeros(8, 2)),
    ],
)
def test_steps_of_one_model(name, run, result, first):
    model = made()
    arguments = (X,) if run == "predict" else (X, Y)
    if first:
        getattr(model, run)(*arguments, verbose=0)
    seen = Seen(lambda self, data: result)
    setattr(model, name, types.MethodType(seen, model))
    returned = getattr(model, run)(*arguments, verbose=0)
    assert seen.count == 1
    if run == "fit":
        assert returned.history["loss"] == [1.5]
    elif run == "evaluate":
        assert returned == 1.5
    else:
        assert not returned.any()


def test_compute_loss_and_metrics_of_one_model():
    model = made()
    model.compute_loss = loss = Seen(lambda x, y, y_pred, sample_weight, training: y_pred.sum() * 0 + 3)
    model.compute_metrics = metrics = Seen(lambda x, y, y_pred, sample_weight=None: {"mine": 7.0})
    history = model.fit(X, Y, verbose=0, epochs=2).history
    assert history == {"mine": [7.0, 7.0]}
    assert loss.count == metrics.count == 2


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("built", [False, True])
def test_call_of_one_layer(policy, built):
    layer = layers.Dense(3, dtype=policy)
    if built:
        layer(X)
    layer.call = lambda inputs: inputs + 1
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile("sgd", "mse")
    for outputs in (layer(X), layer(torch.tensor(X)), model(X), torch.tensor(model.predict(X, verbose=0))):
        assert torch.equal(outputs.float(), torch.full((8, 3), 2.0))
    assert outputs.dtype is torch.float32 or policy != "float32"
    del layer.call
    layer.build((None, 3)) if not layer.built else None
    assert not torch.equal(layer(X).float(), torch.full((8, 3), 2.0))


def test_call_of_one_layer_gets_what_it_asks_for():
    layer, seen = layers.Dropout(0.5), []
    layer.call = lambda inputs, training=None: (seen.append(training), inputs)[1]
    layer(X, training=True)
    layer(X)
    layer.call = lambda inputs: inputs * 0
    assert not layer(X, training=True).any()
    assert seen == [True, False]
    with pytest.raises(TypeError, match="unexpected keyword"):
        layer(X, mode=1)
    layer.call = torch.neg  # has no signature
    assert (layer(X) == -1).all()
    inputs = keras.Input((3,))
    assert (keras.Model(inputs, layer(inputs))(X) == -1).all()


def test_call_of_one_layer_is_computed_again_where_its_scope_says_so():
    with keras.RematScope(mode="full"):
        layer = layers.Dense(2)
    layer(X)
    layer.call = seen = Seen(lambda inputs: inputs * layer.kernel.sum())
    layer(X).sum().backward()
    assert seen.count == 2
    del layer.call
    assert layer(X).shape == (8, 2)
    assert "forward" in layer.__dict__


def test_call_of_one_model():
    inputs = keras.Input((3,))
    for model in (made(), keras.Model(inputs, layers.Dense(2)(inputs))):
        model.compile("sgd", "mse")
        model.predict(X, verbose=0)
        before = model.call
        model.call = lambda x, training=None, mask=None, before=before: before(x) * 0 + 5
        assert (model.predict(X, verbose=0) == 5).all()
        assert (model(X) == 5).all()
        assert model.evaluate(X, Y, verbose=0) == 16
        assert (keras.Sequential([keras.Input((3,)), model])(X) == 5).all()


def test_a_put_in_call_is_copied_with_its_layer():
    layer = layers.Dense(2)
    layer.call = lambda inputs: inputs - 1
    assert not copy.deepcopy(layer)(X).any()


def test_loss_and_optimizer_of_ones_own():
    loss = keras.losses.MeanSquaredError()
    loss.call = Seen(lambda y_true, y_pred: (y_pred * 0).sum(-1) + 2)
    optimizer = keras.optimizers.SGD()
    optimizer.apply = Seen(optimizer.apply)
    assert made(loss, optimizer).fit(X, Y, verbose=0, epochs=3).history["loss"] == [2.0] * 3
    assert loss.call.count == optimizer.apply.count == 3


@pytest.mark.parametrize("jit_compile", ["auto", False, "captured"])
def test_subclasses(jit_compile):
    counts = dict.fromkeys(["loss", "optimizer", "model"], 0)

    class Loss(keras.losses.MeanSquaredError):
        def __call__(self, y_true, y_pred, sample_weight=None):
            counts["loss"] += 1
            return super().__call__(y_true, y_pred, sample_weight)

    class Optimizer(keras.optimizers.SGD):
        def apply(self, grads, trainable_variables=None):
            counts["optimizer"] += 1
            super().apply([grad * 0 for grad in grads], trainable_variables)

    class Model(keras.Sequential):
        def __call__(self, *args, **kwargs):
            counts["model"] += 1
            return super().__call__(*args, **kwargs)

    model = Model([keras.Input((3,)), layers.Dense(2)])
    model.compile(Optimizer(), Loss(), jit_compile=jit_compile)
    before = model.get_weights()
    counts["model"] = 0
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert counts["optimizer"] == 6
    if jit_compile is not False:  # a replay runs what they did, not them
        return
    assert counts["loss"] == 6
    assert counts["model"] >= 6
