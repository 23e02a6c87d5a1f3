"""Several data sets as one, and data sets made of elements."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.indices import Table, generators
from torchkeras_shim.data.pipeline.mapping import Function
from torchkeras_shim.data.pipeline.node import INFINITE, UNKNOWN, Node, no_elements
from torchkeras_shim.data.pipeline.ordering import positive
from torchkeras_shim.data.pipeline.sources import Elements, Slices, new_seed


class Zip(Node):
    """Elements of several nodes side by side, as long as all have one.

    Args:
        structure: Nodes in a structure, which is that of the elements.
    """

    def __init__(self, structure: Any) -> None:
        self._structure = structure
        super().__init__(*specs.parts_of(structure))
        self.shares = any(node.shares for node in self.inputs)
        self.indexable = all(node.indexable for node in self.inputs)

    @property
    def cardinality(self) -> int:
        """The number of elements of the shortest one."""
        counts = [node.cardinality for node in self.inputs]
        if UNKNOWN in counts:
            return UNKNOWN
        return min((count for count in counts if count >= 0), default=INFINITE)

    @cached_property
    def spec(self) -> Any:
        """The specs in the structure of the nodes."""
        return specs.map_parts(lambda node: node.spec, self._structure)

    @property
    def columns(self) -> Any:
        """The arrays, if all are of one length and in their own order."""
        plain = (
            all(type(node) is Slices for node in self.inputs) and len({node.cardinality for node in self.inputs}) == 1
        )
        return specs.map_parts(lambda node: node.columns, self._structure) if plain else None

    def table(self) -> Table:
        """Returns the rows side by side."""
        first, *others = (node.table() for node in self.inputs)
        columns, orders, length = first.beside(*others)
        return Table(self._filled(columns), orders, length)

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements side by side."""
        return map(self._filled, zip(*self.inputs, strict=False))

    def _filled(self, parts: Any) -> Any:
        if type(self._structure) is tuple and len(self._structure) == len(parts):
            return tuple(parts)
        iterator = iter(parts)
        return specs.map_parts(lambda _: next(iterator), self._structure)


class Concatenate(Node):
    """The elements of one node and then those of another one."""

    def __init__(self, first: Node, second: Node) -> None:
        super().__init__(first, second)
        self.shares = first.shares or second.shares

    @property
    def cardinality(self) -> int:
        """The number of elements."""
        counts = [node.cardinality for node in self.inputs]
        if INFINITE in counts:
            return INFINITE
        return UNKNOWN if UNKNOWN in counts else sum(counts)

    @cached_property
    def spec(self) -> Any:
        """The specs of both: sizes that differ are not known."""
        first, second = (node.spec for node in self.inputs)
        try:
            return specs.map_parts(_common, first, second)
        except (TypeError, ValueError, KeyError) as error:
            raise _incompatible(first, second) from error

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over both."""
        kinds = None
        for node in self.inputs:
            for index, element in enumerate(node):
                if index == 0:
                    found = specs.map_parts(lambda part: getattr(part, "dtype", None), element)
                    if kinds is not None and kinds != found:
                        raise _incompatible(*(node.spec for node in self.inputs))
                    kinds = found
                yield element


def _common(first: Any, second: Any) -> Any:
    if type(first) is not type(second) or getattr(first, "dtype", None) != getattr(second, "dtype", None):
        raise TypeError
    if not isinstance(first, specs.TensorSpec):
        return first
    if first.shape is None or second.shape is None or len(first.shape) != len(second.shape):
        return specs.TensorSpec(None, first.dtype)
    sizes = (one if one == other else None for one, other in zip(first.shape, second.shape, strict=True))
    return specs.TensorSpec(tuple(sizes), first.dtype)


def _incompatible(first: Any, second: Any) -> TypeError:
    return TypeError(f"Incompatible dataset elements:\n  {first} vs.   {second}. Bring them to one type in a `map`.")


class Interleave(Node):
    """The elements of the data sets that a function makes of each element, some of them in turn.

    Args:
        source: The elements.
        function: Returns a data set.
        cycle_length: How many data sets take turns.
        block_length: How many elements each hands out in its turn.
        method: What it is called in messages.
    """

    def __init__(
        self, source: Node, function: Callable[..., Any], cycle_length: Any, block_length: Any, method: str
    ) -> None:
        super().__init__(source)
        self._source = source
        self._function = Function(function, "map_func", method, source)
        self._method = method
        self._cycle = positive(cycle_length, "cycle_length", "cycle_length must be greater than zero.")
        self._block = positive(block_length, "block_length", "block_length must be greater than zero.")
        self.shares = True  # nobody knows of what is to come

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    @cached_property
    def spec(self) -> Any:
        """The specs of the data set that the function makes of the first element."""
        for element in self._source:
            return self._dataset(element).spec
        raise no_elements()

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements."""
        source = iter(self._source)
        if self._cycle == 1:
            yield from itertools.chain.from_iterable(map(self._dataset, source))
            return
        open_ones: list[Iterator[Any] | None] = [None] * self._cycle
        place, left, exhausted = 0, self._block, False
        while not exhausted or any(one is not None for one in open_ones):
            one = open_ones[place]
            if one is None and not exhausted:
                for element in source:
                    open_ones[place] = iter(self._dataset(element))
                    break
                else:
                    exhausted = True
                continue
            if one is not None and left:
                for element in one:
                    left -= 1
                    yield element
                    break
                else:
                    open_ones[place] = None
                    left = 0
                if left:
                    continue
            place, left = (place + 1) % self._cycle, self._block

    def _dataset(self, element: Any) -> Node:
        result = self._function(element)
        if not isinstance(result, specs.Nested):
            raise TypeError(
                f"Invalid `map_func`. `map_func` must return a `Dataset` object. Got {type(result)} from the function "
                f"of `Dataset.{self._method}`. To return elements, write `dataset.map(...)`."
            )
        node: Node = result._node
        return node


