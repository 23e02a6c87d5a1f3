"""Models as pictures of their graphs, drawn by Graphviz through pydot."""

from __future__ import annotations

import html
import itertools
from pathlib import Path
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor, Node, RecordedFunction
from torchkeras_shim.layers import InputLayer
from torchkeras_shim.models import Model, Sequential

_ADVICE = "Install it with `pip install pydot`, and Graphviz (https://graphviz.org) for the drawing itself."


def _pydot() -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError(f"Drawing a model needs the package pydot. {_ADVICE}") from error
    return pydot


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Any:
    """Returns a model's graph in pydot's form.

    Args:
        model: A built model. A subclassed model, whose graph nobody knows, is one box.
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show the types of the outputs.
        show_layer_names: Whether to show the layers' names beside their classes.
        rankdir: `"TB"` from top to bottom, `"LR"` from left to right.
        expand_nested: Whether nested models are boxes with their layers inside.
        dpi: Dots per inch.
        subgraph: Whether to return a `pydot.Cluster` instead of a `pydot.Dot`.
        show_layer_activations: Whether to show the layers' activations.
        show_trainable: Whether to show which layers training changes.
        **kwargs: `layer_range` is not supported; nothing else is known.

    Returns:
        A `pydot.Dot`, or a `pydot.Cluster`.

    Raises:
        ImportError: If pydot is not installed.
        ValueError: If the model is not built.

    Example:
        >>> import torchkeras_shim as keras
        >>> dot = model_to_dot(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
        >>> dot.get_type()
        'digraph'
    """
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on "
            "a batch of data."
        )
    pydot = _pydot()
    if subgraph:
        dot = pydot.Cluster(style="dashed", graph_name=model.name)
        dot.set("label", model.name)
        dot.set("labeljust", "l")
    else:
        dot = pydot.Dot()
        dot.set("rankdir", rankdir)
        dot.set("concentrate", True)
        dot.set("dpi", dpi)
        dot.set("splines", "ortho")
    dot.set_node_defaults(shape="box", style="filled", fillcolor="white", fontname="Helvetica")
    options = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    for name, member in _members(model):
        if expand_nested and isinstance(member, (Sequential, Model)) and _edges(member):
            nested = model_to_dot(member, rankdir=rankdir, expand_nested=True, dpi=dpi, subgraph=True, **options)
            dot.add_subgraph(nested)
        else:
            label = _label(name, member, **options)
            dot.add_node(pydot.Node(str(id(member)), label=label, penwidth="1"))
    for source, target in _edges(model):
        start = _end(source, first=False) if expand_nested else source
        stop = _end(target, first=True) if expand_nested else target
        if not dot.get_edge(str(id(start)), str(id(stop))):
            dot.add_edge(pydot.Edge(str(id(start)), str(id(stop)), penwidth="2"))
    return dot


def plot_model(
    model: Model,
    to_file: str = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: Any,
) -> Any:
    """Draws a model's graph into a file.

    Args:
        model: A built model.
        to_file: The file; its ending chooses the format (`.png`, `.svg`, `.pdf`, `.dot`).
        show_shapes: Whether to show the shapes of inputs and outputs.
        show_dtype: Whether to show the types of the outputs.
        show_layer_names: Whether to show the layers' names beside their classes.
        rankdir: `"TB"` from top to bottom, `"LR"` from left to right.
        expand_nested: Whether nested models are boxes with their layers inside.
        dpi: Dots per inch.
        show_layer_activations: Whether to show the layers' activations.
        show_trainable: Whether to show which layers training changes.
        **kwargs: As in `model_to_dot`.

    Returns:
        In a notebook, the picture; otherwise `None`.

    Raises:
        ImportError: If pydot or Graphviz is not installed; the message says what to do.

    Example:
        >>> from torchkeras_shim import Input, Sequential, layers
        >>> model = Sequential([Input((4,)), layers.Dense(2)])
        >>> plot_model(model, "model.png", show_shapes=True)  # doctest: +SKIP
    """
    dot = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        **kwargs,
    )
    path = Path(to_file)
    suffix = path.suffix.lstrip(".")
    if not suffix:
        path, suffix = path.with_suffix(".png"), "png"
    if suffix == "dot":
        path.write_text(dot.to_string(), encoding="utf-8")
        return None
    try:
        dot.write(str(path), format=suffix)
    except (OSError, _pydot().PydotException) as error:
        raise ImportError(
            f"Drawing a model needs Graphviz's program `dot`, which did not run: {error}. {_ADVICE} "
            "Or write the graph as text: `plot_model(model, 'model.dot')`."
        ) from error
    if suffix != "pdf" and _in_notebook():
        from IPython import display

        return display.Image(filename=str(path))
    return None


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


