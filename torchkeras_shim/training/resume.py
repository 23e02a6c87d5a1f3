"""Going on with a training that was interrupted: at the same batch of the same order, with the same random numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import torch

from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.layers.seeding import generators, layer_generators
from torchkeras_shim.training.binding import Binding
from torchkeras_shim.training.feed import Feed
from torchkeras_shim.training.noise import steps_of


def get_state(model: Any, feed: Feed, epoch: int, batches: int, *, binding: Binding) -> dict[str, Any]:
    """Returns where a training stands, as plain values. Weights and the optimizer's state are kept elsewhere.

    Args:
        model: The model.
        feed: Its training data.
        epoch: The epoch to go on with.
        batches: How many batches of it are done.
        binding: What the model was compiled to. All processes that train ask for the state.
    """
    state: dict[str, Any] = {
        "epoch": epoch,
        "batch": batches,
        "random": RandomState().to_config(),
        "layers": [generator.stand() for generator in layer_generators(model)],
        "data": feed.get_state(batches),
        "seeds": [generator.position() for generator in generators(model)],
        "steps": steps_of(model).number,
        "size": astuple(binding.sizes["fit"]),
    }
    team = binding.team
    team.settle(model.optimizer)  # it is saved next
    if batches:  # the running results of the epoch
        state["metrics"] = [[value.tolist() for value in values] for values in team.values_of(model.metrics)]
    return state


class Resumption:
    """A training that goes on where `get_state` saw it.

    Args:
        state: What `get_state` returned.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.epoch = int(state["epoch"])
        self.batches = int(state.get("batch") or 0) if "data" in state else 0
        self._state = state

    def start(self, model: Any, feed: Feed, binding: Binding) -> Iterator[Any]:
        """Brings data, metrics and generators to where they were. Returns the rest of the epoch's batches."""
        if "random" not in self._state:
            return feed.epoch()
        batches = feed.resume(self._state["data"], RandomState.from_config(self._state["random"]))
        if self.batches:
            _restore_metrics(model.metrics, self._state["metrics"])
            binding.team.keep_once(model.metrics)
        for source, position in zip(generators(model), self._state.get("seeds", ()), strict=False):
            source.set_position(*position)
        size = binding.sizes["fit"]  # so that the first batch runs on as many threads as it would have
        largest, small = self._state.get("size") or astuple(size)
        size.largest, size.small = int(largest), bool(small)
        steps_of(model).number = int(self._state.get("steps") or 0)
        for generator, stand in zip(layer_generators(model), self._state["layers"], strict=False):
            generator.go_on(stand)
        return batches


def _restore_metrics(metrics: list[Any], values: list[list[Any]]) -> None:
    fits = len(metrics) == len(values) and all(
        [tuple(variable.shape) for variable in metric.variables] == [torch.tensor(value).shape for value in saved]
        for metric, saved in zip(metrics, values, strict=False)
    )
    if not fits:
        warnings.warn("The metrics are not those of the interrupted training: they start over.", stacklevel=2)
        return
    with torch.no_grad():
        for metric, saved in zip(metrics, values, strict=True):
            for variable, value in zip(metric.variables, saved, strict=True):
                variable.copy_(torch.tensor(value, dtype=torch.float64).to(variable.dtype))
