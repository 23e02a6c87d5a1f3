"""Nested structures of lists, tuples, named tuples and dicts. `None` is a leaf, dict keys go in sorted order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def is_nested(structure: Any) -> bool:
    """Tells whether something is a container that the functions here look into.

    Example:
        >>> is_nested([1]), is_nested("ab"), is_nested(None)
        (True, False, False)
    """
    return isinstance(structure, (list, tuple, dict))


def _keys(structure: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:  # keys of several types have no order but their own
        return list(structure)


def _children(structure: Any) -> Iterable[Any]:
    if isinstance(structure, dict):
        return [structure[key] for key in _keys(structure)]
    return structure  # type: ignore[no-any-return]


def _rebuild(structure: Any, children: list[Any]) -> Any:
    if isinstance(structure, dict):
        by_key = dict(zip(_keys(structure), children, strict=True))
        ordered = {key: by_key[key] for key in structure}
        if type(structure) is dict:
            return ordered
        copy = structure.copy()  # an OrderedDict or defaultdict keeps its class
        copy.update(ordered)
        return copy
    if hasattr(structure, "_fields"):
        return type(structure)(*children)
    return type(structure)(children)


def flatten(structure: Any) -> list[Any]:
    """Returns the leaves, depth first.

    Example:
        >>> flatten({"b": 1, "a": [2, (3, None)]})
        [2, 3, None, 1]
    """
    if not is_nested(structure):
        return [structure]
    return [leaf for child in _children(structure) for leaf in flatten(child)]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Returns `(path, leaf)` pairs, a path being the keys and indices that lead to the leaf.

    Example:
        >>> flatten_with_path({"a": [5]})
        [(('a', 0), 5)]
    """
    if not is_nested(structure):
        return [((), structure)]
    keys = _keys(structure) if isinstance(structure, dict) else range(len(structure))
    return [
        ((key, *path), leaf)
        for key, child in zip(keys, _children(structure), strict=True)
        for path, leaf in flatten_with_path(child)
    ]


def map_structure(func: Callable[..., Any], *structures: Any) -> Any:
    """Applies a function to each leaf, and to the leaves at the same place of further structures.

    Raises:
        ValueError: where the structures differ.

    Example:
        >>> map_structure(lambda x, y: x + y, {"a": 1}, {"a": 10})
        {'a': 11}
    """
    if not structures:
        raise ValueError("Must provide at least one structure")
    first = structures[0]
    if not is_nested(first):
        return func(*structures)
    for other in structures[1:]:
        _assert_same_level(first, other)
    children = zip(*(_children(structure) for structure in structures), strict=True)
    return _rebuild(first, [map_structure(func, *group) for group in children])


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Gives a flat sequence the shape of a structure.

    Raises:
        ValueError: where the number of leaves differs.

    Example:
        >>> pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
        {'a': 1, 'b': [2, 3]}
    """
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(
            f"Could not pack a sequence of {len(leaves)} elements into a structure of {expected}: {structure}"
        )
    iterator = iter(leaves)
    return _pack(structure, iterator)


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    return _rebuild(structure, [_pack(child, leaves) for child in _children(structure)])


def assert_same_structure(a: Any, b: Any) -> None:
    """Raises a ValueError where two structures differ.

    Example:
        >>> assert_same_structure([1, {"k": 2}], [3, {"k": 4}])
    """
    if is_nested(a) or is_nested(b):
        _assert_same_level(a, b)
        for left, right in zip(_children(a), _children(b), strict=True):
            assert_same_structure(left, right)


def _assert_same_level(a: Any, b: Any) -> None:
    same = (isinstance(a, dict) and isinstance(b, dict) and set(a) == set(b)) or (
        not isinstance(a, dict) and is_nested(a) and type(a) is type(b) and len(a) == len(b)
    )
    if not same:
        raise ValueError(f"`a` and `b` don't have the same structure.\na={a}\nb={b}")