def _members(model: Any) -> list[tuple[str, Any]]:
    if isinstance(model, Sequential) or model._graph is None:
        named = model.named_layers() if isinstance(model, Sequential) else [(model.name, model)]
        return list(named)
    return [(operation.name, operation) for operation in model.operations]


def _edges(model: Any) -> list[tuple[Any, Any]]:
    """Returns the pairs of operations of which one feeds the other."""
    if isinstance(model, Sequential):
        return list(itertools.pairwise(model.layers))
    if not isinstance(model, Model) or model._graph is None:
        return []
    graph = model._graph
    sources = {id(tensor): layer for tensor, layer in zip(graph.inputs, graph.input_layers, strict=True)}
    pairs = []
    for node in graph.nodes:
        for tensor in node.input_tensors:
            history = tensor._keras_history
            maker = sources.get(id(tensor)) or (history.operation if history else None)
            if maker is not None:
                pairs.append((maker, node.operation))
    return pairs


def _end(operation: Any, first: bool) -> Any:
    """Returns the layer at which an edge to or from a nested model ends."""
    while isinstance(operation, Model) and _edges(operation):
        if isinstance(operation, Sequential):
            operation = operation.layers[0 if first else -1]
        elif first:
            operation = operation.inputs[0]._keras_history.operation
        else:
            operation = operation.outputs[0]._keras_history.operation
    return operation


def _label(name: str, member: Any, **show: bool) -> str:
    """Returns a box as one of Graphviz's HTML tables."""
    kind = type(member).__name__
    if isinstance(member, RecordedFunction):
        kind = "".join(part.capitalize() for part in (member.public_name or member.name).split("_"))
    title = f"<b>{html.escape(name)}</b> ({kind})" if show["show_layer_names"] else f"<b>{kind}</b>"
    rows = [f'<tr><td bgcolor="black"><font color="white">{title}</font></td></tr>']
    activation = getattr(member, "activation", None)
    if show["show_layer_activations"] and activation is not None:
        text = getattr(activation, "__name__", type(activation).__name__)
        rows.append(f"<tr><td>Activation: <b>{html.escape(text)}</b></td></tr>")
    node = _last_node(member)
    if show["show_shapes"]:
        given = "-" if node is None or isinstance(member, InputLayer) else _shapes(node.input_tensors)
        made = "?" if node is None else _shapes(node.outputs)
        rows.append(f"<tr><td>Input shape: <b>{given}</b></td></tr><tr><td>Output shape: <b>{made}</b></td></tr>")
    if show["show_dtype"]:
        types = "?" if node is None else ", ".join(tensor.dtype for tensor in node.outputs)
        rows.append(f"<tr><td>Output dtype: <b>{types}</b></td></tr>")
    if show["show_trainable"] and isinstance(member, torch.nn.Module) and any(True for _ in member.parameters()):
        trainable = any(parameter.requires_grad for parameter in member.parameters())
        rows.append(f"<tr><td>{'Trainable' if trainable else 'Non-trainable'}</td></tr>")
    return f'<<table border="0" cellborder="1" cellspacing="0" cellpadding="6">{"".join(rows)}</table>>'


def _last_node(member: Any) -> Node | None:
    nodes = member.__dict__.get("_inbound_nodes")
    return nodes[-1] if nodes else None


def _shapes(tensors: list[KerasTensor]) -> str:
    return ", ".join(html.escape(str(tensor.shape)) for tensor in tree.flatten(tensors))
