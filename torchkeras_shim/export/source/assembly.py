"""Puts a file together."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import fx

from torchkeras_shim.export.source.catalog import needed, source
from torchkeras_shim.export.source.classes import Classes
from torchkeras_shim.export.source.layouts import Layouts
from torchkeras_shim.export.source.parts import training as parts
from torchkeras_shim.export.source.text import Call, statement
from torchkeras_shim.export.source.training.loop import Training

#: What a file imports, in the order in which ruff sorts it, and the word that asks for it.
_IMPORTS = (
    ("import copy", r"\bcopy\.deepcopy"),
    ("import math", r"\bmath\."),
    ("from collections.abc import Callable", r"\bCallable\["),
    ("from typing import Any", r"\bAny\b"),
    ("", ""),
    ("import torch", r"\btorch\."),
    ("import torch.nn.functional as F", r"\bF\."),
    ("from torch import nn", r"\bnn\."),
)


def arranged(
    module: fx.GraphModule, channels_first: bool, memo: dict[int, fx.GraphModule] | None = None
) -> fx.GraphModule:
    """Returns a module, and those inside it, without needless permutations. What was one module stays one."""
    memo = {} if memo is None else memo
    for name, child in list(module.named_children()):
        if isinstance(child, fx.GraphModule):
            if id(child) not in memo:
                memo[id(child)] = arranged(child, False, memo)
            setattr(module, name, memo[id(child)])
    found = fx.GraphModule(module, Layouts(module, channels_first).run(), class_name="Network")
    found.meta.update(module.meta)
    return found


def block_names(block: list[str]) -> Iterable[str]:
    """Returns the name of the function that lines define."""
    return [found[1] for line in block if (found := re.match(r"def (\w+)", line))]


def file_text(classes: Classes, name: str, training: Training, module: fx.GraphModule) -> str:
    """Returns the text of a file: imports, parts, classes, training, and an example of its use."""
    used = classes.parts | training.parts | {parts.load_weights}
    ones = [part for part in needed(used) if part is not parts.load_weights]
    blocks = [*map(source, ones), *classes.texts, source(parts.load_weights), *training.blocks]
    if training.blocks:
        blocks.append(_example(name, training, module))
    body = "\n".join("\n" * 2 + "\n".join(lines) for lines in blocks)
    lines = [line for line, word in _IMPORTS if not line or re.search(word, body)]
    if lines[0] == "":
        del lines[0]
    wanted = [one for one in ("DataLoader", "Dataset", "TensorDataset") if re.search(rf"\b{one}\b", body)]
    if wanted:
        lines.append(f"from torch.utils.data import {', '.join(wanted)}")
    return "\n".join(['"""A Keras model as PyTorch code."""', "", *lines]) + "\n" + body + "\n"


def _example(name: str, training: Training, module: fx.GraphModule) -> list[str]:
    inputs = [_input(node) for node in module.graph.nodes if node.op == "placeholder"]
    return [
        'if __name__ == "__main__":  # on random data',
        f"    network = {name}()",
        *statement("data = ", Call("TensorDataset", [*inputs, *training.targets]), indent=4),
        "    fit(network, data, epochs=2)",
    ]


def _input(node: fx.Node) -> str:
    sizes = ", ".join(["64", *(str(size or 8) for size in node.meta["shape"][1:])])
    integer = str(node.meta.get("dtype", "float32")).startswith(("int", "uint"))
    return f"torch.randint(2, ({sizes}))" if integer else f"torch.rand({sizes})"
