"""`remat` and `RematScope`: the second run finds what the first one found, and changes nothing again."""

from __future__ import annotations

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers


def _made(scope, make):
    keras.utils.set_random_seed(1)
    keras.utils.clear_session()
    with scope:
        return make()


def _trained(layer, x, backward=True):
    """Outputs, gradients and state after one run in training mode; the mode is another one in the backward pass."""
    torch.manual_seed(7)
    outputs = layer(x, training=True)
    outputs.square().sum().backward()
    gradients = [weight.grad.clone() for weight in layer.trainable_weights]
    return [outputs.detach(), *gradients, *[weight.detach().clone() for weight in layer.non_trainable_weights]]


CASES = {
    "dense": lambda: layers.Dense(5, activation="tanh", name="one"),
    "dropout": lambda: keras.Sequential([layers.Dense(6), layers.Dropout(0.5), layers.Dense(3)]),
    "seeded": lambda: keras.Sequential([layers.Dense(6), layers.Dropout(0.5, seed=3), layers.Dense(3)]),
    "normalized": lambda: keras.Sequential([layers.Dense(6), layers.BatchNormalization(), layers.Dense(3)]),
    "mixed": lambda: layers.Dense(5, activation="gelu", dtype="mixed_bfloat16", name="one"),
    "recurrent": lambda: layers.LSTM(3, name="one"),
}
SCOPES = {
    "full": {},
    "activations": {"mode": "activations"},
    "larger_than": {"mode": "larger_than", "output_size_threshold": 3},
    "list_of_layers": {"mode": "list_of_layers", "layer_names": ["one"]},
    "none": {"mode": None},
}


@pytest.mark.parametrize("mode", SCOPES)
@pytest.mark.parametrize("case", CASES)
def test_a_scope_changes_neither_values_nor_gradients_nor_state(case, mode):
    x = torch.linspace(-1, 1, 24).reshape((2, 3, 4) if case == "recurrent" else (6, 4))
    plain = _trained(_made(keras.RematScope(mode=None), CASES[case]), x)
    again = _trained(_made(keras.RematScope(**SCOPES[mode]), CASES[case]), x)
    for one, other in zip(again, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


class Counts(layers.Layer):
    """A layer that counts how often it runs."""

    count = 0

    def call(self, inputs):
        self.count += 1
        return torch.tanh(inputs) * torch.sigmoid(inputs)


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({}, 2),
        ({"mode": "larger_than", "output_size_threshold": 7}, 2),
        ({"mode": "larger_than", "output_size_threshold": 8}, 1),
        ({"mode": "list_of_layers", "layer_names": ["counts"]}, 2),
        ({"mode": "list_of_layers", "layer_names": ["other"]}, 1),
        ({"mode": None}, 1),
    ],
)
def test_the_backward_pass_runs_the_layer_again(options, runs):
    with keras.RematScope(**options):
        layer = Counts(name="counts")
    x = torch.ones(2, 4, requires_grad=True)
    layer(x).sum()
    layer.count = 0
    layer(x).sum().backward()
    assert layer.count == runs


def test_the_innermost_scope_counts():
    with keras.RematScope(), keras.RematScope(mode=None):
        assert "_remat" not in layers.Dense(1).__dict__
    assert "_remat" not in layers.Dense(1).__dict__


@pytest.mark.parametrize("kind", ["layer", "method", "closure"])
def test_remat_repeats_random_numbers_and_keeps_statistics(kind):
    def run(wrap):
        keras.utils.set_random_seed(1)
        layer = keras.Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5, seed=1)])
        generator = keras.random.SeedGenerator(5)
        layer.build((None, 4))

        def closed(x, training):
            return layer(x, training=training) * keras.random.uniform((6, 4), seed=generator)

        function = wrap({"layer": layer, "method": layer.__call__, "closure": closed}[kind])
        x = torch.linspace(-1, 1, 24).reshape(6, 4).requires_grad_()
        outputs = function(x, training=True)
        outputs.square().sum().backward()
        return [outputs.detach(), x.grad, *[weight.detach() for weight in layer.weights], generator.state]

    for one, other in zip(run(keras.remat), run(lambda function: function), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_model_of_such_layers_is_trained():
    def trained(mode):
        keras.utils.set_random_seed(2)
        with keras.RematScope(mode=mode):
            model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
        model.compile("adam", "mse")
        x = torch.linspace(-1, 1, 64).reshape(16, 4)
        return model.fit(x, x.sum(1, keepdim=True), batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]

    assert trained("full") == pytest.approx(trained(None), rel=1e-6)


def test_refusals():
    with pytest.raises(ValueError, match="Invalid mode 'some'"):
        keras.RematScope(mode="some")
    with pytest.raises(ValueError, match="Call it inside of a layer"):
        keras.remat(torch.tanh)(keras.Input((3,)))
