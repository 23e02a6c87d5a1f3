"""Separable convolutions: `SeparableConv1D`, `SeparableConv2D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.convolutional.base_depthwise import BaseSeparableConv


@LAYERS.register("SeparableConvolution1D")
class SeparableConv1D(BaseSeparableConv):
    """Convolution over sequences of each channel by itself, then a mixing of the channels.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: The step of the window, one number or one per dimension.
        padding: `"valid"` (no padding) or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        depth_multiplier: How many outputs each channel has.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        depthwise_initializer: How the depthwise kernel starts.
        pointwise_initializer: How the pointwise kernel starts.
        bias_initializer: How the bias starts.
        depthwise_regularizer: A penalty on the depthwise kernel.
        pointwise_regularizer: A penalty on the pointwise kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        depthwise_constraint: A projection of the depthwise kernel after each update.
        pointwise_constraint: A projection of the pointwise kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> SeparableConv1D(5, 3)(torch.ones(1, 4, 3)).shape
        torch.Size([1, 2, 5])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            1,
            filters,
            depth_multiplier,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )


@LAYERS.register("SeparableConvolution2D")
class SeparableConv2D(BaseSeparableConv):
    """Convolution over images of each channel by itself, then a mixing of the channels.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: The step of the window, one number or one per dimension.
        padding: `"valid"` (no padding) or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        depth_multiplier: How many outputs each channel has.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        depthwise_initializer: How the depthwise kernel starts.
        pointwise_initializer: How the pointwise kernel starts.
        bias_initializer: How the bias starts.
        depthwise_regularizer: A penalty on the depthwise kernel.
        pointwise_regularizer: A penalty on the pointwise kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        depthwise_constraint: A projection of the depthwise kernel after each update.
        pointwise_constraint: A projection of the pointwise kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> SeparableConv2D(5, 3)(torch.ones(1, 4, 4, 3)).shape
        torch.Size([1, 2, 2, 5])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            2,
            filters,
            depth_multiplier,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
