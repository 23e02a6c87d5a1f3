"""Where elements come from: arrays, numbers, generators, lists of files."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import STRING, StringTensor, as_strings
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.indices import Table, column_of, generators
from torchkeras_shim.data.pipeline.node import INFINITE, UNKNOWN, Node


class Slices(Node):
    """The rows of arrays.

    Args:
        tensors: Arrays in any structure.

    Raises:
        ValueError: If they are scalars, or of different lengths.
    """

    indexable = True
    specified = True

    def __init__(self, tensors: Any) -> None:
        super().__init__()
        parts = specs.as_parts(tensors)
        self._columns = specs.map_parts(column_of, parts)
        lengths = [len(part) for part in specs.parts_of(parts) if part is not None]
        if not lengths:
            raise ValueError(f"Invalid `element`. `element` should not be empty. Received: {tensors!r}")
        if len(set(lengths)) > 1:
            different = next(length for length in lengths if length != lengths[0])
            raise ValueError(
                f"Dimensions {lengths[0]} and {different} are not compatible. All arrays of a dataset must have the "
                f"same number of rows. Received: {', '.join(map(str, lengths))} rows"
            )
        self._length = lengths[0]

    @property
    def columns(self) -> Any:
        """The arrays."""
        return self._columns

    @property
    def cardinality(self) -> int:
        """The number of rows."""
        return self._length

    @cached_property
    def spec(self) -> Any:
        """The specs of the arrays without their first axis."""
        return specs.map_parts(lambda column: specs.without_axis(specs.spec_of(column.values)), self._columns)

    def table(self) -> Table:
        """Returns all rows in order."""
        return Table(self._columns, (range(self._length),), self._length)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the rows."""
        return self.table().rows()


class Elements(Node):
    """Elements that are there already, in a list."""

    shares = True
    specified = True

    def __init__(self, elements: list[Any]) -> None:
        super().__init__()
        self._elements = elements

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        return len(self._elements)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the list."""
        return iter(self._elements)


def whole(tensors: Any) -> Elements:
    """Returns a source with one element, what a user has handed in."""
    return Elements([specs.as_parts(tensors)])


def numbers(bounds: tuple[Any, ...], dtype: Any) -> Slices:
    """Returns a source of integers, as `range(*bounds)`.

    Raises:
        InvalidArgumentError: If the step is 0.
    """
    try:
        values = range(*(int(bound) for bound in bounds))
    except ValueError as error:
        raise InvalidArgumentError("step must be a non-zero integer. Received: step=0") from error
    return Slices(
        torch.arange(values.start, values.stop, values.step).to(dtypes.to_torch_dtype(dtype))
        if values
        else torch.zeros(0, dtype=dtypes.to_torch_dtype(dtype))
    )


class RandomIntegers(Node):
    """Random 32-bit integers without end."""

    def __init__(self, seed: int | None, rerandomize: bool) -> None:
        super().__init__()
        self._seed = new_seed() if seed is None else seed
        self._rerandomize = rerandomize
        self._passes = 0

    @property
    def cardinality(self) -> int:
        """Without end."""
        return INFINITE

    def elements(self) -> Iterator[torch.Tensor]:
        """Returns an iterator over the numbers."""
        self._passes += self._rerandomize
        source, _ = generators(self._seed, self._passes)
        while True:
            yield from torch.from_numpy(source.integers(0, 1 << 32, size=256)).clone().unbind(0)


def new_seed() -> int:
    """Returns a seed from torch's global generator, which `keras.utils.set_random_seed` sets."""
    return int(torch.randint(1 << 62, (), device="cpu"))


