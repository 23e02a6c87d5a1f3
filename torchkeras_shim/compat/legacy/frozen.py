"""Models that are frozen after they were compiled: in Keras 1 and 2 `compile` fixed what their own training changes.

Adversarial networks were written by that: the critic is compiled, frozen, and made a part of a second model. The second
one leaves its weights alone; its own `train_on_batch` went on to train them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torchkeras_shim.compat.legacy import once
from torchkeras_shim.layers import Layer

_KEY = "_trainable_when_compiled"


def noting(compile_model: Callable[..., None]) -> Callable[..., None]:
    """Returns the `compile` that notes which layers are trainable."""

    @functools.wraps(compile_model)
    def compiled(self: Any, *args: Any, **kwargs: Any) -> None:
        compile_model(self, *args, **kwargs)
        self.__dict__[_KEY] = [one for one in self.modules() if isinstance(one, Layer) and one.trainable]

    return compiled


def training(method: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the `fit` or `train_on_batch` that trains a model whose weights were all frozen since, as compiled."""

    @functools.wraps(method)
    def trained(self: Any, *args: Any, **kwargs: Any) -> Any:
        noted = self.__dict__.get(_KEY)
        if not noted or not self.built or any(weight.requires_grad for weight in self.parameters()):
            return method(self, *args, **kwargs)
        once.say(f"model.{method.__name__}() of a model frozen after compile()", "model.trainable = True` before it")
        with _as_compiled(noted):
            return method(self, *args, **kwargs)

    return trained


def _weights(layer: Layer) -> list[torch.nn.Parameter]:
    """Returns the weights of a layer itself that are trained if it is."""
    found = [weight for weight in layer._parameters.values() if weight is not None and weight.is_floating_point()]
    return [weight for weight in found if getattr(weight, "_trainable", True)]


@contextmanager
def _as_compiled(noted: list[Layer]) -> Iterator[None]:
    """Thaws what was trainable. Nobody is told, so that the steps that were prepared in this state stay valid."""
    thawed = [(layer, layer.trainable, _weights(layer)) for layer in noted]
    try:
        for layer, _, weights in thawed:
            layer.__dict__["_trainable"] = True
            for weight in weights:
                weight.requires_grad_(True)
        yield
    finally:
        for layer, trainable, weights in thawed:
            layer.__dict__["_trainable"] = trainable
            for weight in weights:
                weight.requires_grad_(False)
