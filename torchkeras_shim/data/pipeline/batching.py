"""Elements put together into batches, and batches taken apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import sparse
from torchkeras_shim.core.errors import DataLossError, InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor, as_strings
from torchkeras_shim.core.values import as_values
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.indices import Table
from torchkeras_shim.data.pipeline.node import UNKNOWN, Node
from torchkeras_shim.data.pipeline.ordering import positive


class Batch(Node):
    """So many elements as one.

    Args:
        source: The elements.
        batch_size: How many.
        drop_remainder: Whether a smaller last batch is left out.
        collate: Puts the same part of several elements together.
    """

    def __init__(self, source: Node, batch_size: Any, drop_remainder: bool, collate: Any = None) -> None:
        super().__init__(source)
        if batch_size is None:
            raise ValueError("Attempt to convert a value (None) to a Tensor. `batch_size` must be a positive integer.")
        self.source = source
        self.specified = source.specified
        self.batch_size = positive(batch_size, "batch_size", "Batch size must be greater than zero.")
        self.drop_remainder = bool(drop_remainder)
        self._collate = collate or _stack_parts
        self._plain = collate is None

    @property
    def cardinality(self) -> int:
        """The number of batches."""
        known = self.source.cardinality
        if known < 0:
            return known
        return known // self.batch_size if self.drop_remainder else math.ceil(known / self.batch_size)

    @cached_property
    def spec(self) -> Any:
        """The specs of the elements with a further axis."""
        size = self.batch_size if self.drop_remainder else None
        return specs.map_parts(lambda spec: specs.with_axis(spec, size), self.source.spec)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the batches."""
        tables = self.source.tables() if self._plain else None
        return self._stacked() if tables is None else self._gathered(tables)

    def _stacked(self) -> Iterator[Any]:
        iterator = iter(self.source)
        while group := list(itertools.islice(iterator, self.batch_size)):
            if len(group) == self.batch_size or not self.drop_remainder:
                yield self._collate(group)
            del group[:]

    def _gathered(self, tables: Iterator[Table]) -> Iterator[Any]:
        size, rest = self.batch_size, None
        for table in tables:
            rows = table if rest is None else rest.joined(table)
            stop = rows.length - rows.length % size
            for start in range(0, stop, size):
                yield rows.batch(start, start + size)
            rest = rows.slice(stop, None) if stop < rows.length else None
        if rest is not None and not self.drop_remainder:
            yield rest.batch(0, rest.length)


def stack(elements: list[Any], collate: Callable[[list[Any], int], Any]) -> Any:
    """Puts elements together part by part."""
    counter = itertools.count()
    try:
        return specs.map_parts(lambda *parts: collate(list(parts), next(counter)), *elements)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, (InvalidArgumentError, DataLossError)) or not _differ(elements):
            raise
        raise InvalidArgumentError(
            "Cannot batch elements of different structures. Received: "
            + " and ".join(specs.describe(one) for one in (elements[0], _differ(elements)[0]))
        ) from error


def _differ(elements: list[Any]) -> list[Any]:
    def form(element: Any) -> Any:
        if isinstance(element, dict):
            return {key: form(value) for key, value in element.items()}
        return tuple(map(form, element)) if specs.is_structure(element) else None

    return [element for element in elements if form(element) != form(elements[0])]


def _stack_parts(elements: list[Any]) -> Any:
    return stack(elements, _stack)


def _stack(parts: list[Any], component: int) -> Any:
    first = parts[0]
    if isinstance(first, torch.Tensor):
        try:
            if len({part.dtype for part in parts}) > 1:
                raise RuntimeError("types")
            return torch.stack(parts)
        except (RuntimeError, TypeError, AttributeError) as error:
            _explain(parts, component)
            raise InvalidArgumentError(f"Cannot batch component {component}: {error}") from error
    if isinstance(first, StringTensor):
        _explain(parts, component)
        return StringTensor.of_bytes(np.stack([np.asarray(part) for part in parts]))
    if isinstance(first, RaggedTensor):
        return RaggedTensor.from_rows(parts)
    if isinstance(first, sparse.SparseTensor):
        return sparse.stacked(parts)
    if first is None:
        return None
    raise TypeError("Cannot batch datasets. Write `dataset.flat_map(lambda window: window.batch(size))`.")


