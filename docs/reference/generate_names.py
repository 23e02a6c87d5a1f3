"""Writes `names.md`: every public name of Keras, in all its namespaces, with its state in this library.

The table comes from comparing the two libraries as they are installed, so run it again when names were added::

    python docs/reference/generate_names.py
"""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path
from types import ModuleType
from typing import Any

#: Names that will not come, and why. Those of layers exist: their constructors say what to do instead.
REFUSED = {
    "layers.FlaxLayer": "runs a Flax module, which needs JAX",
    "layers.JaxLayer": "runs a function of JAX",
    "layers.TFSMLayer": "runs a SavedModel, which needs TensorFlow",
    **{
        f"dtype_policies.{name}DTypePolicy": "describes quantized layers, which are not there"
        for name in ("AWQ", "GPTQ", "Int4", "Quantized", "QuantizedFloat8")
    },
    "callbacks.OrbaxCheckpoint": "writes checkpoints of Orbax, which needs JAX",
    "export.ExportArchive": "writes SavedModels, which needs TensorFlow",
    "Quantizer": "belongs to quantized layers, which are not there",
    "quantizers": "belongs to quantized layers, which are not there",
}
#: A part of the namespace that is Keras's own business.
INTERNAL = "src"

STATES = ("present", "missing", "refused")
Row = tuple[str, str, str, str]


def public_names(module: Any) -> list[str]:
    """Returns the names of a module that do not start with an underscore, and are meant for users."""
    return [name for name in dir(module) if not name.startswith("_") and name != INTERNAL]


def kind_of(namespace: Any, name: str) -> str:
    """Returns what a name of Keras is: a class, a function, a module, or another name of one of these."""
    value = getattr(namespace, name)
    original = getattr(value, "__name__", name)
    if not inspect.ismodule(value) and original != name and getattr(namespace, original, None) is value:
        return f"alias of `{original}`"
    for kind, is_kind in (("module", inspect.ismodule), ("class", inspect.isclass), ("function", callable)):
        if is_kind(value):
            return kind
    return "value"


def namespaces(module: ModuleType, path: str = "") -> list[str]:
    """Returns the dotted paths of a package's public namespaces; its own is empty."""
    found = [path]
    for name in public_names(module):
        value = getattr(module, name)
        if inspect.ismodule(value) and value.__name__ == f"{module.__name__}.{name}":
            found += namespaces(value, f"{path}.{name}" if path else name)
    return found


def namespace_of(package: ModuleType, path: str) -> Any:
    """Returns a namespace of a package by its dotted path, or `None` where the package does not have it."""
    found: Any = package
    for part in path.split(".") if path else ():
        found = getattr(found, part, None)
    return found


def rows(theirs: Any, ours: Any, path: str) -> list[Row]:
    """Returns name, kind, state and remark of every public name of one namespace of Keras."""
    result = []
    for name in public_names(theirs):
        remark = ""
        state = "present" if ours is not None and hasattr(ours, name) else "missing"
        whole = f"{path}.{name}" if path else name
        reason = REFUSED.get(whole, REFUSED.get(path.partition(".")[0]))
        if reason is not None:
            state, remark = "refused", reason
        result.append((name, kind_of(theirs, name), state, remark))
    return result


def markdown(keras: ModuleType, library: ModuleType) -> str:
    """Returns the whole page."""
    paths = namespaces(keras)
    tables = {path: rows(namespace_of(keras, path), namespace_of(library, path), path) for path in paths}
    lines = [
        "# Keras's names",
        "",
        f"Every public name of Keras {keras.__version__}, and whether it is here. Written by "
        "`docs/reference/generate_names.py`, which compares the two libraries; do not edit it by hand.",
        "",
        "| namespace | names | " + " | ".join(STATES) + " |",
        "|---|---|---|---|---|",
    ]
    for path, table in tables.items():
        counts = [str(sum(row[2] == state for row in table)) for state in STATES]
        name = f"keras.{path}" if path else "keras"
        lines.append(f"| [`{name}`](#{name.replace('.', '')}) | {len(table)} | {' | '.join(counts)} |")
    for path, table in tables.items():
        lines += [
            "",
            f"## keras.{path}" if path else "## keras",
            "",
            "| name | kind | state | remark |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| `{name}` | {kind} | {state} | {remark} |".replace("|  |", "| |") for name, kind, state, remark in table
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the page beside this script."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    page = markdown(importlib.import_module("keras"), importlib.import_module("torchkeras_shim"))
    Path(__file__).with_name("names.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
