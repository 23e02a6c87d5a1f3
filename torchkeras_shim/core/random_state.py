"""The state of all random generators that training draws from, as data."""

from __future__ import annotations

import base64
import random
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.device import accelerators, generator_of


class RandomState:
    """Where torch's, numpy's and Python's global generators stand.

    Taking it costs some microseconds; it is turned into text only where somebody asks for that.

    Example:
        >>> state = RandomState()
        >>> a = torch.rand(3)
        >>> state.restore()
        >>> torch.equal(a, torch.rand(3))
        True
    """

    def __init__(self) -> None:
        self._torch = {"cpu": torch.get_rng_state()}
        for device in accelerators():
            generator = generator_of(device)
            if generator is not None:
                self._torch[str(device)] = generator.get_state()
        self._numpy: Any = np.random.get_state()
        self._python: Any = random.getstate()

    def restore(self) -> None:
        """Lets all generators go on from here. Devices that are not there any more are left out."""
        for device, state in self._torch.items():
            generator = _generator_named(device)
            if generator is not None:
                generator.set_state(state)
        np.random.set_state(self._numpy)
        random.setstate(self._python)

    def on_host(self) -> tuple[Any, ...]:
        """Returns where numpy's and Python's generators stand, as something to compare."""
        name, keys, *rest = self._numpy
        return name, keys.tobytes(), *rest, self._python

    def to_config(self) -> dict[str, Any]:
        """Returns plain values, ready for JSON."""
        name, keys, *rest = self._numpy
        version, internal, gauss = self._python
        return {
            "torch": {device: to_text(state) for device, state in self._torch.items()},
            "numpy": [str(name), [int(key) for key in keys], *rest],
            "python": [version, list(internal), gauss],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RandomState:
        """Rebuilds a state from `to_config()`."""
        state = cls.__new__(cls)
        state._torch = {str(device): from_text(text) for device, text in config["torch"].items()}
        name, keys, *rest = config["numpy"]
        state._numpy = (name, np.array(keys, dtype="uint32"), *rest)
        version, internal, gauss = config["python"]
        state._python = (version, tuple(internal), gauss)
        return state


def _generator_named(device: str) -> torch.Generator | None:
    """Returns a device's generator, `None` if there is no such device."""
    if device == "cpu":
        return torch.default_generator
    name = device if ":" in device else f"{device}:0"
    return next((generator_of(here) for here in accelerators() if str(here) == name), None)


def to_text(state: torch.Tensor) -> str:
    """Returns the state of a torch generator as text."""
    return base64.b64encode(state.numpy().tobytes()).decode("ascii")


def from_text(text: str) -> torch.Tensor:
    """Returns the state of a torch generator that `to_text` has written."""
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