def _explain(parts: list[Any], component: int) -> None:
    """Raises TensorFlow's error if parts have different shapes or types."""
    first = parts[0]
    for index, part in enumerate(parts):
        if type(part) is not type(first) or part.dtype != first.dtype:
            raise InvalidArgumentError(
                f"Cannot batch tensors with different types in component {component}. First element had type "
                f"{specs.type_name(first.dtype)} and element {index} had {specs.describe(part)}."
            )
        if part.shape != first.shape:
            raise InvalidArgumentError(
                f"Cannot batch tensors with different shapes in component {component}. First element had shape "
                f"{list(first.shape)} and element {index} had shape {list(part.shape)}. Give them one shape in a "
                "`map`, or use `padded_batch` or `ragged_batch`."
            )


class PaddedBatch(Batch):
    """Batches of elements of different shapes, filled up to one.

    Args:
        source: The elements.
        batch_size: How many.
        drop_remainder: Whether a smaller last batch is left out.
        padded_shapes: The shapes in the structure of the elements, `None` for what is as large as the largest element
            of the batch; without any, all sizes are.
        padding_values: What fills: one value for all, or a structure of values; 0 and the empty text by default.
    """

    def __init__(
        self, source: Node, batch_size: Any, drop_remainder: bool, padded_shapes: Any, padding_values: Any
    ) -> None:
        super().__init__(source, batch_size, drop_remainder, self._pad_all)
        self._shapes = padded_shapes
        self._values = padding_values

    @cached_property
    def spec(self) -> Any:
        """The specs of the filled parts."""
        size = self.batch_size if self.drop_remainder else None

        def padded(spec: Any, shape: Any) -> Any:
            sizes = (None,) * len(spec.shape or ()) if shape is None else specs.as_shape(shape)
            return specs.TensorSpec((size, *sizes), spec.dtype)

        return specs.aligned(padded, self.source.spec, self._shapes)

    def _pad_all(self, elements: list[Any]) -> Any:
        shapes = specs.parts_of(specs.aligned(lambda _, shape: specs.Given(shape), elements[0], self._shapes))
        values = self._values
        if not specs.is_structure(values):
            values = specs.map_parts(lambda _: self._values, elements[0])
        values = specs.parts_of(specs.aligned(lambda _, value: specs.Given(value), elements[0], values))
        return stack(elements, lambda parts, index: _pad(parts, shapes[index].value, values[index].value))


def _pad(parts: list[Any], shape: Any, value: Any) -> Any:
    rank = len(parts[0].shape)
    sizes = (None,) * rank if shape is None else specs.as_shape(shape)
    if len(sizes) != rank or any(len(part.shape) != rank for part in parts):
        raise ValueError(
            f"The padded shape {sizes} is not compatible with the shape {tuple(parts[0].shape)} of the corresponding "
            "input component."
        )
    largest = [max(part.shape[axis] for part in parts) for axis in range(rank)]
    target = [most if size is None else size for size, most in zip(sizes, largest, strict=True)]
    if any(most > size for size, most in zip(target, largest, strict=True)):
        raise DataLossError(
            f"Attempted to pad to a smaller size than the input element. Received: padded shape {tuple(target)}, an "
            f"element of shape {tuple(largest)}"
        )
    if isinstance(parts[0], StringTensor):
        fill = b"" if value is None else as_strings(value).numpy()
        texts: np.ndarray[Any, Any] = np.full((len(parts), *target), fill, dtype=object)
        for row, part in enumerate(parts):
            texts[_corner(row, part)] = part.numpy()
        return StringTensor.of_bytes(texts)
    filled = parts[0].new_full((len(parts), *target), _filling(value, parts[0].dtype))
    for row, part in enumerate(parts):
        filled[_corner(row, part)] = part
    return filled


def _corner(row: int, part: Any) -> Any:
    return (row, *(slice(size) for size in part.shape))


def _filling(value: Any, dtype: torch.dtype) -> Any:
    if value is None:
        return 0
    given = as_values(value)
    plain = not hasattr(value, "dtype")  # numbers of Python take the type of the part, if it can hold them
    if isinstance(given, StringTensor) or not (given.dtype == dtype or (plain and given.to(dtype) == given)):
        raise TypeError(
            f"Invalid `padding_values`. `padding_values` values type {specs.type_name(given.dtype)} does not match "
            f"type {specs.type_name(dtype)} of the corresponding input component."
        )
    return given.item()


