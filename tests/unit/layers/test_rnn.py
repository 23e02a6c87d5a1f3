"""What recurrent layers do that has no counterpart to compare with: dropout, own cells, refusals."""

from __future__ import annotations

import pytest
import torch

from torchkeras_shim import layers

FAMILIES = ("SimpleRNN", "LSTM", "GRU")


class Counter(layers.Layer):
    """A cell that adds up its inputs."""

    state_size = 4

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, [total]


def test_a_cell_of_the_users():
    x = torch.arange(24.0).reshape(2, 3, 4)
    output, state = layers.RNN(Counter(), return_sequences=True, return_state=True)(x)
    assert torch.equal(output, x.cumsum(1))
    assert torch.equal(state, x.sum(1))


@pytest.mark.parametrize("name", FAMILIES)
def test_kernel_and_loop_agree(name):
    torch.manual_seed(0)
    x = torch.randn(3, 7, 4)
    mask = torch.rand(3, 7) > 0.4
    fast = getattr(layers, name)(5, return_sequences=True, return_state=True)
    expected = fast(x, mask=mask)
    slow = layers.RNN(fast.cell, return_sequences=True, return_state=True)
    for one, other in zip(slow(x, mask=mask), expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("arguments", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
@pytest.mark.parametrize("name", FAMILIES)
def test_dropout_only_while_training_and_repeatable_by_seed(name, arguments):
    x = torch.ones(4, 6, 8)
    one, other = (getattr(layers, name)(5, seed=7, **arguments) for _ in range(2))
    plain = one(x)
    other(x)
    other.set_weights(one.get_weights())
    assert torch.equal(plain, one(x))
    first = one(x, training=True)
    assert not torch.allclose(first, plain)
    assert torch.equal(first, other(x, training=True))
    assert not torch.equal(first, one(x, training=True))


def test_use_cudnn_is_refused_where_there_is_no_kernel():
    with pytest.raises(ValueError, match="use_cudnn"):
        layers.LSTM(2, activation="relu", use_cudnn=True)(torch.ones(1, 2, 3))
    with pytest.raises(ValueError, match="use_cudnn"):
        layers.GRU(2, use_cudnn="yes")
    with pytest.raises(ValueError, match="units"):
        layers.SimpleRNN(0)
