"""Models inside models, written and read by real Keras and here: which call of a nested model is which."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity.oracle import keras


def dense(k, name, value=0.5):
    start = k.initializers.Constant(value), k.initializers.Constant(3 * value)
    return k.layers.Dense(2, kernel_initializer=start[0], bias_initializer=start[1], name=name)


def model(k, name="inner", value=0.5):
    inputs = k.Input((2,), name=f"{name}_in")
    return k.Model(inputs, dense(k, f"{name}_dense", value)(inputs), name=name)


def stack(k):
    return k.Sequential([k.Input((2,)), dense(k, "stack_dense")], name="stack")


def two_inputs(k):
    return k.Input((2,), name="b"), k.Input((2,), name="a")


def called_on_two(k):
    (b, a), inner = two_inputs(k), model(k)
    return k.Model([b, a], [inner(b), inner(a)])


def called_in_another_order(k):
    (b, a), inner = two_inputs(k), model(k)
    inner(k.Input((2,)))  # in no model
    of_a = inner(a)
    return k.Model([b, a], [inner(b), of_a])


def called_on_itself(k):
    inputs, inner = k.Input((2,)), model(k)
    once = inner(inputs)
    return k.Model(inputs, [inner(inner(once)), once])


def autoencoder(k):
    inputs = k.Input((2,))
    return k.Model(inputs, model(k, "decoder", 0.25)(model(k, "encoder")(inputs)))


def sequential_twice(k):
    inputs, inner = k.Input((2,)), stack(k)
    once = inner(inputs)
    return k.Model(inputs, [inner(once), once])


def siamese(k):
    (b, a), inner = two_inputs(k), model(k)
    return k.Model([b, a], k.layers.Concatenate()([inner(a), k.layers.Subtract()([inner(b), inner(a)])]))


def nested_twice(k):
    inner, inputs, outer_inputs = model(k), k.Input((2,)), k.Input((2,))
    outer = k.Model(outer_inputs, inner(inner(outer_inputs)), name="outer")
    return k.Model(inputs, [outer(outer(inputs)), outer(inputs)])


def several_inputs_and_outputs(k):
    (b, a), (q, p) = two_inputs(k), two_inputs(k)
    inner = k.Model([q, p], [dense(k, "one")(k.layers.Subtract()([q, p])), dense(k, "two", 0.25)(p)], name="inner")
    (one, two), (three, four) = inner([b, a]), inner([a, b])
    return k.Model([b, a], [four, one, three, two])


def from_the_middle(k):
    inputs, inner = k.Input((2,)), model(k)
    once = inner(inputs)
    outputs = dense(k, "after", 0.3)(once)
    whole = k.Model(inputs, [inner(outputs), outputs])
    return k.Model(whole.input, [whole.outputs[1], once])


def single_outputs_in_lists(k):
    inner_inputs, inputs = k.Input((2,)), k.Input((2,))
    inner = k.Model([inner_inputs], [dense(k, "inner_dense")(inner_inputs)], name="inner")
    return k.Model([inputs], inner(inner(inputs)[0]))


def stack_of_models(k):
    inputs = k.Input((2,))
    inner = k.Sequential([k.Input((2,)), model(k), dense(k, "after", 0.3)], name="stack")
    return k.Model(inputs, [inner(inner(inputs)), inner(inputs)])


MODELS = [
    called_on_two,
    called_in_another_order,
    called_on_itself,
    autoencoder,
    sequential_twice,
    siamese,
    nested_twice,
    several_inputs_and_outputs,
    from_the_middle,
    single_outputs_in_lists,
    stack_of_models,
]
DATA = [np.array([[1, 2], [-3, 0.5]], "float32"), np.array([[0.3, -1], [2, 4]], "float32")]


def outputs_of(some_model):
    count = len(some_model.inputs)
    outputs = some_model.predict(DATA[:count] if count > 1 else DATA[0], verbose=0)
    return np.stack(outputs if isinstance(outputs, list) else [outputs])


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file", "ignore:The structure of `inputs`")
@pytest.mark.parametrize("build", MODELS)
@pytest.mark.parametrize(("writer", "reader"), [(tks, keras), (keras, tks), (tks, tks)], ids=["to", "from", "own"])
def test_a_file_means_the_same_on_both_sides(build, writer, reader, tmp_path):
    written = build(writer)
    expected = outputs_of(written)
    np.testing.assert_allclose(outputs_of(build(reader)), expected, rtol=1e-5)
    np.testing.assert_allclose(outputs_of(reader.models.model_from_json(written.to_json())), expected, rtol=1e-5)
    for name in ("model.keras", "model.h5"):
        written.save(tmp_path / name)
        read = reader.models.load_model(tmp_path / name)
        np.testing.assert_allclose(outputs_of(read), expected, rtol=1e-5, err_msg=name)
