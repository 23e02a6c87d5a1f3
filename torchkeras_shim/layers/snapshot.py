"""What a run of modules may change, noted before it and put back after it."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from torchkeras_shim.core.seeding import SeedGenerator
from torchkeras_shim.core.sharded import is_sharded
from torchkeras_shim.layers.tracking import attributes_of


class _Value(NamedTuple):
    """A tensor and what it held."""

    tensor: torch.Tensor
    version: int
    held: torch.Tensor

    def put_back(self) -> None:
        """Puts the value back, in place: whoever holds the tensor, in a list or a closure, sees it."""
        changed = self.tensor._version != self.version
        if self.tensor.layout is torch.strided:  # a change through `.data` leaves the version as it is
            changed = changed or not torch.equal(self.tensor, self.held)
        if changed:
            self.tensor.copy_(self.held)


class Snapshot:
    """The values of weights and buffers, the state of metrics and of sources of random numbers, and added losses.

    What a run builds stays: layers that are built on the way are added by `add`, and go back to where their `build`
    left them.

    Args:
        largest: How many elements a tensor may have to be looked after; all by default.
    """

    def __init__(self, largest: float = float("inf")) -> None:
        self._largest = largest
        self._values: dict[int, _Value] = {}
        self._tables: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._losses: list[tuple[list[Any], list[Any]]] = []
        self._seeds: list[tuple[SeedGenerator, tuple[int, int]]] = []

    def add(self, module: torch.nn.Module) -> None:
        """Notes the state of a module and of everything in it."""
        for child in module.modules():
            for table in (child._parameters, child._buffers):
                self._note_table(table)
            losses = child.__dict__.get("_added_losses")
            if losses is not None:
                self._losses.append((losses, list(losses)))
            for value in attributes_of(child):
                if isinstance(value, SeedGenerator):
                    self._seeds.append((value, value.position()))
                elif hasattr(value, "update_state") and hasattr(value, "__dict__"):  # a metric
                    self._note_table(value.__dict__)

    def _note_table(self, table: dict[str, Any]) -> None:
        self._tables.append((table, dict(table)))
        for tensor in table.values():
            if isinstance(tensor, torch.Tensor) and id(tensor) not in self._values and self._is_kept(tensor):
                self._values[id(tensor)] = _Value(tensor, tensor._version, tensor.detach().clone())

    def _is_kept(self, tensor: torch.Tensor) -> bool:
        if (
            is_sharded(tensor)
            or torch.nn.parameter.is_lazy(tensor)
            or tensor.is_inference()
            or tensor.device.type == "meta"
        ):
            return False
        return tensor.numel() <= self._largest

    def restore(self) -> None:
        """Puts everything back."""
        for table, held in reversed(self._tables):  # what was noted first counts
            table.update({key: value for key, value in held.items() if key in table})
        with torch.no_grad():
            for value in self._values.values():
                value.put_back()
        for losses, before in reversed(self._losses):
            losses[:] = before
        for generator, position in reversed(self._seeds):
            generator.set_position(*position)
