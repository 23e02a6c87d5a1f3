"""Functions that repeat, pad, turn and mask a tensor's values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_tensor
from torchkeras_shim.ops.reductions import total
from torchkeras_shim.ops.value_dependent import by_size

__all__ = [
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "flip",
    "fliplr",
    "flipud",
    "pad",
    "repeat",
    "roll",
    "rot90",
    "tile",
    "trace",
    "tril",
    "triu",
]


@op
def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """Repeats the whole tensor along axes.

    Args:
        x: A tensor.
        repeats: How often, per axis; missing ones in front are 1.

    Example:
        >>> tile([1, 2], 2)
        tensor([1, 2, 1, 2], dtype=torch.int32)
    """
    return torch.tile(as_tensor(x), (repeats,) if isinstance(repeats, int) else tuple(repeats))


@op
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeats each value along an axis.

    Args:
        x: A tensor.
        repeats: How often; one number, or one per place.
        axis: The axis; by default the tensor is flattened.

    Example:
        >>> repeat([1, 2], 2)
        tensor([1, 1, 2, 2], dtype=torch.int32)
    """
    x = as_tensor(x)
    times = np.asarray(repeats) if not isinstance(repeats, torch.Tensor) else repeats
    if isinstance(times, np.ndarray) and times.size and times.dtype.kind not in "iu":
        raise TypeError(f"Argument `repeats` must be of type integer. Received: repeats={repeats}")
    if isinstance(times, np.ndarray) and times.size == 1:
        return torch.repeat_interleave(x, int(times.reshape(-1)[0]), dim=axis)
    return torch.repeat_interleave(x, as_tensor(times, torch.int64, x.device), dim=axis)


@op
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """Reverses the order of the values along axes, all by default.

    Example:
        >>> flip([1, 2, 3])
        tensor([3, 2, 1], dtype=torch.int32)
    """
    x = as_tensor(x)
    if axis is None:
        return torch.flip(x, tuple(range(x.dim())))
    return torch.flip(x, (axis,) if isinstance(axis, int) else tuple(axis))


@op
def fliplr(x: Any) -> Any:
    """Reverses the second axis.

    Example:
        >>> fliplr([[1, 2]])
        tensor([[2, 1]], dtype=torch.int32)
    """
    return torch.fliplr(as_tensor(x))


@op
def flipud(x: Any) -> Any:
    """Reverses the first axis.

    Example:
        >>> flipud([1, 2])
        tensor([2, 1], dtype=torch.int32)
    """
    return torch.flipud(as_tensor(x))


@op
def roll(x: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """Moves values along axes; what leaves at the end comes back at the start.

    Example:
        >>> roll([1, 2, 3], 1)
        tensor([3, 1, 2], dtype=torch.int32)
    """
    shifts = tuple(shift) if isinstance(shift, (list, tuple)) else (int(shift),)  # type: ignore[arg-type]
    axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    if len(shifts) == 1 and len(axes) > 1:
        shifts = shifts * len(axes)
    return torch.roll(as_tensor(x), shifts, axes)


@op
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turns by 90 degrees in the plane of two axes.

    Args:
        array: A tensor.
        k: How often.
        axes: The two axes; the turn goes from the first to the second.

    Example:
        >>> rot90([[1, 2], [3, 4]])
        tensor([[2, 4],
                [1, 3]], dtype=torch.int32)
    """
    array = as_tensor(array)
    if array.dim() < 2:
        raise ValueError(f"Input array must have at least 2 dimensions. Received: array.ndim={array.dim()}")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    return torch.rot90(array, k, list(axes))


@op
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Adds values around a tensor.

    Args:
        x: A tensor.
        pad_width: How many: one number, `(before, after)`, or one such pair per axis.
        mode: `"constant"`, `"reflect"` (without the border), `"symmetric"` (with it) or `"edge"`.
        constant_values: The value of the mode `"constant"`, zero by default.

    Raises:
        ValueError: If the mode is anything else, a constant is given in another mode, or a mirror is
            longer than the tensor.

    Example:
        >>> pad([1, 2, 3], (1, 2), mode="reflect")
        tensor([2, 1, 2, 3, 2, 1], dtype=torch.int32)
    """
    x = as_tensor(x)
    widths = np.broadcast_to(np.asarray(pad_width, dtype=np.int64), (x.dim(), 2)).tolist()
    if mode == "constant":
        whole = constant_values is None or float(constant_values).is_integer()
        if not whole and not (x.is_floating_point() or x.is_complex()):
            raise TypeError(
                f"Cannot pad integers of type {x.dtype} with constant_values={constant_values}. "
                "Cast first: `cast(x, 'float32')`."
            )
        flat = [width for before_after in reversed(widths) for width in before_after]
        return torch.nn.functional.pad(x, flat, value=0 if constant_values is None else constant_values)
    if constant_values is not None:
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}, constant_values={constant_values}"
        )
    if mode not in ("reflect", "symmetric", "edge"):
        raise ValueError(f"`mode` must be 'constant', 'reflect', 'symmetric' or 'edge'. Received: mode={mode!r}")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            x = x.index_select(axis, _padding_index(x, axis, before, after, mode))
    return x


