"""The training step of one of several processes over which the weights are cut.

Torch's `fully_shard` gathers a unit's weights before it runs, and adds up its gradients behind the backward pass, so
that each process gets those of its parts. What is left is what `several.py` does, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.optimizers.overwriting import is_overwritten
from torchkeras_shim.training.parts import ExtraLosses, Parts, Step, make_loss, make_update
from torchkeras_shim.training.rounds import exchanged, used_anywhere, with_nothing_missing
from torchkeras_shim.training.several import Together
from torchkeras_shim.training.sharding import whole_steps


def make_sharded_training(parts: Parts) -> Step:
    """Returns the training step of one of several processes that each have a part of every weight."""
    assert parts.processes is not None
    optimizer, processes, parameters = parts.optimizer, parts.processes, parts.parameters
    _refuse_cut_ones(parameters)
    scales = getattr(optimizer, "loss_scale_factor", None) is not None
    extra = ExtraLosses(parts.model)
    loss_of, update = make_loss(parts, extra), make_update(parts)
    apply = optimizer.stepper(parameters)
    together = Together(parts)
    whole = [weight for weight in parameters if not sharded.is_sharded(weight)]
    used: list[torch.Tensor] | None = None  # of those, what takes part in any process

    def training(x: Any, y: Any, sample_weight: Any = None) -> None:
        nonlocal used
        with together, whole_steps(parts.model):
            y_pred, loss = loss_of(x, y, sample_weight)
            (optimizer.scale_loss(loss) if scales else loss).backward()
            with torch.no_grad():
                extra.add_gradients(optimizer.scale_loss(1.0) if scales else 1.0)
                if used is None:
                    takes = used_anywhere(processes, [weight.grad for weight in whole]) if whole else []
                    used = [weight for weight, flag in zip(whole, takes, strict=True) if flag]
                own = with_nothing_missing([weight.grad for weight in used], used)
                for weight, grad in zip(used, exchanged(own, used, processes), strict=True):
                    weight.grad = grad
                apply([parameter.grad for parameter in parameters])
                for parameter in parameters:
                    parameter.grad = None
                update(x, y, sample_weight, y_pred, loss.detach())

    return training


def _refuse_cut_ones(parameters: Sequence[torch.Tensor]) -> None:
    """Refuses gradients that are new values of weights that are cut: torch adds them up.

    Raises:
        NotImplementedError: If there is one.
    """
    for weight in parameters:
        if sharded.is_sharded(weight) and is_overwritten(weight):
            raise NotImplementedError(
                f"Variable '{getattr(weight, 'path', '')}' is cut over processes, so it cannot be overwritten with its "
                "gradient. Set `overwrite_with_gradient = True` before the first `fit`, `evaluate` or `predict`, which "
                "then leaves it whole."
            )
