"""`ContrastLimitedAdaptiveHistogramEqualization`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.preprocessing.colors.base import ColorLayer
from torchkeras_shim.layers.preprocessing.colors.histograms import binned, histograms
from torchkeras_shim.layers.preprocessing.images.ranges import BYTES, rescaled, value_range_of
from torchkeras_shim.ops.image.layout import through_nhwc
from torchkeras_shim.ops.promotion import as_tensor
from torchkeras_shim.ops.rearranging import pad

_BINS = 256


@LAYERS.register()
class ContrastLimitedAdaptiveHistogramEqualization(ColorLayer):
    """Equalizes the histograms of tiles of images (CLAHE), in training and inference alike. Images keep their type.

    What a pixel becomes is interpolated between the four tiles around it, so that tiles do not show.

    Args:
        value_range: The least and the greatest value of a pixel.
        clip_limit: How many times its even share a value may have in a tile's histogram; what is above is spread over
            all values. Zero for no limit.
        tile_grid_size: How many tiles there are, down and across.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: `bounding_box_format`, and the arguments of every layer.

    Input shape:
        `(height, width, channels)`, or a batch of them; a dict as every layer for images takes it.

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1), clip_limit=0)
        >>> layer(torch.tensor([[[10.0], [20.0]]])).squeeze()
        tensor([127.5000, 255.0000])
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(self, value_range)
        self.clip_limit = arguments.number(self, "clip_limit", clip_limit)
        self._grid = arguments.sizes(self, "tile_grid_size", tile_grid_size, 2)
        self.tile_grid_size = tile_grid_size

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Returns a batch of images, equalized."""
        images = as_tensor(images)
        pixels = rescaled(images.to(torch.float32), self.value_range, BYTES)
        equalized = through_nhwc(pixels, self.data_format, self._equalized)
        return rescaled(equalized, BYTES, self.value_range).to(images.dtype)

    def _equalized(self, nhwc: torch.Tensor) -> torch.Tensor:
        height, width = nhwc.shape[1:3]
        rows, columns = self._grid
        tile = -(-height // rows), -(-width // columns)
        padding = [[0, 0], [0, tile[0] * rows - height], [0, tile[1] * columns - width], [0, 0]]
        padded: torch.Tensor = pad(nhwc, padding, mode="symmetric")
        pixels = binned(padded, _BINS - 1)
        tables = self._tables(pixels, tile)
        return _interpolated(tables, pixels, tile)[:, :height, :width]

    def _tables(self, pixels: torch.Tensor, tile: tuple[int, int]) -> torch.Tensor:
        """Returns what each value becomes in each tile: (batch, rows, columns, channels, 256)."""
        batch, channels = pixels.shape[0], pixels.shape[-1]
        rows, columns = self._grid
        size = tile[0] * tile[1]
        tiles = pixels.reshape(batch, rows, tile[0], columns, tile[1], channels).permute(0, 1, 3, 5, 2, 4)
        counts = histograms(tiles.reshape(-1, size), _BINS).float()
        if self.clip_limit > 0:
            clipped = counts.clamp(max=self.clip_limit * size / _BINS)
            counts = clipped + (counts - clipped).sum(1, keepdim=True) / _BINS
        below = counts.cumsum(1)
        least = below.amin(1, keepdim=True)
        share = size - least
        table = (below - least) * 255.0 / torch.where(share == 0, torch.ones_like(share), share)
        return table.clamp(*BYTES).reshape(batch, rows, columns, channels, _BINS)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }


def _interpolated(tables: torch.Tensor, pixels: torch.Tensor, tile: tuple[int, int]) -> torch.Tensor:
    """Looks pixels up in the tables of the four tiles around each, and mixes what they say by its distance to them."""
    batch, rows, columns, channels, bins = tables.shape
    above, down, below = _between(pixels.shape[1], tile[0], rows, pixels.device)
    left, across, right = _between(pixels.shape[2], tile[1], columns, pixels.device)
    places = torch.arange(batch, device=pixels.device).reshape(-1, 1, 1, 1) * (rows * columns * channels * bins)
    places = places + torch.arange(channels, device=pixels.device) * bins + pixels

    def found(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
        tile_of = row.reshape(-1, 1, 1) * columns + column.reshape(-1, 1)
        return tables.take(places + tile_of * (channels * bins))

    down, across = down.reshape(-1, 1, 1), across.reshape(-1, 1)
    upper = found(above, left) * (1.0 - across) + found(above, right) * across
    lower = found(below, left) * (1.0 - across) + found(below, right) * across
    return upper * (1.0 - down) + lower * down


def _between(
    length: int, tile: int, count: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns for each place along an axis the tile before it, how far it is on the way to the next one, and that."""
    places = (torch.arange(length, dtype=torch.float32, device=device) - tile / 2.0) / tile
    before = places.floor()
    first = before.long()
    return first.clamp(0, count - 1), places - before, (first + 1).clamp(0, count - 1)
