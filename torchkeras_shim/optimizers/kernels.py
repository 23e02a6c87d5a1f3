"""Small list operations that the update rules share, and what the fused kernels can do here.

A scale may be a Python float, which needs no kernel of its own, or a 0-d tensor, which a captured step can change.
"""

from __future__ import annotations

from functools import cache

import torch

from torchkeras_shim.core.torch_private import foreach, fused_adam_, fused_adamw_, fused_sgd_

Tensors = list[torch.Tensor] | tuple[torch.Tensor, ...]
Scalar = float | torch.Tensor

# Long enough for a kernel's vectorized path, in which torch 2.6 computes something else with half types.
_PROBE = 67

#: A step count so large that the fused Adam's own bias correction is exactly one.
ENDLESS = 1e30


def add_scaled_(targets: Tensors, updates: Tensors, scale: Scalar) -> None:
    """`target += scale * update` in place."""
    if isinstance(scale, torch.Tensor):
        foreach.add_(targets, foreach.mul(updates, scale))
    else:
        foreach.add_(targets, updates, alpha=scale)


def add_quotient_(targets: Tensors, numerators: Tensors, denominators: Tensors, scale: Scalar) -> None:
    """`target += scale * numerator / denominator` in place."""
    if isinstance(scale, torch.Tensor):
        quotients = foreach.div(numerators, denominators)
        foreach.mul_(quotients, scale)
        foreach.add_(targets, quotients)
    else:
        foreach.addcdiv_(targets, numerators, denominators, scale)


def average_(averages: Tensors, values: Tensors, share: Scalar) -> None:
    """`average = (1 - share) * average + share * value` in place."""
    if isinstance(share, torch.Tensor):
        foreach.mul_(averages, 1.0 - share)
        foreach.add_(averages, foreach.mul(values, share))
    else:
        foreach.lerp_(averages, values, share)


def square_average_(averages: Tensors, values: Tensors, decay: float) -> None:
    """`average = decay * average + (1 - decay) * value**2` in place."""
    foreach.mul_(averages, decay)
    foreach.addcmul_(averages, values, values, 1.0 - decay)


def root_of_sum(values: Tensors, epsilon: float) -> tuple[torch.Tensor, ...]:
    """Returns `sqrt(value + epsilon)`."""
    roots: tuple[torch.Tensor, ...] = foreach.add(values, epsilon)
    foreach.sqrt_(roots)
    return roots


def are_permuted(params: Tensors) -> bool:
    """Returns whether `in_memory_order` makes a difference for some parameters."""
    return params[0].is_cpu and not all(one.is_contiguous() for one in params)


def in_memory_order(*lists: Tensors) -> tuple[Tensors, ...]:
    """Returns the same lists with flat views in the places of tensors whose memory has another order of axes.

    On the CPU torch's fused kernels take ten times as long for such tensors, kernels of convolutions among them: 71 ms,
    not 14, for ResNet50's weights and SGD. The rules look at no shape, and what belongs together has the same strides.

    Args:
        *lists: Parameters, gradients and states, each in the same order.
    """
    first = lists[0]
    places = [
        place for place, one in enumerate(first) if not one.is_contiguous() and _is_dense(one.shape, one.stride())
    ]
    flat = tuple(list(tensors) for tensors in lists)
    for tensors in flat:
        if tensors:
            for place in places:
                tensors[place] = tensors[place].as_strided((tensors[place].numel(),), (1,))
    return flat


@cache
def _is_dense(shape: torch.Size, strides: tuple[int, ...]) -> bool:
    """Returns whether elements fill their memory without holes, in whatever order of the axes."""
    expected = 1
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


@cache
def fused_adam_works(device: torch.device, dtype: torch.dtype) -> bool:
    """Returns whether `torch._fused_adam_` exists for a device and type and gives Keras's rule with an endless step."""
    try:
        for kernel in (fused_adam_, fused_adamw_):
            tensors = [torch.full((_PROBE,), value, device=device, dtype=dtype) for value in (0.0, 2.0, 0.0, 0.0)]
            step = torch.full((), ENDLESS, device=device, dtype=torch.float32)
            parameter, gradient, momentum, velocity = ([tensor] for tensor in tensors)
            kernel(
                parameter, gradient, momentum, velocity, [], [step], lr=1.0, beta1=0.5, beta2=0.75,
                weight_decay=0.0, eps=1.0, amsgrad=False, maximize=False,
            )  # fmt: skip
            if bool(((tensors[0] + 0.5).abs() > 1e-2).any()):  # m = 1, v = 1: -1 / (1 + 1)
                return False
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    return True


@cache
def fused_sgd_works(device: torch.device, dtype: torch.dtype) -> bool:
    """Returns whether `torch._fused_sgd_` exists for a device and type and can carry the rate inside the momentum."""
    try:
        parameter, gradient, momentum = (
            [torch.full((_PROBE,), value, device=device, dtype=dtype)] for value in (0.0, 2.0, 4.0)
        )
        fused_sgd_(
            parameter, gradient, [], weight_decay=0.0, momentum=0.0, lr=0.5, dampening=0.0,
            nesterov=False, maximize=False, is_first_step=False,
        )  # fmt: skip
        if bool(((parameter[0] + 1.0).abs() > 1e-2).any()):  # -0.5 * 2
            return False
        parameter[0].zero_()
        fused_sgd_(
            parameter, gradient, momentum, weight_decay=0.0, momentum=0.5, lr=-1.0, dampening=1.25,
            nesterov=False, maximize=False, is_first_step=False,
        )  # fmt: skip
        return bool(((parameter[0] - 1.5).abs() < 1e-2).all())  # 0.5 * 4 - 0.25 * 2
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False


@cache
def endless_step(device: torch.device) -> torch.Tensor:
    """Returns the shared step count for the fused Adam of a device. Nothing writes to it."""
    return torch.full((), ENDLESS, device=device, dtype=torch.float32)
