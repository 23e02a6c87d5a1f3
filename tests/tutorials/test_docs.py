"""The Python code in the README and the how-to pages runs as it stands there."""

import re
import sys

import pytest

from tests.tutorials.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    )
]

#: What makes a script run that imports Keras or TensorFlow, and may have spellings of old.
ZERO_CHANGE = """
import warnings, torchkeras_shim.compat
warnings.simplefilter("ignore", DeprecationWarning)
torchkeras_shim.compat.install()
"""


def test_there_are_blocks():
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("block", BLOCKS)
def test_block_runs(block, run, monkeypatch, tmp_path):
    if "compat.install" in block:  # it changes what `import keras` means: not in this process
        run("-c", block)
        return
    if re.search(r"^(import|from) (tensorflow|keras)\b", block, re.MULTILINE):
        run("-c", ZERO_CHANGE + block)
        return
    monkeypatch.chdir(tmp_path)
    module = type(sys)("__docs__")
    monkeypatch.setitem(sys.modules, "__docs__", module)
    exec(compile(block, "<documentation>", "exec"), module.__dict__)


def test_every_file_that_the_docs_name_is_there():
    for page in PAGES:
        for name in re.findall(r"`?((?:examples|docs|tests)/[\w/.-]+\.(?:py|md))`?", page.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{page.name} names {name}"


def test_the_page_of_examples_names_every_one():
    page = (ROOT / "docs" / "tutorials" / "examples.md").read_text("utf-8")
    for path in (ROOT / "examples").rglob("*.py"):
        assert f"`{path.relative_to(ROOT).as_posix()}`" in page
