"""Methods and attributes of older models, layers, optimizers and metrics."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torchkeras_shim.compat.legacy import once
from torchkeras_shim.data import PyDataset
from torchkeras_shim.layers import RNN
from torchkeras_shim.models import Model
from torchkeras_shim.optimizers import Optimizer, schedules


def _round(data: Any, steps: int | None) -> Any:
    """Returns batches without an end where a number of steps is asked for: the generator methods began again."""
    return _endless(data) if steps is not None and isinstance(data, PyDataset) else data


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
    samples = kwargs.pop("samples_per_epoch", None)
    if samples is not None:
        raise TypeError(
            "fit_generator(samples_per_epoch=...) counted samples. Pass how many batches an epoch has: "
            f"model.fit(generator, steps_per_epoch={samples} // batch_size)."
        )
    if "nb_val_samples" in kwargs:
        raise TypeError("fit_generator(nb_val_samples=...) counted samples. Pass batches: validation_steps=...")
    return self.fit(
        _round(generator, steps_per_epoch),
        steps_per_epoch=steps_per_epoch,
        epochs=epochs,
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
    return self.evaluate(_round(generator, steps), steps=steps, callbacks=callbacks, **{"verbose": 0, **kwargs})


def _predict_generator(
    self: Model, generator: Any, steps: int | None = None, callbacks: Any = None, **kwargs: Any
) -> Any:
    once.say("model.predict_generator(generator)", "model.predict(generator)")
    return self.predict(_round(generator, steps), steps=steps, callbacks=callbacks, **{"verbose": 0, **kwargs})


def _predict_classes(self: Model, x: Any, batch_size: int = 32, verbose: Any = 0) -> np.ndarray:
    once.say("model.predict_classes(x)", "model.predict(x).argmax(axis=-1)` or `model.predict(x) > 0.5")
    found = np.asarray(self.predict(x, batch_size=batch_size, verbose=verbose))
    classes: np.ndarray = found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")
    return classes


def _predict_proba(self: Model, x: Any, batch_size: int = 32, verbose: Any = 0) -> Any:
    once.say("model.predict_proba(x)", "model.predict(x)")
    return self.predict(x, batch_size=batch_size, verbose=verbose)


def _lr(self: Optimizer) -> Any:
    once.say("optimizer.lr", "optimizer.learning_rate")
    return self.learning_rate


def _set_lr(self: Optimizer, value: Any) -> None:
    once.say("optimizer.lr", "optimizer.learning_rate")
    self.learning_rate = value


def _reset_model(self: Model) -> None:
    once.say("model.reset_states()", "layer.reset_state()` for each stateful layer of `model.layers")
    for module in self.modules():
        if isinstance(module, RNN):
            module.reset_state()


def _reset_states(self: Any) -> None:
    once.say("reset_states()", "reset_state()")
    self.reset_state()


#: What classes had: the class, the name, and what it is.
MODEL: dict[str, Callable[..., Any]] = {
    "fit_generator": _fit_generator,
    "evaluate_generator": _evaluate_generator,
    "predict_generator": _predict_generator,
    "predict_classes": _predict_classes,
    "predict_proba": _predict_proba,
    "reset_states": _reset_model,
}
OPTIMIZER = {"lr": property(_lr, _set_lr)}
RESET = {"reset_states": _reset_states}


def of_optimizer(old: dict[str, Any]) -> dict[str, Any]:
    """Returns the keywords of an optimizer: `lr` is its learning rate; `decay` is left to `decaying`."""
    new = {"learning_rate" if key == "lr" else key: value for key, value in old.items()}
    new.pop("schedule_decay", None)  # Nadam's own decay of its momentum is the same as today's default
    return new


def decaying(init: Callable[..., None]) -> Callable[..., None]:
    """Returns the `__init__` of an optimizer that takes `decay` and an `epsilon` of `None`.

    Args:
        init: The `__init__`, which takes a learning rate first.
    """
    default = inspect.signature(init).parameters["learning_rate"].default

    @functools.wraps(init)
    def decayed(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        if "epsilon" in kwargs and kwargs["epsilon"] is None:  # the backend's, which is the default
            del kwargs["epsilon"]
        decay = kwargs.pop("decay", None)
        if decay:
            once.say("optimizer(decay=)", "learning_rate=keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)")
            rate = args[0] if args else kwargs.pop("learning_rate", default)
            args = (schedules.InverseTimeDecay(rate, decay_steps=1, decay_rate=decay), *args[1:])
        init(self, *args, **kwargs)

    return decayed
