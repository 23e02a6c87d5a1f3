"""The numbers on the first screen of the README are those of the pages that it links."""

import re
import statistics
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def page(path):
    assert f"]({path})" in README
    return (ROOT / path).read_text("utf-8")


def test_speed_is_that_of_the_benchmark():
    ratios = re.findall(r"^\| torchkeras_shim +\|[^|]*\| (\d\.\d\d) \(", page("docs/benchmarks/cpu.md"), re.MULTILINE)
    assert len(ratios) == 7
    assert statistics.median(map(float, ratios)) < 1
    assert f"**{min(ratios)} to {max(ratios)}** of the time of a hand-written expert's loop" in README


def test_names_are_those_of_the_table():
    rows = re.findall(r"^\| \[`keras.*?\| (\d+) \| (\d+) \|", page("docs/reference/names.md"), re.MULTILINE)
    total, present = (sum(map(int, column)) for column in zip(*rows, strict=True))
    assert f"**{present:,} of {total:,}** public names of Keras" in README


def test_comparisons_are_those_of_the_conformance_page():
    counted = re.search(r"\*\*([\d,]+) tests compare", page("docs/reference/conformance.md"))[1]
    claimed = re.search(r"\*\*More than ([\d,]+) tests\*\* compare", README)[1]
    assert 0.9 * int(counted.replace(",", "")) < int(claimed.replace(",", "")) < int(counted.replace(",", ""))


def test_the_picture_is_there():
    assert "](docs/training.svg)" in README
    assert "Epoch 5/5" in (ROOT / "docs" / "training.svg").read_text("utf-8")