class Generated(Node):
    """What a generator function of the user's yields.

    Args:
        function: Returns an iterator, a new one for each pass.
        signature: The specs of an element.
        args: Arguments of the function, handed over as numpy arrays.
    """

    def __init__(self, function: Callable[..., Iterable[Any]], signature: Any, args: Any) -> None:
        super().__init__()
        if not callable(function):
            raise TypeError(f"`generator` must be a Python callable. Received: {function!r}. Write `lambda: values`.")
        self._function = function
        self._signature = signature
        self._arguments = [specs.as_part(arg, copy=True).numpy() for arg in args or ()]
        self._arguments = [arg[()] if isinstance(arg, np.ndarray) and not arg.ndim else arg for arg in self._arguments]

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    @cached_property
    def spec(self) -> Any:
        """The signature."""
        return self._signature

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over what a new generator yields."""
        iterator = iter(self._function(*self._arguments))
        try:
            for element in iterator:
                yield fitted(element, self._signature)
        finally:
            if hasattr(iterator, "close"):
                iterator.close()


def signature_of(types: Any, shapes: Any) -> Any:
    """Returns the specs for the older arguments of `from_generator`, structures of types and of shapes."""
    if isinstance(types, list):
        types = tuple(types)

    def spec(dtype: Any, place: list[Any]) -> specs.TensorSpec:
        shape = shapes
        for key in place:
            shape = None if shape is None else shape[key]
        return specs.TensorSpec(shape, dtype)

    def at(part: Any, place: list[Any]) -> Any:
        if isinstance(part, dict):
            return {key: at(one, [*place, key]) for key, one in part.items()}
        if isinstance(part, tuple):
            return tuple(at(one, [*place, index]) for index, one in enumerate(part))
        return spec(part, place)

    return at(types, [])


def fitted(element: Any, signature: Any) -> Any:
    """Returns an element of a generator as its signature says.

    Raises:
        TypeError: If it is of another structure, type or shape.
    """
    try:
        if specs.is_structure(signature):
            if isinstance(signature, dict) != isinstance(element, dict) or len(signature) != len(element):
                raise TypeError
            if not isinstance(element, (tuple, dict)):
                raise TypeError
        return specs.map_parts(_fit, signature, element)
    except (TypeError, ValueError, KeyError) as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise TypeError(
            "`generator` yielded an element that did not match the expected structure. The expected structure was "
            f"{signature}, but the yielded element was {str(element)[:200]}."
        ) from error


def _fit(spec: Any, value: Any) -> Any:
    if specs.is_structure(value):
        raise TypeError
    dtype = getattr(spec, "dtype", None)
    if isinstance(spec, specs.NoneSpec) or dtype is None:
        return value
    if dtype == STRING:
        part = value if isinstance(value, RaggedTensor) else as_strings(value)
    elif isinstance(value, RaggedTensor):
        part = value.to(dtypes.to_torch_dtype(dtype))
    else:
        part = specs.as_part(value, copy=True)
        wanted = dtypes.to_torch_dtype(dtype)
        if isinstance(part, StringTensor) or (_is_exact(value) and not _fits(part.dtype, wanted)):
            raise TypeError  # numbers of Python and tensors are not cast down; those of numpy are
        part = part.to(wanted)
    expected = spec.shape
    if expected is not None and not _matches(part.shape, expected):
        raise InvalidArgumentError(
            f"`generator` yielded an element of shape {tuple(part.shape)} where an element of shape {expected} was "
            "expected."
        )
    return part


def _is_exact(value: Any) -> bool:
    return not (isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array_interface__"))


def _fits(given: torch.dtype, wanted: torch.dtype) -> bool:
    """Returns whether a number of Python or a tensor may become another type: the same kind, or a wider one."""
    ranks = [0 if d == torch.bool else 2 if d.is_floating_point else 3 if d.is_complex else 1 for d in (given, wanted)]
    return ranks[0] == ranks[1] or (0 < ranks[0] < ranks[1])


def _matches(shape: Any, expected: specs.Shape) -> bool:
    return len(shape) == len(expected) and all(
        wanted is None or size is None or size == wanted for size, wanted in zip(shape, expected, strict=True)
    )


def file_names(patterns: Any) -> list[bytes]:
    """Returns the files that match patterns, sorted.

    Raises:
        InvalidArgumentError: If there is none.
    """
    names = [name.decode() for name in as_strings(as_paths(patterns)).reshape(-1).tolist()]
    found = sorted(set(itertools.chain.from_iterable(glob.glob(name) for name in names)))
    if not found:
        raise InvalidArgumentError(f"No files matched pattern: {', '.join(names)}")
    return [os.fsencode(name) for name in found]


def as_paths(value: Any) -> Any:
    """Returns paths as text."""
    if isinstance(value, (list, tuple)):
        return [as_paths(one) for one in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
