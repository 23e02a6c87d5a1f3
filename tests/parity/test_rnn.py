"""Recurrent layers against Keras's: weights, outputs, states, gradients, masks, configs, shapes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras: TensorFlow, loaded first, makes the process abort when torch loads Triton

from tests.parity.oracle import assert_close, imported, keras, to_numpy
from torchkeras_shim import layers
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers.rnn import bidirectional as bidirectional_module

SHAPE = (3, 6, 4)
ALL = {"return_sequences": True, "return_state": True}
MASKS = {
    "none": None,
    "right": [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 0]],
    "holes": [[1, 1, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0]],
}
FAMILIES = ("SimpleRNN", "LSTM", "GRU")
VARIANTS = [
    {},
    ALL,
    {**ALL, "go_backwards": True},
    {"return_state": True, "zero_output_for_mask": True},
    {**ALL, "zero_output_for_mask": True},
    {"use_bias": False},
    {"unroll": True, "go_backwards": True},
    {"activation": "relu", "return_sequences": True},
    {"activation": "softsign", **ALL},
]
CASES = [(name, {"units": 5, **variant}) for name in FAMILIES for variant in VARIANTS] + [
    ("GRU", {"units": 5, "reset_after": False, **ALL}),
    ("GRU", {"units": 5, "recurrent_activation": "hard_sigmoid"}),
    ("LSTM", {"units": 5, "recurrent_activation": "hard_sigmoid", "unit_forget_bias": False, "implementation": 1}),
    ("LSTM", {"units": 5, "use_cudnn": False, **ALL}),
    ("GRU", {"units": 5, "use_cudnn": False, "activation": None}),
    ("LSTM", {"units": 2, "kernel_regularizer": "l2", "bias_constraint": "non_neg", "kernel_initializer": "ones"}),
    ("GRU", {"units": 2, "recurrent_regularizer": "l2", "recurrent_constraint": "max_norm", "seed": 3}),
    ("SimpleRNN", {"units": 2, "bias_regularizer": "l2", "bias_initializer": "ones", "dropout": 0.2}),
]
IDS = [f"{name}-{index}" for index, (name, _) in enumerate(CASES)]


def pair(name, arguments, shape=SHAPE, seed=1):
    """The same layer of ours and of Keras's, built, with equal weights."""
    ours, theirs = (make(module, name, arguments) for module in (layers, keras.layers))
    ours.build(shape)
    theirs.build(shape)
    random = np.random.RandomState(seed)
    theirs.set_weights(
        [w.numpy() if w.dtype == "uint32" else 0.4 * random.standard_normal(w.shape) for w in theirs.weights]
    )
    ours.set_weights([to_numpy(w.value) for w in theirs.weights if w.dtype != "uint32"])
    return ours, theirs


def make(module, name, arguments):
    if callable(name):
        return name(module)
    return getattr(module, name)(**arguments, name="it")


def inputs_of(shape=SHAPE, seed=0):
    return np.random.RandomState(seed).standard_normal(shape).astype("float32")


def mask_of(name):
    return None if MASKS[name] is None else np.array(MASKS[name], dtype=bool)


def flat(structure):
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flat(item)]
    return [structure]


def results_of_keras(layer, data, arguments):
    """Outputs and gradients of a weighted sum of them: for the weights, then for each of the inputs."""
    variables = layer.trainable_variables
    if keras.backend.backend() == "jax":
        jax = imported("jax")

        def loss(weights, data):
            state = [v.value for v in layer.non_trainable_variables]
            outputs, _ = layer.stateless_call(weights, state, data[0], **arguments(data[1:]))
            outputs = flat(outputs)
            return sum((y * cotangent_of(y.shape)).sum() for y in outputs), outputs

        function = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
        (_, outputs), (weights, inputs) = function([v.value for v in variables], data)
        return outputs, weights, inputs
    tf = imported("tensorflow")

    data = [tf.convert_to_tensor(x) for x in data]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(data)
        outputs = flat(layer(data[0], **arguments(data[1:])))
        loss = tf.add_n([tf.reduce_sum(y * cotangent_of(y.shape)) for y in outputs])
    return outputs, tape.gradient(loss, [v.value for v in variables]), tape.gradient(loss, data)


def cotangent_of(shape):
    return np.random.RandomState(5).standard_normal(tuple(shape)).astype("float32")


