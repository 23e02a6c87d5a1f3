"""What may happen to gradients before the update rule: clipping by value, by norm, by the norm of all together."""

from __future__ import annotations

import torch

from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.optimizers.kernels import Tensors
from torchkeras_shim.optimizers.norms import Norms


def clip_by_value(grads: Tensors, limit: float) -> list[torch.Tensor]:
    """Returns the gradients with every element within `[-limit, limit]`."""
    clipped = foreach.clamp_max(grads, limit)
    foreach.clamp_min_(clipped, -limit)
    return list(clipped)


def clip_by_norm(grads: Tensors, limit: float, norms: Norms = foreach.norm) -> list[torch.Tensor]:
    """Returns the gradients, each scaled down to a norm of at most `limit`; `norms` measures them."""
    factors = foreach.clamp_min(norms(grads), limit)
    foreach.reciprocal_(factors)
    foreach.mul_(factors, limit)
    return list(foreach.mul(grads, factors))


def clip_by_global_norm(grads: Tensors, limit: float, norms: Norms = foreach.norm) -> list[torch.Tensor]:
    """Returns the gradients, all scaled by the same factor to a common norm of at most `limit`.

    A norm that is not finite makes every gradient NaN, as in Keras, so that the mistake is seen.
    """
    each = norms(grads)
    first = each[0]
    total = torch.linalg.vector_norm(torch.stack([norm.to(first.device, first.dtype) for norm in each]))
    scale = limit * torch.minimum(1.0 / total, torch.full_like(total, 1.0 / limit)) + (total - total)
    if all(grad.device == first.device and grad.dtype == first.dtype for grad in grads):
        return list(foreach.mul(grads, scale))
    return [grad * scale.to(grad.device, grad.dtype) for grad in grads]
