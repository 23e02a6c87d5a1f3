"""Seeds: what repeats, what goes on, and what is refused."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import initializers, layers, random
from torchkeras_shim.core import config
from torchkeras_shim.core.seeding import generator_for

DRAWS = {
    "normal": lambda seed: random.normal((8,), seed=seed),
    "uniform": lambda seed: random.uniform((8,), seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((8,), seed=seed),
    "gamma": lambda seed: random.gamma((8,), 2.0, seed=seed),
    "beta": lambda seed: random.beta((8,), 2.0, 3.0, seed=seed),
    "binomial": lambda seed: random.binomial((8,), 1000, 0.5, seed=seed),
    "randint": lambda seed: random.randint((8,), 0, 10**6, seed=seed),
    "categorical": lambda seed: random.categorical(torch.zeros(1, 1000), 8, seed=seed),
    "dropout": lambda seed: random.dropout(torch.ones(64), 0.5, seed=seed),
    "shuffle": lambda seed: random.shuffle(torch.arange(64), seed=seed),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_number_repeats_and_a_generator_goes_on(name):
    draw = DRAWS[name]
    first = draw(5)
    assert torch.equal(first, draw(5))
    assert not torch.equal(first, draw(6))
    one, other = random.SeedGenerator(5), random.SeedGenerator(5)
    sequence = [draw(one) for _ in range(3)]
    assert torch.equal(sequence[0], first)
    assert not torch.equal(sequence[0], sequence[1])
    assert not torch.equal(sequence[1], sequence[2])
    assert all(torch.equal(a, draw(other)) for a in sequence)


@pytest.mark.parametrize("name", DRAWS)
def test_without_a_seed_the_global_generator_decides(name):
    draw = DRAWS[name]
    keras.utils.set_random_seed(1)
    first, second = draw(None), draw(None)
    keras.utils.set_random_seed(1)
    assert torch.equal(first, draw(None))
    assert not torch.equal(first, second)


def test_a_seed_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    random.normal((3,), seed=9)
    assert torch.equal(torch.rand(2), expected)


def test_all_of_a_seed_counts():
    """torch's CPU generator takes 32 bits; seeds and counts must not collide in them."""
    draws = {random.uniform((1,), seed=seed).item() for seed in (1, 2, 2**31, 2**32, 2**32 + 1, 2**40, -1)}
    assert len(draws) == 7
    generator = random.SeedGenerator(0)
    assert len({random.uniform((1,), dtype="float64", seed=generator).item() for _ in range(2000)}) == 2000


def test_the_state_can_be_kept_copied_and_put_back():
    generator = random.SeedGenerator(3)
    random.normal((2,), seed=generator)
    kept = generator.state.numpy()
    assert kept.tolist() == [3, 1]
    first = random.normal((2,), seed=generator)
    for clone in (copy.deepcopy(generator), pickle.loads(pickle.dumps(generator))):
        assert clone.state.tolist() == [3, 2]
    generator.state = kept
    assert torch.equal(first, random.normal((2,), seed=generator))
    rebuilt = random.SeedGenerator.from_config(generator.get_config())
    assert rebuilt.state.tolist() == [3, 0]
    assert "draws=2" in repr(generator)


def test_default_seeds_and_names():
    keras.utils.set_random_seed(4)
    first = random.SeedGenerator()
    keras.utils.set_random_seed(4)
    assert first.state.tolist() == random.SeedGenerator().state.tolist()
    assert first.get_config()["seed"] is None
    keras.backend.clear_session()
    assert [random.SeedGenerator(1).name for _ in range(2)] == ["seed_generator", "seed_generator_1"]


@pytest.mark.parametrize("seed", ["a", 1.5, True])
def test_other_seeds_are_refused(seed):
    with pytest.raises(ValueError, match="`seed` must be an integer"):
        random.SeedGenerator(seed)
    with pytest.raises(ValueError, match="SeedGenerator"):
        random.normal((2,), seed=seed)
    with pytest.raises(ValueError, match="Unrecognized"):
        random.SeedGenerator(1, sed=2)


