"""Operations of complex numbers, and functions that no other table of operations has, against real Keras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.checking import INF, NAN, a, check, f
from tests.parity.oracle import assert_close, keras
from torchkeras_shim import ops

X = f(3, 4)
Z = (f(2, 3) + 1j * f(2, 3, seed=1)).astype("complex64")
PROBABILITIES = np.abs(f(4, 3)) / np.abs(f(4, 3)).sum(-1, keepdims=True)
ONE_HOT = np.eye(3, dtype="float32")[[0, 2, 1, 1]]
ODD = a([NAN, INF, -INF, 0.0, -0.0, 1.0], "float32")

CASES = [
    ("real", (Z,), {}),
    ("imag", (Z,), {}),
    ("imag", (X,), {}),
    ("angle", (Z,), {}),
    ("angle", (X,), {}),
    ("angle", (a([INF, -INF, 0.0, 1.0], "float32"),), {}),
    ("conj", (Z,), {}),
    ("conj", (X,), {}),
    ("conjugate", (Z,), {}),
    ("isreal", (Z,), {}),
    ("isreal", (a([1 + 0j, 1j], "complex64"),), {}),
    ("isreal", (X,), {}),
    ("abs", (Z,), {}),
    ("square", (Z,), {}),
    ("exp", (Z,), {}),
    ("multiply", (Z, Z), {}),
    ("add", (Z, X[:2, :3]), {}),
    ("subtract", (Z, 1.5), {}),
    ("divide", (Z, Z + 2), {}),
    ("matmul", (Z, Z.T), {}),
    ("sum", (Z,), {"axis": 1}),
    ("mean", (Z,), {"axis": 0}),
    ("reshape", (Z, (3, 2)), {}),
    ("transpose", (Z,), {}),
    ("concatenate", ([Z, Z],), {"axis": 1}),
    ("equal", (Z, Z), {}),
    ("view_as_complex", (f(3, 2),), {}),
    ("view_as_real", (Z,), {}),
    ("arccosh", (np.abs(X) + 1,), {}),
    ("arccosh", (a([1, 2, 5], "int32"),), {}),
    ("arccosh", (a([0.5, 1.0, INF], "float32"),), {}),
    ("logaddexp2", (X, f(4, seed=1)), {}),
    ("logaddexp2", (a([1, 2], "int32"), a([3, 400], "int32")), {}),
    ("logaddexp2", (ODD, ODD[::-1].copy()), {}),
    ("diagflat", (f(3),), {}),
    ("diagflat", (X,), {"k": -1}),
    ("dsplit", (f(2, 3, 4), 2), {}),
    ("dsplit", (f(2, 3, 4), [1, 3]), {}),
    ("ndim", (X,), {}),
    ("binary_crossentropy", (ONE_HOT, PROBABILITIES), {}),
    ("binary_crossentropy", (ONE_HOT, f(4, 3)), {"from_logits": True}),
    ("categorical_crossentropy", (ONE_HOT, PROBABILITIES), {}),
    ("categorical_crossentropy", (ONE_HOT, f(4, 3)), {"from_logits": True}),
    ("categorical_crossentropy", (ONE_HOT.T, f(3, 4)), {"from_logits": True, "axis": 0}),
    ("sparse_categorical_crossentropy", (a([0, 2, 1, 1], "int32"), PROBABILITIES), {}),
    ("sparse_categorical_crossentropy", (a([0, 2, 1, 1], "int64"), f(4, 3)), {"from_logits": True}),
    ("sparse_categorical_crossentropy", (a([[0], [2], [1], [1]], "int32"), f(4, 3)), {"from_logits": True}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_functions(name, args, kwargs):
    check(name, *args, **kwargs)


@pytest.mark.parametrize("dtype", ["float32", "int32", "bool", None])
def test_empty_tensors(dtype):
    for mine, theirs in (
        (ops.empty((2, 3), dtype=dtype), keras.ops.empty((2, 3), dtype=dtype)),
        (ops.empty_like(X, dtype=dtype), keras.ops.empty_like(X, dtype=dtype)),
    ):
        assert tuple(mine.shape) == tuple(theirs.shape)
        assert keras.backend.standardize_dtype(mine.dtype) == keras.backend.standardize_dtype(theirs.dtype)


def test_sizes_are_numbers():
    assert int(ops.size(X)) == int(keras.ops.size(X)) == 12


def test_no_gradient_goes_through_stop_gradient():
    x = ops.convert_to_tensor([2.0, 3.0]).requires_grad_()
    (x * ops.stop_gradient(x)).sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]
    assert not isinstance(ops.convert_to_numpy(x), torch.Tensor)
    assert_close(ops.convert_to_numpy(x), [2.0, 3.0])
