"""`FullySharded`: weights that each process has a part of, gathered layer by layer where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.distribution.layouts import DeviceMesh
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.distribution.strategies import DataParallel


class FullySharded(DataParallel):
    """Each process has its rows of every batch, and a part of every weight: for models that do not fit one device.

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

    def describe(self, known: Processes) -> str:
        """Returns what the first line of a training says."""
        return (
            f"Training data-parallel on {known.count} processes ({known.backend}), each with its rows of every batch "
            "and its part of every weight."
        )
