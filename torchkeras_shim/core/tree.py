"""Nested structures of lists, tuples, named tuples, deques and dicts.

`None` is a leaf. The keys of a dict go in sorted order, those of an `OrderedDict` in its own.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_NESTED = (list, tuple, dict, deque)


class MAP_TO_NONE:
    """What the function given to `traverse` returns to put `None` into the structure.

    Example:
        >>> traverse(lambda x: MAP_TO_NONE if x == 2 else None, [1, [2, 3]])
        [1, [None, 3]]
    """


def is_nested(structure: Any) -> bool:
    """Returns whether something is a container that the functions here look into.

    Example:
        >>> is_nested([1]), is_nested("ab"), is_nested(None)
        (True, False, False)
    """
    return isinstance(structure, _NESTED)


def keys_of(structure: dict[Any, Any]) -> list[Any]:
    """Returns the keys of a dict in the order in which its values are visited.

    Example:
        >>> keys_of({"b": 1, "a": 2})
        ['a', 'b']
    """
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:  # keys of several types have no order but their own
        return list(structure)


def _children(structure: Any) -> Iterable[Any]:
    if isinstance(structure, dict):
        return [structure[key] for key in keys_of(structure)]
    return structure  # type: ignore[no-any-return]


def _children_like(first: Any, other: Any) -> Iterable[Any]:
    """Returns the children of a structure in the order of another one of the same kind."""
    return [other[key] for key in keys_of(first)] if isinstance(first, dict) else other


def _rebuild(structure: Any, children: list[Any]) -> Any:
    if isinstance(structure, dict):
        by_key = dict(zip(keys_of(structure), children, strict=True))
        ordered = {key: by_key[key] for key in structure}
        if type(structure) is dict:
            return ordered
        copy = structure.copy()  # an OrderedDict or defaultdict keeps its class
        copy.update(ordered)
        return copy
    if hasattr(structure, "_fields"):
        return type(structure)(*children)
    if isinstance(structure, deque):
        return deque(children, structure.maxlen)
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
    keys = keys_of(structure) if isinstance(structure, dict) else range(len(structure))
    return [
        ((key, *path), leaf)
        for key, child in zip(keys, _children(structure), strict=True)
        for path, leaf in flatten_with_path(child)
    ]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Applies a function to each leaf, and to the leaves at the same place of further structures.

    Args:
        func: A function of as many arguments as there are structures.
        *structures: Structures of the same kind.
        none_is_leaf: Whether the function is called for `None` too, which otherwise stays as it is.

    Raises:
        ValueError: If the structures differ.
        TypeError: If `func` is not a function.

    Example:
        >>> map_structure(lambda x, y: x + y, {"a": 1}, {"a": 10})
        {'a': 11}
    """
    if not structures:
        raise ValueError("Must provide at least one structure")
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func!r}")
    return _map(func, structures, none_is_leaf)


