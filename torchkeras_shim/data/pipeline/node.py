"""The parts of a pipeline: each takes its elements from others, and starts them over for every pass."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np

from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.indices import Table

#: What stands for a number that is chosen for the user.
AUTOTUNE = -1
#: The number of elements of a data set without end.
INFINITE = -1
#: The number of elements where only counting them would tell.
UNKNOWN = -2


class Cardinality(int):
    """A number of elements. TensorFlow gives a tensor here, so scripts ask it for `numpy()`."""

    __slots__ = ()

    def numpy(self) -> np.int64:
        """The number as numpy's."""
        number: np.int64 = np.int64(int(self))
        return number


class Node(ABC):
    """One part of a pipeline. It never changes; every iterator over it is a pass of its own.

    Args:
        *inputs: The nodes that it takes elements from.
    """

    #: Whether elements may be handed out again, so that whoever changes one in place must copy it first.
    shares = False
    #: Whether the specs are known without calling a function of the user's.
    specified = False
    #: Whether one pass can be had as a `Table`, without touching an element.
    indexable = False

    def __init__(self, *inputs: Node) -> None:
        self.inputs = inputs

    @property
    @abstractmethod
    def cardinality(self) -> int:
        """The number of elements, `INFINITE` or `UNKNOWN`."""

    @abstractmethod
    def elements(self) -> Iterator[Any]:
        """Returns an iterator over one pass, taken element by element."""

    @property
    def columns(self) -> Any:
        """The arrays whose rows each pass is, in one order for all, or `None`."""
        return None

    def table(self) -> Table:
        """Returns one pass as indices into arrays, if the node is `indexable`."""
        raise NotImplementedError

    def tables(self) -> Iterator[Table] | None:
        """Returns one pass as tables one after the other, of the same columns, or `None`."""
        return iter([self.table()]) if self.indexable else None

    def __iter__(self) -> Iterator[Any]:
        tables = self.tables()
        return self.elements() if tables is None else itertools.chain.from_iterable(table.rows() for table in tables)

    @cached_property
    def spec(self) -> Any:
        """The specs of an element. By default the first element tells."""
        return peeked(self)


class Through(Node):
    """A node that hands on some elements of another one, as they are."""

    def __init__(self, source: Node) -> None:
        super().__init__(source)
        self.source = source
        self.shares = source.shares
        self.specified = source.specified
        self.indexable = source.indexable

    @property
    def columns(self) -> Any:
        """The arrays whose rows are handed on."""
        return self.source.columns if self.indexable else None

    @cached_property
    def spec(self) -> Any:
        """The specs of the elements that are handed on."""
        return self.source.spec


D = TypeVar("D", covariant=True)


class Pipeline(Protocol[D]):
    """What a transformation needs of a data set: its last node, and a data set `D` that has another one."""

    _node: Any

    def _then(self, node: Node, name: str | None = None) -> D: ...


def node_of(dataset: Any, argument: str) -> Node:
    """Returns the node of what a user has given as a data set.

    Raises:
        TypeError: If it is none.
    """
    if not isinstance(dataset, specs.Nested):
        raise TypeError(f"`{argument}` must be a `Dataset`. Received: {type(dataset).__name__} {str(dataset)[:60]}")
    node: Node = dataset._node
    return node


def peeked(node: Node) -> Any:
    """Returns the specs of a node's first element, which is made for that."""
    for element in node:
        return specs.map_parts(specs.spec_of, element)
    raise no_elements()


def no_elements() -> ValueError:
    """Returns the error for the specs of a node without elements."""
    return ValueError("The `element_spec` of this dataset is not known, because it has no elements.")


def limited(cardinality: int, count: int) -> int:
    """Returns the number of elements if at most `count` are taken."""
    if cardinality == INFINITE:
        return count
    return cardinality if cardinality == UNKNOWN else min(cardinality, count)
