"""Functions of TensorFlow and of `keras.backend` give what `port` writes in their place."""

import functools

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim.porting import counterparts
from torchkeras_shim.porting.rewriting import port

X = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]], "float32")
Y = np.array([[2.0, 0.5, 1.0], [1.0, 0.25, 3.0]], "float32")
B = np.array([[True, False, True], [True, True, False]])
I = np.array([0, 2, 1], "int32")  # noqa: E741
# The arguments of a call, if they are not one array of numbers.
CALLS = {
    **dict.fromkeys(("add", "divide", "equal", "greater", "greater_equal", "less", "less_equal", "maximum"), "X, Y"),
    **dict.fromkeys(("minimum", "mod", "multiply", "not_equal", "subtract"), "X, Y"),
    **dict.fromkeys(("logical_and", "logical_or"), "B, ~B"),
    **dict.fromkeys(("logical_not", "reduce_all", "reduce_any", "all", "any"), "B, axis=1"),
    "logical_not": "B",
    "argmax": "X, axis=1",
    "argmin": "X",
    "binary_crossentropy": "abs(X) / 3, abs(Y) / 4",
    "broadcast_to": "X[0], (4, 3)",
    "cast": "X, 'int32'",
    "categorical_crossentropy": "abs(X), abs(Y), from_logits=True",
    "clip": "X, -1.0, 1.0",
    "clip_by_value": "X, -1.0, clip_value_max=1.0",
    "concat": "[X, Y], 1",
    "concatenate": "[X, Y]",
    "constant": "[1.0, 2.0]",
    "cumprod": "X",
    "cumsum": "X",
    "dot": "X, Y.T",
    "einsum": "'ij,kj->ik', X, Y",
    "expand_dims": "X, axis=0",
    "eye": "3",
    "gather": "X, np.array([1, 0])",
    "linspace": "0.0, 1.0, 5",
    "log": "Y",
    "log1p": "Y",
    "matmul": "X, Y.T",
    "one_hot": "I, 4",
    "ones": "(2, 3)",
    "permute_dimensions": "X, (1, 0)",
    "pow": "Y, 2.0",
    "random.normal": None,
    "random.set_seed": None,
    "random.uniform": None,
    "random_normal": None,
    "random_uniform": None,
    "range": "5",
    "reciprocal": "Y",
    "reduce_sum": "X, axis=[0, 1]",
    "reshape": "X, (3, 2)",
    "reverse": "X, [1]",
    "rsqrt": "Y",
    "shape": None,
    "set_value": None,
    "sqrt": "Y",
    "squeeze": "X[None], axis=0",
    "stack": "[X, Y], axis=1",
    "sum": "X, axis=1, keepdims=True",
    "tensordot": "X, Y.T, 1",
    "tile": "X, (1, 2)",
    "top_k": "X, 2",
    "transpose": "X",
    "variable": "[1.0, 2.0]",
    "where": "B, X, Y",
    "zeros": "[2, 3]",
}


def _arguments(name):
    last = name.rpartition(".")[2]
    return CALLS.get(name, CALLS.get(last, "X"))


def _results(line, names):
    return [np.asarray(one.detach() if hasattr(one, "detach") else one) for one in _flat(eval(line, names))]


def _flat(value):
    return value if isinstance(value, (tuple, list)) else [value]


def _compare(before, prefix, names):
    ported = port(f"{prefix}\nvalue = {before}\n".encode())
    assert not ported.left, ported.left
    after = ported.code.decode().splitlines()[-1].removeprefix("value = ")
    names = {**names, "X": X, "Y": Y, "B": B, "I": I, "np": np, "torchkeras_shim": keras}
    new = _results(after, {**names, "keras": keras})
    old = _results(before, names)
    assert len(new) == len(old)
    for one, other in zip(new, old, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=after)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("name", [name for name in sorted(counterparts.TENSORFLOW) if _arguments(name) is not None])
def test_tensorflow(name):
    import tensorflow as tf

    _compare(f"tf.{name}({_arguments(name)})", "import tensorflow as tf", {"tf": tf})


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    "name",
    [name for name in sorted({**counterparts.BACKEND, **counterparts.TEMPLATES}) if _arguments(name) is not None],
)
def test_backend(name):
    from keras import backend as K

    arguments = _arguments(name).replace("X", "K.constant(X)").replace("Y", "K.constant(Y)")
    _compare(f"K.{name}({arguments})", "from keras import backend as K", {"K": K})


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tf.matmul(x, y, transpose_a=True)", "ops.matmul"),
        ("tf.one_hot(x, 3, on_value=5.0)", "ops.one_hot"),
        ("tf.where(x)", "ops.where"),
        ("tf.reduce_sum(*args)", "ops.sum"),
        ("tf.shape(x)", "tuple"),
        ("tf.constant(1, shape=(2, 2))", "ops.convert_to_tensor"),
        ("tf.argmax(x, 1, 'int32')", "ops.argmax"),
        ("list(map(tf.reduce_sum, x))", "ops.sum"),
        ("x.dtype == tf.float32", "torch.float32"),
        ("tf.data.Dataset.from_tensor_slices(x)", "DataLoader"),
        ("tf.function(f)", "torch.compile"),
    ],
)
def test_what_has_other_arguments_is_left(line, reason):
    code = f"import tensorflow as tf\n{line}\n".encode()
    ported = port(code)
    assert [note.line for note in ported.left] == [2]
    assert reason in ported.left[0].text
    assert ported.code == code


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("tf.argmax(x)", "keras.ops.argmax(x, axis=0)"),
        ("tf.reduce_mean(input_tensor=x, axis=0, name='m')", "keras.ops.mean(x=x, axis=0)"),
        ("tf.nn.gelu(x)", "keras.ops.gelu(x, approximate=False)"),
        ("tf.cast(x, tf.float32)", 'keras.ops.cast(x, "float32")'),
        ("tf.shape(x)[0]", "keras.ops.shape(x)[0]"),
        ("Dense(3, activation=tf.nn.relu)", "Dense(3, activation=keras.activations.relu)"),
        ("tf.optimizers.Adam(0.1)", "keras.optimizers.Adam(0.1)"),
        ("tf.losses.MeanSquaredError()", "keras.losses.MeanSquaredError()"),
        ("x[:, tf.newaxis]", "x[:, None]"),
        ("tf.random.set_seed(1)", "keras.utils.set_random_seed(1)"),
    ],
)
def test_how_calls_are_written(line, after):
    ported = port(f"import tensorflow as tf\n{line}\n".encode())
    assert not ported.left
    first = "import torchkeras_shim as keras\n" if "keras" in after else ""
    assert ported.code.decode() == f"{first}{after}\n"


def test_every_counterpart_is_there():
    for name in counterparts.TENSORFLOW:
        assert counterparts.of_tensorflow(name).old is not None, name
        assert callable(counterparts.of_tensorflow(name).new)
    for name in counterparts.BACKEND:
        assert callable(counterparts.of_backend(name).new)
    assert functools.reduce(getattr, ["ops", "mean"], keras) is counterparts.of_backend("mean").new
    assert isinstance(keras.ops.ones(2), torch.Tensor)
