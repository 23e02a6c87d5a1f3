"""The rules alone: kernels against each other, tensors in place of numbers, memory layouts, devices, no host reads."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from torchkeras_shim import optimizers
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import adam, kernels, sgd

CASES = [
    ("Adam", {"learning_rate": 0.01}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"learning_rate": 0.01}),
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adagrad", {}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Lion", {}),
]
EXTRAS = [
    ("Adam", {"clipnorm": 0.1}),
    ("SGD", {"global_clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.9}),
    ("RMSprop", {"clipvalue": 0.1, "loss_scale_factor": 2.0}),
]


def parameters(device="cpu", dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    values = [torch.randn(*shape, generator=generator) for shape in [(4, 3), (3,), (2, 2, 3, 4)]]
    values[2] = values[2].permute(2, 3, 1, 0)
    return [torch.nn.Parameter(value.to(device, dtype)) for value in values]


def gradients(params, step):
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(p.shape, generator=generator).to(p.device, p.dtype) for p in params]


def run(optimizer, params, steps, first=0):
    for step in range(first, first + steps):
        optimizer.apply(gradients(params, step), params)
    return [p.detach().clone() for p in params]


def assert_all_close(ours, expected, **kwargs):
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, **kwargs)


@pytest.mark.parametrize(("name", "kwargs"), CASES + EXTRAS, ids=str)
def test_tensors_in_place_of_numbers(name, kwargs):
    eager, captured = getattr(optimizers, name)(**kwargs), getattr(optimizers, name)(**kwargs)
    params = parameters()
    expected = run(eager, params, 5)
    params = parameters()
    captured.build(params)
    assert captured.capturable
    scalars = [torch.tensor(value) for value in captured.step_scalars()]
    for step in range(5):
        for scalar, value in zip(scalars, captured.step_scalars(), strict=True):
            scalar.fill_(value)
        captured.update(gradients(params, step), scalars)
        captured.advance()
    assert_all_close(params, expected, rtol=1e-5, atol=1e-6)
    assert int(captured.iterations) == 5


@pytest.mark.parametrize(
    "kwargs", [{"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_overwrite_frequency": 2}]
)
def test_steps_that_differ_are_not_captured(kwargs):
    optimizer = optimizers.Adam(**kwargs)
    optimizer.build(parameters())
    assert not optimizer.capturable
    with pytest.raises(RuntimeError, match="captured"):
        optimizer.update([], ())


@pytest.mark.parametrize(("name", "kwargs"), [case for case in CASES if case[0] in ("Adam", "AdamW", "SGD")], ids=str)
def test_fused_and_foreach_agree(name, kwargs, monkeypatch):
    fused = run(getattr(optimizers, name)(**kwargs), parameters(), 8)
    monkeypatch.setattr(adam.kernels, "fused_adam_works", lambda device, dtype: False)
    monkeypatch.setattr(sgd.kernels, "fused_sgd_works", lambda device, dtype: False)
    assert_all_close(run(getattr(optimizers, name)(**kwargs), parameters(), 8), fused, rtol=1e-5, atol=1e-7)


def test_fused_kernels_are_in_use_on_the_cpu():
    assert kernels.fused_adam_works(torch.device("cpu"), torch.float32)
    assert kernels.fused_sgd_works(torch.device("cpu"), torch.float32)
    assert not kernels.fused_adam_works(torch.device("cpu"), torch.int32)


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=str)
def test_any_layout_of_gradients(name, kwargs):
    optimizer = getattr(optimizers, name)(**kwargs)
    params = parameters()
    assert not params[2].is_contiguous()
    expected = run(getattr(optimizers, name)(**kwargs), parameters(), 4)
    for step in range(4):
        contiguous = [grad.contiguous() for grad in gradients(params, step)]
        strided = [torch.empty_like(p).detach().copy_(g) for p, g in zip(params, contiguous, strict=True)]
        optimizer.apply(contiguous if step % 2 else strided, params)
    assert_all_close(params, expected, rtol=0, atol=0)
    for slot, owner in optimizer._slot_owners:
        assert slot.stride() == owner.stride()


def test_other_kinds_of_gradients():
    expected = run(optimizers.Adam(), parameters(), 1)
    params = parameters()
    grads = gradients(params, 0)
    odd = [grads[0].double(), grads[1].to_sparse(), grads[2].numpy()]
    optimizers.Adam().apply(odd, params)
    assert_all_close(params, expected)
    params = parameters()
    connected = [grad.requires_grad_() * 1 for grad in grads]
    optimizer = optimizers.Adam()
    optimizer.apply(connected, params)
    assert_all_close(params, expected)
    assert all(p.grad_fn is None and p.is_leaf for p in params)
    assert all(not v.requires_grad for v in optimizer.variables)


@pytest.mark.parametrize(("name", "kwargs"), CASES + EXTRAS, ids=str)
def test_gradients_are_left_alone(name, kwargs):
    params = parameters()
    optimizer = getattr(optimizers, name)(**kwargs)
    for step in range(2):
        grads = gradients(params, step)
        before = copy.deepcopy(grads)
        optimizer.apply(grads, params)
        assert_all_close(grads, before, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "kwargs"), CASES + EXTRAS, ids=str)
@pytest.mark.parametrize("schedule", [False, True])
def test_no_host_read_in_a_step(name, kwargs, schedule, monkeypatch):
    if schedule:
        kwargs = {**kwargs, "learning_rate": optimizers.schedules.CosineDecay(0.1, 100)}
    params = parameters()
    optimizer = getattr(optimizers, name)(**kwargs)
    run(optimizer, params, 2)

    def refuse(*_):
        raise AssertionError("a host read inside a step")

    for method in ("item", "__float__", "__bool__", "__int__", "tolist", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, method, refuse)
    run(optimizer, params, 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop"])
def test_other_float_types(name, dtype):
    params = parameters(dtype=dtype)
    result = run(getattr(optimizers, name)(learning_rate=0.1), params, 3)
    expected = run(getattr(optimizers, name)(learning_rate=0.1), parameters(), 3)
    assert all(p.dtype == dtype for p in result)
    tolerance = {torch.float64: 1e-5, torch.float16: 1e-2, torch.bfloat16: 8e-2}[dtype]
    assert_all_close([p.float() for p in result], expected, rtol=tolerance, atol=tolerance)


def test_mixed_types_in_one_list():
    low = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    high = torch.nn.Parameter(torch.ones(2))
    optimizer = optimizers.Adam(0.1, global_clipnorm=1.0)
    for _ in range(2):
        optimizer.apply([torch.ones(3, dtype=torch.float64), torch.ones(2)], [low, high])
    torch.testing.assert_close(low.detach(), torch.full((3,), 0.8, dtype=torch.float64), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(high.detach(), torch.full((2,), 0.8), rtol=1e-5, atol=1e-6)


def test_state_follows_a_moved_model():
    module = torch.nn.Linear(3, 2)
    reference = copy.deepcopy(module).double()
    optimizer, other = optimizers.Adam(0.01), optimizers.Adam(0.01)
    for step in range(2):
        optimizer.apply([torch.full_like(p, step + 1.0) for p in module.parameters()], module.parameters())
        other.apply([torch.full_like(p, step + 1.0) for p in reference.parameters()], reference.parameters())
    module.double()
    for _ in range(2):
        optimizer.apply([torch.full_like(p, -1.0) for p in module.parameters()], module.parameters())
        other.apply([torch.full_like(p, -1.0) for p in reference.parameters()], reference.parameters())
    assert all(slot.dtype == torch.float64 for slot in optimizer.variables[2:])
    assert_all_close(module.parameters(), reference.parameters(), rtol=1e-5, atol=1e-6)


def test_swapped_memory_is_noticed():
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = optimizers.SGD(0.5)
    optimizer.apply([torch.ones(3)], [w])
    w.data = torch.zeros(3)
    optimizer.apply([torch.ones(3)], [w])
    torch.testing.assert_close(w.detach(), torch.full((3,), -0.5))


@pytest.mark.parametrize(("name", "kwargs"), CASES + EXTRAS, ids=str)
def test_devices_agree(name, kwargs, device):
    on_device = run(getattr(optimizers, name)(**kwargs), parameters(device), 5)
    on_cpu = run(getattr(optimizers, name)(**kwargs), parameters(), 5)
    assert_all_close([p.cpu() for p in on_device], on_cpu, rtol=1e-4, atol=1e-5)


def test_variables_of_ours_and_of_torch_together():
    ours, plain = Variable([1.0, 2.0], name="w"), torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = optimizers.SGD(0.5, momentum=0.9)
    optimizer.apply([torch.ones(2), torch.ones(1)], [ours, plain])
    assert [v.name for v in optimizer.variables] == ["iteration", "learning_rate", "w_momentum", "variable_1_momentum"]
    assert ours.tolist() == [0.5, 1.5]
    assert plain.tolist() == [2.5]


def test_autograd_notices_the_change():
    w = torch.nn.Parameter(torch.ones(3))
    loss = (w * w).sum()
    # Torch's fused kernels do not count a change of memory; the foreach ones do.
    optimizers.RMSprop().apply([torch.ones(3)], [w])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize(("name", "kwargs"), CASES + EXTRAS, ids=str)
def test_update_can_be_traced(name, kwargs):
    params = parameters()
    expected = run(getattr(optimizers, name)(**kwargs), parameters(), 4)
    optimizer = getattr(optimizers, name)(**kwargs)
    optimizer.build(params)
    optimizer.prepare()
    scalars = [torch.tensor(value) for value in optimizer.step_scalars()]
    changed = [*params, *optimizer.variables]
    before = [tensor.detach().clone() for tensor in changed]
    traced = make_fx(lambda grads, scalars: optimizer.update(grads, scalars))(gradients(params, 0), scalars)
    with torch.no_grad():
        for tensor, value in zip(changed, before, strict=True):  # tracing runs the step
            tensor.copy_(value)
    for step in range(4):
        for scalar, value in zip(scalars, optimizer.step_scalars(), strict=True):
            scalar.fill_(value)
        traced(gradients(params, step), scalars)
        optimizer.advance()
    assert_all_close(params, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam", "adamw"])
def test_kernels_of_convolutions_are_updated_as_flat_memory(rule, monkeypatch):
    make = {
        "sgd": lambda: optimizers.SGD(0.1),
        "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
        "adam": lambda: optimizers.Adam(0.1),
        "adamw": lambda: optimizers.AdamW(0.1),
    }[rule]
    values, gradients = torch.randn(2, 3, 4, 5), [torch.randn(2, 3, 4, 5) for _ in range(3)]
    seen = []
    for name in ("fused_sgd_", "fused_adam_", "fused_adamw_"):
        for module in (sgd, adam):
            kernel = getattr(module, name, None)
            if kernel is not None:
                monkeypatch.setattr(
                    module, name, lambda p, *a, kernel=kernel, **k: seen.extend(p) or kernel(p, *a, **k)
                )

    def trained(permuted):
        value = values.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0) if permuted else values.clone()
        weight, bias = torch.nn.Parameter(value), torch.nn.Parameter(torch.zeros(5))
        hole = torch.nn.Parameter(torch.zeros(4, 5)[:, ::2])
        optimizer = make()
        for gradient in gradients:
            grads = [torch.empty_like(weight).copy_(gradient).detach(), torch.ones(5), torch.ones(4, 3)]
            optimizer.apply(grads, [weight, bias, hole])
        return weight.detach(), bias.detach(), hole.detach()

    for one, other in zip(trained(True), trained(False), strict=True):
        assert torch.allclose(one, other, atol=1e-7)
    assert {tensor.shape for tensor in seen} >= {(120,), (2, 3, 4, 5)}
