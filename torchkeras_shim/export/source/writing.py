"""`to_torch_source`: a model as the text of a Python file that needs torch alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from torchkeras_shim.core.atomic import replacing
from torchkeras_shim.export.emitter import NoCounterpartError
from torchkeras_shim.export.network import _check_model
from torchkeras_shim.export.source import writers
from torchkeras_shim.export.source.assembly import arranged, block_names, file_text
from torchkeras_shim.export.source.catalog import PART_NAMES
from torchkeras_shim.export.source.classes import Classes
from torchkeras_shim.export.source.network import SourceNetwork
from torchkeras_shim.export.source.training.loop import Training, write
from torchkeras_shim.export.source.training.penalties import penalties, unwritten
from torchkeras_shim.export.source.weights import Recording, device_of

_DOCSTRING = [
    '"""The network of a Keras model.',
    "",
    "Its initial weights are torch's, which differ from Keras's: `load_weights` brings",
    "those that the model had.",
    '"""',
]

assert writers  # importing them fills the table


def to_torch_source(
    model: Any,
    path: Any = None,
    training_loop: bool = True,
    *,
    weights: Any = None,
    channels_first: bool = False,
    callbacks: Sequence[Any] = (),
    told: Any = None,
) -> str:
    """Returns a model as PyTorch source code, as a person would have written it.

    Args:
        model: A built `Sequential` or functional model.
        path: Where to write the file, if anywhere.
        training_loop: Whether to write, for a compiled model, its optimizer, loss and metrics, and a loop that trains
            as `fit` does.
        weights: Where to write the weights, under the names of the written modules: a file that `torch.load` reads
            with `weights_only=True`, or a `.safetensors` file.
        channels_first: Whether the network takes images with channels first, as torch's own networks do, and not as
            the model does.
        callbacks: `EarlyStopping`, `ReduceLROnPlateau` and `ModelCheckpoint` to be written into the loop.
        told: What `compile` was told.

    Raises:
        ValueError: If a part of the model has no counterpart in plain torch. All of these are named at once.

    Example:
        >>> import torchkeras_shim as keras
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="relu", name="hidden")])
        >>> print(to_torch_source(model).partition("def load_weights")[0])
        \"\"\"A Keras model as PyTorch code.\"\"\"
        <BLANKLINE>
        import torch
        import torch.nn.functional as F
        from torch import nn
        <BLANKLINE>
        <BLANKLINE>
        class Network(nn.Module):
            \"\"\"The network of a Keras model.
        <BLANKLINE>
            Its initial weights are torch's, which differ from Keras's: `load_weights` brings
            those that the model had.
            \"\"\"
        <BLANKLINE>
            def __init__(self) -> None:
                super().__init__()
                self.hidden = nn.Linear(4, 2)
        <BLANKLINE>
            def forward(self, inputs: torch.Tensor) -> torch.Tensor:
                return F.relu(self.hidden(inputs))
        <BLANKLINE>
        <BLANKLINE>
        <BLANKLINE>
    """
    _check_model(model)
    problems: list[str] = []
    if callbacks and (told is None or not training_loop):
        raise ValueError("`callbacks` are written into the loop: compile the model, and leave `training_loop=True`.")
    source_of = Recording(device_of(model))
    network = SourceNetwork(source_of, {}, problems, None)
    module = arranged(network.whole(model), channels_first)
    training = Training()
    if told is not None and training_loop:
        problems += unwritten(model, network.has_masked_outputs)
        structure = model._specs[-1] if model._graph is None else model._unpacked(model._graph.output_structure)
        if getattr(model.optimizer, "clipnorm", None) and (halves := source_of.halves()):
            problems.append(
                f"`clipnorm` clips each weight for itself, and {halves} are two weights each in torch. Use "
                "`global_clipnorm`, or pass `training_loop=False`."
            )
        terms = penalties(module, source_of, problems)
        training = write(told, model, structure, terms, callbacks, problems)
    functions = {name for block in training.blocks for name in block_names(block)}
    classes = Classes(problems, {*PART_NAMES, *functions})
    name = classes.add(module, model.name, _DOCSTRING)
    if problems:
        raise NoCounterpartError(_all_of(problems, model))
    text = file_text(classes, name, training, module)
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


def _all_of(problems: list[str], model: Any) -> str:
    distinct = list(dict.fromkeys(problems))
    if len(distinct) == 1:
        return distinct[0]
    listed = "\n".join(f"- {problem}" for problem in distinct)
    return f"{len(distinct)} parts of model '{model.name}' have no counterpart in plain torch:\n{listed}"
