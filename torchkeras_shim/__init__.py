"""Keras's API, written natively on PyTorch: `import torchkeras_shim as keras`.

The names here are Keras's public ones. They are loaded when first used, so that importing the package costs little more
than importing torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from torchkeras_shim.core.spinning import bound_spinning as _bound_spinning
from torchkeras_shim.core.tables import load_all as _load_all

if TYPE_CHECKING:
    from torchkeras_shim.core.device import device
    from torchkeras_shim.core.dtype_policies import DTypePolicy, FloatDTypePolicy
    from torchkeras_shim.core.operation import Operation
    from torchkeras_shim.core.symbolic import KerasTensor
    from torchkeras_shim.core.variable import Variable
    from torchkeras_shim.initializers import Initializer
    from torchkeras_shim.layers import Input, InputSpec, Layer
    from torchkeras_shim.layers.remat import RematScope, remat
    from torchkeras_shim.losses import Loss
    from torchkeras_shim.metrics import Metric
    from torchkeras_shim.models import Model, Sequential
    from torchkeras_shim.models.function import Function
    from torchkeras_shim.optimizers import Optimizer
    from torchkeras_shim.regularizers import Regularizer

    from . import (
        activations,
        applications,
        backend,
        callbacks,
        config,
        constraints,
        datasets,
        distillation,
        distribution,
        dtype_policies,
        export,
        initializers,
        layers,
        legacy,
        losses,
        metrics,
        mixed_precision,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        tree,
        utils,
        visualization,
        wrappers,
    )

__version__ = "0.2.0"

_bound_spinning()  # before anything loads torch

# What each name is: a module of this package, or (module, attribute).
_MODULES = (
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "distillation",
    "distribution",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
    "visualization",
    "wrappers",
)
_ATTRIBUTES = {
    "DTypePolicy": "core.dtype_policies",
    "FloatDTypePolicy": "core.dtype_policies",
    "Function": "models.function",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "core.symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Operation": "core.operation",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "RematScope": "layers.remat",
    "Sequential": "models",
    "StatelessScope": "core.stateless_scope",
    "Variable": "core.variable",
    "device": "core.device",
    "name_scope": "core.naming",
    "remat": "layers.remat",
}

# What `%load_ext torchkeras_shim` asks for. They are not Keras's, so they are not in `__all__`.
_NOTEBOOK = ("load_ipython_extension", "unload_ipython_extension")

# Names of Keras 3 that this version does not have: asked for, they are told apart from misspelt ones.
NOT_YET = (
    "Quantizer",
    "SymbolicScope",
    "quantizers",
)

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "Variable",
    "__version__",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "device",
    "distillation",
    "distribution",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "version",
    "visualization",
    "wrappers",
]


def version() -> str:
    """Returns this library's version.

    Example:
        >>> version() == __version__
        True
    """
    return __version__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _ATTRIBUTES:
        value = getattr(importlib.import_module(f"{__name__}.{_ATTRIBUTES[name]}"), name)
        globals()[name] = value
        return value
    if name in _NOTEBOOK:
        return getattr(importlib.import_module(f"{__name__}.compat.notebook"), name)
    if name.startswith("__"):  # protocols of Python and its tools ask for many such names
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torchkeras_shim.core.errors import did_you_mean

    if name in NOT_YET:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: Keras has it, this version does not yet.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{did_you_mean(name, __all__)}")


def _load_everything() -> None:
    for name in _MODULES:
        importlib.import_module(f"{__name__}.{name}")


_load_all.append(_load_everything)


def __dir__() -> list[str]:
    return sorted({*__all__, *(key for key in globals() if key.startswith("__"))})
