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
from torchkeras_shim.saving import keras1_config, legacy_config

#: Keywords of functions and methods, by the name they had, and what they are called today.
RENAMED: dict[str, dict[str, str]] = {
    "fit": {"nb_epoch": "epochs"},
    "to_categorical": {"nb_classes": "num_classes"},
    "load_data": {"nb_words": "num_words"},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
}
#: Keywords that never changed a result, or no longer say anything.
IGNORED: dict[str, tuple[str, ...]] = {
    "fit": ("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe"),
    "compile": ("sample_weight_mode", "experimental_run_tf_function"),
    "TensorBoard": ("write_grads", "batch_size", "embeddings_layer_names", "embeddings_data"),
}
#: Keywords that layers take without naming them: those of a first layer, and how a recurrent one computes.
_UNNAMED = frozenset(("input_shape", "batch_input_shape", "input_dim", "implementation"))
#: The arguments that a layer's initial weights (`weights=[...]`) are given to, in the order of the weights.
_WEIGHTS = {
    "Dense": ("kernel", "bias"),
    "EinsumDense": ("kernel", "bias"),
    **{f"Conv{rank}D": ("kernel", "bias") for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": ("kernel", "bias") for rank in (1, 2, 3)},
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN"), ("kernel", "recurrent", "bias")),
    "DepthwiseConv2D": ("depthwise", "bias"),
    "SeparableConv2D": ("depthwise", "pointwise", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "PReLU": ("alpha",),
}
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
    renamed, ignored = RENAMED.get(where, {}), IGNORED.get(where, ())
    return lambda old: {renamed.get(key, key): value for key, value in old.items() if key not in ignored}


def of_layer(class_name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Returns what translates the keywords of a layer: as in the configs of old files."""
    old_class = _OLD_CLASS.get(class_name, class_name)
    keras_1 = {*keras1_config.ARGUMENTS.get(old_class, ("", {}))[1], *keras1_config.ONLY_IN_KERAS_1}

    def translate(old: dict[str, Any]) -> dict[str, Any]:
        old = dict(old)
        weights = old.pop("weights", None)
        era = 1 if not keras_1.isdisjoint(old) else 2
        whole = {"class_name": old_class if era == 1 else class_name, "config": old}
        new: dict[str, Any] = legacy_config.modernize(whole, era)["config"]
        if era == 2 and "reset_after" not in old:  # the default of a file is not that of a call
            new.pop("reset_after", None)
        return {**new, **_initializers(class_name, weights)}

    return translate


def _initializers(class_name: str, weights: Any) -> dict[str, Any]:
    if weights is None:
        return {}
    if class_name not in _WEIGHTS:
        raise TypeError(
            f"{class_name}(weights=...) is not supported: call `layer.set_weights(weights)` once the layer is built."
        )
    found = {
        f"{name}_initializer": np.asarray(value) for name, value in zip(_WEIGHTS[class_name], weights, strict=False)
    }
    return {**found, **({"unit_forget_bias": False} if class_name == "LSTM" else {})}


def layer_classes() -> dict[str, type]:
    """Returns the layers that had other keywords once."""
    names = {new for new, _ in keras1_config.ARGUMENTS.values()} | set(_WEIGHTS) | set(legacy_config.CHANGED)
    found = {name: getattr(layers, name) for name in layers.__all__}
    classes = {name: one for name, one in found.items() if isinstance(one, type) and one.__name__ == name}
    return {name: one for name, one in classes.items() if name in names or "data_format" in keywords_of(one)}


def accepting(cls: type, translate: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    """Returns the `__init__` of a class that takes old keywords, too."""
    return renaming(cls.__init__, cls.__name__, keywords_of(cls) | _UNNAMED, translate)  # type: ignore[misc]
