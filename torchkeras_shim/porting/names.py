"""What a name of Keras of any age is today: by the tables of the zero-change mode."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType
from typing import Any, NamedTuple

import torchkeras_shim
from torchkeras_shim.compat.legacy import inside, modules
from torchkeras_shim.compat.legacy import names as old_names
from torchkeras_shim.compat.stand_ins import below_keras, public_names, submodule
from torchkeras_shim.compat.tf.api import REFUSED

#: The name of this library.
LIBRARY = torchkeras_shim.__name__
#: The modules of TensorFlow that are Keras's.
ROOMS_OF_TENSORFLOW = ("initializers", "losses", "metrics", "optimizers")
#: Names of older versions that nothing of today replaces by its name alone, and what does.
ADVICE = {
    "backend.function": "Make a model of its inputs and outputs: `keras.Model(inputs, outputs)`.",
    "backend.get_session": "There are no sessions: leave it out.",
    "backend.gradients": "Compute it where the values are: `torch.autograd.grad(loss, tensors)`.",
    "backend.learning_phase": "Pass `training=True` or `training=False` to the call.",
    "backend.placeholder": "Write `keras.Input(shape)`.",
    "backend.set_session": "There are no sessions: leave it out.",
    "preprocessing.image.ImageDataGenerator": "Write `keras.utils.image_dataset_from_directory`, and augment with "
    "layers, such as `keras.layers.RandomFlip`.",
    "preprocessing.sequence.TimeseriesGenerator": "Write `keras.utils.timeseries_dataset_from_array`.",
    "preprocessing.text.Tokenizer": "Write `keras.layers.TextVectorization`.",
    "preprocessing.text.one_hot": "Write `keras.layers.Hashing`.",
    "wrappers.scikit_learn.KerasClassifier": "Use the package scikeras.",
    "wrappers.scikit_learn.KerasRegressor": "Use the package scikeras.",
}
#: The same for TensorFlow, by the beginning of a path.
TENSORFLOW_ADVICE = {
    "GradientTape": "Call `loss.backward()`, or `torch.autograd.grad(loss, variables)`.",
    "config": "Leave it out, or ask torch: `torch.cuda.is_available()`.",
    "data": "Pass arrays or a `torch.utils.data.DataLoader` to `fit`.",
    "function": "Leave it out, or write `torch.compile`.",
    "keras": "",
}


class Today(NamedTuple):
    """A name of today.

    Attributes:
        path: Where it is, below Keras.
        value: What it is in this library.
    """

    path: str
    value: Any


def below(full: str) -> str | None:
    """Returns the part of a full name below Keras, whatever Keras is called, or `None` for a name of others.

    Example:
        >>> below("tensorflow.keras.layers.Dense"), below("torchkeras_shim.layers.Dense"), below("tensorflow.nn")
        ('layers.Dense', 'layers.Dense', None)
    """
    if f"{full}.".startswith(f"{LIBRARY}."):
        return full[len(LIBRARY) + 1 :]
    return below_keras(full)


def root_of(full: str) -> str:
    """Returns what a full name calls Keras today.

    Example:
        >>> root_of("tensorflow.python.keras.layers"), root_of("keras.api.layers"), root_of("keras.layers")
        ('tensorflow.keras', 'keras', 'keras')
    """
    first = full.partition(".")[0]
    return "tensorflow.keras" if first == "tensorflow" else first


@functools.cache
def module(path: str) -> str | None:
    """Returns the path of the module of today that answers for a module, old ones included.

    Example:
        >>> module("layers.core"), module("src.layers.core.dense"), module("layers"), module("layers.cores")
        ('layers', 'layers', 'layers', None)
    """
    if path == "src":
        return ""
    if path.startswith("src."):  # where a class is called as its file, but for capitals
        return inside.room(path.removeprefix("src.")) if path.islower() else None
    found = modules.today(path)
    if found is None and public(path) is not None:
        return path
    return found


def public(path: str) -> ModuleType | None:
    """Returns a public module of this library, or `None`."""
    target: ModuleType | None = torchkeras_shim
    for name in path.split(".") if path else ():
        target = None if target is None else submodule(target, name)
    return target


def of_module(path: str) -> list[str]:
    """Returns the names of a module of today, those of older versions included."""
    target = public(path)
    return [] if target is None else [*public_names(target), *old_names.of_module(path)]


@functools.cache
def today(path: str) -> Today | None:
    """Returns what a name is today, or `None` if nothing of today replaces it.

    Args:
        path: Where it was, below Keras.

    Example:
        >>> today("layers.core.Dense").path, today("constraints.maxnorm").path, today("backend.gradients")
        ('layers.Dense', 'constraints.MaxNorm', None)
    """
    parts = path.split(".") if path else []
    for end in range(len(parts), -1, -1):
        found = module(".".join(parts[:end]))
        if found is None:
            continue
        target = public(found)
        if target is None:
            return None
        if end == len(parts):
            return Today(found, target)
        return _inside(found, target, parts[end], parts[end + 1 :])
    return None


def _inside(place: str, target: ModuleType, name: str, rest: list[str]) -> Today | None:
    path = f"{place}.{name}".lstrip(".")
    if name not in public_names(target) and name != "__version__":
        alias = old_names.ALIASES.get(place, {}).get(name)
        if alias is None:
            return None
        path = alias
    value: Any = functools.reduce(getattr, path.split("."), torchkeras_shim)
    for part in rest:
        value = getattr(value, part, None)
    return Today(".".join([path, *rest]), value)


def legacy(path: str) -> Any:
    """Returns what the zero-change mode gives for a name that is not today's, or `None`.

    Example:
        >>> legacy("losses.Reduction.SUM")
        'sum'
    """
    parts = path.split(".")
    for end in range(len(parts) - 1, -1, -1):
        found = module(".".join(parts[:end]))
        if found is None:
            continue
        if found.startswith("compat."):
            value: Any = importlib.import_module(f"{LIBRARY}.{found}")
            rest = parts[end:]
        else:
            value = old_names.find(found, parts[end], None)
            rest = parts[end + 1 :]
        for name in rest:
            value = getattr(value, name, None)
        return value
    return None


def advice(full: str) -> str:
    """Returns what to write instead of a name that no name of today replaces; nothing if nobody knows."""
    path = below(full)
    if path is not None:
        return ADVICE.get(path, "")
    path = full.removeprefix("tensorflow").lstrip(".")
    for end in range(path.count(".") + 1, 0, -1):
        found = TENSORFLOW_ADVICE.get(".".join(path.split(".")[:end]))
        if found is not None:
            return found
    return REFUSED.get(path, "")
