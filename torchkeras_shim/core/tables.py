"""The closed list of public names: every registry by its module, and the public name of every registered object."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol


class Table(Protocol):
    """What deserialization needs of a registry."""

    def lookup(self, name: str) -> Any:
        """Returns the object of a name, `None` if there is none."""

    def names(self) -> Iterable[str]:
        """Returns all names."""

    def get(self, identifier: Any) -> Any:
        """Returns the object that a string, a config, a class or an instance stands for."""

    def deserialize(self, config: Any) -> Any:
        """Returns the object of a config."""


#: Every registry by the public module that its names live in, such as `"keras.losses"`.
TABLES: dict[str, Table] = {}
#: The public module and name of every registered class and function.
PUBLIC_NAMES: dict[Any, tuple[str, str]] = {}
#: Called before a name of a config is given up as unknown: the package loads its modules lazily, and a name may belong
#: to one that nobody has asked for yet.
load_all: list[Callable[[], None]] = []
