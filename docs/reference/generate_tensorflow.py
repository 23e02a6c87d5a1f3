"""Writes `tensorflow.md`: every public name of TensorFlow below `tf.`, and whether it is here or what to write instead.

TensorFlow's names are kept beside this script, so that it runs without TensorFlow::

    python docs/reference/generate_tensorflow.py

With TensorFlow installed, `--renew` reads its names anew.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

from torchkeras_shim.compat.tf import names
from torchkeras_shim.compat.tf.api import REFUSED

FOLDER = Path(__file__).parent
NAMES, PAGE = FOLDER / "tensorflow_names.txt", FOLDER / "tensorflow.md"

#: What is no part of the table: `tf.keras` has a page of its own, the others are copies or lie inside TensorFlow.
LEFT_OUT = ("keras", "compat", "raw_ops", "tools", "security", "dtensor", "experimental.dtensor")


def read_names() -> dict[str, list[str]]:
    """Returns the kept names of TensorFlow by module; that of `tf` itself is empty."""
    modules = {}
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        path, _, listed = line.partition(":")
        modules[path] = listed.split()
    return modules


def public_names(module: Any, path: str = "") -> dict[str, list[str]]:
    """Returns the names of an installed TensorFlow by module."""
    found: dict[str, list[str]] = {path: []}
    for name in sorted(one for one in dir(module) if not one.startswith("_")):
        below = f"{path}.{name}".lstrip(".")
        if below in LEFT_OUT:
            continue
        value = getattr(module, name)
        if not inspect.ismodule(value):
            found[path].append(name)
        elif value.__name__.startswith("tensorflow") and ".python" not in value.__name__:
            found.update(public_names(value, below))
    return {key: listed for key, listed in found.items() if listed}


def state(path: str) -> tuple[str, str]:
    """Returns `"present"`, or `"refused"` with the reason, or `"missing"`."""
    if path in names.load():
        return "present", ""
    parts = path.split(".")
    if any(".".join(parts[:end]) in REFUSED for end in range(1, len(parts) + 1)):
        return "refused", names.advice(path)
    return "missing", ""


def markdown(modules: dict[str, list[str]]) -> str:
    """Returns the whole page."""
    tables = {
        path: [(name, *state(f"{path}.{name}".lstrip("."))) for name in listed] for path, listed in modules.items()
    }
    total = [row for rows in tables.values() for row in rows]
    present = sum(row[1] == "present" for row in total)
    lines = [
        "# TensorFlow's names",
        "",
        f"Every public name below `tf.` and whether scripts find it in the zero-change mode: {present} of {len(total)} "
        "are here. The others raise an error with the sentence that stands beside them. `tf.keras` is this library: "
        "[Keras's names](names.md). `tf.compat.v1` has the names that still make sense. `tf.raw_ops` is refused. "
        "Written by `docs/reference/generate_tensorflow.py`; do not edit it by hand.",
    ]
    for path, rows in tables.items():
        here = [f"`{name}`" for name, found, _ in rows if found == "present"]
        lines += ["", f"## tf.{path}".rstrip("."), ""]
        if here:
            lines += [f"Present ({len(here)}): {', '.join(here)}.", ""]
        reasons: dict[str, list[str]] = {}
        for name, found, reason in rows:
            if found != "present":
                reasons.setdefault(reason or found, []).append(f"`{name}`")
        if reasons:
            lines += ["| refused | what to write instead |", "|---|---|"]
            lines += [f"| {', '.join(listed)} | {reason} |" for reason, listed in reasons.items()]
    while not lines[-1]:
        lines.pop()
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def main() -> None:
    """Writes the page, and with `--renew` TensorFlow's names."""
    if "--renew" in sys.argv[1:]:
        importlib.import_module("torch")  # before TensorFlow
        modules = public_names(importlib.import_module("tensorflow"))
        text = "".join(f"{path}: {' '.join(listed)}\n" for path, listed in modules.items())
        NAMES.write_text(text, encoding="utf-8")
    PAGE.write_text(markdown(read_names()), encoding="utf-8")


if __name__ == "__main__":
    main()
