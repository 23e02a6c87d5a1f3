"""Knowledge distillation: a small model learns from a large one; `keras.distillation`."""

from torchkeras_shim.distillation.distiller import Distiller
from torchkeras_shim.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]
