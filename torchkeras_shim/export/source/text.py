"""Python text as ruff and Black would lay it out: literals, names and statements of at most 88 columns."""

from __future__ import annotations

import builtins
import keyword
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

#: The width that ruff and Black take if nobody has set one.
WIDTH = 88
#: Longer names are cut, so that a statement of three of them fits into a line.
_LONGEST = 24
_IMPORTED = {
    "torch",
    "nn",
    "F",
    "math",
    "copy",
    "Any",
    "Callable",
    "self",
    "Path",
    "DataLoader",
    "TensorDataset",
    "Dataset",
}


class Names:
    """Gives out names, each once, that are Python identifiers and hide nothing that the file uses.

    Example:
        >>> names = Names()
        >>> [names.give(text) for text in ("dense", "dense", "class", "a-b; import os", "日本", "print")]
        ['dense', 'dense_1', 'class_', 'a_b_import_os', 'layer', 'print_']
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {*_IMPORTED, *dir(builtins), *taken}

    def give(self, text: str, fallback: str = "layer", longest: int = _LONGEST) -> str:
        """Returns a name close to a text."""
        clean = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_") or fallback
        clean = f"{fallback}_{clean}" if clean[0].isdigit() else clean
        clean = clean[:longest].rstrip("_")
        base = f"{clean}_" if keyword.iskeyword(clean) or keyword.issoftkeyword(clean) else clean
        if base in self._taken and (base in _IMPORTED or hasattr(builtins, base)):
            base = f"{base}_"
        unique, count = base, 1
        while unique in self._taken:
            unique, count = f"{base.rstrip('_')}_{count}", count + 1
        self._taken.add(unique)
        return unique


def checked(name: str) -> str:
    """Returns a name that comes from outside, if it is one.

    Raises:
        TypeError: If it is something else, which would become code.
    """
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name.startswith("__"):
        raise TypeError(f"{name[:60]!r} is not a name that a file may hold")
    return name


def reference(path: str) -> str:
    """Returns the expression for a path inside a module, with brackets for the members of an `nn.Sequential`.

    Raises:
        TypeError: If a part of it is neither a name nor a number.

    Example:
        >>> reference("encoder.0.weight")
        'encoder[0].weight'
    """
    parts = path.split(".")
    found = checked(parts[0])
    return found + "".join(f"[{int(part)}]" if part.isdecimal() else f".{checked(part)}" for part in parts[1:])


def class_name(text: str) -> str:
    """Returns a name in the style of classes.

    Example:
        >>> class_name("my_classifier"), class_name("ResNet50"), class_name("functional_3"), class_name("")
        ('MyClassifier', 'ResNet50', 'Network', 'Network')
    """
    if re.fullmatch(r"(sequential|functional|model)(_\d+)?", text):
        return "Network"
    words = re.findall(r"[0-9A-Za-z]+", text)
    joined = "".join(word[:1].upper() + word[1:] for word in words)[:_LONGEST]
    return joined if joined and not joined[0].isdigit() else f"Network{joined}"


@dataclass
class Call:
    """An expression with brackets: `head(argument, ...)`, where an argument may be one too."""

    head: str
    arguments: Sequence[str | Call] = ()
    brackets: str = "()"

    def __str__(self) -> str:
        opening, closing = self.brackets[0], self.brackets[1]
        inner = ", ".join(str(argument) for argument in self.arguments)
        lonely = self.brackets == "()" and not self.head and len(self.arguments) == 1
        return f"{self.head}{opening}{inner}{',' if lonely else ''}{closing}"


def statement(prefix: str, expression: str | Call, suffix: str = "", indent: int = 0) -> list[str]:
    r"""Returns the lines of a statement, broken at its brackets if it is too long for one.

    Example:
        >>> print(*statement("x = ", Call("f", ["a" * 50, Call("g", ["b" * 40])])), sep="\n")
        x = f(
            aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,
            g(bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb),
        )
    """
    space = " " * indent
    flat = f"{space}{prefix}{expression}{suffix}"
    if len(flat) <= WIDTH or isinstance(expression, str) or not expression.arguments:
        return [flat]
    opening, closing = expression.brackets[0], expression.brackets[1]
    first, last = f"{space}{prefix}{expression.head}{opening}", f"{space}{closing}{suffix}"
    inner = ", ".join(str(argument) for argument in expression.arguments)
    lonely = expression.brackets == "()" and not expression.head and len(expression.arguments) == 1
    # A call's arguments may share a line; a list's or tuple's have one each.
    if expression.head and not lonely and len(space) + 4 + len(inner) <= WIDTH:
        return [first, f"{space}    {inner}", last]
    if expression.head and len(expression.arguments) == 1:
        return [first, *statement("", expression.arguments[0], "", indent + 4), last]
    lines = [line for a in expression.arguments for line in statement("", a, ",", indent + 4)]
    return [first, *lines, last]


def heading(head: str) -> list[str]:
    """Returns the first line of a function, in several if it is too long."""
    if len(head) <= WIDTH:
        return [head]
    name, rest = head.split("(", 1)
    arguments, result = rest.rsplit(")", 1)
    if 4 + len(arguments) <= WIDTH:
        return [f"{name}(", f"    {arguments}", f"){result}"]
    return [f"{name}(", *(f"    {one}," for one in _split(arguments)), f"){result}"]


def _split(arguments: str) -> list[str]:
    """Splits at commas that are not inside brackets."""
    found, depth = [""], 0
    for letter in arguments:
        depth += (letter in "[(") - (letter in "])")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found]


def literal(value: object) -> str | Call:
    """Returns a constant as Python text.

    Raises:
        TypeError: If it is not a constant that a file can hold.

    Example:
        >>> print(literal('say "x"'), literal((1,)), literal([1.0, None]), literal(float("inf")), literal({"a": 1}))
        'say "x"' (1,) [1.0, None] math.inf {"a": 1}
    """
    if value is None or value is Ellipsis or isinstance(value, bool):
        return "..." if value is Ellipsis else repr(value)
    if isinstance(value, int):
        return repr(int(value))
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
        return str(value)
    if isinstance(value, torch.device):
        return Call("torch.device", [_string(str(value))])
    if isinstance(value, (tuple, list)):
        items = [literal(item) for item in value]
        return Call("", items, "[]" if isinstance(value, list) else "()")
    if isinstance(value, dict):
        return Call("", [f"{literal(key)}: {literal(item)}" for key, item in value.items()], "{}")
    raise TypeError(f"A {type(value).__name__} cannot be written as a constant. Received: {value!r}")


def number(value: Any) -> str:
    """Returns a number as one would write it: what a float32 holds in the fewest digits that make it.

    Raises:
        TypeError: If it is not a number.

    Example:
        >>> number(0.0010000000474974513), number(1e-7), number(3), number(1 / 3)
        ('0.001', '1e-07', '3', '0.3333333333333333')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"Expected a number. Received: {value!r} (of type {type(value).__name__})")
    if isinstance(value, (int, np.integer)):
        return repr(int(value))
    exact = float(value)
    rounded = float(np.float32(exact))
    return _number(float(str(np.float32(exact))) if rounded == exact and math.isfinite(exact) else exact)


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"


def _string(value: str) -> str:
    """Returns a string with the quotes that ruff prefers, and nothing in it that is not ASCII."""
    quote = "'" if str.count(value, '"') > str.count(value, "'") else '"'
    inner = str.encode(value, "unicode_escape").decode("ascii").replace(quote, "\\" + quote)
    return f"{quote}{inner}{quote}"
