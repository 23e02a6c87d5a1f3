"""What networks do to data around their layers: one-hot vectors, norms, moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import config, dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor
from torchkeras_shim.ops.reductions import axes_of

__all__ = [
    "moments",
    "multi_hot",
    "normalize",
    "one_hot",
]


@op
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """Returns vectors with a one at the place that each integer names; integers out of range give zeros.

    Args:
        x: Integers.
        num_classes: The size of the new axis.
        axis: Where it goes.
        dtype: The type, `floatx()` by default.
        sparse: Only `False`: there are no sparse tensors here.

    Raises:
        ValueError: If `sparse=True`.

    Example:
        >>> one_hot([0, 2], 3)
        tensor([[1., 0., 0.],
                [0., 0., 1.]])
    """
    if sparse:
        raise ValueError("Sparse tensors are not supported. Received: sparse=True")
    x = as_tensor(x).to(torch.int64)
    rank = x.dim() + 1
    classes_shape = [1] * rank
    classes_shape[axis] = num_classes
    classes = torch.arange(num_classes, device=x.device).reshape(classes_shape)
    return (x.unsqueeze(axis) == classes).to(dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype)))


@op
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Any:
    """Returns one vector per row with ones at all the places that the row's integers name.

    Args:
        inputs: Integers, `(n,)` or `(batch, n, ...)`.
        num_classes: The number of places; `num_tokens` is the former name of this argument.
        axis: Where the new axis goes.
        dtype: The type, `floatx()` by default.
        sparse: Only `False`: there are no sparse tensors here.

    Raises:
        ValueError: without `num_classes`, or for `sparse=True`.

    Example:
        >>> multi_hot([0, 2], 4)
        tensor([1., 0., 1., 0.])
    """
    num_classes = kwargs.pop("num_tokens", num_classes)
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified. Write `multi_hot(inputs, num_classes=10)`.")
    if kwargs:
        raise TypeError(f"multi_hot() got unexpected keyword arguments: {sorted(kwargs)}")
    inputs = as_tensor(inputs)
    hot = one_hot(inputs, num_classes, axis=axis, dtype=dtype, sparse=sparse)
    return torch.amax(hot, dim=1 if inputs.dim() > 1 else 0)


@op
def normalize(x: Any, axis: int | Sequence[int] | None = -1, order: float = 2, epsilon: float | None = None) -> Any:
    """Divides by the norm along an axis.

    Args:
        x: A tensor.
        axis: One axis, or several; all if `None`.
        order: The norm's order.
        epsilon: The smallest divisor, `keras.config.epsilon()` by default.

    Raises:
        ValueError: If an order is not positive.

    Example:
        >>> normalize([3.0, 4.0])
        tensor([0.6000, 0.8000])
    """
    if not isinstance(order, (int, float)) or order < 1:
        raise ValueError(f"Argument `order` must be a number >= 1. Received: order={order}")
    smallest = config.epsilon() if epsilon is None else epsilon
    dim = axis if axis is None or isinstance(axis, int) else tuple(axis)
    return F.normalize(as_float(x), p=float(order), dim=dim, eps=smallest)  # type: ignore[arg-type]


@op
def moments(x: Any, axes: int | Sequence[int], keepdims: bool = False, synchronized: bool = False) -> Any:
    """Returns mean and (biased) variance.

    Args:
        x: A tensor; half precision is summed in `float32`.
        axes: The axes that go away; all if `None`, none for `()`.
        keepdims: Whether they stay with size one.
        synchronized: Only `False`: over several devices this is not supported.

    Raises:
        NotImplementedError: If `synchronized=True`.

    Example:
        >>> moments([1.0, 3.0], axes=[0])
        (tensor(2.), tensor(1.))
    """
    if synchronized:
        raise NotImplementedError("`moments(synchronized=True)` is not supported: statistics are per device.")
    x = as_float(x)
    if axes is not None and not isinstance(axes, int) and not len(axes):
        return x, torch.zeros_like(x)
    dims = axes_of(x, axes)
    half = x.dtype in (torch.float16, torch.bfloat16)
    variance, mean = torch.var_mean(x.float() if half else x, dim=dims, correction=0, keepdim=keepdims)
    if half:
        bound = torch.finfo(torch.float16).max
        mean, variance = (t.clamp(-bound, bound).to(x.dtype) for t in (mean, variance))
    return mean, variance
