"""What the transposed convolutions of every rank share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.convolutional.base_conv import BaseConv
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.ops import convolution
from torchkeras_shim.ops.windows import standardize_padding


class BaseConvTranspose(BaseConv):
    """Transposed convolution over `rank` spatial dimensions.

    The kernel has Keras's shape (spatial..., filters, channels), its memory the order that torch computes on.

    Args:
        rank: The number of spatial dimensions.
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: By how much the output is larger, one number or one per dimension.
        padding: `"valid"` or `"same"`.
        output_padding: What to add to the end of each output dimension; by default what `padding` promises.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        **kwargs: The other arguments of `BaseConv`.
    """

    _grows_by = ("kernel_size", "strides", "output_padding", "dilation_rate")

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        **kwargs: Any,
    ) -> None:
        standardize_padding(padding)  # there is no causal transposed convolution
        super().__init__(rank, filters, kernel_size, strides, padding, data_format, dilation_rate, 1, **kwargs)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = arguments.sizes(self, "output_padding", output_padding, rank, allow_zero=True)
            for index, (extra, stride) in enumerate(zip(self.output_padding, self.strides, strict=True)):
                if extra >= stride:
                    raise ValueError(
                        "`output_padding` must be strictly less than `strides` for all dimensions. At dimension "
                        f"{index}, `output_padding` is {extra} but `strides` is {stride}. Received: "
                        f"output_padding={self.output_padding}, strides={self.strides}"
                    )
        self._extra: tuple[int | None, ...] = self.output_padding or (None,) * rank

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias."""
        channels, axis = input_channels(self, input_shape)
        memory = convolution.channels_last_memory if self._channels_last else convolution.channels_first_memory
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, self.filters, channels),
            initializer=memory(self.kernel_initializer or initializers.get("glorot_uniform")),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        add_bias(self, self.filters)
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Convolves, adds the bias and activates."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        weight: torch.Tensor = self.kernel
        strides, dilation, extra = self.strides, self.dilation_rate, self._extra
        flat = self.rank == 1 and self._channels_last
        if flat:  # as an image of height 1: torch's kernel for sequences would copy a permuted input
            inputs, weight = inputs.unsqueeze(1), weight.unsqueeze(0)
            strides, dilation, extra = (1, *strides), (1, *dilation), (None, *extra)
        outputs = convolution.convolve_transposed(
            inputs, weight, self.bias, strides, self.padding, extra, dilation, self._channels_last
        )
        outputs = outputs.squeeze(1) if flat else outputs
        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = {**super().get_config(), "output_padding": self.output_padding}
        del config["groups"]
        return config


def input_channels(layer: BaseConv, input_shape: Any) -> tuple[int, int]:
    """Returns the number of channels that a convolution is built for, and their axis.

    Raises:
        ValueError: If rank or channels do not fit.
    """
    axis = -1 if layer._channels_last else 1
    if len(input_shape) != layer.rank + 2:
        raise ValueError(
            f"Layer '{layer.name}': {type(layer).__name__} takes inputs of rank {layer.rank + 2}. Received: "
            f"input_shape={tuple(input_shape)}"
        )
    channels = input_shape[axis]
    if channels is None:
        raise ValueError(
            f"Layer '{layer.name}': the channel dimension of the inputs (axis {axis}) should be defined. Received: "
            f"input_shape={tuple(input_shape)}."
        )
    return channels, axis


def add_bias(layer: BaseConv, size: int) -> None:
    """Creates the bias of a convolution, if it has one."""
    layer.bias = None
    if layer.use_bias:
        layer.bias = layer.add_weight(
            name="bias",
            shape=(size,),
            initializer=layer.bias_initializer,
            regularizer=layer.bias_regularizer,
            constraint=layer.bias_constraint,
        )


def serialized(layer: Any, names: Sequence[str]) -> dict[str, Any]:
    """Returns the initializers, regularizers and constraints of the weights called `names`, for a config."""
    config = {}
    for name in names:
        config[f"{name}_initializer"] = initializers.serialize(getattr(layer, f"{name}_initializer"))
        config[f"{name}_regularizer"] = regularizers.serialize(getattr(layer, f"{name}_regularizer"))
        config[f"{name}_constraint"] = constraints.serialize(getattr(layer, f"{name}_constraint"))
    return config