def ragged_collate(elements: list[Any]) -> Any:
    """Puts elements together whose first sizes differ."""
    return stack(elements, lambda parts, index: _rows(parts, index))


def _rows(parts: list[Any], component: int) -> Any:
    if len(getattr(parts[0], "shape", ())) == 0:
        return _stack(parts, component)
    if any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        raise InvalidArgumentError(
            "Only the first dimension of an element may be ragged. Received: elements of shapes "
            f"{', '.join(str(tuple(part.shape)) for part in parts[:4])}"
        )
    return RaggedTensor.from_rows(parts, dtype="string" if isinstance(parts[0], StringTensor) else None)


class RaggedBatch(Batch):
    """Batches of rows of different lengths."""

    def __init__(self, source: Node, batch_size: Any, drop_remainder: bool) -> None:
        super().__init__(source, batch_size, drop_remainder, ragged_collate)

    @cached_property
    def spec(self) -> Any:
        """The specs of ragged rows."""
        size = self.batch_size if self.drop_remainder else None

        def ragged(spec: Any) -> Any:
            if not spec.shape:
                return specs.with_axis(spec, size)
            return specs.RaggedTensorSpec((size, None, *spec.shape[1:]), spec.dtype)

        return specs.map_parts(ragged, self.source.spec)


class Unbatch(Node):
    """The rows of batches."""

    def __init__(self, source: Node) -> None:
        super().__init__(source)
        self._source = source

    @property
    def cardinality(self) -> int:
        """The number of rows, if all batches have the same known size."""
        known = self._source.cardinality
        if known < 0:
            return known
        batch = self._source
        if isinstance(batch, Batch):
            return known * batch.batch_size if batch.drop_remainder else UNKNOWN
        if not batch.specified:
            return UNKNOWN
        sizes = [part.shape[0] for part in specs.parts_of(batch.spec) if part.shape] if known else [0]
        return known * sizes[0] if sizes and sizes[0] is not None else UNKNOWN

    @cached_property
    def spec(self) -> Any:
        """The specs without their first axis."""
        return specs.map_parts(specs.without_axis, self._source.spec)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the rows."""
        for batch in self._source:
            yield from _unstacked(batch)


def _unstacked(batch: Any) -> Iterator[Any]:
    parts = [part for part in specs.parts_of(batch) if part is not None]
    sizes = []
    for part in parts:
        if not len(part.shape):
            raise ValueError("Cannot unbatch an input with scalar components.")
        sizes.append(part.shape[0])
    for component, size in enumerate(sizes):
        if size != sizes[0]:
            raise InvalidArgumentError(
                "Input element must have the same batch size in each component. Component 0 had size "
                f"{sizes[0]} but component {component} had size, {size}."
            )
    rows = [part.clone().unbind(0) if isinstance(part, torch.Tensor) else list(part) for part in parts]
    for index in range(sizes[0] if sizes else 0):
        columns = iter(rows)
        yield specs.map_parts(
            lambda part, index=index, columns=columns: None if part is None else next(columns)[index], batch
        )


class Rebatch(Node):
    """Batches of other sizes, which are used in turn."""

    def __init__(self, source: Node, sizes: Any, drop_remainder: bool) -> None:
        super().__init__(source)
        self._rows = Unbatch(source)
        given = sizes if isinstance(sizes, (list, tuple)) else np.asarray(sizes).reshape(-1).tolist()
        self._sizes = [positive(size, "batch_size", "Batch size must be greater than zero.") for size in given]
        self._drop = bool(drop_remainder)

    @property
    def cardinality(self) -> int:
        """Not known, but for a source without end."""
        known = self._rows.cardinality
        return known if known == -1 else UNKNOWN

    @cached_property
    def spec(self) -> Any:
        """The specs of the batches."""
        size = self._sizes[0] if self._drop and len(self._sizes) == 1 else None
        return specs.map_parts(lambda spec: specs.with_axis(spec, size), self._rows.spec)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the batches."""
        rows = iter(self._rows)
        for size in itertools.cycle(self._sizes):
            group = list(itertools.islice(rows, size))
            if not group or (self._drop and len(group) < size):
                return
            yield _stack_parts(group)
