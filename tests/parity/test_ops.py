"""Every operation against real Keras: values, shape and type of the result."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.parity.checking import INF, NAN, NARROW, a, check, f, leaves
from tests.parity.oracle import keras
from torchkeras_shim import ops
from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import KerasTensor, is_symbolic
from torchkeras_shim.ops.promotion import result_type

X = f(3, 4)
POSITIVE = np.abs(X) + 0.1
UNIT = np.tanh(X) * 0.9
INTS = a([[3, -1, 2], [0, 5, -7]], "int32")

UNARY = {
    "X": """abs absolute negative square exp exp2 expm1 sin cos tan sinh cosh tanh arctan arcsinh deg2rad rad2deg sinc
        erf erfc ceil floor trunc round sign signbit isfinite isinf isnan isneginf isposinf logical_not reciprocal cbrt
        nan_to_num relu relu6 sigmoid silu swish softplus softsign log_sigmoid hard_sigmoid hard_silu hard_swish elu
        selu celu gelu leaky_relu tanh_shrink soft_shrink hard_shrink hard_tanh sparse_plus sparse_sigmoid squareplus
        softmax log_softmax sparsemax glu sum mean var std prod max min amax amin any all argmax argmin ptp median
        cumsum cumprod count_nonzero logsumexp norm normalize sort argsort ravel transpose flip fliplr flipud squeeze
        zeros_like ones_like tril triu diagonal trace diff copy array average nansum nanmean nanmax nanmin real""",
    "POSITIVE": "log log2 log10 log1p sqrt rsqrt",
    "UNIT": "arcsin arccos arctanh erfinv",
    "INTS": """abs square exp sqrt log1p sin tanh floor ceil round sum mean var std prod max min argmax cumsum sort
        argsort relu any all bitwise_not bitwise_invert median norm trace diff negative sign count_nonzero average
        isnan""",
}
INPUTS = {"X": X, "POSITIVE": POSITIVE, "UNIT": UNIT, "INTS": INTS}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in UNARY.items() for name in names.split()])
def test_functions_of_one_tensor(kind, name):
    check(name, INPUTS[kind])


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8", "int64", "bool"])
@pytest.mark.parametrize("name", ["sum", "mean", "max", "exp", "cumsum", "argmax"])
def test_types_of_results(name, dtype):
    check(name, a([1, 0, 1], dtype))


BINARY = "add subtract multiply divide floor_divide mod fmod maximum minimum arctan2 hypot logaddexp equal not_equal "
BINARY += "greater greater_equal less less_equal divide_no_nan logical_and logical_or logical_xor heaviside fmax fmin"


@pytest.mark.parametrize("name", BINARY.split())
def test_functions_of_two_tensors(name):
    check(name, X, f(4, seed=1))
    check(name, INTS, a([2, 3, 4], "int32"))


TYPES = [*dtypes.TORCH_DTYPES, int, float]


@pytest.mark.parametrize("first", TYPES)
def test_type_promotion(first):
    for second in TYPES:
        mine, expected = result_type(first, second), keras.backend.result_type(first, second)
        assert NARROW.get(mine, mine) == NARROW.get(expected, expected), second
        mine, expected = result_type(first, second, float), keras.backend.result_type(first, second, float)
        assert NARROW.get(mine, mine) == NARROW.get(expected, expected), second


@pytest.mark.parametrize(
    ("first", "second"), [("int8", "uint8"), ("int64", float), ("float16", "bfloat16"), ("bool", 1)]
)
def test_arithmetic_promotes(first, second):
    def value(module, kind):
        return kind(2) if isinstance(kind, type) else kind if kind == 1 else module.ones((2,), dtype=kind)

    ours = ops.add(value(ops, first), value(ops, second))
    theirs = keras.ops.add(value(keras.ops, first), value(keras.ops, second))
    mine, expected = dtypes.standardize_dtype(ours.dtype), keras.backend.standardize_dtype(theirs.dtype)
    assert NARROW.get(mine, mine) == NARROW.get(expected, expected)


I = a([1, 2, 3, 4], "int32")  # noqa: E741
B = a([True, False, True, True], "bool")
CUBE = f(2, 3, 4, seed=2)
CASES = [
    ("convert_to_tensor", (1,), {}),
    ("convert_to_tensor", (1.5,), {}),
    ("convert_to_tensor", (True,), {}),
    ("convert_to_tensor", ([1, 2.5],), {}),
    ("convert_to_tensor", ([np.float64(1)],), {}),
    ("convert_to_tensor", (np.float64(1),), {}),
    ("convert_to_tensor", (np.ones(2, "int64"),), {}),
    ("convert_to_tensor", ([],), {}),
    ("convert_to_tensor", ([np.ones(2, "float32"), np.ones(2, "float32")],), {}),
    ("convert_to_tensor", (1.7,), {"dtype": "int32"}),
    ("convert_to_tensor", (0.1,), {"dtype": "float64"}),
    ("cast", (a([1.7, -1.7], "float32"), "int32"), {}),
    ("cast", (I, "float16"), {}),
    ("saturate_cast", (a([300.0, -3.0, 7.5], "float32"), "uint8"), {}),
    ("saturate_cast", (a([3e10, -3e10], "float32"), "int32"), {}),
    ("shape", (X,), {}),
    ("unstack", (X,), {"axis": 1}),
    ("slice", (X, [1, 1], [2, 2]), {}),
    ("slice_update", (X, [1, 1], np.ones((2, 2), "float32")), {}),
    ("scatter", (a([[1], [2], [1]], "int32"), f(3), (4,)), {}),
    ("scatter", (a([[0, 1], [1, 0]], "int32"), f(2), (2, 2)), {}),
    ("scatter", (a([[1]], "int32"), f(1, 2), (3, 2)), {}),
    ("scatter_update", (f(4), [[1], [3]], [5.0, 6.0]), {}),
    ("scatter_update", (X, [[0, 1]], [9.0]), {}),
    ("scatter_update", (f(4), [[1], [1]], [5.0, 6.0]), {"reduction": "add"}),
    ("scatter_update", (f(4), [[1], [1]], [5.0, 6.0]), {"reduction": "max"}),
    ("scatter_update", (f(4), [[1], [1]], [5.0, 6.0]), {"reduction": "mul"}),
    # reductions
    ("sum", (CUBE,), {"axis": (0, 2), "keepdims": True}),
    ("sum", (B,), {}),
    ("mean", (CUBE,), {"axis": -1}),
    ("mean", (B,), {}),
    ("var", (CUBE,), {"axis": (0, 1)}),
    ("std", (CUBE,), {"axis": 1, "keepdims": True}),
    ("prod", (CUBE,), {"axis": (0, 2)}),
    ("prod", (CUBE,), {"keepdims": True}),
    ("max", (CUBE,), {"axis": 2, "initial": 0.5}),
    ("min", (CUBE,), {"axis": (0, 1), "keepdims": True}),
    ("all", (CUBE > 0,), {"axis": 1}),
    ("any", (CUBE > 1,), {"axis": (0, 1), "keepdims": True}),
    ("argmax", (CUBE,), {"axis": 1, "keepdims": True}),
    ("argmax", (CUBE,), {"keepdims": True}),
    ("argmin", (CUBE,), {"axis": -1}),
    ("count_nonzero", (CUBE > 0,), {"axis": (0, 1)}),
    ("average", (X,), {"axis": 1, "weights": a([1, 2, 3, 4], "float32")}),
    ("average", (X,), {"weights": POSITIVE}),
    ("cumsum", (CUBE,), {"axis": 1}),
    ("cumsum", (B,), {}),
    ("cumprod", (I,), {"dtype": "float32"}),
    ("logsumexp", (CUBE,), {"axis": (0, 2), "keepdims": True}),
    ("norm", (X,), {"ord": 1}),
    ("norm", (X,), {"ord": "fro"}),
    ("norm", (X,), {"ord": "nuc"}),
    ("norm", (X,), {"axis": 1, "ord": 3}),
    ("norm", (X,), {"axis": 1, "ord": np.inf, "keepdims": True}),
    ("median", (X,), {"axis": 0}),
    ("median", (CUBE,), {"axis": (0, 2), "keepdims": True}),
    ("quantile", (CUBE, [0.1, 0.5, 0.77]), {"axis": 1}),
    ("quantile", (CUBE, 0.3), {"axis": (0, 1), "keepdims": True}),
    ("quantile", (X, [0.3, 0.6]), {"method": "lower"}),
    ("quantile", (X, 0.3), {"method": "higher"}),
    ("quantile", (X, 0.3), {"method": "midpoint"}),
    ("percentile", (X, 30), {"axis": 1}),
    ("nansum", (a([1.0, NAN, 2.0], "float32"),), {}),
    ("nanmean", (a([[1.0, NAN], [3.0, 2.0]], "float32"),), {"axis": 0}),
    ("nanmax", (a([[1.0, NAN], [3.0, NAN]], "float32"),), {"axis": 0}),
    ("nan_to_num", (a([NAN, INF, -INF, 1.0], "float32"),), {"nan": 7.0, "posinf": 8.0, "neginf": 9.0}),
    ("isclose", (a([1.0, NAN], "float32"), a([1.0, NAN], "float32")), {"equal_nan": True}),
    ("allclose", (X, X + 1e-7), {}),
    # elementwise with more arguments
    ("round", (a([1.25, 15.56], "float32"), 1), {}),
    ("round", (a([15, 26], "int32"), -1), {}),
    ("clip", (X, -0.5, 0.5), {}),
    ("clip", (I, 2, 3), {}),
    ("clip", (B, 0, 1), {}),
    ("clip", (X, f(4, seed=3) - 1, f(4, seed=3)), {}),
    ("power", (POSITIVE, 1.5), {}),
    ("power", (I, 2), {}),
    ("power", (2, X), {}),
    ("gcd", (I, a([2, 4, 6, 8], "int32")), {}),
    ("lcm", (I, a([2, 4, 6, 8], "int32")), {}),
    ("bitwise_and", (I, 2), {}),
    ("bitwise_or", (I, 2), {}),
    ("bitwise_xor", (I, 2), {}),
    ("left_shift", (I, 2), {}),
    ("right_shift", (I, 1), {}),
    ("add", (1, 2), {}),
    ("add", (1, 2.5), {}),
    ("add", (np.ones(1, "float32"), np.float64(1)), {}),
    ("maximum", (1, a([1], "int8")), {}),
    ("floor_divide", (a([-7, 7], "int32"), 2), {}),
    ("mod", (a([-7, 7], "int32"), 3), {}),
    ("fmod", (a([-7, 7], "int32"), 3), {}),
    ("logaddexp", (1, 2), {}),
    ("arctan2", (1, 2), {}),
    # shapes
    ("reshape", (CUBE, (4, -1)), {}),
    ("transpose", (CUBE, (2, 0, 1)), {}),
    ("moveaxis", (CUBE, [0, 1], [-1, 0]), {}),
    ("swapaxes", (CUBE, 0, 2), {}),
    ("expand_dims", (X, (0, 2)), {}),
    ("expand_dims", (X, -1), {}),
    ("squeeze", (X[None, :, None],), {"axis": (0, 2)}),
    ("broadcast_to", (f(4), (3, 4)), {}),
    ("concatenate", ([X, X],), {"axis": 1}),
    ("concatenate", ([a([1], "int32"), a([1], "float32")],), {}),
    ("stack", ([X, X],), {"axis": 1}),
    ("append", (I, a([3.0], "float32")), {}),
    ("hstack", ([X, X],), {}),
    ("vstack", ([I, I],), {}),
    ("dstack", ([X, X],), {}),
    ("split", (CUBE, 2), {"axis": 2}),
    ("split", (CUBE, [1, 3]), {"axis": 2}),
    ("array_split", (f(7), 3), {}),
    ("hsplit", (X, 2), {}),
    ("vsplit", (X, 3), {}),
    ("tile", (X, (2, 1)), {}),
    ("tile", (X, 2), {}),
    ("repeat", (X, 2), {}),
    ("repeat", (X, 2), {"axis": 1}),
    ("repeat", (I, a([1, 2, 0, 1], "int32")), {}),
    ("flip", (CUBE,), {"axis": (0, 2)}),
    ("roll", (X, 2), {}),
    ("roll", (X, 1), {"axis": 1}),
    ("rot90", (X,), {}),
    ("rot90", (CUBE,), {"k": 2, "axes": (1, 2)}),
    ("pad", (I, 1), {}),
    ("pad", (X, ((1, 2), (0, 3))), {}),
    ("pad", (X, ((1, 2),)), {"constant_values": 7.0}),
    ("pad", (I, ((1, 2),)), {"mode": "reflect"}),
    ("pad", (X, ((1, 2), (2, 1))), {"mode": "symmetric"}),
    ("diag", (I,), {"k": 1}),
    ("diag", (X,), {"k": -1}),
    ("diagonal", (CUBE,), {"offset": 1, "axis1": 1, "axis2": 2}),
    ("trace", (CUBE,), {"axis1": 1, "axis2": 2}),
    ("tril", (X, -1), {}),
    ("triu", (CUBE, 1), {}),
    ("diff", (X,), {"n": 2, "axis": 0}),
    ("meshgrid", (I, f(3)), {}),
    ("meshgrid", (I, f(3)), {"indexing": "ij"}),
    # indexing
    ("where", (B, 1, 2), {}),
    ("where", (B, 1, 2.5), {}),
    ("where", (B, a([1, 2, 3, 4], "int64"), 2.5), {}),
    ("where", (X > 0, X, 0.0), {}),
    ("where", (B,), {}),
    ("select", ([B, ~B], [a([1, 2, 3, 4], "int32"), a([5, 6, 7, 8], "int32")], 0), {}),
    ("nonzero", (INTS,), {}),
    ("take", (CUBE, a([[0, 1], [2, -1]], "int32")), {"axis": 1}),
    ("take", (X, a([0, -1], "int32")), {}),
    ("take_along_axis", (X, a([[0], [1], [-1]], "int32")), {"axis": 1}),
    ("sort", (CUBE,), {"axis": 1}),
    ("argsort", (a([2.0, 1.0, 2.0, 1.0], "float32"),), {}),
    ("top_k", (X, 2), {}),
    ("in_top_k", (a([1, 3, 0], "int32"), X), {"k": 2}),
    ("searchsorted", (a([1.0, 2.0, 2.0, 3.0], "float32"), a([2.0, 0.0], "float32")), {}),
    ("searchsorted", (a([1.0, 2.0, 2.0, 3.0], "float32"), a([2.0, 0.0], "float32")), {"side": "right"}),
    ("digitize", (a([0.0, 1.5, 9.0], "float32"), a([0.0, 1.0, 2.0], "float32")), {}),
    ("bincount", (a([1, 1, 3], "int32"),), {}),
    ("bincount", (a([1, 1, 3], "int32"),), {"weights": a([0.5, 1.0, 2.0], "float32"), "minlength": 6}),
    ("isin", (I, a([2, 9], "int32")), {}),
    ("isin", (I, a([2, 9], "int32")), {"invert": True}),
    ("unravel_index", (a([3, 5], "int32"), (2, 3)), {}),
    ("get_item", (X, (slice(1, None), 2)), {}),
    # products
    ("matmul", (X, X.T), {}),
    ("matmul", (CUBE, f(4, 5)), {}),
    ("matmul", (INTS, INTS.T), {}),
    ("matmul", (a([[1, 2]], "int8"), a([[1], [2]], "int8")), {}),
    ("matmul", (INTS, f(3, 2)), {}),
    ("dot", (X, f(4)), {}),
    ("dot", (CUBE, f(4, 2)), {}),
    ("dot", (INTS, 2), {}),
    ("vdot", (X, X), {}),
    ("inner", (X, f(4)), {}),
    ("outer", (I, f(3)), {}),
    ("tensordot", (CUBE, f(4, 2)), {"axes": 1}),
    ("tensordot", (CUBE, CUBE), {"axes": [[0, 2], [0, 2]]}),
    ("einsum", ("ijk,kl->ijl", CUBE, f(4, 2)), {}),
    ("einsum", ("ij,jk->ik", a([[1, 2]], "int8"), a([[1], [2]], "int8")), {}),
    ("cross", (f(3), f(3, seed=4)), {}),
    ("cross", (f(2), f(2, seed=4)), {}),
    ("cross", (f(5, 3), f(5, 3, seed=4)), {"axis": 1}),
    ("kron", (X, I), {}),
    # creation
    ("zeros", ((2, 3),), {}),
    ("zeros", (3,), {}),
    ("ones", ((2, 3),), {"dtype": "int32"}),
    ("full", ((2,), 1), {}),
    ("full", ((2,), I[:2]), {}),
    ("full_like", (I, 1.5), {}),
    ("full_like", (I, 1.5), {"dtype": "float32"}),
    ("zeros_like", (I,), {"dtype": "float16"}),
    ("arange", (3,), {}),
    ("arange", (3.0,), {}),
    ("arange", (1, 7, 2), {}),
    ("arange", (0, 1, 0.25), {}),
    ("arange", (5, 0, -2), {}),
    ("arange", (3,), {"dtype": "float16"}),
    ("eye", (2,), {}),
    ("eye", (3, 4), {"k": 1, "dtype": "int32"}),
    ("eye", (3,), {"k": -1}),
    ("identity", (2,), {}),
    ("tri", (3,), {}),
    ("tri", (2, 3), {"k": 1}),
    ("linspace", (0, 1, 5), {}),
    ("linspace", (0, 10, 4), {"dtype": "int32"}),
    ("linspace", (0, 10, 3), {"endpoint": False, "retstep": True}),
    ("linspace", (f(2), f(2, seed=5), 3), {"axis": -1}),
    ("logspace", (0, 2, 3), {}),
    # networks
    ("softmax", (CUBE,), {"axis": 1}),
    ("softmax", (X,), {"axis": None}),
    ("log_softmax", (CUBE,), {"axis": 0}),
    ("sparsemax", (CUBE,), {"axis": 1}),
    ("leaky_relu", (X,), {"negative_slope": 0.01}),
    ("elu", (X,), {"alpha": 0.5}),
    ("celu", (X,), {"alpha": 0.5}),
    ("gelu", (X,), {"approximate": False}),
    ("glu", (X,), {"axis": 1}),
    ("squareplus", (X,), {"b": 2}),
    ("soft_shrink", (X,), {"threshold": 0.2}),
    ("hard_shrink", (X,), {"threshold": 0.2}),
    ("threshold", (X, 0.2, -1.0), {}),
    ("one_hot", (a([0, 1, -1, 5], "int32"), 3), {}),
    ("one_hot", (a([[0], [1]], "int32"), 3), {}),
    ("one_hot", (a([0, 1], "int32"), 3), {"axis": 0, "dtype": "int32"}),
    ("one_hot", (a([[0, 1], [2, 0]], "int32"), 3), {"axis": 1}),
    ("multi_hot", (a([[0, 2], [1, 1]], "int32"), 4), {}),
    ("multi_hot", (a([0, 2], "int32"), 4), {}),
    ("normalize", (X,), {"axis": 0, "order": 3}),
    ("normalize", (np.zeros((2, 2), "float32"),), {}),
    ("moments", (CUBE,), {"axes": [0, 2], "keepdims": True}),
    ("moments", (np.ones((2, 3), "float16") * 300,), {"axes": [0]}),
    ("segment_sum", (X, a([0, 2, 0], "int32")), {"num_segments": 3}),
    ("segment_sum", (f(3), a([0, -1, 0], "int32")), {"num_segments": 2}),
    ("segment_prod", (X, a([0, 1, 0], "int32")), {"num_segments": 2}),
    ("segment_max", (X, a([0, 1, 0], "int32")), {"num_segments": 2}),
    ("segment_min", (X, a([0, 1, 0], "int32")), {"num_segments": 2}),
]


#: Where Keras on TensorFlow contradicts its other backends and numpy, or fails.
NOT_ON_TENSORFLOW = ("vstack", "rot90", "meshgrid", "saturate_cast", "pad")


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_functions_with_arguments(name, args, kwargs):
    if name in NOT_ON_TENSORFLOW and keras.backend.backend() == "tensorflow":
        pytest.skip("Keras on TensorFlow contradicts its other backends here")
    check(name, *args, **kwargs)


#: Functions whose result's shape depends on values, or that take a whole argument as plain numbers.
VALUE_DEPENDENT = ("nonzero", "bincount", "repeat", "convert_to_tensor")


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_symbolic_results_have_the_shape_and_type_of_real_ones(name, args, kwargs):
    """Also finds arguments left on the CPU: a symbolic call runs on another device, where they would not be allowed."""

    def symbolic(value):
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            return [symbolic(item) for item in value]
        return KerasTensor(value.shape, value.dtype.name) if isinstance(value, np.ndarray) and value.ndim else value

    arguments = [symbolic(value) for value in args]
    if name in VALUE_DEPENDENT or (name == "where" and len(args) == 1) or not is_symbolic(arguments):
        pytest.skip("the shape depends on values")
    real, static = leaves(getattr(ops, name)(*args, **kwargs)), leaves(getattr(ops, name)(*arguments, **kwargs))
    for expected, spec in zip(real, static, strict=True):
        if isinstance(expected, torch.Tensor):
            assert (tuple(expected.shape), dtypes.standardize_dtype(expected.dtype)) == (spec.shape, spec.dtype)
        else:
            assert expected == spec
