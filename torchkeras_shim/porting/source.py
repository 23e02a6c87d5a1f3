"""A script as text that is edited in places: what is not touched stays as it was, comments and line ends included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import libcst as cst
from libcst.metadata import (
    ByteSpanPositionProvider,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    ScopeProvider,
)


class UnreadableScriptError(ValueError):
    """A script is not Python 3."""


class Note(NamedTuple):
    """What was changed, or left, in a line of a script."""

    line: int
    text: str


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


class Source:
    """The text of a script and its syntax tree.

    Args:
        code: The script, as in its file.
        name: What the script is called in messages.

    Raises:
        UnreadableScriptError: If it is not Python 3.

    Example:
        >>> source = Source(b"x = 1  # one")
        >>> source.replace(source.module.body[0].body[0].value, "2")
        >>> source.result()
        b'x = 2  # one'
    """

    def __init__(self, code: bytes, name: str = "the script") -> None:
        try:
            self.wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
        except cst.ParserSyntaxError as error:
            raise UnreadableScriptError(
                f"{name} is not Python 3: line {error.raw_line}, column {error.raw_column + 1}: {error.message} "
                "If it was written for Python 2, convert it first."
            ) from error
        except (UnicodeDecodeError, LookupError, SyntaxError) as error:
            raise UnreadableScriptError(
                f"{name} cannot be read as text: {error}. Save it as UTF-8, or say its encoding in the first line:\n"
                "    # -*- coding: latin-1 -*-"
            ) from error
        self.module = self.wrapper.module
        self.parents = self.wrapper.resolve(ParentNodeProvider)
        self.scopes = self.wrapper.resolve(ScopeProvider)
        self._spans = self.wrapper.resolve(ByteSpanPositionProvider)
        self._positions = self.wrapper.resolve(PositionProvider)
        self._text = self.module.code.encode("utf-8")  # what the spans count in
        self._edits: list[_Edit] = []

    @property
    def newline(self) -> str:
        """How lines end."""
        return self.module.default_newline

    def line(self, node: cst.CSTNode) -> int:
        """Returns the number of the line that a node begins in."""
        return int(self._positions[node].start.line)

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Returns where a node begins and ends."""
        span = self._spans[node]
        return span.start, span.start + span.length

    def original(self, start: int, end: int) -> str:
        """Returns the text between two places, without edits."""
        return self._text[start:end].decode("utf-8")

    def text(self, node: cst.CSTNode) -> str:
        """Returns the text of a node with the edits in it."""
        return self.between(*self.span(node))

    def between(self, start: int, end: int) -> str:
        """Returns the text between two places with the edits in it."""
        return self._applied(start, end, [edit for edit in self._edits if start <= edit.start and edit.end <= end])

    def replace(self, node: cst.CSTNode, text: str) -> None:
        """Puts another text in the place of a node."""
        self.put(*self.span(node), text)

    def put(self, start: int, end: int, text: str) -> None:
        """Puts another text between two places; edits between them are dropped."""
        if start < end:
            self._edits = [edit for edit in self._edits if not (start <= edit.start and edit.end <= end)]
        self._edits.append(_Edit(start, end, text))

    @contextmanager
    def attempt(self, keep: bool = True) -> Iterator[None]:
        """Takes the edits of a `with` block back if it raises, or in any case."""
        before = list(self._edits)
        try:
            yield
        except Exception:
            self._edits = before
            raise
        if not keep:
            self._edits = before

    def result(self) -> bytes:
        """Returns the script with all edits, as its file has it."""
        text = self._applied(0, len(self._text), self._edits)
        return text.encode(self.module.encoding)

    def _applied(self, start: int, end: int, edits: Iterable[_Edit]) -> str:
        pieces, place = [], start
        for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < place:
                raise AssertionError(f"two edits overlap at {edit}")
            pieces += [self.original(place, edit.start), edit.text]
            place = edit.end
        return "".join([*pieces, self.original(place, end)])

    def line_ends(self, place: int) -> tuple[int, int]:
        """Returns where the line of a place begins, and where the next one does."""
        begin = max(self._text.rfind(b"\n", 0, place), self._text.rfind(b"\r", 0, place)) + 1
        end = place
        while end < len(self._text) and self._text[end : end + 1] not in (b"\n", b"\r"):
            end += 1
        if self._text[end : end + 2] == b"\r\n":
            return begin, end + 2
        return begin, min(end + 1, len(self._text))


def dotted(node: cst.BaseExpression | None) -> list[cst.Name] | None:
    """Returns the names of `a.b.c`, or `None` for another expression."""
    if isinstance(node, cst.Name):
        return [node]
    if isinstance(node, cst.Attribute):
        before = dotted(node.value)
        return None if before is None else [*before, node.attr]
    return None


def joined(names: list[cst.Name]) -> str:
    """Returns names as they are written, with dots between them."""
    return ".".join(name.value for name in names)


def shortened(text: str, limit: int = 100) -> str:
    r"""Returns a text in one line, the end of a long one cut off.

    Example:
        >>> shortened("f(a,\n  b)"), shortened("abcdefghij", 6)
        ('f(a, b)', 'abc...')
    """
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
