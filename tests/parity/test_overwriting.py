"""Variables that are overwritten with their gradients: `variable.overwrite_with_gradient = True`."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import assert_close, imported, kept, keras
from torchkeras_shim import optimizers


@pytest.fixture(autouse=True)
def _no_compilation_in_the_oracle():
    if keras.backend.backend() == "jax":
        with imported("jax").disable_jit():
            yield
    else:
        yield


GRADIENT = np.array([[3.0, -4.0], [0.5, 2.0]], "float32")

# Whatever an optimizer does to others: rates, decay, clipping, scales, averages.
CASES = [
    ("SGD", {"learning_rate": 1.0, "momentum": 0.9}),
    ("SGD", {"learning_rate": 1.0, "clipnorm": 0.1, "weight_decay": 0.1}),
    ("SGD", {"learning_rate": 0.1, "global_clipnorm": 0.1}),
    ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 4.0}),
    ("SGD", {"learning_rate": 1.0, "gradient_accumulation_steps": 2}),
    ("Adam", {"amsgrad": True}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adafactor", {}),
    ("Ftrl", {}),
    ("Lion", {}),
    ("Lamb", {}),
    ("Muon", {}),
    ("ScheduleFreeAdamW", {}),
]


def steps(module, name, kwargs, is_wrapped=False, is_alone=False, late=False):
    """Returns two variables, the first of which is overwritten, after each of five steps, and the state's shapes."""
    made = getattr(module.optimizers, name)(**kwargs)
    optimizer = module.optimizers.LossScaleOptimizer(made, initial_scale=3.0) if is_wrapped else made
    first, second = (module.Variable(np.ones((2, 2), "float32"), name=n) for n in "ab")
    first.overwrite_with_gradient = not late
    values = []
    for number in range(5):
        first.overwrite_with_gradient = number >= 2 if late else True
        pairs = [(module.ops.convert_to_tensor(GRADIENT * (number + 1) * (-1) ** number), first)]
        if not is_alone:
            pairs.append((module.ops.convert_to_tensor(GRADIENT), second))
        optimizer.apply_gradients(pairs)
        values += [np.array(module.ops.convert_to_numpy(v)) for v in (first, second)]
    optimizer.finalize_variable_values([v for _, v in pairs])
    values += [np.array(module.ops.convert_to_numpy(v)) for v in (first, second)]
    return values, [list(v.shape) for v in optimizer.variables]


def check(*args, **kwargs):
    ours, our_shapes = steps(torchkeras_shim, *args, **kwargs)
    theirs, their_shapes = kept(steps, keras, *args, **kwargs)
    assert our_shapes == [list(shape) for shape in their_shapes]
    assert_close(ours, theirs)


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_the_new_value_is_the_gradient(name, kwargs):
    check(name, kwargs)


def test_no_loss_scale_divides_it():
    check("SGD", {"learning_rate": 0.5}, is_wrapped=True)


def test_it_may_be_the_only_variable():
    check("SGD", {"learning_rate": 0.5}, is_alone=True)


def test_it_may_be_set_later():
    check("SGD", {"learning_rate": 0.5, "momentum": 0.9}, late=True)


def test_no_average_is_kept_of_it():  # Keras on JAX fails here
    averaging = {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}
    both, _ = steps(torchkeras_shim, "SGD", averaging)
    value = torchkeras_shim.Variable(np.ones((2, 2), "float32"))
    optimizer = optimizers.SGD(**averaging)
    for number in range(5):
        optimizer.apply([torch.from_numpy(GRADIENT)], [value])
        np.testing.assert_array_equal(both[2 * number], GRADIENT * (number + 1) * (-1) ** number)
        assert_close(both[2 * number + 1], value.numpy())
    optimizer.finalize_variable_values([value])
    np.testing.assert_array_equal(both[-2], GRADIENT * 5)
    assert_close(both[-1], value.numpy())


def test_it_must_be_a_boolean():
    variable = torchkeras_shim.Variable([1.0])
    assert variable.overwrite_with_gradient is False
    with pytest.raises(TypeError, match="`overwrite_with_gradient` must be a boolean"):
        variable.overwrite_with_gradient = 1


def test_copies_are_overwritten_too():
    variable = torchkeras_shim.Variable([1.0])
    variable.overwrite_with_gradient = True
    assert copy.deepcopy(variable).overwrite_with_gradient
    before = torchkeras_shim.Variable.overwriting_changes
    assert pickle.loads(pickle.dumps(variable)).overwrite_with_gradient
    assert torchkeras_shim.Variable.overwriting_changes == before + 1


class _LargestInput(torch.autograd.Function):
    """Returns its input; the 'gradient' of the second argument is the largest value that came by."""

    @staticmethod
    def forward(ctx, x, largest):
        ctx.save_for_backward(x.max())
        return x + 0.0 * largest

    @staticmethod
    def backward(ctx, gradient):
        return gradient, ctx.saved_tensors[0]


class Observing(torchkeras_shim.layers.Layer):
    def build(self, shape):
        self.largest = self.add_weight((), "zeros", overwrite_with_gradient=True, name="largest")

    def call(self, x):
        return _LargestInput.apply(x, self.largest)


@pytest.mark.parametrize("optimizer", ["adam", "torch"])
def test_fit_overwrites_weights_of_layers(optimizer):
    model = torchkeras_shim.Sequential([torchkeras_shim.Input((3,)), Observing(), torchkeras_shim.layers.Dense(1)])
    observed = model.layers[0].largest
    model.compile(torch.optim.SGD(model.parameters(), 0.1) if optimizer == "torch" else optimizer, "mse")
    x = np.arange(12, dtype="float32").reshape(4, 3)
    before = model.layers[1].kernel.numpy()
    model.fit(x, np.ones((4, 1)), batch_size=2, epochs=2, shuffle=False, verbose=0)
    assert observed.numpy() == 11.0
    assert not np.array_equal(before, model.layers[1].kernel.numpy())
