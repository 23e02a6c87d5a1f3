"""Layers whose weights torch's methods have cast compute in the type of their weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.every_layer import EVERY_LAYER, data
from torchkeras_shim import layers
from torchkeras_shim.core import tree

#: One entry of the tables for each class.
CASES = {type(make()).__name__: (make, shapes) for make, shapes in reversed(EVERY_LAYER.values())}
DRAWING = ("Random", "Solarization", "MixUp", "CutMix", "Aug", "Pipeline")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", [name for name in CASES if name != "function"])
def test_every_layer_follows(name, dtype):
    make, shapes = CASES[name]
    layer, several = make(), isinstance(shapes, list)
    inputs = [torch.as_tensor(data(make, shape)) for shape in (shapes if several else [shapes])]
    before = tree.flatten(layer(inputs if several else inputs[0]))
    layer.to(dtype)
    inputs = [x.to(dtype) if x.is_floating_point() else x for x in inputs]
    after = tree.flatten(layer(inputs if several else inputs[0]))
    for old, new in zip(before, after, strict=True):
        assert new.dtype is (dtype if old.is_floating_point() else old.dtype)
        if dtype is torch.float64 and not any(word in name for word in DRAWING):
            torch.testing.assert_close(new.to(old.dtype), old, rtol=1e-3, atol=1e-4)


def stack():
    return keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), layers.Dense(3, "tanh"), layers.Dense(1)])


def graph():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(1)(layers.Activation("tanh")(layers.Dense(3)(inputs * 2.0))))


@pytest.mark.parametrize("make", [stack, graph])
@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_no_digit_is_lost_on_the_way(make, jit_compile):
    x = torch.linspace(0, 1, 32, dtype=torch.float64).reshape(8, 4) / 3
    model = make().double()
    same = model.get_weights()
    assert torch.autograd.gradcheck(model, (x.requires_grad_(),))  # which float32 on the way would fail
    assert (model.input.dtype, model.output.dtype) == ("float64", "float64")
    model.compile("sgd", "mse", jit_compile=jit_compile)
    model.fit(x.detach().numpy(), np.ones((8, 1)), batch_size=4, epochs=4, verbose=0)
    assert {weight.dtype for weight in model.weights} == {torch.float64}
    assert any((new != old).any() for new, old in zip(model.get_weights(), same, strict=True))
    assert model.predict(x.detach().numpy(), verbose=0).dtype == np.float64
    assert model.float()(torch.ones(2, 4)).dtype is torch.float32


def test_layers_that_are_not_built_follow():
    layer = layers.Dense(3).double()
    assert layer(torch.ones(2, 4, dtype=torch.float64)).dtype is torch.float64
    assert layer.kernel.dtype is torch.float64


def test_the_type_is_saved(tmp_path):
    model = stack().double()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = torch.linspace(0, 1, 8, dtype=torch.float64).reshape(2, 4)
    assert torch.equal(loaded(x), model(x))
    assert loaded.layers[1].dtype_policy.name == "float64"


def test_mixed_policies_stay():
    layer = layers.Dense(3, dtype="mixed_bfloat16").double()
    assert layer.dtype_policy.name == "mixed_bfloat16"
    assert layer(torch.ones(2, 4)).dtype is torch.bfloat16


def test_moving_alone_changes_no_policy():
    layer = layers.Dense(3, dtype="float64").to("cpu")
    assert layer.dtype_policy.name == "float64"


def test_text_and_counters_stay():
    layer = layers.StringLookup(vocabulary=["a"])
    layer.double()
    assert layer(np.array(["a"])).dtype is torch.int64
