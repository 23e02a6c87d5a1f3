"""Methods and attributes of older models, layers and metrics."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torchkeras_shim.callbacks import ProgbarLogger
from torchkeras_shim.compat.legacy import once
from torchkeras_shim.data import PyDataset
from torchkeras_shim.layers import RNN, InputLayer, Layer
from torchkeras_shim.models import Model


def _round(data: Any, steps: int | None) -> Any:
    """Returns batches without an end where a number of steps is asked for: the generator methods began again."""
    return _endless(data) if steps is not None and isinstance(data, PyDataset) else data


def _steps(data: Any, samples: int | None, steps: int | None) -> tuple[Any, int | None]:
    """Returns batches and how many of them hold a number of samples, which is what Keras 1 counted."""
    if samples is None:
        return data, steps
    if isinstance(data, PyDataset):
        return data, math.ceil(samples / _size(data[0]))
    batches = iter(data)
    first = next(batches, None)
    if first is None:
        raise ValueError("The generator has no batches. Give one that yields them for ever.")
    return itertools.chain([first], batches), math.ceil(samples / _size(first))


def _size(batch: Any) -> int:
    while isinstance(batch, (list, tuple, dict)):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return len(batch)


def _endless(data: Any) -> Iterator[Any]:
    while True:
        for index in range(len(data)):
            yield data[index]
        data.on_epoch_end()


def _fit_generator(
    self: Model,
    generator: Any,
    steps_per_epoch: int | None = None,
    epochs: int = 1,
    verbose: Any = 1,
    callbacks: Any = None,
    validation_data: Any = None,
    validation_steps: int | None = None,
    **kwargs: Any,
) -> Any:
    once.say("model.fit_generator(generator)", "model.fit(generator)")
    generator, steps_per_epoch = _steps(generator, kwargs.pop("samples_per_epoch", None), steps_per_epoch)
    validation_data, validation_steps = _steps(validation_data, kwargs.pop("nb_val_samples", None), validation_steps)
    return self.fit(
        _round(generator, steps_per_epoch),
        steps_per_epoch=steps_per_epoch,
        epochs=kwargs.pop("nb_epoch", epochs),
        verbose=verbose,
        callbacks=callbacks,
        validation_data=_round(validation_data, validation_steps),
        validation_steps=validation_steps,
        **kwargs,
    )


def _evaluate_generator(
    self: Model, generator: Any, steps: int | None = None, callbacks: Any = None, **kwargs: Any
) -> Any:
    once.say("model.evaluate_generator(generator)", "model.evaluate(generator)")
    generator, steps = _steps(generator, kwargs.pop("val_samples", None), steps)
    return self.evaluate(_round(generator, steps), steps=steps, callbacks=callbacks, **{"verbose": 0, **kwargs})


def _predict_generator(
    self: Model, generator: Any, steps: int | None = None, callbacks: Any = None, **kwargs: Any
) -> Any:
    once.say("model.predict_generator(generator)", "model.predict(generator)")
    generator, steps = _steps(generator, kwargs.pop("val_samples", None), steps)
    data = _round(generator, steps)
    if not isinstance(data, PyDataset):  # inputs need no tuple around them, as they did not
        data = (batch if isinstance(batch, tuple) else (batch,) for batch in data)
    return self.predict(data, steps=steps, callbacks=callbacks, **{"verbose": 0, **kwargs})


def _predict_classes(self: Model, x: Any, batch_size: int = 32, verbose: Any = 0) -> np.ndarray:
    once.say("model.predict_classes(x)", "model.predict(x).argmax(axis=-1)` or `model.predict(x) > 0.5")
    found = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))
    classes: np.ndarray = found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")
    return classes


def _predict_proba(self: Model, x: Any, batch_size: int = 32, verbose: Any = 0) -> Any:
    once.say("model.predict_proba(x)", "model.predict(x)")
    return self.predict(x, batch_size=batch_size, verbose=verbose)


def _reset_model(self: Model) -> None:
    once.say("model.reset_states()", "layer.reset_state()` for each stateful layer of `model.layers")
    for module in self.modules():
        if isinstance(module, RNN):
            module.reset_state()


def _reset_states(self: Any) -> None:
    once.say("reset_states()", "reset_state()")
    self.reset_state()


def _add_variable(self: Layer, *args: Any, **kwargs: Any) -> Any:
    once.say("layer.add_variable(name, shape)", "layer.add_weight(shape, name=name)")
    return self.add_weight(*args, **kwargs)


def _tensors_at(layer: Layer, index: int, which: str) -> Any:
    once.say(f"layer.get_{which[:-1]}_at(index)", f"layer.{which[:-1]}")
    nodes = [node for node in layer._inbound_nodes if node.input_tensors] or layer._inbound_nodes
    if index >= len(nodes):
        raise ValueError(f"Asked to get {which} at node {index}, but the layer has only {len(nodes)} inbound nodes.")
    tensors = list(nodes[index].outputs if which == "outputs" else nodes[index].input_tensors)
    return tensors[0] if len(tensors) == 1 else tensors


def _shapes(tensors: Any) -> Any:
    return [tuple(tensor.shape) for tensor in tensors] if isinstance(tensors, list) else tuple(tensors.shape)


class _Shape:
    """The shape of a layer's input or output; an attribute of that name in a layer of the user's hides it.

    Args:
        which: `"input"` or `"output"`.
    """

    is_alias = True

    def __init__(self, which: str) -> None:
        self._which = which

    def __get__(self, layer: Layer | None, owner: type) -> Any:
        if layer is None:
            return self
        once.say(f"layer.{self._which}_shape", f"layer.{self._which}.shape")
        return _shapes(getattr(layer, self._which))


def _to_yaml(self: Model, **kwargs: Any) -> None:
    raise TypeError("model.to_yaml() is not supported: YAML files could run code. Write `model.to_json()`.")


#: What classes had: the class, the name, and what it is.
MODEL: dict[str, Callable[..., Any]] = {
    "fit_generator": _fit_generator,
    "evaluate_generator": _evaluate_generator,
    "predict_generator": _predict_generator,
    "predict_classes": _predict_classes,
    "predict_proba": _predict_proba,
    "reset_states": _reset_model,
    "to_yaml": _to_yaml,
}
LAYER: dict[str, Any] = {
    "add_variable": _add_variable,
    "get_input_at": lambda self, node_index: _tensors_at(self, node_index, "inputs"),
    "get_input_shape_at": lambda self, node_index: _shapes(_tensors_at(self, node_index, "inputs")),
    "get_output_at": lambda self, node_index: _tensors_at(self, node_index, "outputs"),
    "get_output_shape_at": lambda self, node_index: _shapes(_tensors_at(self, node_index, "outputs")),
    "input_shape": _Shape("input"),
    "output_shape": _Shape("output"),
}
#: The methods of today that do the same, and what the first argument of the old ones was called.
TODAY = {
    "fit_generator": ("fit", "generator"),
    "evaluate_generator": ("evaluate", "generator"),
    "predict_generator": ("predict", "generator"),
    "predict_proba": ("predict", "x"),
}
RESET = {"reset_states": _reset_states}


def adding(add_weight: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the `add_weight` of a layer that takes the name where Keras 1 and Keras 2 had it.

    Args:
        add_weight: The one that takes the shape first.
    """

    @functools.wraps(add_weight)
    def added(self: Layer, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str):
            once.say('add_weight("name", shape)', 'add_weight(shape, name="name")')
            kwargs.update(zip(_NAME_FIRST, args, strict=False))
            args = ()
        elif len(args) > 2 and isinstance(args[2], str) and args[2] not in _DTYPES:
            once.say('add_weight(shape, initializer, "name")', 'add_weight(shape, initializer, name="name")')
            kwargs.update(zip(_NAME_THIRD, args[2:], strict=False))
            args = args[:2]
        for name in ("use_resource", "synchronization", "partitioner"):
            kwargs.pop(name, None)
        return add_weight(self, *args, **kwargs)

    return added


