"""What the convolution layers of every rank share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import activations, constraints, initializers, regularizers
from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.activated import Activated
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.ops import convolution
from torchkeras_shim.ops.windows import empty_output_error, standardize_padding

#: Keras's wording for numbers of channels.
POSITIVE = "Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value}."


class BaseConv(Activated):
    """Convolution over `rank` spatial dimensions.

    The kernel has Keras's shape (spatial..., channels // groups, filters). Its memory has the order that torch's
    kernels compute on without rearranging, see `ops.convolution.channels_last_memory`.

    Args:
        rank: The number of spatial dimensions.
        filters: The number of output channels.
        kernel_size: The size of the window, one number or one per dimension.
        strides: The step of the window, one number or one per dimension.
        padding: `"valid"`, `"same"`, or `"causal"` for rank 1.
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
        **kwargs: Arguments of every layer.
    """

    _grows_by: tuple[str, ...] = ("kernel_size", "dilation_rate")

    _treats_samples_alone = True
    _light_on_meta = True
    kernel: Variable
    bias: Variable | None

    def __init__(
        self,
        rank: int,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.rank = rank
        self.filters = filters
        self.groups = groups
        self.kernel_size = arguments.sizes(self, "kernel_size", kernel_size, rank)
        self.strides = arguments.sizes(self, "strides", strides, rank)
        self.dilation_rate = arguments.sizes(self, "dilation_rate", dilation_rate, rank)
        self.padding = standardize_padding(padding, allow_causal=rank == 1)
        self.data_format = standardize_data_format(data_format)
        self.activation = arguments.known(self, "activation", activations, activation)
        self.use_bias = use_bias
        self.kernel_initializer = arguments.known(self, "kernel_initializer", initializers, kernel_initializer)
        self.bias_initializer = arguments.known(self, "bias_initializer", initializers, bias_initializer)
        self.kernel_regularizer = arguments.known(self, "kernel_regularizer", regularizers, kernel_regularizer)
        self.bias_regularizer = arguments.known(self, "bias_regularizer", regularizers, bias_regularizer)
        self.kernel_constraint = arguments.known(self, "kernel_constraint", constraints, kernel_constraint)
        self.bias_constraint = arguments.known(self, "bias_constraint", constraints, bias_constraint)
        self.input_spec = InputSpec(min_ndim=rank + 2)
        self._check_arguments()
        self._channels_last = self.data_format == "channels_last"
        self._amounts = convolution.static_padding(self.padding, self.kernel_size, self.strides, self.dilation_rate)
        self._own_operation = type(self).convolution_op is not BaseConv.convolution_op
        self._find_kernel()

    def _check_arguments(self) -> None:
        self.filters = arguments.positive_integer(self, "filters", self.filters, POSITIVE)
        sentence = "The number of groups must be a positive integer. Received: groups={value}."
        self.groups = arguments.positive_integer(self, "groups", self.groups, sentence)
        if self.filters % self.groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. Received: "
                f"groups={self.groups}, filters={self.filters}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
                f"strides={self.strides} and dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias."""
        axis = -1 if self._channels_last else 1
        if len(input_shape) != self.rank + 2:
            raise ValueError(
                f"Layer '{self.name}': kernel shape must have the same length as input, but received a kernel of size "
                f"{self.kernel_size} and input of shape {tuple(input_shape)}. {type(self).__name__} takes inputs of "
                f"rank {self.rank + 2}."
            )
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer '{self.name}': the channel dimension of the inputs (axis {axis}) should be defined. Received: "
                f"input_shape={tuple(input_shape)}."
            )
        if channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}': The number of input channels must be evenly divisible by the number of groups. "
                f"Received groups={self.groups}, but the input has {channels} channels (full input shape is "
                f"{tuple(input_shape)})."
            )
        self._check_output_size(tuple(input_shape))
        kernel_initializer = self.kernel_initializer
        if kernel_initializer is None:
            kernel_initializer = initializers.get("glorot_uniform")
        memory = convolution.channels_last_memory if self._channels_last else convolution.channels_first_memory
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=memory(kernel_initializer),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        else:
            self.bias = None
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})

    def _check_output_size(self, shape: tuple[int | None, ...]) -> None:
        spatial = shape[1:-1] if self._channels_last else shape[2:]
        reach = [step * (size - 1) + 1 for size, step in zip(self.kernel_size, self.dilation_rate, strict=True)]
        short = any(size is not None and size < needed for size, needed in zip(spatial, reach, strict=True))
        if self.padding == "valid" and short:
            raise empty_output_error(
                shape, self.kernel_size, self.strides, self.padding, self._channels_last, f"Layer '{self.name}': "
            )

    def convolution_op(self, inputs: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        """Convolves without bias. A subclass may override it, for example to standardize the kernel first."""
        return convolution.convolve(
            inputs,
            kernel,
            None,
            self.strides,
            self._amounts,
            self.dilation_rate,
            self.groups,
            self._channels_last,
        )

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Convolves, adds the bias and activates."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        if self._own_operation:
            outputs = self.convolution_op(inputs, self.kernel)
            if self.bias is not None:
                outputs = outputs + (self.bias if self._channels_last else self.bias.view(-1, *(1,) * self.rank))
        else:
            try:
                outputs = convolution.convolve(
                    inputs,
                    self.kernel,
                    self.bias,
                    self.strides,
                    self._amounts,
                    self.dilation_rate,
                    self.groups,
                    self._channels_last,
                )
            except RuntimeError:
                if inputs.ndim == self.rank + 2:
                    self._check_output_size(tuple(inputs.shape))
                raise
        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)

    def call_padded(self, inputs: torch.Tensor, pairs: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Does what `call` does with floats that zeros are put around; for images, without a `convolution_op` of one's
        own, with `padding="valid"`.
        """
        outputs = convolution.convolve_padded(
            inputs, self.kernel, self.bias, self.strides, pairs, self.dilation_rate, self.groups, self._channels_last
        )
        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s. No activation is run that keeps the shape: it is not light on meta."""
        if not activations.keeps_shape(self.activation):
            return super().compute_output_spec(*args, **kwargs)
        self.__dict__["_activation_of"], self.__dict__["_activation_kernel"] = self.activation, None
        try:
            return super().compute_output_spec(*args, **kwargs)
        finally:
            self._find_kernel()

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }
