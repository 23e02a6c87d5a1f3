"""Determinants by logarithm, distances and correlations between vectors."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.linalg import _square
from torchkeras_shim.ops.promotion import as_float, as_tensor, as_wide_float, device_of, promote

__all__ = ["cdist", "corrcoef", "correlate", "logdet", "slogdet", "trapezoid", "vander"]


@op
def slogdet(x: Any) -> Any:
    """Returns the signs of determinants, and the logarithms of their absolute values.

    Example:
        >>> slogdet([[-1.0, 0.0], [0.0, 1.0]])
        (tensor(-1.), tensor(0.))
    """
    return tuple(torch.linalg.slogdet(_square(x)))


@op
def logdet(x: Any) -> Any:
    """Returns the logarithms of the determinants of positive definite matrices.

    Example:
        >>> logdet([[1.0, 0.0], [0.0, 1.0]])
        tensor(0.)
    """
    return torch.logdet(_square(x))


@op
def cdist(x: Any, y: Any) -> Any:
    """Returns the Euclidean distances between all pairs of vectors.

    Args:
        x: Vectors `(..., m, d)`.
        y: Vectors `(..., n, d)`.

    Returns:
        Distances `(..., m, n)`.

    Raises:
        ValueError: If the vectors have no second axis or different lengths.

    Example:
        >>> cdist([[0.0, 0.0]], [[3.0, 4.0]])
        tensor([[5.]])
    """
    device = device_of(x, y)
    x, y = promote(as_tensor(x, device=device), as_tensor(y, device=device), floating=True)
    if x.dim() < 2 or y.dim() < 2:
        raise ValueError(
            f"`cdist` inputs must have rank >= 2. Received: x.shape={tuple(x.shape)}, y.shape={tuple(y.shape)}"
        )
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "Last dimension of inputs to `cdist` must match. "
            f"Received: x.shape={tuple(x.shape)}, y.shape={tuple(y.shape)}"
        )
    # Not through a matrix product, which loses small distances between vectors far from the origin.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


@op
def corrcoef(x: Any) -> Any:
    """Returns the correlations between the rows of a matrix.

    Example:
        >>> corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    rows = as_wide_float(x)
    if rows.dim() > 2:
        raise ValueError(f"`corrcoef` takes a vector or a matrix. Received: x.shape={tuple(rows.shape)}")
    single = rows.dim() < 2
    rows = rows.reshape(1, -1) if single else rows
    away = rows - rows.mean(dim=-1, keepdim=True)
    covariance = away @ away.mH
    spread = torch.sqrt(torch.diagonal(covariance).real)
    result = covariance / torch.outer(spread, spread)
    if not result.is_complex():
        result = result.clamp(-1.0, 1.0)
    return result.reshape(()) if single else result


@op
def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Returns the cross-correlation of two vectors.

    Args:
        x1: A vector.
        x2: A vector.
        mode: `"valid"`, `"same"` or `"full"`: where the shorter one lies inside the longer one, as many values as the
            longer one has, or wherever they overlap.

    Raises:
        ValueError: If the mode is anything else, or the input is not a vector.

    Example:
        >>> correlate([1.0, 2.0, 3.0], [0.0, 1.0, 0.5])
        tensor([3.5000])
    """
    device = device_of(x1, x2)
    x1, x2 = promote(as_tensor(x1, device=device), as_tensor(x2, device=device), floating=True)
    if x1.dim() != 1 or x2.dim() != 1:
        raise ValueError(f"`correlate` takes two vectors. Received: {tuple(x1.shape)} and {tuple(x2.shape)}")
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"Invalid mode: {mode!r}. Mode must be one of: 'full', 'same', 'valid'.")
    swapped = x1.shape[0] < x2.shape[0]
    long, short = (x2, x1) if swapped else (x1, x2)
    n, m = long.shape[0], short.shape[0]
    signal, kernel = long.reshape(1, 1, n), short.resolve_conj().reshape(1, 1, m)
    full = torch.conv1d(signal, kernel.conj() if kernel.is_complex() else kernel, padding=m - 1).reshape(-1)
    if swapped:  # the roles exchanged run backwards
        full = full.flip(0).conj().resolve_conj() if full.is_complex() else full.flip(0)
    if mode == "full":
        return full
    if mode == "valid":
        return full[m - 1 : n]
    # Of an odd surplus, numpy drops the larger part at the end of what ran forward.
    start = (m - 1) // 2 if not swapped else m - 1 - (m - 1) // 2
    return full[start : start + n]


@op
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Integrates along an axis by the trapezoidal rule.

    Args:
        y: The values.
        x: Where they were taken.
        dx: The distance between them, where `x` is not given.
        axis: The axis.

    Example:
        >>> trapezoid([1.0, 2.0, 3.0])
        tensor(4.)
    """
    y = as_float(y)
    if x is None:
        return torch.trapezoid(y, dx=dx, dim=axis)
    return torch.trapezoid(y, as_tensor(x, y.dtype, y.device), dim=axis)


@op
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Returns the powers of each value of a vector, one row per value.

    Args:
        x: A vector.
        N: How many powers; as many as there are values by default.
        increasing: Whether the zeroth power comes first, not last.

    Raises:
        ValueError: If it is not a vector, or `N` is negative.
        TypeError: If `N` is not an integer or `increasing` no boolean.

    Example:
        >>> vander([1, 2, 3])
        tensor([[1, 1, 1],
                [4, 2, 1],
                [9, 3, 1]], dtype=torch.int32)
    """
    x = as_tensor(x)
    if x.dim() != 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: input.shape={tuple(x.shape)}")
    if N is not None and (isinstance(N, bool) or not isinstance(N, int)):
        raise TypeError(f"Argument `N` must be of type `int`. Received: N={N!r} of type {type(N)}")
    if N is not None and N < 0:
        raise ValueError(f"Argument `N` must be nonnegative. Received: N={N}")
    if not isinstance(increasing, bool):
        raise TypeError(
            f"Argument `increasing` must be of type `bool`. Received: increasing={increasing!r} of {type(increasing)}"
        )
    if x.dtype == torch.bool:
        x = x.to(dtypes.to_torch_dtype("int32"))
    count = x.shape[0] if N is None else N
    powers = torch.arange(count, device=x.device)
    if not increasing:
        powers = powers.flip(0)
    return torch.pow(x.unsqueeze(-1), powers).to(x.dtype)
