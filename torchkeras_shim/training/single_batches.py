"""`train_on_batch`, `test_on_batch` and `predict_on_batch`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.turns import turn_of
from torchkeras_shim.data import choose_adapter, pack_x_y_sample_weight, unpack_x_y_sample_weight
from torchkeras_shim.training import logs as logs_module
from torchkeras_shim.training.binding import Binding
from torchkeras_shim.training.loop import opened
from torchkeras_shim.training.own_steps import (
    make_own_function_step,
    make_own_functions,
    make_own_prediction,
    own_function_name,
)
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


def step_on_batch(binding: Binding, step: Callable[[Any], Any], data: Any, *, training: bool) -> Any:
    """Runs a method for one batch, `train_step` or `test_step`, outside of a loop, and returns what it returns.

    Args:
        binding: What the model was compiled to.
        step: The method.
        data: The batch in Keras's packing, of tensors or arrays.
        training: Whether it trains.
    """
    x, y, sample_weight = unpack_x_y_sample_weight(data)
    what = "train_function" if training else "test_function"
    binding.require_compiled(what)
    with opened(binding, what, training) as turn:
        adapter = choose_adapter(x, y, sample_weight, batch_size=_length(x), device=binding.device)
        batch = next(iter(adapter.batches()))
        with turn:
            binding.build(batch)
            if training:
                binding.build_optimizer()
            turn.renew()
            with torch.set_grad_enabled(training):
                return step(pack_x_y_sample_weight(*batch))


def predict_on_batch(model: Any, x: Any, as_numpy: bool = True) -> Any:
    """Returns a model's outputs for one batch, as numpy arrays or as they are."""
    with turn_of(model, "predict_on_batch", training=False) as turn, turn, torch.no_grad():
        model._place()
        adapter = choose_adapter(x, batch_size=_length(x), device=model.device)
        if not as_numpy:
            return model.predict_step((next(iter(adapter.batches()))[0],))
        make_own_functions(model, "predict")
        own = own_function_name(model, "predict") is not None
        step = make_own_function_step(model, "predict") if own else make_own_prediction(model.predict_step)
        collected = Predictions(adapter.num_samples)
        for inputs, _, _ in adapter.batches():
            collected.add(step(inputs))
    return collected.result()


def _length(x: Any) -> int | None:
    leaves = [leaf for leaf in tree.flatten(x) if hasattr(leaf, "shape")]
    return int(leaves[0].shape[0]) if leaves and len(leaves[0].shape) else None
