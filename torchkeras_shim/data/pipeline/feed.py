"""How `fit`, `evaluate` and `predict` get the batches of a data set.

Rows of arrays that are only reordered and cut into batches need no pipeline: they become the feed that arrays have, in
the order of the data set. Functions on batches run on what that feed hands out. Anything else goes element by
element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.adapter import Batch as Step
from torchkeras_shim.data.adapter import DataAdapter
from torchkeras_shim.data.array_adapter import ArrayAdapter
from torchkeras_shim.data.packing import unpack_x_y_sample_weight
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.batching import Batch
from torchkeras_shim.data.pipeline.indices import Table
from torchkeras_shim.data.pipeline.mapping import Map, copied
from torchkeras_shim.data.pipeline.node import INFINITE, Node, Through
from torchkeras_shim.data.pipeline.ordering import Repeat, Shuffle, Skip, Take
from torchkeras_shim.data.pipeline.prefetching import Cache, Prefetch
from torchkeras_shim.data.streams import IterableAdapter, Mover, weigher


@dataclass(frozen=True)
class _Plan:
    """Batches of rows of arrays.

    Args:
        batch: The node that makes the batches.
        table: Returns the rows of the next pass.
        length: How many rows a pass has.
        functions: What is done to each batch.
        times: How many passes of the rows one pass of the data set is; negative for no end.
    """

    batch: Batch
    table: Callable[[], Table]
    length: int
    functions: tuple[Callable[[Any], Any], ...] = ()
    times: int = 1

    @property
    def num_batches(self) -> int:
        """How many batches the rows of one pass make."""
        whole, rest = divmod(self.length, self.batch.batch_size)
        return whole + (rest > 0 and not self.batch.drop_remainder)


def _plan(node: Node) -> _Plan | None:
    """Returns how to make a node's batches from rows of arrays, or `None` if they are not made so."""
    if type(node) is Batch:
        source = node.source
        fits = source.indexable and source.cardinality >= 0
        return _Plan(node, source.table, source.cardinality) if fits else None
    if isinstance(node, Map):
        plan = _plan(node.source)
        return None if plan is None else replace(plan, functions=(*plan.functions, node.call))
    if not isinstance(node, Through):
        return None
    plan = _plan(node.source)
    if plan is None:
        return None
    if isinstance(node, Prefetch):
        return plan
    if isinstance(node, Cache):  # nothing to keep if each pass is the same anyway
        return None if plan.functions or _reshuffles(plan.batch.source) else plan
    if isinstance(node, Repeat):
        return replace(plan, times=-1 if min(plan.times, node.count) < 0 else plan.times * node.count)
    if isinstance(node, (Take, Skip)) and plan.times == 1 and node.count >= 0:
        rows, table = node.count * plan.batch.batch_size, plan.table
        if isinstance(node, Take):
            return replace(plan, table=lambda: table().slice(0, rows), length=min(plan.length, rows))
        return replace(plan, table=lambda: table().slice(rows, None), length=max(0, plan.length - rows))
    return None


def _reshuffles(node: Node) -> bool:
    return isinstance(node, Shuffle) or any(_reshuffles(source) for source in node.inputs)


class RowsAdapter(DataAdapter):
    """Batches of rows, passed through functions or repeated.

    Args:
        rows: The feed of the rows. If there are functions, its `x` is the whole batch.
        plan: What is done with its batches.
        class_weight: A dict from class to weight.
        device: Where the batches are needed.
    """

    def __init__(self, rows: ArrayAdapter, plan: _Plan, class_weight: Any, device: torch.device) -> None:
        self._rows = rows
        self._plan = plan
        # Rows in the order of the arrays are views of them, and functions may change their arguments in place.
        self._views = not _reshuffles(plan.batch.source)
        self._weigh = weigher(class_weight)
        self._mover = Mover(device, "dataset")
        self.batch_size = rows.batch_size
        self.num_batches = None if plan.times < 0 else rows.num_batches * plan.times
        if plan.times == 1:
            self.num_samples = rows.num_samples

    @property
    def places(self) -> list[str]:
        """Where each array lives."""
        return self._rows.places

    def batches(self) -> Iterator[Step]:
        """Returns an iterator over one pass of the data set."""
        passes = 0
        while self._plan.times < 0 or passes < self._plan.times:
            passes += 1
            if not self._plan.functions:
                yield from self._rows.batches()
                continue
            for element, _, _ in self._rows.batches():
                if self._views:
                    element = copied(element)
                for function in self._plan.functions:
                    element = function(element)
                yield self._weigh(self._mover(element))


def _is_plain(values: Any) -> bool:
    return values is None or isinstance(values, (torch.Tensor, StringTensor))


def adapter_for(dataset: Any, node: Node, class_weight: Any, device: torch.device) -> DataAdapter:
    """Returns the adapter for a data set of batches.

    Args:
        dataset: The data set.
        node: Its last node.
        class_weight: A dict from class to weight, or `None`.
        device: Where the batches are needed.
    """
    adapter = _rows_adapter(_plan(node), class_weight, device) or IterableAdapter(dataset, class_weight, device)
    adapter.endless = node.cardinality == INFINITE
    return adapter


def _rows_adapter(plan: _Plan | None, class_weight: Any, device: torch.device) -> DataAdapter | None:
    """Returns the adapter for rows of arrays, or `None` if a feed of arrays cannot do what the data set does."""
    if plan is None or not plan.num_batches or not plan.times:
        return None
    if plan.functions and device.type != "cpu":  # functions run on the host
        return None
    columns = plan.batch.source.columns
    if columns is None or not all(_is_plain(column.values) for column in specs.parts_of(columns)):
        return None
    values = specs.map_parts(lambda column: column.values, columns)
    x, y, sample_weight = (values, None, None) if plan.functions else unpack_x_y_sample_weight(values)
    rows = ArrayAdapter(
        x,
        y,
        sample_weight,
        batch_size=plan.batch.batch_size,
        steps=None,
        shuffle=False,
        class_weight=None if plan.functions else class_weight,
        device=device,
        order=lambda: plan.table().orders[0],
        num_samples=plan.length,
        drop_remainder=plan.batch.drop_remainder,
    )
    return rows if plan.times == 1 and not plan.functions else RowsAdapter(rows, plan, class_weight, device)
