"""The inputs of a functional model: how given data are matched with them, by name wherever there are names."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.layers.input_spec import DeclaredInput


class InputStructure:
    """The structure that a model's inputs were declared in, with their names.

    Args:
        structure: A `KerasTensor`, or a structure of them.
        names: The names of the input layers, in the order of the flat structure.
        optional: Which of them may be left out.

    Example:
        >>> from torchkeras_shim.core.symbolic import KerasTensor
        >>> declared = [KerasTensor((None, 2)), KerasTensor((None, 3))]
        >>> InputStructure(declared, ["b", "a"], [False, False]).flatten({"a": 1, "b": 2})
        [2, 1]
    """

    def __init__(self, structure: Any, names: Sequence[str], optional: Sequence[bool]) -> None:
        self._names, self._optional = list(names), list(optional)
        self._structure = tree.pack_sequence_as(structure, range(len(self._names)))  # each input's number in its place
        self._is_flat = isinstance(structure, (list, tuple)) and not any(map(tree.is_nested, structure))
        self._has_warned = False
        leaves = tree.flatten_with_path(structure)
        #: What is declared of each input, in the flat order.
        self.declared = [DeclaredInput(leaf.name, leaf.shape, ".".join(map(str, path))) for path, leaf in leaves]

    def flatten(self, inputs: Any) -> list[Any]:
        """Returns given inputs in the flat order of the declared ones.

        A dict is read by the declared keys or the names of the inputs, and what else is in it is left out. A list for
        inputs that were declared as a dict is taken in the order of the keys where that is the sorted one, as in Keras,
        and refused where it is not. A structure that is not the declared one is warned of once.

        Raises:
            ValueError: If the structures do not fit; both are shown. If an input that is not optional is `None`.
        """
        fits = self._is_flat and isinstance(inputs, (list, tuple)) and len(inputs) == len(self._names)
        if fits and not any(value is None or tree.is_nested(value) for value in inputs):
            return list(inputs)
        found: dict[int, Any] = {}
        if not self._match(self._structure, inputs, found):
            found = dict(enumerate(self._in_order(inputs)))
        if not self._has_warned and not self._is_like_declared(inputs):
            self._has_warned = True
            warnings.warn(self._difference(inputs, ""), stacklevel=3)
        for number, (name, optional) in enumerate(zip(self._names, self._optional, strict=True)):
            if found[number] is None and not optional:
                raise ValueError(
                    f"The input '{name}' is not optional, but None was passed. Please provide a valid tensor, or "
                    f"declare it as `Input(..., name='{name}', optional=True)`."
                )
        return [found[number] for number in range(len(self._names))]

    def _is_like_declared(self, inputs: Any) -> bool:
        """Returns whether inputs have the declared structure, or are a dict for single inputs that are not in one."""
        if isinstance(inputs, dict) and not isinstance(self._structure, dict):
            return isinstance(self._structure, int) or all(isinstance(child, int) for child in self._structure)
        return _is_like(self._structure, inputs)

    def _match(self, expected: Any, given: Any, found: dict[int, Any]) -> bool:
        """Notes the value of every declared input. Returns whether the structures fit."""
        if isinstance(expected, int):
            if isinstance(given, dict):
                given = self._entry(given, self._names[expected], expected)
            leaves = tree.flatten(given)
            found[expected] = leaves[0] if leaves else None
            return len(leaves) == 1
        if isinstance(expected, dict):
            return self._match_dict(expected, given, found)
        if isinstance(given, dict):
            return all(self._match(child, given, found) for child in expected)
        if len(expected) == 1 and not (isinstance(given, (list, tuple)) and len(given) == 1):
            return self._match(expected[0], given, found)
        if not isinstance(given, (list, tuple)):
            return False
        if len(given) != len(expected):
            expected = tree.flatten(expected) if _is_all_lists(expected) else expected
        if len(given) != len(expected):
            return False
        return all(self._match(child, value, found) for child, value in zip(expected, given, strict=True))

    def _match_dict(self, expected: dict[Any, Any], given: Any, found: dict[int, Any]) -> bool:
        if isinstance(given, dict):
            return all(self._match(child, self._entry(given, key, child), found) for key, child in expected.items())
        if len(expected) == 1 and not isinstance(given, (list, tuple)):
            given = [given]
        if not isinstance(given, (list, tuple)) or len(given) != len(expected) or not _is_sorted(expected):
            return False
        return all(self._match(child, value, found) for child, value in zip(expected.values(), given, strict=True))

    def _in_order(self, inputs: Any) -> list[Any]:
        """Returns the inputs in the order they come in, where no names tell which is which, and no order is guessed."""
        leaves = tree.flatten(inputs)
        by_key = isinstance(self._structure, dict)
        if len(leaves) != len(self._names) or isinstance(inputs, dict) or (by_key and not _is_sorted(self._structure)):
            raise ValueError(self._mismatch(inputs))
        return leaves

    def _entry(self, given: dict[Any, Any], key: Any, expected: Any) -> Any:
        if key in given or (isinstance(expected, int) and self._optional[expected]):
            return given.get(key)
        names = self._keys()
        unknown = [str(one) for one in given if one not in names]
        raise ValueError(
            f'Missing data for input "{key}". You passed a data dictionary with keys {list(given)}. '
            f"Expected the following keys: {names}.{did_you_mean(str(key), unknown)}"
        )

    def _keys(self) -> list[Any]:
        return list(self._structure) if isinstance(self._structure, dict) else self._names

    def _mismatch(self, inputs: Any) -> str:
        advice = ""
        if isinstance(self._structure, dict):
            advice = (
                "\nPass the named input(s) with keys: {" + ", ".join(f"{key!r}: ..." for key in self._structure) + "}"
            )
        counts = f": the model expects {len(self._names)} input(s), and received {len(tree.flatten(inputs))}"
        return self._difference(inputs, counts) + advice

    def _difference(self, inputs: Any, more: str) -> str:
        shown = tree.map_structure(lambda number: self._names[number], self._structure)
        given = tree.map_structure(lambda leaf: f"Tensor(shape={tuple(getattr(leaf, 'shape', ()))})", inputs)
        return (
            f"The structure of `inputs` doesn't match the expected structure{more}.\nExpected: {shown}\n"
            f"Received: inputs={given}"
        )


def _is_like(expected: Any, given: Any) -> bool:
    """Returns whether the structure of given inputs is the declared one, or one that says the same."""
    if isinstance(expected, int):
        return not tree.is_nested(given) or (isinstance(given, (list, tuple)) and len(given) == 1)
    if isinstance(expected, dict):
        same = isinstance(given, dict) and set(given) <= set(expected)
        return same and all(_is_like(expected[key], value) for key, value in given.items())
    if not isinstance(given, (list, tuple)):
        return len(expected) == 1 and not isinstance(given, dict) and _is_like(expected[0], given)
    return len(given) == len(expected) and all(map(_is_like, expected, given))


def _is_sorted(structure: dict[Any, Any]) -> bool:
    return list(structure) == sorted(structure, key=str)


def _is_all_lists(structure: Any) -> bool:
    if isinstance(structure, (list, tuple)):
        return all(_is_all_lists(child) for child in structure)
    return not tree.is_nested(structure)
