"""Which call of a layer a config means: files of different writers count the calls of a nested model differently.

Keras 3 counts calls from 0 where a call's arguments are written, and those of a nested functional model from 1 in
`output_layers`. tf.keras and Keras 2 count those of a nested model of either kind from 1 everywhere, but those of a
`Sequential` without an input shape from 0. This package once counted from 0 everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchkeras_shim.core.errors import did_you_mean

#: A call in a config: the name of the operation, which of its calls it is, and the arguments.
Call = tuple[str, int, dict[str, Any]]


def first_in_outputs(operation: Any) -> int:
    """Returns what the first call of an operation is numbered in `output_layers`, in the files that are written."""
    return 1 if getattr(operation, "_graph", None) is not None else 0


def from_zero(
    entries: list[dict[str, Any]], calls: list[Call], output_layers: Any, operations: dict[str, Any]
) -> tuple[list[Call], Any]:
    """Returns the calls and the outputs of a config with every call numbered from 0.

    Args:
        entries: The config's layers.
        calls: The calls in them.
        output_layers: The config's outputs.
        operations: What the entries were made into, by name.

    Raises:
        ValueError: If an output, or an argument, is of a call that the config does not have.
    """
    inside: dict[str, set[int]] = {}
    outside: dict[str, set[int]] = {}

    def note(known: dict[str, set[int]]) -> Callable[[Any], Any]:
        return lambda place: known.setdefault(place[0], set()).add(int(place[1]))

    for _, _, node in calls:
        map_tensors(note(inside), node)
    map_places(note(outside), output_layers)
    counts: dict[str, int] = {}
    for name, _, _ in calls:
        counts[name] = counts.get(name, 0) + 1
    in_lists = {entry["name"] for entry in entries if any(isinstance(node, list) for node in _nodes(entry))}
    first: dict[str, tuple[int, int]] = {}
    for entry in entries:
        name = entry["name"]
        if name in in_lists:  # every call of a graph is used in it, so the smallest number is that of the first one
            start = min(inside.get(name, set()) | outside.get(name, set()), default=0)
            first[name] = (start, start)
        elif first_in_outputs(operations[name]):
            used = (inside.get(name, set()), outside.get(name, set()))
            first[name] = (0, _first_outside(entry, *used, counts.get(name, 0)))

    def shifted(which: int) -> Callable[[Any], list[Any]]:
        def shift(place: Any) -> list[Any]:
            name, number = place[0], int(place[1]) - first.get(place[0], (0, 0))[which]
            if name not in operations:
                raise ValueError(
                    f"Invalid Functional model configuration. Missing node: {name}. The config has no layer '{name}'."
                    f"{did_you_mean(name, operations)}"
                )
            if not 0 <= number < max(counts.get(name, 0), 1):
                raise ValueError(
                    f"The config refers to call {place[1]} of layer '{name}', which it calls {counts.get(name, 0)} "
                    "time(s)."
                )
            return [name, number, *place[2:]]

        return shift

    renumbered = [(name, index, map_tensors(shifted(0), node)) for name, index, node in calls]
    return renumbered, map_places(shifted(1), output_layers)


def _nodes(entry: dict[str, Any]) -> list[Any]:
    return list(entry.get("inbound_nodes") or [])


def _first_outside(entry: dict[str, Any], inside: set[int], outside: set[int], count: int) -> int:
    """Returns from where a Keras 3 config counts the calls of a nested functional model in its outputs."""
    # Every call of a graph is used in it.
    fits = [inside | {number - first for number in outside} == set(range(count)) for first in (0, 1)]
    if fits[0] != fits[1]:
        return fits.index(True)
    # Both would do. Where this package counted from 0, it left out the mask, which Keras always writes.
    own = all("mask" not in node.get("kwargs", {}) for node in _nodes(entry))
    return 0 if own and fits[0] else 1


def is_tensor(value: Any) -> bool:
    """Whether a value of a config stands for a symbolic tensor."""
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def map_tensors(function: Callable[[Any], Any], value: Any) -> Any:
    """Applies a function to the place, `[operation, call, output]`, of each tensor among a call's arguments."""
    if is_tensor(value):
        place = function(value["config"]["keras_history"])
        return {**value, "config": {**value["config"], "keras_history": place}}
    if isinstance(value, (list, tuple)):
        return type(value)(map_tensors(function, item) for item in value)
    if isinstance(value, dict):
        return {key: map_tensors(function, item) for key, item in value.items()}
    return value


def map_places(function: Callable[[Any], Any], structure: Any) -> Any:
    """Applies a function to each `[operation, call, output]` of a structure of inputs or outputs."""
    if isinstance(structure, (list, tuple)):
        if len(structure) == 3 and isinstance(structure[0], str) and not isinstance(structure[1], (str, list, dict)):
            return function(structure)
        return type(structure)(map_places(function, item) for item in structure)
    if isinstance(structure, dict):
        return {key: map_places(function, value) for key, value in structure.items()}
    raise ValueError(f"Not a place of a tensor in a config: {structure!r}")
