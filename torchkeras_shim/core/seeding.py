"""Seeds: an integer repeats the same numbers, a `SeedGenerator` goes on, `None` asks torch's global generator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import naming
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.core.torch_private import make_subclass
from torchkeras_shim.core.variable import Variable

_LOW_32_BITS = 0xFFFFFFFF
_LOW_64_BITS = 0xFFFFFFFFFFFFFFFF
_2_TO_63 = 1 << 63

# Sets what each of several processes draws apart.
_PROCESS = 1 << 29

RANDOM = Registry("random", "keras.random")


class SeedState(Variable):
    """The state of a `SeedGenerator` as a variable: its seed, and how often it was drawn from.

    It is of int64, as in Keras on TensorFlow; torch has hardly any arithmetic for the uint32 of other backends. Its
    memory is the generator's own, on the host, so that what is assigned counts at the next draw.
    """

    _after_assignment: Callable[[], None]

    @classmethod
    def over(cls, words: np.ndarray[Any, Any], path: str, after_assignment: Callable[[], None]) -> SeedState:
        """Returns a variable on the memory of an array.

        Args:
            words: Two integers of 64 bits.
            path: The variable's path; its last part is the name.
            after_assignment: What to call when a value has been assigned.
        """
        self: SeedState = make_subclass(cls, torch.from_numpy(words), False)
        self._name, self._path = path.rsplit("/", 1)[-1], path
        self._trainable = self._autocast = False
        self._regularizer = self._constraint = None
        self._after_assignment = after_assignment
        return self

    def assign(self, value: Any) -> SeedState:
        """Overwrites the value in place: two integers."""
        super().assign(value)
        self._after_assignment()
        return self

    def assign_add(self, value: Any) -> SeedState:
        """Adds to the value in place."""
        return self.assign(self + torch.as_tensor(value))

    def assign_sub(self, value: Any) -> SeedState:
        """Subtracts from the value in place."""
        return self.assign(self - torch.as_tensor(value))


@RANDOM.register()
class SeedGenerator:
    """A source of seeds: every random function that is given it returns other numbers than the one before.

    Two generators of the same seed lead to the same sequence. Its state is two integers on the host, which copy and
    pickle with whatever holds it, and are the same for every device. A layer's `variables` hold the states of the
    generators that are its attributes.

    Args:
        seed: An integer; a random one (from Python's `random`, so `keras.utils.set_random_seed` fixes it) by default.
        name: The name, `"seed_generator"`, `"seed_generator_1"`, ... by default.

    Raises:
        ValueError: If the seed is not an integer.

    Example:
        >>> generator = SeedGenerator(42)
        >>> generator.next(), generator.next()
        (tensor([42,  0]), tensor([42,  1]))
        >>> generator.state.numpy()
        array([42,  2])
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
        self._set_up(seed, naming.scoped(f"{self.name}/seed_generator_state"))

    def _set_up(self, seed: int, path: str) -> None:
        self._words = np.zeros(2, dtype=np.int64)
        self._state = SeedState.over(self._words, path, self._assigned)
        self.set_position(seed, 0)

    @property
    def state(self) -> SeedState:
        """The seed and the number of draws so far, a variable of two integers on the host.

        It is live: keep `state.numpy()`, and assign that to go back to where a generator was.
        """
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        seed, count = (int(one) for one in (value.tolist() if hasattr(value, "tolist") else value))
        self.set_position(seed, count)
        self._assigned()

    def position(self) -> tuple[int, int]:
        """Returns the seed and the number of draws so far."""
        seed, count = self._words.tolist()
        return seed, count

    def set_position(self, seed: int, count: int) -> None:
        """Goes to where `position` was."""
        self._words[:] = (seed + _2_TO_63) % (2 * _2_TO_63) - _2_TO_63, count

    def _assigned(self) -> None:
        """What follows when the state has been assigned."""

    def next(self, ordered: bool = True) -> torch.Tensor:
        """Returns the state and moves on.

        Args:
            ordered: Whether to count draws. Without it the seed itself jumps, in a sequence of numbers below a million.
        """
        before = torch.tensor(self.position(), dtype=torch.int64, device="cpu")
        self._advance(ordered)
        return before

    def _advance(self, ordered: bool = True) -> None:
        seed, count = self.position()
        if ordered:
            self.set_position(seed, count + 1)
        else:
            self.set_position((seed + 1) * 5387 % 933199, (count + 1) * 5387 % 933199)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Rebuilds a generator, which starts over."""
        return cls(**config)

    def __getstate__(self) -> dict[str, Any]:
        kept = {key: value for key, value in self.__dict__.items() if key not in ("_words", "_state")}
        return {**kept, "position": self.position(), "path": self._state.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        (seed, count), path = state.pop("position"), state.pop("path")
        self.__dict__.update(state)
        self._set_up(seed, path)
        self.set_position(seed, count)

    def __repr__(self) -> str:
        seed, count = self.position()
        return f"<SeedGenerator name={self.name}, seed={seed}, draws={count}>"


Seed = int | SeedGenerator | None


class Apart:
    """Which of several processes this is, while it draws for its own rows of a batch; `None` at all other times.

    A `SeedGenerator` leads to other numbers in each process then. An integer does not: it asks for the same numbers at
    each call, as for a projection that is drawn once for all.
    """

    process: int | None = None


_draws = 0


def draws() -> int:
    """Returns how many sources were made so far, in the whole program: whoever replays kernels must see no new one."""
    return _draws


def note_draw() -> None:
    """Counts a draw that the host makes, and that a replay of kernels would therefore leave out."""
    global _draws
    _draws += 1


def check_seed(seed: Any) -> None:
    """Raises a ValueError for what is not a seed."""
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
        ValueError: If it is anything else.

    Example:
        >>> place = torch.device("cpu")
        >>> torch.rand(1, generator=generator_for(7, place)) == torch.rand(1, generator=generator_for(7, place))
        tensor([True])
    """
    check_seed(seed)
    if seed is None:
        return None
    note_draw()
    if isinstance(seed, SeedGenerator):
        drawn = mixed(*seed.position())
        seed._advance()
        if Apart.process is not None:
            drawn = mixed(drawn, _PROCESS + Apart.process)
    else:
        drawn = mixed(seed, 0)
    if device.type == "meta":
        return None  # only shapes are asked for
    return torch.Generator(device).manual_seed(drawn)


def mixed(seed: int, count: int) -> int:
    """Spreads seed and count over 64 bits, the low 32 of which are all that torch's CPU generator takes.

    Two sources with the same small seed, torch's own among them, are then not the same numbers.
    """
    value = ((seed & _LOW_32_BITS) << 32 | (count & _LOW_32_BITS)) ^ (seed >> 32)
    for factor in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB):  # the finalizer of splitmix64
        value = (value & _LOW_64_BITS) + 0x9E3779B97F4A7C15 & _LOW_64_BITS
        value = (value ^ value >> 30) * factor & _LOW_64_BITS
    return (value ^ value >> 31) & _LOW_64_BITS
