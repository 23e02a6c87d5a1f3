"""Attributes that layers and models of Keras 1 and 2 had."""

import importlib

import numpy as np
import pytest
import torch

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]
X = np.ones((2, 4), "float32")


@pytest.fixture
def layers(installed):
    return importlib.import_module("keras.layers")


@pytest.fixture
def models(installed):
    return importlib.import_module("keras.models")


def test_layers_pop_shortens_a_sequential_model(layers, models):
    model = models.Sequential([layers.Dense(3, input_dim=4), layers.Dense(2)])
    expected = model.layers[0](torch.tensor(X)).detach()
    popped = model.layers.pop()
    model.outputs = [model.layers[-1].output]
    model.layers[-1].outbound_nodes = []
    assert popped.units == 2
    assert [layer.units for layer in model.layers] == [3]
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"those of its last layer(?s:.)*keras.Model\(model.inputs, outputs\)"):
        model.outputs = [model.input]


def test_layers_pop_shortens_a_functional_model(layers, models):
    x = layers.Input((4,))
    model = models.Model(x, layers.Dense(2)(layers.Dense(3)(layers.Dense(5)(x))))
    model.layers.pop()
    assert model.output_shape == (None, 3)
    model.outputs = [model.layers[1].output]
    assert model.predict(X, verbose=0).shape == (2, 5)
    found = model.layers
    found.pop(0)
    assert len(model.layers) == len(found) + 1


def test_layers_pop_is_refused_where_it_is_not_clear_what_is_left(layers, models):
    x = layers.Input((4,))
    model = models.Model(x, [layers.Dense(2)(x), layers.Dense(3)(x)])
    with pytest.raises(ValueError, match=r"alone makes the output(?s:.)*keras.Model\(model.inputs"):
        model.layers.pop()


def test_weights_and_arguments_of_keras_1(layers):
    conv = layers.Convolution2D(4, 3, 3, border_mode="same", input_shape=(8, 8, 1))
    conv.build((None, 8, 8, 1))
    assert conv.W is conv.kernel
    assert conv.b is conv.bias
    assert (conv.nb_filter, conv.border_mode, conv.subsample) == (4, "same", (1, 1))
    lstm, embedding, norm = layers.LSTM(3), layers.Embedding(4, 2), layers.BatchNormalization()
    lstm.build((None, 5, 2))
    embedding.build((None, 1))
    norm.build((None, 3))
    assert lstm.U is lstm.cell.recurrent_kernel
    assert embedding.W is embedding.embeddings
    assert norm.running_std is norm.moving_variance
    assert layers.Dropout(0.3).p == 0.3
    assert not hasattr(layers.Dense(2), "W")


def test_weights_of_a_users_layer_come_first(layers):
    class Twice(layers.Dense):
        def build(self, input_shape):
            self.W = self.add_weight((1,), name="w")
            super().build(input_shape)

    layer = Twice(3)
    layer.build((None, 4))
    assert layer.W.shape == (1,)


def test_a_phase_that_was_set_holds_for_bare_calls(layers, models):
    K = importlib.import_module("keras.backend")
    model = models.Sequential([layers.Input((50,)), layers.Dropout(0.5)])
    x = torch.ones(4, 50)
    K.set_learning_phase(1)
    assert (model(x) == 0).any()
    assert (layers.Dropout(0.5)(x) == 0).any()
    assert (model(x, training=False) == 1).all()
    assert (model.predict(x, verbose=0) == 1).all()
    K.set_learning_phase(0)
    assert (model(x) == 1).all()
    K.set_learning_phase(1)
    importlib.import_module("torchkeras_shim.compat").uninstall()
    assert (model(x) == 1).all()
