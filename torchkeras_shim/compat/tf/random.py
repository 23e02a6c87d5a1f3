"""`tf.random`: TensorFlow's laws and rules of seeds with torch's numbers."""

from __future__ import annotations

import enum
import math
import random as python_random
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core.device import default_device
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.seeding import mixed

#: One generator for each `seed=` since the last `set_seed`: a call goes on where the one before it stopped.
_generators: dict[tuple[Any, ...], torch.Generator] = {}
#: TensorFlow's own, until a script sets one: functions with `seed=` repeat from run to run without it, too.
DEFAULT_SEED = 87654321
_global_seed: list[int | None] = [None]


@public("random.set_seed", "compat.v1.set_random_seed", "set_random_seed")
def set_seed(seed: int | None) -> None:
    """Lets all random numbers repeat, those of functions with `seed=` too; after `None` they are others each time."""
    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(int(seed))
        python_random.seed(int(seed))  # the library's own seed generators start from Python's numbers
    _global_seed[0] = None if seed is None else int(seed)
    _generators.clear()


@public("python.eager.context.global_seed")
def global_seed() -> int | None:
    """Returns the last seed of `set_seed`, `None` if there is none. Packages ask for it inside of TensorFlow."""
    return _global_seed[0]


def _generator(seed: Any, *call: Any) -> torch.Generator | None:
    if seed is None:
        return None
    key = (*call, int(seed))
    if key not in _generators:
        _generators[key] = torch.Generator(default_device()).manual_seed(mixed(_known_seed(), int(seed)))
    return _generators[key]


def _known_seed() -> int:
    return DEFAULT_SEED if _global_seed[0] is None else _global_seed[0]


def _draw_uniform(shape: Any, low: Any, high: Any, dtype: Any, generator: Any) -> Any:
    sizes, wanted = as_sizes(shape), as_dtype(dtype)
    if wanted.is_integer:
        if high is None:
            raise ValueError(f"Must specify maxval for integer dtype {wanted!r}")
        low, high = int(low or 0), int(high)
        if low >= high:
            raise InvalidArgumentError(f"Need minval < maxval, got {low} >= {high} [Op:RandomUniformInt]")
        return torch.randint(low, high, sizes, generator=generator, dtype=wanted.torch_dtype, device=default_device())
    draws = torch.rand(sizes, generator=generator, dtype=wanted.torch_dtype, device=default_device())
    low, high = 0.0 if low is None else low, 1.0 if high is None else high
    return (
        draws
        if (low, high) == (0.0, 1.0)
        else draws * (like(high) - like(low)).to(draws.dtype) + like(low).to(draws.dtype)
    )


def _draw_normal(shape: Any, mean: Any, stddev: Any, dtype: Any, generator: Any) -> Any:
    draws = torch.randn(
        as_sizes(shape), generator=generator, dtype=as_dtype(dtype).torch_dtype, device=default_device()
    )
    return draws * convert(stddev, dtype) + convert(mean, dtype)


def _draw_truncated(shape: Any, mean: Any, stddev: Any, dtype: Any, generator: Any) -> Any:
    """Normal numbers within two deviations, by the inverse of their distribution."""
    edge = 0.5 * (1 + math.erf(-2 / math.sqrt(2)))
    u = torch.rand(as_sizes(shape), generator=generator, dtype=torch.float64, device=default_device())
    draws = torch.special.ndtri(edge + u * (1 - 2 * edge)).clamp(-2, 2).to(as_dtype(dtype).torch_dtype)
    return draws * convert(stddev, dtype) + convert(mean, dtype)


@tf_op("random.uniform")
def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Numbers from `minval` up to and without `maxval`."""
    return _draw_uniform(shape, minval, maxval, dtype, _generator(seed, "uniform"))


@tf_op("random.normal")
def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Normal numbers."""
    return _draw_normal(shape, mean, stddev, dtype, _generator(seed, "normal"))


@tf_op("random.truncated_normal")
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    """Normal numbers within two deviations of the mean."""
    return _draw_truncated(shape, mean, stddev, dtype, _generator(seed, "truncated_normal"))


@tf_op("random.shuffle")
def shuffle(value: Any, seed: Any = None) -> Any:
    """A tensor with its rows in a random order."""
    x = like(value)
    order = torch.randperm(len(x), generator=_generator(seed, "shuffle"), device=default_device())
    return x[order]


@tf_op("random.categorical")
def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Classes drawn by the softmax of each row."""
    drawn = torch.multinomial(
        torch.softmax(like(logits), -1), int(num_samples), True, generator=_generator(seed, "categorical")
    )
    return drawn.to(torch.int64 if dtype is None else as_dtype(dtype).torch_dtype)


@tf_op("random.gamma")
def gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32", seed: Any = None) -> Any:
    """Numbers of the gamma distribution, with gradients for its parameters."""
    alpha = convert(alpha, dtype)
    beta = torch.ones_like(alpha) if beta is None else convert(beta, dtype)
    alpha, beta = alpha + torch.zeros_like(beta), beta + torch.zeros_like(alpha)
    with _seeded(_generator(seed, "gamma")):
        return torch.distributions.Gamma(alpha, beta).rsample(as_sizes(shape))


@tf_op("random.poisson")
def poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None) -> Any:
    """Numbers of the Poisson distribution."""
    rate = convert(lam, dtype)
    return torch.poisson(rate.expand(*as_sizes(shape), *rate.shape), generator=_generator(seed, "poisson"))


class _seeded:
    """Runs what takes no generator with the numbers of one."""

    def __init__(self, generator: torch.Generator | None) -> None:
        self._generator = generator

    def __enter__(self) -> None:
        if self._generator is not None:
            self._fork = torch.random.fork_rng()
            self._fork.__enter__()
            torch.manual_seed(int(torch.randint(2**62, (), generator=self._generator)))

    def __exit__(self, *error: Any) -> None:
        if self._generator is not None:
            self._fork.__exit__(*error)


def _stateless(seed: Any) -> torch.Generator:
    pair = [int(one) for one in like(seed).tolist()]
    if len(pair) != 2:
        raise InvalidArgumentError(f"seed must have shape [2], not [{len(pair)}]")
    return torch.Generator(default_device()).manual_seed(mixed(*pair))


@tf_op("random.stateless_uniform")
def stateless_uniform(
    shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", alg: Any = "auto_select"
) -> Any:
    """Uniform numbers that depend on the pair of seeds alone."""
    return _draw_uniform(shape, minval, maxval, dtype, _stateless(seed))


@tf_op("random.stateless_normal")
def stateless_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", alg: Any = "auto_select"
) -> Any:
    """Normal numbers that depend on the pair of seeds alone."""
    return _draw_normal(shape, mean, stddev, dtype, _stateless(seed))


@tf_op("random.stateless_truncated_normal")
def stateless_truncated_normal(
    shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", alg: Any = "auto_select"
) -> Any:
    """Truncated normal numbers that depend on the pair of seeds alone."""
    return _draw_truncated(shape, mean, stddev, dtype, _stateless(seed))


@tf_op("random.stateless_categorical")
def stateless_categorical(logits: Any, num_samples: Any, seed: Any, dtype: Any = "int64") -> Any:
    """Classes that depend on the pair of seeds alone."""
    drawn = torch.multinomial(torch.softmax(like(logits), -1), int(num_samples), True, generator=_stateless(seed))
    return drawn.to(as_dtype(dtype).torch_dtype)


@tf_op("random.experimental.stateless_shuffle", "random.stateless_shuffle")
def stateless_shuffle(value: Any, seed: Any, alg: Any = "auto_select") -> Any:
    """An order of the rows that depends on the pair of seeds alone."""
    x = like(value)
    return x[torch.randperm(len(x), generator=_stateless(seed), device=default_device())]


@tf_op("random.stateless_gamma")
def stateless_gamma(shape: Any, seed: Any, alpha: Any, beta: Any = None, dtype: Any = "float32") -> Any:
    """Numbers of the gamma distribution, by the pair of seeds alone; `shape` ends with that of the parameters."""
    alpha = convert(alpha, dtype)
    beta = torch.ones_like(alpha) if beta is None else convert(beta, dtype)
    sizes = as_sizes(shape)
    with _seeded(_stateless(seed)):
        return torch.distributions.Gamma(alpha.expand(sizes), beta.expand(sizes)).rsample()


@tf_op("random.stateless_poisson")
def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = "int32") -> Any:
    """Numbers of the Poisson distribution, by the pair of seeds alone."""
    rate = like(lam).float().expand(as_sizes(shape))
    return torch.poisson(rate, generator=_stateless(seed)).to(as_dtype(dtype).torch_dtype)


@tf_op("random.stateless_binomial")
def stateless_binomial(shape: Any, seed: Any, counts: Any, probs: Any, output_dtype: Any = "int32") -> Any:
    """Numbers of the binomial distribution, by the pair of seeds alone."""
    sizes = as_sizes(shape)
    trials, chance = like(counts).float().expand(sizes), like(probs).float().expand(sizes)
    drawn = torch.binomial(trials.contiguous(), chance.contiguous(), generator=_stateless(seed))
    return drawn.to(as_dtype(output_dtype).torch_dtype)


@tf_op("random.fold_in", "random.experimental.stateless_fold_in")
def fold_in(seed: Any, data: Any, alg: Any = "auto_select") -> Any:
    """Another pair of seeds, which depends on a number, too."""
    pair = [int(one) for one in like(seed).tolist()]
    return split(torch.tensor([mixed(*pair) % 2**31, int(data)]), 1)[0]


@public("random.Algorithm", "random.experimental.Algorithm")
class Algorithm(enum.Enum):
    """How random numbers are made: torch's way in any case."""

    PHILOX = 1
    THREEFRY = 2
    AUTO_SELECT = 3


