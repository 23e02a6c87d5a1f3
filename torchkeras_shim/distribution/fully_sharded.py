"""`FullySharded`: weights that each process has a part of, gathered layer by layer where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.distribution import processes
from torchkeras_shim.distribution.layouts import DeviceMesh
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.distribution.strategies import DataParallel


class FullySharded(DataParallel):
    """Each process has its rows of every batch, and a part of every weight: for models that do not fit one device.

    If `initialize()` was called before the model is made, each weight is cut as soon as it has its first values, so
    that no process ever holds the whole model.

    Weights, gradients and the optimizer's state are cut over the processes, by torch's `fully_shard`. A layer's weights
    are gathered just before it runs, forward and backward, and let go of after it. Not in Keras.

    The weights after some steps are those of one process that was given the same batches. `fit`, `evaluate` and
    `predict` cut a model when they first run it; reading or writing its weights as a whole (`save`, `load_weights`,
    `get_weights`, `set_weights`) takes all processes from then on, and only the first one writes files.

    Args:
        device_mesh: See `DataParallel`, as for the next two.
        devices: See `DataParallel`.
        auto_shard_dataset: See `DataParallel`.
        batch_statistics: See `DataParallel`.
        units: A function that says of a layer whether its weights are gathered by themselves; what it leaves out is
            gathered with the layer or model that it is in. By default these are the layers of models, and those in
            lists and dicts of layers of the user's own.

    Raises:
        ValueError: See `DataParallel`.

    Example:
        >>> FullySharded(devices=["cpu:0"])
        <FullySharded device_mesh=<DeviceMesh shape=(1,), axis_names=['batch']>>
    """

    def __init__(
        self,
        device_mesh: DeviceMesh | None = None,
        devices: Any = None,
        auto_shard_dataset: bool = True,
        *,
        batch_statistics: str = "global",
        units: Callable[[Any], bool] | None = None,
    ) -> None:
        super().__init__(device_mesh, devices, auto_shard_dataset, batch_statistics=batch_statistics)
        if units is not None and not callable(units):
            raise ValueError(
                "`units` must be a function from a layer to whether its weights are gathered by themselves, such as "
                f"`lambda layer: isinstance(layer, TransformerBlock)`. Received: units={units!r}"
            )
        self.units = units
        self._mesh: tuple[Processes, Any] | None = None

    def place(self, variable: Any) -> Any:
        """Returns a new weight as this process is to hold it: its part, if the processes have found one another.

        All processes make the same model then. The first weight makes sure that they draw the same values.
        """
        known = processes.known()
        if known is None or not variable.trainable or not can_be_cut(variable):
            return variable
        from torchkeras_shim.distribution import waiting  # DTensor, a second

        if self._mesh is None or self._mesh[0] is not known:
            known.spread([variable])
            state = known.from_first(RandomState())
            if known.rank:
                state.restore()
        return waiting.kept_in_part(variable, self.mesh_of(known, variable), axis_to_cut(variable, known.count))

    def mesh_of(self, known: Processes, weight: torch.Tensor) -> Any:
        """Returns torch's mesh of the processes, made once: all of them must ask for it.

        Args:
            known: All processes.
            weight: One of the weights that they have parts of.
        """
        if self._mesh is None or self._mesh[0] is not known:
            from torch.distributed.device_mesh import init_device_mesh

            self._mesh = known, init_device_mesh(weight.device.type, (known.count,))
        return self._mesh[1]

    def describe(self, known: Processes) -> str:
        """Returns what the first line of a training says."""
        return (
            f"Training data-parallel on {known.count} processes ({known.backend}), each with its rows of every batch "
            "and its part of every weight."
        )


def can_be_cut(weight: torch.Tensor) -> bool:
    """Returns whether a weight is of a kind that is cut: no single number, whole number or new value."""
    return weight.ndim > 0 and weight.is_floating_point() and not getattr(weight, "overwrite_with_gradient", False)


def axis_to_cut(weight: torch.Tensor, count: int) -> int:
    """Returns along which axis a weight is cut: into equal parts if there is such an axis, the first one otherwise.

    Args:
        weight: The weight.
        count: How many processes there are.
    """
    even = [axis for axis, size in enumerate(weight.shape) if size and size % count == 0]
    return max(even, key=lambda axis: (axis == 0, weight.shape[axis])) if even else 0
