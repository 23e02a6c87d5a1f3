"""`Dot` and its function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.merging.base_merge import Merge


@LAYERS.register()
class Dot(Merge):
    """The dot products of two inputs, sample by sample.

    Args:
        axes: The axis to sum over, in both inputs, or one axis for each. The batch (axis 0) cannot be summed over.
        normalize: Whether to bring both inputs to length 1 along that axis first: the result is the cosine then.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Output shape:
        The first input's shape without its axis, then the second's without batch and axis; `(batch, 1)` if nothing
        is left.

    Raises:
        TypeError: If `axes` is neither an integer nor a list.
        ValueError: If it is not a list of two integers.

    Example:
        >>> Dot(axes=1)([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[11.]])
        >>> Dot(axes=(1, 2))([torch.ones(2, 3, 5), torch.ones(2, 10, 3)]).shape
        torch.Size([2, 5, 10])
    """

    axes: int | Sequence[int]

    _keeps_shape = False

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int):
            if not isinstance(axes, (list, tuple)):
                raise TypeError(
                    f"Invalid type for argument `axes`: it should be a list or an int. Received: axes={axes}"
                )
            if len(axes) != 2:
                raise ValueError(
                    f"Invalid format for argument `axes`: it should contain two elements. Received: axes={axes}"
                )
            if not all(isinstance(axis, int) for axis in axes):
                raise ValueError(
                    f"Invalid format for argument `axes`: list elements should be integers. Received: axes={axes}"
                )
        self.__dict__["axes"] = axes
        self.normalize = normalize

    def build(self, input_shape: Any) -> None:
        """Checks that the two axes have the same size.

        Raises:
            ValueError: If they have not, or if there are not two inputs.
        """
        if not input_shape or not isinstance(input_shape[0], (tuple, list)) or len(input_shape) != 2:
            raise ValueError(
                f"Layer '{self.name}': a `Dot` layer should be called on a list of 2 inputs. Received: "
                f"input_shape={input_shape}"
            )
        first, second = map(tuple, input_shape)
        one, other = self._axes_for(len(first), len(second))
        if first[one] != second[other]:
            raise ValueError(
                f"Layer '{self.name}': incompatible input shapes: axis values {first[one]} (at axis {one}) != "
                f"{second[other]} (at axis {other}). Full input shapes: {first}, {second}"
            )

    def _axes_for(self, *ranks: int) -> list[int]:
        axes = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return [axis % rank if axis < 0 else axis for axis, rank in zip(axes, ranks, strict=True)]

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        if len(inputs) != 2:
            raise ValueError(
                f"Layer '{self.name}': a `Dot` layer should be called on exactly 2 inputs. Received {len(inputs)}."
            )
        x, y = inputs
        if x.ndim < 2 or y.ndim < 2 or x.shape[0] != y.shape[0]:
            raise ValueError(
                f"Layer '{self.name}': a `Dot` layer takes inputs of rank 2 or more with the same batch size. Received "
                f"inputs with shapes {tuple(x.shape)} and {tuple(y.shape)}."
            )
        one, other = self._axes_for(x.ndim, y.ndim)
        if 0 in (one, other):
            raise ValueError(
                f"Layer '{self.name}': cannot take the dot product over axis 0, the batch. Received: axes={self.axes}. "
                "If your inputs are not batched, add a batch dimension with `keras.ops.expand_dims(x, 0)`."
            )
        if self.normalize:
            smallest = config.epsilon()
            x, y = F.normalize(x, dim=one, eps=smallest), F.normalize(y, dim=other, eps=smallest)
        x, y = x.movedim(one, -1), y.movedim(other, 1)
        rest = (*x.shape[1:-1], *y.shape[2:])
        products = torch.bmm(x.reshape(x.shape[0], -1, x.shape[-1]), y.reshape(*y.shape[:2], -1))
        return products.reshape(x.shape[0], *(rest or (1,)))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns `None`: the dimensions that a mask speaks of may be gone."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def dot(inputs: Any, axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Returns dot products, sample by sample: the function to the layer `Dot`.

    Args:
        inputs: A list of two tensors, symbolic or not.
        axes: The axis to sum over, in both, or one axis for each.
        **kwargs: Arguments of the layer, such as `normalize`.

    Example:
        >>> dot([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[11.]])
    """
    return Dot(axes=axes, **kwargs)(inputs)
