"""The functions of `keras.backend` before Keras 3: random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim import ops, random
from torchkeras_shim.backend import floatx
from torchkeras_shim.compat.legacy import keywords
from torchkeras_shim.compat.legacy.backend import variable
from torchkeras_shim.compat.legacy.symbolic_shapes import sized
from torchkeras_shim.core.variable import Variable


def _draw(function: Callable[..., Any], shape: Any, dtype: Any, **settings: Any) -> Any:
    wanted = dtype or floatx()
    return sized(lambda sizes: function(sizes, dtype=wanted, **settings), shape)


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers."""
    return _draw(random.normal, shape, dtype, mean=mean, stddev=stddev, seed=seed)


def random_uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Numbers that are equally likely between two limits; whole ones if the type is of integers."""
    draw = random.randint if dtype is not None and "int" in str(dtype) else random.uniform
    return _draw(draw, shape, dtype, minval=minval, maxval=maxval, seed=seed)


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Normally distributed numbers within two standard deviations."""
    return _draw(random.truncated_normal, shape, dtype, mean=mean, stddev=stddev, seed=seed)


def random_bernoulli(shape: Any, p: float = 0.0, dtype: Any = None, seed: Any = None) -> Any:
    """Ones with a probability, and zeros."""
    return ops.cast(ops.less(random_uniform(shape, seed=seed), p), dtype or floatx())


def random_uniform_variable(
    shape: Any, low: float, high: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of equally likely numbers."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype=dtype, name=name)


def random_normal_variable(
    shape: Any, mean: float, scale: float, dtype: Any = None, name: str | None = None, seed: Any = None
) -> Variable:
    """A variable of normally distributed numbers."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype=dtype, name=name)


#: The functions, by name.
NAMES: dict[str, Any] = {
    "random_bernoulli": random_bernoulli,
    "random_binomial": random_bernoulli,
    "random_normal": keywords.by_name(random_normal, "random_normal"),
    "random_normal_variable": random_normal_variable,
    "random_uniform": random_uniform,
    "random_uniform_variable": random_uniform_variable,
    "truncated_normal": keywords.by_name(truncated_normal, "truncated_normal"),
}
