"""`keras.wrappers`: models as estimators of scikit-learn, which is loaded when one of them is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchkeras_shim.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has: {', '.join(__all__)}.")
    try:
        return getattr(importlib.import_module(f"{__name__}.estimators"), name)
    except ImportError as error:
        raise ImportError(f"keras.wrappers.{name} needs scikit-learn: `pip install scikit-learn`.") from error


def __dir__() -> list[str]:
    return __all__
