"""Convolutional LSTM layers against Keras's: weights, outputs, states, gradients, masks, configs, shapes."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras, see test_rnn

from tests.parity import test_rnn as base
from tests.parity.checking import ON_TENSORFLOW
from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import layers
from torchkeras_shim.core.symbolic import KerasTensor

ALL, FIRST = base.ALL, {"data_format": "channels_first"}
SIGNALS, FILMS, VOLUMES = (2, 4, 6, 3), (2, 4, 5, 4, 3), (2, 3, 4, 3, 4, 2)
MASK = np.array([[1, 1, 0, 1], [1, 0, 0, 0]], dtype=bool)

# rank, arguments besides filters, input shape
CASES = [
    (1, {"kernel_size": 3}, SIGNALS),
    (1, {"kernel_size": 2, "padding": "same", "strides": 2, **ALL}, SIGNALS),
    (1, {"kernel_size": 3, "padding": "same", "dilation_rate": 2, "use_bias": False, **FIRST}, SIGNALS),
    (2, {"kernel_size": 3}, FILMS),
    (2, {"kernel_size": (2, 3), "padding": "same", "strides": (2, 1), **ALL}, FILMS),
    (2, {"kernel_size": 2, "padding": "SAME", "go_backwards": True, "return_sequences": True, **FIRST}, FILMS),
    (2, {"kernel_size": 2, "dilation_rate": (2, 1), "unit_forget_bias": False, "unroll": True, **ALL}, FILMS),
    (2, {"kernel_size": 2, "recurrent_activation": "hard_sigmoid", "activation": "relu", "seed": 3}, FILMS),
    (2, {"kernel_size": 2, "zero_output_for_mask": True, "kernel_regularizer": "l2", "dropout": 0.2, **ALL}, FILMS),
    (
        2,
        {"kernel_size": 1, "recurrent_dropout": 0.3, "recurrent_constraint": "max_norm", "bias_regularizer": "l2"},
        FILMS,
    ),
    (3, {"kernel_size": 2, **ALL}, VOLUMES),
    (3, {"kernel_size": 2, "padding": "same", "strides": 2, **FIRST}, VOLUMES),
]
every_case = pytest.mark.parametrize(("rank", "arguments", "shape"), CASES)


def make(rank, arguments):
    return lambda module: getattr(module, f"ConvLSTM{rank}D")(2, **arguments, name="it")


@every_case
def test_outputs_gradients_weights_and_config(rank, arguments, shape):
    ours, theirs = base.pair(make(rank, arguments), {}, shape)
    expected = [(v.path, tuple(v.shape)) for v in theirs.weights if v.dtype != "uint32"]
    assert [(v.path, tuple(v.shape)) for v in ours.weights] == expected
    base.compare(ours, theirs, [base.inputs_of(shape)], lambda _: {})
    base.same_config(ours, theirs)
    assert ours.cell.get_config() == theirs.cell.get_config()


@pytest.mark.parametrize("index", [1, 5])
def test_initial_states(index):
    rank, arguments, shape = CASES[index]
    ours, theirs = base.pair(make(rank, arguments), {}, shape)
    state = ours.cell.state_shape((shape[0], *shape[2:]))
    states = [base.inputs_of(state, seed) for seed in (3, 4)]
    base.compare(ours, theirs, [base.inputs_of(shape), *states], lambda s: {"initial_state": s})


@pytest.mark.skipif(not ON_TENSORFLOW, reason="Keras on JAX cannot mask images")
@pytest.mark.parametrize("index", [1, 4, 8])
def test_masks(index):
    rank, arguments, shape = CASES[index]
    ours, theirs = base.pair(make(rank, arguments), {}, shape)
    base.compare(ours, theirs, [base.inputs_of(shape)], lambda _: {"mask": MASK})


@pytest.mark.skipif(not ON_TENSORFLOW, reason="Keras on JAX cannot mask images")
def test_a_mask_of_pixels():
    ours, theirs = base.pair(make(2, {"kernel_size": 3, "padding": "same", **ALL}), {}, FILMS)
    mask = np.random.RandomState(3).uniform(size=FILMS[:-1]) > 0.4
    base.compare(ours, theirs, [base.inputs_of(FILMS)], lambda _: {"mask": mask})


def test_a_mask_of_pixels_that_the_output_does_not_have():
    with pytest.raises(ValueError, match=r"a mask of shape \(2, 4, 5, 4\)"):
        layers.ConvLSTM2D(2, 3)(torch.ones(FILMS), mask=np.ones(FILMS[:-1], bool))


@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_a_masked_step_counts_as_if_it_were_not_there(go_backwards, zero_output_for_mask):
    arguments = {"kernel_size": 2, "go_backwards": go_backwards, "zero_output_for_mask": zero_output_for_mask, **ALL}
    ours, theirs = base.pair(make(2, arguments), {}, FILMS)
    x = base.inputs_of(FILMS)
    outputs, *states = ours(torch.from_numpy(x), mask=MASK)
    for sample, valid in enumerate(MASK):
        expected, *finals = theirs(x[sample : sample + 1, valid])
        shown = valid[::-1] if go_backwards else valid
        assert_close(outputs[sample][torch.from_numpy(shown.copy())], to_numpy(expected)[0], rtol=1e-4, atol=2e-5)
        for mine, wanted in zip(states, finals, strict=True):
            assert_close(mine[sample], to_numpy(wanted)[0], rtol=1e-4, atol=2e-5)
        previous = torch.zeros_like(outputs[sample, 0])
        for step, counts in enumerate(shown):
            if not counts:
                repeated = torch.zeros_like(previous) if zero_output_for_mask else previous
                assert_close(outputs[sample, step], repeated)
            previous = outputs[sample, step]


@every_case
def test_static_shapes(rank, arguments, shape):
    ours, theirs = base.pair(make(rank, arguments), {}, shape)
    spec = (None, shape[1] if "unroll" in arguments else None, *shape[2:])
    symbolic = base.flat(make(rank, arguments)(layers)(KerasTensor(spec)))
    expected = base.flat(make(rank, arguments)(keras.layers)(keras.KerasTensor(spec)))
    assert [y.shape for y in symbolic] == [tuple(y.shape) for y in expected]
    assert [y.dtype for y in symbolic] == [y.dtype for y in expected]
    real = base.flat(ours(torch.from_numpy(base.inputs_of(shape))))
    assert base.flat_shapes(ours.compute_output_shape(shape)) == [tuple(y.shape) for y in real]
    for mine, wanted in zip(
        base.flat([ours.compute_mask(None, [MASK])]), base.flat([theirs.compute_mask(None, [MASK])]), strict=True
    ):
        assert (mine is None) == (wanted is None)
        assert mine is None or np.array_equal(mine, wanted)


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float64"])
def test_types(dtype):
    plain, _ = base.pair(make(2, {"kernel_size": 2, **ALL}), {}, FILMS)
    layer = layers.ConvLSTM2D(2, 2, **ALL, dtype=dtype)
    x = torch.from_numpy(base.inputs_of(FILMS))
    layer.build(FILMS)
    layer.set_weights(plain.get_weights())
    outputs = layer(x)
    assert {str(y.dtype) for y in outputs} == {"torch." + dtype.removeprefix("mixed_")}
    for mine, wanted in zip(outputs, plain(x), strict=True):
        assert_close(mine.float(), wanted, rtol=1e-5 if dtype == "float64" else 0.1, atol=0.05)


@pytest.mark.parametrize("mask", [None, MASK] if ON_TENSORFLOW else [None])
def test_stateful(mask):
    ours, theirs = base.pair(make(2, {"kernel_size": 2, "stateful": True, **ALL}), {}, FILMS)
    arguments = {} if mask is None else {"mask": mask}
    for seed in range(2):
        x = base.inputs_of(FILMS, seed)
        for mine, wanted in zip(ours(torch.from_numpy(x), **arguments), theirs(x, **arguments), strict=True):
            assert_close(mine, wanted, rtol=1e-4, atol=2e-5)
    for mine, wanted in zip(ours.states, theirs.states, strict=True):
        assert_close(mine, wanted.value, rtol=1e-4, atol=2e-5)
    ours.reset_state()
    theirs.reset_state()
    assert_close(ours(torch.from_numpy(x))[0], theirs(x)[0], rtol=1e-4, atol=2e-5)
    with pytest.raises(ValueError, match="batch size"):
        ours(torch.ones(3, *FILMS[1:]))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_cell_takes_the_same_steps_as_the_layer(data_format):
    arguments = {"kernel_size": 2, "data_format": data_format, "dropout": 0.5, "recurrent_dropout": 0.4, "seed": 1}
    layer = layers.ConvLSTM2D(2, **arguments, return_sequences=True)
    x = torch.from_numpy(base.inputs_of(FILMS))
    layer.build(FILMS)
    cell = copy.deepcopy(layer).cell  # draws the same masks
    expected = layer(x, training=True)
    states, outputs = cell.get_initial_state(2), []
    for step in x.unbind(1):
        output, states = cell(step, states, training=True)
        outputs.append(output)
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    assert_close(torch.stack(outputs, 1), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(expected, layer(x), atol=1e-3)


def test_one_step_of_the_cell():
    ours, theirs = base.pair(make(2, {"kernel_size": 2}), {}, FILMS)
    shape = ours.cell.state_shape((2, *FILMS[2:]))
    x, states = base.inputs_of((2, *FILMS[2:])), [base.inputs_of(shape, seed) for seed in (1, 2)]
    output, new = ours.cell(torch.from_numpy(x), [torch.from_numpy(state) for state in states])
    expected, wanted = theirs.cell(keras.ops.convert_to_tensor(x), [keras.ops.convert_to_tensor(s) for s in states])
    for one, other in zip((output, *new), (expected, *wanted), strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert ours.cell.compute_output_shape((2, *FILMS[2:])) == theirs.cell.compute_output_shape((2, *FILMS[2:]))


def test_dropout_keeps_the_mean_and_holds_for_all_steps():
    layer = layers.ConvLSTM1D(1, 1, dropout=0.5, activation="linear", recurrent_initializer="zeros", seed=2)
    x = torch.ones(400, 2, 16, 1)
    layer(x)
    masks = layer.cell.get_dropout_mask(x[:, 0])
    assert len(masks) == 4
    assert abs(float(torch.stack(masks).mean()) - 1) < 0.02
    assert layer.cell.get_dropout_mask(x[:, 1]) is masks
    layer.cell.reset_dropout_mask()
    again = layer(x, training=True)
    assert layer.cell._dropout_mask is None
    assert not torch.equal(again, layer(x, training=True))


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        ({"kernel_size": 2, "strides": 2, "dilation_rate": 2}, FILMS),
        ({"kernel_size": (2, 2, 2)}, FILMS),
        ({"kernel_size": 2, "padding": "causal"}, FILMS),
        ({"kernel_size": 2, "data_format": "last"}, FILMS),
        ({"kernel_size": 2}, (2, 4, None, 4, 3)),
        ({"kernel_size": 2}, (2, 4, 5, 4, None)),
        ({"kernel_size": 2}, (2, 4, 5, 3)),
        ({"kernel_size": 6}, FILMS),
    ],
)
def test_wrong_arguments_and_inputs(arguments, shape):
    for library, spec in ((layers, KerasTensor), (keras.layers, keras.KerasTensor)):
        with pytest.raises(ValueError):
            library.ConvLSTM2D(2, **arguments)(spec(shape))


def test_another_image_size_than_the_layer_was_built_for():
    for library in (layers, keras.layers):
        layer = library.ConvLSTM2D(2, 2)
        layer(np.zeros(FILMS, "float32"))
        with pytest.raises(ValueError, match="incompatible"):
            layer(np.zeros((2, 4, 6, 4, 3), "float32"))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_signature_and_initial_weights(rank):
    name = f"ConvLSTM{rank}D"
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (layers, keras.layers))
    assert [(n, p.default) for n, p in ours.items()] == [(n, p.default) for n, p in theirs.items()]
    layer = getattr(layers, name)(2, 2)
    layer.build((1, 2, *(4,) * rank, 3))
    np.testing.assert_array_equal(to_numpy(layer.cell.bias), [0, 0, 1, 1, 0, 0, 0, 0])
