"""The running results of a model by the names of the logs."""

from __future__ import annotations

from itertools import chain
from typing import Any

import torch

from torchkeras_shim import metrics as metrics_module
from torchkeras_shim.core.modules import modules_in
from torchkeras_shim.training.measures import Measures
from torchkeras_shim.training.objective import Objective


class Results:
    """The running results of a model: the loss, the losses of single outputs, the compiled metrics, those of layers.

    Args:
        model: The model.
        objective: The compiled loss.
        measures: The compiled metrics.
        loss_tracker: The mean of the loss; `None` before `compile`.
    """

    def __init__(self, model: Any, objective: Objective, measures: Measures, loss_tracker: Any) -> None:
        self._model, self._objective, self._measures = model, objective, measures
        self._tracker = loss_tracker
        self._order: list[str] = []  # of the names of the results that were last asked for

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the losses of single outputs, the compiled metrics and those of layers."""
        return [*self._losses(), *_layer_metrics(self._model), *self._measures.metrics]

    @property
    def compiled(self) -> list[Any]:
        """All metrics but those of layers."""
        return [*self._losses(), *self._measures.metrics]

    @property
    def names(self) -> list[str]:
        """The names of what `evaluate` returns, in its order."""
        measures = self._measures
        compiled = {id(metric): name for metric, name in zip(measures.metrics, measures.names, strict=True)}
        others = [metric.name for metric in self._model.metrics if id(metric) not in compiled]
        tracked = len(self._losses())
        return [*others[:tracked], *compiled.values(), *others[tracked:]]

    def _losses(self) -> list[Any]:
        return [*([] if self._tracker is None else [self._tracker]), *self._objective.trackers]

    def reset(self) -> None:
        """Starts every metric over."""
        for metric in self._model.metrics:
            metric.reset_state()

    def now(self) -> dict[str, Any]:
        """Returns the results by the names of the logs, still on the device."""
        results: dict[str, Any] = {} if self._tracker is None else {"loss": self._tracker.result()}
        results.update({tracker.name: tracker.result() for tracker in self._objective.trackers})
        results.update(self._measures.results())
        known = set(map(id, self.compiled))
        for metric in self._model.metrics:
            if id(metric) not in known:
                result = metric.result()
                results.update(result if isinstance(result, dict) else {metric.name: result})
        self._order = list(results)
        return results

    def logs(self, returned: Any) -> dict[str, Any]:
        """Returns the logs of the batches so far: the metrics' results, or what the user's own step returned."""
        if returned is None:
            return self.now()
        current = self.now()
        if isinstance(returned, dict):
            if set(returned) != set(current):
                return returned
            if "loss" in returned and any(metric is self._tracker for metric in self._model.metrics):
                # A step of the user's own that returns its loss without a tracker: ours has seen nothing.
                current["loss"] = torch.where(self._tracker.count > 0, current["loss"], returned["loss"])
            return current
        raise ValueError(f"`train_step` and `test_step` must return a dict of logs. Received: {returned!r}")

    def in_order(self, values: dict[str, Any]) -> Any:
        """Returns logs as `evaluate` does: the loss first, then the metrics; one number alone if there is one."""
        names = [name for name in self._order if name in values]
        ordered = [values[name] for name in names] + [value for name, value in values.items() if name not in names]
        return ordered[0] if len(ordered) == 1 else ordered


def _layer_metrics(model: Any) -> list[Any]:
    seen: dict[int, Any] = {}
    tables = [module.__dict__ for module in modules_in(model)]
    # Layers have thousands of attributes of few types: nearly always the types tell that there is no metric.
    kinds = set(map(type, chain.from_iterable(map(dict.values, tables))))
    if any(issubclass(kind, metrics_module.Metric) for kind in kinds):
        for value in chain.from_iterable(map(dict.values, tables)):
            if isinstance(value, metrics_module.Metric):
                seen.setdefault(id(value), value)
    return list(seen.values())
