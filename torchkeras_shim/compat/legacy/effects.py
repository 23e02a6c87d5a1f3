"""`add_loss` and `add_metric` of Keras 2: in the `call` of a layer, and of symbolic tensors of a functional model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.legacy import once
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers import Layer, inference
from torchkeras_shim.metrics import Mean
from torchkeras_shim.models import Model
from torchkeras_shim.models.effects import AddLoss, AddMetric


def _through(model: Any, layer: Layer, value: KerasTensor) -> None:
    """Has the graph of a functional model run a layer on its first output and a tensor."""
    if not isinstance(model, Model) or model._graph is None:
        raise ValueError(
            f"A symbolic tensor was added to '{model.name}', which is not a functional model, outside of its `call`. "
            "Write `model = keras.Model(stack.inputs, stack.output)`, and `model.add_loss(tensor)` or "
            "`model.add_metric(tensor, name=...)`."
        )
    outputs = tree.flatten(model._known_graph("outputs").output_structure)
    outputs[0] = layer([outputs[0], value])
    model.set_outputs(tree.pack_sequence_as(model._known_graph("outputs").output_structure, outputs))


def adding_losses(add_loss: Callable[..., None]) -> Callable[..., None]:
    """Returns the `add_loss` of a layer or model that takes symbolic tensors, and `inputs`, which they depend on.

    Args:
        add_loss: The one that takes values.
    """

    @functools.wraps(add_loss)
    def added(self: Layer, loss: Any = None, inputs: Any = None, **kwargs: Any) -> None:
        loss = kwargs.pop("losses", loss)
        values = []
        for value in loss if isinstance(loss, (list, tuple)) else [loss]:
            if isinstance(value, KerasTensor):
                once.say("model.add_loss(tensor)", "add_loss(...)` in the `call` of a layer")
                _through(self, AddLoss(), value)
            else:
                values.append(value() if callable(value) else value)
        if values:
            add_loss(self, values, **kwargs)

    return added


def add_metric(self: Layer, value: Any, name: str | None = None, aggregation: str | None = None, **kwargs: Any) -> None:
    """Shows the mean of values among the results of training.

    Args:
        self: A layer, in its `call`; or a functional model.
        value: The values.
        name: The name of the result.
        aggregation: `"mean"`, which `None` is for a plain tensor.
        **kwargs: Without effect.
    """
    once.say("add_metric(value, name)", "a `keras.metrics.Mean` of the layer, which `call` updates")
    if aggregation not in (None, "mean"):
        raise ValueError(
            "We currently support only `mean` sample-wise metric aggregation. You provided "
            f"aggregation=`{aggregation}`. Make a metric of your own an attribute of the layer, and update it in "
            "`call`."
        )
    if name is None:
        raise ValueError("Please provide a name for your metric like `self.add_metric(tensor, name='mean_tensor')`")
    if isinstance(value, KerasTensor):
        _through(self, AddMetric(name), value)
        return
    key = f"_metric_{name}"
    if key not in self.__dict__:
        self.__dict__[key] = Mean(name=name)
    if not inference.is_open():
        self.__dict__[key].update_state(value.detach() if isinstance(value, torch.Tensor) else value)
