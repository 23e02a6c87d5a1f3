"""Blocks of an image that become samples of a batch, and the other way round."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.convolutions import conv2d
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError


def _pairs(values: Any) -> list[list[int]]:
    return [[int(one) for one in pair] for pair in (values.tolist() if hasattr(values, "tolist") else values)]


@tf_op("space_to_batch", "space_to_batch_nd", "nn.space_to_batch")
def space_to_batch(input: Any, block_shape: Any, paddings: Any) -> Any:
    """The places of each block as samples of their own, one after the other."""
    x, blocks, pads = like(input), as_sizes(block_shape), _pairs(paddings)
    count = len(blocks)
    edges = [edge for pair in reversed(pads) for edge in pair]
    x = torch.nn.functional.pad(x, [0, 0] * (x.ndim - 1 - count) + edges)
    if any(size % block for size, block in zip(x.shape[1:], blocks, strict=False)):
        raise InvalidArgumentError(
            f"The padded sizes {list(x.shape[1 : 1 + count])} are not divisible by block_shape {blocks}. Give more "
            "`paddings`."
        )
    parts = [part for size, block in zip(x.shape[1:], blocks, strict=False) for part in (size // block, block)]
    split = x.reshape(x.shape[0], *parts, *x.shape[1 + count :])
    inside, outside = [2 * one + 2 for one in range(count)], [2 * one + 1 for one in range(count)]
    rest = range(1 + 2 * count, split.ndim)
    return split.permute(*inside, 0, *outside, *rest).reshape(-1, *parts[::2], *x.shape[1 + count :])


@tf_op("batch_to_space", "batch_to_space_nd")
def batch_to_space(input: Any, block_shape: Any, crops: Any) -> Any:
    """Samples as the places of blocks: what undoes `space_to_batch`."""
    x, blocks, cuts = like(input), as_sizes(block_shape), _pairs(crops)
    count = len(blocks)
    rest = x.shape[1 + count :]
    split = x.reshape(*blocks, -1, *x.shape[1:])
    order = [count] + [place for one in range(count) for place in (count + 1 + one, one)]
    order += range(2 * count + 1, split.ndim)
    sizes = [size * block for size, block in zip(x.shape[1:], blocks, strict=False)]
    whole = split.permute(*order).reshape(-1, *sizes, *rest)
    inside = [slice(begin, size - end) for (begin, end), size in zip(cuts, sizes, strict=True)]
    index = (slice(None), *inside)
    return whole[index]


@tf_op("nn.atrous_conv2d")
def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str) -> Any:
    """The convolution with filters whose entries are `rate` apart."""
    return conv2d(value, filters, strides=1, padding=padding, dilations=rate)
