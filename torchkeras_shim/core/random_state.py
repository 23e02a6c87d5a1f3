"""The state of all random generators that training draws from, as data."""

from __future__ import annotations

import base64
import random
from typing import Any

import numpy as np
import torch


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
        if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            for index in range(torch.cuda.device_count()):
                self._torch[f"cuda:{index}"] = torch.cuda.get_rng_state(index)
        if torch.backends.mps.is_available():
            self._torch["mps"] = torch.mps.get_rng_state()
        self._numpy: Any = np.random.get_state()
        self._python: Any = random.getstate()

    def restore(self) -> None:
        """Lets all generators go on from here. Devices that are not there any more are left out."""
        for device, state in self._torch.items():
            if device == "cpu":
                torch.set_rng_state(state)
            elif device.startswith("cuda") and torch.cuda.is_available():
                if int(device[5:]) < torch.cuda.device_count():
                    torch.cuda.set_rng_state(state, device)
            elif device == "mps" and torch.backends.mps.is_available():
                torch.mps.set_rng_state(state)
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


def to_text(state: torch.Tensor) -> str:
    """Returns the state of a torch generator as text."""
    return base64.b64encode(state.numpy().tobytes()).decode("ascii")


def from_text(text: str) -> torch.Tensor:
    """Returns the state of a torch generator that `to_text` has written."""
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
