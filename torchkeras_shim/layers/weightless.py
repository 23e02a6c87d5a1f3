"""Layers without weights."""

from __future__ import annotations

from torchkeras_shim.layers.base import Layer


def build_at_once(layer: Layer) -> None:
    """Marks a layer without weights as built, unless a subclass has a `build` of its own."""
    if type(layer).build is Layer.build:
        layer.built = True
