"""Products of matrices and `tf.linalg`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.reductions import axes_of
from torchkeras_shim.compat.tf.tensors import like, together
from torchkeras_shim.core.errors import InvalidArgumentError

LogMatrixDeterminant = namedtuple("LogMatrixDeterminant", ["sign", "log_abs_determinant"])
Qr = namedtuple("Qr", ["q", "r"])


def _turned(x: torch.Tensor, transpose: bool, adjoint: bool) -> torch.Tensor:
    if adjoint:
        return x.mH
    return x.mT if transpose else x


@tf_op("matmul", "linalg.matmul")
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
) -> Any:
    """The product of two matrices, or of stacks of them.

    Raises:
        InvalidArgumentError: If one of them is a vector.
    """
    a, b = together("MatMul", a, b)
    if a.ndim < 2 or b.ndim < 2:
        raise InvalidArgumentError(
            f"In[0] and In[1] has different ndims or is a vector: {list(a.shape)} vs. {list(b.shape)} "
            "[Op:MatMul]. Write tf.linalg.matvec or tf.tensordot."
        )
    return torch.matmul(_turned(a, transpose_a, adjoint_a), _turned(b, transpose_b, adjoint_b))


@tf_op("linalg.matvec")
def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False) -> Any:
    """The product of matrices and vectors."""
    a, b = together("MatMul", a, b)
    return torch.matmul(_turned(a, transpose_a, adjoint_a), b[..., None])[..., 0]


@tf_op("tensordot", "linalg.tensordot")
def tensordot(a: Any, b: Any, axes: Any) -> Any:
    """The sum of products over the axes that are named of each."""
    a, b = together("MatMul", a, b)
    axes = axes.tolist() if isinstance(axes, torch.Tensor) else axes
    if isinstance(axes, (list, tuple)):
        axes = [[one] if isinstance(one, int) else list(one) for one in axes]
    return torch.tensordot(a, b, dims=axes)


@tf_op("einsum", "linalg.einsum")
def einsum(equation: str, *inputs: Any, optimize: str = "greedy") -> Any:
    """A sum of products, as an equation says."""
    return torch.einsum(equation.replace(" ", ""), *together("Einsum", *inputs))


@tf_op("norm", "linalg.norm")
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool | None = None) -> Any:
    """The norm of the whole tensor, or along axes."""
    x, keep = like(tensor), bool(keepdims)
    axes = axes_of(axis, x.ndim) if axis is not None else None
    if ord in ("fro", "euclidean", 2) and (axes is None or len(axes) == 1 or ord != 2):
        total = torch.sum(
            torch.square(torch.abs(x)), dim=axes if axes is not None else tuple(range(x.ndim)), keepdim=keep
        )
        return torch.sqrt(total)
    if axes is None:
        result = torch.linalg.vector_norm(x, ord)
        return result.reshape([1] * x.ndim) if keep else result
    if len(axes) == 1:
        return torch.linalg.vector_norm(x, ord, dim=axes, keepdim=keep)
    return torch.linalg.matrix_norm(x, ord, dim=axes, keepdim=keep)


@tf_op("linalg.diag")
def diag(diagonal: Any, k: int = 0, num_rows: int = -1, num_cols: int = -1, padding_value: Any = 0) -> Any:
    """Matrices with the given diagonals."""
    x = like(diagonal)
    matrix = torch.diag_embed(x, offset=int(k))
    rows = matrix.shape[-2] if num_rows == -1 else num_rows
    columns = matrix.shape[-1] if num_cols == -1 else num_cols
    matrix = torch.nn.functional.pad(matrix, (0, columns - matrix.shape[-1], 0, rows - matrix.shape[-2]))
    if padding_value:
        on = torch.diag_embed(torch.ones_like(x, dtype=torch.bool), offset=int(k))
        on = torch.nn.functional.pad(on, (0, columns - on.shape[-1], 0, rows - on.shape[-2]))
        matrix = torch.where(on, matrix, torch.as_tensor(padding_value, dtype=matrix.dtype))
    return matrix


@tf_op("linalg.diag_part", "linalg.tensor_diag_part")
def diag_part(input: Any, k: int = 0) -> Any:
    """The diagonals of matrices."""
    return torch.diagonal(like(input), offset=int(k), dim1=-2, dim2=-1)


@tf_op("linalg.tensor_diag")
def tensor_diag(diagonal: Any) -> Any:
    """A tensor with the given diagonal."""
    x = like(diagonal)
    return torch.diag_embed(x.reshape(-1)).reshape(*x.shape, *x.shape)


@tf_op("linalg.set_diag")
def set_diag(input: Any, diagonal: Any, k: int = 0) -> Any:
    """Matrices with other diagonals."""
    return torch.diagonal_scatter(like(input), like(diagonal), offset=int(k), dim1=-2, dim2=-1)


@tf_op("linalg.trace")
def trace(x: Any) -> Any:
    """The sums of the diagonals."""
    return torch.diagonal(like(x), dim1=-2, dim2=-1).sum(-1)


@tf_op("linalg.band_part")
def band_part(input: Any, num_lower: Any, num_upper: Any) -> Any:
    """Matrices with zeros outside a band round the diagonal; -1 keeps all of a side."""
    x = like(input)
    rows = torch.arange(x.shape[-2], device=x.device)[:, None]
    columns = torch.arange(x.shape[-1], device=x.device)[None]
    inside = (int(num_lower) < 0) | (rows - columns <= int(num_lower))
    inside = inside & ((int(num_upper) < 0) | (columns - rows <= int(num_upper)))
    return torch.where(inside, x, torch.zeros_like(x))


@tf_op("linalg.matrix_transpose")
def matrix_transpose(a: Any, conjugate: bool = False) -> Any:
    """The transposed matrices."""
    return like(a).mH if conjugate else like(a).mT


@tf_op("linalg.adjoint")
def adjoint(matrix: Any) -> Any:
    """The conjugate transposed matrices."""
    return like(matrix).mH


@tf_op("linalg.inv")
def inv(input: Any, adjoint: bool = False) -> Any:
    """The inverse matrices."""
    return torch.linalg.inv(_turned(like(input), False, adjoint))


@tf_op("linalg.pinv")
def pinv(a: Any, rcond: Any = None, validate_args: bool = False) -> Any:
    """The pseudo-inverse matrices."""
    a = like(a)
    rcond = 10 * max(a.shape[-2:]) * torch.finfo(a.dtype).eps if rcond is None else rcond
    return torch.linalg.pinv(a, rtol=rcond)


@tf_op("linalg.det")
def det(input: Any) -> Any:
    """The determinants."""
    return torch.linalg.det(like(input))


@tf_op("linalg.slogdet")
def slogdet(input: Any) -> Any:
    """The signs and the logarithms of the determinants."""
    return LogMatrixDeterminant(*torch.linalg.slogdet(like(input)))


@tf_op("linalg.logdet")
def logdet(matrix: Any) -> Any:
    """The logarithms of the determinants of positive matrices."""
    return torch.logdet(like(matrix))


@tf_op("linalg.solve")
def solve(matrix: Any, rhs: Any, adjoint: bool = False) -> Any:
    """The solutions of systems of linear equations."""
    matrix, rhs = together("MatrixSolve", matrix, rhs)
    return torch.linalg.solve(_turned(matrix, False, adjoint), rhs)


@tf_op("linalg.triangular_solve")
def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    """The solutions of systems with triangular matrices."""
    matrix, rhs = together("MatrixTriangularSolve", matrix, rhs)
    matrix = matrix.tril() if lower else matrix.triu()
    return torch.linalg.solve_triangular(_turned(matrix, False, adjoint), rhs, upper=lower == adjoint)


@tf_op("linalg.lstsq")
def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True) -> Any:
    """The solutions of least squares problems."""
    matrix, rhs = together("MatrixSolveLs", matrix, rhs)
    if l2_regularizer:
        gram = matrix.mT @ matrix + l2_regularizer * torch.eye(matrix.shape[-1], dtype=matrix.dtype)
        return torch.linalg.solve(gram, matrix.mT @ rhs)
    return torch.linalg.lstsq(matrix, rhs).solution


@tf_op("linalg.cholesky")
def cholesky(input: Any) -> Any:
    """The lower triangular matrices whose products with their transposed are the given ones."""
    return torch.linalg.cholesky(like(input).tril() + like(input).tril(-1).mT)


@tf_op("linalg.cholesky_solve")
def cholesky_solve(chol: Any, rhs: Any) -> Any:
    """The solutions of systems whose matrices are given by their Cholesky factors."""
    return torch.cholesky_solve(like(rhs), like(chol))


@tf_op("linalg.eigh")
def eigh(tensor: Any) -> Any:
    """The eigenvalues, in rising order, and eigenvectors of symmetric matrices."""
    return tuple(torch.linalg.eigh(like(tensor)))


@tf_op("linalg.eigvalsh")
def eigvalsh(tensor: Any) -> Any:
    """The eigenvalues of symmetric matrices, in rising order."""
    return torch.linalg.eigvalsh(like(tensor))


@tf_op("linalg.eig", "eig")
def eig(tensor: Any) -> Any:
    """The eigenvalues and eigenvectors of matrices, complex."""
    return tuple(torch.linalg.eig(like(tensor)))


@tf_op("linalg.eigvals", "eigvals")
def eigvals(tensor: Any) -> Any:
    """The eigenvalues of matrices, complex."""
    return torch.linalg.eigvals(like(tensor))


@tf_op("linalg.svd")
def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """The singular values `s`, and `u` and `v` of `u @ diag(s) @ v^H`."""
    x = like(tensor)
    if not compute_uv:
        return torch.linalg.svdvals(x)
    u, s, vh = torch.linalg.svd(x, full_matrices=full_matrices)
    return s, u, vh.mH


@tf_op("linalg.qr")
def qr(input: Any, full_matrices: bool = False) -> Any:
    """Orthogonal and upper triangular matrices whose products are the given ones."""
    return Qr(*torch.linalg.qr(like(input), "complete" if full_matrices else "reduced"))


@tf_op("linalg.expm")
def expm(input: Any) -> Any:
    """The exponentials of matrices."""
    return torch.linalg.matrix_exp(like(input))


@tf_op("linalg.sqrtm")
def sqrtm(input: Any) -> Any:
    """The square roots of matrices that have a basis of eigenvectors."""
    x = like(input)
    values, vectors = torch.linalg.eig(x)
    root = vectors @ torch.diag_embed(torch.sqrt(values)) @ torch.linalg.inv(vectors)
    return root if x.is_complex() else root.real


@tf_op("linalg.matrix_rank")
def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False) -> Any:
    """The ranks of matrices."""
    x = like(a)
    found = torch.linalg.matrix_rank(x) if tol is None else torch.linalg.matrix_rank(x, tol)
    return found.to(torch.int32)


@tf_op("linalg.cross")
def cross(a: Any, b: Any) -> Any:
    """The cross products of vectors of three elements."""
    return torch.linalg.cross(*together("Cross", a, b))


@tf_op("linalg.normalize")
def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> Any:
    """A tensor divided by its norm, and the norm."""
    size = norm(tensor, ord, axis, keepdims=True)
    return like(tensor) / size, size


@tf_op("linalg.lu")
def lu(input: Any, output_idx_type: Any = "int32") -> Any:
    """A matrix as a lower and an upper one in one tensor, and the order of its rows."""
    x = like(input)
    factors, pivots = torch.linalg.lu_factor(x)
    order, _, _ = torch.lu_unpack(factors, pivots)
    return factors, order.real.argmax(-2).to(as_dtype(output_idx_type).torch_dtype)


@tf_op("linalg.lu_reconstruct")
def lu_reconstruct(lower_upper: Any, perm: Any, validate_args: bool = False) -> Any:
    """The matrix that `lu` has made two of."""
    factors, order = like(lower_upper), like(perm).long()
    lower = torch.tril(factors, -1) + torch.eye(factors.shape[-1], dtype=factors.dtype)
    product = lower @ torch.triu(factors)
    return torch.take_along_dim(product, torch.argsort(order, -1)[..., None], -2)


@tf_op("linalg.lu_solve")
def lu_solve(lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False) -> Any:
    """The solution of linear equations by what `lu` gives."""
    factors, order, right = like(lower_upper), like(perm).long(), like(rhs)
    right = torch.take_along_dim(right, order[..., None], -2)
    half = torch.linalg.solve_triangular(factors, right, upper=False, unitriangular=True)
    return torch.linalg.solve_triangular(factors, half, upper=True)


@tf_op("linalg.lu_matrix_inverse")
def lu_matrix_inverse(lower_upper: Any, perm: Any, validate_args: bool = False) -> Any:
    """The inverse of the matrix that `lu` has made two of."""
    factors = like(lower_upper)
    return lu_solve(factors, perm, torch.eye(factors.shape[-1], dtype=factors.dtype).expand(factors.shape))
