"""`DeviceMesh`, `TensorLayout` and `LayoutMap`: which axis of which tensor lies on which axis of devices."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import numpy as np

from torchkeras_shim.distribution.devices import list_devices


class DeviceMesh:
    """Devices in a grid whose axes have names.

    Args:
        shape: How many devices each axis has: `(8,)` for data parallel, `(4, 2)` for data and model parallel.
        axis_names: A name for each axis.
        devices: The devices; all there are by default.

    Raises:
        ValueError: If shape, names and devices do not fit one another.

    Example:
        >>> DeviceMesh((1,), ["batch"], ["cpu:0"])
        <DeviceMesh shape=(1,), axis_names=['batch']>
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: Any = None) -> None:
        if not shape or not axis_names:
            raise ValueError(f"Shape and axis_names cannot be empty. Received: shape={shape}, axis_names={axis_names}")
        if len(shape) != len(axis_names):
            raise ValueError(
                f"Shape and axis_names should have same size. Received: shape={shape}, axis_names={axis_names}"
            )
        found = np.array(list_devices() if devices is None else devices)
        if math.prod(shape) != found.size:
            raise ValueError(
                "Shape does not match the number of devices. Each process has one device: start as many by `torchrun`. "
                f"Received: shape={shape}; devices.shape={found.shape}"
            )
        self._shape, self._axis_names, self._devices = shape, axis_names, found.reshape(shape)

    @property
    def shape(self) -> Sequence[int]:
        """How many devices each axis has."""
        return self._shape

    @property
    def axis_names(self) -> Sequence[str]:
        """The names of the axes."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray[Any, Any]:
        """The names of the devices, in the mesh's shape."""
        return self._devices

    def __repr__(self) -> str:
        return f"<{type(self).__name__} shape={self.shape}, axis_names={self.axis_names}>"


class TensorLayout:
    """Which axis of a mesh each axis of a tensor is cut along.

    Args:
        axes: The name of an axis of the mesh for each axis of the tensor, `None` for one that is not cut.
        device_mesh: The mesh; it may be set later, once.

    Raises:
        ValueError: If the mesh has no axis of such a name.

    Example:
        >>> TensorLayout([None, "model"]).axes
        (None, 'model')
    """

    def __init__(self, axes: Sequence[str | None], device_mesh: DeviceMesh | None = None) -> None:
        self._axes, self._device_mesh = tuple(axes), device_mesh
        self._check()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """The names of axes of the mesh."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, device_mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ValueError(f"Cannot override device mesh value. Existing value is {self._device_mesh}")
        self._device_mesh = device_mesh
        self._check()

    def _check(self) -> None:
        if self._device_mesh is not None:
            known, named = set(self._device_mesh.axis_names), set(self._axes) - {None}
            if named - known:
                raise ValueError(f"Invalid axis names for Layout. Valid axis names: {known}, Got {named}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} axes={self.axes}, device_mesh={self.device_mesh}>"


class LayoutMap(MutableMapping[str, Any]):
    """Layouts by regular expressions on the paths of weights.

    A path is looked up as it is; if it is not a key, a key that matches all of it as a regular expression counts,
    and a path that several keys match is an error.

    Args:
        device_mesh: The mesh that the layouts are for.

    Example:
        >>> mesh = DeviceMesh((1,), ["model"], ["cpu:0"])
        >>> layouts = LayoutMap(mesh)
        >>> layouts[".*dense.*kernel"] = (None, "model")
        >>> layouts["encoder/dense_1/kernel"].axes
        (None, 'model')
    """

    def __init__(self, device_mesh: DeviceMesh) -> None:
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh:
        """The mesh that the layouts are for."""
        return self._device_mesh

    def __getitem__(self, key: str) -> Any:
        """Returns the layout of a path; `None` if no key matches.

        Raises:
            ValueError: If several keys match.
        """
        if key in self._layouts:
            return self._layouts[key]
        matches = [pattern for pattern in self._layouts if re.fullmatch(pattern, key)]
        if len(matches) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple layout specification keys: {matches}. Please make sure each "
                "tensor/variable path only matches at most one layout specification key in the LayoutMap."
            )
        return self._layouts[matches[0]] if matches else None

    def __setitem__(self, key: str, layout: Any) -> None:
        """Enters a layout, or a tuple of names of axes, under a path or a regular expression.

        Raises:
            ValueError: If there is one already, or it is not a layout.
        """
        if key in self._layouts:
            raise ValueError(
                f"{key} already exist in the LayoutMap with value {self._layouts[key]}. Please make sure to not use "
                "duplicated keys."
            )
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ValueError(
                f"{layout} should be a TensorLayout type, got {type(layout)}. Write `layout_map[{key!r}] = (None, "
                "'model')`."
            )
        if layout.device_mesh is None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)
