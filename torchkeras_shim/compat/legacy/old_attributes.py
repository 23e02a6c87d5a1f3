"""Attributes that layers and models of Keras 1 and 2 had: `layer.W`, `layer.nb_filter`, `model.layers.pop()`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import layers, models
from torchkeras_shim.compat.legacy import once
from torchkeras_shim.core import tree
from torchkeras_shim.saving import keras1_config

_KERNEL = {"W": "kernel", "b": "bias"}
_CELL = {"W": "cell.kernel", "U": "cell.recurrent_kernel", "b": "cell.bias"}
#: Weights that had other names in Keras 1, by the class of today.
_WEIGHTS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("Dense", "Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"), _KERNEL),
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), _CELL),
    "Embedding": {"W": "embeddings"},
    "BatchNormalization": {"running_mean": "moving_mean", "running_std": "moving_variance"},
    "PReLU": {"alphas": "alpha"},
}


class Renamed:
    """An attribute under the name that it had; one of that name in a layer of the user's hides it.

    Args:
        old: The old name.
        new: The path of the one of today.
    """

    #: Nobody who looks through the attributes of a layer, as files do, need look here.
    is_alias = True

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self
        for table in (layer._parameters, layer._buffers, layer._modules):
            if self._old in table:
                return table[self._old]
        once.say(f"layer.{self._old}", f"layer.{self._new}")
        for name in self._new.split("."):
            layer = getattr(layer, name)
        return layer


def of_layers() -> list[tuple[type, dict[str, Renamed]]]:
    """Returns the attributes of Keras 1 by the class of today: its arguments, and its weights."""
    found: dict[str, dict[str, str]] = {name: dict(renamed) for name, renamed in _WEIGHTS.items()}
    for today, renamed in keras1_config.ARGUMENTS.values():
        for old, new in renamed.items():
            if old != "bias":  # which is the weight today
                found.setdefault(today, {}).setdefault(old, new)
    return [
        (getattr(layers, name), {old: Renamed(old, new) for old, new in renamed.items()})
        for name, renamed in found.items()
        if hasattr(layers, name)
    ]


class Layers(list[Any]):
    """The layers of a model, whose `pop()` shortens the model, too.

    In Keras 1 and 2.2 it took the layer off a list that the model went on to describe itself by, and left what the
    model computes as it was until its outputs were set; in Keras 3 it changes a copy. All who wrote it meant this.

    Args:
        model: The model.
        found: Its layers.
    """

    def __init__(self, model: models.Model, found: list[Any]) -> None:
        super().__init__(found)
        self._model = model

    def pop(self, index: Any = -1) -> Any:
        """Takes a layer off the list; the last one off the model."""
        if len(self) and index in (-1, len(self) - 1):
            _shorten(self._model, self[-1])
        return super().pop(index)


def listing(found: property) -> property:
    """Returns the property `layers` of models whose list can shorten them.

    Args:
        found: The one that returns a list.
    """
    return property(lambda self: Layers(self, found.__get__(self)), found.fset, doc=found.__doc__)


def _shorten(model: models.Model, last: Any) -> None:
    once.say("model.layers.pop()", "model.pop()` of a Sequential, `keras.Model(model.inputs, model.layers[-2].output)")
    if isinstance(model, models.Sequential):
        model.pop()
        return
    graph = model._graph
    outputs = [] if graph is None else graph.outputs
    history = outputs[0]._keras_history if len(outputs) == 1 else None
    if graph is None or history is None or history.operation is not last:
        raise ValueError(
            f"model.layers.pop() is only supported where the last layer alone makes the output; that of model "
            f"'{model.name}' does not. Write `keras.Model(model.inputs, model.layers[-2].output)`."
        )
    node = last._inbound_nodes[history.node_index]
    model.set_outputs(node.input_tensors[0] if len(node.input_tensors) == 1 else node.input_tensors)


def settable(outputs: property) -> property:
    """Returns the property `outputs` of models that takes other tensors of the same graph, as in Keras 1.

    Args:
        outputs: The property.
    """

    def put(self: models.Model, tensors: Any) -> None:
        once.say("model.outputs = [...]", "keras.Model(model.inputs, [...])")
        wanted = tree.flatten(tensors)
        if [id(one) for one in wanted] == [id(one) for one in self.outputs]:
            return
        if isinstance(self, models.Sequential):
            raise ValueError(
                f"The outputs of the Sequential model '{self.name}' are those of its last layer. Received: {tensors}. "
                "Write `keras.Model(model.inputs, outputs)`."
            )
        self.set_outputs(wanted[0] if len(wanted) == 1 else wanted)

    return property(outputs.fget, put, doc=outputs.__doc__)
