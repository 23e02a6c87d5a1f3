"""Models: `Model`, `Sequential` and functional ones, and how they are copied, saved and loaded."""

from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.models import effects  # noqa: F401  # enters the layers that older files have for losses and metrics
from torchkeras_shim.models.cloning import clone_model
from torchkeras_shim.models.functional import Functional
from torchkeras_shim.models.model import Model
from torchkeras_shim.models.sequential import Sequential
from torchkeras_shim.saving import load_model, model_from_json, save_model

# Configs name models by the module that Keras names them by.
PUBLIC_NAMES[Model] = ("keras", "Model")
PUBLIC_NAMES[Sequential] = ("keras", "Sequential")
PUBLIC_NAMES[Functional] = ("keras.src.models.functional", "Functional")

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
