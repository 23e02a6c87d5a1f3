"""Writes `names.md`: every public name of Keras in the namespaces below, with its state in this library.

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

NAMESPACES = (
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "callbacks",
    "layers",
    "ops",
    "random",
    "tree",
    "models",
    "saving",
    "config",
    "dtype_policies",
    "mixed_precision",
    "backend",
    "utils",
    "utils.legacy",
    "legacy",
    "legacy.saving",
    "preprocessing",
    "preprocessing.image",
    "preprocessing.sequence",
    "distribution",
    "wrappers",
    "datasets",
    "datasets.boston_housing",
    "datasets.california_housing",
    "datasets.imdb",
    "datasets.reuters",
    "applications",
    "applications.convnext",
    "applications.densenet",
    "applications.efficientnet",
    "applications.efficientnet_v2",
    "applications.imagenet_utils",
    "applications.inception_resnet_v2",
    "applications.inception_v3",
    "applications.mobilenet",
    "applications.mobilenet_v2",
    "applications.mobilenet_v3",
    "applications.nasnet",
    "applications.resnet",
    "applications.resnet50",
    "applications.resnet_v2",
    "applications.vgg16",
    "applications.vgg19",
    "applications.xception",
)

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
}

STATES = ("present", "missing", "refused")
Row = tuple[str, str, str, str]


def public_names(module: Any) -> list[str]:
    """Returns the names of a module that do not start with an underscore."""
    return [name for name in dir(module) if not name.startswith("_")]


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


def namespace_of(package: ModuleType, path: str) -> Any:
    """Returns a namespace of a package by its dotted path, or `None` where the package does not have it."""
    found: Any = package
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def rows(theirs: Any, ours: Any, path: str) -> list[Row]:
    """Returns name, kind, state and remark of every public name of one namespace of Keras."""
    result = []
    for name in public_names(theirs):
        remark = ""
        state = "present" if ours is not None and hasattr(ours, name) else "missing"
        if f"{path}.{name}" in REFUSED:
            state, remark = "refused", REFUSED[f"{path}.{name}"]
        result.append((name, kind_of(theirs, name), state, remark))
    return result


def markdown(keras: ModuleType, library: ModuleType) -> str:
    """Returns the whole page."""
    tables = {path: rows(namespace_of(keras, path), namespace_of(library, path), path) for path in NAMESPACES}
    lines = [
        "# Keras's names",
        "",
        f"Every public name of Keras {keras.__version__} in these namespaces, and whether it is here. Written by "
        "`docs/reference/generate_names.py`, which compares the two libraries; do not edit it by hand.",
        "",
        "| namespace | names | " + " | ".join(STATES) + " |",
        "|---|---|---|---|---|",
    ]
    for path, table in tables.items():
        counts = [str(sum(row[2] == state for row in table)) for state in STATES]
        lines.append(f"| [`keras.{path}`](#keras{path.replace('.', '')}) | {len(table)} | {' | '.join(counts)} |")
    for path, table in tables.items():
        lines += ["", f"## keras.{path}", "", "| name | kind | state | remark |", "|---|---|---|---|"]
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