@tf_op("random.split", "random.experimental.stateless_split")
def split(seed: Any, num: int = 2, alg: Any = "auto_select") -> Any:
    """Pairs of seeds made of one pair."""
    return torch.randint(-(2**31), 2**31 - 1, (num, 2), generator=_stateless(seed), dtype=torch.int64).to(torch.int32)


@public("random.Generator", "random.experimental.Generator")
class Generator:
    """A source of random numbers with a state of its own.

    Example:
        >>> a, b = Generator.from_seed(1), Generator.from_seed(1)
        >>> bool((a.normal([3]) == b.normal([3])).all())
        True
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> Generator:
        """Returns a generator that repeats."""
        return cls(torch.Generator(default_device()).manual_seed(int(seed)))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """Returns a generator that does not repeat."""
        generator = torch.Generator(default_device())
        generator.seed()
        return cls(generator)

    def reset_from_seed(self, seed: int) -> None:
        """Starts again from a seed."""
        self._generator.manual_seed(int(seed))

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", name: Any = None) -> Any:
        """Returns uniform numbers."""
        return _draw_uniform(shape, minval, maxval, dtype, self._generator)

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None) -> Any:
        """Returns normal numbers."""
        return _draw_normal(shape, mean, stddev, dtype, self._generator)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32", name: Any = None
    ) -> Any:
        """Returns normal numbers within two deviations."""
        return _draw_truncated(shape, mean, stddev, dtype, self._generator)

    def make_seeds(self, count: int = 1) -> Any:
        """Returns pairs of seeds, one in each column."""
        return torch.randint(-(2**62), 2**62, (2, count), generator=self._generator)

    def split(self, count: int = 1) -> list[Generator]:
        """Returns generators whose numbers do not depend on one another."""
        return [Generator.from_seed(int(seed)) for seed in self.make_seeds(count)[0]]


_global_generator: list[Generator] = []


@public("random.get_global_generator", "random.experimental.get_global_generator")
def get_global_generator() -> Generator:
    """Returns the generator that the program shares."""
    if not _global_generator:
        _global_generator.append(Generator.from_non_deterministic_state())
    return _global_generator[0]


@public("random.set_global_generator", "random.experimental.set_global_generator")
def set_global_generator(generator: Generator) -> None:
    """Puts another generator in its place."""
    _global_generator[:] = [generator]