class Select(Node):
    """Elements of several nodes, the next of which another node chooses.

    Args:
        nodes: The nodes to choose from.
        choices: A node of integers.
        stop: Whether it ends with the first empty node; otherwise what chooses an empty one is passed over.
        possible: Whether each node may be chosen, if that is known.
    """

    def __init__(self, nodes: list[Node], choices: Node, stop: bool, possible: list[bool] | None = None) -> None:
        super().__init__(*nodes, choices)
        self._nodes = nodes
        self._choices = choices
        self._stop = stop
        self._possible = possible or [True] * len(nodes)
        self.shares = any(node.shares for node in nodes)

    @property
    def cardinality(self) -> int:
        """Not known, if it is not without end."""
        counts = [node.cardinality for node, possible in zip(self._nodes, self._possible, strict=True) if possible]
        if self._choices.cardinality != INFINITE:
            return UNKNOWN
        if len(counts) == 1:
            return counts[0]
        ends = all if self._stop else any
        return INFINITE if ends(count == INFINITE for count in counts) else UNKNOWN

    @cached_property
    def spec(self) -> Any:
        """The specs of the first node."""
        return self._nodes[0].spec

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the chosen elements."""
        iterators: list[Iterator[Any] | None] = [
            iter(node) if possible else None for node, possible in zip(self._nodes, self._possible, strict=True)
        ]
        for choice in self._choices:
            index = int(choice)
            if not 0 <= index < len(iterators):
                raise InvalidArgumentError(f"Selector index out of range: {index} >= {len(iterators)}")
            chosen = iterators[index]
            if chosen is None:
                continue
            for element in chosen:
                yield element
                break
            else:
                iterators[index] = None
                if self._stop or not any(iterators):
                    return


class Draws(Node):
    """Random integers below the number of weights, with the probability of each, without end.

    Args:
        weights: The weights, or a node of vectors of them.
        count: How many there are.
        seed: Makes the numbers repeatable.
        rerandomize: Whether each pass has new numbers.
    """

    def __init__(self, weights: Any, count: int, seed: int | None, rerandomize: bool) -> None:
        super().__init__()
        self._weights = weights
        self._count = count
        self._seed = new_seed() if seed is None else seed
        self._rerandomize = rerandomize
        self._passes = 0

    @property
    def cardinality(self) -> int:
        """As many as there are weights."""
        return self._weights.cardinality if isinstance(self._weights, Node) else INFINITE

    def elements(self) -> Iterator[int]:
        """Returns an iterator over the numbers."""
        self._passes += self._rerandomize
        source, _ = generators(self._seed, self._passes)
        if isinstance(self._weights, Node):
            for weights in self._weights:
                bounds = _bounds(np.asarray(weights, dtype=np.float64))
                yield bisect.bisect_right(bounds, source.random() * bounds[-1])
            return
        bounds = _bounds(np.full(self._count, 1.0) if self._weights is None else np.asarray(self._weights, dtype=float))
        while True:
            for number in (source.random(256) * bounds[-1]).tolist():
                yield bisect.bisect_right(bounds, number)


def _bounds(weights: np.ndarray[Any, Any]) -> list[float]:
    return np.cumsum(np.maximum(weights, 0)).tolist()  # type: ignore[no-any-return]


class GroupByWindow(Node):
    """Elements of the same key, gathered and handed to a function as a data set.

    Args:
        source: The elements.
        key: Returns an integer for an element.
        reduce: Returns a data set for a key and a data set.
        size: Returns for a key how many elements it is given at once.
        wrap: Returns a node as a data set.
    """

    def __init__(
        self, source: Node, key: Callable[..., Any], reduce: Callable[..., Any], size: Callable[[Any], Any], wrap: Any
    ) -> None:
        super().__init__(source)
        self._source = source
        self._key = Function(key, "key_func", "group_by_window", source)
        self._reduce = Function(reduce, "reduce_func", "group_by_window")
        self._size = size
        self._wrap = wrap
        self.shares = True

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    @cached_property
    def spec(self) -> Any:
        """The specs of the data set that the function makes of the first element alone."""
        for element in self._source:
            return self._reduced(int(self._key(element)), [element]).spec
        raise no_elements()

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements of what the function returns."""
        groups: dict[int, list[Any]] = {}
        sizes: dict[int, int] = {}
        for element in self._source:
            key = int(self._key(element))
            if key not in groups:
                groups[key] = []
                size = self._size(torch.tensor(key))
                sizes[key] = positive(size, "window_size", "Window size must be greater than zero.")
            groups[key].append(element)
            if len(groups[key]) == sizes[key]:
                yield from self._reduced(key, groups.pop(key))
        for key in sorted(groups):
            yield from self._reduced(key, groups[key])

    def _reduced(self, key: int, elements: list[Any]) -> Node:
        result = self._reduce(torch.tensor(key), self._wrap(Elements(elements)))
        if not isinstance(result, specs.Nested):
            raise TypeError(f"`reduce_func` must return a `Dataset` object. Got {type(result)}.")
        node: Node = result._node
        return node


