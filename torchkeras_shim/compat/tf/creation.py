"""Making tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert, like, together
from torchkeras_shim.core.device import default_device
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.text import StringTensor


@tf_op("constant")
def constant(value: Any, dtype: Any = None, shape: Any = None) -> Any:
    """A value as a tensor; with `shape`, reshaped, or filled if it is one number."""
    tensor = convert(value, dtype)
    if shape is None:
        return tensor.clone() if isinstance(tensor, torch.Tensor) and tensor is value else tensor
    sizes = as_sizes(shape)
    if tensor.ndim == 0 or tensor.shape.numel() == 1:
        return fill(sizes, tensor.reshape(()))
    if int(np.prod(sizes)) != tensor.shape.numel():
        raise TypeError(
            "Eager execution of tf.constant with unsupported shape. "
            f"Tensor {value!r} has {tensor.shape.numel()} elements, shape is {sizes}."
        )
    return tensor.reshape(sizes)


@tf_op("fill")
def fill(dims: Any, value: Any) -> Any:
    """A tensor of one value."""
    value = convert(value)
    sizes = as_sizes(dims)
    if isinstance(value, StringTensor):
        return StringTensor(np.full(sizes, value.numpy(), dtype=object))
    return value.expand(sizes).clone()


@tf_op("zeros")
def zeros(shape: Any, dtype: Any = "float32") -> Any:
    """A tensor of zeros."""
    if as_dtype(dtype) == "string":
        return StringTensor(np.full(as_sizes(shape), b"", dtype=object))
    return torch.zeros(as_sizes(shape), dtype=as_dtype(dtype).torch_dtype, device=default_device())


@tf_op("ones")
def ones(shape: Any, dtype: Any = "float32") -> Any:
    """A tensor of ones."""
    return torch.ones(as_sizes(shape), dtype=as_dtype(dtype).torch_dtype, device=default_device())


@tf_op("zeros_like")
def zeros_like(input: Any, dtype: Any = None) -> Any:
    """Zeros in the shape and type of a tensor."""
    return torch.zeros_like(like(input), dtype=None if dtype is None else as_dtype(dtype).torch_dtype)


@tf_op("ones_like")
def ones_like(input: Any, dtype: Any = None) -> Any:
    """Ones in the shape and type of a tensor."""
    return torch.ones_like(like(input), dtype=None if dtype is None else as_dtype(dtype).torch_dtype)


@tf_op("eye", "linalg.eye")
def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = "float32") -> Any:
    """Identity matrices."""
    columns = num_rows if num_columns is None else num_columns
    matrix = torch.eye(int(num_rows), int(columns), dtype=as_dtype(dtype).torch_dtype, device=default_device())
    return matrix if batch_shape is None else matrix.expand(*as_sizes(batch_shape), *matrix.shape).clone()


@tf_op("range")
def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Any:
    """Numbers from `start`, or 0, up to and without `limit`: int32 unless one of them says otherwise."""
    if limit is None:
        start, limit = 0, start
    bounds = [convert(one) for one in (start, limit, delta)]
    kinds = [as_dtype(one.dtype).name for one in bounds]
    if dtype is None:
        dtype = next((name for name in ("float64", "float32", "int64", "int32") if name in kinds), kinds[0])
    values = [one.item() for one in bounds]
    if values[2] == 0:
        raise InvalidArgumentError("Requires delta != 0: 0 [Op:Range]")
    if (values[0] - values[1]) * values[2] > 0:
        if values[2] > 0:
            raise InvalidArgumentError(f"Requires start <= limit when delta > 0: {values[0]}/{values[1]} [Op:Range]")
        raise InvalidArgumentError(f"Requires start >= limit when delta < 0: {values[0]}/{values[1]} [Op:Range]")
    return torch.arange(*values, dtype=as_dtype(dtype).torch_dtype, device=default_device())


range_.__name__ = "range"


@tf_op("linspace")
def linspace(start: Any, stop: Any, num: Any, axis: int = 0) -> Any:
    """Numbers at one distance, both ends included; float64 if the ends are integers."""
    start, stop = together("LinSpace", start, stop)
    if not start.is_floating_point():
        start, stop = start.to(torch.float64), stop.to(torch.float64)
    if start.ndim == 0 and not (start.requires_grad or stop.requires_grad):
        return torch.linspace(start.item(), stop.item(), int(num), dtype=start.dtype, device=start.device)
    parts = torch.linspace(0, 1, int(num), dtype=start.dtype, device=start.device)
    grid = start[None] + parts.reshape(-1, *[1] * start.ndim) * (stop - start)[None]
    return torch.movedim(grid, 0, axis)


@tf_op("one_hot")
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None, dtype: Any = None
) -> Any:
    """Each index as a row with one `on_value`; what is out of range gives a row without."""
    indices = like(indices)
    if indices.is_floating_point():
        raise InvalidArgumentError(
            f"Value for attr 'TI' of {as_dtype(indices.dtype).name} "
            "is not in the list of allowed values: uint8, int8, int32, int64 [Op:OneHot]"
        )
    if dtype is None:
        given = next((one for one in (on_value, off_value) if one is not None), None)
        dtype = "float32" if given is None else convert(given).dtype
    wanted = as_dtype(dtype).torch_dtype
    hot = indices[..., None] == torch.arange(int(depth), device=indices.device)
    on = torch.as_tensor(True if on_value is None and wanted is torch.bool else 1 if on_value is None else on_value)
    off = torch.as_tensor(0 if off_value is None else off_value)
    result = torch.where(hot, on.to(hot.device, wanted), off.to(hot.device, wanted))
    return result if axis in (None, -1) else torch.movedim(result, -1, int(axis))
