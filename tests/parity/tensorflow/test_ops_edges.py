"""Rare types, numbers and arguments of `keras.ops`, against Keras on TensorFlow: values, types, and kinds of errors."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras

A, B = np.array([[2, 0, 7], [3, 5, 1]]), np.array([[2, 3, 2], [1, 2, 3]])
ONES = np.ones((2, 3), "float32")
NAN = np.array([np.nan, -2.0, 0.0, 3.0], "float32")
BINARY = ["add", "subtract", "multiply", "floor_divide", "mod", "power", "maximum", "greater", "equal", "bitwise_xor"]
BINARY += ["left_shift", "gcd", "isin", "divide", "logaddexp"]
UNARY = ["abs", "sign", "square", "bitwise_not", "relu", "cumsum", "sort", "tril", "trace", "sum", "nonzero", "diff"]
UNARY += ["nanmax", "ptp", "logical_not", "argmax", "exp", "vander"]


def values(name, *given):
    """A case: a function of `keras.ops` on arrays."""
    return lambda ops: getattr(ops, name)(*given)


CASES = {
    **{
        f"{name}-{t}-{u}": values(name, A.astype(t), B.astype(u))
        for name in BINARY
        for t, u in (("uint16", "uint16"), ("uint8", "uint16"), ("uint32", "uint16"))
    },
    **{
        f"{name}-uint16": values(name, A[0].astype("uint16") if name == "vander" else A.astype("uint16"))
        for name in UNARY
    },
    **{f"{name}-int8": values(name, A.astype("int8"), B.T.astype("int8")) for name in ("matmul", "dot")},
    **{f"{name}-int16": values(name, A.astype("int16"), B.T.astype("int16")) for name in ("matmul", "dot")},
    **{f"{name}-int8-uint8": values(name, A[0].astype("int8"), B[0].astype("uint8")) for name in ("inner", "vdot")},
    **{
        f"{name}-beyond": values(name, A.astype("uint8"), number)
        for name, number in (("greater", -3), ("less", 300), ("equal", 258), ("not_equal", 258))
    },
    "add-wraps": values("add", A.astype("int8"), 70_000),
    "inv-half": values("inv", np.array([[4, 1], [1, 3]], "float16")),
    "cdist-half": values("cdist", ONES.astype("float16"), A.astype("float16")),
    "unfold-int8": values("unfold", np.arange(16, dtype="int8").reshape(1, 1, 4, 4), 2),
    "arange-uint16": lambda ops: ops.arange(0, 5, 2, dtype="uint16"),
    "eye-uint32": lambda ops: ops.eye(2, dtype="uint32"),
    "adaptive_max_pool-int8": lambda ops: ops.adaptive_max_pool(
        ops.convert_to_tensor(np.arange(16, dtype="int8").reshape(1, 4, 4, 1)), 2
    ),
    **{f"{name}-int64": values(name, A.astype("int64")) for name in ("cbrt", "deg2rad", "rad2deg", "corrcoef")},
    "sign-nan": values("sign", NAN),
    "ldexp-infinite": values("ldexp", NAN[1:], np.array([70_000] * 3)),
    "trunc-bool": values("trunc", np.array([True, False])),
    "trace-uint8": values("trace", A.astype("uint8")),
    "clip-beyond": values("clip", A.astype("int8"), -300, 300),
    "slice_update-beyond": values("slice_update", A.astype("float32"), (1, 2), np.full((2, 2), 9, "float32")),
    "convert_to_tensor-range": values("convert_to_tensor", range(3)),
    "moments-none": lambda ops: ops.moments(A.astype("float32"), None),
    "moments-no-axes": lambda ops: ops.moments(A.astype("float32"), ()),
    "get_item-backwards": lambda ops: ops.get_item(A, (slice(None, None, -1), slice(None, 0, -2))),
    "zeros-numpy-size": values("zeros", np.int64(2)),
    "hanning-float": values("hanning", 4.0),
    "kaiser-tensor": lambda ops: ops.kaiser(ops.ones(()) * 4, 2),
    "extract_sequences-short": values("extract_sequences", NAN, 8, 2),
    "quantile-nan": lambda ops: ops.quantile(np.array([3.0, 1.0], "float32"), np.nan),
    "repeat-fraction": values("repeat", A, 2.5),
    "expand_dims-axis": values("expand_dims", A, 5),
    "expand_dims-negative": values("expand_dims", A, -4),
    "unique-axis": lambda ops: ops.unique(A, axis=5),
    "sort-axis": lambda ops: ops.sort(A, axis=5),
    "softmax-axis": lambda ops: ops.softmax(ONES, axis=5),
    "sum-axis": lambda ops: ops.sum(A, axis=-3),
    "take-axis": lambda ops: ops.take(A, [0], axis=5),
    "flip-axis": lambda ops: ops.flip(A, axis=5),
    "unstack-scalar": values("unstack", np.float32(2)),
    "cross-scalar": values("cross", np.float32(2), np.ones(3, "float32")),
    "transpose-twice": values("transpose", A, (0, 0)),
    "reshape-two-unknown": values("reshape", A, (-1, -1)),
    "diag-cube": values("diag", np.ones((2, 2, 2), "float32")),
    "diagonal-same-axes": lambda ops: ops.diagonal(A, axis1=0, axis2=0),
    "tensordot-axes": lambda ops: ops.tensordot(ONES, ONES, axes=3),
    "take_along_axis-rank": lambda ops: ops.take_along_axis(ONES, np.array([0]), axis=1),
    "gcd-floats": values("gcd", ONES, ONES),
    "lcm-floats": values("lcm", ONES, ONES),
    "norm-nuclear-vector": lambda ops: ops.norm(NAN, ord="nuc"),
    "norm-frobenius-axis": lambda ops: ops.norm(ONES, ord="fro", axis=1),
    "norm-axis": lambda ops: ops.norm(NAN, axis=1),
    "norm-order": lambda ops: ops.norm(ONES, ord=3, axis=(0, 1)),
    "norm-word": lambda ops: ops.norm(ONES, ord="foo"),
    "stft-stride": values("stft", NAN, 4, 0, 4),
    "linspace-count": values("linspace", 0, 1, 2.5),
    "geomspace-count": values("geomspace", 1, 8, -1),
    "select-empty": values("select", [], [], 0),
    "pad-fraction": lambda ops: ops.pad(A, 1, constant_values=2.5),
    "max-fraction": lambda ops: ops.max(A, initial=1.5),
    "slice-dimensions": values("slice", A, (0,), (1, 1)),
}


def outcome(module, name):
    """What a case returns as `[type, values]`s, or the type of its error."""
    ops = module.ops
    try:
        result = CASES[name](ops)
    except Exception as error:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if not kinds & {"TypeError", "ValueError", "InvalidArgumentError"}:
            raise
        return "TypeError" if "TypeError" in kinds else "ValueError"
    results = result if isinstance(result, (list, tuple)) else [result]
    return [[ops.dtype(one), ops.convert_to_numpy(one).tolist()] for one in results]


@pytest.mark.parametrize("name", CASES)
def test_it_is_what_keras_returns_or_refuses(name):
    ours, theirs = outcome(torchkeras_shim, name), kept(outcome, keras, name)
    if isinstance(theirs, str) or isinstance(ours, str):
        assert ours == theirs
        return
    for one, other in zip(ours, theirs, strict=True):
        assert one[0] == other[0]
        np.testing.assert_allclose(one[1], other[1], rtol=2e-3 if one[0] == "float16" else 1e-5)


def test_errors_about_axes_and_shapes_are_those_of_torch_too():
    with pytest.raises(IndexError, match="axis 5 is out of bounds for an array with dimension 2"):
        torchkeras_shim.ops.sort(A, axis=5)
    with pytest.raises(RuntimeError, match="size of tensor a"):
        torchkeras_shim.ops.add(np.ones(2), np.ones(3))


def test_errors_of_a_user_s_function_stay_as_they_are():
    def body(_):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine") as caught:
        torchkeras_shim.ops.while_loop(lambda i: i < 1, body, [torchkeras_shim.ops.zeros(())])
    assert type(caught.value) is RuntimeError
