"""The compiled loss: what `compile()` was told, resolved against the first batch and then only replayed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim import losses as losses_module
from torchkeras_shim import metrics as metrics_module
from torchkeras_shim.core import tree
from torchkeras_shim.distribution.portion import Portion, Work
from torchkeras_shim.training import joint
from torchkeras_shim.training.outputs import Outputs, flattener, is_config


class Objective:
    """The losses of a model's outputs and their weights.

    Args:
        loss: `compile()`'s argument: one loss for all outputs, or a list or dict by output.
        loss_weights: `compile()`'s argument: a number, or a list or dict by output.
    """

    def __init__(self, loss: Any, loss_weights: Any) -> None:
        self.loss = loss
        self.loss_weights = loss_weights
        self.built = False
        self.trackers: list[Any] = []
        self._entries: list[tuple[Any, Any, float | None]] = []
        #: Whether the first batch of this run was looked at by value.
        self.checked = False
        #: The only loss's short way, a function of `(y_true, y_pred)` that returns `None` where it does not apply;
        #: `None` before the first batch is checked.
        self.fused: Any = None

    @property
    def losses(self) -> list[Any]:
        """The resolved loss objects."""
        return [loss for _, loss, _ in self._entries]

    def build(self, y_true: Any, y_pred: Any, output_names: Sequence[str] | None, device: torch.device) -> None:
        """Resolves names into loss objects and fixes the order of outputs.

        Args:
            y_true: The targets of the first batch.
            y_pred: The outputs, or their symbolic images.
            output_names: The names that the model has for its outputs.
            device: Where the losses of single outputs are accumulated.
        """
        outputs = self.outputs = Outputs(y_pred, output_names)
        is_joint = joint.is_joint(self.loss, outputs.structure)
        if outputs.count > 1 and not is_joint:
            given = outputs.assign(self.loss, "loss")
            outputs.with_loss = [index for index, identifier in enumerate(given) if identifier is not None]
        flat_pred = outputs.flatten(y_pred, "y_pred")
        self._flatten_true = flattener(outputs, y_true, "y_true")
        flat_true = self._flatten_true(y_true)
        terms = joint.joint_terms(outputs, self.loss, self.loss_weights) if is_joint else self._terms()
        self._entries, self.trackers = [], []
        for term in terms:
            for place in tree.flatten(term.places):
                outputs.require_target(flat_true[place], place, "loss")
            true, pred = joint.pick(flat_true, term.places), joint.pick(flat_pred, term.places)
            self._entries.append((term.places, _resolve_loss(term.identifier, true, pred), _as_weight(term.weight)))
        if not self._entries:
            raise ValueError(
                f"No loss is given for any output. Received: loss={self.loss}. Write, for example, "
                "`model.compile(optimizer='adam', loss='sparse_categorical_crossentropy')`."
            )
        if len(self._entries) > 1:
            for term, (_, loss, _) in zip(terms, self._entries, strict=True):
                tracker = metrics_module.Mean(name=f"{term.name or loss.name}_loss")
                tracker.to(device)
                self.trackers.append(tracker)
        # The everyday case gets the shortest way: one output, one loss, no weight of the loss.
        self._only = self._entries[0][1] if outputs.single and self._entries[0][2] is None else None
        self.fused = None
        self.built = True

    def _terms(self) -> list[joint.Term]:
        """Returns the losses of single outputs, in Keras's order: that of a dict, or that of the outputs."""
        outputs = self.outputs
        weights = [None] * outputs.count
        if self.loss_weights is not None:
            weights = outputs.assign(self.loss_weights, "loss_weights")
        given = enumerate(zip(outputs.assign(self.loss, "loss"), weights, outputs.loss_names, strict=True))
        terms = [
            joint.Term(index, one, its_weight, name)
            for index, (loss, weight, name) in given
            for one, its_weight in _each(loss, weight)
        ]
        if isinstance(self.loss, dict) and (keys := outputs.keys):
            order = [key for key in self.loss if key in keys]
            terms.sort(key=lambda term: order.index(keys[term.places]))
        return terms

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        """Returns the weighted sum of all outputs' losses, as a scalar tensor."""
        only = self._only
        if only is not None and self.checked and type(y_true) is torch.Tensor:
            loss: torch.Tensor = only(y_true, y_pred, sample_weight)
            return loss if Work.sharing is None else _share(only, loss, Work.sharing)
        return self._general(y_true, y_pred, sample_weight)

    def _general(self, y_true: Any, y_pred: Any, sample_weight: Any) -> torch.Tensor:
        outputs = self.outputs
        flat_true, flat_pred = self._flatten_true(y_true), outputs.flatten(y_pred, "y_pred")
        flat_weight: list[Any] = [None] * outputs.count
        if sample_weight is not None:
            flat_weight = flattener(outputs, sample_weight, "sample_weight")(sample_weight)
        if not self.checked:
            for index, loss, _ in self._entries:
                if type(index) is int:
                    losses_module.check_first_batch(loss, flat_true[index], flat_pred[index], outputs.names[index])
            self.checked = True
            only = self._only
            alone = Work.sharing is None and isinstance(y_true, torch.Tensor)
            self.fused = only.fused if only is not None and alone else None
        batch = flat_pred[0].shape[0] if flat_pred[0].ndim else 1
        total: torch.Tensor | None = None
        for number, (places, loss, weight) in enumerate(self._entries):
            true, pred = joint.pick(flat_true, places), joint.pick(flat_pred, places)
            value = loss(true, pred, joint.weight_of(flat_weight, places))
            if Work.sharing is not None:
                value = _share(loss, value, Work.sharing)
                if self.trackers:
                    self.trackers[number].total.add_(value.detach(), alpha=Work.sharing.total)
                    self.trackers[number].count.add_(Work.sharing.rows)
            elif self.trackers:
                tracker = self.trackers[number]
                tracker.update_state(value.detach(), sample_weight=batch)
            if weight is not None:
                value = value * weight
            total = value if total is None else total + value
        assert total is not None
        return total

    def forget_checks(self) -> None:
        """Lets the next batch be checked by value again: a new `fit` may bring new data."""
        self.checked = False
        self.fused = None


