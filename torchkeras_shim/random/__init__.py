"""Random numbers: `keras.random`.

Every function takes a `seed`: an integer gives the same values at every call, a `SeedGenerator` others each time but
the same sequence in every run, and `None` draws from torch's global generator (`keras.utils.set_random_seed`).
"""

from torchkeras_shim.core.seeding import SeedGenerator
from torchkeras_shim.random.continuous import beta, gamma, normal, truncated_normal, uniform
from torchkeras_shim.random.discrete import binomial, categorical, randint
from torchkeras_shim.random.rearranging import dropout, shuffle

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]
