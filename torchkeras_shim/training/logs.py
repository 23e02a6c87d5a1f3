"""Logs: results stay on the device until somebody looks, then all of them come over in one read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class LazyLogs(dict):  # type: ignore[type-arg]
    """The logs of one batch: a dict that reads the device at the first look.

    Args:
        source: Returns the results by name; called once.
    """

    def __init__(self, source: Callable[[], dict[str, Any]]) -> None:
        super().__init__()
        self._source: Callable[[], dict[str, Any]] | None = source

    def _look(self) -> None:
        if self._source is not None:
            source, self._source = self._source, None
            for key, value in read(source()).items():
                dict.setdefault(self, key, value)

    def __getitem__(self, key: Any) -> Any:
        self._look()
        return super().__getitem__(key)

    def __iter__(self) -> Iterator[Any]:
        self._look()
        return super().__iter__()

    def __len__(self) -> int:
        self._look()
        return super().__len__()

    def __contains__(self, key: object) -> bool:
        self._look()
        return super().__contains__(key)

    def __eq__(self, other: object) -> bool:
        self._look()
        return super().__eq__(other)

    __hash__ = None

    def __repr__(self) -> str:
        self._look()
        return super().__repr__()

    def __reduce__(self) -> Any:
        self._look()
        return dict, (dict(super().items()),)

    def get(self, key: Any, default: Any = None) -> Any:
        """Returns a value, or the default."""
        self._look()
        return super().get(key, default)

    def keys(self) -> Any:
        """Returns the names."""
        self._look()
        return super().keys()

    def values(self) -> Any:
        """Returns the values."""
        self._look()
        return super().values()

    def items(self) -> Any:
        """Returns the pairs of name and value."""
        self._look()
        return super().items()

    def copy(self) -> dict[str, Any]:
        """Returns a plain dict."""
        self._look()
        return dict(super().items())

    def pop(self, *args: Any) -> Any:
        """Removes a name and returns its value."""
        self._look()
        return super().pop(*args)