def _share(loss: Any, value: torch.Tensor, portion: Portion) -> torch.Tensor:
    """Returns this process's share of the loss of a batch: the shares of all processes add up to it."""
    denominator, Work.denominator = Work.denominator, None
    if loss.takes_batch_whole:
        raise ValueError(
            f"The loss '{loss.name}' takes all samples of a batch together, which several processes cannot do each for "
            "its part. Let it take each sample alone, by its argument `axis` if it has one, or train in one process."
        )
    if loss.reduction == "sum":
        return value if portion.rows else value * 0.0
    if denominator is None:
        return value * portion.share
    if not portion.rows:
        denominator = torch.zeros_like(denominator)
    whole = denominator.clone()
    assert Work.processes is not None
    Work.processes.add_up([whole])
    return value * (denominator / torch.where(whole == 0, 1.0, whole))


def _each(identifier: Any, weight: Any) -> list[tuple[Any, Any]]:
    """Returns the losses that one output is given: none, one, or several, which are added up; each with its weight."""
    if identifier is None:
        return []
    if not isinstance(identifier, (list, tuple)):
        return [(identifier, weight)]
    by_loss = isinstance(weight, (list, tuple)) and len(weight) == len(identifier)
    return list(zip(identifier, weight if by_loss else [weight] * len(identifier), strict=True))


def _as_weight(weight: Any) -> float | None:
    try:
        return None if weight is None else float(weight)
    except (TypeError, ValueError):
        raise ValueError(
            f"`loss_weights` must be numbers. Received: {weight!r}. It is `compile`'s third argument; if these are "
            f"metrics, write `metrics=[{weight!r}]`."
        ) from None


def _resolve_loss(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """Turns any identifier into a loss object; "crossentropy" and "ce" choose their kind by shape."""
    if isinstance(identifier, (list, tuple)) and len(identifier) == 1:
        identifier = identifier[0]
    if isinstance(identifier, (list, tuple, dict)) and not is_config(identifier):
        raise ValueError(
            f"Expected one loss for an output, received a {type(identifier).__name__}: {identifier}. Losses of all "
            "outputs together go in front of those of single outputs, in a list where the outputs are a tuple or a "
            "dict, and in a tuple where they are a list: `loss=[of_all, (of_first, of_second)]`."
        )
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        if y_pred.shape[-1] == 1:
            identifier = "binary_crossentropy"
        elif y_true.ndim < len(y_pred.shape) or (y_true.shape[-1] == 1 and y_pred.shape[-1] > 1):
            identifier = "sparse_categorical_crossentropy"
        else:
            identifier = "categorical_crossentropy"
    return losses_module.as_loss(identifier)
