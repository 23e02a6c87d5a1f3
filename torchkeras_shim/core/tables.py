"""The closed list of public names: every registry by its module, and the public name of every registered object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchkeras_shim.core.registry import Registry

#: Every registry by the public module that its names live in, such as `"keras.losses"`.
TABLES: dict[str, Registry] = {}
#: The public module and name of every registered class and function.
PUBLIC_NAMES: dict[Any, tuple[str, str]] = {}
