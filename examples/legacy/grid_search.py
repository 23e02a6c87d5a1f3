"""The best of several networks, by `KerasClassifier` of Keras 2: `GridSearchCV`, or a loop without scikit-learn."""

import itertools

import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor

np.random.seed(7)
X = np.random.randn(240, 4)
Y = np.where(X[:, 0] ** 2 + X[:, 1] ** 2 > 1.4, "outside", "inside")


def create_model(optimizer="adam", init="glorot_uniform", units=4):
    model = Sequential()
    model.add(Dense(units, input_dim=4, kernel_initializer=init, activation="relu"))
    model.add(Dense(2, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


param_grid = dict(units=[1, 24], nb_epoch=[15])
try:
    from sklearn.model_selection import GridSearchCV
except ImportError:

    class GridSearchCV(object):
        """The mean score of three parts, for each combination."""

        def __init__(self, estimator, param_grid, cv=3):
            self.estimator, self.param_grid, self.cv = estimator, param_grid, cv

        def fit(self, X, Y):
            names, results = sorted(self.param_grid), []
            for values in itertools.product(*[self.param_grid[name] for name in names]):
                params = dict(zip(names, values))
                scores = []
                for part in range(self.cv):
                    held = np.arange(len(X)) % self.cv == part
                    model = KerasClassifier(**dict(self.estimator.get_params(), **params))
                    model.fit(X[~held], Y[~held])
                    scores.append(model.score(X[held], Y[held]))
                results.append((np.mean(scores), params))
            self.best_score_, self.best_params_ = max(results, key=lambda result: result[0])
            return self


model = KerasClassifier(build_fn=create_model, batch_size=10, verbose=0)
grid = GridSearchCV(estimator=model, param_grid=param_grid, cv=3)
grid_result = grid.fit(X, Y)
print("Best: %.3f using %d units" % (grid_result.best_score_, grid_result.best_params_["units"]))


def create_regressor():
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile(loss="mse", optimizer="sgd")
    return model


regressor = KerasRegressor(build_fn=create_regressor, epochs=10, batch_size=8, verbose=0)
regressor.fit(X, X.sum(axis=1))
print("score: %.5f, predicted %s" % (regressor.score(X, X.sum(axis=1)), regressor.predict(X[:3]).shape))
