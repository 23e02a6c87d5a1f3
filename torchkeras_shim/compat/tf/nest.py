"""`tf.nest`: `keras.tree` under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.core import tree


@public("nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """Returns the leaves of a structure; a leaf itself as a list of one."""
    return list(tree.flatten(structure))


@public("nest.map_structure")
def map_structure(func: Callable[..., Any], *structure: Any, check_types: bool = True, **kwargs: Any) -> Any:
    """Returns the structure of what a function gives for the leaves."""
    kwargs.pop("expand_composites", None)
    if kwargs:
        raise ValueError(f"Only valid keyword arguments are `check_types` and `expand_composites`, not: {[*kwargs]}.")
    return tree.map_structure(func, *structure)


@public("nest.pack_sequence_as")
def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """Returns leaves in the form of a structure."""
    return tree.pack_sequence_as(structure, list(flat_sequence))


@public("nest.assert_same_structure")
def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raises an error where two structures differ."""
    tree.assert_same_structure(nest1, nest2)


@public("nest.is_nested")
def is_nested(structure: Any) -> bool:
    """Returns whether a value is a list, a tuple, a dict or another structure."""
    return bool(tree.is_nested(structure))
