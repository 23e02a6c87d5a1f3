"""`keras.wrappers.scikit_learn` as it was in Keras 2: models with the methods of scikit-learn's estimators."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from torchkeras_shim.models import Model, Sequential
from torchkeras_shim.utils import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]

#: Settings of training that may be given when an estimator is made.
_OF_TRAINING = {"nb_epoch": "epochs"}


class BaseWrapper:
    """The part that classifiers and regressors share.

    Args:
        build_fn: Returns a compiled model; a subclass may define `__call__` instead.
        **sk_params: Arguments of `build_fn`, `fit`, `predict`, `predict_proba` and `score`.
    """

    def __init__(self, build_fn: Callable[..., Model] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self) -> Callable[..., Any]:
        if self.build_fn is not None:
            return self.build_fn
        own: Callable[..., Any] = getattr(self, "__call__")  # noqa: B009, B004
        return own

    def check_params(self, params: dict[str, Any]) -> None:
        """Refuses arguments that nothing takes.

        Raises:
            ValueError: If there is one.
        """
        functions = (self._builder(), Sequential.fit, Sequential.evaluate, Sequential.predict)
        known = {name for function in functions for name in inspect.signature(function).parameters}
        for name in params:
            if name not in known and name not in _OF_TRAINING:
                raise ValueError(f"{name} is not a legal parameter. `build_fn` and `fit` take: {sorted(known)}")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Returns the arguments that the estimator was made with."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params: Any) -> BaseWrapper:
        """Changes arguments."""
        params = dict(params)
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def __sklearn_tags__(self) -> Any:
        """Returns what scikit-learn 1.6 and later ask an estimator about itself; older ones ask `_estimator_type`."""
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        kind = getattr(self, "_estimator_type", None)
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Returns whether there is a trained model."""
        return hasattr(self, "model")

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Builds a model and trains it; returns the history."""
        builder = self._builder()
        self.model = builder(**self.filter_sk_params(builder))
        return self.model.fit(x, self._targets(np.asarray(y)), **self.filter_sk_params(Sequential.fit, kwargs))

    def _targets(self, y: np.ndarray) -> np.ndarray:
        if self.model.loss == "categorical_crossentropy" and y.ndim != 2:
            return np.asarray(to_categorical(y))
        return y

    def filter_sk_params(self, fn: Callable[..., Any], override: dict[str, Any] | None = None) -> dict[str, Any]:
        """Returns the arguments that a function takes, with `override` on top."""
        given = {_OF_TRAINING.get(name, name): value for name, value in self.sk_params.items()}
        takes = inspect.signature(fn).parameters
        return {**{name: value for name, value in given.items() if name in takes}, **(override or {})}


class KerasClassifier(BaseWrapper):
    """A classifier of scikit-learn's kind around a function that builds a model."""

    _estimator_type = "classifier"

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Builds a model and trains it on labels of any kind, or on rows of zeros and a one."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}")
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Returns labels."""
        found = np.asarray(self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs)))
        index = found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")
        labels: np.ndarray = self.classes_[index]
        return labels

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Returns a probability for each class."""
        found = np.asarray(self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs)))
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Returns the accuracy.

        Raises:
            ValueError: If the model was compiled without it.
        """
        y = self._targets(np.searchsorted(self.classes_, np.asarray(y)) if np.ndim(y) == 1 else np.asarray(y))
        kwargs = self.filter_sk_params(Sequential.evaluate, {"verbose": 0, **kwargs})
        found = self.model.evaluate(x, y, **{**kwargs, "return_dict": True})
        for name in ("accuracy", "acc"):
            if name in found:
                return float(found[name])
        raise ValueError(
            'The model is not configured to compute accuracy. You should pass `metrics=["accuracy"]` to the '
            "`model.compile()` method."
        )


class KerasRegressor(BaseWrapper):
    """A regressor of scikit-learn's kind around a function that builds a model."""

    _estimator_type = "regressor"

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """Returns numbers."""
        found = np.asarray(self.model.predict(x, **self.filter_sk_params(Sequential.predict, kwargs)))
        return np.squeeze(found, axis=-1)

    def score(self, x: Any, y: Any, **kwargs: Any) -> float:
        """Returns the loss with its sign turned: the higher, the better."""
        kwargs = self.filter_sk_params(Sequential.evaluate, {"verbose": 0, **kwargs})
        return -float(self.model.evaluate(x, np.asarray(y), **{**kwargs, "return_dict": True})["loss"])
