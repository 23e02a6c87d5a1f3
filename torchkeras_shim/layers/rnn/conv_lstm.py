"""Convolutional LSTM layers: `ConvLSTM1D`, `ConvLSTM2D`, `ConvLSTM3D`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.rnn.base_conv_lstm import BaseConvLSTM


@LAYERS.register()
class ConvLSTM1D(BaseConvLSTM):
    """A convolutional LSTM over sequences of signals.

    Every product of an LSTM is a convolution here: Shi et al. 2015, https://arxiv.org/abs/1506.04214. The inputs are
    convolved with all of `strides`, `padding` and `dilation_rate`, the states with `"same"` padding only. Torch has no
    kernel of its own for it: a loop over time takes the steps, after one convolution of all inputs.

    Args:
        filters: The number of channels of the states and the output.
        kernel_size: The size of the window, one number or a tuple of one.
        strides: The step of the window over the inputs.
        padding: `"valid"` (no padding), or `"same"`: the output is `ceil(size / stride)` long.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements over the inputs.
        activation: The activation of candidate and output.
        recurrent_activation: The activation of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, per gate and the same for every step.
        recurrent_dropout: The share of the state that training drops, per gate and the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        return_sequences: Whether to return the outputs of all steps, or the last one.
        return_state: Whether to return the last states behind the outputs.
        go_backwards: Whether to start with the last step; the outputs then come in that order, too.
        stateful: Whether a batch goes on with the state that the one before it ended with. The batch size is fixed.
        **kwargs: Arguments of every layer and of `RNN`: `name`, `dtype`, `unroll`, `zero_output_for_mask`, ...

    Input shape:
        `(batch, time, steps, channels)`, channels third if channels-first. The spatial sizes are fixed.

    Output shape:
        `(batch, new_steps, filters)`, with the time behind the batch if `return_sequences`

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> ConvLSTM1D(2, 3)(torch.ones(1, 4, 6, 1)).shape
        torch.Size([1, 4, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = {
            "filters": filters,
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
            "dilation_rate": dilation_rate,
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "unit_forget_bias": unit_forget_bias,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "seed": seed,
        }
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(1, cell, return_sequences, return_state, go_backwards, stateful, **kwargs)


@LAYERS.register()
class ConvLSTM2D(BaseConvLSTM):
    """A convolutional LSTM over sequences of images, such as films.

    Every product of an LSTM is a convolution here: Shi et al. 2015, https://arxiv.org/abs/1506.04214. The inputs are
    convolved with all of `strides`, `padding` and `dilation_rate`, the states with `"same"` padding only. Torch has no
    kernel of its own for it: a loop over time takes the steps, after one convolution of all inputs.

    Args:
        filters: The number of channels of the states and the output.
        kernel_size: The size of the window, one number or 2 of them.
        strides: The step of the window over the inputs.
        padding: `"valid"` (no padding), or `"same"`: the output is `ceil(size / stride)` large.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements over the inputs.
        activation: The activation of candidate and output.
        recurrent_activation: The activation of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, per gate and the same for every step.
        recurrent_dropout: The share of the state that training drops, per gate and the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        return_sequences: Whether to return the outputs of all steps, or the last one.
        return_state: Whether to return the last states behind the outputs.
        go_backwards: Whether to start with the last step; the outputs then come in that order, too.
        stateful: Whether a batch goes on with the state that the one before it ended with. The batch size is fixed.
        **kwargs: Arguments of every layer and of `RNN`: `name`, `dtype`, `unroll`, `zero_output_for_mask`, ...

    Input shape:
        `(batch, time, rows, columns, channels)`, channels third if channels-first. The spatial sizes are fixed.

    Output shape:
        `(batch, new_rows, new_columns, filters)`, with the time behind the batch if `return_sequences`

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> ConvLSTM2D(2, 3)(torch.ones(1, 4, 6, 6, 1)).shape
        torch.Size([1, 4, 4, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = {
            "filters": filters,
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
            "dilation_rate": dilation_rate,
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "unit_forget_bias": unit_forget_bias,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "seed": seed,
        }
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(2, cell, return_sequences, return_state, go_backwards, stateful, **kwargs)


@LAYERS.register()
class ConvLSTM3D(BaseConvLSTM):
    """A convolutional LSTM over sequences of volumes.

    Every product of an LSTM is a convolution here: Shi et al. 2015, https://arxiv.org/abs/1506.04214. The inputs are
    convolved with all of `strides`, `padding` and `dilation_rate`, the states with `"same"` padding only. Torch has no
    kernel of its own for it: a loop over time takes the steps, after one convolution of all inputs.

    Args:
        filters: The number of channels of the states and the output.
        kernel_size: The size of the window, one number or 3 of them.
        strides: The step of the window over the inputs.
        padding: `"valid"` (no padding), or `"same"`: the output is `ceil(size / stride)` large.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements over the inputs.
        activation: The activation of candidate and output.
        recurrent_activation: The activation of the gates.
        use_bias: Whether there is a bias.
        kernel_initializer: How the kernel starts.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, per gate and the same for every step.
        recurrent_dropout: The share of the state that training drops, per gate and the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        return_sequences: Whether to return the outputs of all steps, or the last one.
        return_state: Whether to return the last states behind the outputs.
        go_backwards: Whether to start with the last step; the outputs then come in that order, too.
        stateful: Whether a batch goes on with the state that the one before it ended with. The batch size is fixed.
        **kwargs: Arguments of every layer and of `RNN`: `name`, `dtype`, `unroll`, `zero_output_for_mask`, ...

    Input shape:
        `(batch, time, depth, rows, columns, channels)`, channels third if channels-first. The spatial sizes are fixed.

    Output shape:
        `(batch, new_depth, new_rows, new_columns, filters)`, with the time behind the batch if `return_sequences`

    Raises:
        ValueError: If an argument is not valid.

    Example:
        >>> import torch
        >>> ConvLSTM3D(2, 3)(torch.ones(1, 4, 5, 5, 5, 1)).shape
        torch.Size([1, 3, 3, 3, 2])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = {
            "filters": filters,
            "kernel_size": kernel_size,
            "strides": strides,
            "padding": padding,
            "data_format": data_format,
            "dilation_rate": dilation_rate,
            "activation": activation,
            "recurrent_activation": recurrent_activation,
            "use_bias": use_bias,
            "kernel_initializer": kernel_initializer,
            "recurrent_initializer": recurrent_initializer,
            "bias_initializer": bias_initializer,
            "unit_forget_bias": unit_forget_bias,
            "kernel_regularizer": kernel_regularizer,
            "recurrent_regularizer": recurrent_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "recurrent_constraint": recurrent_constraint,
            "bias_constraint": bias_constraint,
            "dropout": dropout,
            "recurrent_dropout": recurrent_dropout,
            "seed": seed,
        }
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(3, cell, return_sequences, return_state, go_backwards, stateful, **kwargs)
