"""Linear algebra, Fourier transforms and signal windows against real Keras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.checking import ON_TENSORFLOW, a, check, check_symbolic, f
from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import ops

S = f(2, 3, 3)
SPD = S @ np.swapaxes(S, -1, -2) + 3 * np.eye(3, dtype="float32")
TALL = f(2, 4, 3, seed=1)
X = f(2, 24, seed=2)

CASES = [
    ("cholesky", (SPD,), {}),
    ("cholesky", (SPD[0],), {"upper": True}),
    ("cholesky_inverse", (SPD[0],), {"upper": True}),
    ("cholesky_inverse", (np.linalg.cholesky(SPD[0]),), {}),
    ("det", (S,), {}),
    ("inv", (SPD,), {}),
    ("eigh", (np.stack([np.diag([3.0, 1.0, 2.0])]).astype("float32"),), {}),
    ("linalg.solve", (SPD, f(2, 3, 2)), {}),
    ("solve", (SPD[0], f(3)), {}),
    ("solve_triangular", (np.tril(SPD), f(2, 3, 2)), {"lower": True}),
    ("solve_triangular", (np.triu(SPD[0]), f(3)), {}),
    ("lstsq", (TALL[0], f(4)), {}),
    ("lstsq", (TALL[0], f(4, 2)), {}),
    ("lstsq", (np.ones((4, 3), "float32"), f(4, 2)), {"rcond": 1e-3}),
    ("matrix_rank", (np.stack([S[0], np.ones((3, 3), "float32")]),), {}),
    ("matrix_rank", (np.diag(a([3.0, 1.0, 0.1], "float32")),), {"tol": 0.5}),
    ("pinv", (TALL,), {}),
    ("pinv", (np.diag(a([3.0, 1.0, 0.1], "float32")),), {"rcond": 0.1}),
    ("svd", (TALL,), {"compute_uv": False}),
    ("slogdet", (S,), {}),
    ("logdet", (SPD,), {}),
    ("cdist", (TALL, S), {}),
    ("corrcoef", (TALL[0],), {}),
    ("corrcoef", (a([[1, 2, 4], [3, 1, 0]], "int32"),), {}),
    ("vander", (a([1, 2, 3], "int32"),), {}),
    ("vander", (f(3),), {"N": 2, "increasing": True}),
    ("trapezoid", (TALL,), {"axis": 1, "dx": 0.5}),
    ("trapezoid", (TALL[0],), {"x": a([0.0, 1.0, 3.0, 4.0], "float32"), "axis": 0}),
    ("trapezoid", (a([1, 2, 3], "int32"),), {}),
    ("fft", ((X, X[::-1].copy()),), {}),
    ("fft2", ((TALL, TALL),), {}),
    ("ifft2", ((TALL, TALL),), {}),
    ("rfft", (X,), {}),
    ("rfft", (X,), {"fft_length": 10}),
    ("irfft", ((X, X),), {}),
    ("irfft", ((X, X),), {"fft_length": 9}),
    ("extract_sequences", (X, 6, 4), {}),
    ("stft", (X, 8, 4, 8), {}),
    ("stft", (X[0], 6, 2, 8), {"window": "hamming", "center": False}),
    ("stft", (X, 8, 4, 16), {"window": np.linspace(0, 1, 8).astype("float32")}),
    ("view_as_complex", (f(3, 2),), {}),
    ("view_as_real", (f(3) + 1j * f(3, seed=1),), {}),
    ("polar", (np.abs(f(3)), f(3, seed=1)), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_values(name, args, kwargs):
    check(name, *args, rtol=2e-4, atol=2e-5, **kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_symbolic_results(name, args, kwargs):
    if name == "view_as_real":
        pytest.skip("complex inputs")
    check_symbolic(name, *args, **kwargs)


MODES = ("valid", "same", "full")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", [(4, 2), (4, 3), (5, 2), (3, 5), (2, 4), (4, 4)])
def test_correlate_is_numpys(sizes, mode):
    x, y = f(sizes[0]), f(sizes[1], seed=1)
    assert_close(ops.correlate(x, y, mode), np.correlate(x, y, mode))
    z, w = x + 1j * x[::-1], y - 2j * y
    assert_close(ops.correlate(z.astype("complex64"), w.astype("complex64"), mode), np.correlate(z, w, mode), atol=1e-5)


def test_correlate_of_integers_is_a_float():
    check("correlate", a([3, 1, 2], "int32"), a([1, 2], "int32"), "full")


@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr(mode):
    q, r = ops.qr(TALL, mode)
    theirs = keras.ops.qr(TALL, mode)
    assert [tuple(q.shape), tuple(r.shape)] == [tuple(one.shape) for one in theirs]
    assert_close(q @ r, TALL, atol=1e-5)
    assert_close(q.mT @ q, np.broadcast_to(np.eye(q.shape[-1]), (2, q.shape[-1], q.shape[-1])), atol=1e-5)
    assert_close(r, np.triu(to_numpy(r)))


@pytest.mark.parametrize("full", [True, False])
def test_svd_and_eigenvectors_rebuild_the_matrix(full):
    u, s, vh = ops.svd(TALL, full_matrices=full)
    assert [tuple(one.shape) for one in (u, s, vh)] == [
        tuple(one.shape) for one in keras.ops.svd(TALL, full_matrices=full)
    ]
    assert_close((u[..., :3] * s[:, None]) @ vh, TALL, atol=1e-5)
    values, vectors = ops.eigh(SPD)
    assert_close(vectors @ torch.diag_embed(values) @ vectors.mT, SPD, atol=1e-4)
    assert_close(values, keras.ops.eigh(SPD)[0], rtol=1e-4)
    values, vectors = ops.eig(S)
    assert_close(vectors @ torch.diag_embed(values) @ torch.linalg.inv(vectors), S, atol=1e-4)
    assert values.dtype == vectors.dtype == torch.complex64


def test_lu_factors_rebuild_the_matrix():
    factors, pivots = ops.lu_factor(S[0])
    theirs = keras.ops.lu_factor(S[0])
    assert_close(factors, theirs[0], atol=1e-5)
    if not ON_TENSORFLOW:  # which returns a permutation there
        assert_close(pivots, theirs[1])
    assert torch.isfinite(ops.lu_factor(torch.zeros(2, 2))[0]).all()  # a singular matrix has factors


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_windows(name, size):
    check(name, size)


def test_kaiser():
    check("kaiser", 7, 8.6, rtol=1e-4)
    assert ops.hanning(0).shape == (0,)


@pytest.mark.parametrize("window", ["hann", "hamming", None])
@pytest.mark.parametrize("center", [True, False])
def test_istft_inverts_stft(window, center):
    spectrum = ops.stft(X, 8, 4, 8, window, center)
    back = ops.istft(spectrum, 8, 4, 8, window=window, center=center)
    if window is None:
        theirs = keras.ops.istft(tuple(to_numpy(one) for one in spectrum), 8, 4, 8, window=None, center=center)
        inner = slice(None) if center or ON_TENSORFLOW else slice(4, -4)  # at the ends TensorFlow and JAX differ
        assert_close(back[..., inner], to_numpy(theirs)[..., inner], atol=1e-4)
        return
    inner = slice(None) if center else slice(1, -1)  # a Hann window is zero at the very first sample
    assert_close(back[..., inner], X[..., inner], atol=1e-4)
    assert ops.istft(spectrum, 8, 4, 8, length=10, window=window, center=center).shape == (2, 10)


def test_istft_with_a_longer_transform():
    spectrum = ops.stft(X, 6, 2, 8)
    assert_close(ops.istft(spectrum, 6, 2, 8), X, atol=1e-4)


def test_jvp():
    value, slope = ops.jvp(lambda x, y: x * y**2, (a(2.0, "float32"), a(3.0, "float32")), (1.0, 1.0))
    assert (value.item(), slope.item()) == (18.0, 21.0)
    value, slope, extra = ops.jvp(lambda x: (x**2, x + 1), (torch.tensor(2.0),), (torch.tensor(1.0),), has_aux=True)
    assert (value.item(), slope.item(), extra.item()) == (4.0, 4.0, 3.0)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("cholesky", (SPD,)),
        ("cholesky_inverse", (np.linalg.cholesky(SPD),)),
        ("det", (S,)),
        ("inv", (SPD,)),
        ("solve", (SPD, f(2, 3, 2))),
        ("solve_triangular", (np.triu(SPD), f(2, 3, 2))),
        ("lstsq", (TALL[0], f(4))),
        ("pinv", (TALL,)),
        ("slogdet", (SPD,)),
        ("logdet", (SPD,)),
        ("cdist", (TALL, S)),
        ("correlate", (f(5), f(3))),
        ("corrcoef", (TALL[0],)),
        ("trapezoid", (TALL,)),
    ],
)
def test_gradients(name, args):
    inputs = [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in args]

    def function(*values):
        if name == "cholesky":  # of a matrix that stays symmetric when one of its values is moved
            return ops.cholesky((values[0] + values[0].mT) / 2)
        result = getattr(ops, name)(*values)
        return result[1] if name == "slogdet" else result

    assert torch.autograd.gradcheck(function, inputs)


def test_gradients_of_transforms():
    x = torch.tensor(X[:1, :16], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ops.rfft(x), [x])
    assert torch.autograd.gradcheck(lambda x: ops.istft(ops.stft(x, 4, 2, 4), 4, 2, 4), [x])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.cholesky(f(3)), "rank >= 2"),
        (lambda: ops.inv(f(2, 3)), "square"),
        (lambda: ops.cholesky(-np.eye(2)), "Cholesky decomposition failed"),
        (lambda: ops.qr(S, mode="full"), "mode"),
        (lambda: ops.solve(SPD[0], f(4)), "as many rows"),
        (lambda: ops.lstsq(TALL[0], f(3)), "must match"),
        (lambda: ops.cdist(f(3), f(3)), "rank >= 2"),
        (lambda: ops.cdist(f(3, 2), f(3, 3)), "must match"),
        (lambda: ops.correlate(f(3), f(3), "half"), "Invalid mode"),
        (lambda: ops.fft(f(3)), "tuple of two tensors"),
        (lambda: ops.fft((f(3), f(4))), "same shape"),
        (lambda: ops.fft((a([1], "int32"), a([1], "int32"))), "float"),
        (lambda: ops.stft(X, 8, 4, 4), "fft_length"),
        (lambda: ops.stft(X, 8, 4, 8, window="flat"), "hamming"),
        (lambda: ops.stft(X, 8, 4, 8, window=np.ones(3)), "sequence_length"),
        (lambda: ops.view_as_complex(f(3)), "size 2"),
        (lambda: ops.vander(f(2, 2)), "1-dimensional"),
        (lambda: ops.vander(f(2), N=-1), "nonnegative"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_types_that_do_not_fit():
    with pytest.raises(TypeError, match="float32"):
        ops.stft(a([1, 2, 3, 4], "int32"), 2, 1, 2)
    with pytest.raises(TypeError, match="int"):
        ops.vander(f(2), N=1.5)
    with pytest.raises(TypeError, match="bool"):
        ops.vander(f(2), increasing=1)
