"""Whatever computes the same in both modes, as a graph of torch's own operators: found by running it."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from torchkeras_shim.core import stand_ins, tree
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.weights import plain

#: With what unknown sizes are traced, and with what the result is tried.
_SIZES = (5, 7)


def is_plain_function(function: Any) -> bool:
    """Returns whether a function is torch's or Python's own, so that a graph may name it."""
    if isinstance(function, type) or not callable(function):
        return False
    if getattr(operator, getattr(function, "__name__", ""), None) is function:
        return True
    module = getattr(function, "__module__", None) or ""
    torchs = module == "torch" or module.startswith("torch.")
    return torchs or (inspect.isbuiltin(function) and getattr(torch, function.__name__, None) is function)


def is_method(function: Any) -> bool:
    """Returns whether something is a method of `torch.Tensor`, unbound."""
    name = getattr(function, "__name__", "")
    return callable(function) and getattr(torch.Tensor, name, None) is function


def traced_call(
    e: Emitter, layer: Any, function: Callable[..., Any], *args: Any, part: str = "", rank: int | None = None
) -> Any:
    """Adds a module that computes what a function of tensors computes.

    Args:
        e: Where to.
        layer: The layer, or recorded operation, that it belongs to.
        function: The function.
        *args: Its arguments, nodes among them, in any structure.
        part: What the module is called.
        rank: The rank of the input, where its shape is not known.
    """
    nodes = [leaf for leaf in tree.flatten(list(args)) if isinstance(leaf, fx.Node)]
    specs = [_spec_of(e, layer, node, rank) for node in nodes]

    def run(*tensors: torch.Tensor) -> Any:
        values = iter(tensors)
        filled = [tree.map_structure(lambda leaf: next(values) if isinstance(leaf, fx.Node) else leaf, a) for a in args]
        return function(*filled)

    return e.module(layer, part, lambda: trace(layer, run, specs, e.weights.device), *nodes, variant=_variant(specs))


def traced_layer(e: Emitter, layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Adds a layer whose result depends on its inputs and weights alone; the weights stay in Keras's shapes."""
    nodes = [leaf for leaf in tree.flatten([list(args), kwargs]) if isinstance(leaf, fx.Node)]
    specs = [_spec_of(e, layer, node, None) for node in nodes]
    names = [name for name, _ in (*layer.named_parameters(), *layer.named_buffers())]
    values = [plain(value) for _, value in (*layer.named_parameters(), *layer.named_buffers())]

    def run(*tensors: torch.Tensor) -> Any:
        given = iter(tensors[: len(nodes)])

        def fill(leaf: Any) -> Any:
            return next(given) if isinstance(leaf, fx.Node) else leaf

        filled = tuple(tree.map_structure(fill, argument) for argument in args)
        named = {key: tree.map_structure(fill, value) for key, value in kwargs.items()}
        weights = dict(zip(names, tensors[len(nodes) :], strict=True))
        return torch.func.functional_call(_Caller(layer), {f"layer.{k}": v for k, v in weights.items()}, filled, named)

    def weight(name: str, value: torch.Tensor) -> Any:
        return e.parameter(layer, name, lambda: _same_kind(e, name, value))

    def _same_kind(e: Emitter, name: str, value: torch.Tensor) -> torch.Tensor:
        own = dict(layer.named_parameters()).get(name)
        return e.weights.tensor(value) if own is None else e.weights.parameter(own)

    weights = [weight(name, value) for name, value in zip(names, values, strict=True)]
    part = ".call" if names else ""  # beside the weights; `forward` would be the method of the module that holds them
    inputs = (*nodes, *weights)
    return e.module(
        layer, part, lambda: trace(layer, run, specs, e.weights.device, values), *inputs, variant=_variant(specs)
    )


def _variant(specs: list[KerasTensor]) -> Any:
    """What a traced graph holds for: known sizes are written into it."""
    return tuple((spec.shape, spec.dtype) for spec in specs)


class _Caller(nn.Module):
    """Calls a layer's `forward` without what surrounds a call."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.layer.forward(*args, **kwargs)


def trace(
    layer: Any,
    run: Callable[..., Any],
    specs: list[KerasTensor],
    device: torch.device | str,
    weights: list[torch.Tensor] | None = None,
) -> fx.GraphModule:
    """Returns a function as a graph of torch's operators, tried out on another size than it was traced with.

    Raises:
        NoCounterpartError: If the function does not let itself be traced, or gives something else for other sizes.
    """
    from torch.fx.experimental.proxy_tensor import make_fx  # 30 ms that nobody else needs

    weights = weights or []
    first, other = ([_example(spec, size).to(device) for spec in specs] for size in _SIZES)
    try:
        with torch.no_grad():
            module = make_fx(run, tracing_mode="symbolic")(*first, *weights)
            expected, found = run(*other, *weights), module(*other, *weights)
        same = all(
            not isinstance(a, torch.Tensor) or (a.shape == b.shape and torch.allclose(a, b, 1e-4, 1e-5, equal_nan=True))
            for a, b in zip(tree.flatten(expected), tree.flatten(found), strict=True)
        )
    except Exception as error:
        raise no_counterpart(
            layer, f"it cannot be followed through torch's operators ({type(error).__name__}: {error}).", _ADVICE
        ) from error
    if not same:
        raise no_counterpart(layer, "what it does depends on the size of the batch, or on chance.", _ADVICE)
    module.graph.eliminate_dead_code()
    graph = fx.Graph()  # a fresh one: the tracer that is noted in the other would be pickled with it
    graph.output(graph.graph_copy(module.graph, {}))
    return fx.GraphModule(module, graph, class_name=type(layer).__name__)


_ADVICE = "Write it as a `torch.nn.Module` of your own, which is taken over as it is, or leave it out of the model."


def _example(spec: KerasTensor, size: int) -> torch.Tensor:
    zeros: torch.Tensor = stand_ins.tensor(spec.shape, spec.dtype, "cpu", size)
    if not zeros.is_floating_point():
        return zeros
    return torch.linspace(-1.0, 1.0, max(zeros.numel(), 1), dtype=zeros.dtype)[: zeros.numel()].reshape(zeros.shape)


def _spec_of(e: Emitter, layer: Any, node: fx.Node, rank: int | None) -> KerasTensor:
    spec = e.specs.get(node)
    if spec is not None:
        return spec
    if rank is None:
        raise no_counterpart(layer, "the shape of its input is not known.", "Give the model an `Input` with a shape.")
    return KerasTensor((None,) * rank)
