"""`remat` and `RematScope`: results that the backward pass computes again instead of keeping them in memory.

torch's `checkpoint` runs a function twice. What the second run must find as the first one did (modes, sources of random
numbers), and what it must not change again (statistics, added losses), is looked after here.
"""

from __future__ import annotations

import functools
import inspect
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from torchkeras_shim.core import tree
from torchkeras_shim.core.seeding import SeedGenerator
from torchkeras_shim.core.symbolic import KerasTensor, is_symbolic
from torchkeras_shim.layers import casting
from torchkeras_shim.layers.seeding import LayerSeedGenerator, generators

_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class _Thread(threading.local):
    """The open scopes of one thread, the innermost last."""

    def __init__(self) -> None:
        self.scopes: list[RematScope] = []


_thread = _Thread()


class RematScope:
    """Layers that are created inside compute their results again in the backward pass, which spares memory.

    Values and gradients stay the same.

    Args:
        mode: `"full"` for all layers, `"activations"` for the activation functions in them, `"larger_than"` for layers
            whose outputs are large, `"list_of_layers"` for some by name, `None` for none.
        output_size_threshold: How many elements the outputs of a layer must exceed, for `"larger_than"`.
        layer_names: The names of the layers, for `"list_of_layers"`.

    Raises:
        ValueError: If the mode is unknown.

    Example:
        >>> from torchkeras_shim import layers
        >>> with RematScope(mode="list_of_layers", layer_names=["large"]):
        ...     layer = layers.Dense(2, activation="tanh", name="large")
        >>> layer(torch.ones(1, 3)).shape
        torch.Size([1, 2])
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: list[str] | None = None
    ) -> None:
        if mode not in _MODES:
            raise ValueError(
                f"Invalid mode '{mode}'. Supported modes are: 'full', 'activations', 'larger_than', 'list_of_layers', "
                "or None."
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or [])

    def __enter__(self) -> RematScope:
        _thread.scopes.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _thread.scopes.pop()


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that does what another one does, and computes it again in the backward pass.

    What it computes on the way is not kept, which spares memory. Random numbers are the same in the second run, and
    statistics are not updated again, if the layers and seed generators are `f` itself, the object it is a method of,
    or named in it.

    Args:
        f: A function of tensors, or a layer.

    Example:
        >>> square = remat(lambda x: torch.tanh(x) ** 2)
        >>> x = torch.ones(2, requires_grad=True)
        >>> square(x).sum().backward()
        >>> bool(torch.isclose(x.grad, torch.autograd.grad((torch.tanh(x) ** 2).sum(), x)[0]).all())
        True
    """

    @functools.wraps(f)
    def rematerialized(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or is_symbolic(kwargs):
            raise ValueError(
                "A function of `keras.remat` takes tensors. Received a symbolic one. Call it inside of a layer: "
                "`keras.layers.Lambda(keras.remat(f))(x)`, or create layers in a `keras.RematScope()`."
            )
        return _run_again(f, _named_in(f), args, kwargs)

    return rematerialized


def _named_in(f: Any) -> list[Any]:
    """Returns the layers and seed generators that a function is, belongs to, or names."""
    while isinstance(f, functools.partial):
        f = f.func
    found = [f, getattr(f, "__self__", None)]
    function = inspect.unwrap(getattr(f, "__func__", f))
    if inspect.isfunction(function):
        names = inspect.getclosurevars(function)
        found += [*names.nonlocals.values(), *names.globals.values()]
    return [one for one in found if isinstance(one, (torch.nn.Module, SeedGenerator))]


def _run_again(f: Callable[..., Any], owners: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not torch.is_grad_enabled():
        return f(*args, **kwargs)
    again = _again(owners)
    return checkpoint(f, *args, use_reentrant=False, context_fn=lambda: (nullcontext(), again), **kwargs)


def _again(owners: list[Any]) -> Any:
    """Returns the context of the second run, with what the first one is about to find."""
    modules = [child for owner in owners if isinstance(owner, torch.nn.Module) for child in owner.modules()]
    sources = [owner for owner in owners if isinstance(owner, SeedGenerator)]
    sources += [source for owner in owners if isinstance(owner, torch.nn.Module) for source in generators(owner)]
    modes = [(child, child.training) for child in modules]
    stands = [(source, _stand(source)) for source in sources]
    calls = [(parameters, buffers, dict(seen)) for parameters, buffers, seen in casting._thread.calls]
    return _second_run(modes, stands, calls)


@contextmanager
def _second_run(modes: list[Any], stands: list[Any], calls: list[Any]) -> Iterator[None]:
    before = [(child, child.training) for child, _ in modes]
    now = [(source, _stand(source)) for source, _ in stands]
    held = [
        (buffer, buffer.detach().clone()) for child, _ in modes for buffer in child._buffers.values() if _has(buffer)
    ]
    losses = [(added, list(added)) for child, _ in modes if (added := child.__dict__.get("_added_losses")) is not None]
    running = casting._thread.calls
    casting._thread.calls = calls
    try:
        _put(modes, stands)
        yield
    finally:
        casting._thread.calls = running
        _put(before, now)
        with torch.no_grad():
            for buffer, value in held:
                buffer.data.copy_(value)  # through `data`: the graph of the first run may hold it
        for added, kept in losses:
            added[:] = kept


def _put(modes: list[Any], stands: list[Any]) -> None:
    for child, mode in modes:
        child.training = mode
    for source, stand in stands:
        if isinstance(source, LayerSeedGenerator):
            source.go_on(stand)
        else:
            source.set_position(*stand)


def _stand(source: SeedGenerator) -> Any:
    return source.stand() if isinstance(source, LayerSeedGenerator) else source.position()


def _has(buffer: Any) -> bool:
    return buffer is not None and buffer.device.type != "meta"


# Layers that were created in a scope ----------------------------------------------------------------------------------


def note_scope(layer: Any) -> None:
    """Notes the scope that a layer is created in, if it is one that may concern it."""
    if _thread.scopes and _thread.scopes[-1].mode is not None:
        layer.__dict__["_remat"] = _thread.scopes[-1]


def arm(layer: Any) -> None:
    """Lets a layer that was created in a scope run by it, whatever its `forward` is by now."""
    state = layer.__dict__
    inner = state.get("forward")
    if "_remat" in state and not (isinstance(inner, functools.partial) and inner.func is _run):
        state["forward"] = functools.partial(_run, layer, inner)


def _run(layer: Any, inner: Callable[..., Any] | None, *args: Any, **kwargs: Any) -> Any:
    """A layer's `forward` where it was created in a scope."""
    forward = functools.partial(type(layer).forward, layer) if inner is None else inner
    first = next((leaf for leaf in tree.flatten([args, kwargs]) if isinstance(leaf, torch.Tensor)), None)
    if first is None or first.device.type == "meta" or not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    scope = layer._remat
    if scope.mode == "activations":
        return _with_activation(layer, forward, args, kwargs)
    if _concerns(scope, layer, args, kwargs):
        return _run_again(forward, [layer], args, kwargs)
    return forward(*args, **kwargs)


def _with_activation(layer: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    state = layer.__dict__
    activation = state.get("activation")
    if not callable(activation):
        return forward(*args, **kwargs)
    state["activation"] = remat(activation)
    try:
        return forward(*args, **kwargs)
    finally:
        state["activation"] = activation


def _concerns(scope: RematScope, layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    if scope.mode == "list_of_layers":
        return layer.name in scope.layer_names
    if layer._calls_members:  # its layers do it one by one
        return False
    if scope.mode == "full":
        return True
    key = tuple(tuple(leaf.shape) for leaf in tree.flatten([args, kwargs]) if isinstance(leaf, torch.Tensor))
    sizes = layer.__dict__.setdefault("_output_sizes", {})
    if key not in sizes:
        known = {name: value for name, value in kwargs.items() if name != "training"}
        spec = layer.compute_output_spec(*tree.map_structure(_symbolic, args), **tree.map_structure(_symbolic, known))
        leaves = [leaf for leaf in tree.flatten(spec) if isinstance(leaf, KerasTensor)]
        sizes[key] = sum(math.prod(size or 1 for size in leaf.shape) for leaf in leaves)
    return bool(sizes[key] > scope.output_size_threshold)


def _symbolic(leaf: Any) -> Any:
    return KerasTensor(tuple(leaf.shape), leaf.dtype) if isinstance(leaf, torch.Tensor) else leaf
