"""What a summary counts, and that it leaves the model alone."""

from __future__ import annotations

import copy

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers, summary
from torchkeras_shim.core import console


def model_of(*units):
    return keras.Sequential([keras.Input((3,)), *(layers.Dense(n) for n in units)])


def test_it_prints_and_returns_nothing(capsys):
    assert model_of(4, 2).summary() is None
    text = capsys.readouterr().out
    assert text.startswith('Model: "sequential"\n┏')
    assert text.endswith(" Non-trainable params: 0 (0.00 B)\n")


def test_it_may_go_to_a_logger(logged, capsys):
    console.disable_interactive_logging()
    try:
        model_of(4).summary()
    finally:
        console.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert 'Model: "sequential"' in "\n".join(logged)


class Noisy(torch.nn.Module):
    """A module that has everything that a careless summary would disturb."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(3)
        self.drop = torch.nn.Dropout(0.5)
        self.calls = []
        self.norm.register_forward_hook(lambda *_: self.calls.append("hook"))

    def forward(self, x):
        return self.drop(self.norm(x)) + torch.rand_like(x)


@pytest.mark.parametrize("training", [False, True])
def test_it_leaves_the_model_alone(training):
    noisy = Noisy()
    model = keras.Sequential([keras.Input((3,)), noisy, torch.nn.Sequential(torch.nn.Linear(3, 3)), layers.Dense(2)])
    model.train(training)
    model.layers[1][0].eval()
    model.layers[2].trainable = False
    noisy.calls.clear()

    def observed():
        modes = [module.training for module in model.modules()]
        grads = [parameter.requires_grad for parameter in model.parameters()]
        hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
        return modes, grads, hooks, [p.device.type for p in model.parameters()], list(noisy.calls)

    before, state = observed(), copy.deepcopy(model.state_dict())
    random_state = torch.get_rng_state()
    model.summary(expand_nested=True, show_trainable=True, print_fn=lambda text: None)
    assert observed() == before
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in state.items())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_it_does_not_build():
    model = keras.Sequential([layers.Dense(2)])
    rows = summary.summarize(model).rows
    assert (rows[0].output_shape, rows[0].params) == ("?", None)
    assert not model.built
    assert not model.layers[0].built


def test_shared_weights_are_counted_once():
    class Tied(keras.Model):
        def __init__(self):
            super().__init__()
            self.encode = torch.nn.Linear(3, 3)
            self.decode = torch.nn.Linear(3, 3)
            self.decode.weight = self.encode.weight
            self.again = self.encode

        def call(self, inputs):
            return self.again(self.decode(self.encode(inputs)))

    model = Tied()
    model(torch.ones(2, 3))
    data = summary.summarize(model)
    assert [(row.name, row.params) for row in data.rows] == [("encode", 12), ("decode", 12)]
    assert data.total == summary.Count(15, 60)


def test_statistics_of_torch_modules_count_and_counters_do_not():
    model = keras.Sequential([keras.Input((3,)), torch.nn.BatchNorm1d(3)])
    data = summary.summarize(model)
    assert data.rows[0].params == 12
    assert data.trainable.params == 6
    assert data.non_trainable.params == 6


def test_sizes_follow_the_types():
    model = keras.Sequential([keras.Input((3,)), torch.nn.Linear(3, 3).double(), torch.nn.Linear(3, 1).double()])
    assert summary.summarize(model).total == summary.Count(16, 128)
    assert summary.summarize(model.half()).total == summary.Count(16, 32)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_lazy_torch_module_is_not_built():
    model = keras.Sequential([torch.nn.LazyLinear(2)])
    data = summary.summarize(model)
    assert data.rows[0].params is None
    assert data.total.params == 0


def test_several_outputs_show_their_structure():
    class Split(torch.nn.Module):
        def forward(self, x):
            return x[:, :1], (x[:, 1:], x)

    model = keras.Sequential([keras.Input((3,)), Split()])
    assert summary.summarize(model).rows[0].output_shape == "[(None, 1), (None, 2), (None, 3)]"


def test_an_optimizer_of_torch_counts():
    model = model_of(2)
    model.compile(torch.optim.Adam(model.parameters()), "mse")
    model.train_on_batch(torch.ones(2, 3), torch.ones(2, 2))
    data = summary.summarize(model)
    # two moments of 8 weights, a step count for each of the two weights, and the two numbers of the wrapper
    assert data.optimizer is not None
    assert data.optimizer.params == 16 + 2 + 2
    assert data.total.params == 8 + 20


def test_nested_rows_have_levels():
    inner = keras.Sequential([layers.Dense(2), torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU())], name="in")
    model = keras.Sequential([keras.Input((3,)), inner, layers.Dense(1)])
    rows = summary.summarize(model, expand_nested=True).rows
    assert [(row.level, row.kind, row.output_shape) for row in rows] == [
        (0, "Sequential", "(None, 4)"),
        (1, "Dense", "(None, 2)"),
        (1, "Sequential", "(None, 4)"),
        (2, "Linear", "(None, 4)"),
        (2, "ReLU", "(None, 4)"),
        (0, "Dense", "(None, 1)"),
    ]
    assert [row.level for row in summary.summarize(model).rows] == [0, 0]


def test_a_layer_that_fails_to_give_its_shape_hides_nothing():
    class Broken(keras.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight((1,), name="scale")

        def call(self, inputs):
            return inputs * self.scale

        def compute_output_shape(self, input_shape):
            raise RuntimeError("no idea")

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.broken = Broken()

        def call(self, inputs):
            return self.broken(inputs)

    model = Net()
    model(torch.ones(2, 3))
    assert summary.summarize(model).rows == [summary.Row("broken", "Broken", "?", 1, True)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positions": [0.5, 1.0]}, "one value for each of the 3 columns. Received: \\[0.5, 1.0\\]"),
        ({"line_length": 8}, "Insufficient console width to print summary."),
        ({"layer_range": ["dense"]}, "must be a list or tuple of length 2"),
        ({"layer_range": ["dense", "nothing"]}, "The layers are: \\['dense'\\]"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        model_of(2).summary(print_fn=print, **options)
