"""Level 5: models."""

from torchkeras_shim.models.model import Model
from torchkeras_shim.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
