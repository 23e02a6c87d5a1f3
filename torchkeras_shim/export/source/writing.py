"""`to_torch_source`: a model as the text of a Python file that needs torch alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import fx

from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.export.emitter import NoCounterpartError
from torchkeras_shim.export.network import _check_model
from torchkeras_shim.export.source import writers
from torchkeras_shim.export.source.catalog import needed, source
from torchkeras_shim.export.source.classes import Classes
from torchkeras_shim.export.source.layouts import Layouts
from torchkeras_shim.export.source.network import SourceNetwork
from torchkeras_shim.export.weights import Weights

assert writers  # importing them fills the table


def to_torch_source(model: Any, path: Any = None, *, weights: Any = None, channels_first: bool = False) -> str:
    """Returns a model as PyTorch source code, as a person would have written it.

    Args:
        model: A built `Sequential` or functional model.
        path: Where to write the file, if anywhere.
        weights: Where to write the weights, under the names of the written modules: a file that `torch.load` reads
            with `weights_only=True`, or a `.safetensors` file.
        channels_first: Whether the network takes images with channels first, as torch's own networks do, and not as
            the model does.

    Raises:
        ValueError: If a part of the model has no counterpart in plain torch. All of these are named at once.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="relu", name="hidden")])
        >>> print(to_torch_source(model))
        \"\"\"A Keras model as PyTorch code.\"\"\"
        <BLANKLINE>
        import torch
        import torch.nn.functional as F
        from torch import nn
        <BLANKLINE>
        <BLANKLINE>
        class Network(nn.Module):
            \"\"\"The network of a Keras model.\"\"\"
        <BLANKLINE>
            def __init__(self) -> None:
                super().__init__()
                self.hidden = nn.Linear(4, 2)
        <BLANKLINE>
            def forward(self, inputs: torch.Tensor) -> torch.Tensor:
                return F.relu(self.hidden(inputs))
        <BLANKLINE>
    """
    _check_model(model)
    problems: list[str] = []
    module = _network(model, problems, channels_first)
    classes = Classes(problems, set())
    name = classes.add(module, model.name, ['"""The network of a Keras model."""'])
    if problems:
        raise NoCounterpartError(_all_of(problems, model))
    text = _file(classes, name)
    if path is not None:
        with replacing(os.fspath(path)) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    if weights is not None:
        _save(module.state_dict(), os.fspath(weights))
    return text


def _save(state: dict[str, torch.Tensor], path: str) -> None:
    with replacing(path) as temporary:
        if not path.endswith(".safetensors"):
            torch.save(state, temporary)
            return
        import safetensors.torch  # an optional package

        distinct = {key: value.clone() for key, value in state.items()}  # it refuses memory that two keys share
        safetensors.torch.save_file(distinct, temporary, metadata={"format": "pt"})


def _network(model: Any, problems: list[str], channels_first: bool) -> fx.GraphModule:
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    module = SourceNetwork(Weights(True, device), {}, problems, None).whole(model)
    return _arranged(module, channels_first)


def _arranged(module: fx.GraphModule, channels_first: bool) -> fx.GraphModule:
    for name, child in list(module.named_children()):
        if isinstance(child, fx.GraphModule):
            setattr(module, name, _arranged(child, False))
    arranged = fx.GraphModule(module, Layouts(module, channels_first).run(), class_name="Network")
    arranged.meta.update(module.meta)
    return arranged


def _file(classes: Classes, name: str) -> str:
    parts = [source(part) for part in needed(classes.parts)]
    body = "\n".join("\n" * 2 + "\n".join(lines) for lines in [*parts, *classes.texts])
    imports = [line for mark, line in (("math.", "import math"),) if mark in body]
    imports += ["", "import torch"] if imports else ["import torch"]
    imports += ["import torch.nn.functional as F"] if "F." in body else []
    imports += ["from torch import nn"]
    lines = ['"""A Keras model as PyTorch code."""', "", *imports]
    return "\n".join(lines) + "\n" + body + "\n"


def _all_of(problems: list[str], model: Any) -> str:
    distinct = list(dict.fromkeys(problems))
    if len(distinct) == 1:
        return distinct[0]
    listed = "\n".join(f"- {problem}" for problem in distinct)
    return f"{len(distinct)} parts of model '{model.name}' have no counterpart in plain torch:\n{listed}"
