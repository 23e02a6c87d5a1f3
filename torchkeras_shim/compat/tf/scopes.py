"""`tf.name_scope`: how the names of new variables begin."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from torchkeras_shim.compat.tf.api import public

_scope: ContextVar[str] = ContextVar("scope", default="")


def current_scope() -> str:
    """Returns how names begin: nothing, or the names of the open scopes, each with a slash behind it."""
    return _scope.get()


@public("name_scope", "compat.v1.name_scope")
class naming_scope:
    """`with tf.name_scope("block"):` the names of variables begin with `block/`. Nothing else depends on it.

    Example:
        >>> with naming_scope("a"), naming_scope("b") as name:
        ...     name
        'a/b/'
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise ValueError(f"name for name_scope must be a string. Received: {name!r}")
        self.name = name
        self._tokens: list[Any] = []

    def __enter__(self) -> str:
        outer = _scope.get()
        inner = self.name if not self.name or self.name.endswith("/") else f"{outer}{self.name}/"
        self._tokens.append(_scope.set(inner))
        return inner

    def __exit__(self, *_: Any) -> None:
        _scope.reset(self._tokens.pop())
