"""Losses: classes and functions by Keras's names, and torch's own losses in their place."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core import naming, serialization
from torchkeras_shim.losses.base import Loss
from torchkeras_shim.losses.checks import check_first_batch
from torchkeras_shim.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from torchkeras_shim.losses.divergence import KLDivergence, Poisson
from torchkeras_shim.losses.focal import BinaryFocalCrossentropy, CategoricalFocalCrossentropy
from torchkeras_shim.losses.hinge import CategoricalHinge, Hinge, SquaredHinge
from torchkeras_shim.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
)
from torchkeras_shim.losses.robust import CategoricalGeneralizedCrossEntropy
from torchkeras_shim.losses.segmentation import Dice, Tversky
from torchkeras_shim.losses.sequence import CTC
from torchkeras_shim.losses.similarity import Circle
from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.torch_loss import TorchLoss
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.focal_losses import binary_focal_crossentropy, categorical_focal_crossentropy
from torchkeras_shim.ops.loss_functions import (
    binary_crossentropy,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from torchkeras_shim.ops.robust_losses import categorical_generalized_cross_entropy
from torchkeras_shim.ops.segmentation_losses import dice, tversky
from torchkeras_shim.ops.sequence_losses import ctc
from torchkeras_shim.ops.similarity_losses import circle
from torchkeras_shim.ops.torch_losses import is_torch_loss

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CTC",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "TorchLoss",
    "Tversky",
    "as_loss",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "check_first_batch",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

for _function, *_aliases in (
    (binary_crossentropy, "bce", "BCE"),
    (categorical_crossentropy,),
    (sparse_categorical_crossentropy,),
    (mean_squared_error, "mse", "MSE"),
    (mean_absolute_error, "mae", "MAE"),
    (mean_absolute_percentage_error, "mape", "MAPE"),
    (mean_squared_logarithmic_error, "msle", "MSLE"),
    (kl_divergence, "kld", "KLD"),
    (cosine_similarity,),
    (huber,),
    (log_cosh,),
    (poisson,),
    (hinge,),
    (squared_hinge,),
    (categorical_hinge,),
    (binary_focal_crossentropy,),
    (categorical_focal_crossentropy,),
    (categorical_generalized_cross_entropy,),
    (dice,),
    (tversky,),
    (circle,),
    (ctc,),
):
    LOSSES.register(*_aliases)(_function)


def get(identifier: Any) -> Any:
    """Returns the loss of a name, a config, a class or an object; names of functions give the function.

    Args:
        identifier: `None`, a name such as `"mse"` or `"MeanSquaredError"`, a config, a class, a function or a loss.

    Raises:
        ValueError: If there is no such loss; the message shows the nearest names.

    Example:
        >>> get("MeanSquaredError").name
        'mean_squared_error'
    """
    return LOSSES.get(identifier)


def serialize(loss: Any) -> Any:
    """Returns the config of a loss or loss function.

    Example:
        >>> serialize(mean_squared_error)["config"]
        'mean_squared_error'
    """
    return serialization.serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Rebuilds a loss from what `serialize` returned.

    Args:
        name: The config, or a bare name.
        custom_objects: The user's own losses by name.

    Example:
        >>> deserialize(serialize(Huber(delta=1.0))).name
        'huber_loss'
    """
    return LOSSES.deserialize(name, custom_objects)


def as_loss(identifier: Any, y_true: Any = None, y_pred: Any = None) -> Loss:
    """Turns whatever `compile(loss=...)` accepts into a `Loss`, under the name that Keras gives it.

    Args:
        identifier: A name, a config, a class, a `Loss`, a function `(y_true, y_pred)`, a torch loss module or its
            class, or a loss function of `torch.nn.functional`.
        y_true: Something with the shape of the targets; needed for `"crossentropy"` and `"ce"` only.
        y_pred: Something with the shape of the predictions; needed for the same two names.

    Raises:
        ValueError: If the identifier cannot be understood.

    Example:
        >>> as_loss("mse").name
        'mse'
    """
    if isinstance(identifier, Loss):
        return identifier
    if is_torch_loss(identifier):
        return TorchLoss(identifier)
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        found = _crossentropy_for(identifier, y_true, y_pred)
    else:
        found = get(identifier)
    if found is None:
        raise ValueError("Expected a loss, received `None`.")
    if isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=identifier if isinstance(identifier, str) else naming.name_of(found))


def _crossentropy_for(identifier: str, y_true: Any, y_pred: Any) -> Any:
    if y_true is None or y_pred is None:
        raise ValueError(
            f"The loss {identifier!r} is chosen by the shapes of targets and predictions, which are not known here. "
            'Write "binary_crossentropy", "categorical_crossentropy" or "sparse_categorical_crossentropy".'
        )
    if y_pred.shape[-1] == 1:
        return binary_crossentropy
    if len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1:
        return sparse_categorical_crossentropy
    return categorical_crossentropy
