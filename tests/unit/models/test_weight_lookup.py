"""`Dense` takes its weights from torch's table; whatever replaces them there must be what it computes with."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch.nn.utils import parametrize, prune

from torchkeras_shim import layers


def built(**kwargs):
    layer = layers.Dense(3, **kwargs)
    layer(torch.ones(2, 4))
    return layer


X = torch.arange(8.0).reshape(2, 4)


class Doubled(torch.nn.Module):
    def forward(self, weight):
        return 2 * weight


@pytest.mark.parametrize(("name", "use_bias"), [("kernel", True), ("kernel", False), ("bias", True)])
def test_parametrizations(name, use_bias):
    layer = built(use_bias=use_bias, bias_initializer="ones")
    expected = layer(X)
    kernel, bias = layer.kernel.detach().clone(), 1.0 if use_bias else 0.0
    parametrize.register_parametrization(layer, name, Doubled())
    doubled = X @ kernel * 2 + bias if name == "kernel" else X @ kernel + 2 * bias
    torch.testing.assert_close(layer(X), doubled)
    parametrize.remove_parametrizations(layer, name, leave_parametrized=False)
    torch.testing.assert_close(layer(X), expected)


def test_pruning_functional_calls_and_copies():
    layer = built()
    kernel = layer.kernel.detach().clone()
    zeros = {"kernel": torch.zeros(4, 3), "bias": torch.ones(3)}
    torch.testing.assert_close(torch.func.functional_call(layer, zeros, (X,)), torch.ones(2, 3))
    torch.testing.assert_close(layer(X), X @ kernel)
    other = copy.deepcopy(layer)
    with torch.no_grad():
        other.kernel.zero_()
    assert not other(X).any()
    assert layer(X).any()
    prune.l1_unstructured(layer, "kernel", amount=6)
    torch.testing.assert_close(layer(X), X @ (kernel * layer.kernel_mask))
    assert (layer.kernel_mask == 0).sum() == 6


def test_a_subclass_may_compute_its_kernel():
    class Halved(layers.Dense):
        @property
        def kernel(self):
            if "kernel" not in self._parameters:
                raise AttributeError("kernel")
            return self._parameters["kernel"] / 2

    layer = Halved(3)
    layer(torch.ones(2, 4))
    torch.testing.assert_close(layer(X), X @ layer._parameters["kernel"] / 2)


def test_a_bias_may_be_taken_away_and_hooks_come_later():
    layer = built(bias_initializer="ones")
    kernel = layer.kernel
    torch.testing.assert_close(layer(X), X @ kernel + 1)
    layer.bias = None
    torch.testing.assert_close(layer(X), X @ kernel)
    layer.register_forward_hook(lambda module, args, output: output + 5)
    torch.testing.assert_close(layer(X), X @ kernel + 5)


def test_compiled():
    layer = built(activation="relu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(X), layer(X))
        with torch.no_grad():
            layer.kernel.fill_(1.0)
        torch.testing.assert_close(compiled(X), X.sum(1, keepdim=True).expand(2, 3))
