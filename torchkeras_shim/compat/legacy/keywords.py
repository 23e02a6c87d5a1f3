"""Keywords of older versions: what a call with one means today."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from torchkeras_shim import layers
from torchkeras_shim.compat.legacy import once
from torchkeras_shim.layers import retired
from torchkeras_shim.saving import keras1_config, legacy_config

#: Keywords of functions and methods, by the name they had, and what they are called today.
RENAMED: dict[str, dict[str, str]] = {
    "fit": {"nb_epoch": "epochs"},
    "to_categorical": {"nb_classes": "num_classes"},
    "load_data": {"nb_words": "num_words"},
    "L1": {"l": "l1"},
    "L2": {"l": "l2"},
    "MaxNorm": {"m": "max_value"},
    "Model": {"input": "inputs", "output": "outputs"},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    "random_normal": {"std": "stddev"},
    "truncated_normal": {"std": "stddev"},
}
#: Keywords that never changed a result, or no longer say anything.
IGNORED: dict[str, tuple[str, ...]] = {
    "fit": ("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe"),
    "compile": ("sample_weight_mode", "experimental_run_tf_function"),
    "TensorBoard": ("write_grads", "batch_size", "embeddings_layer_names", "embeddings_data"),
}
#: Keywords that may only say nothing, and what to write instead of what they said.
EMPTY: dict[str, dict[str, str]] = {
    "Input": {"type_spec": "Write `shape` and `dtype`."},
    "compile": {
        "target_tensors": "Give `fit` the targets.",
        "distribute": "Start the script by `torchrun`: `fit` then trains on several devices.",
    },
}
#: Keywords that layers take without naming them: those of a first layer, and how a recurrent one computes.
UNNAMED = frozenset(("input_shape", "batch_input_shape", "input_dim", "implementation"))
#: The layers whose `input_dim` was the size of one step of a sequence.
_OF_SEQUENCES = ("Conv1D", "GRU", "LSTM", "LocallyConnected1D", "RNN", "SimpleRNN")
#: What the layers of today were called in Keras 1.
_OLD_CLASS = {new: old for old, (new, _) in keras1_config.ARGUMENTS.items() if old != "TimeDistributedDense"}


def keywords_of(function: Callable[..., Any]) -> frozenset[str]:
    """Returns the keywords that a function or the `__init__` of a class takes, those of its bases included.

    Example:
        >>> sorted(keywords_of(lambda a, b=1, **rest: None))
        ['a', 'b']
    """
    if not isinstance(function, type):
        return _named(function)
    found: set[str] = set()
    for cls in function.__mro__:
        if "__init__" in cls.__dict__ and cls is not torch.nn.Module and cls is not object:
            found |= _named(cls.__dict__["__init__"])
    return frozenset(found)


def _named(function: Callable[..., Any]) -> frozenset[str]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(name for name, one in inspect.signature(function).parameters.items() if one.kind in named)


def renaming(
    function: Callable[..., Any],
    where: str,
    accepted: Iterable[str],
    translate: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[..., Any]:
    """Returns a function that takes old keywords, too.

    Args:
        function: The function.
        where: What the function is called in warnings.
        accepted: The keywords that it takes.
        translate: Returns the keywords of today for those that it does not take.
    """
    known = frozenset(accepted)

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not known.issuperset(kwargs):
            kwargs = _translated(where, known, translate, kwargs)
        return function(*args, **kwargs)

    return renamed


def _translated(
    where: str, known: frozenset[str], translate: Callable[[dict[str, Any]], dict[str, Any]], kwargs: dict[str, Any]
) -> dict[str, Any]:
    kept = {key: value for key, value in kwargs.items() if key in known}
    old = {key: value for key, value in kwargs.items() if key not in known}
    new = translate(old)
    twice = sorted(kept.keys() & new.keys())
    if twice:
        raise TypeError(f"{where}() got {twice[0]!r} twice: under its name of today and under an old one.")
    if new.keys() != old.keys():
        gone = [key for key in old if key not in new]
        come = [key for key in new if key not in old]
        once.say(f"{where}({', '.join(f'{key}=' for key in gone)})", _call(where, come))
    return {**kept, **new}


def _call(where: str, names: list[str]) -> str:
    return f"{where}({', '.join(f'{name}=' for name in names)})" if names else ""


def by_table(where: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Returns what translates the keywords of a function that is in the tables."""
    renamed, ignored, empty = RENAMED.get(where, {}), IGNORED.get(where, ()), EMPTY.get(where, {})

    def translate(old: dict[str, Any]) -> dict[str, Any]:
        for key in empty:
            if old.get(key) is not None:
                raise TypeError(f"{where}({key}=...) is not supported. {empty[key]}")
        return {renamed.get(key, key): value for key, value in old.items() if key not in (*ignored, *empty)}

    return translate


