"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor, device_of, promote
from torchkeras_shim.ops.reductions import axes_of

__all__ = ["cross", "dot", "einsum", "inner", "kron", "matmul", "outer", "tensordot", "vdot"]


def _factors(*xs: Any, widens: bool = False) -> tuple[list[torch.Tensor], torch.dtype]:
    """Tensors that torch can multiply, and the type of the product: 32 bits for 8 if it `widens`.

    torch has no matrix product of integers on a GPU and none of
    booleans anywhere: there they go through float64, which holds every 32-bit product of sensible size exactly.
    """
    device = device_of(*xs)
    given = [as_tensor(x, device=device) for x in xs]
    tensors = promote(*given)
    target = tensors[0].dtype
    if widens and all(x.dtype == torch.int8 for x in given):
        target = torch.int32
    if target.is_floating_point or target.is_complex:
        return tensors, target
    working = (
        torch.int64 if device.type in ("cpu", "meta") else torch.float32 if device.type == "mps" else torch.float64
    )
    return [tensor.to(working) for tensor in tensors], target


def _finish(product: torch.Tensor, target: torch.dtype) -> torch.Tensor:
    return product if product.dtype == target else product.to(target)


@op
def matmul(x1: Any, x2: Any) -> Any:
    """Returns the matrix product, over leading axes as a batch.

    Example:
        >>> matmul([[1.0, 2.0]], [[3.0], [4.0]])
        tensor([[11.]])
    """
    (a, b), target = _factors(x1, x2, widens=True)
    return _finish(torch.matmul(a, b), target)


@op
def dot(x1: Any, x2: Any) -> Any:
    """Returns the product over the last axis of the first and the last but one of the second tensor.

    Example:
        >>> dot([1.0, 2.0], [3.0, 4.0])
        tensor(11.)
    """
    (a, b), target = _factors(x1, x2)
    if a.dim() == 0 or b.dim() == 0:
        return _finish(a * b, target)
    return _finish(torch.tensordot(a, b, dims=([-1], [-2 if b.dim() > 1 else -1])), target)


@op
def vdot(x1: Any, x2: Any) -> Any:
    """Returns the product of the flattened tensors.

    Example:
        >>> vdot([1.0, 2.0], [3.0, 4.0])
        tensor(11.)
    """
    (a, b), target = _factors(x1, x2)
    return _finish(torch.vdot(a.reshape(-1), b.reshape(-1)), target)


@op
def inner(x1: Any, x2: Any) -> Any:
    """Returns the product over the last axis of both.

    Example:
        >>> inner([1.0, 2.0], [3.0, 4.0])
        tensor(11.)
    """
    (a, b), target = _factors(x1, x2)
    return _finish(torch.inner(a, b), target)


@op
def outer(x1: Any, x2: Any) -> Any:
    """Returns the products of all pairs of values of the flattened tensors.

    Example:
        >>> outer([1, 2], [3, 4])
        tensor([[3, 4],
                [6, 8]], dtype=torch.int32)
    """
    device = device_of(x1, x2)
    a, b = promote(as_tensor(x1, device=device), as_tensor(x2, device=device))
    return a.reshape(-1, 1) * b.reshape(1, -1)


@op
def tensordot(x1: Any, x2: Any, axes: int | Sequence[Any] = 2) -> Any:
    """Returns the product over chosen axes.

    Args:
        x1: A tensor.
        x2: A tensor.
        axes: The number of last axes of the first and first axes of the second, or the axes of each.

    Example:
        >>> tensordot([[1.0, 2.0]], [[3.0, 4.0]], axes=[[1], [1]])
        tensor([[11.]])
    """
    (a, b), target = _factors(x1, x2)
    if isinstance(axes, int):
        return _finish(torch.tensordot(a, b, dims=axes), target)
    left, right = ([one] if isinstance(one, int) else list(one) for one in axes)
    return _finish(torch.tensordot(a, b, dims=(left, right)), target)


@op
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Returns products and sums in Einstein's notation.

    Args:
        subscripts: Such as `"ij,jk->ik"`.
        *operands: The tensors.
        **kwargs: None are supported.

    Raises:
        TypeError: If there are keyword arguments.

    Example:
        >>> einsum("ij,j->i", [[1.0, 2.0]], [3.0, 4.0])
        tensor([11.])
    """
    if kwargs:
        raise TypeError(f"einsum() takes no keyword arguments here. Received: {sorted(kwargs)}")
    tensors, target = _factors(*operands, widens=True)
    return _finish(torch.einsum(subscripts, *tensors), target)


@op
def cross(x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """Returns the cross product of vectors of two or three components.

    Args:
        x1: A tensor.
        x2: A tensor.
        axisa: The axis of the vectors in `x1`.
        axisb: The axis of the vectors in `x2`.
        axisc: The axis of the vectors in the result.
        axis: All three at once.

    Raises:
        ValueError: If the vectors have other lengths.

    Example:
        >>> cross([1, 0, 0], [0, 1, 0])
        tensor([0, 0, 1], dtype=torch.int32)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    device = device_of(x1, x2)
    a, b = promote(as_tensor(x1, device=device), as_tensor(x2, device=device))
    for one, place in ((a, axisa), (b, axisb)):
        axes_of(one, place)
        if not one.dim():
            raise ValueError("`cross` takes vectors. Received: a scalar.")
    a, b = torch.movedim(a, axisa, -1), torch.movedim(b, axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ValueError(
            "`x1`'s dim on `axis=axisa` and `x2`'s dim on `axis=axisb` must be either 2 or 3. "
            f"Received: {a.shape[-1]} and {b.shape[-1]}"
        )
    flat = a.shape[-1] == 2 and b.shape[-1] == 2
    a, b = (torch.nn.functional.pad(t, (0, 3 - t.shape[-1])) for t in (a, b))
    result = torch.linalg.cross(a + torch.zeros_like(b), b + torch.zeros_like(a), dim=-1)
    return result[..., 2] if flat else torch.movedim(result, -1, axisc)


@op
def kron(x1: Any, x2: Any) -> Any:
    """Returns the Kronecker product.

    Example:
        >>> kron([1, 2], [1, 1])
        tensor([1, 1, 2, 2], dtype=torch.int32)
    """
    device = device_of(x1, x2)
    a, b = promote(as_tensor(x1, device=device), as_tensor(x2, device=device))
    return torch.kron(a, b)
