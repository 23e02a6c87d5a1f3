"""Attention layers against Keras's: weights, outputs, scores, masks, gradients, configs, shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

import torchkeras_shim
from tests.parity.checking import ON_TENSORFLOW
from tests.parity.oracle import assert_close, kept, keras, to_numpy
from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.export import converters  # noqa: F401
from torchkeras_shim.export import table as exporting

Q, V = (2, 4, 6), (2, 5, 6)
QUERY_MASK = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], dtype=bool)
VALUE_MASK = np.array([[1, 1, 1, 1, 0], [1, 0, 1, 0, 0]], dtype=bool)
MASK = np.random.RandomState(3).uniform(size=(2, 4, 5)) > 0.4
MASK[1, 2] = False  # a row that sees nothing
HEADS = [
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}),
    (
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "value_dim": 4, "output_shape": 7, "use_bias": False, "dropout": 0.1},
    ),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "value_dim": 5}),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 4, "value_dim": 2, "use_gate": True, "sliding_window": 2}),
    ("MultiHeadAttention", {"num_heads": 1, "key_dim": 3, "use_gate": True, "sliding_window": 2, "dropout": 0.3}),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}),
    ("GroupQueryAttention", {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1, "use_gate": True}),
]
CALLS = [
    {},
    {"use_causal_mask": True},
    {"attention_mask": MASK},
    {"return_attention_scores": True},
    {"return_attention_scores": True, "attention_mask": MASK, "use_causal_mask": True},
    {"value_mask": VALUE_MASK, "key_mask": VALUE_MASK},
]
LISTS = [
    ("Attention", {}),
    ("Attention", {"use_scale": True}),
    ("Attention", {"use_scale": True, "score_mode": "concat", "dropout": 0.2, "seed": 1}),
    ("AdditiveAttention", {}),
    ("AdditiveAttention", {"use_scale": False}),
]


def data_of(shape, seed):
    return np.random.RandomState(seed).standard_normal(shape).astype("float32")


def flat(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def pair(name, arguments, shapes):
    ours = getattr(layers, name)(**arguments, name="it")
    theirs = getattr(keras.layers, name)(**arguments, name="it")
    ours.build(*shapes)
    theirs.build(*shapes)
    random = np.random.RandomState(1)
    theirs.set_weights(
        [to_numpy(w.value) if w.dtype == "uint32" else random.standard_normal(w.shape) for w in theirs.weights]
    )
    weights = [w for w in theirs.weights if w.dtype != "uint32"]
    assert [(w.path, tuple(w.shape)) for w in ours.weights] == [(w.path, tuple(w.shape)) for w in weights]
    ours.set_weights([to_numpy(w.value) for w in weights])
    return ours, theirs


def same_config(ours, theirs):
    assert ours.get_config() == theirs.get_config()
    mine, wanted = layers.serialize(ours), keras.layers.serialize(theirs)
    assert mine == wanted
    again = layers.deserialize(wanted)
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in ours.weights]
    assert type(theirs).from_config(ours.get_config()).get_config() == theirs.get_config()


def spread(module, name, arguments, initializer):
    """The standard deviations of the kernels that a layer begins with, over 8,192 numbers or more each."""
    layer = getattr(module, name)(**arguments, kernel_initializer=initializer)
    layer.build((None, 4, 64), (None, 4, 64))
    return [float(to_numpy(weight).std()) for weight in layer.weights if weight.path.endswith("kernel")]


@pytest.mark.parametrize("initializer", ["glorot_uniform", "lecun_normal", "he_uniform", "random_normal"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MultiHeadAttention", {"num_heads": 8, "key_dim": 16, "use_gate": True}),
        ("MultiHeadAttention", {"num_heads": 4, "key_dim": 32, "output_shape": (8, 16)}),
        ("GroupQueryAttention", {"head_dim": 32, "num_query_heads": 8, "num_key_value_heads": 4}),
    ],
)
def test_kernels_begin_as_widely_spread_as_keras_s(name, arguments, initializer):
    wanted = kept(spread, keras.layers, name, arguments, initializer)
    np.testing.assert_allclose(spread(layers, name, arguments, initializer), wanted, rtol=0.05)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: "-".join(call) or "plain")
@pytest.mark.parametrize(("name", "arguments"), HEADS)
def test_heads(name, arguments, call):
    fused = not call.get("return_attention_scores") and not arguments.get("dropout")
    if fused and "value_dim" in arguments and not ON_TENSORFLOW:
        pytest.skip("Keras's fused attention on JAX fails where values have another width than keys")
    ours, theirs = pair(name, arguments, (Q, V))
    query, value = data_of(Q, 1), data_of(V, 2)
    expected = flat(theirs(query, value, **call))
    outputs = flat(ours(torch.from_numpy(query), torch.from_numpy(value), **call))
    for mine, wanted in zip(outputs, expected, strict=True):
        assert_close(mine, wanted, rtol=1e-4, atol=2e-5)
    key = data_of(V, 4)
    expected = flat(theirs(query, value, key, **call))
    for mine, wanted in zip(flat(ours(*map(torch.from_numpy, (query, value, key)), **call)), expected, strict=True):
        assert_close(mine, wanted, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "arguments"), HEADS)
def test_heads_config_shape_and_gradients(name, arguments):
    ours, theirs = pair(name, arguments, (Q, V))
    same_config(ours, theirs)
    open_shapes = [KerasTensor((None, None, 6)), KerasTensor((None, 5, 6))]
    output, scores = ours(*open_shapes, return_attention_scores=True)
    assert output.shape == (None, None, *theirs.compute_output_shape(Q, V)[2:])
    assert scores.shape == (None, ours._heads(), None, 5)
    assert ours.compute_output_shape(Q, V) == tuple(theirs.compute_output_shape(Q, V))
    query, value = (torch.from_numpy(data_of(shape, 1)).requires_grad_() for shape in (Q, V))
    ours(query, value).square().sum().backward()  # on the fused kernel
    fused = [t.grad.clone() for t in (query, value, *ours.weights)]
    for tensor in (query, value, *ours.weights):
        tensor.grad = None
    ours(query, value, return_attention_scores=True)[0].square().sum().backward()  # step by step
    for one, tensor in zip(fused, (query, value, *ours.weights), strict=True):
        assert_close(tensor.grad, one, rtol=1e-3, atol=2e-3)  # the key bias has no gradient but rounding


AXES = [
    (None, (2, 2, 3, 4), (2, 4, 2, 4)),
    ((1, 2), (2, 2, 3, 4), (2, 4, 2, 4)),
    ((2, 1), (2, 2, 3, 4), (2, 4, 2, 4)),
    (2, (2, 3, 4, 5), (2, 3, 6, 5)),
    ((1,), (2, 3, 4, 5), (2, 2, 4, 5)),
    (-2, (2, 3, 4, 5), (2, 3, 2, 5)),
    ((1, 3), (2, 2, 3, 4, 5), (2, 3, 3, 2, 5)),
]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("axes", "query_shape", "value_shape"), AXES)
def test_attended_axes(axes, query_shape, value_shape, masked):
    arguments = {"num_heads": 2, "key_dim": 3, "value_dim": 4, "attention_axes": axes}
    ours, theirs = pair("MultiHeadAttention", arguments, (query_shape, value_shape))
    query, value = data_of(query_shape, 1), data_of(value_shape, 2)
    call = {"return_attention_scores": True}
    if masked:
        places = [shape[axis] for shape in (query_shape, value_shape) for axis in ours.attention_axes]
        call["attention_mask"] = np.random.RandomState(3).uniform(size=(2, *places)) > 0.4
    outputs = ours(torch.from_numpy(query), torch.from_numpy(value), **call)
    for mine, wanted in zip(outputs, theirs(query, value, **call), strict=True):
        assert_close(mine, wanted, rtol=1e-4, atol=2e-5)
    assert_close(
        ours(torch.from_numpy(query), torch.from_numpy(value), **call | {"return_attention_scores": False}), outputs[0]
    )
    same_config(ours, theirs)
    specs = [KerasTensor((None, *shape[1:])) for shape in (query_shape, value_shape)]
    for static, real in zip(ours(*specs, return_attention_scores=True), outputs, strict=True):
        assert static.shape == (None, *real.shape[1:])


def test_what_cannot_be_attended():
    for axes in (0, 3, (1, 1), ()):
        with pytest.raises(ValueError, match="attention_axes"):
            layers.MultiHeadAttention(2, 3, attention_axes=axes).build((2, 3, 4, 5), (2, 3, 4, 5))
    for library in (layers, keras.layers):
        with pytest.raises(ValueError, match="attention_axes"):
            library.MultiHeadAttention(2, 3, attention_axes="1")
        with pytest.raises(ValueError, match="num_heads"):
            library.MultiHeadAttention(0, 3)
    layer = layers.MultiHeadAttention(2, 3)
    x = torch.ones(2, 3, 4, 5)
    with pytest.raises(ValueError, match="the mask does not fit"):
        layer(x, x, attention_mask=torch.ones(2, 5, 5, dtype=torch.bool))


@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_flash_attention(name):
    sizes = (2, 3) if name == "MultiHeadAttention" else (3, 4, 2)
    plain = getattr(layers, name)(*sizes)
    query, value = torch.from_numpy(data_of(Q, 1)), torch.from_numpy(data_of(V, 2))
    expected = plain(query, value)
    for choice, kernel in ((True, "scaled_dot_product_flash"), (False, "scaled_dot_product_attention_math")):
        layer = getattr(layers, name)(*sizes, flash_attention=choice)
        layer.build(Q, V)
        layer.set_weights(plain.get_weights())
        with torch.profiler.profile() as profile:
            assert_close(layer(query, value), expected, rtol=1e-4, atol=1e-5)
        assert any(kernel in event.key for event in profile.key_averages())
    with pytest.raises(ValueError, match="flash_attention=True returns no attention scores"):
        getattr(layers, name)(*sizes, flash_attention=True)(query, value, return_attention_scores=True)
    with pytest.raises(ValueError, match="flash_attention"):
        getattr(layers, name)(*sizes, flash_attention="always")
    for library in (layers, keras.layers):
        with pytest.raises(ValueError, match="Dropout is not supported when flash attention"):
            getattr(library, name)(*sizes, dropout=0.1, flash_attention=True)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("name", "arguments"), LISTS)
def test_lists(name, arguments, causal, masked):
    ours, theirs = pair(name, arguments, ([Q, V, V],))
    data = [data_of(Q, 1), data_of(V, 2), data_of(V, 3)]
    call = {"use_causal_mask": causal, "return_attention_scores": True}
    if masked:
        call["mask"] = [QUERY_MASK, VALUE_MASK]
    for inputs in (data, data[:2]):
        outputs = ours([torch.from_numpy(x) for x in inputs], **call)
        for mine, wanted in zip(outputs, theirs(inputs, **call), strict=True):
            assert_close(mine, wanted, rtol=1e-4, atol=2e-5)
    same_config(ours, theirs)
    assert ours([KerasTensor((None, 4, 6)), KerasTensor((None, None, 6))]).shape == (None, 4, 6)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "mixed_bfloat16"])
@pytest.mark.parametrize(("name", "arguments"), [*HEADS, *LISTS])
def test_types(name, arguments, dtype):
    lists = (name, arguments) in LISTS
    shapes = ([Q, V],) if lists else (Q, V)
    plain, typed = getattr(layers, name)(**arguments), getattr(layers, name)(**arguments, dtype=dtype)
    for layer in (plain, typed):
        layer.build(*shapes)
    typed.set_weights(plain.get_weights())
    data = [torch.from_numpy(data_of(Q, 1)), torch.from_numpy(data_of(V, 2))]
    for call in ({}, {"return_attention_scores": True}):
        results = [flat(layer(data, **call) if lists else layer(*data, **call)) for layer in (typed, plain)]
        for mine, wanted in zip(*results, strict=True):
            assert str(mine.dtype) == "torch." + dtype.removeprefix("mixed_")
            tolerance = 1e-5 if dtype == "float64" else 0.05
            assert_close(mine.float(), wanted, rtol=tolerance, atol=tolerance)
    assert {str(w.dtype) for w in typed.weights} <= {"torch.float32" if dtype.startswith("mixed") else f"torch.{dtype}"}


def attending_in_another_way(k):
    """Returns the masks that a subclass's own attention got, and the outputs."""
    masks = []

    class Doubled(k.layers.MultiHeadAttention):
        def _compute_attention(
            self, query, key, value, attention_mask=None, training=None, return_attention_scores=False
        ):
            masks.append(None if attention_mask is None else k.ops.convert_to_numpy(attention_mask).tolist())
            heads, scores = super()._compute_attention(
                query, key, value, attention_mask, training, return_attention_scores
            )
            return heads * 2, scores

    query, value = (k.ops.convert_to_tensor(data_of((1, 3, 4), seed)) for seed in (1, 2))
    layer = Doubled(2, 3, kernel_initializer=k.initializers.Constant(0.1))
    calls = [{}, {"use_causal_mask": True}, {"return_attention_scores": True, "use_causal_mask": True}]
    outputs = [flat(layer(query, value, **call)) for call in calls]
    projected = [
        dense(x) for dense, x in ((layer._query_dense, query), (layer._key_dense, value), (layer._value_dense, value))
    ]
    seen = np.array([[[1, 1, 0], [1, 0, 0], [1, 1, 1]]])
    heads, _ = k.layers.MultiHeadAttention._compute_attention(layer, *projected, attention_mask=seen)
    return masks, [[k.ops.convert_to_numpy(one) for one in some] for some in [*outputs, [heads]]]


def test_a_subclass_attends_in_another_way():
    (masks, outputs), (expected, wanted) = (
        attending_in_another_way(torchkeras_shim),
        kept(attending_in_another_way, keras),
    )
    assert masks == expected
    for mine, theirs in zip(outputs, wanted, strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert_close(one, other, rtol=1e-4, atol=2e-5)


def test_a_subclass_that_attends_in_another_way_is_not_exported_as_its_base():
    class Same(layers.MultiHeadAttention):
        pass

    class Own(layers.MultiHeadAttention):
        def _compute_attention(self, query, *args, **kwargs):
            return query, None

    assert exporting.find(Same(2, 3))[0] is layers.MultiHeadAttention
    assert exporting.find(Own(2, 3)) is None
