"""The names of `keras.optimizers.legacy`, which say where to go, as in Keras 3."""

from __future__ import annotations

from typing import Any

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]


class _Gone:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise ImportError(
            f"`keras.optimizers.legacy` is not supported in Keras 3, nor here. Use `keras.optimizers.{name}` instead "
            f"of `keras.optimizers.legacy.{name}`."
        )


class Adagrad(_Gone):
    """Raises ImportError."""


class Adam(_Gone):
    """Raises ImportError."""


class Ftrl(_Gone):
    """Raises ImportError."""


class Optimizer(_Gone):
    """Raises ImportError."""


class RMSprop(_Gone):
    """Raises ImportError."""


class SGD(_Gone):
    """Raises ImportError."""
