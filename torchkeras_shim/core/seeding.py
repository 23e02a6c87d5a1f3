"""Seeds: an integer repeats the same numbers, a `SeedGenerator` goes on, `None` asks torch's global generator."""

from __future__ import annotations

import random
from typing import Any

import torch

from torchkeras_shim.core import naming
from torchkeras_shim.core.registry import Registry

_LOW_32_BITS = 0xFFFFFFFF
_LOW_64_BITS = 0xFFFFFFFFFFFFFFFF

RANDOM = Registry("random", "keras.random")


@RANDOM.register()
class SeedGenerator:
    """A source of seeds: every random function that is given it returns other numbers than the one before.

    Two generators of the same seed lead to the same sequence. Its state is two integers, which copy, pickle and save
    with whatever holds it, and are the same for every device.

    Args:
        seed: An integer; a random one (from Python's `random`, so `keras.utils.set_random_seed` fixes it) by default.
        name: The name, `"seed_generator"`, `"seed_generator_1"`, ... by default.

    Raises:
        ValueError: for a seed that is no integer.

    Example:
        >>> generator = SeedGenerator(42)
        >>> generator.next(), generator.next()
        (tensor([42,  0]), tensor([42,  1]))
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        self.name = name if name is not None else naming.auto_name("SeedGenerator")
        self._initial_seed = seed
        if seed is None:
            seed = random.randint(1, int(1e9))
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed!r}")
        self._state = [seed, 0]

    @property
    def state(self) -> torch.Tensor:
        """The seed and the number of draws so far, a tensor of two integers on the host.

        It can be read, kept, and assigned to go back to where a generator was.
        """
        return torch.tensor(self._state, dtype=torch.int64, device="cpu")

    @state.setter
    def state(self, value: Any) -> None:
        seed, count = (int(one) for one in (value.tolist() if hasattr(value, "tolist") else value))
        self._state = [seed, count]

    def next(self, ordered: bool = True) -> torch.Tensor:
        """Returns the state and moves on.

        Args:
            ordered: Whether to count draws. Without it the seed itself jumps, in a sequence of numbers below a million.
        """
        state = self.state
        self._advance(ordered)
        return state

    def _advance(self, ordered: bool = True) -> None:
        if ordered:
            self._state[1] += 1
        else:
            self._state = [(one + 1) * 5387 % 933199 for one in self._state]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Rebuilds a generator, which starts over."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<SeedGenerator name={self.name}, seed={self._state[0]}, draws={self._state[1]}>"


Seed = int | SeedGenerator | None

_draws = 0


def draws() -> int:
    """Returns how many sources were made so far, in the whole program: whoever replays kernels must see no new one."""
    return _draws


def check_seed(seed: Any) -> None:
    """Raises a ValueError for what is no seed."""
    if seed is None or isinstance(seed, SeedGenerator) or (isinstance(seed, int) and not isinstance(seed, bool)):
        return
    raise ValueError(
        "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
        f"Received: seed={seed!r} (of type {type(seed).__name__})"
    )


def generator_for(seed: Any, device: torch.device) -> torch.Generator | None:
    """Returns the source that one random function draws from.

    Args:
        seed: `None` for torch's global generator, an integer for a source that always starts alike, or a
            `SeedGenerator`, which moves on.
        device: Where the numbers are drawn.

    Raises:
        ValueError: for anything else.

    Example:
        >>> place = torch.device("cpu")
        >>> torch.rand(1, generator=generator_for(7, place)) == torch.rand(1, generator=generator_for(7, place))
        tensor([True])
    """
    check_seed(seed)
    if seed is None:
        return None
    global _draws
    _draws += 1
    if isinstance(seed, SeedGenerator):
        first, count = seed._state
        seed._advance()
    else:
        first, count = seed, 0
    if device.type == "meta":
        return None  # only shapes are asked for
    return torch.Generator(device).manual_seed(mixed(first, count))


def mixed(seed: int, count: int) -> int:
    """Spreads seed and count over 64 bits, the low 32 of which are all that torch's CPU generator takes.

    Two sources with the same small seed, torch's own among them, are then not the same numbers.
    """
    value = ((seed & _LOW_32_BITS) << 32 | (count & _LOW_32_BITS)) ^ (seed >> 32)
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):  # the finalizer of splitmix64
        value = (value & _LOW_64_BITS) + 0x9E3779B97F4A7C15 & _LOW_64_BITS
        value = (value ^ value >> 30) * factor & _LOW_64_BITS
    return (value ^ value >> 31) & _LOW_64_BITS
