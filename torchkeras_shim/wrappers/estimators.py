"""Estimators of scikit-learn around models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from torchkeras_shim.models import Model, clone_model
from torchkeras_shim.training.compiled import arguments_of


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that trains a copy of a model, or a model that a function makes.

    Args:
        model: A compiled `Model`, of which each `fit` trains a new copy; or a function, called as
            `model(X=X, y=y, **model_kwargs)`, that returns one.
        warm_start: Whether `fit` goes on with the model of the `fit` before.
        model_kwargs: Arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.
    """

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Trains the model.

        Args:
            X: An array of shape (samples, features).
            y: Targets, one of each sample.
            **kwargs: Arguments of the model's `fit`, over those of `fit_kwargs`.

        Returns:
            The estimator.
        """
        X, y = validate_data(self, X, y)
        targets = self._encode(y)
        model = self._model_for(X, targets)
        _check_compiled(model)
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _model_for(self, X: Any, y: Any) -> Model:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        _check_compiled(self.model)
        clone: Model = clone_model(self.model)
        clone.compile(**arguments_of(self.model.get_compile_config(), clone.name))
        return clone

    def _encode(self, y: Any) -> Any:
        """Returns targets as the model takes them."""
        return np.reshape(y, (len(y), -1))

    def _decode(self, outputs: Any) -> Any:
        """Returns outputs as scikit-learn has targets."""
        outputs = np.asarray(outputs)
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def _outputs_for(self, X: Any) -> Any:
        check_is_fitted(self, "model_")
        return np.asarray(self.model_.predict(validate_data(self, X, reset=False), verbose=self._verbose()))

    def _verbose(self) -> Any:
        return (self.fit_kwargs or {}).get("verbose", "auto")

    def predict(self, X: Any) -> Any:
        """Returns what the model predicts, in the form of the targets."""
        return self._decode(self._outputs_for(X))


def _check_compiled(model: Any) -> None:
    if not getattr(model, "compiled", False) or model.loss is None or model.optimizer is None:
        raise RuntimeError(
            "Given model needs to be compiled, and have a loss and an optimizer. Write, for example, "
            '`model.compile("adam", "mse")`.'
        )


class SKLearnClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A model as a classifier of scikit-learn.

    The model is trained on one-hot targets, and has an output for each class: its loss is `"categorical_crossentropy"`,
    say. The function that makes a model gets these targets as `y`.

    Args:
        model: A compiled `Model`, of which each `fit` trains a new copy; or a function, called as
            `model(X=X, y=y, **model_kwargs)`, that returns one.
        warm_start: Whether `fit` goes on with the model of the `fit` before.
        model_kwargs: Arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.

    Attributes:
        model_: The trained model.
        history_: What `fit` of the model returned.
        classes_: The classes, in the order of the outputs.

    Example:
        >>> import torchkeras_shim as keras
        >>> def make(X, y, units):
        ...     stack = [keras.layers.Dense(units, "relu"), keras.layers.Dense(y.shape[1], "softmax")]
        ...     model = keras.Sequential([keras.Input(X.shape[1:]), *stack])
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> classifier = SKLearnClassifier(make, model_kwargs={"units": 4}, fit_kwargs={"verbose": 0})
        >>> X, y = np.random.rand(8, 3), ["cat", "dog"] * 4
        >>> classifier.fit(X, y).predict(X).shape, classifier.classes_.tolist()
        ((8,), ['cat', 'dog'])
    """

    def _encode(self, y: Any) -> Any:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"Only binary and multiclass target types are supported. Target type: {kind}. Give one label for each "
                "sample."
            )
        if len(np.unique(y)) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        if not (self.warm_start and hasattr(self, "model_")):
            self._encoder = OneHotEncoder(sparse_output=False).fit(np.reshape(y, (-1, 1)))
            self.classes_ = self._encoder.categories_[0]
        return self._encoder.transform(np.reshape(y, (-1, 1)))

    def _decode(self, outputs: Any) -> Any:
        return self.classes_[outputs.argmax(axis=1)]

    def decision_function(self, X: Any) -> Any:
        """Returns the outputs of the model, one for each class."""
        return self._outputs_for(X)


class SKLearnRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A model as a regressor of scikit-learn.

    Args:
        model: A compiled `Model`, of which each `fit` trains a new copy; or a function, called as
            `model(X=X, y=y, **model_kwargs)`, that returns one.
        warm_start: Whether `fit` goes on with the model of the `fit` before.
        model_kwargs: Arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.

    Attributes:
        model_: The trained model.
        history_: What `fit` of the model returned.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> X = np.random.rand(8, 3)
        >>> SKLearnRegressor(model, fit_kwargs={"verbose": 0}).fit(X, X[:, 0]).predict(X).shape
        (8,)
    """


class SKLearnTransformer(TransformerMixin, _Estimator):  # type: ignore[misc]
    """A model as a transformer of scikit-learn: a step of a pipeline before others.

    Args:
        model: A compiled `Model`, of which each `fit` trains a new copy; or a function, called as
            `model(X=X, y=y, **model_kwargs)`, that returns one.
        warm_start: Whether `fit` goes on with the model of the `fit` before.
        model_kwargs: Arguments of the function.
        fit_kwargs: Arguments of the model's `fit`.

    Attributes:
        model_: The trained model.
        history_: What `fit` of the model returned.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> X = np.random.rand(8, 3)
        >>> SKLearnTransformer(model, fit_kwargs={"verbose": 0}).fit(X, X[:, 0]).transform(X).shape
        (8, 1)
    """

    def transform(self, X: Any) -> Any:
        """Returns the outputs of the model."""
        return self._outputs_for(X)
