"""The table of losses by name."""

from __future__ import annotations

from torchkeras_shim.core.registry import Registry

LOSSES = Registry("loss", "keras.losses")