def test_a_layer_with_a_generator():
    class Noise(layers.Layer):
        def __init__(self, seed, **kwargs):
            super().__init__(**kwargs)
            self.seed_generator = random.SeedGenerator(seed)

        def call(self, x, training=False):
            return random.dropout(x, 0.5, seed=self.seed_generator) if training else x

    x = torch.ones(4, 16)
    layer, twin = Noise(3), Noise(3)
    assert torch.equal(layer(x), x)
    first, second = layer(x, training=True), layer(x, training=True)
    assert not torch.equal(first, second)
    assert torch.equal(twin(x, training=True), first)
    assert torch.equal(copy.deepcopy(twin)(x, training=True), second)
    model = keras.Sequential([keras.Input((16,)), Noise(3), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, torch.zeros(4, 1), epochs=2, verbose=0)
    assert model.layers[0].seed_generator.state[1] >= 2


@pytest.mark.parametrize("cls", ["RandomNormal", "RandomUniform", "TruncatedNormal", "GlorotUniform", "Orthogonal"])
def test_initializers_go_on_with_a_generator(cls):
    build = getattr(initializers, cls)
    initializer = build(seed=random.SeedGenerator(5, name="g"))
    first, second = initializer((3, 3)), initializer((3, 3))
    assert not torch.equal(first, second)
    assert torch.equal(first, build(seed=5)((3, 3)))
    again = initializers.deserialize(initializers.serialize(initializer))
    assert torch.equal(again((3, 3)), first)
    assert torch.equal(initializer.clone()((3, 3)), first)


def test_initializers_and_functions_draw_alike():
    assert torch.equal(initializers.RandomNormal(0.0, 1.0, seed=5)((4,)), random.normal((4,), seed=5).cpu())
    assert torch.equal(
        initializers.TruncatedNormal(0.0, 1.0, seed=5)((4,)), random.truncated_normal((4,), seed=5).cpu()
    )


def test_values_live_on_the_default_device_and_beside_their_parameters(device):
    with keras.device(device):
        assert random.normal((2,)).device.type == device.type
        assert random.dropout(torch.ones(2, device=device), 0.5, seed=1).device.type == device.type
    parameter = torch.ones(2, device=device)
    assert random.gamma((3, 2), parameter, seed=1).device.type == device.type
    assert generator_for(1, torch.device("meta")) is None


def test_symbolic_inputs():
    x = keras.Input((4,))
    outputs = random.shuffle(random.dropout(x, 0.5, seed=random.SeedGenerator(1)), axis=1)
    assert outputs.shape == (None, 4)
    assert random.categorical(x, 3).shape == (None, 3)
    assert keras.Model(x, outputs)(torch.ones(2, 4)).shape == (2, 4)


def test_bounds_types_and_shapes():
    low = random.uniform((1000,), 3.0, 3.0 + 2e-7, seed=1)
    assert bool((low == 3.0).all())  # the next float32 above is the upper bound itself
    assert random.normal(3).shape == (3,)
    assert random.normal([2, 3], dtype="float64").dtype == torch.float64
    config.set_floatx("float64")
    try:
        assert random.beta((2,), 1.0, 1.0).dtype == torch.float64
    finally:
        config.set_floatx("float32")
    assert random.randint((5,), 0, 2, dtype=None).dtype == torch.int32
    assert torch.isfinite(random.beta((1000,), 1e-3, 1e-3, seed=1)).all()


def test_gradients_flow_through_what_was_drawn():
    x = torch.ones(100, requires_grad=True)
    random.dropout(x, 0.5, seed=1).sum().backward()
    assert set(x.grad.tolist()) == {0.0, 2.0}
    stddev = torch.tensor([1.0, 2.0], requires_grad=True)
    random.normal((3, 2), stddev=stddev, seed=1).sum().backward()
    assert torch.allclose(stddev.grad, random.normal((3, 2), seed=1).sum(dim=0))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.normal((2,), dtype="int32"), ValueError, "floating point"),
        (lambda: random.gamma((2,), 1.0, dtype="bool"), ValueError, "floating point"),
        (lambda: random.randint((2,), 0, 3, dtype="bool"), ValueError, "integer `dtype`"),
        (lambda: random.randint((2,), 3, 3), ValueError, "larger than"),
        (lambda: random.gamma((2,), torch.ones(3)), ValueError, "broadcast"),
        (lambda: random.categorical(torch.ones(2), 1), ValueError, "2-D"),
        (lambda: random.dropout(torch.ones(2), 1.5), ValueError, "between 0 and 1"),
        (lambda: random.dropout(torch.ones(2, 3), 0.5, noise_shape=(2, 2)), ValueError, "noise_shape"),
        (lambda: random.dropout(torch.ones(2, 3), 0.5, noise_shape=(2,)), ValueError, "noise_shape"),
        (lambda: random.normal(1.5), TypeError, "shape"),
    ],
)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()
