"""The table of the optimizers' names."""

from __future__ import annotations

from torchkeras_shim.core.registry import Registry

OPTIMIZERS = Registry("optimizer", "keras.optimizers", ignore_case=True)
