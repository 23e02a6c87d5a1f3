"""Torch's optimizers behind Keras's interface."""

from __future__ import annotations

import copy
import functools

import pytest
import torch

from torchkeras_shim import optimizers
from torchkeras_shim.optimizers import TorchOptimizer, as_optimizer


def model():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def run(net, optimizer, steps):
    x = torch.arange(12.0).reshape(4, 3) / 10
    params = list(net.parameters())
    for _ in range(steps):
        grads = torch.autograd.grad(net(x).square().mean(), params)
        optimizer.apply(grads, params)
    return [p.detach().clone() for p in params]


@pytest.mark.parametrize("cls", [torch.optim.SGD, torch.optim.Adam, torch.optim.RAdam])
def test_computes_what_torch_computes(cls):
    net, other = model(), model()
    ours = run(net, TorchOptimizer(cls(net.parameters(), lr=0.1)), 5)
    theirs = cls(other.parameters(), lr=0.1)
    x = torch.arange(12.0).reshape(4, 3) / 10
    for _ in range(5):
        theirs.zero_grad()
        other(x).square().mean().backward()
        theirs.step()
    for one, two in zip(ours, other.parameters(), strict=True):
        torch.testing.assert_close(one, two.detach())


def test_learning_rate_reaches_every_group():
    net = model()
    inner = torch.optim.SGD([{"params": [net.weight]}, {"params": [net.bias], "lr": 0.5}], lr=0.1)
    optimizer = TorchOptimizer(inner)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    optimizer.learning_rate = 0.25
    assert [group["lr"] for group in inner.param_groups] == [0.25, 0.25]
    optimizer.learning_rate.assign(0.125)
    run(net, optimizer, 1)
    assert [group["lr"] for group in inner.param_groups] == [0.125, 0.125]
    inner.param_groups[0]["lr"] = 0.0625  # as a torch scheduler does
    assert float(optimizer.learning_rate) == 0.0625
    with pytest.raises(TypeError, match="to a number only"):
        optimizer.learning_rate = lambda: 0.1


def test_learning_rate_as_a_tensor():
    net = model()
    inner = torch.optim.Adam(net.parameters(), lr=torch.tensor(0.1))
    optimizer = TorchOptimizer(inner)
    optimizer.learning_rate = 0.5
    assert inner.param_groups[0]["lr"].item() == 0.5


def test_torch_schedulers_work_on_the_inner_optimizer():
    net = model()
    inner = torch.optim.SGD(net.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(inner, 1, gamma=0.5)
    optimizer = TorchOptimizer(inner)
    run(net, optimizer, 1)
    scheduler.step()
    assert float(optimizer.learning_rate) == 0.5
    assert int(optimizer.iterations) == 1


def test_gradients_in_place_and_missing():
    net = model()
    optimizer = TorchOptimizer(torch.optim.SGD(net.parameters(), lr=1.0))
    net(torch.ones(1, 3)).sum().backward()
    grad = net.weight.grad
    before = net.bias.detach().clone()
    optimizer.apply([net.weight.grad, None], [net.weight, net.bias])
    assert net.weight.grad is grad
    assert torch.equal(net.bias, before)
    with pytest.raises(ValueError, match="1 gradients for 2 variables"):
        optimizer.apply([grad])


def test_state_is_saved_and_loaded():
    net = model()
    optimizer = TorchOptimizer(torch.optim.Adam(net.parameters(), lr=0.1))
    run(net, optimizer, 3)
    store = {}
    optimizer.save_own_variables(store)
    other_net = copy.deepcopy(net)
    other = TorchOptimizer(torch.optim.Adam(other_net.parameters(), lr=0.5))
    other.load_own_variables(store)
    assert int(other.iterations) == 3
    for one, two in zip(run(net, optimizer, 2), run(other_net, other, 2), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_copies():
    net = model()
    optimizer = TorchOptimizer(torch.optim.Adam(net.parameters(), lr=0.1))
    run(net, optimizer, 2)
    other_net, other = copy.deepcopy((net, optimizer))
    for one, two in zip(run(net, optimizer, 2), run(other_net, other, 2), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize(
    "identifier",
    [
        torch.optim.SGD,
        functools.partial(torch.optim.SGD, lr=0.1),
        lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    ],
)
def test_as_optimizer_makes_one_of_the_parameters(identifier):
    net = model()
    optimizer = as_optimizer(identifier, net.parameters())
    assert isinstance(optimizer, TorchOptimizer)
    assert optimizer.optimizer.param_groups[0]["params"][0] is net.weight


def test_as_optimizer_takes_what_get_takes():
    net = model()
    inner = torch.optim.SGD(net.parameters(), lr=0.1)
    assert as_optimizer(inner, []).optimizer is inner
    own = optimizers.SGD()
    assert as_optimizer(own, []) is own
    assert type(as_optimizer("rmsprop", [])) is optimizers.RMSprop
    assert type(as_optimizer(optimizers.Lion, [])) is optimizers.Lion
    with pytest.raises(ValueError, match="Could not interpret"):
        as_optimizer(lambda parameters: 3, [])


def test_what_it_refuses():
    net = model()
    with pytest.raises(TypeError, match="closure"):
        TorchOptimizer(torch.optim.LBFGS(net.parameters()))
    with pytest.raises(TypeError, match="Expected an instance"):
        TorchOptimizer("adam")
    optimizer = TorchOptimizer(torch.optim.SGD(net.parameters(), lr=0.1))
    with pytest.raises(NotImplementedError, match="has no Keras config"):
        optimizer.get_config()
    with pytest.raises(RuntimeError, match="no update of plain tensors"):
        optimizer.update([], ())
    assert not optimizer.capturable
