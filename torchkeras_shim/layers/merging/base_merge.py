"""What the merging layers share: shapes that fit, lower ranks filled up, masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers.base import Layer
from torchkeras_shim.ops import convert_to_tensor


def check_is_list(layer: Layer, inputs: Any, what: str = "inputs") -> None:
    """Raises if a merging layer is called on anything but a list."""
    if not isinstance(inputs, (list, tuple)):
        raise ValueError(
            f"Layer '{layer.name}': a merge layer should be called on a list of inputs, such as `layer([a, b])`. "
            f"Received: {what}={inputs} (not a list of tensors)"
        )


class Merge(Layer):
    """Element-wise merging of any number of inputs whose shapes are the same or broadcast.

    A subclass defines `_merge_function(inputs)` for inputs of the same rank.

    Args:
        **kwargs: Arguments of every layer.
    """

    _keeps_shape = True  # where all inputs are alike

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._reshape_required = False

    def build(self, input_shape: Any) -> None:
        """Checks that the shapes fit.

        Raises:
            ValueError: If they do not, or if there is not a list of inputs.
        """
        if not input_shape or not isinstance(input_shape[0], (tuple, list)):
            raise ValueError(
                f"Layer '{self.name}': a merge layer should be called on a list of inputs, such as `layer([a, b])`. "
                f"Received: input_shape={input_shape} (not a list of shapes)"
            )
        shapes = [tuple(shape) for shape in input_shape]
        if len({shape[0] for shape in shapes if shape} - {None}) > 1:
            raise ValueError(
                f"Layer '{self.name}': cannot merge tensors with different batch sizes. Received tensors with shapes "
                f"{input_shape}"
            )
        merged = shapes[0][1:]
        for shape in shapes[1:]:
            merged = _broadcast(self, merged, shape[1:])
        self._reshape_required = len({len(shape) for shape in shapes}) > 1

    def call(self, inputs: Any) -> torch.Tensor:
        """Merges the inputs."""
        check_is_list(self, inputs)
        if self._reshape_required:
            rank = max(x.ndim for x in inputs)
            inputs = [x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:]) for x in inputs]
        return self._merge_function(inputs)

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define `_merge_function(self, inputs)`.")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Returns where any input counts, if every input has a mask.

        Raises:
            ValueError: If inputs and masks are not lists of the same length.
        """
        masks = checked_masks(inputs, mask)
        if masks is None or any(m is None for m in masks):
            return None
        merged = masks[0]
        for other in masks[1:]:
            merged = torch.logical_or(merged, other)
        return merged

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return super().get_config()


def checked_masks(inputs: Any, mask: Any) -> Sequence[Any] | None:
    """Returns the masks of a list of inputs, `None` if there is none.

    Raises:
        ValueError: If inputs and masks are not lists of the same length.
    """
    if mask is None:
        return None
    if not isinstance(mask, (tuple, list)):
        raise ValueError(f"`mask` should be a list. Received: mask={mask}")
    if not isinstance(inputs, (tuple, list)):
        raise ValueError(f"`inputs` should be a list. Received: inputs={inputs}")
    if len(mask) != len(inputs):
        raise ValueError(
            "The lists `inputs` and `mask` should have the same length. Received: inputs of length "
            f"{len(inputs)}, and mask of length {len(mask)}."
        )
    return [None if one is None else convert_to_tensor(one) for one in mask]


def _broadcast(layer: Layer, first: tuple[Any, ...], second: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns the shape of an element-wise operation on two tensors, without the batch."""
    if len(first) < len(second):
        first, second = second, first
    if not second:
        return first
    merged = list(first[: -len(second)])
    for one, other in zip(first[-len(second) :], second, strict=True):
        if one is None or other is None:
            merged.append(None)
        elif one != other and 1 not in (one, other):
            raise ValueError(
                f"Layer '{layer.name}': inputs have incompatible shapes. Received shapes {first} and {second} (without "
                "the batch): every dimension must be the same, or 1 in one of them."
            )
        else:
            merged.append(other if one == 1 else one)
    return tuple(merged)
