"""What elements are made of: the parts that a user hands in as tensors, and descriptions of their shapes and types."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.text import STRING, StringTensor, is_text
from torchkeras_shim.core.values import as_values
from torchkeras_shim.data import arrays

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class TensorSpec:
    """The shape and the type of a tensor.

    Args:
        shape: The shape, with `None` for sizes that differ from element to element; `None` if nothing is known of it.
        dtype: The name of the type, `"string"` for text; whatever names a type is accepted.
        name: A name, for the reader.

    Example:
        >>> TensorSpec([None, 3], "float32")
        TensorSpec(shape=(None, 3), dtype='float32', name=None)
    """

    shape: Any = None
    dtype: Any = "float32"
    name: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", None if self.shape is None else as_shape(self.shape))
        object.__setattr__(self, "dtype", type_name(self.dtype))


@dataclass(frozen=True)
class RaggedTensorSpec:
    """The shape and the type of a `RaggedTensor`, or, with `ragged_rank=0`, of one of its rows."""

    shape: Any = None
    dtype: Any = "float32"
    ragged_rank: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", None if self.shape is None else as_shape(self.shape))
        object.__setattr__(self, "dtype", type_name(self.dtype))


@dataclass(frozen=True)
class SparseTensorSpec:
    """The shape and the type of a `SparseTensor`."""

    shape: Any = None
    dtype: Any = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", None if self.shape is None else as_shape(self.shape))
        object.__setattr__(self, "dtype", type_name(self.dtype))


@dataclass(frozen=True)
class NoneSpec:
    """The place of a part that is `None`."""


@dataclass(frozen=True)
class DatasetSpec:
    """An element that is a data set itself, such as a window."""

    element_spec: Any


def as_shape(shape: Any) -> Shape:
    """Returns a shape as a tuple; a single size counts as a vector's, -1 as unknown."""
    sizes = shape if isinstance(shape, Iterable) else [shape]
    return tuple(None if size is None or int(size) < 0 else int(size) for size in sizes)


def type_name(dtype: Any) -> str:
    """Returns Keras's name of a type, `"string"` for text."""
    name = getattr(dtype, "name", dtype)
    if name in (STRING, "str", "object", "bytes", str, bytes) or (isinstance(name, str) and name.startswith("str")):
        return STRING
    return dtypes.standardize_dtype(dtype)


def is_structure(value: Any) -> bool:
    """Returns whether an element has parts: tuples and dicts do; a list is one tensor."""
    return isinstance(value, (tuple, dict)) and not isinstance(value, torch.Size)


