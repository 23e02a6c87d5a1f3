"""How targets, outputs, weights and the arguments of `compile()` are brought into one flat order.

Decided once, at the first batch; a step only replays it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.core.errors import did_you_mean


class Outputs:
    """The outputs of a model in one flat order, with their names.

    Args:
        y_pred: What the model returned for the first batch, or its symbolic image.
        output_names: The names that the model itself has for its outputs.
    """

    def __init__(self, y_pred: Any, output_names: Sequence[str] | None = None) -> None:
        self.single = not tree.is_nested(y_pred)
        self.structure = tree.map_structure(lambda _: None, y_pred)
        leaves = tree.flatten_with_path(y_pred)
        self.count = len(leaves)
        flat = tree.is_nested(y_pred) and all(len(path) == 1 for path, _ in leaves)
        if flat and isinstance(y_pred, dict):
            self.keys: list[Any] | None = sorted(y_pred)
            self.names: list[str | None] = list(self.keys)
        else:
            self.keys = None
            own = list(output_names or [])
            self.names = list(own) if len(own) == self.count else [None] * self.count
        self.flat = flat
        paths = [path for path, _ in leaves]
        #: The places of the outputs that have a loss, where some have none: the others need no targets.
        self.with_loss: list[int] = []
        #: What the losses of single outputs are called in logs, but for the "_loss": `u/p` for output `p` inside `u`.
        #: Outputs of one layer have one name: all but the first get a number, so that none of their losses is lost.
        self.loss_names = _numbered(
            "/".join([*map(str, path[:-1]), path[-1] if isinstance(path[-1], str) else name]) if path and name else name
            for path, name in zip(paths, self.names, strict=True)
        )

    def flatten(self, values: Any, what: str) -> list[Any]:
        """Returns targets, outputs or weights in the flat order of the outputs.

        Raises:
            ValueError: If there is not one value per output; the message shows both structures.
        """
        if self.single:
            leaves = tree.flatten(values) if tree.is_nested(values) else [values]
            unknown = [key for key in values if key not in self.names] if isinstance(values, dict) else []
            if unknown:
                own = "has no name" if self.names[0] is None else f"is {self.names[0]!r}"
                raise ValueError(
                    f"`{what}` has the key {unknown[0]!r}, but the model's output {own}. Pass the array itself."
                )
        elif isinstance(values, dict) and self.flat:
            names = self.keys or self.names
            unknown = [key for key in values if key not in names]
            if unknown:
                raise ValueError(
                    f"`{what}` has the key {unknown[0]!r}, but the model's outputs are {names}."
                    f"{did_you_mean(unknown[0], [str(name) for name in names])}"
                )
            leaves = [values.get(name) for name in names]
        else:
            leaves = tree.flatten(values)
            if isinstance(values, dict) and isinstance(self.structure, dict) and set(values) != set(self.structure):
                leaves = []  # as many perhaps, but others
            elif what == "y_true" and len(leaves) == len(self.with_loss) < self.count:
                targets = dict(zip(self.with_loss, leaves, strict=True))
                leaves = [targets.get(index) for index in range(self.count)]
        if len(leaves) != self.count:
            raise ValueError(
                f"{what} and y_pred have different structures: the model has {self.count} output(s) "
                f"{[name for name in self.names if name] or ''}, `{what}` has {len(leaves)}.\n"
                f"{what}: {tree.map_structure(lambda _: '*', values)}\n"
                f"y_pred: {tree.map_structure(lambda _: '*', self.structure)}"
            )
        return leaves

    def require_target(self, target: Any, index: int, argument: str) -> None:
        """Raises unless there is a target for an output that `argument` of `compile()` measures."""
        if target is None:
            name = f"output {self.names[index]!r}" if self.names[index] else f"output {index}"
            raise ValueError(
                f"`y_true` has no target for {name}, for which `{argument}` was given to `compile()`. Pass a target "
                f"for each such output, or give `{argument}` by output, without this one."
            )

    def assign(self, values: Any, argument: str) -> list[Any]:
        """Returns one entry per output of an argument of `compile()`: `None` if it has none for an output.

        Args:
            values: One value for all outputs, or a list or dict by output.
            argument: The argument's name, for messages.

        Raises:
            ValueError: If names or numbers do not fit the outputs.
        """
        if not self.flat and tree.is_nested(self.structure) and self._fits(values):
            return _spread(self.structure, values, argument)
        if isinstance(values, dict) and not is_config(values):
            names = [name for name in (self.keys or self.names) if name is not None]
            unknown = [key for key in values if key not in names]
            if not names:
                raise ValueError(
                    f"`{argument}` is a dict, but the model's outputs have no names. Pass one value per output in the "
                    f"order of the outputs, without names. Received: {argument}={values}"
                )
            if unknown:
                advice = did_you_mean(unknown[0], [str(name) for name in names])
                raise ValueError(
                    f"{_rule(argument, names, values)} `{argument}` has the key {unknown[0]!r}, which is not an output "
                    f"of the model. Its outputs: {names}.{advice} Received: {argument}={values}"
                )
            return [values.get(name) for name in names]
        if isinstance(values, (list, tuple)):
            if len(values) == self.count:
                return list(values)
            leaves = tree.flatten(values)
            if len(leaves) == self.count:
                return leaves
            raise ValueError(
                f"`{argument}` must have one entry per output: the model has {self.count} output(s), `{argument}` has "
                f"{len(values)}. Received: {argument}={values}"
            )
        return [values] * self.count

    def _fits(self, values: Any) -> bool:
        """Returns whether values have the structure of nested outputs, at least at the top."""
        if isinstance(self.structure, dict):
            return isinstance(values, dict) and not is_config(values) and set(values) <= set(self.structure)
        return isinstance(values, (list, tuple)) and len(values) == len(self.structure)


def _spread(structure: Any, values: Any, argument: str) -> list[Any]:
    """Returns one entry per leaf of the structure; what is given for a group of outputs holds for each of them."""
    if not tree.is_nested(structure):
        return [values]
    if values is None or not isinstance(values, (dict, list, tuple)) or is_config(values):
        return [values] * len(tree.flatten(structure))
    if isinstance(structure, dict) and isinstance(values, dict) and set(values) <= set(structure):
        pairs = [(child, values.get(path[0])) for path, child in _children(structure)]
    elif not isinstance(structure, dict) and not isinstance(values, dict) and len(values) == len(structure):
        pairs = list(zip(structure, values, strict=True))
    else:
        raise ValueError(
            f"`{argument}` must have the structure of the model's outputs. Expected: "
            f"{tree.map_structure(lambda _: '*', structure)}. Received: {values}"
        )
    return [entry for child, value in pairs for entry in _spread(child, value, argument)]


def _children(structure: dict[Any, Any]) -> list[Any]:
    """Returns the entries of a dict in the order in which `tree` visits them."""
    order = [path for path, _ in tree.flatten_with_path(dict.fromkeys(structure))]
    return [(path, structure[path[0]]) for path in order]


def _rule(argument: str, names: list[str], values: dict[Any, Any]) -> str:
    """Returns Keras's sentence about a dict by output."""
    if argument in ("metrics", "weighted_metrics"):
        return f"Invalid `{argument}`. It should be a dict or a list matching the output names of the model {names}."
    return f"Expected keys {names} in {argument} dict, but found {argument}.keys()={list(values)}."


