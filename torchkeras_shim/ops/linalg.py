"""Linear algebra: `keras.ops.linalg`."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor, device_of, promote
from torchkeras_shim.ops.reductions import norm
from torchkeras_shim.ops.value_dependent import never_on_zeros

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]


def _matrices(x: Any) -> torch.Tensor:
    matrices = as_float(x)
    if matrices.dim() < 2:
        raise ValueError(f"Expected input to have rank >= 2. Received input with shape {tuple(matrices.shape)}.")
    return matrices


def _square(x: Any) -> torch.Tensor:
    matrices = _matrices(x)
    if matrices.shape[-1] != matrices.shape[-2]:
        raise ValueError(f"Expected a square matrix. Received non-square input with shape {tuple(matrices.shape)}")
    return matrices


def _system(a: Any, b: Any) -> tuple[torch.Tensor, torch.Tensor, bool]:
    """Returns both sides of equations as matrices, and whether the right side was a vector."""
    device = device_of(a, b)
    a, b = promote(as_tensor(a, device=device), as_tensor(b, device=device), floating=True)
    a = _square(a)
    if b.dim() < 1:
        raise ValueError(f"Expected input to have rank >= 1. Received input with shape {tuple(b.shape)}.")
    vector = b.dim() == a.dim() - 1
    if b.shape[-1 if vector else -2] != a.shape[-1]:
        raise ValueError(
            "Incompatible shapes between `a` and `b`: expected as many rows in `b` as in `a`. "
            f"Received: a.shape={tuple(a.shape)}, b.shape={tuple(b.shape)}"
        )
    return a, b.unsqueeze(-1) if vector else b, vector


@never_on_zeros
def cholesky(x: Any, upper: bool = False) -> Any:
    """Returns the triangular factor of positive definite matrices: `x = L @ L.T`.

    Args:
        x: Matrices `(..., n, n)`.
        upper: Whether to return the upper triangle, `L.T`.

    Raises:
        ValueError: If a matrix is not square, or not positive definite.

    Example:
        >>> cholesky([[4.0, 2.0], [2.0, 5.0]])
        tensor([[2., 0.],
                [1., 2.]])
    """
    x = _square(x)
    try:
        return torch.linalg.cholesky(x, upper=upper)
    except RuntimeError as error:
        raise ValueError(f"Cholesky decomposition failed: {error}") from error


@op
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Returns the inverse of matrices that are given by their Cholesky factors.

    Args:
        x: What `cholesky` returned.
        upper: Whether it is the upper triangle.

    Example:
        >>> cholesky_inverse([[2.0, 0.0], [0.0, 1.0]])
        tensor([[0.2500, 0.0000],
                [0.0000, 1.0000]])
    """
    x = _square(x)
    identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    inverse = torch.linalg.solve_triangular(x, identity, upper=upper)
    return inverse @ inverse.mH if upper else inverse.mH @ inverse


@op
def det(x: Any) -> Any:
    """Returns the determinants of square matrices.

    Example:
        >>> det([[2.0, 0.0], [0.0, 3.0]])
        tensor(6.)
    """
    return torch.linalg.det(_square(x))


@op
def eig(x: Any) -> Any:
    """Returns the eigenvalues and right eigenvectors of square matrices, as complex numbers in no particular order.

    Example:
        >>> eig([[2.0, 0.0], [0.0, 3.0]])[0]
        tensor([2.+0.j, 3.+0.j])
    """
    return tuple(torch.linalg.eig(_square(x)))


@op
def eigh(x: Any) -> Any:
    """Returns the eigenvalues, smallest first, and eigenvectors of symmetric (Hermitian) matrices.

    Example:
        >>> eigh([[3.0, 0.0], [0.0, 2.0]])[0]
        tensor([2., 3.])
    """
    return tuple(torch.linalg.eigh(_square(x)))


@never_on_zeros
def inv(x: Any) -> Any:
    """Returns the inverses of square matrices.

    Example:
        >>> inv([[2.0, 0.0], [0.0, 4.0]])
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return torch.linalg.inv(_square(x))


@op
def lu_factor(x: Any) -> Any:
    """Returns the LU factors of matrices in one matrix, and the pivots.

    Row `i` was interchanged with row `pivots[i]`, counted from zero, in the order of the rows.

    Example:
        >>> lu_factor([[0.0, 2.0], [1.0, 3.0]])[1]
        tensor([1, 1], dtype=torch.int32)
    """
    factors, pivots, _ = torch.linalg.lu_factor_ex(_matrices(x))  # singular matrices have factors too
    return factors, pivots - 1


@op
def qr(x: Any, mode: str = "reduced") -> Any:
    """Returns an orthonormal and an upper triangular matrix whose product is `x`.

    Args:
        x: Matrices `(..., m, n)`.
        mode: `"reduced"`, or `"complete"` for a square orthonormal matrix.

    Raises:
        ValueError: If the mode is anything else.

    Example:
        >>> q, r = qr([[3.0], [4.0]])
        >>> r.abs()
        tensor([[5.]])
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(
            f"`mode` argument value not supported. Expected one of 'reduced', 'complete'. Received: mode={mode!r}"
        )
    return tuple(torch.linalg.qr(_matrices(x), mode=mode))


