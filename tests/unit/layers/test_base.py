"""The base of all layers: building, tracking, modes, errors."""

from __future__ import annotations

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers


class Scale(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale


def test_weights_in_call_are_refused_with_the_lines_to_write():
    class Wrong(layers.Layer):
        def call(self, inputs):
            return inputs * self.add_weight(shape=(1,), name="late")

    with pytest.raises(ValueError, match=r"(?s)already built.*'late'.*def build"):
        Wrong()(torch.ones(2, 3))


def test_builds_that_call_their_parents_may_go_on():
    class More(Scale):
        def build(self, input_shape):
            super().build(input_shape)
            self.shift = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="shift")

    layer = More()
    layer(torch.ones(2, 3))
    assert [w.path for w in layer.weights] == ["more/scale", "more/shift"]


def test_what_is_wrong_beforehand_leaves_no_weights():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="min_ndim=2"):
        layer(torch.ones(5))
    assert not layer.built
    assert layer(torch.ones(2, 4)).shape == (2, 3)


def test_modes_of_a_call_are_put_back_one_by_one():
    model = keras.Sequential([layers.Dropout(0.5), torch.nn.BatchNorm1d(3)])
    model[1].train()
    model(torch.ones(4, 3), training=True)
    assert [module.training for module in (model, model[0], model[1])] == [False, False, True]


def test_buffers_stay_variables_when_the_layer_moves():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    layer.double()
    assert isinstance(layer.moving_mean, keras.Variable)
    layer.moving_mean.assign([1.0, 2.0, 3.0])
    assert layer.moving_mean.dtype == torch.float64


def test_attributes_that_would_hide_a_method_of_torch_are_refused():
    layer = Scale()
    with pytest.raises(ValueError, match="modules_"):
        layer.modules = layers.Dense(1)


def test_unknown_arguments_are_keras_own_error():
    with pytest.raises(ValueError, match="Unrecognized keyword arguments passed to Dense"):
        layers.Dense(3, unit=4)


def test_added_losses_may_be_plain_numbers():
    class Penalty(layers.Layer):
        def call(self, inputs):
            self.add_loss(1.5)
            return inputs

    model = keras.Sequential([layers.Dense(1), Penalty()])
    model.compile("sgd", "mse")
    x, y = torch.ones(4, 2), torch.ones(4, 1)
    with_penalty = model.evaluate(x, y, verbose=0)
    assert with_penalty == pytest.approx(1.5 + float(((model(x) - y) ** 2).mean().detach()), rel=1e-5)


def test_a_layer_of_ones_own_with_the_name_of_a_known_one():
    class MixUp(keras.layers.Layer):
        def call(self, inputs, training=None):
            return inputs * 2 if training else inputs

    class Dropout(keras.layers.Layer):
        def call(self, inputs, training=None):
            return inputs * 2 if training else inputs

    for kind, training in ((MixUp, True), (Dropout, False)):
        inputs = keras.Input((1,))
        outputs = kind()(inputs, training=training)
        assert outputs._keras_history.operation._inbound_nodes[0].kwargs == {"training": training}
        model = keras.Model(inputs, outputs)
        assert model(torch.ones(1, 1), training=not training).item() == (2 if training else 1)


def test_a_known_layer_called_with_its_default_follows_the_mode():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.Dropout(1.0)(inputs, training=False))
    assert model(torch.ones(1, 1), training=True).item() == 0


def test_spellings_of_types():
    for spelling, expected in (("int", "int32"), ("torch.float16", "float16"), (bool, "bool")):
        weight = keras.layers.Layer().add_weight(shape=(2,), initializer="zeros", dtype=spelling)
        assert keras.backend.standardize_dtype(weight.dtype) == expected


def test_units_are_no_boolean():
    with pytest.raises(ValueError, match="units=True"):
        layers.Dense(True)


@pytest.mark.parametrize("shape", [(-4,), "3", (2.5,), ("3",), ((3,),)], ids=str)
def test_shapes_that_cannot_be(shape):
    with pytest.raises(ValueError, match="Cannot convert"):
        keras.Input(shape)


def test_arguments_of_symbolic_tensors():
    assert keras.KerasTensor((None, 2), sparse=None, ragged=False, name="a").shape == (None, 2)
    with pytest.raises(ValueError, match="Ragged"):
        keras.KerasTensor((2,), ragged=True)


def test_what_keras_asks_of_every_layer():
    class Measuring(layers.Layer):
        def __init__(self):
            super().__init__()
            self.mean = keras.metrics.Mean()

    layer = Measuring()
    assert layer.quantization_mode is None
    assert [variable is own for variable, own in zip(layer.metrics_variables, layer.mean.variables, strict=True)] == [
        True
    ] * len(layer.mean.variables)
    assert keras.Sequential([layers.Dense(1)]).metrics_variables == []
