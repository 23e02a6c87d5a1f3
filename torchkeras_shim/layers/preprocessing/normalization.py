"""`Normalization`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing import adapting
from torchkeras_shim.layers.preprocessing.data_layer import DataLayer

#: How many single samples of a data set without batches are taken together.
_GROUP = 128


@LAYERS.register()
class Normalization(DataLayer):
    """Shifts and scales inputs to mean 0 and variance 1, by statistics that are given or learned by `adapt`.

    The statistics are weights that training leaves alone: they are part of `state_dict()`, and move with the layer.

    Args:
        axis: The axes that have statistics of their own, by default the last one; `None` for one mean of everything.
        mean: The mean, in place of `adapt`.
        variance: The variance, in place of `adapt`.
        invert: Whether to undo a normalization instead.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If only one of `mean` and `variance` is given, or their shapes differ.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]], "float32"))
        >>> layer(np.array([[3.0, 10.0]], "float32"))
        tensor([[ 1., -1.]])
        >>> Normalization(mean=2.0, variance=4.0)([[4.0]])
        tensor([[1.]])
    """

    adapt_mean: Variable
    adapt_variance: Variable
    count: Variable
    _treats_samples_alone = True

    def __init__(self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        axes = () if axis is None else arguments.axes(self, "axis", axis)
        self.axis = (axes,) if isinstance(axes, int) else tuple(axes)
        self.__dict__["input_mean"], self.__dict__["input_variance"] = mean, variance
        self.invert = invert
        self.supports_masking = True
        self._check_given(mean, variance)

    def _check_given(self, mean: Any, variance: Any) -> None:
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if mean is None:
            return
        if np.shape(mean) != np.shape(variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if len(np.shape(mean)) > len(self.axis):
            raise ValueError(
                f"The rank of `mean` must be less than or equal to the number of axes ({len(self.axis)}). "
                f"Received: mean shape {np.shape(mean)} for axis {self.axis}"
            )

    def build(self, input_shape: Any) -> None:
        """Creates the statistics for inputs of a shape."""
        if input_shape is None:
            return
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). "
                f"Received inputs with ndim={rank}, while axis={self.axis}"
            )
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        for axis in self._kept:
            if input_shape[axis] is None:
                raise ValueError(
                    "All `axis` values to be kept must have a known shape. "
                    f"Received axis={self.axis}, inputs.shape={tuple(input_shape)}, with unknown axis at index {axis}"
                )
        self._reduced = tuple(axis for axis in range(rank) if axis not in self._kept)
        self._broadcast_shape = tuple(input_shape[axis] if axis in self._kept else 1 for axis in range(rank))
        self._built_for = tuple(input_shape)
        if self.input_mean is None:
            shape = tuple(input_shape[axis] for axis in self._kept)
            self.adapt_mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
            self.adapt_variance = self.add_weight(name="variance", shape=shape, initializer="ones", trainable=False)
            self.count = self.add_weight(name="count", shape=(), dtype="int", initializer="zeros", trainable=False)
        else:
            for name, value in (("given_mean", self.input_mean), ("given_variance", self.input_variance)):
                self.register_buffer(name, self._broadcast(value), persistent=False)

    def _broadcast(self, value: Any) -> torch.Tensor:
        """Returns a given statistic with an axis for each of the inputs'."""
        tensor = torch.as_tensor(np.array(value), dtype=self._compute_dtype)
        shape = [1] * len(self._broadcast_shape)
        for back in range(1, tensor.ndim + 1):
            shape[self._kept[-back]] = tensor.shape[-back]
        return tensor.reshape(shape).broadcast_to(self._broadcast_shape).contiguous()

    @property
    def mean(self) -> torch.Tensor | None:
        """The mean, in a shape that broadcasts against the inputs; `None` before the layer is built."""
        return self._statistic("mean")

    @property
    def variance(self) -> torch.Tensor | None:
        """The variance, in a shape that broadcasts against the inputs; `None` before the layer is built."""
        return self._statistic("variance")

    def _statistic(self, name: str) -> torch.Tensor | None:
        buffers = self._buffers
        if f"given_{name}" in buffers:
            return buffers[f"given_{name}"]
        learned = buffers.get(f"adapt_{name}")
        return None if learned is None else learned.detach().reshape(self._broadcast_shape).to(self._compute_dtype)

    def adapt(self, data: Any) -> None:
        """Learns mean and variance from data, in place of what was learned before.

        Args:
            data: An array or a tensor, or what yields batches of them (tuples of which the inputs come first, too): a
                list, a data set, a torch `DataLoader`, a generator.

        Raises:
            ValueError: If there are no batches, or they are of other shapes than the layer was built for.
            TypeError: If the data is of no kind that is known.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Cannot adapt layer '{self.name}', which was given `mean` and `variance`. Create it without them."
            )
        if adapting.is_one_array(data):
            tensor = _numbers(data)
            self._fit(tuple(tensor.shape))
            self._assign(*self._moments(tensor))
            return
        self._assign(*self._moments_of_batches(self._batches(data)))

    def _batches(self, data: Any) -> Iterator[torch.Tensor]:
        found = adapting.batches(data)
        first = next(found, None)
        if first is None:
            raise ValueError(
                "adapt() received an empty iterable (no batches). Expected at least one batch. Pass a non-empty "
                "iterable of arrays or tensors, e.g. layer.adapt([x]) or layer.adapt(list_of_batches)."
            )
        if not hasattr(first, "shape"):
            raise TypeError(
                "adapt() expects an iterable that yields arrays or tensors with a `.shape` attribute (e.g. numpy "
                f"arrays or torch tensors). Got an element of type {type(first).__name__}."
            )
        found = itertools.chain([first], found)
        if hasattr(data, "element_spec") and len(first.shape) == 1:  # a data set that has no batches
            found = adapting.grouped(found, _GROUP)
        return map(_numbers, found)

    def _fit(self, shape: tuple[int, ...]) -> None:
        """Builds the layer for data of a shape, or makes sure that it was built for such."""
        if not self.built:
            self.build(shape)
        if len(shape) != len(self._built_for) or any(shape[axis] != self._built_for[axis] for axis in self._kept):
            raise ValueError(
                f"The layer was built with input_shape={self._built_for}, but adapt() is being called with data with "
                f"an incompatible shape, data.shape={shape}"
            )

    def _moments(self, data: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not self._reduced:
            return data, torch.zeros_like(data)
        variance, mean = torch.var_mean(data, dim=self._reduced, correction=0)
        return mean, variance

    def _moments_of_batches(self, batches: Iterator[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        mean: Any = 0.0
        variance: Any = 0.0
        total = 0
        for batch in batches:
            self._fit(tuple(batch.shape))
            batch_mean, batch_variance = self._moments(batch)
            count = math.prod(batch.shape[axis] for axis in self._reduced)
            total += count
            share = count / total if total else 0.0
            moved = mean * (1.0 - share) + batch_mean * share
            variance = (variance + (mean - moved) ** 2) * (1.0 - share)
            variance = variance + (batch_variance + (batch_mean - moved) ** 2) * share
            mean = moved
        return mean, variance

    def _assign(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def finalize_state(self) -> None:
        """Does nothing: what `adapt` has learned is in use at once."""

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalizes."""
        mean, variance = self.mean, self.variance
        if mean is None or variance is None:
            raise ValueError("You must call `.build(input_shape)` on the layer before using it.")
        if inputs.dtype is not self._compute_dtype:
            inputs = inputs.to(self._compute_dtype)
        deviation = variance.sqrt().clamp(min=config.epsilon())
        return inputs * deviation + mean if self.invert else (inputs - mean) / deviation

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": np.array(self.input_mean).tolist(),
            "variance": np.array(self.input_variance).tolist(),
        }


def _numbers(data: Any) -> torch.Tensor:
    """Returns data as a tensor of a type that means can be taken of."""
    tensor = data.detach() if isinstance(data, torch.Tensor) else torch.as_tensor(np.asarray(data))
    floats = dtypes.to_torch_dtype(config.floatx())
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.to(floats)
