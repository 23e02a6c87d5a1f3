"""Layers for images that are put together from other ones."""

from __future__ import annotations

from typing import Any, TypeVar

from torchkeras_shim.core.seeding import Seed, SeedGenerator
from torchkeras_shim.layers.preprocessing.images.base import ImageLayer, RandomImageLayer

_Member = TypeVar("_Member", bound=ImageLayer)


class CompositeImageLayer(RandomImageLayer):
    """A layer for images whose members do the work."""

    def _member(self, kind: type[_Member], **arguments: Any) -> _Member:
        """Returns a new member: of this layer's layout and types, it draws from the layer's own source."""
        common: dict[str, Any] = {"data_format": self.data_format, "dtype": self.dtype_policy}
        if self.bounding_box_format is not None:
            common["bounding_box_format"] = self.bounding_box_format
        member = kind(**common, **arguments)
        if isinstance(member, RandomImageLayer):
            member.generator = self.generator
        return member


def going_on(seed: Seed) -> Seed:
    """Returns a seed that gives each of several members other numbers."""
    return SeedGenerator(seed) if isinstance(seed, int) else seed
