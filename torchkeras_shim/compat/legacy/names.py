"""Names of older versions, by the module of today that would have them."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torchkeras_shim
from torchkeras_shim.compat.legacy import (
    backend,
    backend_graph,
    backend_images,
    backend_loops,
    backend_nn,
    backend_random,
    batches,
    files,
    keywords,
    old_layers,
    old_objects,
    once,
    picture_changes,
    picture_files,
    pictures,
    series,
)
from torchkeras_shim.compat.tf import module
from torchkeras_shim.core.symbolic import KerasTensor

#: What losses and metrics were called, in modules and in strings, and what they are called today.
LOSSES = {
    "KLD": "kl_divergence",
    "MAE": "mean_absolute_error",
    "MAPE": "mean_absolute_percentage_error",
    "MSE": "mean_squared_error",
    "MSLE": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "cosine": "cosine_similarity",
    "cosine_proximity": "cosine_similarity",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mse": "mean_squared_error",
    "msle": "mean_squared_logarithmic_error",
}


#: Where an old name leads: the path of a name of today.
ALIASES: dict[str, dict[str, str]] = {
    "initializers": {
        "normal": "initializers.RandomNormal",
        "one": "initializers.Ones",
        "uniform": "initializers.RandomUniform",
        "zero": "initializers.Zeros",
    },
    "losses": {**{old: f"losses.{new}" for old, new in LOSSES.items()}, "CosineProximity": "losses.CosineSimilarity"},
    "metrics": {
        **{old: f"losses.{new}" for old, new in LOSSES.items()},
        "CosineProximity": "metrics.CosineSimilarity",
    },
    "mixed_precision": {"set_policy": "mixed_precision.set_global_policy"},
    "constraints": {
        "maxnorm": "constraints.MaxNorm",
        "nonneg": "constraints.NonNeg",
        "unitnorm": "constraints.UnitNorm",
    },
    "layers": {
        "Container": "models.Model",
        "get_source_inputs": "utils.get_source_inputs",
        "SyncBatchNormalization": "layers.BatchNormalization",
        "Model": "models.Model",
        "Sequential": "models.Sequential",
    },
    "regularizers": {"activity_l1": "regularizers.L1", "activity_l2": "regularizers.L2", "l1l2": "regularizers.L1L2"},
    "models": {
        "Container": "models.Model",
        "Input": "layers.Input",
        "Layer": "layers.Layer",
        "Network": "models.Model",
        "Functional": "models.Model",
    },
    "utils": {"plot": "utils.plot_model"},
}
#: Functions of today whose keywords had other names.
FUNCTIONS = (".Input", "layers.Input", "utils.to_categorical", "datasets.imdb.load_data", "datasets.reuters.load_data")
#: What an old name gives that nothing of today does.
OWN: dict[str, dict[str, Any]] = {
    "backend": {
        **backend.NAMES,
        **backend_random.NAMES,
        **backend_nn.NAMES,
        **backend_images.NAMES,
        **backend_loops.NAMES,
        **backend_graph.NAMES,
    },
    "layers": {**old_layers.NAMES, "KerasTensor": KerasTensor},
    "losses": {"Reduction": old_objects.Reduction},
    "metrics": old_objects.METRICS,
    "models": {"load_model": files.load_model, "save_model": files.save_model},
    "regularizers": old_objects.REGULARIZERS,
    "saving": {"load_model": files.load_model, "save_model": files.save_model},
    "preprocessing.image": {
        **picture_changes.NAMES,
        "DataFrameIterator": picture_files.DataFrameIterator,
        "DirectoryIterator": picture_files.DirectoryIterator,
        "ImageDataGenerator": pictures.ImageDataGenerator,
        "Iterator": batches.Iterator,
        "NumpyArrayIterator": batches.NumpyArrayIterator,
    },
    "preprocessing.sequence": series.NAMES,
}


def find(path: str, name: str, missing: Any) -> Any:
    """Returns what an old name in a module gives, or `missing`.

    Args:
        path: The module of today, below this library: `"layers"`.
        name: The name.
        missing: What to return if it is not an old name.
    """
    if (path, name) == ("backend", "tf"):
        once.say("K.tf", "import tensorflow as tf")
        return importlib.import_module("tensorflow")
    own = OWN.get(path, {}).get(name, missing)
    if own is not missing:
        if path == "backend":  # a script that computes with these was written for TensorFlow's tensors
            module.change_tensors()
        return own
    alias = ALIASES.get(path, {}).get(name)
    return missing if alias is None else _at(alias)


def replaced(path: str, name: str, value: Any) -> Any:
    """Returns what a script gets for a name of today: a function that takes its old keywords, too, if it had others."""
    if f"{path}.{name}" in FUNCTIONS:
        return _renaming(value)
    own = OWN.get(path, {})
    return own.get(name, value)


@functools.cache
def _renaming(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__
    renamed = keywords.renaming(function, name, keywords.keywords_of(function), keywords.by_table(name))
    return _from_the_middle(renamed) if name == "Input" else renamed


def _from_the_middle(make: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the `Input` for which a tensor that was computed goes on to be what it is: models may begin with it."""

    @functools.wraps(make)
    def made(*args: Any, tensor: Any = None, **kwargs: Any) -> Any:
        if isinstance(tensor, KerasTensor) and not backend_graph.is_placeholder(tensor):
            once.say("Input(tensor=)", "keras.Model(tensor, outputs)")
            return tensor
        return make(*args, **kwargs) if tensor is None else make(*args, tensor=tensor, **kwargs)

    return made


def of_module(path: str) -> list[str]:
    """Returns the old names of a module."""
    return sorted({*ALIASES.get(path, {}), *OWN.get(path, {})})


def _at(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"{torchkeras_shim.__name__}.{module}"), name)
