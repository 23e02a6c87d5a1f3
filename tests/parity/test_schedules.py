"""Learning-rate schedules against Keras's, step by step."""

from __future__ import annotations

import inspect

import pytest
import torch

from tests.parity.oracle import assert_close, imported, keras
from torchkeras_shim.optimizers import schedules

CASES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 2.0, "cycle": True}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 9, "power": 0.5, "end_learning_rate": 0.01}),
    ("PiecewiseConstantDecay", {"boundaries": [5, 10], "values": [0.1, 0.01, 0.001]}),
    ("PiecewiseConstantDecay", {"boundaries": [3.7], "values": [0.1, 0.01]}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.2}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 20, "alpha": 0.2, "warmup_target": 0.1, "warmup_steps": 6},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5}),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 4, "t_mul": 1.0, "m_mul": 0.5, "alpha": 0.1},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4, "t_mul": 3.0, "m_mul": 0.9}),
]


@pytest.fixture(autouse=True)
def _no_compilation_in_the_oracle():
    """Keras on JAX compiles its conditions anew in every step, which takes most of a minute in all."""
    if keras.backend.backend() == "jax":
        with imported("jax").disable_jit():
            yield
    else:
        yield


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=str)
def test_values(name, kwargs):
    ours, theirs = getattr(schedules, name)(**kwargs), getattr(keras.optimizers.schedules, name)(**kwargs)
    for step in range(40):
        expected = theirs(step)
        assert_close(ours(step), expected, rtol=2e-5, atol=1e-8, message=f"step {step}")
        assert_close(ours(torch.tensor(step)), expected, rtol=2e-5, atol=1e-8, message=f"tensor step {step}")
        assert ours.rate_at(step) == pytest.approx(float(expected), rel=2e-5, abs=1e-8)
    assert ours(3).dtype == torch.float32
    assert ours(3).shape == ()


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=str)
def test_config(name, kwargs):
    ours, theirs = getattr(schedules, name)(**kwargs), getattr(keras.optimizers.schedules, name)(**kwargs)
    assert ours.get_config() == theirs.get_config()
    assert schedules.serialize(ours) == keras.optimizers.schedules.serialize(theirs)
    assert schedules.deserialize(keras.optimizers.schedules.serialize(theirs)).get_config() == ours.get_config()


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_constructor_signature(name):
    ours = inspect.signature(getattr(schedules, name)).parameters
    theirs = inspect.signature(getattr(keras.optimizers.schedules, name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("ExponentialDecay", (0.1, 0, 0.9)),
        ("InverseTimeDecay", (0.1, -1, 0.9)),
        ("PolynomialDecay", (0.1, 0)),
        ("CosineDecay", (0.1, 0)),
        ("CosineDecayRestarts", (0.1, 0)),
        ("PiecewiseConstantDecay", ([1, 2], [0.1])),
    ],
)
def test_errors_like_keras(name, args):
    with pytest.raises(ValueError) as theirs:
        getattr(keras.optimizers.schedules, name)(*args)
    with pytest.raises(ValueError) as ours:
        getattr(schedules, name)(*args)
    assert str(ours.value) == str(theirs.value)
