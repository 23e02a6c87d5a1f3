"""`Config`: named values that can be frozen."""

from __future__ import annotations

import json
from collections.abc import Iterator, KeysView
from typing import Any

from torchkeras_shim.core.errors import did_you_mean


class Config:
    """Named values, read and written as attributes or as in a dict.

    Args:
        **kwargs: The first values.

    Example:
        >>> config = Config(learning_rate=0.1)
        >>> config.momentum = 0.9
        >>> config["seed"] = 1
        >>> config.as_dict()
        {'learning_rate': 0.1, 'momentum': 0.9, 'seed': 1}
        >>> config.freeze()
        >>> config.seed = 2
        Traceback (most recent call last):
        ValueError: Cannot mutate attribute(s) because the config is frozen. Call `config.unfreeze()` first.
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether values cannot be changed."""
        return bool(self._frozen)

    def freeze(self) -> None:
        """Forbids changes."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allows changes again."""
        object.__setattr__(self, "_frozen", False)

    def as_dict(self) -> dict[str, Any]:
        """Returns the values as a dict."""
        return dict(self._config)

    def to_json(self) -> str:
        """Returns the values as JSON.

        Example:
            >>> Config(units=3).to_json()
            '{"units": 3}'
        """
        return json.dumps(self._config)

    def keys(self) -> KeysView[str]:
        """Returns the names."""
        return self._config.keys()  # type: ignore[no-any-return]

    def values(self) -> Any:
        """Returns the values."""
        return self._config.values()

    def items(self) -> Any:
        """Returns names and values."""
        return self._config.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """Returns a value, or `value` if there is none of this name."""
        return self._config.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Removes a value and returns it, as `dict.pop`."""
        self._check_mutable()
        return self._config.pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Sets several values, as `dict.update`."""
        self._check_mutable()
        self._config.update(*args, **kwargs)

    def _check_mutable(self) -> None:
        if self._frozen:
            raise ValueError("Cannot mutate attribute(s) because the config is frozen. Call `config.unfreeze()` first.")

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_config", {})  # copies are made without `__init__`
        if name in values:
            return values[name]
        raise AttributeError(f"Unknown attribute: '{name}'.{did_you_mean(name, list(values))}")

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(type(self), name):
            raise AttributeError(
                f"A config cannot have a value under the name of its own attribute '{name}'. Choose another name."
            )
        self._check_mutable()
        self._config[name] = value

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self._check_mutable()
        self._config[key] = item

    def __delitem__(self, key: str) -> None:
        self._check_mutable()
        del self._config[key]

    def __contains__(self, item: object) -> bool:
        return item in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"
