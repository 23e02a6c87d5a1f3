"""`tf.TensorSpec`: the shapes and types of what is to come."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import TensorShape
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.data.pipeline import specs


@public("TensorSpec")
class TensorSpec(specs.TensorSpec):
    """The shape and type of a tensor that is to come."""

    def __init__(self, shape: Any = None, dtype: Any = "float32", name: str | None = None) -> None:
        for key, value in {"shape": TensorShape(shape), "dtype": as_dtype(dtype), "name": name}.items():
            object.__setattr__(self, key, value)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Returns the description of a tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, value: Any) -> bool:
        """Returns whether a tensor, or another description, fits this one."""
        return bool(self.shape.is_compatible_with(value.shape) and self.dtype == value.dtype)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, specs.TensorSpec) and bool(self.shape == other.shape and self.dtype == other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


@public("RaggedTensorSpec")
class RaggedTensorSpec(specs.RaggedTensorSpec):
    """The shape and type of a ragged tensor."""

    def __init__(
        self,
        shape: Any = None,
        dtype: Any = "float32",
        ragged_rank: int | None = None,
        row_splits_dtype: Any = "int64",
        flat_values_spec: Any = None,
    ) -> None:
        if flat_values_spec is not None:
            raise NotImplementedError("tf.RaggedTensorSpec(flat_values_spec=) is not supported. Leave it out.")
        sizes = TensorShape(shape)
        rank = len(sizes) - 1 if ragged_rank is None and shape is not None else ragged_rank
        values = {"shape": sizes, "dtype": as_dtype(dtype), "ragged_rank": rank or 0}
        for key, value in values.items():
            object.__setattr__(self, key, value)
        object.__setattr__(self, "row_splits_dtype", as_dtype(row_splits_dtype))


@public("SparseTensorSpec")
class SparseTensorSpec(specs.SparseTensorSpec):
    """The shape and type of a sparse tensor."""

    def __init__(self, shape: Any = None, dtype: Any = "float32") -> None:
        for key, value in {"shape": TensorShape(shape), "dtype": as_dtype(dtype)}.items():
            object.__setattr__(self, key, value)


@public("type_spec_from_value")
def type_spec_from_value(value: Any) -> Any:
    """Returns the description of a tensor, or of what becomes one."""
    return of_tensorflow(specs.spec_of(convert(value)))


def of_tensorflow(spec: Any) -> Any:
    """Returns a description of a part of an element as TensorFlow's, with its shape and type."""
    if type(spec) is specs.TensorSpec:
        return TensorSpec(spec.shape, spec.dtype, spec.name)
    if isinstance(spec, specs.RaggedTensorSpec):
        return RaggedTensorSpec(spec.shape, spec.dtype, spec.ragged_rank)
    if isinstance(spec, specs.SparseTensorSpec):
        return SparseTensorSpec(spec.shape, spec.dtype)
    return spec
