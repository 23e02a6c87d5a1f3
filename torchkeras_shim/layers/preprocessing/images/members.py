"""Layers for images that are put together from other ones."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

from torchkeras_shim.core.seeding import Seed, SeedGenerator, note_draw
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer, RandomImageLayer

_Member = TypeVar("_Member", bound=ImageLayer)


class CompositeImageLayer(RandomImageLayer):
    """A layer for images whose members do the work. They draw from its source, not from their own."""

    def _member(self, kind: type[_Member], **arguments: Any) -> _Member:
        """Returns a new member, of this layer's layout and types and with its seed."""
        common: dict[str, Any] = {"data_format": self.data_format, "dtype": self.dtype_policy}
        if self.bounding_box_format is not None:
            common["bounding_box_format"] = self.bounding_box_format
        if issubclass(kind, RandomImageLayer):
            common["seed"] = self.seed
        return kind(**common, **arguments)

    def _for_members(self, seed: Seed) -> Seed:
        """Returns the source of several draws: each must give other numbers."""
        return self.generator if seed is None else SeedGenerator(seed) if isinstance(seed, int) else seed

    def _choices(self, count: int, options: int, seed: Seed) -> list[int]:
        """Draws numbers below `options` on the host: what is not chosen need not be computed."""
        note_draw()
        drawn = torch.randint(options, (count,), device="cpu", generator=self._source(torch.device("cpu"), seed))
        chosen: list[int] = drawn.tolist()
        return chosen
