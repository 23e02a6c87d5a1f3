"""Loss functions that use symbolic tensors of the model, as the examples of Keras 1 and 2 wrote them."""

import functools
import importlib

import numpy as np
import pytest
import torch

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


@pytest.fixture
def K(installed):
    return importlib.import_module("keras.backend")


@pytest.fixture
def keras(installed):
    return importlib.import_module("keras")


def _autoencoder(keras):
    x = keras.Input((4,))
    code = keras.layers.Dense(2, name="code")(x)
    return keras.Model(x, keras.layers.Dense(4, name="out")(code)), code


def _expected(model, penalty):
    x = torch.tensor(X)
    code, out = model.get_layer("code"), model.get_layer("out")
    loss = ((out(code(x)) - x) ** 2).mean() + penalty(code(x))
    weights = [code.kernel, out.kernel]
    found = torch.autograd.grad(loss, weights)
    return loss.item(), [(w - 0.1 * g).detach().numpy() for w, g in zip(weights, found, strict=True)]


class _Holder:
    def __init__(self, code):
        self.code = code

    def loss(self, y_true, y_pred):
        return ((y_true - y_pred) ** 2).mean() + (self.code**2).mean()


def _closure(code):
    return lambda y_true, y_pred: ((y_true - y_pred) ** 2).mean() + (code**2).mean()


def _through_a_helper(code):
    def penalty():
        return (code**2).mean()

    return lambda y_true, y_pred: ((y_true - y_pred) ** 2).mean() + penalty()


def _partial(code):
    def loss(y_true, y_pred, held):
        return ((y_true - y_pred) ** 2).mean() + (held[0] ** 2).mean()

    return functools.partial(loss, held=[code])


@pytest.mark.parametrize("jit_compile", [False, "captured"])
@pytest.mark.parametrize("make", [_closure, _through_a_helper, _partial, lambda code: _Holder(code).loss])
def test_a_loss_gets_the_values_of_symbolic_tensors(keras, make, jit_compile):
    model, code = _autoencoder(keras)
    model.compile(keras.optimizers.SGD(0.1), make(code), jit_compile=jit_compile)
    loss, weights = _expected(model, lambda code: (code**2).mean())
    assert model.evaluate(X, X, verbose=0) == pytest.approx(loss, rel=1e-5)
    model.fit(X, X, batch_size=6, epochs=1, verbose=0)
    for name, expected in zip(("code", "out"), weights, strict=True):
        np.testing.assert_allclose(model.get_layer(name).kernel.detach(), expected, rtol=1e-4, atol=1e-6)
    assert [layer.name for layer in model.layers[1:]] == ["code", "out"]


def test_a_tensor_of_another_model_of_the_same_inputs(keras):
    x = keras.Input((4,))
    mean = keras.layers.Dense(2, name="mean")(x)
    encoder = keras.Model(x, mean * 1.0)
    model = keras.Model(x, keras.layers.Dense(4)(encoder(x)))
    model.compile("sgd", lambda y_true, y_pred: (mean**2).sum() + y_pred.sum() * 0)
    expected = (encoder.get_layer("mean")(torch.tensor(X)) ** 2).sum().item()
    assert model.train_on_batch(X, X) == pytest.approx(expected, rel=1e-5)


def test_gradients_inside_of_a_loss(K, keras):
    """The penalty of a Wasserstein critic: its gradient at points that no weight to be trained led to."""
    critic = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="tanh"), keras.layers.Dense(1, use_bias=False)]
    )
    x, other = keras.Input((4,)), keras.Input((4,))
    between = 0.3 * x + 0.7 * other
    model = keras.Model([x, other], critic(between))

    def penalty(y_true, y_pred, points):
        gradients = K.gradients(y_pred, points)[0]
        return K.mean(K.square(1 - K.sqrt(K.sum(K.square(gradients), axis=1))))

    model.compile(keras.optimizers.SGD(0.1), functools.partial(penalty, points=between))
    kernel = critic.layers[0].kernel
    points = torch.tensor(0.3 * X + 0.7 * X[::-1].copy(), requires_grad=True)
    (gradients,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    loss = ((1 - gradients.square().sum(1).sqrt()) ** 2).mean()
    expected = (kernel - 0.1 * torch.autograd.grad(loss, kernel)[0]).detach().numpy()
    assert model.train_on_batch([X, X[::-1].copy()], np.zeros((6, 1))) == pytest.approx(loss.item(), rel=1e-5)
    np.testing.assert_allclose(kernel.detach(), expected, rtol=1e-4, atol=1e-6)


def test_values_that_the_model_does_not_compute_are_refused(keras):
    model, _ = _autoencoder(keras)
    _, stranger = _autoencoder(keras)
    model.compile("sgd", lambda y_true, y_pred: stranger + y_pred)
    with pytest.raises(ValueError, match=r"symbolic tensors, which have no values(?s:.)*model.add_loss"):
        model.fit(X, X, verbose=0)


def test_a_batch_of_a_fixed_size_with_numbers_of_that_size(K, keras):
    x = keras.layers.Input(batch_shape=(3, 4))
    noise = keras.layers.Lambda(lambda h: h + K.random_normal((3, 2), mean=0.0, std=0.0))
    model = keras.Model(x, noise(keras.layers.Dense(2, kernel_initializer="ones")(x)))
    model.compile("sgd", "mse")
    model.fit(X, X[:, :2], batch_size=3, verbose=0)
    assert model.output_shape == (3, 2)
