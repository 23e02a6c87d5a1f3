"""`ConvLSTMCell`: one step of the convolutional LSTM layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments, calling
from torchkeras_shim.layers.convolutional.base_conv import POSITIVE
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.rnn.cell_base import shared_config
from torchkeras_shim.layers.rnn.dropout_cell import DropoutCell
from torchkeras_shim.ops import convolution
from torchkeras_shim.ops.windows import empty_output_error, standardize_padding


class ConvLSTMCell(DropoutCell):
    """One step of a convolutional LSTM; the gates input, forget, candidate and output lie side by side in the kernels.

    The input is convolved with all arguments of a convolution layer, the state with `"same"` padding and no strides.

    Args:
        rank: The number of spatial dimensions.
        filters: The number of channels of the states and the output.
        kernel_size: The size of the window, one number or one per dimension.
        strides: The step of the window over the input.
        padding: `"valid"` or `"same"`, for the input.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        dilation_rate: The distance between the kernel's elements over the input.
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
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel after each update.
        bias_constraint: A projection of the bias after each update.
        dropout: The share of the inputs that training drops, per gate and the same for every step.
        recurrent_dropout: The share of the state that training drops, per gate and the same for every step.
        seed: A seed of the dropout's own; torch's global generator by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If an argument is not valid, or a spatial size of the inputs is open.
    """

    kernel: Variable
    recurrent_kernel: Variable
    bias: Variable | None
    bias_initializer: Any
    spatial_dims: tuple[int, ...]

    def __init__(
        self,
        rank: int,
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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if rank not in (1, 2, 3):
            raise ValueError(f"Rank {rank} convolutions do not exist: expected 1, 2 or 3. Received: rank={rank}")
        self.rank = rank
        self.filters = arguments.positive_integer(self, "filters", filters, POSITIVE)
        self.kernel_size = arguments.sizes(self, "kernel_size", kernel_size, rank)
        self.strides = arguments.sizes(self, "strides", strides, rank)
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = arguments.sizes(self, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Specifying `strides > 1` is not compatible with `dilation_rate > 1`: set one of them to 1. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        self.activation = arguments.known(self, "activation", activations, activation)
        self.recurrent_activation = arguments.known(self, "recurrent_activation", activations, recurrent_activation)
        self.use_bias = use_bias
        self.kernel_initializer = arguments.known(self, "kernel_initializer", initializers, kernel_initializer)
        self.recurrent_initializer = arguments.known(self, "recurrent_initializer", initializers, recurrent_initializer)
        self.bias_initializer = arguments.known(self, "bias_initializer", initializers, bias_initializer)
        self.unit_forget_bias = unit_forget_bias
        self.kernel_regularizer = arguments.known(self, "kernel_regularizer", regularizers, kernel_regularizer)
        self.recurrent_regularizer = arguments.known(self, "recurrent_regularizer", regularizers, recurrent_regularizer)
        self.bias_regularizer = arguments.known(self, "bias_regularizer", regularizers, bias_regularizer)
        self.kernel_constraint = arguments.known(self, "kernel_constraint", constraints, kernel_constraint)
        self.recurrent_constraint = arguments.known(self, "recurrent_constraint", constraints, recurrent_constraint)
        self.bias_constraint = arguments.known(self, "bias_constraint", constraints, bias_constraint)
        self._set_dropout(dropout, recurrent_dropout, seed, masks=4)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.state_size = -1  # an image, whose size follows from that of the input
        self._channels_last = self.data_format == "channels_last"
        self._amounts = convolution.static_padding(self.padding, self.kernel_size, self.strides, self.dilation_rate)
        self._ones = (1,) * rank
        self._recurrent_amounts = convolution.static_padding("same", self.kernel_size, self._ones, self._ones)

    def build(self, input_shape: Any) -> None:
        """Creates the kernels and the bias."""
        spatial = tuple(input_shape[1:-1] if self._channels_last else input_shape[2:])
        channels = input_shape[-1 if self._channels_last else 1]
        if None in spatial or channels is None:
            raise ValueError(
                f"Layer '{self.name}': convolutional LSTM layers need the spatial dimensions and the channels of their "
                f"input to be defined, because their states are images. Received, for one step: "
                f"input_shape={tuple(input_shape)}. Give the model's Input a full `shape`."
            )
        self.spatial_dims = spatial
        self._output_size(spatial)  # an input that is too small must leave no weights behind
        memory = convolution.channels_last_memory if self._channels_last else convolution.channels_first_memory
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels, 4 * self.filters),
            initializer=memory(self.kernel_initializer or initializers.get("glorot_uniform")),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(*self.kernel_size, self.filters, 4 * self.filters),
            initializer=memory(self.recurrent_initializer or initializers.get("glorot_uniform")),
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(4 * self.filters,),
                initializer=self._start_bias if self.unit_forget_bias else self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))

    def _start_bias(self, shape: Any, dtype: Any = None) -> torch.Tensor:
        first = torch.as_tensor(self.bias_initializer((self.filters,), dtype=dtype))
        rest = torch.as_tensor(self.bias_initializer((2 * self.filters,), dtype=dtype))
        return torch.cat([first, torch.ones_like(first), rest])

    # Shapes ---------------------------------------------------------------------------------------------------------

    def _output_size(self, spatial: Sequence[int | None]) -> list[int | None]:
        """The spatial sizes of the states for those of the input."""
        sizes: list[int | None] = []
        for size, window, stride, step in zip(spatial, self.kernel_size, self.strides, self.dilation_rate, strict=True):
            cut = step * (window - 1) if self.padding == "valid" else 0
            if size is not None and size <= cut:
                raise empty_output_error(
                    spatial, self.kernel_size, self.strides, self.padding, False, f"Layer '{self.name}', one step: "
                )
            sizes.append(None if size is None else -(-(size - cut) // stride))
        return sizes

    def state_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Returns the shape of the output and of both states for the input shape of one step."""
        if self._channels_last:
            return (input_shape[0], *self._output_size(input_shape[1:-1]), self.filters)
        return (input_shape[0], self.filters, *self._output_size(input_shape[2:]))

    def compute_output_shape(self, inputs_shape: Any, states_shape: Any = None) -> Any:
        """Returns the shapes of the output and of the two states."""
        shape = self.state_shape(inputs_shape)
        return shape, [shape, shape]

    def get_initial_state(self, batch_size: Any = None) -> list[torch.Tensor]:
        """Returns two states of zeros.

        Args:
            batch_size: How many sequences there are.
        """
        shape: Any = self.state_shape(
            (batch_size, *self.spatial_dims, 0) if self._channels_last else (batch_size, 0, *self.spatial_dims)
        )
        device = calling.device_of(self)
        return [torch.zeros(shape, dtype=self._compute_dtype, device=device) for _ in range(2)]

    # Computing ------------------------------------------------------------------------------------------------------

    def call(self, inputs: torch.Tensor, states: Any, training: bool | None = None) -> Any:
        """Takes one step. Returns the output and the new states."""
        training = self.training if training is None else training
        mask = self.get_dropout_mask(inputs) if training and 0.0 < self.dropout < 1.0 else None
        projected = self.project(inputs, self.kernel, self.bias, mask)
        return self.stepper(self.recurrent_kernel, training)(projected, states)

    forward = call

    def project(
        self, inputs: torch.Tensor, kernel: torch.Tensor, bias: torch.Tensor | None, masks: list[torch.Tensor] | None
    ) -> torch.Tensor:
        """Convolves inputs for all gates.

        Args:
            inputs: The inputs of one step, or of any number of steps behind one another in the batch.
            kernel: The kernel, of the type of the inputs.
            bias: The bias, of the same type.
            masks: Where the inputs are dropped, one mask per gate.
        """
        if masks is not None:  # one group per gate
            inputs = torch.cat([inputs * mask for mask in masks], dim=-1 if self._channels_last else 1)
        return convolution.convolve(
            inputs,
            kernel,
            bias,
            self.strides,
            self._amounts,
            self.dilation_rate,
            1 if masks is None else 4,
            self._channels_last,
        )

    def stepper(self, recurrent_kernel: torch.Tensor, training: bool) -> Callable[[Any, Any], Any]:
        """Returns a function `(projected inputs, states) -> (output, states)`.

        Args:
            recurrent_kernel: The recurrent kernel, of the type of the inputs.
            training: Whether dropout is active.
        """
        axis = -1 if self._channels_last else 1
        gate, activation = activations.kernel_of(self.recurrent_activation), activations.kernel_of(self.activation)

        def step(projected: torch.Tensor, states: Any) -> Any:
            carry = states[1]
            state = self._dropped_state(states[0], training)
            groups = 1
            if isinstance(state, list):
                state, groups = torch.cat(state, dim=axis), 4
            z = projected + convolution.convolve(
                state,
                recurrent_kernel,
                None,
                self._ones,
                self._recurrent_amounts,
                self._ones,
                groups,
                self._channels_last,
            )
            i, f, c, o = z.chunk(4, dim=axis)
            carry = gate(f) * carry + gate(i) * activation(c)
            output = gate(o) * activation(carry)
            return output, [output, carry]

        return step

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, but the rank."""
        return {**super().get_config(), **conv_lstm_config(self), "seed": self.seed}


def conv_lstm_config(cell: Any) -> dict[str, Any]:
    """Returns the arguments that the cell and the layers around it have in common, as plain values."""
    return {
        "filters": cell.filters,
        "kernel_size": cell.kernel_size,
        "strides": cell.strides,
        "padding": cell.padding,
        "data_format": cell.data_format,
        "dilation_rate": cell.dilation_rate,
        "recurrent_activation": activations.serialize(cell.recurrent_activation),
        "unit_forget_bias": cell.unit_forget_bias,
        **shared_config(cell),
    }
