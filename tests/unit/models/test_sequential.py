"""Sequential: the stack, its building, its members of any kind."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras_shim as keras
from torchkeras_shim import layers


class OwnModule(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.scale


def raw():
    return keras.Sequential([nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)])


def data(samples=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(samples, 3, 4)).astype("float32"), rng.integers(0, 3, samples)


def test_raw_torch_modules_compile_fit_evaluate_predict_and_summarise(capsys):
    x, y = data()
    model = raw()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    before = [p.detach().clone() for p in model.parameters()]
    model.fit(x, y, verbose=0)
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert len(model.evaluate(x, y, verbose=0)) == 2
    assert model.predict(x, verbose=0).shape == (40, 3)
    model.summary()
    printed = capsys.readouterr().out
    assert "linear (Linear)" in printed
    assert "131" in printed


def test_deferred_build_waits_for_the_first_data():
    model = keras.Sequential([layers.Flatten(), layers.Dense(2)])
    assert not model.built
    assert model.weights == []
    with pytest.raises(AttributeError, match="no defined input shape"):
        _ = model.input_shape
    with pytest.raises(ValueError, match="isn't built"):
        model.count_params()
    model(np.ones((5, 3, 4)))
    assert model.built
    assert [w.path for w in model.weights] == ["sequential/dense/kernel", "sequential/dense/bias"]


def test_fit_knows_the_batch_only_as_none():
    x, y = data()
    model = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert model.input_shape == (None, 3, 4)
    assert model.output_shape == (None, 3)


@pytest.mark.parametrize(
    "first",
    [
        lambda: [keras.Input((4,)), layers.Dense(2)],
        lambda: [layers.InputLayer((4,)), layers.Dense(2)],
        lambda: [layers.Dense(2, input_shape=(4,))],
        lambda: [layers.Dense(2, input_dim=4)],
        lambda: [keras.Sequential([keras.Input((4,)), layers.Dense(2)])],
    ],
)
def test_known_input_builds_at_once(first):
    model = keras.Sequential(first())
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 2)
    assert len(model.layers) == 1
    assert model.count_params() == 10


def test_add_and_pop():
    model = keras.Sequential(name="stack")
    assert bool(model)
    assert len(model) == 0
    model.add(keras.Input((4,)))
    model.add(layers.Dense(3))
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    popped = model.pop()
    assert popped.units == 2
    assert model.output_shape == (None, 3)
    model.add(layers.Dense(5))
    assert model(torch.ones(1, 4)).shape == (1, 5)


def test_indexing_is_that_of_torch():
    model = raw()
    assert isinstance(model[1], nn.Linear)
    assert isinstance(model[-1], nn.Linear)
    assert len(model) == 4
    assert [type(m) for m in model] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]


def test_members_of_every_kind_on_equal_terms():
    x, y = data()
    model = keras.Sequential(
        [nn.Flatten(), layers.Dense(6), torch.relu, OwnModule(), lambda t: t * 2.0, nn.Linear(6, 3), nn.Softmax(dim=-1)]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert list(model.state_dict()) == ["1.kernel", "1.bias", "3.scale", "5.weight", "5.bias"]
    again = copy.deepcopy(model)
    again.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_mode_of_members_follows_the_container():
    dropout = nn.Dropout(0.5)
    model = keras.Sequential([dropout, layers.Dropout(0.5)])
    assert not dropout.training
    x = torch.ones(4, 8)
    assert torch.equal(model(x), x)
    assert not torch.equal(model(x, training=True), x)
    assert not model.training
    assert not dropout.training
    model.train()
    assert dropout.training
    assert torch.equal(model(x, training=False), x)
    assert dropout.training


def test_a_layer_as_attribute_does_not_slip_into_the_stack():
    model = keras.Sequential([layers.Dense(2)])
    model.first = model.layers[0]
    assert model.first is model.layers[0]
    assert len(model.layers) == 1
    with pytest.raises(ValueError, match=r"model\.add\(extra\)"):
        model.extra = layers.Dense(3)


def test_duplicate_names_and_wrong_members_are_refused():
    with pytest.raises(ValueError, match="should have unique names"):
        keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    with pytest.raises(ValueError, match=r"Only instances of `keras.Layer`.*torch.nn.Module"):
        keras.Sequential([3])
    with pytest.raises(TypeError, match="as one list"):
        keras.Sequential(nn.Flatten(), nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r"must come first|already been configured"):
        keras.Sequential([layers.Dense(1), keras.Input((3,))])


def test_uint8_images_are_cast_for_layers_but_integers_stay_for_embeddings():
    images = np.random.default_rng(0).integers(0, 255, (8, 4, 4), dtype="uint8")
    assert keras.Sequential([layers.Flatten(), layers.Dense(2)]).predict(images, verbose=0).shape == (8, 2)
    assert keras.Sequential([nn.Flatten(), nn.Linear(16, 2)]).predict(images, verbose=0).shape == (8, 2)
    tokens = np.random.default_rng(0).integers(0, 50, (8, 5))
    assert keras.Sequential([layers.Embedding(50, 3)]).predict(tokens, verbose=0).shape == (8, 5, 3)
    assert keras.Sequential([nn.Embedding(50, 3)]).predict(tokens, verbose=0).shape == (8, 5, 3)


def test_config_round_trip():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "relu"), layers.Dropout(0.1)], name="net")
    again = keras.Sequential.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    with pytest.raises(NotImplementedError, match="torch module"):
        raw().get_config()


def test_deepcopy_and_pickle_keep_training():
    x, y = data()
    model = keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    for clone in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(clone.predict(x, verbose=0), model.predict(x, verbose=0))
        clone.fit(x, y, verbose=0)
        assert not np.array_equal(clone.predict(x, verbose=0), model.predict(x, verbose=0))


def test_wrong_shapes_name_the_layer():
    model = keras.Sequential([layers.Flatten(), layers.Dense(3, name="scores")])
    model(torch.ones(2, 3, 4))
    with pytest.raises(ValueError, match=r"layer 'scores'.*expected axis -1.*value 12.*\(2, 20\)"):
        model(torch.ones(2, 5, 4))
    with pytest.raises(RuntimeError, match="linear"):
        raw()(torch.ones(2, 5, 4))


def test_get_layer_shows_the_nearest_name():
    model = keras.Sequential([layers.Dense(3, name="scores")])
    assert model.get_layer("scores") is model.layers[0]
    assert model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match="Did you mean 'scores'"):
        model.get_layer("score")


def test_channel_mismatch_between_conventions_names_the_layout():
    model = keras.Sequential([layers.Conv2D(8, 3), nn.Conv2d(8, 4, 3)])
    with pytest.raises(RuntimeError, match=r"Permute\(\(3, 1, 2\)\)"):
        model(torch.ones(1, 12, 12, 3))
