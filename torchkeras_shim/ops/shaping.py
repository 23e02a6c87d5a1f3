"""Functions that change a tensor's shape or the order of its axes, and that join and split tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.errors import AxisError
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor, promote
from torchkeras_shim.ops.value_dependent import by_size

__all__ = [
    "append",
    "array_split",
    "broadcast_to",
    "concatenate",
    "dsplit",
    "dstack",
    "expand_dims",
    "hsplit",
    "hstack",
    "moveaxis",
    "ndim",
    "ravel",
    "reshape",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "transpose",
    "vsplit",
    "vstack",
]


@op
def reshape(x: Any, newshape: int | Sequence[int]) -> Any:
    """Gives the same values another shape.

    Args:
        x: A tensor.
        newshape: The shape; one `-1` stands for what is left.

    Example:
        >>> reshape([1, 2, 3, 4], (2, -1)).shape
        torch.Size([2, 2])
    """
    return torch.reshape(as_tensor(x), (newshape,) if isinstance(newshape, int) else tuple(newshape))


@op
def ravel(x: Any) -> Any:
    """Returns the values in one dimension.

    Example:
        >>> ravel([[1, 2], [3, 4]])
        tensor([1, 2, 3, 4], dtype=torch.int32)
    """
    return torch.reshape(as_tensor(x), (-1,))


@op
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """Reorders the axes, reverses them by default.

    Args:
        x: A tensor.
        axes: The old axes in their new order.

    Example:
        >>> transpose([[1, 2]]).shape
        torch.Size([2, 1])
    """
    x = as_tensor(x)
    return x.permute(tuple(axes) if axes is not None else tuple(reversed(range(x.dim()))))


@op
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Moves axes to other places.

    Example:
        >>> moveaxis([[[1, 2]]], -1, 0).shape
        torch.Size([2, 1, 1])
    """
    return torch.movedim(as_tensor(x), source, destination)  # type: ignore[arg-type]


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchanges two axes.

    Example:
        >>> swapaxes([[1, 2]], 0, 1).shape
        torch.Size([2, 1])
    """
    return torch.swapaxes(as_tensor(x), axis1, axis2)


@op
def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """Adds axes of size one.

    Args:
        x: A tensor.
        axis: Their places in the result.

    Example:
        >>> expand_dims([1, 2], axis=0).shape
        torch.Size([1, 2])
    """
    x = as_tensor(x)
    axes = [axis] if isinstance(axis, int) else list(axis)
    rank = x.dim() + len(axes)
    for one in axes:
        if not -rank <= one < rank:
            raise AxisError(
                f"axis {one} is out of bounds for an array with dimension {rank}. Received: x.shape={tuple(x.shape)}"
            )
    for one in sorted(one % rank for one in axes):
        x = x.unsqueeze(one)
    return x


@op
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Removes axes of size one, all of them by default.

    Raises:
        ValueError: If a named axis has another size.

    Example:
        >>> squeeze([[1, 2]]).shape
        torch.Size([2])
    """
    x = as_tensor(x)
    if axis is None:
        return x.squeeze()
    axes = [axis] if isinstance(axis, int) else list(axis)
    for one in axes:
        if x.shape[one] != 1:
            raise ValueError(
                f"Cannot squeeze axis={one}, because the dimension is not 1. Received: x.shape={tuple(x.shape)}"
            )
    return x.squeeze(tuple(axes))


@op
def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """Repeats a tensor along axes of size one, without a copy.

    Example:
        >>> broadcast_to([1, 2], (3, 2)).shape
        torch.Size([3, 2])
    """
    return torch.broadcast_to(as_tensor(x), tuple(shape))


def ndim(x: Any) -> int:
    """Returns the number of dimensions.

    Example:
        >>> ndim([[1, 2]])
        2
    """
    dimensions: int = x.ndim if hasattr(x, "ndim") else as_tensor(x).dim()
    return dimensions


@op
def size(x: Any) -> Any:
    """Returns the number of values.

    Example:
        >>> size([[1, 2]])
        tensor(2, dtype=torch.int32)
    """
    x = as_tensor(x)
    return torch.tensor(x.numel(), dtype=torch.int32, device=x.device)


