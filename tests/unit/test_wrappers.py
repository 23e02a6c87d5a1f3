"""Models as estimators of scikit-learn."""

import numpy as np
import pytest
import torch

import torchkeras_shim as keras

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from torchkeras_shim.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
QUIET = {"verbose": 0, "shuffle": False}


def make(X, y, units=4):
    kernel = {"kernel_initializer": "ones"}
    out = keras.layers.Dense(y.shape[1], "softmax" if y.shape[1] > 1 else None, **kernel)
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(units, "relu", **kernel), out])
    model.compile("sgd", "categorical_crossentropy" if y.shape[1] > 1 else "mse")
    return model


@pytest.mark.parametrize("names", [[0, 1], ["cat", "dog"]])
def test_a_classifier_trains_on_one_hot_targets(names):
    targets = np.array(names)[Y]
    classifier = SKLearnClassifier(make, model_kwargs={"units": 3}, fit_kwargs={**QUIET, "epochs": 2})
    assert classifier.fit(X, targets) is classifier
    expected = make(X, np.eye(2), units=3)
    expected.fit(X, np.eye(2)[Y], epochs=2, **QUIET)
    outputs = expected.predict(X, verbose=0)
    np.testing.assert_allclose(classifier.decision_function(X), outputs, rtol=1e-5)
    assert list(classifier.predict(X)) == [names[index] for index in outputs.argmax(1)]
    assert classifier.n_features_in_ == 3
    assert len(classifier.history_.history["loss"]) == 2


def test_a_regressor_trains_a_copy_of_a_model():
    model = make(X, X[:, :1])
    before = [weight.clone() for weight in model.weights]
    regressor = SKLearnRegressor(model, fit_kwargs=QUIET).fit(X, X[:, 1], epochs=3)
    assert all(torch.equal(one, other) for one, other in zip(model.weights, before, strict=True))
    expected = make(X, X[:, :1])
    expected.fit(X, X[:, 1:2], epochs=3, **QUIET)
    expected = expected.predict(X, verbose=0)[:, 0]
    np.testing.assert_allclose(regressor.predict(X), expected, rtol=1e-5)
    error = 1 - ((expected - X[:, 1]) ** 2).sum() / ((X[:, 1] - X[:, 1].mean()) ** 2).sum()
    assert regressor.score(X, X[:, 1]) == pytest.approx(error, rel=1e-4)


def test_warm_start_goes_on():
    regressor = SKLearnRegressor(make, warm_start=True, fit_kwargs=QUIET).fit(X, X[:, 1])
    first = regressor.model_
    assert regressor.fit(X, X[:, 1]).model_ is first
    cold = SKLearnRegressor(make, fit_kwargs=QUIET).fit(X, X[:, 1])
    assert cold.fit(X, X[:, 1]).model_.optimizer.iterations == first.optimizer.iterations // 2


def test_pipelines_and_searches():
    stack = make_pipeline(SKLearnTransformer(make, fit_kwargs=QUIET), StandardScaler())
    assert stack.fit(X, X[:, 1]).transform(X).shape == (24, 1)
    search = GridSearchCV(clone(SKLearnClassifier(make, fit_kwargs=QUIET)), {"model_kwargs": [{"units": 2}]}, cv=2)
    assert make_pipeline(StandardScaler(), search).fit(X, Y).predict(X).shape == (24,)


def test_errors():
    regressor = SKLearnRegressor(lambda X, y: keras.Sequential([keras.layers.Dense(1)]))
    with pytest.raises(RuntimeError, match="needs to be compiled, and have a loss and an optimizer"):
        regressor.fit(X, X[:, 0])
    with pytest.raises(NotFittedError):
        regressor.predict(X)
    with pytest.raises(ValueError, match=r"Only binary and multiclass target types.*: continuous"):
        SKLearnClassifier(make).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="only one class"):
        SKLearnClassifier(make).fit(X, np.zeros(24, int))
    with pytest.raises(AttributeError, match=r"'torchkeras_shim.wrappers' has no attribute 'KerasClassifier'"):
        _ = keras.wrappers.KerasClassifier
