"""What layers draw their random numbers from."""

from __future__ import annotations

import zlib
from typing import Any

import torch

from torchkeras_shim.core.random_state import from_text, to_text
from torchkeras_shim.core.seeding import SeedGenerator, mixed
from torchkeras_shim.layers.weights import StructureVersion

# Sets layers apart from the functions of `keras.random`, which count from zero.
_LAYERS = 1 << 31


class LayerSeedGenerator(SeedGenerator):
    """The `seed_generator` of a layer: torch's global generator, or generators of its own where there is a seed.

    Its state names a stream of random numbers. How far a layer is in its stream is known to torch's generators alone:
    they move on inside of kernels, in replayed steps too, where nothing could count. Assigning a state starts the
    stream that it names from the beginning; a layer without a seed leaves torch's global generator then.

    Args:
        seed: The seed; `None` for torch's global generator.
    """

    def __init__(self, seed: int | None) -> None:
        self._by_device: dict[torch.device, torch.Generator] = {}
        #: Where the stream of the layer's own starts; `None` while it draws from torch's global generator.
        self._start: tuple[int, int] | None = None
        super().__init__(0)
        self._initial_seed = seed
        # Without a seed the state is still another for each layer, and alike in two runs with `set_random_seed`. It is
        # not drawn from a generator: building a layer must not change what others draw.
        own = mixed(torch.initial_seed(), zlib.crc32(self.name.encode())) & 0xFFFFFFFF if seed is None else seed
        self.set_position(own, 0)
        if seed is not None:
            self._start = self.position()

    @property
    def is_own(self) -> bool:
        """Whether the layer has a stream of its own."""
        return self._start is not None

    def on(self, device: torch.device) -> torch.Generator | None:
        """Returns the generator of a device; `None` for torch's global one."""
        if self._start is None:
            return None
        generator = self._by_device.get(device)
        if generator is None:
            generator = self._by_device[device] = torch.Generator(device).manual_seed(self._stream())
        return generator

    def _stream(self) -> int:
        seed, count = self._start or self.position()
        return mixed(seed, _LAYERS + count)

    def _assigned(self) -> None:
        was_own, self._start = self.is_own, self.position()
        for generator in self._by_device.values():
            generator.manual_seed(self._stream())  # in place: replayed steps hold it
        if not was_own:
            StructureVersion.bump()

    def stand(self) -> dict[str, Any]:
        """Returns where the generators stand, as plain values."""
        states = {str(device): to_text(generator.get_state()) for device, generator in self._by_device.items()}
        return {"position": self.position(), "start": self._start, "states": states}

    def go_on(self, stand: dict[str, Any]) -> None:
        """Goes on where `stand` was."""
        self.set_position(*stand["position"])
        if (stand["start"] is not None) is not self.is_own:
            StructureVersion.bump()
        self._start = None if stand["start"] is None else tuple(stand["start"])
        if not self.is_own:
            return
        for device, begun in self._by_device.items():
            if str(device) not in stand["states"]:  # nothing had been drawn on it
                begun.manual_seed(self._stream())
        for name, text in stand["states"].items():
            generator = self.on(torch.device(name))
            assert generator is not None
            generator.set_state(from_text(text))

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_by_device": {}, "stand": self.stand()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({key: value for key, value in state.items() if key != "stand"})
        self.go_on(state["stand"])


def generators(model: torch.nn.Module) -> list[SeedGenerator]:
    """Returns what the layers of a model draw from, a user's own sources too, in the order of the layers."""
    values = (value for module in model.modules() for value in vars(module).values())
    return list({id(value): value for value in values if isinstance(value, SeedGenerator)}.values())


def layer_generators(model: torch.nn.Module) -> list[LayerSeedGenerator]:
    """Returns those whose streams torch's generators know."""
    return [generator for generator in generators(model) if isinstance(generator, LayerSeedGenerator)]


def own_generators(model: torch.nn.Module, device: torch.device) -> list[torch.Generator]:
    """Returns the generators on a device of those layers that have a stream of their own."""
    found = (source.on(device) for source in layer_generators(model))
    return [generator for generator in found if generator is not None]
