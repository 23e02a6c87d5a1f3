"""`distribute_tensor`: a tensor cut over the devices of a mesh, as torch's `DTensor`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.distribution import processes
from torchkeras_shim.distribution.layouts import DeviceMesh, TensorLayout

_meshes: dict[int, tuple[DeviceMesh, Any]] = {}


def distribute_tensor(tensor: Any, layout: TensorLayout) -> Any:
    """Cuts a tensor over the devices of a layout's mesh.

    Args:
        tensor: A tensor, the same in all processes, or a `DTensor`, which is laid out anew; a symbolic tensor is
            returned as it is.
        layout: Which of its axes are cut along which of the mesh's.

    Returns:
        A `torch.distributed.tensor.DTensor`; where there is one process only, the tensor.

    Raises:
        ValueError: If the layout has no mesh, or not as many axes as the tensor.

    Example:
        >>> layout = TensorLayout([None, "model"], DeviceMesh((1,), ["model"], ["cpu:0"]))
        >>> distribute_tensor(torch.ones(2, 2), layout).shape
        torch.Size([2, 2])
    """
    if isinstance(tensor, KerasTensor):
        return tensor
    mesh = layout.device_mesh
    if mesh is None:
        raise ValueError(
            "Cannot distribute a tensor by a layout without a mesh. Write `TensorLayout(axes, device_mesh=mesh)`. "
            f"Received: layout={layout}"
        )
    if len(layout.axes) != tensor.ndim:
        raise ValueError(
            "A layout has one entry for each axis of the tensor, `None` where it is not cut. "
            f"Received: layout.axes={layout.axes}, a tensor of shape {tuple(tensor.shape)}"
        )
    if processes.known() is None:
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor  # a second

    placements = placements_of(layout)
    if isinstance(tensor, DTensor):
        return tensor.redistribute(placements=placements)
    return distribute_tensor(tensor, torch_mesh(mesh, tensor.device), placements)


def placements_of(layout: TensorLayout) -> list[Any]:
    """Returns torch's placements, one for each axis of the mesh."""
    from torch.distributed.tensor import Replicate, Shard

    assert layout.device_mesh is not None
    axes = list(layout.axes)
    return [Shard(axes.index(name)) if name in axes else Replicate() for name in layout.device_mesh.axis_names]


def torch_mesh(mesh: DeviceMesh, device: torch.device) -> Any:
    """Returns torch's mesh for one of ours, made once: all processes must ask for it."""
    from torch.distributed.device_mesh import init_device_mesh

    found = _meshes.get(id(mesh))
    if found is None:
        made = init_device_mesh(device.type, tuple(mesh.shape), mesh_dim_names=tuple(mesh.axis_names))
        found = _meshes[id(mesh)] = (mesh, made)
    return found[1]
