"""What may stand for an activation function, how it is written, and what softmax and sigmoid leave behind."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from torchkeras_shim import activations
from torchkeras_shim.core.symbolic import KerasTensor


def test_get_takes_nothing_functions_modules_and_classes():
    module = nn.ReLU()
    assert activations.get(None) is activations.linear
    assert activations.get(torch.relu) is torch.relu
    assert activations.get(module) is module
    assert isinstance(activations.get(nn.ReLU), nn.ReLU)
    assert activations.get("swish") is activations.silu
    assert activations.get({"class_name": "function", "config": "relu", "registered_name": "function"}) is (
        activations.relu
    )

    def mine(x):
        return x

    assert activations.get(mine) is mine


@pytest.mark.parametrize("function", [torch.softmax, F.softmax, torch.sigmoid, torch.log_softmax])
def test_torch_functions_that_need_more_than_a_tensor_are_replaced(function):
    ours = activations.get(function)
    assert ours in (activations.softmax, activations.sigmoid, activations.log_softmax)
    assert ours(torch.zeros(2, 3)).shape == (2, 3)


def test_an_unknown_name_shows_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        activations.get("rellu")
    with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
        activations.get(3)


@pytest.mark.parametrize("name", ["softmax", "sigmoid"])
def test_logits_stay_on_the_result(name):
    x = torch.randn(2, 3)
    assert getattr(activations, name)(x)._keras_logits is x


def test_softmax_over_another_axis_leaves_no_logits():
    assert not hasattr(activations.softmax(torch.randn(2, 3), axis=0), "_keras_logits")


TORCHS = [
    (torch.relu, "relu"),
    (F.relu, "relu"),
    (torch.tanh, "tanh"),
    (torch.sigmoid, "sigmoid"),
    (F.gelu, "gelu"),
    (F.silu, "silu"),
    (nn.ReLU(), "relu"),
    (nn.ReLU(inplace=True), "relu"),
    (nn.Softmax(dim=-1), "softmax"),
    (nn.GELU(), "gelu"),
    (nn.ELU(), "elu"),
    (nn.Identity(), "linear"),
]


@pytest.mark.parametrize(("torchs", "name"), TORCHS, ids=[name for _, name in TORCHS])
def test_torch_activations_are_written_by_their_counterpart(torchs, name):
    assert activations.serialize(torchs) == name
    x = torch.randn(4, 6)
    kwargs = {"dim": -1} if torchs is F.softmax else {}
    torch.testing.assert_close(activations.get(name)(x), torchs(x.clone(), **kwargs))


@pytest.mark.parametrize("torchs", [nn.ELU(alpha=0.5), nn.GELU("tanh"), nn.Softmax(dim=1), nn.LeakyReLU(), torch.sin])
def test_torch_activations_without_counterpart_say_what_to_do(torchs):
    with pytest.raises(ValueError, match="register_keras_serializable"):
        activations.serialize(torchs)


def test_a_lambda_cannot_be_written():
    with pytest.raises(ValueError, match="lambda"):
        activations.serialize(lambda x: x)


@pytest.mark.parametrize(
    "name", [n for n in activations.ACTIVATIONS.names() if n not in ("threshold", "glu", "linear")]
)
def test_symbolic_tensors_keep_their_shape(name):
    y = activations.get(name)(KerasTensor((None, 4)))
    assert y.shape == (None, 4)
    assert y.dtype == "float32"


def test_symbolic_graph_of_softmax_leaves_logits_too():
    x = KerasTensor((None, 4))
    y = activations.softmax(x)
    value = torch.randn(2, 4)
    assert y._keras_history.operation(value)._keras_logits is value


def test_kernels_compute_the_same():
    x = torch.randn(3, 4)
    for name in activations.ACTIVATIONS.names():
        if name in ("threshold",):
            continue
        function = activations.get(name)
        torch.testing.assert_close(activations.kernel_of(function)(x), function(x))
    module = nn.ReLU()
    assert activations.kernel_of(module) is module
