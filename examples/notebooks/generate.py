"""Writes the notebooks of this folder from the examples: a cell for each `# %%`, without outputs.

    python examples/notebooks/generate.py

The examples are the source; `tests/tutorials/test_notebooks.py` checks that the notebooks are what this writes. In a
notebook nobody types options: `parse_args()` becomes `parse_args([])`, and the list is there to be filled.
"""

import ast
import json
import re
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = ["images_augmented", "small_gpt", "diffusion", "recommender"]


def cells_of(source):
    """Returns the kind and the text of each cell of a script."""
    title, *parts = re.split(r"^# %% ?(.*)\n", source, flags=re.MULTILINE)
    cells = [("markdown", _introduction(ast.get_docstring(ast.parse(title))))]
    for heading, code in zip(parts[::2], parts[1::2], strict=True):
        cells.append(("markdown", f"## {heading}"))
        cells.append(("code", code.replace("parse_args()", "parse_args([])").strip("\n")))
    return cells


def _introduction(docstring):
    """Returns the docstring as Markdown: its first line is the title, the command to run is left out."""
    title, *paragraphs = docstring.split("\n\n")
    return "\n\n".join([f"# {title}", *(text for text in paragraphs if not text.startswith(" "))])


def notebook_of(source):
    """Returns a notebook as text."""
    cells = []
    for number, (kind, text) in enumerate(cells_of(source)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": text.splitlines(keepends=True)}
        cells.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in EXAMPLES:
        source = (HERE.parent / f"{name}.py").read_text("utf-8")
        (HERE / f"{name}.ipynb").write_text(notebook_of(source), "utf-8")
