# ruff: noqa: E501
"""TensorFlow's functions: the same values, types and errors as TensorFlow itself gives."""

import numpy as np
import pytest
import torch

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.ours import tf as ours
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.core.text import StringTensor

tensorflow = imported("tensorflow")

X = np.array([[0.5, -1.25, 2.0], [3.5, 0.0, -0.75]], dtype="float32")
P = np.array([[0.5, 1.25, 2.0], [3.5, 0.1, 0.75]], dtype="float32")
N = np.array([[3, -1, 2], [0, 7, -4]], dtype="int32")
B = np.array([[True, False, True], [False, False, True]])
S = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], dtype="float32")
IMAGE = np.linspace(-1, 1, 2 * 5 * 6 * 3, dtype="float32").reshape(2, 5, 6, 3)
FILTERS = np.linspace(-1, 1, 2 * 3 * 3 * 4, dtype="float32").reshape(2, 3, 3, 4)

UNARY = [
    "abs", "negative", "sign", "exp", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "floor", "round",
    "square", "math.ceil", "math.rint", "math.expm1", "math.erf", "math.erfc", "sigmoid", "math.softplus",
    "math.is_nan", "math.is_inf", "math.is_finite", "math.bessel_i0", "math.bessel_i1e", "nn.softsign", "nn.elu",
    "nn.selu", "nn.gelu", "nn.silu", "nn.relu", "nn.relu6", "nn.leaky_relu", "nn.softmax", "nn.log_softmax",
    "math.log_sigmoid", "nn.crelu", "nn.l2_loss", "math.l2_normalize", "zeros_like", "ones_like", "identity",
    "math.real", "math.imag", "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod",
    "math.reduce_std", "math.reduce_variance", "math.reduce_euclidean_norm", "reduce_logsumexp", "norm", "argmax",
    "argmin", "argsort", "sort", "cumsum", "math.cumprod", "math.cumulative_logsumexp", "transpose",
    "math.zero_fraction", "math.count_nonzero", "where", "math.top_k", "size", "rank", "shape",
]  # fmt: skip
POSITIVE = [
    "sqrt",
    "math.log",
    "math.log1p",
    "math.rsqrt",
    "math.reciprocal",
    "math.lgamma",
    "math.digamma",
    "acosh",
    "math.lbeta",
]
INSIDE = ["asin", "acos", "atanh", "math.erfinv"]
INTEGERS = [
    "abs",
    "negative",
    "sign",
    "square",
    "reduce_sum",
    "reduce_mean",
    "reduce_max",
    "reduce_prod",
    "cumsum",
    "argsort",
    "sort",
]
BINARY = [
    "add", "subtract", "multiply", "divide", "math.floordiv", "math.floormod", "truncatediv", "truncatemod", "maximum",
    "minimum", "math.squared_difference", "math.divide_no_nan", "math.multiply_no_nan", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "math.atan2",
]  # fmt: skip
OF_INTEGERS = ["add", "divide", "math.floordiv", "math.floormod", "maximum", "less", "equal", "bitwise.bitwise_and"]


def get(tf, path):
    for name in path.split("."):
        tf = getattr(tf, name)
    return tf


