"""`LocallyConnected1D` and `LocallyConnected2D` of Keras 1 and 2: convolutions with a kernel for each place."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core import config
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.retired.weighted import Weighted


class LocallyConnected(Weighted):
    """A convolution whose kernel is another one in each place.

    Args:
        filters: The number of output channels.
        kernel_size: The size of the kernels.
        strides: By how much places are apart.
        padding: `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`.
        implementation: 1; the others were other ways to the same results, with other weights.
        **kwargs: Those of `Weighted`.

    Raises:
        ValueError: If `padding` or `implementation` is another one.
    """

    _treats_samples_alone = True
    _rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        implementation: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(
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
        if padding.lower() != "valid":
            raise ValueError(
                f"Invalid border mode for {type(self).__name__} (only 'valid' is supported): {padding}. Pad the inputs "
                f"by a `ZeroPadding{self._rank}D` before it."
            )
        if implementation != 1:
            raise ValueError(
                f"{type(self).__name__} supports implementation=1, which has the same results. "
                f"Received: implementation={implementation}"
            )
        self.filters = arguments.positive_integer(self, "filters", filters)
        self.kernel_size = arguments.sizes(self, "kernel_size", kernel_size, self._rank)
        self.strides = arguments.sizes(self, "strides", strides, self._rank)
        self.padding = padding
        self.data_format = data_format or config.image_data_format()

    def build(self, input_shape: Any) -> None:
        """Creates a kernel and a bias for each place."""
        first = self.data_format == "channels_first"
        channels, sizes = (input_shape[1], input_shape[2:]) if first else (input_shape[-1], input_shape[1:-1])
        if channels is None or None in tuple(sizes):
            raise ValueError(
                f"The spatial dimensions of the inputs to a {type(self).__name__} layer should be fully-defined, but "
                f"layer received an inputs shape of {tuple(input_shape)}"
            )
        places = [
            (size - kernel) // stride + 1
            for size, kernel, stride in zip(sizes, self.kernel_size, self.strides, strict=True)
        ]
        if min(places) < 1:
            raise ValueError(
                f"Layer '{self.name}': kernels of {self.kernel_size} do not fit into inputs of shape "
                f"{tuple(input_shape)}. Give a smaller `kernel_size`."
            )
        self._places = tuple(places)
        self.kernel = self._add_kernel((math.prod(places), math.prod(self.kernel_size) * channels, self.filters))
        self.bias = self._add_bias((*places, self.filters))
        self.input_spec = InputSpec(ndim=self._rank + 2, axes={1 if first else -1: channels})

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Computes the outputs."""
        first = self.data_format == "channels_first"
        patches = inputs if first else inputs.movedim(-1, 1)
        for axis, (size, stride) in enumerate(zip(self.kernel_size, self.strides, strict=True), 2):
            patches = patches.unfold(axis, size, stride)
        rank = self._rank  # now (batch, channels, places..., kernel...)
        spatial, inner = range(2, 2 + rank), range(2 + rank, 2 + 2 * rank)
        order = (1, *inner) if first else (*inner, 1)
        patches = patches.permute(0, *spatial, *order).reshape(inputs.shape[0], len(self.kernel), -1)
        outputs = torch.einsum("bpi,pio->bpo", patches, self.kernel).reshape(-1, *self._places, self.filters)
        if first:
            outputs = outputs.movedim(-1, 1)
        if self.bias is not None:  # read as if the filters came first, where they do: so did Keras
            outputs = outputs + (self.bias.reshape(self.filters, *self._places) if first else self.bias)
        return self.activation(outputs)  # type: ignore[no-any-return]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        own = ("filters", "kernel_size", "strides", "padding", "data_format")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@LAYERS.register()
class LocallyConnected1D(LocallyConnected):
    """`LocallyConnected` for sequences.

    Example:
        >>> LocallyConnected1D(4, 3)(torch.ones(2, 6, 5)).shape
        torch.Size([2, 4, 4])
    """

    _rank = 1


@LAYERS.register()
class LocallyConnected2D(LocallyConnected):
    """`LocallyConnected` for images.

    Example:
        >>> LocallyConnected2D(4, (3, 3))(torch.ones(2, 6, 5, 1)).shape
        torch.Size([2, 4, 3, 4])
    """

    _rank = 2
