"""Functional models: torch functions in the graph, overrides, copies, errors, cost."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.layers import called


def simple():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2, name="out")(layers.Dense(3, activation="relu", name="hidden")(inputs)))


def test_torch_functions_and_methods_are_recorded():
    inputs = keras.Input((4,))
    x = torch.relu(layers.Dense(3)(inputs)).sum(dim=1, keepdim=True)
    model = keras.Model(inputs, torch.cat([x, x * 2], dim=-1))
    assert model.output_shape == (None, 2)
    out = model(torch.ones(5, 4))
    torch.testing.assert_close(out[:, 1], out[:, 0] * 2)


def test_torch_modules_need_a_wrapper_and_say_so():
    inputs = keras.Input((4,))
    with pytest.raises(TypeError, match="TorchModuleWrapper"):
        nn.Linear(4, 2)(inputs)
    model = keras.Model(inputs, layers.TorchModuleWrapper(nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)))(inputs))
    assert len(list(model.parameters())) == 2
    model.compile("sgd", "mse")
    before = [p.detach().clone() for p in model.parameters()]
    model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    with pytest.raises(NotImplementedError, match="torch module"):
        model.get_config()


def test_a_wrapped_module_may_be_told_its_output_shape():
    class OnHost(nn.Module):
        def forward(self, x):
            return torch.as_tensor(np.sort(x.detach().numpy()))[:, :2]

    outputs = layers.TorchModuleWrapper(OnHost(), output_shape=[None, 2])(keras.Input((4,)))
    assert outputs.shape == (None, 2)


def test_own_train_step_on_a_functional_model():
    class Own(keras.Model):
        def train_step(self, data):
            self.steps = getattr(self, "steps", 0) + 1
            return super().train_step(data)

    inputs = keras.Input((4,))
    model = Own(inputs, layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4)), np.ones((8, 1)), batch_size=4, verbose=0)
    assert type(model) is Own
    assert model.steps == 2


def test_copies_are_independent():
    model = simple()
    for clone in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(clone(torch.ones(2, 4)), model(torch.ones(2, 4)))
        clone.get_layer("out").bias.assign(np.ones(2))
        assert not torch.equal(clone(torch.ones(2, 4)), model(torch.ones(2, 4)))


def test_training_argument_of_a_symbolic_call_is_kept():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dropout(0.5)(inputs, training=True))
    x = torch.ones(4, 8)
    assert not torch.equal(model(x), x)
    plain = keras.Model(inputs, layers.Dropout(0.5)(inputs))
    assert torch.equal(plain(x), x)


def test_models_are_layers_of_models():
    inner = simple()
    inputs = keras.Input((4,))
    outer = keras.Model(inputs, inner(inputs) + 1.0)
    torch.testing.assert_close(outer(torch.ones(2, 4)), inner(torch.ones(2, 4)) + 1.0)
    assert len(outer.weights) == 4
    inner.trainable = False
    assert outer.trainable_weights == []


def test_state_dict_goes_by_the_place_in_layers():
    assert list(simple().state_dict()) == ["1.kernel", "1.bias", "2.kernel", "2.bias"]


def test_deep_graphs_do_not_recurse():
    x = inputs = keras.Input((2,))
    for _ in range(sys.getrecursionlimit() + 100):
        x = x + 1.0
    assert float(keras.Model(inputs, x)(torch.zeros(1, 2))[0, 0]) == sys.getrecursionlimit() + 100


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(torch.ones(2, 5)), r"expected shape=\(None, 4\), found shape=\(2, 5\)"),
        (lambda m: m([torch.ones(2, 4)] * 2), "expects 1 input"),
        (lambda m: m.get_layer("hiden"), "Did you mean 'hidden'"),
        (lambda m: keras.Model(keras.Input((4,)), m.output), "Graph disconnected"),
        (lambda m: keras.Model(m.input, 3), "must be KerasTensors"),
    ],
)
def test_errors_name_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(simple())


def test_missing_input_of_a_dict_is_named():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, a + b)
    with pytest.raises(ValueError, match='Missing data for input "b"'):
        model({"a": torch.ones(1, 2)})


def test_equal_names_are_refused():
    x = keras.Input((2,))
    with pytest.raises(ValueError, match="used 2 times"):
        keras.Model(x, layers.Dense(1, name="d")(layers.Dense(1, name="d")(x)))


def test_symbolic_tensors_have_no_truth_value():
    x = keras.Input((2,))
    with pytest.raises(TypeError, match="where"):
        bool(x > 0)
    with pytest.raises(ValueError, match="symbolic"):
        np.asarray(x)


@pytest.mark.parametrize("masks", [False, True], ids=["no masks", "masks elsewhere in the process"])
def test_a_call_runs_straight_code(masks, monkeypatch):
    monkeypatch.setattr(called.Flags, "masks", masks)
    model = simple()
    model(torch.ones(2, 4))
    calls = []

    def profile(frame, event, argument):
        if event == "call" and "torchkeras_shim" in frame.f_code.co_filename:
            calls.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        model(torch.ones(2, 4))
    finally:
        sys.setprofile(None)
    # The model, its graph, and two layers with their `call`: nothing that grows with the graph but the layers.
    assert len(calls) <= 8, calls
    assert "hidden" in model._graph.code


def test_structures_that_a_layer_keeps_as_attributes():
    """Lists and dicts become the layer's own kinds when they are assigned."""

    class Pyramid(keras.Model):
        def __init__(self):
            x = keras.Input((3,))
            low = layers.Dense(2)(x)
            high = layers.Dense(4)(low)
            super().__init__(inputs=x, outputs=high)
            self.levels = {"low": low, "high": high}
            self.pair = [high, high]

    model = Pyramid()
    x = torch.ones(5, 3)
    found = keras.Model(model.inputs, model.levels)(x)
    assert {key: tuple(value.shape) for key, value in found.items()} == {"low": (5, 2), "high": (5, 4)}
    torch.testing.assert_close(found["high"], model(x))
    torch.testing.assert_close(keras.Model(model.inputs, layers.Add()(model.pair))(x), 2 * model(x))
