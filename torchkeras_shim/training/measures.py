"""The compiled metrics: what `compile()` was told, resolved against the first batch and then only replayed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import metrics as metrics_module
from torchkeras_shim.core import tree
from torchkeras_shim.training.outputs import Outputs, flattener, identifiers


class Measures:
    """The metrics of a model's outputs.

    Args:
        metrics: `compile()`'s argument: a list, or lists by output.
        weighted_metrics: The same, for metrics that sample weights weigh.
    """

    def __init__(self, metrics: Any, weighted_metrics: Any) -> None:
        self.given = metrics
        self.given_weighted = weighted_metrics
        self.built = False
        self._entries: list[tuple[int, Any, bool, str]] = []

    @property
    def metrics(self) -> list[Any]:
        """The resolved metric objects."""
        return [metric for _, metric, _, _ in self._entries]

    def build(
        self,
        y_true: Any,
        y_pred: Any,
        output_names: Sequence[str] | None,
        device: torch.device,
        with_loss: Sequence[int] = (),
    ) -> None:
        """Resolves names into metric objects; "accuracy" chooses its kind by shape.

        Args:
            y_true: The targets of the first batch.
            y_pred: The outputs, or their symbolic images.
            output_names: The names that the model has for its outputs.
            device: Where the metrics are accumulated.
            with_loss: The places of the outputs that have a loss.
        """
        outputs = self.outputs = Outputs(y_pred, output_names)
        outputs.with_loss = list(with_loss)
        flat_pred = outputs.flatten(y_pred, "y_pred")
        self._flatten_true = flattener(outputs, y_true, "y_true")
        flat_true = self._flatten_true(y_true)
        self._entries = []
        names: set[str] = set()
        plain = self._per_output(self.given, "metrics")
        weighted = self._per_output(self.given_weighted, "weighted_metrics")
        for index, name in enumerate(outputs.names):
            prefix = f"{name}_" if outputs.count > 1 and name else ""
            for identifiers_here, weighs in ((plain[index], False), (weighted[index], True)):
                for identifier in identifiers_here:
                    outputs.require_target(flat_true[index], index, "metrics")
                    metric = metrics_module.as_metric(identifier, flat_true[index], flat_pred[index])
                    metric.to(device)
                    free = _free_name(prefix, metric.name, names, weighs)
                    self._entries.append((index, metric, weighs, free))
        if outputs.count > 1:  # Keras's order
            self._entries.sort(key=lambda entry: entry[3])
        self._only = (
            outputs.single and not tree.is_nested(y_true) and not any(weighted for _, _, weighted, _ in self._entries)
        )
        self.built = True

    @property
    def names(self) -> list[str]:
        """The names of the metrics in logs."""
        return [name for _, _, _, name in self._entries]

    @property
    def direct_updates(self) -> list[Any] | None:
        """The metrics' own `update_state`s, where each batch goes to all of them as it is; `None` if it does not."""
        if not self._entries:
            return []
        return [metric.update_state for metric in self.metrics] if self._only else None

    def _per_output(self, given: Any, argument: str) -> list[list[Any]]:
        if not given:
            return [[]] * self.outputs.count
        if self.outputs.single:
            return [identifiers(given)]
        return [identifiers(entry) for entry in self.outputs.assign(given, argument)]

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Accumulates one batch, on the device."""
        flat_true, flat_pred = self._flatten_true(y_true), self.outputs.flatten(y_pred, "y_pred")
        flat_weight: list[Any] = [None] * self.outputs.count
        if sample_weight is not None:
            flat_weight = flattener(self.outputs, sample_weight, "sample_weight")(sample_weight)
        for index, metric, weighted, _ in self._entries:
            if weighted and flat_weight[index] is not None:
                metric.update_state(flat_true[index], flat_pred[index], flat_weight[index])
            else:
                metric.update_state(flat_true[index], flat_pred[index])

    def results(self) -> dict[str, Any]:
        """Returns the running results by the names of the logs, still on the device."""
        results: dict[str, Any] = {}
        for _, metric, _, name in self._entries:
            result = metric.result()
            if isinstance(result, dict):
                results.update(result)
            else:
                results[name] = result
        return results

    def reset(self) -> None:
        """Starts every metric over."""
        for metric in self.metrics:
            metric.reset_state()


def _free_name(prefix: str, name: str, taken: set[str], weighted: bool) -> str:
    """Returns Keras's name for a metric whose plain name may be taken: `x`, `x_1`, or `weighted_x`."""
    plain, other = f"{prefix}{name}", f"{prefix}weighted_{name}" if weighted else f"{prefix}{name}"
    candidates = itertools.chain([plain, other], (f"{other}_{index}" for index in itertools.count(1)))
    free = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(free)
    return free
