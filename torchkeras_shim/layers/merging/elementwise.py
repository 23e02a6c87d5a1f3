"""Element-wise merging: `Add`, `Subtract`, `Multiply`, `Average`, `Maximum`, `Minimum` and their functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.called import Flags
from torchkeras_shim.layers.merging.base_merge import Merge


def _masks_of(inputs: Sequence[torch.Tensor]) -> list[Any]:
    """The masks that ride on the inputs, each as something that broadcasts against its input."""
    if not Flags.masks:
        return [None] * len(inputs)
    masks = [getattr(x, "_keras_mask", None) for x in inputs]
    return [None if mask is None else mask.unsqueeze(-1).expand(x.shape) for x, mask in zip(inputs, masks, strict=True)]


def _choose(function: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Merges with a function that has no neutral element: what a mask leaves out does not take part."""
    outputs, counts = inputs[0], None
    for index, (x, mask) in enumerate(zip(inputs, _masks_of(inputs), strict=True)):
        if index == 0:
            counts = mask
            continue
        if mask is not None:
            x = torch.where(mask, x, outputs)
        if counts is not None:
            outputs = torch.where(counts, outputs, x)
        counts = torch.logical_or(counts, mask) if mask is not None and counts is not None else None
        outputs = function(outputs, x)
    return outputs


@LAYERS.register()
class Add(Merge):
    """Adds its inputs, element by element.

    The shapes of the inputs are the same, or broadcast; a lower rank is filled up behind the batch.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Add()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[4., 3.]])
    """

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        outputs = inputs[0]
        for x in inputs[1:]:
            outputs = outputs + x
        return outputs


@LAYERS.register()
class Subtract(Merge):
    """Subtracts the second of two inputs from the first.

    The shapes of the inputs are the same, or broadcast; a lower rank is filled up behind the batch.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Subtract()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[-2.,  1.]])
    """

    def build(self, input_shape: Any) -> None:
        """Checks that there are two inputs whose shapes fit."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                f"Layer '{self.name}': a `Subtract` layer should be called on exactly 2 inputs. Received: "
                f"input_shape={input_shape}"
            )

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        if len(inputs) != 2:
            raise ValueError(
                f"Layer '{self.name}': a `Subtract` layer should be called on exactly 2 inputs. Received "
                f"{len(inputs)} inputs."
            )
        return inputs[0] - inputs[1]


@LAYERS.register()
class Multiply(Merge):
    """Multiplies its inputs, element by element.

    The shapes of the inputs are the same, or broadcast; a lower rank is filled up behind the batch.
    What a mask leaves out
    counts as 1; where every input is masked, the result is 0.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Multiply()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[3., 2.]])
    """

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        masks = _masks_of(inputs)
        outputs, counts = None, None
        everywhere = all(mask is not None for mask in masks)
        for x, mask in zip(inputs, masks, strict=True):
            if mask is not None:
                x = torch.where(mask, x, torch.ones((), dtype=x.dtype, device=x.device))
                counts = mask if counts is None else torch.logical_or(counts, mask)
            outputs = x if outputs is None else outputs * x
        assert outputs is not None
        return torch.where(counts, outputs, 0) if everywhere and counts is not None else outputs


@LAYERS.register()
class Average(Merge):
    """Returns the mean of its inputs, element by element.

    The shapes of the inputs are the same, or broadcast; a lower rank is filled up behind the batch.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Average()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[2.0000, 1.5000]])
    """

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        outputs = inputs[0]
        for x in inputs[1:]:
            outputs = outputs + x
        return outputs / len(inputs)


@LAYERS.register()
class Maximum(Merge):
    """Returns the largest of its inputs, element by element.

    The shapes of the inputs are the same, or broadcast; a lower rank is filled up behind the batch.
    What a mask leaves out does not take part.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Maximum()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[3., 2.]])
    """

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return _choose(torch.maximum, inputs)


@LAYERS.register()
class Minimum(Merge):
    """Returns the smallest of its inputs, element by element.

    The shapes of the inputs are the same, or broadcast; a lower rank is filled up behind the batch.
    What a mask leaves out does not take part.

    Args:
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> Minimum()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[1., 1.]])
    """

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return _choose(torch.minimum, inputs)


def add(inputs: Any, **kwargs: Any) -> Any:
    """Adds tensors: the function to the layer `Add`.

    Args:
        inputs: A list of tensors, symbolic or not.
        **kwargs: Arguments of the layer.

    Example:
        >>> add([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[4., 3.]])
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """Subtracts the second tensor from the first: the function to the layer `Subtract`.

    Args:
        inputs: A list of two tensors, symbolic or not.
        **kwargs: Arguments of the layer.

    Example:
        >>> subtract([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[-2.,  1.]])
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Multiplies tensors: the function to the layer `Multiply`.

    Args:
        inputs: A list of tensors, symbolic or not.
        **kwargs: Arguments of the layer.

    Example:
        >>> multiply([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[3., 2.]])
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Returns the mean of tensors: the function to the layer `Average`.

    Args:
        inputs: A list of tensors, symbolic or not.
        **kwargs: Arguments of the layer.

    Example:
        >>> average([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[2.0000, 1.5000]])
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Returns the element-wise maximum: the function to the layer `Maximum`.

    Args:
        inputs: A list of tensors, symbolic or not.
        **kwargs: Arguments of the layer.

    Example:
        >>> maximum([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[3., 2.]])
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Returns the element-wise minimum: the function to the layer `Minimum`.

    Args:
        inputs: A list of tensors, symbolic or not.
        **kwargs: Arguments of the layer.

    Example:
        >>> minimum([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])])
        tensor([[1., 1.]])
    """
    return Minimum(**kwargs)(inputs)
