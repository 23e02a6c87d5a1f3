"""What processes over which the weights are cut must compute as one does, and what they check of themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torchkeras_shim as keras
from tests.distributed.cases import classifier, data, fitted
from torchkeras_shim import layers

CASES: dict[str, Callable[[], Any]] = {}
TOGETHER: dict[str, Callable[[], Any]] = {}
WORLDS: dict[str, tuple[int, ...]] = {"plain": (1, 2, 4), "optimizers": (1, 2, 4)}


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a case under its name, run with the weights cut."""

    def run() -> Any:
        keras.distribution.set_distribution(keras.distribution.FullySharded())
        try:
            return function()
        finally:
            keras.distribution.set_distribution(keras.distribution.DataParallel())

    CASES[function.__name__] = run
    return run


def together(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a check that 2 processes run."""
    case(function)
    TOGETHER[function.__name__] = CASES.pop(function.__name__)
    return function


LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@case
def plain() -> Any:
    x, y = data()
    model = classifier(metrics=["accuracy"])
    result = fitted(model, x, y, validation_split=0.3)
    return {
        **result,
        "evaluated": model.evaluate(x, y, batch_size=9, verbose=0),
        "all rows": model.predict(x, verbose=0),
    }


OPTIMIZERS = [
    keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.05),
    keras.optimizers.Adam(0.05, global_clipnorm=0.1, gradient_accumulation_steps=3),
    keras.optimizers.AdamW(0.05, weight_decay=0.1, clipvalue=0.01, use_ema=True, ema_overwrite_frequency=3),
    keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    keras.optimizers.Lamb(0.05),
    keras.optimizers.Adafactor(0.05),
    keras.optimizers.Muon(0.05),
    keras.optimizers.Ftrl(0.05),
    keras.optimizers.Adagrad(0.05),
    keras.optimizers.Lion(0.01),
    keras.optimizers.ScheduleFreeAdamW(0.05),
    keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=64.0),
]


@case
def optimizers() -> Any:
    results = {}
    for optimizer in OPTIMIZERS:
        optimizer = type(optimizer).from_config(optimizer.get_config())
        model = classifier(optimizer=optimizer)
        results[type(optimizer).__name__] = fitted(model, *data(), epochs=1)
    return results


@together
def a_process_has_its_part() -> None:
    model = classifier(layers.Dense(16), optimizer="adam")
    model.fit(*data(), verbose=0)
    for weight in model.weights:
        assert isinstance(weight, keras.Variable)
        assert weight.to_local().numel() * 2 == weight.numel() or weight.shape[0] == 3, weight.path
    for slot in model.optimizer.variables[2:]:
        assert slot.to_local().numel() * 2 == slot.numel() or slot.shape[0] == 3, slot.path
    assert all(weight.grad is None for weight in model.weights)
    assert type(model) is keras.Sequential
    assert type(model.layers[0]) is layers.Dense
