"""`train_on_batch`, `test_on_batch` and `predict_on_batch`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.turns import turn_of
from torchkeras_shim.data import choose_adapter
from torchkeras_shim.training import logs as logs_module
from torchkeras_shim.training.binding import Binding
from torchkeras_shim.training.loop import opened
from torchkeras_shim.training.predictions import Predictions


def run_on_batch(
    binding: Binding, x: Any, y: Any, *, training: bool, sample_weight: Any, class_weight: Any, return_dict: bool
) -> Any:
    """Runs one step of training or evaluation on one batch.

    Args:
        binding: What the model was compiled to.
        x: The inputs.
        y: The targets.
        training: Whether to train, or to evaluate.
        sample_weight: A weight for each sample.
        class_weight: Weights by class index.
        return_dict: Whether to return a dict by name instead of a list.
    """
    what = "train_on_batch" if training else "test_on_batch"
    binding.require_compiled(what)
    with opened(binding, what, training) as turn:
        adapter = choose_adapter(
            x, y, sample_weight, batch_size=_length(x), class_weight=class_weight, device=binding.device
        )
        batch = next(iter(binding.team.split(adapter).batches()))
        with turn:
            binding.build(batch)
            binding.team.agree_weights(binding.model)
            turn.renew()
            binding.results.reset()
            binding.recheck_single()
            step = binding.step("fit" if training else "evaluate", planned=0)
            with torch.set_grad_enabled(training):
                returned = step(*batch)
            binding.team.settle(binding.optimizer)
            returned = binding.team.add_up(binding.model.metrics, returned)
            values = logs_module.read(binding.results.logs(returned))
    return values if return_dict else binding.results.in_order(values)


def predict_on_batch(model: Any, x: Any) -> Any:
    """Returns a model's outputs for one batch as numpy arrays."""
    with turn_of(model, "predict_on_batch", training=False) as turn, turn, torch.no_grad():
        model._place()
        adapter = choose_adapter(x, batch_size=_length(x), device=model.device)
        collected = Predictions(adapter.num_samples)
        for inputs, _, _ in adapter.batches():
            collected.add(model.predict_step((inputs,)))
    return collected.result()


def _length(x: Any) -> int | None:
    leaves = [leaf for leaf in tree.flatten(x) if hasattr(leaf, "shape")]
    return int(leaves[0].shape[0]) if leaves and len(leaves[0].shape) else None
