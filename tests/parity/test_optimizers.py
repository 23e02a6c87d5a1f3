"""Whole trajectories of every optimizer against Keras's, on tensors of mixed scale and memory layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import imported, kept, keras, to_numpy
from torchkeras_shim import optimizers
from torchkeras_shim.core.variable import Variable

SHAPES = [(6, 5), (5,), (3, 3, 2, 4)]
WEIGHT_SCALES = [1.0, 1e-3, 0.1]
GRAD_SCALES = [1.0, 1e-4, 30.0]
STEPS = 24


@pytest.fixture(autouse=True)
def _no_compilation_in_the_oracle():
    """Keras on JAX compiles its conditions anew in every step, which takes most of a minute in all."""
    if keras.backend.backend() == "jax":
        with imported("jax").disable_jit():
            yield
    else:
        yield


def conv_layout(array):
    """A variable whose logical shape is HWIO and whose memory is OHWI."""
    tensor = torch.from_numpy(np.ascontiguousarray(array.transpose(3, 0, 1, 2))).permute(1, 2, 3, 0)
    variable = Variable(tensor, name="kernel")
    assert not variable.is_contiguous()
    return variable


def make_variables():
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=s).astype("float32") * c for s, c in zip(SHAPES, WEIGHT_SCALES, strict=True)]
    ours = [Variable(arrays[0], name="a"), torch.nn.Parameter(torch.tensor(arrays[1])), conv_layout(arrays[2])]
    theirs = [keras.Variable(array, dtype="float32", name=f"v{i}") for i, array in enumerate(arrays)]
    return ours, theirs


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=s).astype("float32") * c for s, c in zip(SHAPES, GRAD_SCALES, strict=True)]


def check(ours, theirs, step, tolerance=2e-5):
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        expected = to_numpy(other)
        np.testing.assert_allclose(
            to_numpy(one), expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(),
            err_msg=f"variable {index} after step {step}",
        )  # fmt: skip


def ours_and_theirs(name, kwargs):
    kwargs = dict(kwargs)
    pair = []
    for module in (optimizers, keras.optimizers):
        own = {"name": "same", **kwargs}
        if isinstance(own.get("learning_rate"), tuple):
            schedule, *args = own["learning_rate"]
            own["learning_rate"] = getattr(module.schedules, schedule)(*args)
        pair.append(getattr(module, name)(**own))
    return pair


RULES = [
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.03, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    ("AdamW", {"learning_rate": 0.01}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.02, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.02, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5}),
    ("RMSprop", {"learning_rate": 0.01, "rho": 0.7, "momentum": 0.5, "centered": True, "epsilon": 1e-2}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 1e-2}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"rho": 0.5, "epsilon": 1e-3}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.8}),
    ("Adafactor", {"learning_rate": 0.1}),
    ("Adafactor", {"learning_rate": 0.5, "beta_2_decay": -0.5, "epsilon_2": 0.1, "clip_threshold": 0.5}),
    ("Adafactor", {"relative_step": False, "epsilon_1": 1e-3}),
    ("Ftrl", {"learning_rate": 0.1}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 1.0, "l2_regularization_strength": 0.1}),
    (
        "Ftrl",
        {"learning_rate": 0.5, "learning_rate_power": -0.3, "l2_shrinkage_regularization_strength": 0.1, "beta": 0.2},
    ),
    ("Ftrl", {"learning_rate_power": 0.0, "initial_accumulator_value": 0.0}),
    ("Lamb", {"learning_rate": 0.01}),
    ("Lamb", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Muon", {"learning_rate": 0.01}),
    ("Muon", {"learning_rate": 0.01, "nesterov": False, "rms_rate": None, "ns_steps": 3, "momentum": 0.8}),
    ("Muon", {"learning_rate": 0.01, "weight_decay": None, "adam_weight_decay": 0.5, "adam_lr_ratio": 0.1}),
    ("Muon", {"learning_rate": 0.01, "weight_decay": 0.5, "adam_weight_decay": None}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "warmup_steps": 7}),
]
EXTRAS = [
    ("Adam", {"clipnorm": 0.5}),
    ("SGD", {"clipvalue": 0.3, "momentum": 0.9}),
    ("SGD", {"global_clipnorm": 5.0}),
    ("RMSprop", {"global_clipnorm": 5.0e9}),
    ("Adam", {"weight_decay": 0.01}),
    ("RMSprop", {"weight_decay": 0.1, "clipnorm": 1.0}),
    ("Lion", {"weight_decay": 0.1}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.9}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 5}),
    ("Adam", {"loss_scale_factor": 128.0}),
    ("Adam", {"gradient_accumulation_steps": 3}),
    ("Nadam", {"gradient_accumulation_steps": 3}),
    ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 4, "clipnorm": 0.5, "weight_decay": 0.1}),
    (
        "AdamW",
        {
            "gradient_accumulation_steps": 2,
            "use_ema": True,
            "ema_momentum": 0.8,
            "ema_overwrite_frequency": 3,
            "global_clipnorm": 5.0,
            "loss_scale_factor": 4.0,
        },
    ),
    ("Adafactor", {"weight_decay": 0.1, "clipvalue": 0.5, "use_ema": True, "ema_overwrite_frequency": 5}),
    # Ftrl subtracts square roots of accumulators: with clipped gradients and the default start of 0.1 they agree in all
    # but a few bits, and what is left is the rounding of the processor at hand, in Keras as here.
    (
        "Ftrl",
        {
            "weight_decay": 0.1,
            "gradient_accumulation_steps": 2,
            "global_clipnorm": 5.0,
            "initial_accumulator_value": 1e-3,
        },
    ),
    ("Lamb", {"weight_decay": 0.1, "clipnorm": 0.5, "loss_scale_factor": 16.0}),
    ("Muon", {"clipnorm": 0.5, "gradient_accumulation_steps": 2, "use_ema": True}),
    ("ScheduleFreeAdamW", {"weight_decay": 0.1, "gradient_accumulation_steps": 3}),
    ("Adafactor", {"learning_rate": ("CosineDecay", 0.1, 15)}),
    ("Muon", {"learning_rate": ("ExponentialDecay", 0.1, 5, 0.5)}),
    ("Adam", {"learning_rate": ("ExponentialDecay", 0.1, 5, 0.5)}),
    ("SGD", {"learning_rate": ("CosineDecay", 0.0, 15, 0.1, "x", 0.1, 5), "momentum": 0.9}),
    ("RMSprop", {"learning_rate": ("PiecewiseConstantDecay", [4, 9], [0.1, 0.01, 0.001])}),
    ("Adam", {"learning_rate": ("PolynomialDecay", 0.1, 12), "gradient_accumulation_steps": 2}),
]


@pytest.mark.parametrize(("name", "kwargs"), RULES + EXTRAS, ids=lambda value: str(value))
def test_trajectory(name, kwargs):
    ours, theirs = ours_and_theirs(name, kwargs)
    our_variables, their_variables = make_variables()
    for step in range(STEPS):
        grads = gradients(step)
        ours.apply([torch.from_numpy(grad) for grad in grads], our_variables)
        theirs.apply(grads, their_variables)
        check(our_variables, their_variables, step)
    assert int(ours.iterations) == int(theirs.iterations)
    assert len(ours.variables) == len(theirs.variables)
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        expected = to_numpy(other.value)
        np.testing.assert_allclose(
            to_numpy(one),
            expected,
            rtol=1e-4,
            atol=1e-5 * max(float(np.abs(expected).max()), 1e-30),
            err_msg=other.path,
        )
    ours.finalize_variable_values(our_variables)
    theirs.finalize_variable_values(their_variables)
    check(our_variables, their_variables, "the end")


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Nadam"])
def test_change_of_learning_rate_in_the_middle(name):
    kwargs = {"momentum": 0.9} if name == "SGD" else {}
    ours, theirs = ours_and_theirs(name, {"learning_rate": 0.05, **kwargs})
    our_variables, their_variables = make_variables()
    for step in range(STEPS):
        if step == 8:
            ours.learning_rate = 0.005
            theirs.learning_rate = 0.005
        if step == 16:
            ours.learning_rate.assign(0.02)
            theirs.learning_rate.assign(0.02)
        grads = gradients(step)
        ours.apply([torch.from_numpy(grad) for grad in grads], our_variables)
        theirs.apply(grads, their_variables)
    check(our_variables, their_variables, "the last")
    assert float(ours.learning_rate) == pytest.approx(0.02)


# With accumulation Keras's backends disagree: TensorFlow drops a missing variable's sum at an update, JAX keeps it.
@pytest.mark.parametrize("kwargs", [{}, {"use_ema": True, "clipnorm": 1.0}])
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_some_gradients_missing(kwargs):
    ours, theirs = ours_and_theirs("Adam", {"learning_rate": 0.01, **kwargs})
    our_variables, their_variables = make_variables()
    for step in range(10):
        grads = gradients(step)
        missing = step % 4
        our_grads = [None if i == missing else torch.from_numpy(grad) for i, grad in enumerate(grads)]
        ours.apply(our_grads, our_variables)
        theirs.apply([None if i == missing else grad for i, grad in enumerate(grads)], their_variables)
        check(our_variables, their_variables, step)


def test_constraints():
    ours, theirs = ours_and_theirs("SGD", {"learning_rate": 0.1, "momentum": 0.9})
    our_variables, their_variables = make_variables()
    our_variables[0].constraint = lambda w: w.clamp(min=0)
    their_variables[0].constraint = keras.constraints.NonNeg()
    for step in range(6):
        grads = gradients(step)
        ours.apply([torch.from_numpy(grad) for grad in grads], our_variables)
        theirs.apply(grads, their_variables)
        check(our_variables, their_variables, step)
    assert (our_variables[0] >= 0).all()


def test_exclusion_from_weight_decay():
    ours, theirs = ours_and_theirs("AdamW", {"learning_rate": 0.1, "weight_decay": 0.5})
    our_variables, their_variables = make_variables()
    ours.exclude_from_weight_decay(var_list=[our_variables[1]], var_names=["ker"])
    theirs.exclude_from_weight_decay(var_list=[their_variables[1]], var_names=["v2"])
    for step in range(6):
        grads = gradients(step)
        ours.apply([torch.from_numpy(grad) for grad in grads], our_variables)
        theirs.apply(grads, their_variables)
        check(our_variables, their_variables, step)


@pytest.mark.parametrize(("name", "kwargs"), RULES + EXTRAS, ids=lambda value: str(value))
def test_config(name, kwargs):
    ours, theirs = ours_and_theirs(name, kwargs)
    config = ours.get_config()
    assert config == theirs.get_config()
    assert list(config) == list(theirs.get_config())
    assert optimizers.serialize(ours) == keras.optimizers.serialize(theirs)
    assert type(ours).from_config(config).get_config() == config
    assert optimizers.deserialize(keras.optimizers.serialize(theirs)).get_config() == config


@pytest.mark.parametrize("name", sorted({name for name, _ in RULES}))
def test_default_name(name):
    keras.utils.clear_session()
    for _ in range(2):
        assert getattr(optimizers, name)().name == getattr(keras.optimizers, name)().name


@pytest.mark.parametrize("name", sorted({name for name, _ in RULES}))
def test_constructor_signature(name):
    import inspect

    ours = inspect.signature(getattr(optimizers, name)).parameters
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters
    assert [(p.name, p.default, p.kind) for p in ours.values()] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("Adam", {"amsgrad": True, "use_ema": True, "gradient_accumulation_steps": 2}),
        ("SGD", {"momentum": 0.9}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Adadelta", {}),
        ("Adamax", {}),
        ("Nadam", {}),
        ("Adafactor", {}),
        ("Ftrl", {}),
        ("Lamb", {}),
        ("Muon", {}),
        ("ScheduleFreeAdamW", {}),
    ],
)
def test_names_and_order_of_variables(name, kwargs):
    ours, theirs = ours_and_theirs(name, kwargs)
    ours.build([Variable(np.zeros((2, 3)), name="a"), Variable(np.zeros(3), name="b")])
    theirs.build([keras.Variable(np.zeros((2, 3)), name="a"), keras.Variable(np.zeros(3), name="b")])
    last = -1 if name == "Nadam" else None  # the product's automatic name counts all variables of the process
    assert [v.path for v in ours.variables][:last] == [v.path for v in theirs.variables][:last]
    assert [tuple(v.shape) for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"clipnorm": 1.0, "clipvalue": 1.0},
        {"gradient_accumulation_steps": 1},
        {"use_ema": True, "ema_momentum": 1.5},
        {"use_ema": True, "ema_overwrite_frequency": 0.5},
        {"learning_rate": 1},
        {"lr": 0.1},
    ],
    ids=str,
)
def test_errors_like_keras(kwargs):
    with pytest.raises(ValueError) as theirs:
        keras.optimizers.Adam(**kwargs)
    with pytest.raises(ValueError) as ours:
        optimizers.Adam(**kwargs)
    assert str(ours.value).startswith(str(theirs.value).rstrip("."))


def test_saved_state_of_keras_continues_here():
    ours, theirs = ours_and_theirs("Adam", {"learning_rate": 0.01})
    our_variables, their_variables = make_variables()
    for step in range(5):
        theirs.apply(gradients(step), their_variables)
    store = {}
    theirs.save_own_variables(store)
    ours.build(our_variables)
    ours.load_own_variables({key: np.asarray(value) for key, value in store.items()})
    for one, other in zip(our_variables, their_variables, strict=True):
        with torch.no_grad():
            one.copy_(torch.tensor(np.asarray(other.value)))
    for step in range(5, 10):
        grads = gradients(step)
        ours.apply([torch.from_numpy(grad) for grad in grads], our_variables)
        theirs.apply(grads, their_variables)
        check(our_variables, their_variables, step)
    assert int(ours.iterations) == 10


def muon_steps(module, matrix):
    optimizer = module.optimizers.Muon(rms_rate=0.2)
    matrix = module.ops.convert_to_tensor(matrix)
    return [to_numpy(optimizer.lr_adjust(matrix)), to_numpy(optimizer.zeropower_via_newtonschulz5(matrix, 5))]


@pytest.mark.parametrize("shape", [(2, 2), (4, 2), (2, 5)])
def test_the_two_parts_of_a_step_of_muon(shape):
    matrix = np.random.RandomState(0).standard_normal(shape).astype("float32")
    for ours, theirs in zip(muon_steps(torchkeras_shim, matrix), kept(muon_steps, keras, matrix), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
