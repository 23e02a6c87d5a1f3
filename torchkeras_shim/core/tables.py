"""The closed list of public names: every registry by its module, and the public name of every registered object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchkeras_shim.core.registry import Registry

#: Every registry by the public module that its names live in, such as `"keras.losses"`.
TABLES: dict[str, Registry] = {}
#: The public module and name of every registered class and function.
PUBLIC_NAMES: dict[Any, tuple[str, str]] = {}
#: Called before a name of a config is given up as unknown: the package loads its modules lazily, and a name may belong
#: to one that nobody has asked for yet.
load_all: list[Callable[[], None]] = []
