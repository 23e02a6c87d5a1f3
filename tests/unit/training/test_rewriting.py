"""Recordings are rewritten to less work and the same numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.training.capture.function import Captured

RANDOM = torch.Generator().manual_seed(0)


def replayed(function, *batch):
    """Returns what the function and its replay return, and the names of the replay's kernels."""
    captured = Captured(function)
    for _ in range(3):
        captured(*batch)
    assert captured.refusal is None
    (program,) = captured.programs.values()
    held = [program.namespace[name] for name in re.findall(r"\b(c\d+)\(", program.source)]
    result = captured(*batch)
    assert captured.replayed == 1
    return function(*batch), result, [getattr(one, "__name__", "") for one in held]


def gradient_of(forward):
    def function(x):
        with torch.enable_grad():
            x = x.clone().requires_grad_()
            outputs = forward(x)
            weight = torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape)
            (gradient,) = torch.autograd.grad((outputs * weight).sum(), [x])
        return [outputs.detach(), gradient]

    return function


def nhwc(forward):
    return lambda x: forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


POOLS = {
    "plain": lambda x: nn.functional.max_pool2d(torch.relu(x), 2),
    "overlapping": lambda x: nn.functional.max_pool2d(torch.relu(x), 3, stride=1),
    "padded": lambda x: nn.functional.max_pool2d(torch.relu(x), 3, stride=2, padding=1),
    "channels last": nhwc(lambda x: nn.functional.max_pool2d(torch.relu(x), 2)),
    "permuted between": lambda x: nn.functional.max_pool2d(torch.relu(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), 2),
}


@pytest.mark.parametrize("name", POOLS)
def test_pooling_comes_before_the_rectifier(name):
    x = torch.randn((2, 6, 6, 6), generator=RANDOM)
    x[0, 0, :3, :3] = -1.0  # a window without a positive element
    x[0, 1, :2, :2] = 2.0  # a tie
    x[1, 1, 3, 3] = float("nan")
    expected, got, names = replayed(gradient_of(POOLS[name]), x)
    assert names.index("max_pool2d_with_indices") < names.index("relu")
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: nn.functional.max_pool2d(torch.relu(x), 2).sum() + torch.relu(x).sum(),
        lambda x: (lambda y: nn.functional.max_pool2d(y, 2).sum() + y.mean())(torch.relu(x)),
        lambda x: nn.functional.max_pool2d(torch.relu_(x * 2), 2).sum(),
    ],
    ids=["twice", "used elsewhere", "in place"],
)
def test_what_is_needed_elsewhere_stays(forward):
    x = torch.randn((2, 3, 6, 6), generator=RANDOM)
    expected, got, _ = replayed(gradient_of(forward), x)
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_permutes_that_undo_each_other_vanish():
    x = torch.randn((2, 3, 4, 5), generator=RANDOM)
    _, (got,), names = replayed(lambda x: [x.permute(0, 2, 3, 1).permute(0, 3, 1, 2) + 1], x)
    np.testing.assert_array_equal(got.numpy(), (x + 1).numpy())
    assert names == ["add"]
    _, (got,), names = replayed(lambda x: [x.permute(0, 2, 3, 1).permute(0, 2, 3, 1) + 1], x)
    np.testing.assert_array_equal(got.numpy(), (x.permute(0, 3, 1, 2) + 1).numpy())


def test_constants_are_made_once_and_what_nobody_reads_never():
    def function(x):
        torch.exp(x)
        return [x + torch.ones(3) * 2 + torch.zeros_like(x)]

    x = torch.randn(3, generator=RANDOM)
    (expected,), (got,), names = replayed(function, x)
    assert torch.equal(expected, got)
    assert names == ["add", "add"]


def refused(x):
    total = torch.tensor(0.0)
    total.add_(x.sum())
    return [total]


@pytest.mark.parametrize(
    ("function", "reason"),
    [(refused, "makes from Python numbers"), (lambda x: [x.add_(1)], "changes its input")],
)
def test_what_would_carry_over_to_the_next_run_is_refused(function, reason):
    captured = Captured(function)
    for _ in range(4):
        (result,) = captured(torch.ones(3))
        assert result.sum() == function(torch.ones(3))[0].sum()
    assert reason in captured.refusal


def test_outputs_are_new_each_time():
    captured = Captured(lambda x: [torch.ones(3), x.detach()])
    x = torch.zeros(2)
    for _ in range(3):
        first, second = captured(x)
        first.add_(1)
    assert torch.equal(captured(x)[0], torch.ones(3))
    assert second.data_ptr() == x.data_ptr()


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("pool", [{}, {"pool_size": 3, "strides": 2, "padding": "same"}], ids=["valid", "same"])
def test_a_convolutional_network_trains_to_the_same_numbers(data_format, pool):
    shape = (8, 8, 3) if data_format == "channels_last" else (3, 8, 8)
    x = np.random.default_rng(0).normal(size=(40, *shape)).astype("float32")
    y = np.arange(40) % 3

    def train(jit_compile):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input(shape),
                layers.Conv2D(4, 3, activation="relu", data_format=data_format),
                layers.MaxPooling2D(data_format=data_format, **pool),
                layers.Flatten(),
                layers.Dense(3),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, jit_compile=jit_compile)
        model.fit(x, y, batch_size=8, epochs=3, verbose=0)
        return model.get_weights()

    for one, other in zip(train(False), train("captured"), strict=True):
        np.testing.assert_array_equal(one, other)
