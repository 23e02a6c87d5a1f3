"""Level 5: models."""

from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.models.cloning import clone_model
from torchkeras_shim.models.effects import AddLoss, AddMetric
from torchkeras_shim.models.functional import Functional
from torchkeras_shim.models.model import Model
from torchkeras_shim.models.sequential import Sequential
from torchkeras_shim.saving import load_model, model_from_json, save_model

#: The layers that older files have in graphs for losses and metrics of tensors.
EFFECTS = (AddLoss, AddMetric)
# Configs name models by the module that Keras names them by.
PUBLIC_NAMES[Model] = ("keras", "Model")
PUBLIC_NAMES[Sequential] = ("keras", "Sequential")
PUBLIC_NAMES[Functional] = ("keras.src.models.functional", "Functional")

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
