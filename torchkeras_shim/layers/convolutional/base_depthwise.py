"""What the depthwise and the separable convolutions of every rank share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.convolutional.base_conv import POSITIVE, BaseConv
from torchkeras_shim.layers.convolutional.base_conv_transpose import add_bias, input_channels, serialized
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.ops import convolution
from torchkeras_shim.ops.windows import standardize_padding


def depthwise_memory(initializer: Any) -> Callable[..., torch.Tensor]:
    """Wraps an initializer of depthwise kernels so that the values lie in memory as torch's kernels want them.

    The shape stays (spatial..., channels, multiplier); in memory the order is channels, multiplier, spatial.
    """

    def initialize(shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        rank = len(shape)
        value = torch.as_tensor(initializer(shape, dtype=dtype))
        return value.permute(rank - 2, rank - 1, *range(rank - 2)).contiguous().permute(*range(2, rank), 0, 1)

    return initialize


class BaseDepthwise(BaseConv):
    """The arguments of a depthwise kernel on top of those of a convolution."""

    depth_multiplier: int

    def __init__(
        self,
        rank: int,
        filters: int | None,
        depth_multiplier: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        depthwise_initializer: Any = "glorot_uniform",
        depthwise_regularizer: Any = None,
        depthwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        standardize_padding(padding)  # there is no causal depthwise convolution
        self.__dict__["depth_multiplier"] = depth_multiplier  # the check of the arguments wants it
        super().__init__(
            rank,
            filters,  # type: ignore[arg-type]
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            **kwargs,
        )
        self.depthwise_initializer = arguments.known(self, "depthwise_initializer", initializers, depthwise_initializer)
        self.depthwise_regularizer = arguments.known(self, "depthwise_regularizer", regularizers, depthwise_regularizer)
        self.depthwise_constraint = arguments.known(self, "depthwise_constraint", constraints, depthwise_constraint)

    def _check_arguments(self) -> None:
        self.depth_multiplier = arguments.positive_integer(self, "depth_multiplier", self.depth_multiplier, POSITIVE)

    def _add_depthwise(self, name: str, input_shape: Any) -> int:
        """Creates the depthwise kernel. Returns the number of channels behind it."""
        channels, axis = input_channels(self, input_shape)
        self._check_output_size(tuple(input_shape))
        weight = self.add_weight(
            name=name,
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=depthwise_memory(self.depthwise_initializer or initializers.get("glorot_uniform")),
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        setattr(self, name, weight)
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return int(channels * self.depth_multiplier)

    def _convolve(self, inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        try:
            return convolution.convolve_depthwise(
                inputs, weight, bias, self.strides, self._amounts, self.dilation_rate, self._channels_last
            )
        except RuntimeError:
            if inputs.ndim == self.rank + 2:
                self._check_output_size(tuple(inputs.shape))
            raise

    def _activate(self, outputs: torch.Tensor) -> torch.Tensor:
        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        for name in ("groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            del config[name]
        return {**config, "depth_multiplier": self.depth_multiplier, **serialized(self, ["depthwise"])}


class BaseDepthwiseConv(BaseDepthwise):
    """Convolution of each channel by itself, over `rank` spatial dimensions."""

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias."""
        add_bias(self, self._add_depthwise("kernel", input_shape))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Convolves, adds the bias and activates."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        return self._activate(self._convolve(inputs, self.kernel, self.bias))

    def call_padded(self, inputs: torch.Tensor, pairs: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Does what `call` does with floats that zeros are put around; for images, with `padding="valid"`."""
        kernel, bias, rate = convolution.flat_depthwise(self.kernel), self.bias, self.dilation_rate
        groups = self.kernel.shape[-2]
        outputs = convolution.convolve_padded(
            inputs, kernel, bias, self.strides, pairs, rate, groups, self._channels_last
        )
        return self._activate(outputs)


class BaseSeparableConv(BaseDepthwise):
    """Convolution of each channel by itself, then a mixing of the channels at each place."""

    depthwise_kernel: Variable
    pointwise_kernel: Variable

    def __init__(
        self,
        rank: int,
        filters: int,
        *args: Any,
        pointwise_initializer: Any = "glorot_uniform",
        pointwise_regularizer: Any = None,
        pointwise_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rank, filters, *args, **kwargs)
        self.pointwise_initializer = arguments.known(self, "pointwise_initializer", initializers, pointwise_initializer)
        self.pointwise_regularizer = arguments.known(self, "pointwise_regularizer", regularizers, pointwise_regularizer)
        self.pointwise_constraint = arguments.known(self, "pointwise_constraint", constraints, pointwise_constraint)

    def _check_arguments(self) -> None:
        super()._check_arguments()
        self.filters = arguments.positive_integer(self, "filters", self.filters, POSITIVE)

    def build(self, input_shape: Any) -> None:
        """Creates both kernels and the bias."""
        channels = self._add_depthwise("depthwise_kernel", input_shape)
        memory = convolution.channels_last_memory if self._channels_last else convolution.channels_first_memory
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.rank, channels, self.filters),
            initializer=memory(self.pointwise_initializer or initializers.get("glorot_uniform")),
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        add_bias(self, self.filters)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Convolves, mixes, adds the bias and activates."""
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        outputs = self._convolve(inputs, self.depthwise_kernel, None)
        ones, zeros = (1,) * self.rank, (0,) * self.rank
        outputs = convolution.convolve(
            outputs, self.pointwise_kernel, self.bias, ones, zeros, ones, 1, self._channels_last
        )
        return self._activate(outputs)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "filters": self.filters, **serialized(self, ["pointwise"])}
