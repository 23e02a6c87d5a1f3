"""`x.ref()`: what stands for a tensor in sets and as a key of dicts."""

from __future__ import annotations

from typing import Any


class Reference:
    """A tensor or a variable by its identity: two references are equal if they stand for the same object.

    Example:
        >>> x = [1.0]
        >>> {Reference(x): "first"}[Reference(x)], Reference(x).deref() is x
        ('first', True)
    """

    __slots__ = ("_wrapped",)

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def deref(self) -> Any:
        """Returns the object."""
        return self._wrapped

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Reference):
            raise TypeError(f"Cannot compare wrapped object with unwrapped object. Write {other!r}.ref().")
        return self._wrapped is other._wrapped

    def __hash__(self) -> int:
        return id(self._wrapped)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._wrapped!r}>"
