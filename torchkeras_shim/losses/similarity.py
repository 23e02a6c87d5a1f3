"""The loss of embeddings."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.losses.table import LOSSES
from torchkeras_shim.losses.wrapper import LossFunctionWrapper
from torchkeras_shim.ops.similarity_losses import circle


@LOSSES.register()
class Circle(LossFunctionWrapper):
    """Circle loss between the embeddings of a batch, which are of unit length; labels are integers.

    Args:
        gamma: The scale of the loss.
        margin: How far apart classes have to be.
        remove_diagonal: Whether an embedding is not compared with itself.
        reduction: How the values per sample become one number, see `Loss`.
        name: The name.
        dtype: The type of the computation.

    Example:
        >>> Circle()([0, 0], [[1.0, 0.0], [1.0, 0.0]])
        tensor(0.)
    """

    takes_batch_whole = True
    _config_fields = ("gamma", "margin", "remove_diagonal")

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "circle",
        dtype: Any = None,
    ):
        super().__init__(
            circle,
            reduction=reduction,
            name=name,
            dtype=dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal
