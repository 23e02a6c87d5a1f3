"""What layers draw in a step of several processes: each process other numbers, for its own rows.

All that is drawn between steps stays alike, an order of the data above all. One process draws the noise of a whole
batch at once, which several cannot repeat each for its part without drawing all of it; so the noise is another than in
one process, though just as good. It depends on the seeds, the number of the step and the process alone: a run is
repeated by the same number of processes, and one that was interrupted goes on with the same noise.
"""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.device import generator_of
from torchkeras_shim.core.seeding import Apart, mixed
from torchkeras_shim.layers.seeding import own_generators

# Sets the noise of processes apart from what else is drawn from the same seed.
_NOISE = 1 << 30

_STEPS = "_steps_together"


class Steps:
    """How many steps several processes have made with a model."""

    number = 0


def steps_of(model: Any) -> Steps:
    """Returns the count of a model."""
    steps: Steps = model.__dict__.setdefault(_STEPS, Steps())
    return steps


class Noise:
    """A context in which torch's generators and those of layers are this process's own, for one step.

    Args:
        model: The model.
        device: Where it lives.
        rank: This process's number.
    """

    def __init__(self, model: Any, device: torch.device, rank: int) -> None:
        self._steps, self._rank = steps_of(model), rank
        found = (torch.default_generator, generator_of(device), *own_generators(model, device))
        self._generators = list({id(generator): generator for generator in found if generator is not None}.values())
        self._before: list[torch.Tensor] = []

    def __enter__(self) -> None:
        self._steps.number += 1
        # 2.5 µs for a generator.
        self._before = [generator.get_state() for generator in self._generators]
        for generator in self._generators:
            generator.manual_seed(mixed(mixed(generator.initial_seed(), _NOISE + self._rank), self._steps.number))
        Apart.process = self._rank

    def __exit__(self, *_: object) -> None:
        Apart.process = None
        for generator, state in zip(self._generators, self._before, strict=True):
            generator.set_state(state)
