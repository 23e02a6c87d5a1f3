"""What is wrong with the config of a model, said before anything is made of it."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from torchkeras_shim.core.errors import did_you_mean
from torchkeras_shim.models import call_numbers

_short = reprlib.repr


def layers_of(config: Any, kind: str) -> list[dict[str, Any]]:
    """Returns the `layers` of a model's config.

    Args:
        config: The config.
        kind: What the model is called in messages, such as `"Sequential"`.

    Raises:
        ValueError: If it is not a list of the configs of layers.

    Example:
        >>> layers_of({"layers": None}, "Sequential")
        Traceback (most recent call last):
        ValueError: Expected `layers` in the config of a Sequential model to be a list. Received: None
    """
    layers = config.get("layers") if isinstance(config, dict) else config
    if not isinstance(layers, (list, tuple)):
        raise ValueError(f"Expected `layers` in the config of a {kind} model to be a list. Received: {_short(layers)}")
    for index, entry in enumerate(layers):
        if not isinstance(entry, dict) or not {"class_name", "config"} <= set(entry):
            raise ValueError(
                "Expected a dictionary containing a 'config' key. Each of `layers` in the config of a "
                f"{kind} model has one, and a 'class_name'. Received at index {index}: {_short(entry)}"
            )
    return list(layers)


def check_graph(config: dict[str, Any]) -> None:
    """Makes sure that the config of a functional model has the form of one.

    Args:
        config: With `layers`, `input_layers` and `output_layers`.

    Raises:
        ValueError: If it has not; the message says which entry, and what is wrong with it.
    """
    layers = layers_of(config, "functional")
    names = [entry.get("name") for entry in layers]
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise ValueError(
                "Expected each of `layers` in the config of a functional model to have a `name`. "
                f"Received at index {index}: {_short(layers[index])}"
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"All layer names of a model should be unique. The config has two layers '{twice}'.")
    known = dict.fromkeys(map(str, names))
    for entry in layers:
        _check_calls(entry, known)
    for key in ("input_layers", "output_layers"):
        call_numbers.map_places(partial(_check_place, where=f"`{key}`", known=known), config[key])


def _check_calls(entry: dict[str, Any], known: dict[str, None]) -> None:
    where = f"`inbound_nodes` of layer '{entry['name']}'"
    nodes = entry.get("inbound_nodes")
    if nodes is not None and not isinstance(nodes, (list, tuple)):
        raise ValueError(f"Expected {where} to be a list of calls. Received: {_short(nodes)}")
    for node in nodes or ():
        if not isinstance(node, (dict, list, tuple)):
            raise ValueError(f"Expected {where} to hold calls. Received: {_short(node)}")
        if isinstance(node, dict):
            for key, kind in (("args", (list, tuple)), ("kwargs", dict)):
                if not isinstance(node.get(key, {} if kind is dict else []), kind):
                    wanted = "dict" if kind is dict else "list"
                    raise ValueError(f"Expected `{key}` in {where} to be a {wanted}. Received: {_short(node[key])}")
        for place in _places(node):
            _check_place(place, where, known)


def _places(value: Any) -> Iterator[Any]:
    """Yields the places of tensors in a call, however wrong they are."""
    if call_numbers.is_tensor(value):
        inner = value.get("config")
        yield inner.get("keras_history") if isinstance(inner, dict) else inner
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _places(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _places(item)


def _check_place(place: Any, where: str, known: dict[str, None]) -> None:
    if (
        not isinstance(place, (list, tuple))
        or len(place) < 3
        or not isinstance(place[0], str)
        or any(isinstance(number, bool) or not isinstance(number, int) or number < 0 for number in place[1:3])
    ):
        raise ValueError(
            f"Expected the place of a tensor, [name of a layer, number of its call, number of the output], in {where} "
            f"of the config. Received: {_short(place)}"
        )
    if place[0] not in known:
        raise ValueError(
            f"The config has no layer '{_short(place[0])[1:-1]}', which it names in {where}."
            f"{did_you_mean(place[0], list(known))}"
        )
