"""Structures of iterators turned into iterators of structures."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from torchkeras_shim.core import tree


def zipped(structure: Any, columns: Iterator[Iterator[Any]]) -> Iterator[Any]:
    """Turns one iterator of batches per leaf into batches of the structure; tuples cost no Python code per batch."""
    if not tree.is_nested(structure):
        return next(columns) if structure else itertools.repeat(None)
    if isinstance(structure, dict):
        # Columns come in the order in which `tree` visits a dict's keys; the batches keep the dict's own order.
        children = {key: zipped(structure[key], columns) for key in tree.keys_of(structure)}
        groups = zip(*[children[key] for key in structure], strict=False)
        make = OrderedDict if isinstance(structure, OrderedDict) else dict
        return (make(zip(structure, values, strict=True)) for values in groups)
    if len(structure) == 0:
        return itertools.repeat(structure)
    groups = zip(*[zipped(child, columns) for child in structure], strict=False)
    if hasattr(structure, "_fields"):
        return map(type(structure)._make, groups)
    return groups if type(structure) is tuple else map(type(structure), groups)
