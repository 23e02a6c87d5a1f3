"""Dropout of whole channels: `SpatialDropout1D`, `SpatialDropout2D`, `SpatialDropout3D`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.core.config import standardize_data_format
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.regularization.dropout import Dropout


class BaseSpatialDropout(Dropout):
    """Dropout whose draws hold for all places of a channel."""

    def __init__(
        self, rank: int, rate: float, seed: int | None, data_format: str, name: str | None, dtype: Any
    ) -> None:
        last = data_format == "channels_last"
        shape = (None, *(1,) * rank, None) if last else (None, None, *(1,) * rank)
        super().__init__(rate, noise_shape=shape, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=rank + 2)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}


@LAYERS.register()
class SpatialDropout1D(BaseSpatialDropout):
    """Sets a random part of the channels of sequences to zero while training, at all steps.

    Args:
        rate: The share to drop, from 0 to 1.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        name: The layer's name.
        dtype: The type of the computations, or a `DTypePolicy`.

    Input shape:
        `(batch, steps, channels)`

    Raises:
        ValueError: If the rate is not valid.

    Example:
        >>> import torch
        >>> SpatialDropout1D(0.5)(torch.ones(1, 2, 3)).sum()
        tensor(6.)
    """

    def __init__(self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(1, rate, seed, "channels_last", name, dtype)


class _WithFormat(BaseSpatialDropout):
    """Spatial dropout in either layout."""

    def __init__(
        self, rank: int, rate: float, data_format: str | None, seed: int | None, name: str | None, dtype: Any
    ) -> None:
        data_format = standardize_data_format(data_format)
        super().__init__(rank, rate, seed, data_format, name, dtype)
        self.data_format = data_format

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "data_format": self.data_format}


@LAYERS.register()
class SpatialDropout2D(_WithFormat):
    """Sets a random part of the channels of images to zero while training, at all places.

    Args:
        rate: The share to drop, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        name: The layer's name.
        dtype: The type of the computations, or a `DTypePolicy`.

    Raises:
        ValueError: If the rate is not valid.

    Example:
        >>> import torch
        >>> SpatialDropout2D(1.0)(torch.ones(1, 2, 2, 3), training=True).sum()
        tensor(0.)
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, rate, data_format, seed, name, dtype)


@LAYERS.register()
class SpatialDropout3D(_WithFormat):
    """Sets a random part of the channels of volumes to zero while training, at all places.

    Args:
        rate: The share to drop, from 0 to 1.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        seed: A seed of the layer's own. By default torch's global generator is used (`torch.manual_seed`).
        name: The layer's name.
        dtype: The type of the computations, or a `DTypePolicy`.

    Raises:
        ValueError: If the rate is not valid.

    Example:
        >>> import torch
        >>> SpatialDropout3D(1.0)(torch.ones(1, 2, 2, 2, 3), training=True).sum()
        tensor(0.)
    """

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(3, rate, data_format, seed, name, dtype)