def compare(ours, theirs, data, arguments):
    expected, for_weights, for_inputs = results_of_keras(theirs, data, arguments)
    tensors = [torch.from_numpy(x).requires_grad_() for x in data]
    outputs = flat(ours(tensors[0], **arguments(tensors[1:])))
    assert len(outputs) == len(expected)
    for mine, wanted in zip(outputs, expected, strict=True):
        assert_close(mine, wanted, rtol=1e-4, atol=2e-5)
    sum((y * torch.from_numpy(cotangent_of(y.shape))).sum() for y in outputs).backward()
    for weight, wanted in zip(ours.trainable_weights, for_weights, strict=True):
        assert_close(weight.grad, wanted, rtol=1e-3, atol=1e-4, message=weight.path)
        assert weight.grad.stride() == weight.stride()  # the optimizers' fused kernels want it so
    for tensor, wanted in zip(tensors, for_inputs, strict=True):
        assert_close(tensor.grad, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_outputs_and_gradients(name, arguments, mask):
    ours, theirs = pair(name, arguments)
    mask = mask_of(mask)
    compare(ours, theirs, [inputs_of()], lambda _: {} if mask is None else {"mask": mask})


@pytest.mark.parametrize("mask", ["none", "right"])  # at masked first steps TensorFlow gives zeros, JAX the state
@pytest.mark.parametrize("name", FAMILIES)
def test_initial_state(name, mask):
    ours, theirs = pair(name, {"units": 5, **ALL})
    mask = mask_of(mask)
    states = [inputs_of((3, 5), seed) for seed in range(2 if name == "LSTM" else 1)]
    compare(
        ours, theirs, [inputs_of(), *states], lambda s: {"initial_state": s, **({} if mask is None else {"mask": mask})}
    )


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_weights_and_config(name, arguments):
    ours, theirs = pair(name, arguments)
    expected = [(v.path, tuple(v.shape)) for v in theirs.weights if v.dtype != "uint32"]
    assert [(v.path, tuple(v.shape)) for v in ours.weights] == expected
    assert ours.count_params() == sum(int(np.prod(shape)) for _, shape in expected)
    assert ours.cell.kernel.t().is_contiguous()
    same_config(ours, theirs)


def same_config(ours, theirs):
    assert ours.get_config() == theirs.get_config()
    assert layers.serialize(ours) == keras.layers.serialize(theirs)
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert type(again) is type(ours)
    assert again.get_config() == ours.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in ours.weights]
    assert type(theirs).from_config(ours.get_config()).get_config() == theirs.get_config()


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_shapes(name, arguments):
    ours, theirs = pair(name, arguments)
    length = 6 if arguments.get("unroll") else None
    symbolic = flat(ours(KerasTensor((None, length, 4))))
    expected = flat(theirs(keras.KerasTensor((None, length, 4))))
    assert [y.shape for y in symbolic] == [tuple(y.shape) for y in expected]
    assert [y.dtype for y in symbolic] == [y.dtype for y in expected]
    real = flat(ours(torch.from_numpy(inputs_of())))
    assert flat_shapes(ours.compute_output_shape(SHAPE)) == [tuple(y.shape) for y in real]
    on_meta = flat(ours.to("meta")(torch.empty(SHAPE, device="meta")))
    assert [y.shape for y in on_meta] == [y.shape for y in real]


def flat_shapes(shapes):
    return [shapes] if isinstance(shapes[0], int) else [one for item in shapes for one in flat_shapes(item)]