CASES = {
    **{f"{path}": lambda tf, path=path: get(tf, path)(tf.constant(X)) for path in UNARY},
    **{f"{path} of positive": lambda tf, path=path: get(tf, path)(tf.constant(P + 1)) for path in POSITIVE},
    **{f"{path} inside": lambda tf, path=path: get(tf, path)(tf.constant(X / 4)) for path in INSIDE},
    **{f"{path} of integers": lambda tf, path=path: get(tf, path)(tf.constant(N)) for path in INTEGERS},
    **{f"{path} of two": lambda tf, path=path: get(tf, path)(tf.constant(X), tf.constant(P)) for path in BINARY},
    **{f"{path} with a number": lambda tf, path=path: get(tf, path)(X, 2.0) for path in BINARY},
    **{f"{path} of two integers": lambda tf, path=path: get(tf, path)(tf.constant(N), 3) for path in OF_INTEGERS},
    **{
        f"{path} along {axis}": lambda tf, path=path, axis=axis: get(tf, path)(tf.constant(X), axis=axis)
        for path in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "argmax", "argmin", "norm")
        for axis in (0, 1, -1)
    },
    **{
        f"{path} kept": lambda tf, path=path: get(tf, path)(tf.constant(X), axis=1, keepdims=True)
        for path in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_logsumexp", "norm", "math.reduce_std")
    },
    "mean of negative integers": lambda tf: tf.reduce_mean(tf.constant([-1, -2])),
    "sum of uint8": lambda tf: tf.reduce_sum(tf.constant([200, 100], tf.uint8)),
    "sum of bools": lambda tf: tf.reduce_sum(tf.constant(B)),
    "max of nothing": lambda tf: tf.reduce_max(tf.zeros([0])),
    "mean of nothing": lambda tf: tf.reduce_mean(tf.zeros([0])),
    "all": lambda tf: tf.reduce_all(tf.constant(B), axis=0),
    "any": lambda tf: tf.reduce_any(tf.constant(B), axis=1),
    "logical": lambda tf: [tf.logical_and(B, ~B), tf.logical_or(B, True), tf.logical_not(B), tf.math.logical_xor(B, B)],
    "constant of a float": lambda tf: tf.constant(1.5),
    "constant of integers": lambda tf: tf.constant([1, 2]),
    "constant of large integers": lambda tf: tf.constant([3000000000]),
    "constant of a bool": lambda tf: tf.constant([True, False]),
    "constant of mixed numbers": lambda tf: tf.constant([1, 2.5]),
    "constant of float64": lambda tf: tf.constant(np.array([1.0, 2.0])),
    "constant of int64": lambda tf: tf.constant(np.array([1, 2])),
    "constant of numpy scalars": lambda tf: tf.constant([np.float64(1), np.float64(2)]),
    "constant of text": lambda tf: tf.constant(["a", "bé"]),
    "constant filled": lambda tf: tf.constant(2, shape=[2, 3]),
    "constant reshaped": lambda tf: tf.constant([1, 2, 3, 4], shape=[2, 2]),
    "constant of complex": lambda tf: tf.constant(1 + 2j),
    "constant of tensors": lambda tf: tf.convert_to_tensor([tf.constant(1.0), 2.0]),
    "constant ragged": lambda tf: tf.constant([[1], [2, 3]]),
    "convert with another type": lambda tf: tf.convert_to_tensor(tf.constant(1.0), dtype=tf.int32),
    "mixed types": lambda tf: tf.add(tf.constant(1), tf.constant(1.0)),
    "mixed integers": lambda tf: tf.maximum(tf.constant(1), tf.constant(1, tf.int64)),
    "a float beside integers": lambda tf: tf.add(tf.constant([1, 2]), 1.5),
    "a list beside floats": lambda tf: tf.multiply(tf.constant([1.0, 2.0]), [3, 4]),
    "an array beside floats": lambda tf: tf.multiply(tf.constant([1.0, 2.0]), np.array([3.0, 4.0])),
    "cast to int": lambda tf: tf.cast(tf.constant([1.9, -1.9]), tf.int32),
    "cast to uint8": lambda tf: tf.cast(tf.constant([300.0, 44.7]), tf.uint8),
    "cast to bool": lambda tf: tf.cast(tf.constant([0.0, 0.5]), tf.bool),
    "cast from bool": lambda tf: tf.cast(tf.constant(B), "float32"),
    "cast of text": lambda tf: tf.cast(tf.constant("1"), tf.int32),
    "saturate": lambda tf: tf.saturate_cast(tf.constant([300.0, -5.0]), tf.uint8),
    "range": lambda tf: [tf.range(3), tf.range(1, 7, 2), tf.range(3.0), tf.range(1, 2, 0.25), tf.range(3, dtype="int64")],
    "range of int64": lambda tf: tf.range(np.int64(3)),
    "range backwards": lambda tf: tf.range(5, 0),
    "linspace": lambda tf: [tf.linspace(0.0, 1.0, 5), tf.linspace(0, 4, 3)],
    "zeros": lambda tf: [tf.zeros([2, 3]), tf.ones(3, tf.int32), tf.fill([2], 7), tf.zeros(()), tf.eye(2, 3)],
    "one_hot": lambda tf: [tf.one_hot([0, 2, -1, 5], 3), tf.one_hot([1], 3, dtype="int32"), tf.one_hot([[1]], 2, axis=1)],
    "one_hot with values": lambda tf: tf.one_hot([0, 1], 2, on_value=5, off_value=-1),
    "one_hot of floats": lambda tf: tf.one_hot([0.0], 2),
    "reshape": lambda tf: [tf.reshape(X, [3, -1]), tf.reshape(X, -1), tf.reshape(X, tf.constant([6]))],
    "reshape that does not fit": lambda tf: tf.reshape(X, [4]),
    "squeeze": lambda tf: [tf.squeeze(X[None, :, None]), tf.squeeze(X[None], 0), tf.squeeze(X[None, :, None], [0, -2])],
    "squeeze of two": lambda tf: tf.squeeze(X, 0),
    "expand_dims": lambda tf: [tf.expand_dims(X, 0), tf.expand_dims(X, -1), tf.expand_dims(X, 1)],
    "expand_dims too far": lambda tf: tf.expand_dims(X, 5),
    "tile": lambda tf: [tf.tile(X, [2, 1]), tf.tile(["a", "b"], [2])],
    "tile of another rank": lambda tf: tf.tile(X, [2]),
    "repeat": lambda tf: [tf.repeat([1, 2], 2), tf.repeat(X, [1, 2], axis=0), tf.repeat(X, 2, axis=1)],
    "transpose": lambda tf: [tf.transpose(IMAGE[:1, :2, :2]), tf.transpose(X, [1, 0])],
    "concat": lambda tf: [tf.concat([X, X], 0), tf.concat([X, [[1.0], [2.0]]], 1), tf.concat([["a"], ["b"]], 0)],
    "concat of types": lambda tf: tf.concat([tf.constant([1]), tf.constant([1.0])], 0),
    "stack": lambda tf: [tf.stack([1, 2]), tf.stack([X, X], axis=-1), tf.unstack(X), tf.unstack(X, axis=1)],
    "split": lambda tf: [*tf.split(X, 3, axis=1), *tf.split(X, [1, 2], axis=1), *tf.split(X, [1, -1], axis=1)],
    "split that does not divide": lambda tf: tf.split(X, 2, axis=1),
    "slice": lambda tf: [tf.slice(X, [0, 1], [2, 2]), tf.slice(X, [1, 0], [-1, 1]), tf.strided_slice(X, [0, 0], [2, 3], [1, 2])],
    "pad": lambda tf: [tf.pad(X, [[1, 0], [0, 2]]), tf.pad(X, [[1, 1], [2, 2]], "REFLECT"), tf.pad(X, [[1, 1], [2, 2]], "SYMMETRIC")],
    "pad with a value": lambda tf: tf.pad(X, [[0, 0], [1, 1]], constant_values=7),
    "gather": lambda tf: [tf.gather(X, [1, 0]), tf.gather(X, [2, 0], axis=1), tf.gather(X, 1), tf.gather(["a", "b"], [1])],
    "gather in batches": lambda tf: tf.gather(X, [[0, 2], [1, 1]], batch_dims=1),
    "gather out of range": lambda tf: tf.gather(X, [2]),
    "gather of negative": lambda tf: tf.gather(X, [-1]),
    "gather_nd": lambda tf: [tf.gather_nd(X, [[0, 1], [1, 2]]), tf.gather_nd(X, [[1]]), tf.gather_nd(X, [[0], [2]], batch_dims=1)],
    "boolean_mask": lambda tf: [tf.boolean_mask(X, B), tf.boolean_mask(X, [True, False]), tf.boolean_mask(X, [True, False, True], axis=1)],
    "where of three": lambda tf: [tf.where(B, X, 0.0), tf.where([[True], [False]], X, P)],
    "where of types": lambda tf: tf.where(B, tf.constant(1), tf.constant(1.0)),
    "unique": lambda tf: [*tf.unique([3, 1, 3, 2]), *tf.unique_with_counts(["b", "a", "b"])],
    "scatter": lambda tf: [
        tf.tensor_scatter_nd_update(X, [[0, 1]], [9.0]), tf.tensor_scatter_nd_add(X, [[1], [1]], [[1.0, 1, 1], [1, 1, 1]]),
        tf.tensor_scatter_nd_max(X, [[0, 0]], [9.0]), tf.scatter_nd([[1], [3]], [5, 6], [5]),
    ],
    "searchsorted": lambda tf: [tf.searchsorted([1, 3, 5], [3, 4]), tf.searchsorted([1, 3, 5], [3, 4], side="right")],
    "sequence_mask": lambda tf: [tf.sequence_mask([1, 3]), tf.sequence_mask([1, 3], 4, dtype=tf.float32)],
    "reverse": lambda tf: [tf.reverse(X, [1]), tf.roll(X, 1, 1), tf.reverse_sequence(X, [2, 3], 1)],
    "meshgrid": lambda tf: [*tf.meshgrid([1, 2], [3, 4, 5]), *tf.meshgrid([1, 2], [3, 4, 5], indexing="ij")],
    "broadcast": lambda tf: tf.broadcast_to([1, 2, 3], [2, 3]),
    "clip": lambda tf: [tf.clip_by_value(X, -1, 1), tf.clip_by_norm(X, 2.0), tf.clip_by_norm(X, 1.0, axes=[1])],
    "clip by global norm": lambda tf: [one for one in tf.clip_by_global_norm([X, None, P], 1.0)[0] if one is not None],
    "matmul": lambda tf: [tf.matmul(X, P, transpose_b=True), tf.matmul(S, S), tf.linalg.matvec(S, [1.0, 2, 3])],
    "matmul of vectors": lambda tf: tf.matmul([1.0], [1.0]),
    "tensordot": lambda tf: [tf.tensordot(X, S, 1), tf.tensordot(X, P, [[0, 1], [0, 1]]), tf.einsum("ij,kj->ik", X, P)],
    "linalg": lambda tf: [
        tf.linalg.det(S), tf.linalg.inv(S), tf.linalg.cholesky(S), tf.linalg.solve(S, S[:, :1]), tf.linalg.trace(S),
        tf.linalg.diag([1.0, 2.0]), tf.linalg.diag_part(S), tf.linalg.band_part(S, 1, 0), tf.linalg.eigvalsh(S),
        tf.linalg.svd(S, compute_uv=False), tf.linalg.expm(S / 4), tf.linalg.matrix_rank(S), tf.linalg.logdet(S),
        tf.linalg.triangular_solve(S, S[:, :1]), tf.linalg.lstsq(S, S[:, :1]), tf.linalg.set_diag(S, [7.0, 8, 9]),
        tf.linalg.sqrtm(S), tf.linalg.pinv(S), tf.linalg.cross([1.0, 2, 3], [3.0, 1, 2]), tf.linalg.norm(S, ord=1, axis=(0, 1)),
    ],
    "segments": lambda tf: [
        tf.math.segment_sum(X, [0, 0]), tf.math.segment_mean(S, [0, 0, 2]), tf.math.unsorted_segment_sum(S, [1, 1, -1], 3),
        tf.math.unsorted_segment_mean(S, [0, 2, 2], 3), tf.math.unsorted_segment_max(S, [0, 2, 2], 3),
        tf.math.unsorted_segment_sqrt_n(S, [0, 2, 2], 3),
    ],
    "counting": lambda tf: [
        tf.math.bincount([1, 1, 3]), tf.math.bincount([1, 1, 3], minlength=6), tf.math.bincount([1, 2], weights=[0.5, 2.0]),
        tf.math.confusion_matrix([0, 1, 1], [1, 1, 0]), tf.histogram_fixed_width([0.0, 1.0, 4.9, 9.0], [0.0, 5.0], 5),
        tf.math.in_top_k([1, 0], X, 1), tf.math.invert_permutation([2, 0, 1]),
    ],
    "special": lambda tf: [
        tf.math.xlogy(P, P), tf.math.igamma(P, P), tf.math.polyval([1.0, 2.0, 3.0], X), tf.math.polygamma([1.0], P),
        tf.math.xdivy(X, P), tf.math.zeta(P + 1, P), tf.pow(N, 2), tf.pow(P, 0.5), tf.add_n([X, P]), tf.complex(X, P),
    ],
    "exclusive": lambda tf: [tf.cumsum(X, 1, exclusive=True), tf.cumsum(X, 1, reverse=True), tf.math.cumprod(X, 0, exclusive=True, reverse=True)],
    "sorting": lambda tf: [tf.argsort([2, 1, 2, 3], direction="DESCENDING"), tf.sort(X, direction="DESCENDING", axis=0), *tf.math.top_k([1, 3, 3, 2], 3)],
    "conv": lambda tf: [
        tf.nn.conv2d(IMAGE, FILTERS, 1, "SAME"), tf.nn.conv2d(IMAGE, FILTERS, [1, 2, 2, 1], "VALID"),
        tf.nn.conv2d(IMAGE, FILTERS, 2, [[0, 0], [1, 2], [0, 1], [0, 0]]), tf.nn.depthwise_conv2d(IMAGE, FILTERS[..., :2], [1, 1, 1, 1], "SAME"),
        tf.nn.conv1d(IMAGE[:, 0], FILTERS[0], 2, "SAME"),
        tf.nn.conv2d_transpose(IMAGE[..., :1], FILTERS[:, :, :, :1], [2, 10, 12, 3], 2, "SAME"),
        tf.nn.conv2d_transpose(IMAGE[..., :1], FILTERS[:, :, :, :1], [2, 6, 8, 3], 1, "VALID"),
    ],
    "pools": lambda tf: [
        tf.nn.max_pool2d(IMAGE, 2, 2, "SAME"), tf.nn.avg_pool2d(IMAGE, 3, 2, "SAME"), tf.nn.max_pool(IMAGE, [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
        tf.nn.avg_pool1d(IMAGE[0], 2, 2, "VALID"), tf.nn.bias_add(X, [1.0, 2, 3]),
    ],
    "losses": lambda tf: [
        tf.nn.softmax_cross_entropy_with_logits(P / 4, X), tf.nn.sparse_softmax_cross_entropy_with_logits([0, 2], X),
        tf.nn.sigmoid_cross_entropy_with_logits(P / 4, X), tf.nn.weighted_cross_entropy_with_logits(P / 4, X, 2.0),
        tf.nn.log_poisson_loss(P, X),
    ],
    "normalization": lambda tf: [
        *tf.nn.moments(X, [0]), *tf.nn.moments(IMAGE, [0, 1, 2], keepdims=True), tf.nn.batch_normalization(X, 0.5, 2.0, 1.0, 3.0, 1e-3),
        tf.nn.local_response_normalization(IMAGE, 1, 1.0, 0.5), tf.nn.embedding_lookup(S, [[0, 2], [1, 1]]),
        tf.nn.depth_to_space(IMAGE[:, :2, :2].repeat(4, -1), 2), tf.nn.space_to_depth(IMAGE[:, :4], 2),
    ],
    "combined boxes": lambda tf: list(tf.image.combined_non_max_suppression(
        np.array([[[[0, 0, 1, 1]], [[0, 0, 0.9, 1]], [[2, 2, 3, 3.0]]]], "float32"), np.array([[[0.9, 0.1], [0.8, 0.3], [0.7, 0.95]]], "float32"), 2, 3, 0.5, 0.2)),
    "combined boxes per class": lambda tf: list(tf.image.combined_non_max_suppression(
        np.array([[[[0, 0, 1, 1]], [[0, 0, 0.2, 1]], [[2, 2, 3, 3.0]]]] * 2, "float32"), np.array([[[0.9], [0.8], [0.7]]] * 2, "float32"), 1, 5, pad_per_class=True, clip_boxes=False)),
    **{f"ragged reduce_{name}": lambda tf, name=name: [
        getattr(tf, f"reduce_{name}")(tf.ragged.constant([[1.0, 2.0], [], [3.0]]), axis) for axis in (None, 1, 0)] for name in ("sum", "mean", "max", "min", "prod")},
    **{f"ragged reduce_{name}": lambda tf, name=name: [
        getattr(tf, f"reduce_{name}")(tf.ragged.constant([[True, False], [], [True]]), axis) for axis in (None, 1, 0)] for name in ("all", "any")},
    "ragged rows of vectors": lambda tf: [
        tf.reduce_sum(tf.RaggedTensor.from_row_splits(X[:, :2], [0, 0, 2]), 1), tf.reduce_sum(tf.RaggedTensor.from_row_splits(X, [0, 2]), 2).to_tensor(),
        tf.reduce_mean(tf.ragged.constant([[1, 2], [4]]), 1)],
    "ragged elementwise": lambda tf: [tf.cast(tf.ragged.constant([[1, 2], [], [3]]), tf.float32).to_tensor(), tf.square(tf.ragged.constant([[1, 2], [3]])).to_tensor(),
        tf.ragged.map_flat_values(tf.add, tf.ragged.constant([[[1], [2]], [[3]]]), 1).to_tensor()],
    "losses of replicas": lambda tf: [tf.nn.compute_average_loss([1.0, 2.0, 3.0]), tf.nn.compute_average_loss([1.0, 2.0], global_batch_size=4),
        tf.nn.compute_average_loss([1.0, 2.0], [0.5, 2.0]), tf.nn.scale_regularization_loss([1.0, 2.0])],
    "nest": lambda tf: [np.array(tf.nest.flatten({"b": [1, (2, 3)], "a": 4})), np.array(tf.nest.map_structure(lambda a, b: a + b, {"a": 1}, {"a": 2})["a"]),
        np.array(tf.nest.pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])["b"]), np.array(tf.nest.is_nested([1]))],
    "equal of other shapes": lambda tf: tf.equal(tf.constant([1.0, 2.0]), tf.constant([1.0, 2.0]) + 1),
    "loops": lambda tf: [
        *tf.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s * 2.0), [tf.constant(0), tf.constant(1.0)]),
        tf.map_fn(lambda row: tf.reduce_sum(row), tf.constant(X)), tf.scan(lambda a, b: a + b, tf.constant([1, 2, 3])),
        tf.foldl(lambda a, b: a * 2 + b, tf.constant([1, 2, 3])), tf.cond(tf.constant(True), lambda: tf.constant(1), lambda: tf.constant(2)),
    ],
    "types that are asked for": lambda tf: [
        tf.shape(tf.constant(X), out_type=tf.int64), tf.shape(tf.constant(X), tf.int64) * 2, tf.shape(X, tf.int32) * 2,
        tf.size(tf.constant(X), out_type=tf.int64), tf.zeros(tf.shape(X, tf.int64)),
        tf.map_fn(lambda row: tf.cast(row[0], tf.int32), tf.constant(X), fn_output_signature=tf.int32),
        *tf.map_fn(lambda row: (row[0], tf.cast(row[1], tf.int64)), tf.constant(X), fn_output_signature=(tf.float32, tf.int64)),
        tf.map_fn(lambda row: row + 1, tf.constant(X), fn_output_signature=tf.TensorSpec([3], tf.float32)),
    ],
    "no case": lambda tf: tf.case([(tf.constant(False), lambda: tf.constant(1))]),
    "first of two cases": lambda tf: tf.case([(tf.constant(True), lambda: tf.constant(1)), (tf.constant(True), lambda: tf.constant(2))], exclusive=True),
    "rows of another type": lambda tf: tf.map_fn(lambda row: row * 2, tf.constant([1, 2]), fn_output_signature=tf.float32),
    "unknown option of an encoder": lambda tf: tf.io.encode_jpeg(tf.zeros((8, 8, 3), tf.uint8), speed=3),
}  # fmt: skip


