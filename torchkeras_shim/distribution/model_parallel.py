"""`ModelParallel`: weights that are cut over the model axes of a mesh, by rules on their paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.distribution import processes
from torchkeras_shim.distribution.layouts import DeviceMesh, LayoutMap, TensorLayout
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.distribution.strategies import DataParallel, Distribution
from torchkeras_shim.distribution.tensors import torch_mesh


class ModelParallel(Distribution):
    """Weights are cut along axes of a mesh, by rules on their paths.

    What is created while it is in force is laid out: each weight whose path has a layout is cut, one after the other,
    so that no process ever holds the whole of more than one. The processes along the other axes of the mesh get the
    same rows of each batch, and exchange what their parts of the weights make of them (torch's `DTensor` does).

    Args:
        layout_map: The rules.
        batch_dim_name: The axis of the mesh along which batches are cut; the first one by default.
        auto_shard_dataset: See `DataParallel`.
        **kwargs: `device_mesh`, which is that of `layout_map`.

    Raises:
        ValueError: If there is no `LayoutMap`, or the mesh has no such axis.

    Example:
        >>> layouts = LayoutMap(DeviceMesh((1, 1), ["batch", "model"], ["cpu:0"]))
        >>> layouts["dense/kernel"] = (None, "model")
        >>> ModelParallel(layout_map=layouts, batch_dim_name="batch").num_model_replicas
        1
    """

    #: Statistics of batches are those of all rows.
    batch_statistics = "global"
    find_unused_parameters = False

    def __init__(
        self,
        *,
        layout_map: LayoutMap | None = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("device_mesh", None)
        if kwargs:
            raise TypeError(f"ModelParallel() got unexpected keyword arguments: {sorted(kwargs)}")
        if layout_map is None:
            raise ValueError("You must specify a layout_map argument.")
        if not isinstance(layout_map, LayoutMap):
            raise ValueError(f"Argument `layout_map` must be a `LayoutMap` instance. Received: layout_map={layout_map}")
        mesh = layout_map.device_mesh
        super().__init__(mesh, batch_dim_name or mesh.axis_names[0], auto_shard_dataset)
        if self.batch_dim_name not in mesh.axis_names:
            raise ValueError(
                f"`batch_dim_name` must be an axis of the mesh, {list(mesh.axis_names)}. "
                f"Received: batch_dim_name={batch_dim_name!r}"
            )
        self._layout_map = layout_map
        self._data_parallel: DataParallel | None = None
        self._along_batch: Processes | None = None
        self._of_models: Any = None  # torch's mesh of the model axes

    @property
    def layout_map(self) -> LayoutMap:
        """The rules."""
        return self._layout_map

    @property
    def model_axes(self) -> list[str]:
        """The axes of the mesh that weights are cut along: all longer than 1 but that of batches."""
        mesh = self.device_mesh
        named = zip(mesh.axis_names, mesh.shape, strict=True)
        return [name for name, size in named if name != self.batch_dim_name and size > 1]

    @property
    def cuts(self) -> bool:
        """Whether the mesh has an axis to cut along."""
        return bool(self.model_axes)

    @property
    def num_model_replicas(self) -> int:
        """How many copies of the model there are: as many as the mesh has along the axis of batches."""
        return int(self.device_mesh.shape[list(self.device_mesh.axis_names).index(self.batch_dim_name or "")])

    @property
    def data_shard_id(self) -> int:
        """Which part of the data this process has: its place along the axis of batches."""
        known = processes.known()
        if known is None:
            return 0
        ranks = [int(str(name).rpartition(":")[2]) for name in self.device_mesh.devices.reshape(-1)]
        place = np.unravel_index(ranks.index(known.rank), self.device_mesh.devices.shape)
        return int(place[list(self.device_mesh.axis_names).index(self.batch_dim_name or "")])

    def get_variable_layout(self, variable: Any) -> TensorLayout:
        """Returns the layout of a weight by its path."""
        found = self._layout_map[variable.path]
        return super().get_variable_layout(variable) if found is None else found

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """Returns the layout of a tensor in the model by its path."""
        found: TensorLayout | None = self._layout_map[path]
        return found

    # Training -------------------------------------------------------------------------------------------------------

    def as_data_parallel(self) -> DataParallel:
        """Returns the same for a mesh along which nothing but batches are cut: always the same object."""
        if self._data_parallel is None:
            mesh = self.device_mesh
            flat = DeviceMesh((mesh.devices.size,), [self.batch_dim_name or ""], mesh.devices.reshape(-1))
            self._data_parallel = DataParallel(flat, auto_shard_dataset=self.auto_shard_dataset)
        return self._data_parallel

    def share(self, known: Processes) -> tuple[Processes, Distribution]:
        """Returns the processes along the axis of batches."""
        if not self.model_axes:
            return known, self.as_data_parallel()
        if self._along_batch is None:
            self._along_batch = Processes(torch_mesh(self.device_mesh).get_group(self.batch_dim_name))
        return self._along_batch, self

    def describe(self, known: Processes) -> str:
        """Returns what the first line of a training says."""
        named = zip(self.device_mesh.axis_names, self.device_mesh.shape, strict=True)
        axes = ", ".join(f"{size} along '{name}'" for name, size in named)
        return f"Training model-parallel on {known.count} processes ({known.backend}): {axes}."

    # Weights --------------------------------------------------------------------------------------------------------

    def place(self, variable: Any) -> Any:
        """Returns a new weight as this process is to hold it: its part, if a rule says so.

        Raises:
            ValueError: If the weight cannot be cut as the rule says.
        """
        layout = self._layout_map[variable.path]
        known = processes.known()
        if layout is None or known is None or not self.model_axes:
            return variable
        axes = self._cut_axes(layout, tuple(variable.shape), f"weight '{variable.path}'")
        if not any(axes):
            return variable
        from torchkeras_shim.distribution import cut  # DTensor, a second

        if self._along_batch is None:  # the first one: from here on all processes draw the same values
            self.share(known)
            known.spread([variable])
            state = known.from_first(RandomState())
            if known.rank:
                state.restore()
        return cut.cut_variable(variable, *self._placed(axes))

    def lay_out(self, tensor: Any, layout: TensorLayout, what: str) -> Any:
        """Returns a tensor of the model, cut as a rule says.

        Args:
            tensor: The tensor, with this process's rows of the batch.
            layout: The rule.
            what: What it is, for errors.

        Raises:
            ValueError: If it cannot be cut so.
        """
        if processes.known() is None or not self.model_axes:
            return tensor
        names = layout.axes
        if names[:1] == (self.batch_dim_name,):  # the rows of this process are all that there is here
            names = (None, *names[1:])
        axes = self._cut_axes(TensorLayout(names, self.device_mesh), tuple(tensor.shape), what)
        from torchkeras_shim.distribution import cut  # DTensor, a second

        return cut.laid_out(tensor, *self._placed(axes))

    def _placed(self, axes: tuple[str | None, ...]) -> tuple[Any, list[Any]]:
        """Returns torch's mesh of the model axes, and placements on it."""
        from torch.distributed.tensor import Replicate, Shard

        names = self.model_axes
        if self._of_models is None:
            self._of_models = torch_mesh(self.device_mesh)[tuple(names)]
        return self._of_models, [Shard(axes.index(name)) if name in axes else Replicate() for name in names]

    def _cut_axes(self, layout: TensorLayout, shape: tuple[int, ...], what: str) -> tuple[str | None, ...]:
        """Returns the model axis that each axis of a tensor is cut along."""
        received = f"Received: {what} of shape {shape}, axes={layout.axes}, {self.device_mesh}"
        sizes = dict(zip(self.device_mesh.axis_names, self.device_mesh.shape, strict=True))
        named = [name for name in layout.axes if name is not None]
        if len(layout.axes) > len(shape) or len(set(named)) < len(named):
            raise ValueError(
                f"The layout of {what} does not fit: it has at most one entry for each axis of the tensor, and each "
                f"axis of the mesh once. {received}"
            )
        axes = tuple(name if name is not None and sizes[name] > 1 else None for name in layout.axes)
        if self.batch_dim_name in axes:
            raise NotImplementedError(
                f"{what.capitalize()} cannot be cut along '{self.batch_dim_name}', the axis of batches. Give the mesh "
                "another axis and cut along that, such as `DeviceMesh((1, 4), ['batch', 'model'])`. " + received
            )
        for axis, name in enumerate(axes):
            if name is not None and shape[axis] % sizes[name]:
                raise ValueError(
                    f"{what.capitalize()} is to be cut into {sizes[name]} parts along axis {axis}, but {shape[axis]} "
                    f"is not divisible by {sizes[name]}. Change that size, or leave the axis whole (`None`). {received}"
                )
        return axes
