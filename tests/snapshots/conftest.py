"""The option that writes the expected texts anew: `python -m pytest tests/snapshots --overwrite`."""

from __future__ import annotations

import pathlib

import pytest


def pytest_addoption(parser):
    parser.addoption("--overwrite", action="store_true", help="write the snapshots anew instead of comparing them")


@pytest.fixture
def snapshot(request):
    """Compares a text with the file of that name, or writes it."""

    def compare(name, text, folder="summaries", ending="txt"):
        path = pathlib.Path(__file__).parent / folder / f"{name}.{ending}"
        if request.config.getoption("overwrite", default=False):
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"There is no {path.name} yet: run `python -m pytest tests/snapshots --overwrite`"
        assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()

    return compare
