"""`distribute_tensor`: a tensor cut over the devices of a mesh, as torch's `DTensor`."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.sharded import local
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.distribution import processes
from torchkeras_shim.distribution.layouts import DeviceMesh, TensorLayout
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.distribution.strategies import Distribution, distribution

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
        ValueError: If the layout has no mesh, or more axes than the tensor.

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
            "Cannot create sharding when device mesh is not set for TensorLayout. Write `TensorLayout(axes, "
            "device_mesh=mesh)`. "
            f"Received: layout={layout}"
        )
    if len(layout.axes) > tensor.ndim:
        raise ValueError(
            "A layout has at most one entry for each axis of the tensor, `None` where it is not cut. "
            f"Received: layout.axes={layout.axes}, a tensor of shape {tuple(tensor.shape)}"
        )
    if processes.known() is None:
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor  # a second

    placements = placements_of(layout)
    if isinstance(tensor, DTensor):
        return tensor.redistribute(placements=placements)
    return distribute_tensor(tensor, torch_mesh(mesh), placements)


def placements_of(layout: TensorLayout) -> list[Any]:
    """Returns torch's placements, one for each axis of the mesh."""
    from torch.distributed.tensor import Replicate, Shard

    assert layout.device_mesh is not None
    axes = list(layout.axes)
    return [Shard(axes.index(name)) if name in axes else Replicate() for name in layout.device_mesh.axis_names]


def torch_mesh(mesh: DeviceMesh) -> Any:
    """Returns torch's mesh for one of ours, made once: all processes must ask for it."""
    found = _meshes.get(id(mesh))
    if found is None:
        import torch.distributed.device_mesh as meshes

        ranks = [int(str(name).rpartition(":")[2]) for name in mesh.devices.reshape(-1)]
        kind = "cuda" if torch.cuda.is_available() else "cpu"
        grid = torch.tensor(ranks, device="cpu").reshape(tuple(mesh.shape))
        made = meshes.DeviceMesh(kind, grid, mesh_dim_names=tuple(mesh.axis_names))
        found = _meshes[id(mesh)] = (mesh, made)
    return found[1]


def is_cut(module: torch.nn.Module) -> bool:
    """Returns whether rules may cut weights or outputs of a module, so that processes compute parts of each row."""
    if processes.known() is None:
        return False
    current = distribution()
    return (current is not None and current.cuts) or any(
        getattr(weight, "is_cut", False) for weight in module.parameters()
    )


def require_mesh(model: torch.nn.Module, current: Distribution | None) -> None:
    """Checks that a model whose weights are cut runs under the distribution that they are cut for.

    Otherwise processes that have parts of one weight would get different rows.

    Args:
        model: The model.
        current: The distribution that its loop follows.

    Raises:
        ValueError: If that is another one.
    """
    weight: Any = next((one for one in model.parameters() if getattr(one, "is_cut", False)), None)
    if weight is None:
        return
    names = weight.device_mesh.mesh_dim_names
    if current is None or not current.cuts or torch_mesh(current.device_mesh)[names] != weight.device_mesh:
        raise ValueError(
            f"The weight '{weight.path}' is cut along the axes {names} of a mesh, so that the model runs under that "
            f"`ModelParallel` only. Received: {current}. Write `keras.distribution.set_distribution(...)` with it, or "
            "make the model again and copy its weights: `other.set_weights(model.get_weights())`."
        )


def spread(model: torch.nn.Module, along: Processes) -> None:
    """Makes the weights of a model alike: whole ones in all processes, parts in those that have the same part.

    Args:
        model: The model.
        along: The processes that have the same parts.
    """
    tensors = [*model.parameters(), *model.buffers()]
    (processes.known() or along).spread([tensor for tensor in tensors if local(tensor) is tensor])
    along.spread([local(tensor) for tensor in tensors if local(tensor) is not tensor])
