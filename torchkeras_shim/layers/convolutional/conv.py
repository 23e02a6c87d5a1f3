"""Convolution layers: `Conv1D`, `Conv2D`, `Conv3D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.convolutional.base_conv import BaseConv
from torchkeras_shim.layers.low_rank import LowRank


@LAYERS.register("Convolution1D")
class Conv1D(LowRank, BaseConv):
    """Convolution over sequences, such as signals or sentences.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or a tuple of one.
        strides: The step of the window.
        padding: `"valid"` (no padding), `"same"`: the output is `ceil(size / stride)` long, or `"causal"`: an output
            never sees inputs behind it.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        groups: In how many groups the channels are convolved separately.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, ...; `lora_rank` and `lora_alpha`, which freeze
            the kernel and train a low-rank addition to it, see `enable_lora`.

    Input shape:
        `(batch, steps, channels)`, channels second if channels-first

    Output shape:
        `(batch, new_steps, filters)`, filters second if channels-first

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> Conv1D(2, 3)(torch.ones(1, 8, 4)).shape
        torch.Size([1, 6, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
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
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


@LAYERS.register("Convolution2D")
class Conv2D(LowRank, BaseConv):
    """Convolution over images.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or 2 of them.
        strides: The step of the window.
        padding: `"valid"` (no padding), `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        groups: In how many groups the channels are convolved separately.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, ...; `lora_rank` and `lora_alpha`, which freeze
            the kernel and train a low-rank addition to it, see `enable_lora`.

    Input shape:
        `(batch, height, width, channels)`, channels second if channels-first

    Output shape:
        `(batch, new_height, new_width, filters)`, filters second if channels-first

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> Conv2D(2, 3, padding="same")(torch.ones(1, 8, 8, 3)).shape
        torch.Size([1, 8, 8, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1),
        groups: int = 1,
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
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


@LAYERS.register("Convolution3D")
class Conv3D(LowRank, BaseConv):
    """Convolution over volumes, such as videos or scans.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the window, one number or 3 of them.
        strides: The step of the window.
        padding: `"valid"` (no padding), `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements.
        groups: In how many groups the channels are convolved separately.
        activation: The activation, none by default.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: Arguments of every layer: `name`, `dtype`, ...; `lora_rank` and `lora_alpha`, which freeze
            the kernel and train a low-rank addition to it, see `enable_lora`.

    Input shape:
        `(batch, depth, height, width, channels)`, channels second if channels-first

    Output shape:
        `(batch, new_depth, new_height, new_width, filters)`, filters second if channels-first

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> Conv3D(2, 3)(torch.ones(1, 4, 4, 4, 1)).shape
        torch.Size([1, 2, 2, 2, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = (1, 1, 1),
        groups: int = 1,
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
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
