"""Logs: results stay on the device until somebody looks, then all of them come over in one read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def read(results: dict[str, Any]) -> dict[str, Any]:
    """Returns results as Python floats, by name in sorted order, with one device-to-host read for all scalars."""
    names = sorted(results)
    scalars = [name for name in names if isinstance(results[name], torch.Tensor) and results[name].numel() == 1]
    values: dict[str, Any] = {}
    if scalars:
        device = results[scalars[0]].device
        wide = torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64
        stacked = torch.stack([results[name].detach().reshape(()).to(device, wide) for name in scalars])
        values = dict(zip(scalars, stacked.tolist(), strict=True))
    for name in names:
        if name not in values:
            value = results[name]
            if isinstance(value, torch.Tensor):
                values[name] = value.detach().numpy(force=True)
            else:
                values[name] = value.item() if hasattr(value, "item") else value
    return {name: values[name] for name in names}


#: Keeps logs that nobody has looked at from being an empty dict to C code, such as `json`'s, that asks for the size.
_UNREAD = object()


class LazyLogs(dict):  # type: ignore[type-arg]
    """The logs of one batch: a dict that reads the device at the first look.

    Args:
        source: Returns the results by name; called once.

    Example:
        >>> logs = LazyLogs(lambda: {"loss": torch.tensor(0.5)})
        >>> logs
        {'loss': 0.5}
    """

    def __init__(self, source: Callable[[], dict[str, Any]]) -> None:
        super().__init__({_UNREAD: None})
        self._source: Callable[[], dict[str, Any]] | None = source

    def _look(self) -> None:
        if self._source is not None:
            source, self._source = self._source, None
            dict.pop(self, _UNREAD)
            for key, value in read(source()).items():
                dict.setdefault(self, key, value)

    __hash__ = None

    def __reduce__(self) -> Any:
        self._look()
        return dict, (dict(super().items()),)


def _after_a_look(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    @functools.wraps(method)
    def looked(self: LazyLogs, *args: Any) -> Any:
        self._look()
        return method(self, *args)

    return looked


for _name in (
    *("__getitem__", "__delitem__", "__iter__", "__reversed__", "__len__", "__contains__", "__eq__", "__ne__"),
    *("__repr__", "__or__", "__ror__", "__ior__"),
    *("get", "keys", "values", "items", "copy", "pop", "popitem", "setdefault", "clear"),
):
    setattr(LazyLogs, _name, _after_a_look(_name))