@pytest.mark.parametrize("name", [*FAMILIES, "SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_float64_and_initial_weights(name):
    ours, theirs = (getattr(module, name)(4, dtype="float64") for module in (layers, keras.layers))
    shape = (2, 3) if name.endswith("Cell") else (2, 5, 3)
    ours.build(shape)
    theirs.build(shape)
    for mine, wanted in zip(ours.weights, [w for w in theirs.weights if w.dtype != "uint32"], strict=True):
        assert mine.dtype == torch.float64
        if mine.name == "bias":
            assert_close(mine, wanted.value)
    recurrent = ours.weights[1].detach()
    assert_close(recurrent @ recurrent.T, torch.eye(4), atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("name", FAMILIES)
def test_types(name, dtype):
    plain, _ = pair(name, {"units": 5, **ALL})
    layer = getattr(layers, name)(5, **ALL, dtype=dtype)
    x = torch.from_numpy(inputs_of())
    layer.build(SHAPE)
    layer.set_weights(plain.get_weights())
    outputs = layer(x)
    assert {str(y.dtype) for y in outputs} == {"torch." + dtype.removeprefix("mixed_")}
    for mine, wanted in zip(outputs, plain(x), strict=True):
        assert_close(mine.float(), wanted, rtol=1e-5 if dtype == "float64" else 0.1, atol=0.05)


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("name", FAMILIES)
def test_stateful(name, mask):
    ours, theirs = pair(name, {"units": 5, "stateful": True, **ALL})
    arguments = {} if MASKS[mask] is None else {"mask": mask_of(mask)}
    assert [w.path for w in ours.weights] == ["it/" + w.path.split("/", 1)[1] for w in ours.weights]
    assert len(ours.weights) == 3
    for seed in range(3):
        x = inputs_of(seed=seed)
        outputs = ours(torch.from_numpy(x), **arguments)
        for mine, wanted in zip(outputs, theirs(x, **arguments), strict=True):
            assert_close(mine, wanted, rtol=1e-4, atol=2e-5)
        sum(y.sum() for y in outputs).backward()  # the states are overwritten, not what autograd keeps
    for mine, wanted in zip(ours.states, theirs.states, strict=True):
        assert_close(mine, wanted.value, rtol=1e-4, atol=2e-5)
    ours.compute_output_spec(KerasTensor(SHAPE))
    ours.reset_state()
    theirs.reset_state()
    x = inputs_of(seed=9)
    assert_close(ours(torch.from_numpy(x))[0], theirs(x)[0], rtol=1e-4, atol=2e-5)
    with pytest.raises(ValueError, match="batch size"):
        ours(torch.ones(2, 6, 4))


# Cells and stacks -----------------------------------------------------------------------------------------------------


def stacks(module):
    return module.RNN(
        [module.LSTMCell(3), module.GRUCell(2), module.SimpleRNNCell(4)], **ALL, go_backwards=True, name="it"
    )


def of_cell(module):
    return module.RNN(module.GRUCell(3, reset_after=False), return_state=True, name="it")


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("build", [stacks, of_cell])
def test_rnn_with_cells(build, mask):
    mask = mask_of(mask)
    ours, theirs = pair(build, {})
    expected = [tuple(v.shape) for v in theirs.weights if v.dtype != "uint32"]
    assert [tuple(v.shape) for v in ours.weights] == expected
    compare(ours, theirs, [inputs_of()], lambda _: {} if mask is None else {"mask": mask})
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert [w.shape for w in again.weights] == [w.shape for w in ours.weights]
    assert again.get_config()["cell"]["class_name"] == theirs.get_config()["cell"]["class_name"]
    assert keras.layers.deserialize(layers.serialize(ours)).get_config().keys() == theirs.get_config().keys()
    symbolic = flat(build(layers)(KerasTensor((None, None, 4))))
    assert [y.shape for y in symbolic] == [tuple(y.shape) for y in flat(build(keras.layers)(keras.Input((None, 4))))]


CELLS = [
    ("SimpleRNNCell", {"units": 3}),
    ("SimpleRNNCell", {"units": 3, "activation": "relu", "use_bias": False, "kernel_regularizer": "l2"}),
    ("LSTMCell", {"units": 3}),
    ("LSTMCell", {"units": 3, "implementation": 1, "recurrent_activation": "hard_sigmoid", "unit_forget_bias": False}),
    ("GRUCell", {"units": 3}),
    ("GRUCell", {"units": 3, "implementation": 1, "reset_after": False, "bias_initializer": "ones"}),
]


@pytest.mark.parametrize(("name", "arguments"), CELLS)
def test_one_step(name, arguments):
    ours, theirs = pair(name, arguments, (2, 4))
    states = [inputs_of((2, 3), seed) for seed in range(2 if name.startswith("LSTM") else 1)]
    x = inputs_of((2, 4))
    output, new = ours(torch.from_numpy(x), [torch.from_numpy(state) for state in states])
    expected, wanted = theirs(x, states)
    assert_close(output, expected, rtol=1e-5, atol=1e-6)
    for one, other in zip(new, wanted, strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-6)
    same_config(ours, theirs)
    assert tree.map_structure(lambda s: tuple(s.shape), ours.get_initial_state(2)) == [(2, 3)] * len(states)


# Wrappers -------------------------------------------------------------------------------------------------------------

BIDIRECTIONAL = [
    ("LSTM", {}, {}),
    ("LSTM", ALL, {}),
    ("GRU", ALL, {"merge_mode": None}),
    ("SimpleRNN", {"return_sequences": True}, {"merge_mode": "mul"}),
    ("GRU", {}, {"merge_mode": "ave"}),
    ("SimpleRNN", {"return_state": True}, {"merge_mode": "sum"}),
]


def bidirectional(name, arguments, wrapper):
    return lambda module: module.Bidirectional(
        getattr(module, name)(3, **arguments, name="inner"), **wrapper, name="it"
    )


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize(("name", "arguments", "wrapper"), BIDIRECTIONAL)
def test_bidirectional(name, arguments, wrapper, mask):
    build = bidirectional(name, arguments, wrapper)
    ours, theirs = pair(build, {})
    expected = [(v.path, tuple(v.shape)) for v in theirs.weights if v.dtype != "uint32"]
    assert [(v.path, tuple(v.shape)) for v in ours.weights] == expected
    mask = mask_of(mask)
    compare(ours, theirs, [inputs_of()], lambda _: {} if mask is None else {"mask": mask})
    same_config(ours, theirs)
    symbolic = flat(build(layers)(KerasTensor((None, 6, 4))))
    assert [y.shape for y in symbolic] == [tuple(y.shape) for y in flat(theirs(keras.KerasTensor((None, 6, 4))))]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "at_once"),
    [
        ({}, {}, True),
        ({"use_bias": False}, {"use_bias": False}, True),
        ({}, {"units": 4}, False),
        ({"use_bias": False}, {}, False),
        ({}, {"use_cudnn": False}, False),
        ({"recurrent_dropout": 0.3}, {}, False),
        ({"stateful": True}, {"stateful": True}, False),
    ],
)
@pytest.mark.parametrize("name", FAMILIES)
def test_one_run_of_the_kernel_goes_both_ways(name, first, second, at_once, training, monkeypatch):
    """Both layers in one run of torch's kernel give what each gives by itself; where they cannot, they are called."""
    if name == "SimpleRNN":
        second = {key: value for key, value in second.items() if key != "use_cudnn"} or {"activation": "relu"}
        at_once = at_once and second != {"activation": "relu"}
    forward, backward = (
        getattr(layers, name)(**{"units": 3, **arguments, **ALL}, **way)
        for arguments, way in ((first, {}), (second, {"go_backwards": True}))
    )
    x = torch.from_numpy(inputs_of())
    runs = []
    kernel = bidirectional_module.run_both_ways
    monkeypatch.setattr(bidirectional_module, "run_both_ways", lambda *given: runs.append(1) or kernel(*given))
    layer = layers.Bidirectional(forward, backward_layer=backward)
    outputs = layer(x, training=training and "recurrent_dropout" not in first)
    assert bool(runs) is at_once
    if first.get("stateful"):
        layer.reset_state()
    one, other = layer.forward_layer(x), layer.backward_layer(x)
    expected = [torch.cat([one[0], other[0].flip(1)], -1), *one[1:], *other[1:]]
    for mine, wanted in zip(outputs, expected, strict=True):
        assert_close(mine, wanted)


def test_a_hook_on_one_direction_is_called():
    layer = layers.Bidirectional(layers.LSTM(3))
    x = torch.from_numpy(inputs_of())
    layer(x)
    calls = []
    layer.backward_layer.register_forward_hook(lambda *given: calls.append(1))
    layer(x)
    assert calls


def distributed_dense(module):
    return module.TimeDistributed(module.Dense(3, activation="relu", name="inner"), name="it")


def distributed_rnn(module):
    return module.TimeDistributed(module.LSTM(2, name="inner"), name="it")


def distributed_convolution(module):
    return module.TimeDistributed(module.Conv1D(2, 2, name="inner"), name="it")


@pytest.mark.parametrize(
    ("build", "shape"),
    [(distributed_dense, SHAPE), (distributed_rnn, (2, 3, 4, 5)), (distributed_convolution, (2, 3, 4, 5))],
)
def test_time_distributed(build, shape):
    ours, theirs = pair(build, {}, shape)
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights if v.dtype != "uint32"]
    compare(ours, theirs, [inputs_of(shape)], lambda _: {})
    same_config(ours, theirs)
    assert build(layers)(KerasTensor((None, *shape[1:]))).shape == (None, *theirs.compute_output_shape(shape)[1:])


def test_time_distributed_batch_normalization_sees_one_step_at_a_time():
    ours, theirs = (m.TimeDistributed(m.BatchNormalization(momentum=0.7)) for m in (layers, keras.layers))
    x = inputs_of()
    assert_close(ours(torch.from_numpy(x), training=True), theirs(x, training=True), rtol=1e-4, atol=1e-5)
    for mine, wanted in zip(ours.weights, theirs.weights, strict=True):
        assert_close(mine, wanted.value)