@never_on_zeros
def solve(a: Any, b: Any) -> Any:
    """Returns the solution of `a @ x = b`.

    Args:
        a: Square matrices `(..., n, n)`.
        b: The right side, `(..., n)` or `(..., n, k)`.

    Example:
        >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
        tensor([1.0000, 0.5000])
    """
    a, b, vector = _system(a, b)
    solution = torch.linalg.solve(a, b)
    return solution.squeeze(-1) if vector else solution


@op
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """Returns the solution of `a @ x = b` for triangular `a`, the rest of which is not read.

    Args:
        a: Square matrices `(..., n, n)`.
        b: The right side, `(..., n)` or `(..., n, k)`.
        lower: Whether the lower triangle counts, not the upper one.

    Example:
        >>> solve_triangular([[2.0, 1.0], [0.0, 4.0]], [4.0, 8.0])
        tensor([1., 2.])
    """
    a, b, vector = _system(a, b)
    solution = torch.linalg.solve_triangular(a, b, upper=not lower)
    return solution.squeeze(-1) if vector else solution


@op
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Returns the singular value decomposition `(u, s, vh)`: `x = u @ diag(s) @ vh`.

    Args:
        x: Matrices `(..., m, n)`.
        full_matrices: Whether `u` and `vh` are square.
        compute_uv: Without it, only the singular values `s` are returned.

    Example:
        >>> svd([[3.0, 0.0], [0.0, 2.0]], compute_uv=False)
        tensor([3., 2.])
    """
    x = _matrices(x)
    return tuple(torch.linalg.svd(x, full_matrices=full_matrices)) if compute_uv else torch.linalg.svdvals(x)


@op
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """Returns the `x` for which `a @ x` is nearest to `b`; of several, the shortest.

    Args:
        a: A matrix `(m, n)`.
        b: A vector `(m,)` or matrix `(m, k)`.
        rcond: Singular values below this share of the largest count as zero; by default the type's precision times
            the larger of `m` and `n`.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> lstsq([[2.0]], [8.0])
        tensor([4.])
    """
    device = device_of(a, b)
    a, b = promote(as_tensor(a, device=device), as_tensor(b, device=device), floating=True)
    if a.dim() != 2:
        raise ValueError(f"Expected `a` to have rank 2. Received: a.shape={tuple(a.shape)}")
    if b.dim() not in (1, 2):
        raise ValueError(f"Expected `b` to have rank 1 or 2. Received: b.shape={tuple(b.shape)}")
    if a.shape[0] != b.shape[0]:
        raise ValueError(
            "Leading dimensions of input arrays must match. "
            f"Received: a.shape={tuple(a.shape)}, b.shape={tuple(b.shape)}"
        )
    # By singular values on every device: torch's drivers differ in what they do with matrices of deficient rank.
    return torch.linalg.pinv(a, rtol=rcond) @ b


@op
def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """Returns the ranks of matrices.

    Args:
        x: Matrices `(..., m, n)`.
        tol: Singular values up to this one count as zero; by default the largest times the larger of `m` and `n` times
            the type's precision.

    Example:
        >>> matrix_rank([[1.0, 2.0], [2.0, 4.0]])
        tensor(1, dtype=torch.int32)
    """
    x = _matrices(x)
    if tol is None:
        return torch.linalg.matrix_rank(x).to(torch.int32)
    return torch.linalg.matrix_rank(x, atol=tol, rtol=0.0).to(torch.int32)


@op
def pinv(x: Any, rcond: float | None = None) -> Any:
    """Returns the Moore-Penrose inverses of matrices.

    Args:
        x: Matrices `(..., m, n)`.
        rcond: Singular values below this share of the largest count as zero; by default the type's precision times
            the larger of `m` and `n`.

    Example:
        >>> pinv([[2.0], [0.0]])
        tensor([[0.5000, 0.0000]])
    """
    return torch.linalg.pinv(_matrices(x), rtol=rcond)


@op
def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """Returns the value of a function and its derivative in one direction (forward-mode differentiation).

    Args:
        fun: A function of tensors.
        primals: Its arguments, a list or tuple.
        tangents: The direction: one tensor per argument, of the same shape.
        has_aux: Whether `fun` returns `(output, aux)`, of which only the output is differentiated.

    Returns:
        `(output, derivative)`, and `aux` if there is one.

    Example:
        >>> jvp(lambda x: x**2, (torch.tensor(3.0),), (torch.tensor(1.0),))
        (tensor(9.), tensor(6.))
    """
    at = tuple(as_float(primal) for primal in primals)
    if len(at) != len(tangents):
        raise ValueError(f"Expected one tangent per primal. Received: {len(at)} primals and {len(tangents)} tangents")
    along = tuple(as_tensor(t, p.dtype, p.device) for t, p in zip(tangents, at, strict=True))
    _load_forward_rules()
    return torch.func.jvp(fun, at, along, has_aux=has_aux)


@functools.cache
def _load_forward_rules() -> None:
    """Lets torch load its rules of forward differentiation, which warns of torch's own use of `torch.jit.script`."""
    with warnings.catch_warnings(), torch.autograd.forward_ad.dual_level():
        warnings.simplefilter("ignore")
        one = torch.ones((), device="cpu")
        torch.autograd.forward_ad.make_dual(one, one)  # type: ignore[no-untyped-call]