def of_layer(class_name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Returns what translates the keywords of a layer: as in the configs of old files."""
    old_class = _OLD_CLASS.get(class_name, class_name)
    keras_1 = {*keras1_config.ARGUMENTS.get(old_class, ("", {}))[1], *keras1_config.ONLY_IN_KERAS_1}

    def translate(old: dict[str, Any]) -> dict[str, Any]:
        weights = {"weights": old["weights"]} if "weights" in old else {}
        old = {key: value for key, value in old.items() if key not in ("weights", *UNNAMED)}
        era = 1 if not keras_1.isdisjoint(old) else 2
        whole = {"class_name": old_class if era == 1 else class_name, "config": old}
        try:
            new: dict[str, Any] = legacy_config.modernize(whole, era)["config"]
        except keras1_config.UnsupportedError:
            given = ", ".join(f"{key}={value!r}" for key, value in old.items())
            raise ValueError(
                f"{class_name}({given}) has no counterpart today: it is not supported. "
                "Write that part with layers of today."
            ) from None
        if era == 2 and "reset_after" not in old:  # the default of a file is not that of a call
            new.pop("reset_after", None)
        return {**new, **weights}

    return translate


def _with_shape(class_name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns keywords with the shape of a first layer's input in one of them."""
    kwargs = dict(kwargs)
    if class_name in _OF_SEQUENCES and "input_dim" in kwargs:
        once.say(f"{class_name}(input_length=, input_dim=)", f"{class_name}(input_shape=(input_length, input_dim))")
        kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    if class_name == "Embedding" and kwargs.get("input_length") is not None:
        length = kwargs["input_length"]  # by which a first layer knew its input
        if kwargs.keys().isdisjoint(("input_shape", "batch_input_shape")):
            kwargs["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
    if "batch_size" in kwargs and kwargs.get("input_shape") is not None:
        once.say(f"{class_name}(batch_size=, input_shape=)", "keras.Input(shape, batch_size)")
        kwargs["batch_input_shape"] = (kwargs.pop("batch_size"), *kwargs.pop("input_shape"))
    return kwargs


class _Weighted:
    """The `build` of a layer that gives it its initial weights afterwards.

    Args:
        layer: The layer.
        weights: The weights.
    """

    def __init__(self, layer: layers.Layer, weights: Any) -> None:
        once.say("Layer(weights=)", "layer.set_weights(weights)` once the layer is built")
        self._layer, self._weights = layer, weights
        self.__signature__ = inspect.signature(layer.build)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        del self._layer.__dict__["build"]
        self._layer.build(*args, **kwargs)
        self._layer.set_weights([np.asarray(weight) for weight in self._weights])


def layer_classes() -> list[type]:
    """Returns the layers that took other keywords once: the shape of the first layer's input, if nothing else."""
    found = [(name, getattr(layers, name)) for name in layers.__all__]
    public = [
        one
        for name, one in found
        if isinstance(one, type) and one.__name__ == name and issubclass(one, layers.Layer) and one is not layers.Layer
    ]
    return [*public, *retired.LAYERS]


def accepting(cls: type, translate: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    """Returns the `__init__` of a class that takes old keywords, too."""
    return renaming(cls.__init__, cls.__name__, keywords_of(cls), translate)  # type: ignore[misc]


def accepting_layer(cls: type) -> Callable[..., Any]:
    """Returns the `__init__` of a layer that takes old keywords, too."""
    name, init = cls.__name__, cls.__init__  # type: ignore[misc]
    known = keywords_of(cls) | UNNAMED
    if name in _OF_SEQUENCES:
        known -= {"input_dim"}
    translate = of_layer(name)

    @functools.wraps(init)
    def initialized(self: layers.Layer, *args: Any, **kwargs: Any) -> None:
        if not kwargs or known.issuperset(kwargs):
            init(self, *args, **kwargs)
            return
        kwargs = _translated(name, known, translate, _with_shape(name, kwargs))
        weights = None if "weights" in known else kwargs.pop("weights", None)
        init(self, *args, **kwargs)
        if weights is not None:
            self.__dict__["build"] = _Weighted(self, weights)

    return initialized


def by_name(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    """Returns a function that takes anything, and old names of the keywords in the table among it.

    Args:
        function: The function.
        where: Its place in the table.
    """
    names = RENAMED[where]

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not names.keys().isdisjoint(kwargs):
            old = [name for name in kwargs if name in names]
            once.say(_call(where, old), _call(where, [names[name] for name in old]))
            kwargs = {names.get(name, name): value for name, value in kwargs.items()}
        return function(*args, **kwargs)

    return renamed


def knowing(lookup: Callable[[str], Any], names: dict[str, str]) -> Callable[[str], Any]:
    """Returns the `lookup` of a registry that knows old names, too.

    Args:
        lookup: The one that knows those of today.
        names: What the old names are today.
    """

    def look_up(name: str) -> Any:
        found = lookup(name)
        if found is None and name in names:
            once.say(f'"{name}"', f'"{names[name]}"')
            found = lookup(names[name])
        return found

    return look_up
