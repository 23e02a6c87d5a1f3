"""The rest of numpy and of networks, control flow and gradients of one's own, against real Keras."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import torchkeras_shim as keras_shim
from tests.parity.checking import NAN, ON_TENSORFLOW, a, check, check_symbolic, f, first_of_each
from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import ops
from torchkeras_shim.core.symbolic import KerasTensor

GAPS = a([[1, NAN, 3, 0.5], [NAN, NAN, NAN, NAN], [2, -1, NAN, 4]], "float32")
I = a([3, 1, 2, 3], "int32")  # noqa: E741
IMAGES = f(2, 7, 8, 3)
Q, K, V = f(2, 4, 6, 5), f(2, 3, 6, 5, seed=1), f(2, 3, 6, 5, seed=2)
MASK = np.random.default_rng(3).random((2, 1, 4, 3)) > 0.5
MASK[0, 0, 0] = False
LOGITS = f(3, 8, 5) * 3
LABELS = a([[1, 2, 3, 1], [2, 2, 0, 0], [4, 1, 1, 0]], "int32")
LENGTHS = (a([4, 2, 3], "int32"), a([8, 7, 8], "int32"))

CASES = [
    *[(name, (GAPS,), {"axis": axis}) for name in ("nanmedian", "nanprod", "nanstd", "nanvar") for axis in (None, 1)],
    *[(name, (GAPS,), {"axis": 1}) for name in ("nanargmax", "nanargmin", "nancumsum", "nancumprod")],
    ("nanargmax", (GAPS,), {"keepdims": True}),
    ("nanargmin", (I,), {}),
    ("nancumsum", (I,), {"dtype": "float32"}),
    ("nanstd", (I,), {}),
    ("nanvar", (GAPS,), {"axis": (0, 1), "keepdims": True}),
    ("nanquantile", (GAPS[[0, 2]], 0.3), {"axis": 1, "keepdims": True}),
    ("nanquantile", (GAPS, 0.3), {}),
    ("nanpercentile", (GAPS, 60), {"axis": 1}),
    ("nanquantile", (I, 0.3), {}),
    ("unique", (I,), {}),
    ("unique", (I,), {"return_index": True, "return_inverse": True, "return_counts": True}),
    ("unique", (I,), {"size": 2, "return_counts": True, "return_inverse": True}),
    ("unique", (I,), {"size": 5, "fill_value": 9, "return_counts": True, "return_index": True}),
    ("unique", (a([[1, 2], [0, 1], [1, 2]], "int32"),), {"axis": 0, "return_inverse": True, "return_index": True}),
    ("unique", (a([[1, 2], [1, 0]], "int32"),), {"return_inverse": True}),
    ("histogram", (a([1, 2, 2, 5], "float32"),), {"bins": 4}),
    ("histogram", (a([1, 2, 2, 5], "float32"),), {"bins": 4, "range": (0, 4)}),
    ("argpartition", (I, 2), {}),
    ("geomspace", (1, 1000, 4), {}),
    ("geomspace", (-1, -256, 8), {"endpoint": False}),
    ("i0", (f(4),), {}),
    ("i0", (I,), {}),
    ("fabs", (a([-1, 2], "int32"),), {}),
    ("ldexp", (f(4), I), {}),
    ("ldexp", (I, I), {}),
    ("view", (I, "float32"), {}),
    ("view", (a([[1, 2]], "int32"), "uint8"), {}),
    ("view", (a([1, 0, 0, 0], "uint8"), "int32"), {}),
    # networks
    *[
        (name, args, kwargs)
        for name in ("adaptive_average_pool", "adaptive_max_pool")
        for args, kwargs in (
            ((IMAGES, (3, 5)), {}),
            ((np.ascontiguousarray(np.moveaxis(IMAGES, -1, 1)), 2), {"data_format": "channels_first"}),
        )
    ],
    ("dot_product_attention", (Q, K, V), {}),
    ("dot_product_attention", (Q, Q, Q), {"is_causal": True}),
    ("dot_product_attention", (Q, K, V), {"is_causal": True, "flash_attention": False}),
    ("dot_product_attention", (Q, K[:, :, :2], V[:, :, :2]), {"scale": 0.3}),
    ("dot_product_attention", (Q, K, V), {"mask": MASK}),
    ("dot_product_attention", (Q, K, V), {"mask": MASK, "bias": f(1, 6, 4, 3), "is_causal": True}),
    ("ctc_loss", (LABELS, LOGITS, *LENGTHS), {}),
    ("ctc_loss", (LABELS - 1, LOGITS, *LENGTHS), {"mask_index": 4}),
    ("ctc_decode", (LOGITS, LENGTHS[1]), {}),
    ("ctc_decode", (LOGITS, LENGTHS[1]), {"merge_repeated": False, "mask_index": 3}),
    ("unfold", (f(1, 2, 4, 4), 2), {}),
    ("unfold", (f(1, 2, 4, 4), (2, 3)), {"padding": 1, "stride": 2}),
    ("unfold", (f(1, 2, 4, 4), 2), {"dilation": 2}),
    ("fold", (f(1, 8, 9), 4, 2), {}),
    ("fold", (f(1, 8, 4), (4, 4), (2, 2)), {"stride": 2}),
    ("space_to_depth", (f(1, 4, 6, 3), 2), {}),
    ("depth_to_space", (f(1, 2, 2, 8), 2), {}),
    ("psnr", (f(3, 4), f(3, 4, seed=1), 2.0), {}),
    ("psnr", (I, I + 1, 255), {}),
    ("rearrange", (f(3, 4), "a (b c) -> (a b) c"), {"c": 2}),
    ("rearrange", (f(2, 4, 6, 3), "b (h h1) (w w1) c -> b h w (c h1 w1)"), {"h1": 2, "w1": 2}),
]
IDS = [f"{i}-{case[0]}" for i, case in enumerate(CASES)]


COMPARED = [case for case, chosen in zip(CASES, first_of_each(CASES), strict=True) if chosen]


@pytest.mark.parametrize(("name", "args", "kwargs"), COMPARED, ids=[f"{i}-{c[0]}" for i, c in enumerate(COMPARED)])
def test_values(name, args, kwargs):
    if ON_TENSORFLOW and name.startswith("adaptive"):
        args = (keras.ops.convert_to_tensor(args[0]), *args[1:])
        assert_close(
            getattr(ops, name)(to_numpy(args[0]), *args[1:], **kwargs),
            getattr(keras.ops, name)(*args, **kwargs),
            rtol=1e-4,
        )
        return
    check(name, *args, rtol=1e-4, atol=1e-5, **kwargs)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=IDS)
def test_symbolic_results(name, args, kwargs):
    if name in ("unique", "geomspace"):
        pytest.skip("the shape depends on values, or there is no tensor")
    check_symbolic(name, *args, **kwargs)


def test_several_quantiles_without_missing_values():
    """Keras on TensorFlow cannot; numpy is the reference."""
    for method in ("linear", "lower", "higher", "nearest", "midpoint"):
        ours = ops.nanquantile(GAPS[[0, 2]], [0.3, 0.77], axis=1, method=method)
        assert_close(ours, np.nanquantile(GAPS[[0, 2]], [0.3, 0.77], axis=1, method=method))
    assert_close(ops.nanpercentile(GAPS, [30, 77]), np.nanpercentile(GAPS, [30, 77]))


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_unique_is_numpys(axis):
    x = np.random.default_rng(0).integers(0, 3, (4, 3))
    for shaped in (x, x[[0, 1, 0, 0]], x[:, [2, 2, 0]]):
        flags = {"return_index": True, "return_inverse": True, "return_counts": True}
        ours, reference = ops.unique(shaped, axis=axis, **flags), np.unique(shaped, axis=axis, **flags)
        for mine, expected in zip(ours, reference, strict=True):
            assert_close(mine.reshape(expected.shape), expected)


def test_unique_in_the_order_of_appearance():
    values, first, inverse = ops.unique(I, sorted=False, return_index=True, return_inverse=True)
    assert (values.tolist(), first.tolist(), inverse.tolist()) == ([3, 1, 2], [0, 1, 2], [0, 1, 2, 0])
    assert ops.unique(I, size=5).tolist() == [1, 2, 3, 0, 0]
    assert ops.unique(a([NAN, 1, NAN], "float32"), return_counts=True)[1].tolist() == [1, 1, 1]
    assert ops.unique(KerasTensor((None, 3))).shape == (None,)
    assert ops.unique(KerasTensor((4, 3)), axis=0, return_counts=True)[0].shape == (None, 3)


def test_histograms_of_little():
    counts, edges = ops.histogram(a([1, 1], "float32"), bins=2)
    expected = np.histogram([1.0, 1.0], bins=2)
    assert_close(counts, expected[0])
    assert_close(edges, expected[1])
    assert ops.histogram(I, bins=3)[0].tolist() == [1.0, 1.0, 2.0]
    assert ops.histogram(a([], "float32"), bins=2)[0].tolist() == [0.0, 0.0]
    assert ops.histogram(a([1.0], "float32"), bins=0)[0].tolist() == []


def test_argpartition_puts_the_kth_in_its_place():
    x = f(3, 9)
    for axis in (0, -1, None):
        order = ops.argpartition(x, 2, axis=axis)
        values = np.take_along_axis(x, to_numpy(order), axis) if axis is not None else x.ravel()[to_numpy(order)]
        assert_close(np.take(values, 2, axis or 0), np.take(np.sort(x, axis), 2, axis or 0))
    with pytest.raises(ValueError, match="out of bounds"):
        ops.argpartition(x, 9)


def test_special_functions_at_the_edge():
    assert_close(ops.nextafter(a([1, 2], "float32"), a([2, 1], "float32")), np.nextafter(np.float32([1, 2]), [2, 1]))
    assert_close(ops.ldexp(a([2e-38], "float32"), a([140], "int32")), np.ldexp(np.float32(2e-38), 140))
    assert ops.geomspace(1, 1000, 4, dtype="int32").tolist() == [1, 10, 100, 1000]
    ours = ops.geomspace(a([1, 2], "float32"), a([8, 16], "float32"), 4, axis=-1)
    assert_close(ours, np.geomspace([1, 2], [8, 16], 4, axis=-1))
    with pytest.raises(TypeError, match="integer"):
        ops.ldexp(f(2), f(2))
    with pytest.raises(ValueError, match="whole number"):
        ops.view(a([1, 0, 0], "uint8"), "int32")


def test_depth_to_space_channels_first_orders_channels_as_tensorflow_does():
    x = np.arange(8, dtype="float32").reshape(1, 8, 1, 1)
    assert ops.depth_to_space(x, 2, "channels_first").tolist() == [[[[0, 2], [4, 6]], [[1, 3], [5, 7]]]]
    assert_close(ops.space_to_depth(ops.depth_to_space(x, 2, "channels_first"), 2, "channels_first"), x)
    if ON_TENSORFLOW:
        check("depth_to_space", x, 2, data_format="channels_first")


def test_attention_in_half_precision_and_by_kernel():
    half = [one.astype("float16") for one in (Q, K, V)]
    assert_close(ops.dot_product_attention(*half).float(), ops.dot_product_attention(Q, K, V), rtol=1e-2, atol=1e-2)
    assert ops.dot_product_attention(*half).dtype == torch.float16
    with pytest.raises(ValueError, match="4D"):
        ops.dot_product_attention(Q[0], K, V)
    with pytest.raises(ValueError, match="multiple"):
        ops.dot_product_attention(Q, K[:, :, :4], V[:, :, :4])


def test_ctc_counts_from_the_end_and_refuses_other_strategies():
    check_from_end = ops.ctc_loss(LABELS - 1, LOGITS, *LENGTHS, mask_index=-1)
    assert_close(check_from_end, ops.ctc_loss(LABELS - 1, LOGITS, *LENGTHS, mask_index=4))
    with pytest.raises(ValueError, match="greedy"):
        ops.ctc_decode(LOGITS, LENGTHS[1], strategy="best")


def test_beam_search_finds_the_sequence_of_all_alignments():
    """Two steps, each 0.6 blank: greedy says nothing, but the label's three alignments outweigh the blank's one."""
    logits = np.log(a([[[0.6, 0.4], [0.6, 0.4]]], "float32"))
    assert ops.ctc_decode(logits, [2])[0][0, 0].tolist() == [-1, -1]
    labels, scores = ops.ctc_decode(logits, [2], strategy="beam_search", top_paths=2)
    assert labels[:, 0].tolist() == [[1, -1], [-1, -1]]
    assert_close(scores.exp(), [[0.64, 0.36]], rtol=1e-5)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="Keras on JAX compiles for ten seconds")
def test_beam_search_is_tensorflows():
    check("ctc_decode", LOGITS, LENGTHS[1], strategy="beam_search", beam_width=20, top_paths=3, rtol=1e-4)
    check("ctc_decode", LOGITS, LENGTHS[1], strategy="beam_search", top_paths=2, mask_index=2, rtol=1e-4)


def test_beam_search_against_all_alignments():
    steps, classes, blank = 5, 3, 1
    logits = f(1, steps, classes)
    log_probabilities = to_numpy(torch.log_softmax(torch.tensor(logits[0], dtype=torch.float64), -1))
    totals = {}
    for path in itertools.product(range(classes), repeat=steps):
        merged = [label for label, _ in itertools.groupby(path)]
        spelt = tuple(label for label in merged if label != blank)
        probability = np.exp(sum(log_probabilities[step, label] for step, label in enumerate(path)))
        totals[spelt] = totals.get(spelt, 0.0) + probability
    best = sorted(totals, key=totals.get, reverse=True)[:4]
    labels, scores = ops.ctc_decode(logits, [steps], strategy="beam_search", top_paths=4, mask_index=blank)
    assert [tuple(one[one >= 0].tolist()) for one in labels[:, 0]] == best
    assert_close(scores[0].exp(), [totals[one] for one in best], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("nanvar", (GAPS[[0, 2]],), {"axis": 1}),
        ("nanmedian", (GAPS[[0, 2]],), {"axis": 1}),
        ("adaptive_average_pool", (IMAGES[:1], 3), {}),
        ("dot_product_attention", (Q[:1, :, :2], K[:1, :, :2], V[:1, :, :2]), {}),
        ("fold", (f(1, 8, 9), 4, 2), {}),
        ("space_to_depth", (f(1, 2, 2, 3), 2), {}),
        ("rearrange", (f(3, 4), "a (b c) -> (a b) c"), {"c": 2}),
        ("psnr", (f(3, 4), f(3, 4, seed=1), 2.0), {}),
        ("i0", (f(4),), {}),
    ],
)
def test_gradients(name, args, kwargs):
    arrays = [one for one in args if isinstance(one, np.ndarray)]
    rest = args[len(arrays) :]
    inputs = [torch.tensor(one, dtype=torch.float64, requires_grad=not np.isnan(one).any()) for one in arrays]
    if np.isnan(arrays[0]).any():
        known = torch.tensor(~np.isnan(arrays[0]))
        x = torch.tensor(np.nan_to_num(arrays[0]), dtype=torch.float64, requires_grad=True)
        getattr(ops, name)(torch.where(known, x, NAN), *rest, **kwargs).sum().backward()
        assert torch.isfinite(x.grad).all()
        assert not x.grad[~known].any()
        return
    assert torch.autograd.gradcheck(lambda *values: getattr(ops, name)(*values, *rest, **kwargs), inputs)


def test_the_gradient_of_the_ctc_loss():
    logits = torch.tensor(LOGITS, requires_grad=True)
    ops.ctc_loss(LABELS, logits, *LENGTHS).sum().backward()
    moved = logits.detach().clone()
    moved[0, 1, 2] += 1e-2
    slope = (ops.ctc_loss(LABELS, moved, *LENGTHS).sum() - ops.ctc_loss(LABELS, logits, *LENGTHS).sum()) / 1e-2
    assert abs(slope.item() - logits.grad[0, 1, 2].item()) < 1e-2


# control flow ---------------------------------------------------------------------------------------------------------


def test_cond_and_switch():
    x = torch.tensor(2.0)
    assert ops.cond(x > 1, lambda: x + 1, lambda: x - 1).item() == 3.0
    assert ops.cond(False, lambda: 1, lambda: 2) == 2
    branches = [lambda y: y + 1, lambda y: y * 10]
    assert [ops.switch(i, branches, x).item() for i in (-3, 0, 1, 7)] == [3.0, 3.0, 20.0, 20.0]
    theirs = keras.ops.switch(7, [lambda y: y + 1, lambda y: y * 10], keras.ops.array(2.0))
    assert_close(ops.switch(7, branches, x), theirs)
    with pytest.raises(TypeError, match="lambda"):
        ops.cond(True, 1, 2)


def test_loops():
    assert ops.while_loop(lambda x: x < 100, lambda x: x * 2, torch.tensor(3)).item() == 192
    result = ops.while_loop(lambda i, x: i < 10, lambda i, x: (i + 1, x + 2.0), (0, 1.0), maximum_iterations=3)
    assert [one.item() for one in result] == [3, 7.0]
    theirs = keras.ops.while_loop(lambda i, x: i < 10, lambda i, x: (i + 1, x + 2.0), (0, 1.0), maximum_iterations=3)
    assert [float(one) for one in theirs] == [3, 7.0]
    assert ops.fori_loop(2, 5, lambda i, total: total + i, torch.tensor(0)).item() == 9


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse):
    xs = f(4, 3)
    ours = ops.scan(lambda c, x: (c + x, c * x), np.zeros(3, "float32"), xs, reverse=reverse)
    theirs = keras.ops.scan(lambda c, x: (c + x, c * x), np.zeros(3, "float32"), xs, reverse=reverse)
    for mine, expected in zip(ours, theirs, strict=True):
        assert_close(mine, expected, atol=1e-5)


def test_scan_of_structures():
    carry, ys = ops.scan(lambda c, _: ({"n": c["n"] + 1}, {"twice": c["n"] * 2}), {"n": torch.tensor(1)}, length=3)
    assert carry["n"].item() == 4
    assert ys["twice"].tolist() == [2, 4, 6]
    assert ops.scan(lambda c, x: (c + x, None), torch.tensor(0), [1, 2])[1].tolist() == [0, 0]
    assert ops.map(lambda x: {"a": x**2, "b": x.sum()}, torch.ones(2, 3))["b"].tolist() == [3.0, 3.0]
    assert ops.vectorized_map(lambda pair: pair[0] * pair[1].sum(), [torch.arange(2.0), torch.ones(2, 3)]).tolist() == [
        0,
        3,
    ]
    for call in (
        lambda: ops.scan(lambda c, x: (c, x), 0),
        lambda: ops.scan(lambda c, x: (c, x), 0, [1], unroll=0),
        lambda: ops.scan(lambda c, x: (c, x), 0, length=0),
    ):
        with pytest.raises(ValueError, match=r"scan|unroll"):
            call()
    for name, args in (("scan", (1, 0, [1])), ("map", (1, [1])), ("associative_scan", (1, [1]))):
        with pytest.raises(TypeError, match="callable"):
            getattr(ops, name)(*args)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(size, reverse):
    x = f(2, size)
    ours = ops.associative_scan(lambda p, q: p + q, x, reverse, axis=1)
    assert_close(ours, np.cumsum(x[:, ::-1], 1)[:, ::-1] if reverse else np.cumsum(x, 1), atol=1e-5)


def test_associative_scan_of_pairs():
    """A linear recurrence: the steps `h = a h + b` compose."""
    decay, add = f(6), f(6, seed=1)
    combine = lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1])  # noqa: E731
    ours = ops.associative_scan(combine, (decay, add))
    h, expected = 0.0, []
    for d, b in zip(decay, add, strict=True):
        h = d * h + b
        expected.append(h)
    assert_close(ours[1], expected, atol=1e-5)
    theirs = keras.ops.associative_scan(combine, (keras.ops.array(decay), keras.ops.array(add)))
    assert_close(ours[1], theirs[1], atol=1e-5)
    with pytest.raises(ValueError, match="same size"):
        ops.associative_scan(combine, (f(3), f(4)))


def test_branches_of_a_symbolic_choice_must_agree():
    big = KerasTensor((300, 300))  # large enough for the meta device
    flag = KerasTensor((), dtype="bool")
    assert ops.cond(flag, lambda: torch.zeros(2), lambda: torch.ones(2)).shape == (2,)
    assert ops.switch(KerasTensor((), "int32"), [lambda x: x + 1, lambda x: x * 2], big).shape == (300, 300)
    with pytest.raises(ValueError, match="same structure, shapes and types"):
        ops.cond(flag, lambda: torch.zeros(2), lambda: torch.zeros(3))
    with pytest.raises(ValueError, match="keras"):
        ops.cond(flag, lambda: big + 1, lambda: big)
    with pytest.raises(ValueError, match="Hand it over"):
        ops.switch(KerasTensor((), "int32"), [lambda: big, lambda: big])
    assert ops.cond(True, lambda: big + 1, lambda: big).shape == (300, 300)  # decided while the graph is made


def test_symbolic_loops_are_not_run():
    x = KerasTensor((None, 3))
    assert ops.while_loop(lambda x: x.sum() < 10, lambda x: x * 2, x).shape == (None, 3)  # endless on zeros
    count, value = ops.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, x))
    assert (count.dtype, value.shape) == ("int32", (None, 3))
    assert ops.fori_loop(0, 3, lambda i, x: x + i, x).shape == (None, 3)
    inputs = keras_shim.Input((3,))
    outputs = ops.while_loop(lambda x: x.sum() < 10, lambda x: x * 2, inputs)
    assert keras_shim.Model(inputs, outputs)(torch.ones(1, 3)).tolist() == [[4.0, 4.0, 4.0]]
    chosen = ops.switch(KerasTensor((), "int32"), [lambda x: x + 1, lambda x: x * 2], x)
    assert chosen.shape == (None, 3)


def test_vectorize():
    assert ops.vectorize(lambda x, y: x + y)([1, 2, 3, 4], 2).tolist() == [3, 4, 5, 6]
    x, v = f(5, 2, 3), f(3)
    ours = ops.vectorize(torch.mv, signature="(m,n),(n)->(m)")(x, v)
    assert_close(ours, np.vectorize(np.dot, signature="(m,n),(n)->(m)")(x, v), atol=1e-5)
    scaled = ops.vectorize(lambda x, by: x * by, excluded={1})
    assert scaled(torch.ones(2, 2), 3).tolist() == [[3.0, 3.0], [3.0, 3.0]]
    named = ops.vectorize(lambda x, y=1.0: x - y)
    assert named(torch.ones(2), y=torch.tensor([[1.0], [2.0]])).tolist() == [[0.0, 0.0], [-1.0, -1.0]]
    pairs = ops.vectorize(lambda x: (x.sum(), x.max()), signature="(n)->(),()")(f(4, 3))
    assert [tuple(one.shape) for one in pairs] == [(4,), (4,)]
    assert ops.vectorize(lambda x: x * 2)(KerasTensor((None, 3))).shape == (None, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ops.vectorize(3), ValueError, "callable"),
        (lambda: ops.vectorize(abs, signature="(n->"), ValueError, "signature"),
        (lambda: ops.vectorize(torch.dot, signature="(n),(n)->()")(f(2)), TypeError, "expected 2"),
        (lambda: ops.vectorize(torch.dot, signature="(n),(n)->()")(f(2), f(3)), ValueError, "inconsistent size"),
        (lambda: ops.vectorize(torch.neg, signature="(m,n)->(n)")(f(3)), ValueError, "lacks"),
        (lambda: ops.vectorize(torch.neg, signature="(n)->()")(f(3)), ValueError, "output shape"),
        (lambda: ops.vectorize(torch.neg, signature="(n)->(n),(n)")(f(3)), TypeError, "output arguments"),
    ],
)
def test_mistakes_of_vectorize(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_gradient_of_ones_own():
    @ops.custom_gradient
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

        return ops.log(1 + e), grad

    x = torch.tensor(100.0, requires_grad=True)
    log1pexp(x).backward()
    assert x.grad.item() == 1.0  # where the derivative of the plain formula is NaN
    assert log1pexp(KerasTensor((None, 3))).shape == (None, 3)

    @ops.custom_gradient
    def both(pair, factor):
        first, second = pair
        return {"sum": first + second, "difference": first - second}, lambda up, down: (factor * up, down, None)

    a1, a2 = (torch.ones(2, requires_grad=True) for _ in range(2))
    result = both((a1, a2), 7.0)
    (2 * result["difference"].sum() + 3 * result["sum"].sum()).backward()
    assert (a1.grad.tolist(), a2.grad.tolist()) == ([14.0, 14.0], [3.0, 3.0])

    with pytest.raises(ValueError, match="must return"):
        ops.custom_gradient(lambda x: x)(torch.ones(1))
    with pytest.raises(ValueError, match="one gradient per argument"):
        ops.custom_gradient(lambda x, y: (x * y, lambda up: up))(a1, a2).sum().backward()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.histogram(f(2, 2)), "1-dimensional"),
        (lambda: ops.histogram(f(2), bins=-1), "non-negative"),
        (lambda: ops.histogram(f(2), range=(1, 0)), "greater"),
        (lambda: ops.histogram(f(2), range=(1, 0, 2)), "two elements"),
        (lambda: ops.space_to_depth(f(1, 3, 3, 1), 2), "divisible"),
        (lambda: ops.depth_to_space(f(1, 3, 3, 1), 2), "divisible"),
        (lambda: ops.depth_to_space(f(1, 3, 3, 1), 1), "at least 2"),
        (lambda: ops.depth_to_space(f(3, 3, 1), 2), "rank 4"),
        (lambda: ops.unfold(f(3, 3), 2), "4D"),
        (lambda: ops.fold(f(3, 3), 2, 2), "3D"),
        (lambda: ops.rearrange(f(3, 4), "a ... -> ... a"), "names of axes"),
        (lambda: ops.rearrange(f(3, 4), "a b -> a"), "each once"),
        (lambda: ops.rearrange(f(3, 4), "a b, b a"), "such as"),
        (lambda: ops.rearrange(f(3, 4), "a (b c) -> a b c", c=3), "cannot be split"),
        (lambda: ops.rearrange(f(3, 4), "a (b c) -> a b c"), "cannot be split"),
        (lambda: ops.rearrange(f(3, 4), "a b -> b a", z=3), "no axes"),
        (lambda: ops.rearrange(f(3), "a b -> b a"), "rank 2"),
        (lambda: ops.psnr(f(3), f(4), 1.0), "must match"),
        (lambda: ops.adaptive_max_pool(f(3, 4), 2), "rank 3, 4 or 5"),
        (lambda: ops.nanquantile(f(3), 0.5, method="cubic"), "Invalid `method`"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message):
        call()
