"""Draws `training.svg`: what a terminal shows while a small model is summarized and trained.

Every character is printed by the program below, which is the one that the picture shows::

    pip install -e ".[examples]" && python docs/training_picture.py
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import re
from html import escape
from pathlib import Path

PROGRAM = """\
model = keras.Sequential([
    keras.Input((64,)),
    layers.Dense(128, activation="relu"),
    layers.Dropout(0.2),
    layers.Dense(10, activation="softmax"),
])
model.summary()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=5, validation_split=0.1)
"""
LINE, LETTER, MARGIN = 17, 8.43, 16  # points
PROMPT, RESET = "\x1b[34m", "\x1b[0m"
ESCAPE = re.compile("\x1b\\[[0-9;]*[mK]")
STYLE = {"\x1b[1m": ' class="b"', "\x1b[32m": ' class="g"', "\x1b[37m": ' class="w"', PROMPT: ' class="p"'}
HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">
<title>A terminal: a Keras program, the summary of its model, and the progress bars of its training</title>
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d6deeb; white-space: pre }}
.b {{ font-weight: bold }} .g {{ fill: #4fc46a }} .w {{ fill: #7d8799 }} .p {{ fill: #82aaff }}
</style>
<rect width="100%" height="100%" rx="8" fill="#0f1722"/>
"""


class Terminal(io.StringIO):
    """What a program writes, to something that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def session() -> list[str]:
    """Runs the program, a statement at a time; returns what is typed and what a terminal shows in the end."""
    from sklearn.datasets import load_digits

    import torchkeras_shim as keras

    keras.utils.set_random_seed(0)
    digits = load_digits()
    names = {"keras": keras, "layers": keras.layers, "x": (digits.data / 16).astype("float32"), "y": digits.target}
    lines = []
    for statement in ast.parse(PROGRAM).body:
        source = ast.get_source_segment(PROGRAM, statement) or ""
        prompts = itertools.chain([">>>"], itertools.repeat("..."))
        lines += [f"{PROMPT}{prompt}{RESET} {line}" for prompt, line in zip(prompts, source.split("\n"), strict=False)]
        with contextlib.redirect_stdout(Terminal()) as terminal:
            exec(source, names)
        lines += [re.split("\r|\x08", line)[-1] for line in terminal.getvalue().split("\n")[:-1]]
    return lines


def spans(line: str) -> str:
    """Returns a line of a terminal as SVG, with its bold and colored parts."""
    parts = re.split(f"({ESCAPE.pattern})", line)
    style, result = "", []
    for part in parts:
        if part.startswith("\x1b"):
            style = STYLE.get(part, "")
        elif part:
            result.append(f"<tspan{style}>{escape(part)}</tspan>" if style else escape(part))
    return "".join(result)


def picture(lines: list[str]) -> str:
    """Returns the lines as an SVG picture."""
    columns = max(len(ESCAPE.sub("", line)) for line in lines)
    rows = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * number - 4}" xml:space="preserve">{spans(line)}</text>'
        for number, line in enumerate(lines, start=1)
    ]
    head = HEAD.format(width=round(2 * MARGIN + columns * LETTER), height=2 * MARGIN + LINE * len(lines))
    return head + "\n".join(rows) + "\n</svg>\n"


if __name__ == "__main__":
    Path(__file__).with_name("training.svg").write_text(picture(session()), encoding="utf-8")
