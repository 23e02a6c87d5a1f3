"""The arguments of a call in a script, edited in place."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

import libcst as cst

from torchkeras_shim.porting.source import Source


class Written:
    """The text of an argument, in the place of a value that only a run of the script would know.

    Args:
        text: The text.
    """

    def __init__(self, text: str) -> None:
        self.text = text


class Arguments:
    """The arguments of one call.

    Args:
        source: The script.
        call: The call.
    """

    def __init__(self, source: Source, call: cst.Call) -> None:
        self._source = source
        self._call = call
        self._removed: set[int] = set()
        self._added: list[str] = []
        self.all = list(call.args)
        plain = [not arg.star and arg.keyword is None for arg in self.all]
        known = plain.index(False) if False in plain else len(plain)
        #: The positional ones; those behind a star are at no known position.
        self.positional = self.all[:known]
        self.keywords = {arg.keyword.value: arg for arg in self.all if arg.keyword is not None}

    @property
    def has_stars(self) -> bool:
        """Whether some are known to a run of the script only."""
        return any(arg.star for arg in self.all)

    @property
    def quote(self) -> str:
        """What the script puts around texts in this call."""
        return "'" if any("'" in self._source.original(*self._source.span(arg)) for arg in self.all) else '"'

    def value(self, arg: cst.Arg) -> Any:
        """Returns an argument's value if it is a constant, else what is written."""
        text = self._source.text(arg.value)
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return Written(text)

    def rename(self, arg: cst.Arg, name: str) -> None:
        """Gives a keyword another name; a positional argument becomes a keyword."""
        if arg.keyword is not None:
            self._source.replace(arg.keyword, name)
        else:
            start, _ = self._source.span(arg)
            self._source.put(start, start, f"{name}=")

    def write(self, arg: cst.Arg, text: str) -> None:
        """Puts another argument in the place of one."""
        self._source.replace(arg, text)

    def join(self, args: list[cst.Arg]) -> None:
        """Makes one tuple of neighbouring arguments."""
        start, _ = self._source.span(args[0])
        _, end = self._source.span(args[-1])
        self._source.put(start, start, "(")
        self._source.put(end, end, ")")

    def remove(self, arg: cst.Arg) -> None:
        """Takes an argument away."""
        self._removed.add(self.all.index(arg))

    def add(self, text: str) -> None:
        """Adds an argument at the end."""
        self._added.append(text)

    def finish(self) -> None:
        """Makes the edits of `remove` and `add`."""
        for first, last in self._runs():
            self._delete(first, last)
        if not self._added:
            return
        kept = [index for index in range(len(self.all)) if index not in self._removed]
        text = ", ".join(self._added)
        if kept:
            _, end = self._source.span(self.all[kept[-1]])
            self._source.put(end, end, f", {text}")
        else:
            end = self._source.span(self._call)[1] - 1
            self._source.put(end, end, text)

    def _runs(self) -> Iterable[tuple[int, int]]:
        for index in sorted(self._removed):
            if index - 1 not in self._removed:
                last = index
                while last + 1 in self._removed:
                    last += 1
                yield index, last

    def _delete(self, first: int, last: int) -> None:
        spans = [self._source.span(arg) for arg in self.all]
        if last + 1 < len(spans):
            start, end = spans[first][0], spans[last + 1][0]
        elif first:
            start, end = spans[first - 1][1], spans[last][1]
        else:
            start, end = spans[first][0], self._after_comma(last)
        if "#" not in self._source.original(start, end):
            self._source.put(start, end, "")
            return
        for index in range(first, last + 1):  # the comments between them stay
            self._source.put(spans[index][0], self._after_comma(index), "")

    def _after_comma(self, index: int) -> int:
        comma = self.all[index].comma
        return self._source.span(comma if isinstance(comma, cst.Comma) else self.all[index])[1]


def written(value: Any, quote: str = '"') -> str:
    """Returns the text of a value.

    Example:
        >>> written((1, Written("n"))), written("same"), written([3])
        ('(1, n)', '"same"', '(3,)')
    """
    if isinstance(value, Written):
        return value.text
    if isinstance(value, (list, tuple)):
        return f"({', '.join(written(item, quote) for item in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, str) and "'" not in value and '"' not in value:
        return f"{quote}{value}{quote}"
    return repr(value)


def translate(
    arguments: Arguments, known: Iterable[str], of_today: Callable[[dict[str, Any]], dict[str, Any]]
) -> list[str]:
    """Gives the keywords of a call that are old the names and values of today.

    Args:
        arguments: The arguments.
        known: The keywords of today.
        of_today: Returns the keywords of today for old ones, by name.

    Returns:
        The old keywords that are gone.

    Raises:
        ValueError: If one of them has no counterpart.
        TypeError: If one of them is not supported, or is given under both names.
    """
    known = set(known)
    old = {name: arguments.value(arg) for name, arg in arguments.keywords.items() if name not in known}
    if not old:
        return []
    new = of_today(dict(old))
    if any(name in arguments.keywords and name not in old for name in new):
        raise TypeError(f"both an old keyword and today's are given: {', '.join(sorted(old))}")
    gone = [name for name, value in old.items() if name not in new or new[name] is not value]
    free = {name: value for name, value in new.items() if name not in old or new[name] is not old[name]}
    changed = []
    for name in gone:
        same = next((other for other, value in free.items() if value is old[name]), None)
        if same is None:
            changed.append(name)
        else:
            arguments.rename(arguments.keywords[name], same)
            del free[same]
    _write_rest(arguments, changed, free)
    return gone


def _write_rest(arguments: Arguments, old: list[str], new: dict[str, Any]) -> None:
    """Writes arguments that became something else than another name: all of them in the place of the first."""
    texts = [f"{name}={written(value, arguments.quote)}" for name, value in new.items()]
    for index, name in enumerate(old):
        arg = arguments.keywords[name]
        if index == 0 and texts:
            arguments.write(arg, ", ".join(texts))
        else:
            arguments.remove(arg)
    if texts and not old:
        for text in texts:
            arguments.add(text)
