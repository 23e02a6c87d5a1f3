"""The table of metrics by name."""

from __future__ import annotations

from torchkeras_shim.core.registry import Registry

METRICS = Registry("metric", "keras.metrics")
