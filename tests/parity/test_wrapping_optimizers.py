"""Loss scaling and several optimizers in one, against Keras's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

from tests.parity.oracle import keras, to_numpy
from tests.parity.test_optimizers import (
    STEPS,
    check,
    gradients,
    make_variables,
    ours_and_theirs,
)
from tests.parity.test_optimizers import _no_compilation_in_the_oracle as _no_compilation_in_the_oracle
from torchkeras_shim import optimizers

INNER = [
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"learning_rate": 0.01, "amsgrad": True, "clipnorm": 0.5}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.3}),
    ("SGD", {"learning_rate": 0.02}),
    ("SGD", {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Adam", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.8}),
    ("Adam", {"learning_rate": 0.01, "gradient_accumulation_steps": 2}),
    ("Adam", {"learning_rate": ("ExponentialDecay", 0.1, 5, 0.5)}),
]
BAD = {3: "inf", 4: "nan", 11: "-inf"}


def scaled(step, scale):
    grads = [grad * np.float32(scale) for grad in gradients(step)]
    if step in BAD:
        grads[step % 3].flat[1] = float(BAD[step])
    return grads


def pair(name, kwargs, **own):
    ours, theirs = ours_and_theirs(name, kwargs)
    own = {"initial_scale": 64.0, "dynamic_growth_steps": 4, "name": "scaling", **own}
    return optimizers.LossScaleOptimizer(ours, **own), keras.optimizers.LossScaleOptimizer(theirs, **own)


def same_variables(ours, theirs):
    assert [v.path for v in ours.variables][:4] == [v.path for v in theirs.variables][:4]
    # Keras forgets Nadam's last variable, a product that it needs to go on, where Nadam is wrapped.
    assert len(ours.variables) - len(theirs.variables) == isinstance(theirs.inner_optimizer, keras.optimizers.Nadam)
    for one, other in zip(ours.variables, theirs.variables, strict=False):
        expected = to_numpy(other.value)
        largest = float(np.abs(expected).max())
        np.testing.assert_allclose(
            to_numpy(one), expected, rtol=1e-4, atol=1e-5 * max(largest, 1e-30), err_msg=other.path
        )


@pytest.mark.parametrize("by", ["apply", "stepper"])
@pytest.mark.parametrize(("name", "kwargs"), INNER, ids=str)
def test_trajectory_with_steps_left_out(name, kwargs, by):
    ours, theirs = pair(name, kwargs)
    our_variables, their_variables = make_variables()
    ours.build(our_variables)
    theirs.build(their_variables)
    step_of = ours.stepper(our_variables) if by == "stepper" else lambda grads: ours.apply(grads, our_variables)
    for step in range(STEPS):
        scale = float(theirs.dynamic_scale.value)
        assert float(ours.scale_loss(torch.ones(()))) == scale == float(theirs.scale_loss(np.float32(1.0)))
        grads = scaled(step, scale)
        step_of([torch.from_numpy(grad.copy()) for grad in grads])
        theirs.apply(grads, their_variables)
        check(our_variables, their_variables, step)
        assert int(ours.step_counter) == int(theirs.step_counter.value)
        if step % 5 == 4:
            assert int(ours.iterations) == int(theirs.iterations)
    same_variables(ours, theirs)
    ours.finalize_variable_values(our_variables)
    theirs.finalize_variable_values(their_variables)
    check(our_variables, their_variables, "the end")


def test_config_of_loss_scaling():
    ours, theirs = pair("SGD", {"momentum": 0.9})
    assert ours.get_config() == theirs.get_config()
    config = keras.optimizers.serialize(theirs)
    assert optimizers.serialize(ours) == config
    assert optimizers.deserialize(config).get_config() == ours.get_config()
    assert keras.optimizers.deserialize(optimizers.serialize(ours)).get_config() == ours.get_config()


@pytest.mark.parametrize(
    "kwargs", [{"dynamic": False}, {"clipnorm": 1.0}, {"use_ema": True}, {"loss_scale_factor": 2.0}, {"nonsense": 1}]
)
def test_errors_of_loss_scaling(kwargs):
    with pytest.raises(ValueError) as theirs:
        keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), **kwargs)
    with pytest.raises(ValueError) as ours:
        optimizers.LossScaleOptimizer(optimizers.SGD(), **kwargs)
    assert str(ours.value) == str(theirs.value)


def test_old_defaults_are_accepted():
    old = {"weight_decay": None, "use_ema": False, "ema_momentum": 0.99, "clipnorm": None, "dynamic": True}
    assert optimizers.LossScaleOptimizer(optimizers.SGD(), **old).initial_scale == 2.0**15


# Several optimizers ---------------------------------------------------------------------------------------------------


def several(module, name="several", **kwargs):
    chosen = module.optimizers.OptimizerMap(
        module.optimizers.SGD(0.02, momentum=0.9, name="default"),
        {"(a|v0)": module.optimizers.Adam(0.01, name="first", use_ema=True), "none": module.optimizers.Adam(name="no")},
    )
    return module.optimizers.MultiOptimizer(chosen, name=name, **kwargs)


class Ours:
    optimizers = optimizers


@pytest.mark.parametrize("kwargs", [{}, {"loss_scale_factor": 8.0}])
@pytest.mark.parametrize("by", ["apply", "stepper"])
def test_trajectory_of_several_optimizers(kwargs, by):
    ours, theirs = several(Ours, **kwargs), several(keras, **kwargs)
    our_variables, their_variables = make_variables()
    ours.build(our_variables)
    step_of = ours.stepper(our_variables) if by == "stepper" else lambda grads: ours.apply(grads, our_variables)
    for step in range(STEPS):
        grads = gradients(step)
        step_of([torch.from_numpy(grad) for grad in grads])
        theirs.apply(grads, their_variables)
        check(our_variables, their_variables, step)
    assert int(ours.iterations) == int(theirs.iterations) == STEPS
    assert [tuple(v.shape) for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]
    assert [v.path for v in ours.variables][:4] == [v.path for v in theirs.variables][:4]
    assert float(ours.scale_loss(torch.ones(()))) == float(theirs.scale_loss(1.0))
    ours.finalize_variable_values(our_variables)
    theirs.finalize_variable_values(their_variables)
    check(our_variables, their_variables, "the end")


def test_config_of_several_optimizers():
    ours, theirs = several(Ours), several(keras)
    config = keras.optimizers.serialize(theirs)
    assert optimizers.serialize(ours) == config
    assert optimizers.serialize(optimizers.deserialize(config)) == config
    assert keras.optimizers.serialize(keras.optimizers.deserialize(optimizers.serialize(ours))) == config


def test_map_of_optimizers():
    for module in (Ours, keras):
        optimizer = module.optimizers.SGD()
        chosen = module.optimizers.OptimizerMap(optimizer)
        chosen["encoder/.*"] = inner = module.optimizers.Adam()
        assert chosen["encoder/dense/kernel"] is inner
        assert chosen["encoder"] is optimizer
        assert len(chosen) == 1
        assert list(chosen) == ["encoder/.*"]
        chosen[".*/dense/.*"] = module.optimizers.Adam()
        with pytest.raises(ValueError, match="Multiple optimizers"):
            chosen["encoder/dense/kernel"]
        with pytest.raises(ValueError, match="already exists"):
            chosen["encoder/.*"] = optimizer
        with pytest.raises(ValueError, match="cannot be LossScaleOptimizer"):
            chosen["x"] = module.optimizers.LossScaleOptimizer(module.optimizers.SGD())
        with pytest.raises(TypeError, match="default_optimizer must be"):
            module.optimizers.OptimizerMap("sgd")
        with pytest.raises(AttributeError, match="Learning rate cannot be accessed"):
            _ = module.optimizers.MultiOptimizer(chosen).learning_rate


@pytest.mark.parametrize("name", sorted({n for n in dir(keras.optimizers) if n[0].isupper()} - {"Optimizer"}))
def test_every_public_class_exists_with_keras_arguments(name):
    import inspect

    ours = inspect.signature(getattr(optimizers, name)).parameters
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


def test_every_public_schedule_exists():
    assert {n for n in dir(keras.optimizers.schedules) if not n.startswith("_")} <= set(dir(optimizers.schedules))
