"""Random numbers of a layer with a seed of its own."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.random_state import to_text
from torchkeras_shim.core.seeding import mixed

# Sets layers apart from the functions of `keras.random`, which count from zero.
_LAYERS = 1 << 31


class SeededGenerators:
    """One `torch.Generator` per device, all started from the same seed.

    Unlike a bare generator it can be copied and pickled, and goes on where it stood.

    Args:
        seed: The seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._by_device: dict[torch.device, torch.Generator] = {}

    def on(self, device: torch.device) -> torch.Generator:
        """Returns the generator of a device."""
        generator = self._by_device.get(device)
        if generator is None:
            generator = self._by_device[device] = torch.Generator(device).manual_seed(mixed(self.seed, _LAYERS))
        return generator

    def __getstate__(self) -> dict[str, Any]:
        states = {str(device): generator.get_state() for device, generator in self._by_device.items()}
        return {"seed": self.seed, "states": states}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.seed = state["seed"]
        self._by_device = {}
        for name, value in state["states"].items():
            self.on(torch.device(name)).set_state(value)


def generators_state(generators: SeededGenerators) -> dict[str, str]:
    """Returns the states of a layer's own generators, by device."""
    return {device: to_text(state) for device, state in generators.__getstate__()["states"].items()}


def seeded_generators(model: torch.nn.Module) -> list[SeededGenerators]:
    """Returns the generators of layers with a seed of their own, in the order of the layers."""
    values = (value for module in model.modules() for value in vars(module).values())
    return list({id(value): value for value in values if isinstance(value, SeededGenerators)}.values())
