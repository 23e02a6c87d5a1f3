"""Losses of several outputs together: `loss=[of_all, {"a": of_one}]`, as Keras reads such a structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torchkeras_shim.core import tree
from torchkeras_shim.training.outputs import Outputs, is_config


@dataclass(frozen=True)
class Term:
    """One loss with what it is about.

    Attributes:
        places: The place of an output in the flat order, or a structure of places.
        identifier: What `compile()` was given for it.
        weight: Its weight, if any.
        name: What it is called in logs, but for the "_loss"; `None` for the loss's own name.
    """

    places: Any
    identifier: Any
    weight: Any
    name: str | None


def is_joint(loss: Any, structure: Any) -> bool:
    """Returns whether some loss of a structure is about several outputs together."""
    if not _is_group(loss) or not tree.is_nested(structure):
        return False
    if isinstance(loss, dict):
        shared = [key for key in loss if isinstance(structure, dict) and key in structure]
        return any(is_joint(loss[key], structure[key]) for key in shared)
    if not any(map(_is_group, loss)) and len(loss) == len(tree.flatten(structure)):
        return False
    if not isinstance(structure, type(loss)):
        return not all(map(_is_group, loss))
    return any(is_joint(one, child) for one, child in zip(loss, structure, strict=False))


def joint_terms(outputs: Outputs, loss: Any, weights: Any) -> list[Term]:
    """Returns the losses of a structure with joint ones in it, in their order.

    Args:
        outputs: The model's outputs.
        loss: `compile()`'s argument.
        weights: `compile()`'s `loss_weights`: a number, the structure of `loss`, or as many numbers.

    Raises:
        ValueError: If the losses do not fit the outputs, or the weights do not fit the losses.
    """
    terms = list(_walk(loss, _as_structured(weights, loss), _places(outputs), (), outputs.names))
    for term in terms:
        if type(term.places) is not int and isinstance(term.identifier, str):
            raise ValueError(
                f"`loss` must have one entry per output, or functions of several outputs together: the model has "
                f"{outputs.count} output(s), and {term.identifier!r} takes one. Received: loss={loss}"
            )
    return terms


def pick(flat: Sequence[Any], places: Any) -> Any:
    """Returns the value at a place, or a structure of values."""
    return flat[places] if type(places) is int else tree.map_structure(lambda place: flat[place], places)


def weight_of(flat: Sequence[Any], places: Any) -> Any:
    """Returns the sample weights of an output, or the mean of those of several, which are one for them together."""
    if type(places) is int:
        return flat[places]
    given = [flat[place] for place in tree.flatten(places) if flat[place] is not None]
    return sum(given[1:], start=given[0]) / len(given) if given else None


def _is_group(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict)) and not is_config(value)


def _places(outputs: Outputs) -> Any:
    if outputs.keys is not None:
        return {key: outputs.keys.index(key) for key in sorted(outputs.keys)}
    return tree.pack_sequence_as(outputs.structure, list(range(outputs.count)))


def _as_structured(weights: Any, loss: Any) -> Any:
    if not _is_group(weights):
        return weights
    flat, expected = tree.flatten(weights), len(tree.flatten(loss))
    if len(flat) != expected:
        raise ValueError(
            f"`loss_weights` must match the number of losses, got {expected} losses and {len(flat)} weights. "
            f"Received: loss_weights={weights}"
        )
    return tree.pack_sequence_as(loss, flat)


def _walk(loss: Any, weight: Any, places: Any, path: tuple[Any, ...], names: Sequence[str | None]) -> Iterator[Term]:
    if loss is None:
        return
    if not _is_group(loss):
        yield Term(places, loss, weight, _name(places, path, names))
        return
    if not isinstance(loss, dict):
        if not any(map(_is_group, loss)) and len(loss) == len(tree.flatten(places)):
            loss = _packed(loss, places)
            weight = _packed(weight, places) if _is_group(weight) else weight
            if not _is_group(loss):
                yield from _walk(loss, weight, places, path, names)
                return
        elif not isinstance(places, type(loss)):
            for index, one in enumerate(loss):
                yield from _walk(one, _at(weight, index), places, path, names)
            return
    for key, one in loss.items() if isinstance(loss, dict) else enumerate(loss):
        if one is not None:
            yield from _walk(one, _at(weight, key), _child(places, loss, key, path), (*path, key), names)


def _packed(values: Any, places: Any) -> Any:
    return tree.pack_sequence_as(places, list(values)) if tree.is_nested(places) else values[0]


def _at(weight: Any, key: Any) -> Any:
    return weight[key] if _is_group(weight) else weight


def _child(places: Any, loss: Any, key: Any, path: tuple[Any, ...]) -> Any:
    fits = isinstance(places, dict) == isinstance(loss, dict) and tree.is_nested(places)
    if not fits or (key not in places if isinstance(places, dict) else key >= len(places)):
        raise ValueError(
            f"The path: {(*path, key)} in the `loss` argument, can't be found in the model's output (`y_pred`). "
            f"Expected a {type(places).__name__ if tree.is_nested(places) else 'single loss'} there, as the outputs "
            f"are: {tree.map_structure(lambda _: '*', places)}. Received: {loss}"
        )
    return places[key]


def _name(places: Any, path: tuple[Any, ...], names: Sequence[str | None]) -> str | None:
    if type(places) is int:
        own = names[places]
        if not path or type(path[-1]) is int:
            if own is None:
                return None
            path = (*path[:-1], own)
        return "/".join(map(str, path))
    if path:
        return "/".join(map(str, path))
    parts = list(places) if isinstance(places, dict) else [names[place] for place in tree.flatten(places)]
    return None if None in parts else "_".join(map(str, parts))
