"""Indices as vectors: one-hot, multi-hot, counts. Nothing is read from the device."""

from __future__ import annotations

from typing import Any

import torch


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
    if sparse:
        return _sparse(indices, depth, dtype, weights, once)
    inside = ((indices >= 0) & (indices < depth)).to(dtype)
    values = inside if weights is None else inside * weights
    vectors = torch.zeros((*indices.shape[:-1], depth), dtype=dtype, device=indices.device)
    vectors.scatter_add_(-1, indices.clamp(0, depth - 1), values)
    return vectors.clamp_(max=1) if output_mode == "multi_hot" else vectors


def _sparse(
    indices: torch.Tensor, depth: int, dtype: torch.dtype, weights: torch.Tensor | None, once: bool
) -> torch.Tensor:
    places = ((indices >= 0) & (indices < depth)).nonzero(as_tuple=True)
    where = torch.stack([*places[:-1], indices[places]])
    values = torch.ones(where.shape[1], dtype=dtype, device=indices.device) if weights is None else weights[places]
    shape = (*indices.shape[:-1], depth)
    # Coalescing adds up what stands at one place.
    result = torch.sparse_coo_tensor(where, values, shape, check_invariants=False).coalesce()
    if once:
        result = torch.sparse_coo_tensor(
            result.indices(), torch.ones_like(result.values()), shape, is_coalesced=True, check_invariants=False
        )
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
