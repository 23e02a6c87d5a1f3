"""Shapes: `tf.shape(x)`, which computes like a tensor and is known to the host, and `tf.TensorShape`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public


class Size(int):
    """One size of a `Shape`: an integer that answers to a scalar tensor's names, too."""

    __slots__ = ()
    dtype = torch.int32
    shape = torch.Size([])

    def numpy(self) -> Any:
        """The number as numpy's."""
        return np.int32(int(self))


def _elementwise(function: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: Shape, other: Any) -> Any:
        if isinstance(other, torch.Tensor):
            tensor = torch.tensor(as_sizes(self), dtype=torch.int32)
            return function(other, tensor) if swapped else function(tensor, other)
        result = function(
            *((np.asarray(other), np.asarray(self)) if swapped else (np.asarray(self), np.asarray(other)))
        )
        if result.dtype.kind == "f":
            return torch.from_numpy(np.asarray(result, dtype=np.float64))
        return Shape(result.tolist()) if result.ndim else Size(result)

    return method


class Shape(tuple[Any, ...]):
    """What `tf.shape(x)` returns: a tuple of integers that computes like a tensor, with nothing read from a device.

    Example:
        >>> Shape([2, 3]) * 2, Shape([2, 3])[:1], Shape([2, 3])[0]
        (Shape([4, 6]), Shape([2]), 2)
    """

    __slots__ = ()
    dtype = torch.int32

    def __new__(cls, sizes: Iterable[int]) -> Shape:
        return super().__new__(cls, [Size(one) for one in sizes])

    @property
    def shape(self) -> torch.Size:
        """The number of dimensions, as a shape."""
        return torch.Size([len(self)])

    def numpy(self) -> np.ndarray:
        """The sizes as an array of int32."""
        return np.array(as_sizes(self), dtype=np.int32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(as_sizes(self), dtype=dtype or np.int32)

    def __getitem__(self, index: Any) -> Any:
        item = tuple.__getitem__(self, index)
        return Shape(item) if isinstance(index, slice) else item

    def __repr__(self) -> str:
        return f"Shape({as_sizes(self)})"

    __add__, __radd__ = _elementwise(operator.add), _elementwise(operator.add, swapped=True)
    __sub__, __rsub__ = _elementwise(operator.sub), _elementwise(operator.sub, swapped=True)
    __mul__, __rmul__ = _elementwise(operator.mul), _elementwise(operator.mul, swapped=True)
    __floordiv__, __rfloordiv__ = _elementwise(operator.floordiv), _elementwise(operator.floordiv, swapped=True)
    __mod__ = _elementwise(operator.mod)
    __truediv__ = _elementwise(operator.truediv)


def as_sizes(shape: Any) -> list[Any]:
    """Returns a shape in any form as a list of Python integers; a tensor is read."""
    if isinstance(shape, torch.Tensor):
        shape = shape.tolist()
    if isinstance(shape, (int, np.integer)):
        return [int(shape)]
    if isinstance(shape, int | float):
        raise TypeError(f"Expected a shape of integers. Received: {shape!r}")
    return [one if one is None else int(one) for one in shape]


@public("TensorShape")
class TensorShape(tuple[Any, ...]):
    """A shape that may be unknown in part (`None`) or wholly.

    Example:
        >>> shape = TensorShape([None, 3])
        >>> shape.rank, shape.as_list(), shape.is_compatible_with((2, 3)), shape
        (2, [None, 3], True, TensorShape([None, 3]))
    """

    _unknown = False

    def __new__(cls, dims: Any) -> TensorShape:
        self = super().__new__(cls, () if dims is None else as_sizes(dims))
        self._unknown = dims is None
        return self

    @property
    def rank(self) -> int | None:
        """The number of dimensions, `None` if it is unknown."""
        return None if self._unknown else len(self)

    ndims = rank

    @property
    def dims(self) -> list[Any] | None:
        """The sizes."""
        return None if self._unknown else list(self)

    def as_list(self) -> list[Any]:
        """Returns the sizes.

        Raises:
            ValueError: If the rank is unknown.
        """
        if self._unknown:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self)

    def num_elements(self) -> int | None:
        """Returns the product of the sizes, `None` if one is unknown."""
        return int(np.prod(self)) if self.is_fully_defined() else None

    def is_fully_defined(self) -> bool:
        """Returns whether every size is known."""
        return not self._unknown and None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Returns whether some tensor can have both shapes."""
        other = TensorShape(other)
        if self._unknown or other._unknown:
            return True
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(None in pair or pair[0] == pair[1] for pair in pairs)

    def merge_with(self, other: Any) -> TensorShape:
        """Returns the shape that has what either knows.

        Raises:
            ValueError: If they contradict one another.
        """
        other = TensorShape(other)
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {tuple(self)} and {tuple(other)} are not compatible")
        if self._unknown or other._unknown:
            return other if self._unknown else self
        return TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises a ValueError if no tensor can have both shapes."""
        self.merge_with(other)

    def concatenate(self, other: Any) -> TensorShape:
        """Returns the sizes of both, one after the other."""
        other = TensorShape(other)
        return TensorShape(None if self._unknown or other._unknown else [*self, *other])

    def with_rank(self, rank: int) -> TensorShape:
        """Returns this shape; an unknown one gets a rank."""
        return self.merge_with([None] * rank)

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Returns this shape.

        Raises:
            ValueError: If it has fewer dimensions.
        """
        if not self._unknown and len(self) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """Returns this shape.

        Raises:
            ValueError: If it has more dimensions.
        """
        if not self._unknown and len(self) > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def assert_has_rank(self, rank: int) -> None:
        """Raises a ValueError if the shape has another number of dimensions."""
        if not self._unknown and len(self) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """Returns the sizes in which both agree, `None` for the others."""
        other = TensorShape(other)
        if self._unknown or other._unknown or len(self) != len(other):
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self, other, strict=True)])

    def __getitem__(self, index: Any) -> Any:
        if self._unknown:
            return TensorShape(None) if isinstance(index, slice) else None
        item = tuple.__getitem__(self, index)
        return TensorShape(item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape(other).concatenate(self)

    def __eq__(self, other: Any) -> bool:
        try:
            other = TensorShape(other)
        except (TypeError, ValueError):
            return False
        return self._unknown == other._unknown and tuple(self) == tuple(other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __bool__(self) -> bool:
        return not self._unknown

    def __repr__(self) -> str:
        return f"TensorShape({None if self._unknown else list(self)})"

    def __str__(self) -> str:
        if self._unknown:
            return "<unknown>"
        return f"({', '.join(map(str, self))}{',' if len(self) == 1 else ''})"
