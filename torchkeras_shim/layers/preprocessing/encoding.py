"""Indices as vectors: one-hot, multi-hot, counts. Nothing is read from the device."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.layers import inference

#: From this number of bytes on, zeros come from numpy: 164 MB of torch's take 103 ms, of numpy's 17 ms.
_HUGE = 1 << 22


def encode(
    indices: torch.Tensor,
    output_mode: str,
    depth: int,
    dtype: torch.dtype,
    sparse: bool = False,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Returns indices in the form of an output mode. Indices out of range count for nothing.

    Args:
        indices: Integers of any shape.
        output_mode: `"int"`, `"one_hot"`, `"multi_hot"` or `"count"`.
        depth: The length of the vectors.
        dtype: The type of the result.
        sparse: Whether the result is a sparse COO tensor.
        weights: What each index counts for in the mode `"count"`, 1 by default; then the result has their type.

    Example:
        >>> encode(torch.tensor([[0, 2, 2]]), "count", 4, torch.float32)
        tensor([[1., 0., 2., 0.]])
    """
    if output_mode == "int":
        return indices.to(dtype)
    indices = indices.to(torch.int64)
    if indices.ndim == 0:
        indices = indices.unsqueeze(0)
    if output_mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices.squeeze(-1)
        indices = indices.unsqueeze(-1)
    elif indices.ndim > 1:  # what belongs to one sample stands on the second axis
        indices = indices.movedim(1, -1)
    if weights is not None:
        dtype = weights.dtype
        weights = weights.expand(indices.shape) if weights.ndim < 2 else weights.movedim(1, -1).expand(indices.shape)
    once = output_mode != "count"
    if not indices.is_meta:
        inference.check_size(indices.shape[:-1].numel() * depth)
    if sparse:
        return _sparse(indices, depth, dtype, weights, once)
    inside = ((indices >= 0) & (indices < depth)).to(dtype)
    values = inside if weights is None else inside * weights
    vectors = _zeros((*indices.shape[:-1], depth), dtype, indices)
    _scatter(vectors, indices.clamp(0, depth - 1), values, output_mode == "multi_hot")
    return vectors


def encode_rows(
    indices: RaggedTensor, output_mode: str, depth: int, dtype: torch.dtype, sparse: bool = False
) -> torch.Tensor:
    """Returns ragged rows of indices in the modes that have a vector for each row.

    Example:
        >>> encode_rows(RaggedTensor.from_rows([[0, 2, 2], [1]]), "count", 4, torch.int64)
        tensor([[1, 0, 2, 0],
                [0, 1, 0, 0]])
    """
    if output_mode == "one_hot":
        raise ValueError(
            "output_mode='one_hot' takes dense tensors: each token gets a vector. Received rows of different lengths. "
            "Use 'multi_hot', or pad the rows by `x.to_tensor()`."
        )
    values: Any = indices.values
    values, rows = values.to(torch.int64), indices.value_rowids().to(indices.device)
    inside = (values >= 0) & (values < depth)
    once = output_mode == "multi_hot"
    shape = (len(indices), depth)
    inference.check_size(math.prod(shape))
    if sparse:
        kept = inside.nonzero().squeeze(1)
        ones = torch.ones(len(kept), dtype=dtype, device=values.device)
        return _added(torch.stack([rows[kept], values[kept]]), ones, shape, once)
    vectors = _zeros(shape, dtype, values)
    _scatter(vectors.view(-1), rows * depth + values.clamp(0, depth - 1), inside.to(dtype), once)
    return vectors


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, like: torch.Tensor) -> torch.Tensor:
    """Returns zeros where a tensor is. On the host numpy asks for huge pages that the system has cleared."""
    size = math.prod(shape) * dtype.itemsize if type(like) is torch.Tensor and like.device.type == "cpu" else 0
    if size < _HUGE or torch.compiler.is_compiling():
        return torch.zeros(shape, dtype=dtype, device=like.device)
    return torch.from_numpy(np.zeros(size, dtype=np.uint8)).view(dtype).view(shape)


def _scatter(vectors: torch.Tensor, places: torch.Tensor, values: torch.Tensor, once: bool) -> None:
    """Adds values at places of the last axis, or keeps the largest."""
    if once:
        vectors.scatter_reduce_(-1, places, values, "amax")
    else:
        vectors.scatter_add_(-1, places, values)


def _sparse(
    indices: torch.Tensor, depth: int, dtype: torch.dtype, weights: torch.Tensor | None, once: bool
) -> torch.Tensor:
    places = ((indices >= 0) & (indices < depth)).nonzero(as_tuple=True)
    where = torch.stack([*places[:-1], indices[places]])
    values = torch.ones(where.shape[1], dtype=dtype, device=indices.device) if weights is None else weights[places]
    shape = (*indices.shape[:-1], depth)
    return _added(where, values, shape, once)


def _added(where: torch.Tensor, values: torch.Tensor, shape: tuple[int, ...], once: bool) -> torch.Tensor:
    """Returns a sparse tensor; what stands at one place several times is added up, or counts once."""
    result = torch.sparse_coo_tensor(where, values, shape, check_invariants=False).coalesce()
    if once:
        ones = torch.ones_like(result.values())
        result = torch.sparse_coo_tensor(result.indices(), ones, shape, is_coalesced=True, check_invariants=False)
    return result


def check_symbolic(layer: Any, sparse: bool) -> None:
    """Refuses a symbolic call whose result would be sparse.

    Raises:
        ValueError: If it would.
    """
    if sparse:
        raise ValueError(
            f"Layer '{layer.name}': `sparse=True` cannot be used in a functional model, whose tensors are dense. Call "
            "the layer on the data, before the model, or create it with `sparse=False`."
        )


def encoded_shape(shape: tuple[int | None, ...], output_mode: str, depth: int | None) -> tuple[int | None, ...]:
    """Returns the shape that `encode` returns for indices of a shape.

    Example:
        >>> encoded_shape((None, 1), "one_hot", 4), encoded_shape((None, 7), "multi_hot", 4)
        ((None, 4), (None, 4))
    """
    if output_mode == "int":
        return shape
    shape = shape or (1,)
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (shape[0], *shape[2:], depth) if len(shape) > 1 else (depth,)
