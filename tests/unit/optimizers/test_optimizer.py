"""The optimizer around its rule: settings, state, copies, errors, the user's own classes."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from torchkeras_shim import optimizers
from torchkeras_shim.core.custom_objects import CustomObjectScope
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import schedules


def pair():
    return [Variable([1.0, 2.0], name="w"), Variable([[1.0], [3.0]], name="kernel")]


def step(optimizer, variables, times=1):
    for _ in range(times):
        optimizer.apply([torch.ones_like(v).detach() for v in variables], variables)


# Learning rate and step count


def test_learning_rate_is_readable_and_settable():
    optimizer = optimizers.SGD(0.5)
    w = torch.nn.Parameter(torch.zeros(1))
    step(optimizer, [w])
    optimizer.learning_rate = 0.25
    step(optimizer, [w])
    optimizer.learning_rate.assign(1.0)
    step(optimizer, [w])
    optimizer.learning_rate.assign_sub(0.5)
    step(optimizer, [w])
    assert w.item() == -2.25
    assert float(optimizer.learning_rate) == 0.5
    assert optimizer.learning_rate.device.type == "cpu"
    optimizer.learning_rate = torch.tensor(0.125)
    assert float(optimizer.learning_rate) == 0.125


def test_iterations_count_and_can_be_set():
    optimizer = optimizers.Adam(schedules.PiecewiseConstantDecay([5], [0.1, 0.0]))
    w = torch.nn.Parameter(torch.zeros(1))
    step(optimizer, [w], 3)
    assert int(optimizer.iterations) == 3
    before = w.item()
    optimizer.iterations.assign(100)
    step(optimizer, [w])
    assert w.item() == before
    assert optimizer.iterations.numpy() == 101
    assert optimizer.iterations.dtype == torch.int64
    assert optimizer.variables[0].numpy() == 101


def test_schedule_is_shown_and_not_settable():
    optimizer = optimizers.SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    w = torch.nn.Parameter(torch.zeros(1))
    step(optimizer, [w], 3)
    assert w.item() == -1.75
    assert float(optimizer.learning_rate) == 0.125
    with pytest.raises(TypeError, match="not settable"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(2.0, 1, 1.0)
    step(optimizer, [w])
    assert w.item() == -3.75


def test_variable_rate_leaves_the_variables_when_a_schedule_replaces_it():
    optimizer = optimizers.SGD(0.5)
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    assert [v.name for v in optimizer.variables] == ["iteration"]


def test_own_schedule_and_callables():
    seen = []

    class Own(schedules.LearningRateSchedule):
        def __call__(self, step):
            seen.append(step)
            return 0.5 / (step + 1)

    class Adjusted(schedules.ExponentialDecay):
        def __call__(self, step):
            return 2.0 * super().__call__(step)

    w = torch.nn.Parameter(torch.zeros(1))
    step(optimizers.SGD(Own()), [w], 2)
    assert w.item() == -0.75
    assert [(s.dim(), s.device.type, int(s)) for s in seen] == [(0, "cpu", 0), (0, "cpu", 1)]
    for rate in (lambda: 0.5, lambda count: 0.5 if count == 0 else 0.25, Adjusted(0.25, 1, 1.0)):
        optimizer = optimizers.SGD(rate)
        w = torch.nn.Parameter(torch.zeros(1))
        step(optimizer, [w])
        assert w.item() == -0.5
        assert float(optimizer.learning_rate) in (0.5, 0.25)


def test_schedule_base_class_says_what_to_write():
    with pytest.raises(NotImplementedError, match="must override `__call__"):
        schedules.LearningRateSchedule()(0)
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        schedules.LearningRateSchedule().get_config()


def test_callable_rate_in_a_config():
    def my_rate():
        return 0.5

    with CustomObjectScope({"my_rate": my_rate}):
        config = optimizers.serialize(optimizers.SGD(my_rate))
        assert optimizers.deserialize(config)._rate.source is my_rate


# Settings


def test_settings_changed_after_build_are_heeded():
    w = torch.nn.Parameter(torch.zeros(1))
    optimizer = optimizers.SGD(1.0)
    optimizer.apply([torch.tensor([4.0])], [w])
    optimizer.clipvalue = 1.0
    optimizer.apply([torch.tensor([4.0])], [w])
    assert w.item() == -5.0
    optimizer.clipvalue = None
    optimizer.weight_decay = 0.5
    optimizer.apply([torch.tensor([0.0])], [w])
    assert w.item() == -2.5


def test_settings_changed_after_a_stepper_was_made_are_heeded():
    w = torch.nn.Parameter(torch.zeros(1))
    optimizer = optimizers.SGD(1.0)
    step(optimizer, [w])
    stepper = optimizer.stepper([w])
    stepper([torch.tensor([4.0])])
    optimizer.clipvalue = 1.0
    stepper([torch.tensor([4.0])])
    assert w.item() == -6.0
    with pytest.raises(ValueError, match="No gradients provided"):
        stepper([None])
    assert int(optimizer.iterations) == 3


def test_exclude_from_weight_decay_after_build():
    variables = pair()
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    step(optimizer, variables)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    before = [v.detach().clone() for v in variables]
    optimizer.apply([torch.zeros_like(v).detach() for v in variables], variables)
    drift = [v.detach() - b for v, b in zip(variables, before, strict=True)]
    momentum_only = optimizers.Adam(0.1)
    others = pair()
    step(momentum_only, others)
    middle = [v.detach().clone() for v in others]
    momentum_only.apply([torch.zeros_like(v).detach() for v in others], others)
    expected = [v.detach() - b for v, b in zip(others, middle, strict=True)]
    torch.testing.assert_close(drift[1], expected[1])
    torch.testing.assert_close(drift[0], expected[0] - 0.05 * before[0])


def test_zero_learning_rate_changes_nothing():
    variables = pair()
    step(optimizers.AdamW(0.0), variables, 2)
    assert variables[0].tolist() == [1.0, 2.0]


def test_ema_is_written_at_the_end():
    w = Variable([0.0], name="w")
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    step(optimizer, [w], 2)
    assert w.tolist() == [-2.0]
    optimizer.finalize_variable_values([w])
    assert w.tolist() == [-1.5]
    with pytest.raises(ValueError, match="length of model variables"):
        optimizer.finalize_variable_values([w, w])
    optimizers.SGD().finalize_variable_values([w])
    assert w.tolist() == [-1.5]


def test_scale_loss():
    assert optimizers.SGD(loss_scale_factor=8.0).scale_loss(2.0) == 16.0
    assert optimizers.SGD().scale_loss(2.0) == 2.0
    w = torch.nn.Parameter(torch.zeros(1))
    step(optimizers.SGD(1.0, loss_scale_factor=4.0), [w])
    assert w.item() == -0.25


def test_accumulation_drops_the_sum_of_a_variable_missing_at_the_update():
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = optimizers.SGD(1.0, gradient_accumulation_steps=2)
    optimizer.apply([torch.ones(1), torch.ones(1)], [first, second])
    assert (first.item(), second.item()) == (0.0, 0.0)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([torch.ones(1), None], [first, second])
    assert (first.item(), second.item()) == (-1.0, 0.0)
    step(optimizer, [first, second], 2)
    assert (first.item(), second.item()) == (-2.0, -1.0)
    assert int(optimizer.iterations) == 2


# Gradients and variables


def test_missing_gradients():
    variables = pair()
    optimizer = optimizers.SGD(1.0)
    with pytest.warns(UserWarning, match=r"\['kernel'\]"):
        optimizer.apply([torch.ones(2), None], variables)
    assert variables[0].tolist() == [0.0, 1.0]
    assert variables[1].tolist() == [[1.0], [3.0]]
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], variables)
    assert int(optimizer.iterations) == 1


def test_empty_gradients_do_nothing():
    optimizer = optimizers.SGD()
    optimizer.apply([])
    assert int(optimizer.apply_gradients([])) == 0


def test_errors_about_gradients_and_variables():
    variables = pair()
    optimizer = optimizers.SGD()
    with pytest.raises(ValueError, match=r"Call `optimizer.build\(trainable_variables\)` first"):
        optimizer.apply([torch.ones(2)])
    optimizer.build(variables)
    with pytest.raises(ValueError, match="Received a list of 1 gradients, but the optimizer is tracking 2"):
        optimizer.apply([torch.ones(2)])
    with pytest.raises(ValueError, match="Unknown variable: other"):
        optimizer.apply([torch.ones(1)], [Variable([1.0], name="other")])
    with pytest.raises(ValueError, match="1 gradients for 2 variables"):
        optimizer.apply([torch.ones(2)], variables)
    with pytest.raises(ValueError, match=r"shape \(3,\) for variable w of shape \(2,\)"):
        optimizer.apply([torch.ones(3), torch.ones(2, 1)], variables)
    step(optimizer, variables)
    with pytest.raises(ValueError, match="Unknown variable"):
        step(optimizer, pair())


def test_part_of_the_variables_in_another_order():
    variables = pair()
    optimizer = optimizers.SGD(1.0, momentum=0.5)
    step(optimizer, variables)
    optimizer.apply([torch.ones(2, 1), torch.zeros(2)], [variables[1], variables[0]])
    optimizer.apply([torch.zeros(2)], [variables[0]])
    optimizer.apply([torch.zeros(2), torch.zeros(2, 1)])
    assert variables[0].tolist() == [-0.875, 0.125]
    assert variables[1].tolist() == [[-2.25], [-0.25]]


def test_apply_gradients_from_zip_and_generators():
    variables = pair()
    optimizer = optimizers.SGD(1.0)
    grads = [torch.ones(2), torch.ones(2, 1)]
    assert int(optimizer.apply_gradients(zip(grads, variables, strict=True))) == 1
    assert int(optimizer.apply_gradients(list(zip(grads, variables, strict=True)))) == 2
    optimizer.apply(tuple(grads), tuple(variables))
    optimizer.apply(grads, (v for v in variables))
    assert variables[0].tolist() == [-3.0, -2.0]


def test_hand_written_torch_loop():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    x = torch.randn(64, 2)
    y = x[:, :1] * x[:, 1:]
    optimizer = optimizers.Adam(0.05)
    params = list(model.parameters())
    first = None
    for _ in range(150):
        loss = torch.nn.functional.mse_loss(model(x), y)
        first = loss.item() if first is None else first
        model.zero_grad()
        loss.backward()
        optimizer.apply([p.grad for p in params], params)
    assert loss.item() < 0.2 * first


# State


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("name", ["Adam", "SGD", "Nadam"])
def test_copies_continue_alike(copier, name):
    kwargs = {"momentum": 0.9} if name == "SGD" else {}
    variables = pair()
    optimizer = getattr(optimizers, name)(0.1, use_ema=True, **kwargs)
    step(optimizer, variables, 3)
    other, others = copier((optimizer, variables))
    assert int(other.iterations) == 3
    step(other, others, 2)
    assert int(optimizer.iterations) == 3
    step(optimizer, variables, 2)
    for one, two in zip([*variables, *optimizer.variables], [*others, *other.variables], strict=True):
        torch.testing.assert_close(one.detach(), two.detach(), rtol=0, atol=0)


def test_copy_before_build_and_with_schedule():
    optimizer = copy.deepcopy(optimizers.Adam(schedules.CosineDecay(0.1, 10)))
    step(optimizer, pair(), 1)
    assert float(optimizer.learning_rate) < 0.1


@pytest.mark.parametrize("name", ["Adam", "RMSprop", "Nadam"])
def test_save_and_load(name):
    variables = pair()
    optimizer = getattr(optimizers, name)(0.1)
    step(optimizer, variables, 3)
    store = {}
    optimizer.save_own_variables(store)
    assert list(store) == [str(i) for i in range(len(optimizer.variables))]
    assert store["0"] == 3
    others = [copy.deepcopy(v) for v in variables]
    other = getattr(optimizers, name)(0.5)
    other.build(others)
    other.load_own_variables(store)
    step(optimizer, variables, 2)
    step(other, others, 2)
    for one, two in zip(variables, others, strict=True):
        torch.testing.assert_close(one.detach(), two.detach(), rtol=0, atol=0)
    weights = [v.numpy() for v in optimizer.variables]
    other.set_weights(weights)
    assert int(other.iterations) == 5


def test_loading_what_does_not_fit():
    optimizer = optimizers.Adam()
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer 'adam'"):
        optimizer.load_own_variables({"0": np.array(1)})
    with pytest.raises(ValueError, match="has not yet been built"):
        optimizer.set_weights([])
    optimizer.build(pair())
    with pytest.raises(ValueError, match="not compatible with provided weight shape"):
        optimizer.set_weights([np.zeros(3)])


# The user's own optimizers


class KerasStyle(optimizers.Optimizer):
    def __init__(self, learning_rate=0.1, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.momentum = 0.9

    def build(self, variables):
        super().build(variables)
        self.momentums = [self.add_variable_from_reference(v, name="momentum") for v in variables]
        self.counter = self.add_variable((), "zeros", name="counter")

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, m * self.momentum - gradient * learning_rate)
        self.assign_add(variable, m)
        self.assign_add(self.counter, 1.0)


def test_own_optimizer_with_update_step():
    variables, others = pair(), pair()
    own, builtin = KerasStyle(weight_decay=0.1), optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1)
    step(own, variables, 4)
    step(builtin, others, 4)
    for one, two in zip(variables, others, strict=True):
        torch.testing.assert_close(one.detach(), two.detach())
    assert [v.path for v in own.variables][2:] == [
        "keras_style/w_momentum",
        "keras_style/kernel_momentum",
        "keras_style/counter",
    ]
    assert float(own.counter) == 8.0


def test_own_update_step_on_top_of_adam():
    class Doubled(optimizers.Adam):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient * 2, variable, learning_rate)

    variables, others = pair(), pair()
    own, builtin = Doubled(0.1, epsilon=0.5), optimizers.Adam(0.1, epsilon=0.5)
    for _ in range(3):
        step(own, variables)
        builtin.apply([torch.full_like(v, 2.0).detach() for v in others], others)
    for one, two in zip(variables, others, strict=True):
        torch.testing.assert_close(one.detach(), two.detach())


def test_mistakes_in_own_optimizers():
    class Forgot(optimizers.Optimizer):
        def __init__(self):
            self.momentum = 0.9

    with pytest.raises(RuntimeError, match=r"forgot to call `super\(\).__init__\(\)`"):
        Forgot()
    with pytest.raises(NotImplementedError, match="must override `update_step"):
        step(optimizers.Optimizer(0.1), pair())
    with pytest.raises(ValueError, match="number of provided names must match"):
        optimizers.SGD().add_optimizer_variables(pair(), ["a", "b"], ["zeros"])
    with pytest.raises(ValueError, match="layout"):
        optimizers.SGD().add_variable((2,), layout="x")


# Identifiers


@pytest.mark.parametrize("identifier", ["adam", "Adam", "ADAM", optimizers.Adam, optimizers.Adam()])
def test_get(identifier):
    assert type(optimizers.get(identifier)) is optimizers.Adam


def test_get_by_config_and_what_it_refuses():
    assert optimizers.get({"class_name": "RMSPROP", "config": {"rho": 0.5}}).rho == 0.5
    assert optimizers.get(None) is None
    with pytest.raises(ValueError, match=r"Could not interpret optimizer identifier: 'adm'.*Did you mean 'Adam'"):
        optimizers.get("adm")
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier: 3"):
        optimizers.get(3)


@pytest.mark.filterwarnings("default")
def test_arguments_that_are_refused():
    with pytest.raises(ValueError, match=r"not recognized: \{'lr': 0.1\}. Did you mean 'learning_rate'"):
        optimizers.Adam(lr=0.1)
    with pytest.raises(ValueError, match="Did you mean 'momentum'"):
        optimizers.SGD(momentun=0.1)
    with pytest.warns(UserWarning, match="`decay` is no longer supported"):
        optimizers.SGD(decay=0.1)
    with pytest.raises(ValueError, match=r"`learning_rate` should be float.*Received instead: learning_rate=big"):
        optimizers.SGD("big")
    with pytest.raises(ValueError, match="`weight_decay` must be a float"):
        optimizers.AdamW(weight_decay=None)
    with pytest.raises(ValueError, match=r"float between \[0, 1\]"):
        optimizers.SGD(momentum=2.0)
    with pytest.raises(ValueError, match="`beta_1`"):
        optimizers.Lion(beta_1=0.0)


def test_legacy_names_say_where_to_go():
    with pytest.raises(ImportError, match=r"Use `keras\.optimizers\.Adam` instead"):
        optimizers.legacy.Adam(learning_rate=0.1)


@pytest.mark.parametrize("kwargs", [{}, {"learning_rate": schedules.CosineDecay(0.1, 10)}])
def test_a_steady_step_is_a_few_python_calls(kwargs):
    import sys

    variables = pair()
    optimizer = optimizers.Adam(**kwargs)
    grads = [torch.ones(2), torch.ones(2, 1)]
    optimizer.apply(grads, variables)
    optimizer.apply(grads, variables)
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(frame.f_code.co_name) if event == "call" else None)
    try:
        optimizer.apply(grads, variables)
    finally:
        sys.setprofile(None)
    assert len(calls) <= (12 if kwargs else 6), calls