def _map(func: Callable[..., Any], structures: tuple[Any, ...], none_is_leaf: bool) -> Any:
    first = structures[0]
    if len(structures) == 1:
        if not isinstance(first, _NESTED):
            return None if first is None and not none_is_leaf else func(first)
        return _rebuild(first, [_map(func, (child,), none_is_leaf) for child in _children(first)])
    if not is_nested(first):
        if any(is_nested(other) for other in structures[1:]):
            raise ValueError(f"Structures don't have the same nested structure. Received: {structures}")
        if none_is_leaf or all(one is not None for one in structures):
            return func(*structures)
        if all(one is None for one in structures):
            return None
        raise ValueError(f"Structure mismatch: some leaves are None, others are not. Received: {structures}")
    for other in structures[1:]:
        _assert_same_level(first, other)
    children = zip(*(_children_like(first, structure) for structure in structures), strict=True)
    return _rebuild(first, [_map(func, group, none_is_leaf) for group in children])


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Applies a function to what stands in structures at the places of the leaves of a shallower one.

    Args:
        shallow_structure: The structure that tells how deep to go.
        func: A function of as many arguments as there are structures.
        *structures: Structures of the same kind down to there.

    Raises:
        ValueError: If a structure differs, or is shallower.
        TypeError: If `func` is not a function.

    Example:
        >>> map_structure_up_to([None, None], len, [[1, 1], [2]])
        [2, 1]
    """
    if not structures:
        raise ValueError("Must provide at least one structure")
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func!r}")
    return _map_up_to(shallow_structure, func, structures)


def _map_up_to(shallow: Any, func: Callable[..., Any], structures: tuple[Any, ...]) -> Any:
    if not is_nested(shallow):
        return func(*structures)
    for structure in structures:
        _assert_same_level(shallow, structure)
    children = zip(*(_children_like(shallow, structure) for structure in structures), strict=True)
    pairs = zip(_children(shallow), children, strict=True)
    return _rebuild(shallow, [_map_up_to(child, func, group) for child, group in pairs])


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Applies a function to each shape, a list or tuple of integers and `None`, and to every other leaf.

    Example:
        >>> map_shape_structure(len, {"a": (None, 3), "b": [(1,)]})
        {'a': 2, 'b': [1]}
    """
    is_shape = isinstance(structure, (list, tuple)) and all(one is None or isinstance(one, int) for one in structure)
    if is_shape or not is_nested(structure):
        return func(structure)
    return _rebuild(structure, [map_shape_structure(func, child) for child in _children(structure)])


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Calls a function for a structure and everything within it, and puts its results in their place.

    Args:
        func: What it returns replaces its argument, unless it is `None`. To replace something by `None`, it returns
            `MAP_TO_NONE`.
        structure: The structure.
        top_down: Whether a container comes before its contents. What was replaced is not looked into then.

    Raises:
        TypeError: If `func` is not a function.

    Example:
        >>> traverse(lambda x: tuple(x) if isinstance(x, list) else None, [1, [2]], top_down=False)
        (1, (2,))
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: func={func!r}")

    def inside(one: Any) -> Any:
        return _rebuild(one, [traverse(func, child, top_down) for child in _children(one)]) if is_nested(one) else one

    if not top_down:
        structure = inside(structure)
    result = func(structure)
    if result is None:
        return inside(structure) if top_down else structure
    return None if result is MAP_TO_NONE else result


def lists_to_tuples(structure: Any) -> Any:
    """Returns the structure with tuples in the place of lists.

    Example:
        >>> lists_to_tuples([1, {"a": [2]}])
        (1, {'a': (2,)})
    """
    return traverse(lambda one: tuple(one) if isinstance(one, list) else None, structure, top_down=False)


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Gives a flat sequence the shape of a structure.

    Raises:
        ValueError: If the number of leaves differs.
        TypeError: If the sequence is none.

    Example:
        >>> pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
        {'a': 1, 'b': [2, 3]}
    """
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(
            f"Could not pack a sequence of {len(leaves)} leaves into a structure that holds {expected}: {structure}"
        )
    iterator = iter(leaves)
    return _pack(structure, iterator)


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_nested(structure):
        return next(leaves)
    return _rebuild(structure, [_pack(child, leaves) for child in _children(structure)])


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raises a ValueError where two structures differ.

    Dicts of all kinds match where they have the same keys. Lists, tuples, deques and named tuples do not match one
    another.

    Args:
        a: A structure.
        b: Another one.
        check_types: Deprecated in Keras and without effect.

    Example:
        >>> assert_same_structure([1, {"k": 2}], [3, {"k": 4}])
    """
    if check_types is not None:
        hint = "" if check_types else " For a looser check, use `keras.tree.assert_same_paths()`."
        warnings.warn(
            f"The `check_types` argument is deprecated and has no effect, please remove it.{hint}",
            DeprecationWarning,
            stacklevel=2,
        )
    if is_nested(a) or is_nested(b):
        _assert_same_level(a, b)
        for left, right in zip(_children(a), _children_like(a, b), strict=True):
            assert_same_structure(left, right)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raises a ValueError where different keys and indices lead to the leaves of two structures.

    Example:
        >>> assert_same_paths([0, 1], (2, 3))
    """
    in_a, in_b = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if in_a != in_b:
        message = "`a` and `b` don't have the same paths."
        for name, other, missing in (("a", "b", in_a - in_b), ("b", "a", in_b - in_a)):
            if missing:
                message += f"\nPaths in `{name}` missing in `{other}`:\n{missing}"
        raise ValueError(message)


def _assert_same_level(a: Any, b: Any) -> None:
    same = (isinstance(a, dict) and isinstance(b, dict) and set(a) == set(b)) or (
        not isinstance(a, dict) and is_nested(a) and type(a) is type(b) and len(a) == len(b)
    )
    if not same:
        raise ValueError(
            f"`a` and `b` don't have the same structure.\na={a} (of type {type(a).__name__})\n"
            f"b={b} (of type {type(b).__name__})"
        )
