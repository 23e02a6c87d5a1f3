"""`Input`: where a symbolic model starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import KerasTensor, Node
from torchkeras_shim.core.text import STRING
from torchkeras_shim.layers.base import LAYERS, Layer


@LAYERS.register()
class InputLayer(Layer):
    """The node that a symbolic input comes from. Most code calls `Input` instead.

    Args:
        shape: The shape without the batch.
        batch_size: The batch size, where it is fixed.
        dtype: The type, `floatx()` by default.
        sparse: Must be `False` or `None`.
        ragged: Must be `False` or `None`.
        batch_shape: The shape with the batch, instead of `shape` and `batch_size`.
        input_tensor: A `KerasTensor` to use as the input.
        optional: Whether the model may be called without this input.
        name: The name.

    Example:
        >>> InputLayer((4,)).output.shape
        (None, 4)
    """

    _treats_samples_alone = True

    def __init__(
        self,
        shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if sparse or ragged:
            raise ValueError(f"Sparse and ragged inputs are not supported. Received: {sparse=}, {ragged=}")
        if "input_shape" in kwargs or "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape", None) or batch_shape
            shape = kwargs.pop("input_shape", None) or shape
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to InputLayer: {kwargs}")
        if shape is not None and batch_shape is not None:
            raise ValueError(f"You cannot pass both `shape` and `batch_shape`. Received: {shape=}, {batch_shape=}")
        if batch_size is not None and batch_shape is not None:
            raise ValueError(
                f"You cannot pass both `batch_size` and `batch_shape`. Received: {batch_size=}, {batch_shape=}"
            )
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    f"Argument `input_tensor` must be a KerasTensor. Received invalid type: {type(input_tensor)}"
                )
            _check_fits(input_tensor, shape, batch_size, dtype, batch_shape)
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif batch_shape is None:
            if shape is None:
                raise ValueError("You must pass a `shape` argument.")
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        super().__init__(name=name)
        self.batch_shape = tuple(batch_shape)
        self.optional = optional
        self._dtype_name = dtypes.standardize_dtype(dtype)
        self.built = True
        output = input_tensor
        if output is None:
            output = KerasTensor(self.batch_shape, self._dtype_name, name=self.name)
        Node(self, (), {}, output)

    @property
    def dtype(self) -> str:
        """The type of the input."""
        return self._dtype_name

    def _follow_weights(self, dtype: str) -> None:
        super()._follow_weights(dtype)
        if self._dtype_name != STRING and dtypes.is_float(self._dtype_name):
            self._dtype_name = dtype
            self._inbound_nodes[0].outputs[0].become(dtype)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the input as it is."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._dtype_name,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


def _check_fits(tensor: KerasTensor, shape: Any, batch_size: Any, dtype: Any, batch_shape: Any) -> None:
    """Raises a ValueError if an `InputLayer` is told something else of a tensor that it is given."""
    said = {
        "shape": (shape, tensor.shape[1:]),
        "batch_size": (batch_size, tensor.shape[0] if tensor.shape else None),
        "batch_shape": (batch_shape, tensor.shape),
        "dtype": (dtype, tensor.dtype),
    }
    for name, (given, own) in said.items():
        if given is not None and (tuple(given) if isinstance(given, list) else given) != own:
            raise ValueError(
                f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` argument. "
                f"Expected: {name}={own!r}. Received: {name}={given!r}. Leave it out."
            )


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Returns a symbolic tensor that a model starts from.

    Args:
        shape: The shape without the batch; `None` stands for any size.
        batch_size: The batch size, where it is fixed.
        dtype: The type, `floatx()` by default.
        sparse: Must be `False` or `None`.
        ragged: Must be `False` or `None`.
        batch_shape: The shape with the batch, instead of `shape` and `batch_size`.
        name: The name of the input.
        tensor: A `KerasTensor` to use as the input.
        optional: Whether the model may be called without this input.

    Raises:
        ValueError: If no shape is given, or two.

    Example:
        >>> Input(shape=(28, 28)).shape
        (None, 28, 28)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    output: KerasTensor = layer.output
    return output