def map_parts(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Applies a function to each part of an element, and to the parts at the same place of others."""
    if isinstance(first, dict):
        parts = {key: map_parts(function, first[key], *(other[key] for other in others)) for key in first}
        return parts if type(first) is dict else _like(first, parts)
    if is_structure(first):
        columns = [map_parts(function, *group) for group in zip(first, *others, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else tuple(columns)
    return function(first, *others)


def parts_of(element: Any) -> list[Any]:
    """Returns the parts of an element in order."""
    if isinstance(element, dict):
        return [part for value in element.values() for part in parts_of(value)]
    return [part for value in element for part in parts_of(value)] if is_structure(element) else [element]


class Given:
    """Something that is not looked into, such as a shape, at the place of a part."""

    def __init__(self, value: Any) -> None:
        self.value = value


def aligned(function: Callable[[Any, Any], Any], element: Any, given: Any) -> Any:
    """Applies a function to each part of an element and to what a user has given for it, `None` if nothing."""
    if isinstance(element, dict):
        return {key: aligned(function, element[key], given and given[key]) for key in element}
    if is_structure(element):
        groups = zip(element, [None] * len(element) if given is None else given, strict=True)
        return tuple(aligned(function, part, one) for part, one in groups)
    return function(element, given)


def as_signature(signature: Any) -> Any:
    """Returns a signature with specs of this package; whatever has a shape and a type counts as one."""

    def spec(part: Any) -> Any:
        if isinstance(part, (TensorSpec, RaggedTensorSpec, SparseTensorSpec, NoneSpec)):
            return part
        if hasattr(part, "ragged_rank"):
            return RaggedTensorSpec(part.shape, part.dtype, part.ragged_rank)
        if hasattr(part, "dtype") and hasattr(part, "shape"):
            return TensorSpec(part.shape, part.dtype)
        raise TypeError(
            "`output_signature` must contain objects with a shape and a type, such as `TensorSpec((None, 3), "
            "'float32')`. "
            f"Received: {part!r}"
        )

    return map_parts(spec, tuple(signature) if isinstance(signature, list) else signature)


def _like(original: dict[Any, Any], parts: dict[Any, Any]) -> dict[Any, Any]:
    copy = original.copy()
    copy.update(parts)
    return copy


def as_element(value: Any, top: bool = True) -> Any:
    """Returns what a function of the user's has returned as an element.

    Args:
        value: Tensors, arrays, numbers, text, or tuples and dicts of them. A list is a tuple; within another
            structure it is one tensor.
        top: Whether this is the whole element.
    """
    if type(value) is torch.Tensor:
        return value.detach() if value.requires_grad else value
    if is_structure(value):
        if isinstance(value, dict):
            parts = {key: as_element(part, False) for key, part in value.items()}
            return parts if type(value) is dict else _like(value, parts)
        made = [as_element(part, False) for part in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    if top and isinstance(value, list):
        return tuple(as_element(part, False) for part in value)
    return as_part(value, copy=True)


def as_parts(value: Any, copy: bool = False) -> Any:
    """Returns a structure that a user hands in with a tensor for each part."""
    parts = map_parts(lambda part: as_part(part, copy), value)
    if not parts_of(parts):
        raise ValueError(f"Invalid `element`. `element` should not be empty. Received: {value!r}")
    return parts


def as_part(value: Any, copy: bool = False) -> Any:
    """Returns one part as a tensor of any kind of this package; `None` and data sets stay as they are.

    Args:
        value: A tensor, an array of any make, a number, text, or nested lists of them.
        copy: Whether memory may not be shared with a numpy array, which its owner may write to later.
    """
    if value is None or isinstance(value, (StringTensor, RaggedTensor, SparseTensor, Nested)):
        return value
    if isinstance(value, torch.Tensor):
        tensor = value.detach()
        if type(value) is not torch.Tensor:  # a variable, which will change
            return torch.Tensor.clone(tensor).as_subclass(torch.Tensor)
        return tensor if tensor.layout == torch.strided else tensor.to_dense()
    if arrays.is_pandas(value):
        value = np.asarray(value)
    if is_text(value):
        return as_values(value)
    if isinstance(value, np.ndarray) or (arrays.is_array_like(value) and not isinstance(value, (list, tuple))):
        if getattr(getattr(value, "dtype", None), "kind", "") == "O" and getattr(value, "size", 1) == 0:
            return as_values(np.asarray(value).astype(str))
        tensor = arrays.as_tensor(value, "element")
        return tensor.clone() if copy else tensor
    if isinstance(value, np.generic):
        return torch.from_numpy(arrays.plain_numbers(np.array(value), "element"))
    try:
        return as_values(value)
    except TypeError as error:
        raise TypeError(
            "An element must be tensors, arrays, numbers, text, or tuples and dicts of them. Received: "
            f"{type(value).__name__} {str(value)[:80]}"
        ) from error


class Nested:
    """The base of `Dataset`, by which the rooms below know a data set that is an element."""

    _node: Any  # the node whose elements the data set has

    @property
    def element_spec(self) -> Any:
        """The specs of an element."""
        raise NotImplementedError


def spec_of(part: Any) -> Any:
    """Returns the spec of one part."""
    if part is None:
        return NoneSpec()
    if isinstance(part, Nested):
        return DatasetSpec(part.element_spec)
    if isinstance(part, RaggedTensor):
        return RaggedTensorSpec(part.shape, part.dtype, part.ragged_rank)
    if isinstance(part, SparseTensor):
        return SparseTensorSpec(part.shape, part.dtype)
    return TensorSpec(part.shape, part.dtype)


def with_axis(spec: Any, size: int | None) -> Any:
    """Returns the spec of a batch of such parts."""
    if isinstance(spec, RaggedTensorSpec):
        return RaggedTensorSpec((size, *spec.shape), spec.dtype, spec.ragged_rank + 1)
    if isinstance(spec, (TensorSpec, SparseTensorSpec)):
        return type(spec)(None if spec.shape is None else (size, *spec.shape), spec.dtype)
    return spec


def without_axis(spec: Any) -> Any:
    """Returns the spec of a row of such a part."""
    if isinstance(spec, RaggedTensorSpec):
        return RaggedTensorSpec(spec.shape[1:], spec.dtype, spec.ragged_rank - 1)
    if isinstance(spec, (TensorSpec, SparseTensorSpec)):
        if spec.shape == ():
            raise ValueError("Cannot unbatch an input with scalar components.")
        return type(spec)(None if spec.shape is None else spec.shape[1:], spec.dtype)
    return spec


def describe(element: Any) -> str:
    """Returns a text that says what an element is: shapes and types, and the values of scalars and texts."""
    if isinstance(element, dict):
        return "{" + ", ".join(f"{key!r}: {describe(value)}" for key, value in element.items()) + "}"
    if is_structure(element):
        return "(" + ", ".join(describe(value) for value in element) + ")"
    if isinstance(element, StringTensor) and element.ndim == 0:
        return repr(element.numpy()[:200])
    if isinstance(element, torch.Tensor) and element.ndim == 0:
        return f"{type_name(element.dtype)} {element.item()}"
    if isinstance(element, (torch.Tensor, StringTensor, RaggedTensor, SparseTensor)):
        return f"{type_name(element.dtype)} of shape {tuple(element.shape)}"
    return type(element).__name__ if isinstance(element, Nested) else repr(element)[:80]
