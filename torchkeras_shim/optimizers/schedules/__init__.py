"""Learning rates that change with the step."""

from torchkeras_shim.optimizers.schedules.base import LearningRateSchedule, deserialize, serialize
from torchkeras_shim.optimizers.schedules.cosine import CosineDecay, CosineDecayRestarts
from torchkeras_shim.optimizers.schedules.decays import (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]
