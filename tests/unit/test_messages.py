"""Errors show what was received, and what was expected or what to write: three in five of them, at least."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "torchkeras_shim"
# The object that complains: its name says where, not what was received.
OWN = {"name", "who", "path", "layer", "layer.name", "self", "self.name", "type(self).__name__", "cls.__name__"}
ADVICE = re.compile(
    r"\b(must|should|expected|expects|requires?|needs?|has to|have to|one of|takes?|only|instead|did you mean|please)\b"
    r"|[.:;,(] *(write|pass|use|give|call|set|add|put|install|leave|drop|make|load|save|remove|choose|return)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def messages():
    """Text, and whether a value is shown, of each error that is raised with a message of its own."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        source = file.read_text("utf-8")
        for node in ast.walk(ast.parse(source)) if "raise " in source else ():
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            inside = list(ast.walk(node.exc))
            text = " ".join(
                part.value for part in inside if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
            values = {ast.unparse(part.value) for part in inside if isinstance(part, ast.FormattedValue)}
            if text:
                found.append((text, bool(values - OWN)))
    assert len(found) > 1000
    return found


def test_received(messages):
    assert sum(shown for _, shown in messages) / len(messages) > 0.75


def test_expected_or_what_to_write(messages):
    assert sum(bool(ADVICE.search(text)) for text, _ in messages) / len(messages) > 0.6


def test_words(messages):
    """A native reader stumbles over "is no zip archive"."""
    stumbling = re.compile(
        r"(?<!there )\b(is|are) no (?!more|longer|such|way)[a-z]|\b(anew|likewise|whoever)\b", re.IGNORECASE
    )
    assert [text for text, _ in messages if stumbling.search(text)] == []