@op
def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Joins tensors along an axis.

    Args:
        xs: The tensors; several types become one.
        axis: The axis; `None` flattens them first.

    Example:
        >>> concatenate([[1, 2], [3.0]])
        tensor([1., 2., 3.])
    """
    tensors = _joined(xs)
    if axis is None:
        return torch.cat([tensor.reshape(-1) for tensor in tensors])
    return torch.cat(tensors, dim=axis)


@op
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Joins tensors of one shape along a new axis.

    Args:
        x: The tensors; several types become one.
        axis: The place of the new axis.

    Example:
        >>> stack([[1, 2], [3, 4]]).shape
        torch.Size([2, 2])
    """
    return torch.stack(_joined(x), dim=axis)


@op
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Joins two tensors, flattened unless an axis is given.

    Example:
        >>> append([1, 2], [3])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    a, b = _joined([x1, x2])
    return torch.cat([a.reshape(-1), b.reshape(-1)]) if axis is None else torch.cat([a, b], dim=axis)


@op
def hstack(xs: Sequence[Any]) -> Any:
    """Joins tensors along the second axis, vectors along the first.

    Example:
        >>> hstack([[1], [2]])
        tensor([1, 2], dtype=torch.int32)
    """
    return torch.hstack(_joined(xs))


@op
def vstack(xs: Sequence[Any]) -> Any:
    """Joins tensors along the first axis, vectors as rows.

    Example:
        >>> vstack([[1], [2]]).shape
        torch.Size([2, 1])
    """
    return torch.vstack(_joined(xs))


@op
def dstack(xs: Sequence[Any]) -> Any:
    """Joins tensors along the third axis.

    Example:
        >>> dstack([[1], [2]]).shape
        torch.Size([1, 1, 2])
    """
    return torch.dstack(_joined(xs))


def _joined(xs: Sequence[Any]) -> list[torch.Tensor]:
    """Tensors of one type on the device of the first; a plain number is a tensor here, never a scalar on the CPU."""
    values = [as_tensor(x) if isinstance(x, (bool, int, float)) else x for x in xs]
    return promote(*values)


@op
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """Cuts a tensor in parts along an axis.

    Args:
        x: A tensor.
        indices_or_sections: The number of equal parts, or the places of the cuts.
        axis: The axis.

    Raises:
        ValueError: If the axis cannot be cut in so many equal parts.

    Example:
        >>> split([1, 2, 3, 4], 2)
        [tensor([1, 2], dtype=torch.int32), tensor([3, 4], dtype=torch.int32)]
    """
    x = as_tensor(x)
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ValueError(
            f"Cannot split axis {axis} of size {x.shape[axis]} into {indices_or_sections} equal parts. "
            "Use `array_split`, whose parts may differ by one."
        )
    return list(torch.tensor_split(x, _cuts(indices_or_sections), dim=axis))


@by_size
def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> Any:
    """Cuts a tensor in parts along an axis, the first ones longer by one if it does not come out even.

    Example:
        >>> [len(part) for part in array_split([1, 2, 3], 2)]
        [2, 1]
    """
    return list(torch.tensor_split(as_tensor(x), _cuts(indices_or_sections), dim=axis))


def _cuts(indices_or_sections: Any) -> Any:
    return indices_or_sections if isinstance(indices_or_sections, int) else [int(i) for i in indices_or_sections]


@op
def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> Any:
    """Cuts along the second axis, vectors along the first.

    Example:
        >>> len(hsplit([1, 2], 2))
        2
    """
    x = as_tensor(x)
    return split(x, indices_or_sections, axis=1 if x.dim() > 1 else 0)


@op
def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> Any:
    """Cuts along the first axis.

    Example:
        >>> len(vsplit([[1], [2]], 2))
        2
    """
    return split(x, indices_or_sections, axis=0)


@op
def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> Any:
    """Cuts along the third axis.

    Example:
        >>> len(dsplit([[[1, 2]]], 2))
        2
    """
    return split(x, indices_or_sections, axis=2)
