"""`tf.sets`: sets along the last axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.sparse import as_sparse
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.values import as_values

_Sets = dict[tuple[int, ...], set[Any]]


def _sets(value: Any) -> tuple[_Sets, tuple[int, ...], Any]:
    """Returns the set at each place of all axes but the last, the sizes of those axes, and the type."""
    if isinstance(value, (SparseTensor, RaggedTensor)):
        sparse = as_sparse(value)
        found: _Sets = {}
        for place, item in zip(sparse.indices[:, :-1].tolist(), sparse.values.tolist(), strict=True):
            found.setdefault(tuple(place), set()).add(item)
        return found, tuple(sparse.shape[:-1]), sparse.dtype
    tensor = convert(value)
    rows = tensor.reshape(-1, tensor.shape[-1]).tolist()
    sizes = tuple(tensor.shape[:-1])
    return dict(zip(np.ndindex(*sizes), map(set, rows), strict=True)), sizes, tensor.dtype


def _combined(function: Callable[[set[Any], set[Any]], set[Any]], a: Any, b: Any) -> SparseTensor:
    ours, sizes, dtype = _sets(a)
    theirs, others, _ = _sets(b)
    if sizes != others:
        raise InvalidArgumentError(f"The sets must have the same axes before the last. Received: {sizes} and {others}")
    places, items, longest = [], [], 0
    for place in np.ndindex(*sizes):
        found = sorted(function(ours.get(place, set()), theirs.get(place, set())))
        longest = max(longest, len(found))
        places += [[*place, index] for index in range(len(found))]
        items += found
    values = as_values(items) if items else torch.zeros(0)
    typed = values.to(dtype) if isinstance(values, torch.Tensor) and isinstance(dtype, torch.dtype) else values
    return SparseTensor(torch.tensor(places, dtype=torch.int64).reshape(-1, len(sizes) + 1), typed, [*sizes, longest])


@tf_op("sets.intersection")
def intersection(a: Any, b: Any, validate_indices: bool = True) -> Any:
    """What both sets have, sorted, as a sparse tensor."""
    return _combined(set.intersection, a, b)


@tf_op("sets.union")
def union(a: Any, b: Any, validate_indices: bool = True) -> Any:
    """What either set has, sorted, as a sparse tensor."""
    return _combined(set.union, a, b)


@tf_op("sets.difference")
def difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> Any:
    """What the first set has and the second has not, or the other way round, sorted, as a sparse tensor."""
    return _combined(set.difference, a, b) if aminusb else _combined(set.difference, b, a)


@tf_op("sets.size")
def size(a: Any, validate_indices: bool = True) -> Any:
    """How many different items each set has."""
    found, sizes, _ = _sets(as_sparse(a))
    counts = [len(found.get(place, ())) for place in np.ndindex(*sizes)]
    return torch.tensor(counts, dtype=torch.int32).reshape(sizes)