_NAME_FIRST = ("name", "shape", "dtype", "initializer", "regularizer", "trainable", "constraint")
_NAME_THIRD = ("name", "trainable", "regularizer", "constraint")
_DTYPES = frozenset(
    ("bool", "bfloat16", "string")
    + tuple(f"{kind}{bits}" for kind in ("float", "int", "uint") for bits in (8, 16, 32, 64))
)


def assignable(trainable_weights: property) -> property:
    """Returns the property `trainable_weights` of layers that may be assigned: Keras 1 wrote what is attributes anyway.

    Args:
        trainable_weights: The property.
    """

    def put(self: Layer, weights: Any) -> None:
        once.say("self.trainable_weights = [...]", "self.add_weight(...)")
        known = {id(weight) for weight in self.weights}
        if not all(id(weight) in known for weight in weights):
            raise ValueError(
                f"trainable_weights of layer '{self.name}' takes variables that are attributes of the layer. "
                f"Received: {weights}. Write `self.w = self.add_weight(...)`."
            )

    return property(trainable_weights.fget, put, doc=trainable_weights.__doc__)


def counting(init: Callable[..., None]) -> Callable[..., None]:
    """Returns the `__init__` of a `ProgbarLogger` that is told what to count; it counts steps."""

    @functools.wraps(init)
    def counted(self: ProgbarLogger, count_mode: str = "steps", stateful_metrics: Any = None) -> None:
        if count_mode != "steps":
            once.say("ProgbarLogger(count_mode=)", "ProgbarLogger()")
        init(self)

    return counted


def entering(entry: property) -> property:
    """Returns the `input` of a layer that is the model's own tensor, where the layer is an `InputLayer`."""

    def entered(self: Layer) -> Any:
        return self.output if isinstance(self, InputLayer) else entry.__get__(self)

    return property(entered, doc=entry.__doc__)
