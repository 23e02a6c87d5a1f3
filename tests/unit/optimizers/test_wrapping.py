"""Loss scaling and several optimizers in one: what only this library has, copies, and the way through a model."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from torchkeras_shim import optimizers
from torchkeras_shim.core.variable import Variable


def variables():
    return [Variable(np.ones((2, 3), "float32"), name="a"), Variable(np.ones(3, "float32"), name="b")]


def grads(value):
    return [torch.full((2, 3), value), torch.full((3,), value)]


@pytest.mark.parametrize(
    ("inner", "waits"),
    [
        (lambda: optimizers.Adam(), False),
        (lambda: optimizers.AdamW(), False),
        (lambda: optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1), False),
        (lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True), True),
        (lambda: optimizers.Adam(use_ema=True), True),
        (lambda: optimizers.Adam(gradient_accumulation_steps=2), True),
        (lambda: optimizers.RMSprop(), True),
    ],
)
def test_who_leaves_a_step_out_on_the_device(inner, waits):
    optimizer = optimizers.LossScaleOptimizer(inner(), initial_scale=2.0)
    optimizer.build(variables())
    assert optimizer._leaves_out is not waits


def test_a_step_left_out_changes_nothing_but_the_scale():
    own = variables()
    optimizer = optimizers.LossScaleOptimizer(optimizers.AdamW(0.1), initial_scale=2.0)
    optimizer.build(own)
    optimizer.apply(grads(1.0), own)
    before = [variable.numpy() for variable in (*own, *optimizer.inner_optimizer.variables)]
    optimizer.apply([grads(1.0)[0], torch.full((3,), float("nan"))], own)
    assert float(optimizer.dynamic_scale) == 1.0
    for one, other in zip(before, (*own, *optimizer.inner_optimizer.variables), strict=True):
        np.testing.assert_array_equal(one, other.numpy())


@pytest.mark.parametrize("inner", [lambda: optimizers.Adam(0.1), lambda: optimizers.RMSprop(0.1)])
def test_which_steps_count(inner, device):
    """On a GPU Adam's count is known one step late; nobody may see that."""
    own = [torch.nn.Parameter(torch.ones(3, device=device))]
    plain_own = [torch.nn.Parameter(torch.ones(3, device=device))]
    optimizer, plain = optimizers.LossScaleOptimizer(inner(), initial_scale=4.0, dynamic_growth_steps=3), inner()
    optimizer.build(own)
    plain.build(plain_own)
    step, good = optimizer.stepper(own), 0
    for value in (1.0, float("inf"), 0.5, float("nan"), float("nan"), -2.0, 1.0, 1.0, 1.0):
        scale = float(optimizer.dynamic_scale)
        step([torch.full((3,), value * scale, device=device)])
        if np.isfinite(value):
            plain.apply([torch.full((3,), value, device=device)], plain_own)
            good += 1
        assert int(optimizer.iterations) == good
    torch.testing.assert_close(own[0], plain_own[0])
    assert float(optimizer.dynamic_scale) == 4.0 * 0.5**3 * 2.0


def test_gradients_given_to_apply_stay_as_they_are():
    own, given = variables(), grads(4.0)
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=4.0)
    optimizer.apply(given, own)
    assert float(given[0][0, 0]) == 4.0
    assert own[0].numpy()[0, 0] == pytest.approx(0.9)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_go_on_alone(duplicate):
    own = variables()
    optimizer = optimizers.LossScaleOptimizer(optimizers.Adam(0.1), initial_scale=2.0)
    optimizer.build(own)
    optimizer.apply([grads(1.0)[0], torch.full((3,), float("inf"))], own)
    other = duplicate(optimizer)
    assert int(other.iterations) == 0
    assert float(other.dynamic_scale) == 1.0
    state = [variable.numpy() for variable in optimizer.variables]
    other.apply(grads(float("inf")), other._trainable_variables)
    other.apply(grads(1.0), other._trainable_variables)
    assert int(other.iterations) == 1
    for one, variable in zip(state, optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, variable.numpy())