def is_config(value: Any) -> bool:
    """Tells a serialized object from a dict by output."""
    return isinstance(value, dict) and {"class_name", "config"} <= set(value)


def identifiers(given: Any) -> list[Any]:
    """Returns what a nested argument of `compile()` names, in a flat list; a serialized object is one of them."""
    if given is None:
        return []
    if isinstance(given, (list, tuple)):
        return [identifier for item in given for identifier in identifiers(item)]
    if isinstance(given, dict) and not is_config(given):
        return [identifier for item in given.values() for identifier in identifiers(item)]
    return [given]


def flattener(outputs: Outputs, example: Any, what: str) -> Callable[[Any], list[Any]]:
    """Returns the cheapest function that brings values of the example's structure into the flat order."""
    if not tree.is_nested(example):
        if example is not None and outputs.count > 1 and what == "sample_weight":
            return partial(_repeated, outputs.count)  # one weight for all outputs
        return partial(outputs.flatten, what=what)
    outputs.flatten(example, what)  # names and numbers are checked once, here
    if outputs.flat and isinstance(example, dict):
        return partial(_picked, outputs, what)
    return partial(outputs.flatten, what=what)


def _repeated(count: int, value: Any) -> list[Any]:
    return [value] * count


def _picked(outputs: Outputs, what: str, value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value.get(key) for key in outputs.keys or outputs.names]
    return outputs.flatten(value, what)  # the next `fit` may give a list


def _numbered(names: Iterable[str | None]) -> list[str | None]:
    counts: Counter[str | None] = Counter()
    numbered = []
    for name in names:
        numbered.append(f"{name}_{counts[name]}" if name and counts[name] else name)
        counts[name] += 1
    return numbered
