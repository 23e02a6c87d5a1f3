"""`Reshape`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.weightless import build_at_once


@LAYERS.register()
class Reshape(Layer):
    """Gives each sample another shape.

    Args:
        target_shape: The new shape without the batch; one dimension may be -1, which is inferred.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If the shape has several unknown dimensions, or another size than the inputs.

    Example:
        >>> Reshape((2, -1))(torch.ones(5, 6)).shape
        torch.Size([5, 2, 3])
    """

    _treats_samples_alone = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target = arguments.shape(self, "target_shape", target_shape, unknown=(None,))
        if any(size is not None and size < -1 for size in target):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a single unknown "
                f"dimension. Received: target_shape={target}."
            )
        if sum(size == -1 or size is None for size in target) > 1:
            raise ValueError(
                f"There must be at most one unknown dimension (-1) in `target_shape`. Received: target_shape={target}."
            )
        self.target_shape = target
        self._sizes = tuple(-1 if size is None else size for size in target)
        build_at_once(self)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s, after a check of the size if it is known."""
        shape = (args[0] if args else kwargs["inputs"]).shape
        if None not in shape[1:]:
            self._check(tuple(shape[1:]))
        return super().compute_output_spec(*args, **kwargs)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the samples in the new shape: a view where memory allows."""
        try:
            return inputs.reshape(inputs.shape[0], *self._sizes)
        except RuntimeError:
            if inputs.is_meta:  # unknown sizes have stand-ins here that need not divide
                rest = inputs[0].numel() // abs(math.prod(self._sizes))
                return inputs.new_empty(inputs.shape[0], *(rest if size == -1 else size for size in self._sizes))
            self._check(tuple(inputs.shape[1:]))
            raise

    def _check(self, shape: tuple[int, ...]) -> None:
        size, target = math.prod(shape), math.prod(self._sizes)
        if size == target or (-1 in self._sizes and target and size % target == 0):
            return
        if -1 in self._sizes:
            problem = "however, the input size cannot be divided by the specified dimensions in target_shape"
        else:
            problem = f"but the inputs have {size} elements per sample and the target has {target}"
        raise ValueError(
            f"Layer '{self.name}': The total size of the tensor must be unchanged, {problem}. Received: "
            f"input_shape={shape}, target_shape={self.target_shape}"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "target_shape": self.target_shape}
