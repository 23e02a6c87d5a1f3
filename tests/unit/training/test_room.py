"""How the files of the training room stand to one another; what imports alone cannot show."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import torchkeras_shim

PACKAGE = Path(torchkeras_shim.__file__).parent
FILES = sorted((PACKAGE / "training").rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_a_trainer_is_reached_by_its_model_alone():
    reached = [named(path) for path in PACKAGE.rglob("*.py") if "_trainer" in path.read_text(encoding="utf-8")]
    assert {name.split("/")[0] for name in reached} == {"models"}


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_and_functions_are_short_and_import_nothing_for_types_alone(path):
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= 400
    assert "TYPE_CHECKING" not in source
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name
            assert len(node.args.args) <= 7, f"{node.name}: pass by keyword from the third argument on"


def test_no_step_shares_its_name_with_the_methods_of_a_model():
    """`train_step`, `test_step` and `predict_step` are what a user writes, and nothing else."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.name not in {"train_step", "test_step", "predict_step"}, named(path)