class Resample(Node):
    """Elements passed over so that their classes come as often as wanted; each beside its class.

    Args:
        source: The elements.
        class_of: Returns an element's class.
        target: The wanted share of each class.
        initial: The share that each class has; counted on the way without it.
        seed: Makes the choice repeatable.
    """

    def __init__(self, source: Node, class_of: Callable[..., Any], target: Any, initial: Any, seed: int | None) -> None:
        super().__init__(source)
        self._source = source
        self._class_of = Function(class_of, "class_func", "rejection_resample", source)
        self._target = np.asarray(target, dtype=np.float64)
        self._initial = None if initial is None else np.asarray(initial, dtype=np.float64)
        self._seed = new_seed() if seed is None else seed
        self._passes = 0
        self.shares = source.shares

    @property
    def cardinality(self) -> int:
        """Not known, if not without end."""
        return INFINITE if self._source.cardinality == INFINITE else UNKNOWN

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over pairs of a class and an element."""
        self._passes += 1
        source, _ = generators(self._seed, self._passes)
        counts = np.full(len(self._target), 10.0)
        for element in self._source:
            label = specs.as_part(self._class_of(element))
            index = int(label)
            if not 0 <= index < len(counts):
                raise InvalidArgumentError(
                    f"The class of an element must be in [0, {len(counts)}), as there are so many entries of "
                    f"`target_dist`. Received: class {index} for the element {specs.describe(element)}"
                )
            counts[index] += 1
            shares = counts if self._initial is None else self._initial
            ratios = np.divide(self._target, shares, out=np.zeros_like(self._target), where=shares > 0)
            if source.random() * ratios.max() < ratios[index]:
                yield label, element
