"""Transposed convolutions: `Conv1DTranspose`, `Conv2DTranspose`, `Conv3DTranspose`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.convolutional.base_conv_transpose import BaseConvTranspose


@LAYERS.register("Convolution1DTranspose")
class Conv1DTranspose(BaseConvTranspose):
    """Transposed convolution over sequences: makes them larger, as a convolution makes them smaller.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: By how much the output is larger, one number or one per dimension.
        padding: `"valid"`: whatever the window reaches, or `"same"`: the output is `size * stride` long.
        output_padding: What to add to the end of each output dimension; by default what `padding` promises.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> Conv1DTranspose(2, 3, strides=2, padding="same")(torch.ones(1, 4, 3)).shape
        torch.Size([1, 8, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            1,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            output_padding=output_padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


@LAYERS.register("Convolution2DTranspose")
class Conv2DTranspose(BaseConvTranspose):
    """Transposed convolution over images: makes them larger, as a convolution makes them smaller.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: By how much the output is larger, one number or one per dimension.
        padding: `"valid"`: whatever the window reaches, or `"same"`: the output is `size * stride` long.
        output_padding: What to add to the end of each output dimension; by default what `padding` promises.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> Conv2DTranspose(2, 3, strides=2, padding="same")(torch.ones(1, 4, 4, 3)).shape
        torch.Size([1, 8, 8, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            2,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            output_padding=output_padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


@LAYERS.register("Convolution3DTranspose")
class Conv3DTranspose(BaseConvTranspose):
    """Transposed convolution over volumes: makes them larger, as a convolution makes them smaller.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: By how much the output is larger, one number or one per dimension.
        padding: `"valid"`: whatever the window reaches, or `"same"`: the output is `size * stride` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        output_padding: What to add to the end of each output dimension; by default what `padding` promises.
        dilation_rate: The distance between the kernel's elements.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> Conv3DTranspose(2, 3, strides=2, padding="same")(torch.ones(1, 4, 4, 4, 3)).shape
        torch.Size([1, 8, 8, 8, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: int | Sequence[int] | None = None,
        dilation_rate: int | Sequence[int] = (1, 1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            3,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            output_padding=output_padding,
            dilation_rate=dilation_rate,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
