"""Layers that a file writes otherwise than `to_torch` makes them. Importing this package fills the table."""

from torchkeras_shim.export.source.writers import attention, noise, normalization, recurrent

__all__ = ["attention", "noise", "normalization", "recurrent"]
