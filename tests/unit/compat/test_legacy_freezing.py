"""Models that are frozen after they were compiled, and other ways of Keras 1 and 2 to put models together."""

import importlib

import numpy as np
import pytest
import torch

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]
X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
Z, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")


@pytest.fixture
def keras(installed):
    return importlib.import_module("keras")


@pytest.fixture
def gan(keras):
    layers = importlib.import_module("keras.layers")
    stack = [layers.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)]
    critic = keras.Sequential(stack)
    critic.compile("sgd", "mse")
    maker = keras.Sequential([layers.Input((2,)), layers.Dense(3)])
    return critic, maker, layers.Input((2,))


def _trains(model, method, *data):
    before = [weight.clone() for weight in model.weights]
    getattr(model, method)(*data, **({"verbose": 0} if method == "fit" else {}))
    return [not torch.equal(one, other) for one, other in zip(model.weights, before, strict=True)]


@pytest.mark.parametrize("method", ["train_on_batch", "fit"])
@pytest.mark.parametrize("freeze_layers", [False, True])
def test_a_critic_goes_on_to_train(keras, gan, method, freeze_layers):
    critic, maker, z = gan
    for layer in critic.layers if freeze_layers else [critic]:
        layer.trainable = False
    both = keras.Model(z, critic(maker(z)))
    both.compile("sgd", "mse")
    for _ in range(2):
        found = _trains(critic, method, X, Y)
        assert found[0]
        assert all(found[4:6]), "the statistics of its batches move"
        assert not any(weight.requires_grad for weight in critic.weights)
        kernel = critic.weights[0].clone()
        assert any(_trains(both, method, Z, Y))
        assert torch.equal(critic.weights[0], kernel)
    critic.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        assert not any(_trains(critic, method, X, Y)[:4])


def test_outputs_of_one_layer_have_losses_of_their_own(keras):
    x = keras.Input((3,))
    inner = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(2)(x)], name="inner")
    start = keras.Input((3,))
    model = keras.Model(start, inner(start))
    model.compile("sgd", ["mse", "mae"])
    found = model.train_on_batch(X, [Y, np.ones((4, 2))])
    assert model.metrics_names == ["loss", "inner_loss", "inner_1_loss"]
    assert found[0] == pytest.approx(found[1] + found[2])


def test_models_that_are_merged_twice_have_their_inputs_once():
    Sequential = importlib.import_module("keras.models").Sequential
    layers = importlib.import_module("keras.layers")
    left = Sequential([layers.Embedding(input_dim=5, output_dim=2, input_length=3)])
    right = Sequential([layers.Embedding(5, 2, input_length=4)])
    assert left.output_shape == (None, 3, 2)
    match = Sequential()
    match.add(layers.Merge([left, right], mode="dot", dot_axes=[2, 2]))
    again = Sequential()
    again.add(layers.Merge([match, left], mode="concat", concat_axis=-1))
    assert len(again.inputs) == 2
    assert again.output_shape == (None, 3, 6)


def test_a_model_begins_with_a_tensor_that_was_computed(keras):
    layers = importlib.import_module("keras.layers")
    start = layers.Input((3,))
    doubled = start * 2.0
    inner = layers.Input(tensor=doubled)
    model = keras.Model(inner, layers.Dense(1, kernel_initializer="ones")(inner))
    whole = keras.Model(start, model.output)
    np.testing.assert_allclose(model.predict(X, verbose=0), X.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(whole.predict(X, verbose=0), 2 * X.sum(1, keepdims=True), rtol=1e-5)
