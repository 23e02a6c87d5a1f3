"""What scripts in the zero-change mode find on the classes of this library; `remove` takes it away again."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import callbacks, layers, metrics, models, optimizers
from torchkeras_shim.compat.legacy import backend_graph, keywords, logs, methods, once, steps

_MISSING = object()
#: What `install` replaced: class, name, and what the class itself had.
_before: list[tuple[type, str, Any]] = []


def install() -> None:
    """Has the classes accept what older versions accepted. Calling it twice changes nothing."""
    if _before:
        return
    for name, cls in keywords.layer_classes().items():
        _set(cls, "__init__", keywords.accepting(cls, keywords.of_layer(name)))
    for cls in _optimizers():
        _set(cls, "__init__", methods.decaying(cls.__init__))  # type: ignore[misc]
        _set(cls, "__init__", keywords.accepting(cls, methods.of_optimizer))
    for cls in (callbacks.ReduceLROnPlateau, callbacks.TensorBoard):
        _set(cls, "__init__", keywords.accepting(cls, keywords.by_table(cls.__name__)))
    for owner, added in (
        (models.Model, methods.MODEL),
        (models.Model, {"compiled_loss": property(steps.CompiledLoss)}),
        (models.Model, {"compiled_metrics": property(steps.CompiledMetrics)}),
        (optimizers.Optimizer, {**methods.OPTIMIZER, "minimize": steps.minimize}),
        (optimizers.Optimizer, {"get_updates": backend_graph.get_updates}),
        (metrics.Metric, methods.RESET),
        (layers.RNN, methods.RESET),
    ):
        for name, value in added.items():
            if not hasattr(owner, name):
                _set(owner, name, value)
    for name in ("fit", "compile", "evaluate", "predict"):
        # Where it is defined, so that a class that overrides it can be told by comparing with that.
        home = next(cls for cls in models.Model.__mro__ if name in cls.__dict__)
        method = getattr(home, name)
        table = keywords.by_table("compile" if name == "compile" else "fit")
        _set(home, name, keywords.renaming(method, f"model.{name}", keywords.keywords_of(method), table))
    _set(callbacks.History, "__init__", logs.recording(callbacks.History.__init__))
    _set(callbacks.CallbackList, "on_epoch_end", logs.telling(callbacks.CallbackList.on_epoch_end))


def remove() -> None:
    """Undoes `install`, and has the warnings come again."""
    while _before:
        cls, name, value = _before.pop()
        if value is _MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, value)
    once.forget()


def _set(cls: type, name: str, value: Any) -> None:
    _before.append((cls, name, cls.__dict__.get(name, _MISSING)))
    setattr(cls, name, value)


def _optimizers() -> list[type]:
    found = [getattr(optimizers, name) for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")]
    return [*found, optimizers.Ftrl, optimizers.AdamW]