def plain(value):
    """A result as plain data: type, shape, and values."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "dtype"):
        return [one for item in value for one in plain(item)]
    if isinstance(value, StringTensor):
        return [["string", np.asarray(value).tolist()]]
    if isinstance(value, torch.Tensor):
        return [[as_dtype(value.dtype).name, value.detach().numpy()]]
    array = value.numpy() if hasattr(value, "numpy") else np.asarray(value)
    if isinstance(array, bytes) or array.dtype == object:
        return [["string", np.asarray(array).tolist()]]
    return [[array.dtype.name, array]]


def answer(tf, case):
    """What a case gives, or the kind of error that it raises."""
    try:
        return plain(CASES[case](tf))
    except Exception as error:
        return [["raises", type(error).__name__]]


@pytest.mark.parametrize("case", CASES)
def test_values_and_types(case):
    theirs = kept(answer, tensorflow, case)
    found = answer(ours, case)
    assert [kind for kind, _ in found] == [kind for kind, _ in theirs], (found, theirs)
    for (kind, value), (_, expected) in zip(found, theirs, strict=True):
        if kind in ("string", "raises"):
            assert value == (expected.tolist() if hasattr(expected, "tolist") else expected)
        else:
            assert np.shape(value) == np.shape(expected)
            np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-6)
