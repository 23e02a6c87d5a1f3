"""Writes `conformance.md`: how many comparisons with Keras and TensorFlow the tests make, by what they compare.

Each line of a file in a `golden` folder, but the first, holds what Keras or TensorFlow answered in one test::

    python docs/reference/generate_conformance.py
"""

from __future__ import annotations

import ast
import datetime
import re
from pathlib import Path

from generate_names import STATES

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests"
INTRODUCTION = """\
# Conformance

How far this library does what Keras does. Counted on {date} by
`docs/reference/generate_conformance.py`; do not edit it by hand.

- **{tests:,} tests compare with answers of real Keras** or TensorFlow: outputs, gradients, weights
  after training, errors, configs, files. They run in CI with every change, and real Keras is
  [asked again](../concepts/testing.md) every night.
- **{present:,} of Keras's {names:,} public names** are here; {missing} are missing and {refused} refused, each with
  an error that says what to do. [All names](names.md).
- How fast it is stands on pages of its own: [undisturbed](../benchmarks/cpu.md) and
  [beside a busy program](../benchmarks/cpu-busy.md).

What is meant to differ is on the page [Differences from Keras](../how-to/differences-from-keras.md).
"""


def counted(folder: Path) -> dict[str, tuple[str, int]]:
    """Returns by test file what it is about, in its own words, and how many answers are kept for it."""
    result = {}
    for answers in sorted((folder / "golden").glob("*.jsonl")):
        test = folder / f"{answers.stem}.py"
        about = (ast.get_docstring(ast.parse(test.read_text("utf-8"))) or "").split("\n\n")[0].replace("\n", " ")
        with answers.open(encoding="utf-8") as lines:
            tests = sum(line.startswith("[") for line in lines)  # the first line says who answered
        result[test.relative_to(TESTS.parent).as_posix()] = (about, tests)
    return result


def names() -> dict[str, int]:
    """Returns how many names `names.md` lists in all, and in each state."""
    rows = re.findall(r"^\| \[`keras.*?\|((?: \d+ \|)+)$", (HERE / "names.md").read_text("utf-8"), re.MULTILINE)
    columns = zip(*(map(int, row.strip(" |").split(" | ")) for row in rows), strict=True)
    return dict(zip(("names", *STATES), map(sum, columns), strict=True))


def page() -> str:
    """Returns the whole page."""
    folders = {"Keras": TESTS / "parity", "TensorFlow, and Keras on it": TESTS / "parity" / "tensorflow"}
    tables = {title: counted(folder) for title, folder in folders.items()}
    tests = sum(count for table in tables.values() for _, count in table.values())
    lines = [INTRODUCTION.format(date=datetime.date.today(), tests=tests, **names())]
    for title, table in tables.items():
        lines += [f"## Compared with {title}", "", "| tests | file | about |", "|---|---|---|"]
        lines += [f"| {count} | `{path}` | {about} |" for path, (about, count) in table.items()]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (HERE / "conformance.md").write_text(page(), encoding="utf-8")