def _padding_index(x: torch.Tensor, axis: int, before: int, after: int, mode: str) -> torch.Tensor:
    """Returns, for each place of the padded axis, the place that its value comes from."""
    size = x.shape[axis]
    limit = size - 1 if mode == "reflect" else size
    if mode != "edge" and max(before, after) > limit:
        raise ValueError(
            f"Padding of mode '{mode}' along axis {axis} of size {size} can be at most {limit}. "
            f"Received: {(before, after)}"
        )
    places = torch.arange(-before, size + after, device=x.device)
    if mode == "edge":
        return places.clamp(0, size - 1)
    first, last = (0, 2 * (size - 1)) if mode == "reflect" else (-1, 2 * size - 1)
    places = torch.where(places < 0, first - places, places)
    return torch.where(places >= size, last - places, places)


@op
def tril(x: Any, k: int = 0) -> Any:
    """Returns the lower triangle, zeros above.

    Args:
        x: A tensor of matrices.
        k: The last diagonal kept: above the main one if positive.

    Example:
        >>> tril([[1, 2], [3, 4]])
        tensor([[1, 0],
                [3, 4]], dtype=torch.int32)
    """
    return torch.tril(as_tensor(x), diagonal=k)


@op
def triu(x: Any, k: int = 0) -> Any:
    """Returns the upper triangle, zeros below.

    Args:
        x: A tensor of matrices.
        k: The first diagonal kept: above the main one if positive.

    Example:
        >>> triu([[1, 2], [3, 4]])
        tensor([[1, 2],
                [0, 4]], dtype=torch.int32)
    """
    return torch.triu(as_tensor(x), diagonal=k)


@by_size
def diag(x: Any, k: int = 0) -> Any:
    """Returns a matrix's diagonal, or the matrix of a diagonal.

    Args:
        x: A matrix or a vector.
        k: Which diagonal: above the main one if positive.

    Example:
        >>> diag([1, 2])
        tensor([[1, 0],
                [0, 2]], dtype=torch.int32)
    """
    return torch.diag(as_tensor(x), diagonal=k)


@op
def diagflat(x: Any, k: int = 0) -> Any:
    """Returns the matrix that has all values on a diagonal.

    Example:
        >>> diagflat([[1, 2]]).shape
        torch.Size([2, 2])
    """
    return torch.diagflat(as_tensor(x), offset=k)


@op
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Returns the diagonals of two axes, as the last axis.

    Example:
        >>> diagonal([[1, 2], [3, 4]])
        tensor([1, 4], dtype=torch.int32)
    """
    return torch.diagonal(as_tensor(x), offset, axis1, axis2)


@op
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Returns the sum of a diagonal.

    Example:
        >>> trace([[1.0, 2.0], [3.0, 4.0]])
        tensor(5.)
    """
    values = torch.diagonal(as_tensor(x), offset, axis1, axis2)
    return total(values, -1, keepdims=False)


@op
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Returns the differences of neighbours along an axis, `n` times over.

    Example:
        >>> diff([1, 3, 6])
        tensor([2, 3], dtype=torch.int32)
    """
    return torch.diff(as_tensor(a), n=n, dim=axis)