def test_around_a_torch_optimizer():
    own = [torch.nn.Parameter(torch.ones(2))]
    optimizer = optimizers.LossScaleOptimizer(optimizers.get(torch.optim.SGD(own, lr=0.5)), initial_scale=4.0)
    optimizer.build(own)
    step = optimizer.stepper(own)
    step([torch.full((2,), float("inf"))])
    step([torch.full((2,), 2.0)])
    assert own[0].tolist() == [0.5, 0.5]


def test_scaling_twice_is_refused():
    with pytest.raises(TypeError, match="scales no loss itself"):
        optimizers.LossScaleOptimizer(optimizers.LossScaleOptimizer(optimizers.SGD()))
    with pytest.raises(TypeError, match="inner_optimizer"):
        optimizers.LossScaleOptimizer("sgd")
    with pytest.raises(ValueError, match="initial_scale"):
        optimizers.LossScaleOptimizer(optimizers.SGD()).loss_scale_factor = 4.0


def test_learning_rate_is_the_inner_one():
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.5))
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == float(optimizer.learning_rate) == 0.25


def test_state_of_loss_scaling_is_saved():
    first, second = (optimizers.LossScaleOptimizer(optimizers.Adam(), initial_scale=2.0) for _ in range(2))
    first.apply(grads(float("inf")), variables())
    first.apply(grads(1.0))
    store = {}
    first.save_own_variables(store)
    second.build(variables())
    second.load_own_variables(store)
    assert float(second.dynamic_scale) == 1.0
    assert int(second.iterations) == 1


def test_several_optimizers_of_a_function_and_torch_parameters():
    w, v = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    fast, slow = optimizers.SGD(0.5), optimizers.SGD(0.25)
    optimizer = optimizers.MultiOptimizer(lambda p: fast if p is w else slow)
    optimizer.build([w, v])
    optimizer.apply([torch.ones(1), torch.ones(1)], [v, w])  # another order
    assert (w.item(), v.item()) == (0.5, 0.75)
    assert optimizer.optimizers == [fast, slow]
    assert optimizers.MultiOptimizer(optimizers.OptimizerMap(slow))._optimizer_map(w) is slow


@pytest.mark.parametrize("wrong", [None, "sgd", optimizers.MultiOptimizer(lambda v: None)])
def test_several_optimizers_need_optimizers(wrong):
    with pytest.raises(ValueError, match="Optimizer for variable a"):
        optimizers.MultiOptimizer(lambda variable: wrong).build(variables())


def test_several_optimizers_want_all_gradients():
    optimizer = several = optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD()))
    own = variables()
    several.build(own)
    with pytest.raises(ValueError, match="one-to-one"):
        optimizer.apply([torch.ones(2, 3)], own[:1])


def test_ranks_of_ftrl_arguments():
    for argument in ("initial_accumulator_value", "l1_regularization_strength"):
        with pytest.raises(ValueError, match=f"`{argument}` needs to be positive or zero"):
            optimizers.Ftrl(**{argument: -1.0})
    with pytest.raises(ValueError, match="negative or zero"):
        optimizers.Ftrl(learning_rate_power=0.5)


@pytest.mark.parametrize("name", ["Adafactor", "Lamb", "Muon", "Ftrl", "ScheduleFreeAdamW"])
def test_state_follows_the_model_to_another_type(name):
    module = torch.nn.Linear(3, 2)
    optimizer = getattr(optimizers, name)(0.1)
    own = list(module.parameters())
    optimizer.apply([torch.ones_like(p) for p in own], own)
    module.double()
    optimizer.apply([torch.ones_like(p) for p in own], own)
    assert all(torch.isfinite(p).all() for p in own)


@pytest.mark.parametrize("name", ["Adafactor", "Lamb", "Muon", "Ftrl", "ScheduleFreeAdamW"])
def test_update_takes_tensors_for_numbers(name):
    """As a captured step gives them."""
    results = []
    for as_tensors in (False, True):
        own = variables()
        optimizer = getattr(optimizers, name)(0.1)
        optimizer.build(own)
        for _ in range(2):
            numbers = optimizer.step_scalars()
            optimizer.update(grads(0.5), [torch.tensor(number) for number in numbers] if as_tensors else numbers)
            optimizer.advance()
        results.append([variable.numpy() for variable in own])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
