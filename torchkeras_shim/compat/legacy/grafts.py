"""What scripts in the zero-change mode find on the classes of this library; `remove` takes it away again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torchkeras_shim import callbacks, constraints, layers, metrics, models, optimizers, regularizers
from torchkeras_shim.compat.legacy import (
    backend_graph,
    closures,
    effects,
    files,
    frozen,
    inside_layers,
    keywords,
    logs,
    merged,
    methods,
    names,
    old_attributes,
    old_optimizers,
    once,
    steps,
)
from torchkeras_shim.core.tables import TABLES
from torchkeras_shim.models.functional import Functional

_MISSING = object()
#: What `install` replaced: a class or table, a name, and what the owner itself had.
_before: list[tuple[Any, str, Any]] = []


def install() -> None:
    """Has the classes accept what older versions accepted. Calling it twice changes nothing."""
    if _before:
        return
    for cls in keywords.layer_classes():
        _set(cls, "__init__", keywords.accepting_layer(cls))
    for cls in _optimizers():
        _set(cls, "__init__", old_optimizers.decaying(cls.__init__))  # type: ignore[misc]
        _set(cls, "__init__", keywords.accepting(cls, old_optimizers.of_optimizer))
    for cls in _RENAMING:
        _set(cls, "__init__", keywords.accepting(cls, keywords.by_table(cls.__name__)))
    _set(models.Model, "__new__", staticmethod(keywords.by_name(models.Model.__new__, "Model")))
    _set(models.Model, "__init__", keywords.by_name(models.Model.__init__, "Model"))
    for owner, added in _ADDED:
        for name, value in added.items():
            if not hasattr(owner, name):
                _set(owner, name, value)
    for name in ("fit", "compile", "evaluate", "predict"):
        method = getattr(models.Model, name)
        table = keywords.by_table("compile" if name == "compile" else "fit")
        changed = keywords.renaming(method, f"model.{name}", keywords.keywords_of(method), table)
        _set(_definer(models.Model, name), name, changed)
    for owner, name, change in _CHANGED:
        definer = _definer(owner, name)
        _set(definer, name, change(definer.__dict__[name]))
    for module, renamed in _STRINGS:
        registry = TABLES[module]
        _set(registry, "lookup", keywords.knowing(registry.lookup, renamed))


#: Classes whose constructors had other keywords.
_RENAMING: tuple[type, ...] = (
    callbacks.ReduceLROnPlateau,
    callbacks.TensorBoard,
    constraints.MaxNorm,
    regularizers.L1,
    regularizers.L2,
)
#: What classes had and have no longer.
_ADDED: tuple[tuple[type, dict[str, Any]], ...] = (
    (models.Model, methods.MODEL),
    (models.Model, {"compiled_loss": property(steps.CompiledLoss)}),
    (models.Model, {"compiled_metrics": property(steps.CompiledMetrics)}),
    (optimizers.Optimizer, {**old_optimizers.OPTIMIZER, "minimize": steps.minimize}),
    (optimizers.Optimizer, {"get_updates": backend_graph.get_updates}),
    (metrics.Metric, methods.RESET),
    (layers.RNN, methods.RESET),
    (layers.Layer, {**methods.LAYER, **inside_layers.LAYER, "add_metric": effects.add_metric}),
    (layers.MultiHeadAttention, inside_layers.ATTENTION),
    (Functional, inside_layers.FUNCTIONAL),
    *old_attributes.of_layers(),
)
#: Methods that did more, and what makes such a one of today's.
_CHANGED: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (callbacks.History, "__init__", logs.recording),
    (callbacks.CallbackList, "on_epoch_end", logs.telling),
    (callbacks.EarlyStopping, "_find_direction", logs.directed),
    (callbacks.ProgbarLogger, "__init__", methods.counting),
    (callbacks.ModelCheckpoint, "__init__", files.checking),
    (callbacks.ModelCheckpoint, "on_epoch_end", files.by_period),
    (models.Model, "compile", closures.giving_values),
    (models.Model, "compile", frozen.noting),
    (models.Model, "fit", frozen.training),
    (models.Model, "train_on_batch", frozen.training),
    (layers.Layer, "add_weight", methods.adding),
    (layers.Layer, "input", methods.entering),
    (optimizers.Optimizer, "learning_rate", old_optimizers.settable),
    (optimizers.Optimizer, "set_weights", old_optimizers.restoring),
    (layers.Layer, "trainable_weights", methods.assignable),
    (layers.Layer, "add_loss", effects.adding_losses),
    (models.Model, "layers", old_attributes.listing),
    (models.Model, "outputs", old_attributes.settable),
    (models.Sequential, "outputs", old_attributes.settable),
    (models.Sequential, "__init__", merged.initialized),
    (models.Sequential, "add", merged.adding),
    (models.Model, "save", lambda save: functools.wraps(save)(files.save_model)),
    (models.Model, "save_weights", files.saving_weights),
    (models.Model, "load_weights", files.loading_weights),
)
#: Strings that `compile` and layers took.
_STRINGS: tuple[tuple[str, dict[str, str]], ...] = (
    ("keras.losses", names.LOSSES),
    ("keras.metrics", {**names.LOSSES, "logcosh": "log_cosh_error"}),
    ("keras.constraints", {"maxnorm": "max_norm", "nonneg": "non_neg", "unitnorm": "unit_norm"}),
)


def remove() -> None:
    """Undoes `install`, and has the warnings come again."""
    while _before:
        owner, name, value = _before.pop()
        if value is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, value)
    once.forget()


def _definer(cls: type, name: str) -> type:
    """Returns the class that a class has a method from: some ask whether the method there was overridden."""
    return next(one for one in cls.__mro__ if name in one.__dict__)


def _set(owner: Any, name: str, value: Any) -> None:
    _before.append((owner, name, owner.__dict__.get(name, _MISSING)))
    setattr(owner, name, value)


def _optimizers() -> list[type]:
    found = [getattr(optimizers, name) for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")]
    return [*found, optimizers.Ftrl, optimizers.AdamW]
