"""What happens around a layer's `call` off the fast path: conversion, building, modes, masks, errors."""

from __future__ import annotations

import functools
import inspect
import itertools
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import naming, symbolic, tree, turns
from torchkeras_shim.core.modules import modules_in
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.distribution.strategies import distribution
from torchkeras_shim.layers import casting, inference
from torchkeras_shim.layers.called import Called, Flags, thread
from torchkeras_shim.layers.explaining import explain
from torchkeras_shim.layers.masks import attach, hand_on, is_masked

_module_call = torch.nn.Module.__call__
_Tensor = torch.Tensor
_SHAPED = (torch.Tensor, KerasTensor, StringTensor, RaggedTensor, SparseTensor)


#: The layers that have called `add_loss`: they, and the models they are in, always go the general way.
_adders: weakref.WeakSet[Any] = weakref.WeakSet()


def note_adder(layer: Called) -> None:
    """Notes that a layer adds losses while it runs."""
    if layer not in _adders:
        _adders.add(layer)
        Flags.adders += 1
        layer.__dict__["_seen_ndim"] = -1


def adders_in(module: Any) -> list[Any]:
    """Returns the layers of a module that add losses while they run."""
    return [child for child in modules_in(module) if child in _adders] if Flags.adders else []


def is_running(layer: Any) -> bool:
    """Returns whether a layer is in its first call: built, and past its `build`."""
    return (
        bool(thread.scopes)
        and layer.__dict__.get("built", False)
        and not layer.__dict__.get("_building")
        and any(scope is layer for scope in thread.scopes)
    )


def call_layer(layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a layer the general way."""
    training = kwargs.pop("training", None)
    if symbolic.is_symbolic(args) or symbolic.is_symbolic(kwargs):
        return _call_symbolic(layer, args, kwargs if training is None else {**kwargs, "training": training})
    given = args
    args, kwargs = _convert(layer, args, kwargs)
    first = args[0] if args else next(iter(kwargs.values()), None)
    args, kwargs, masks = hand_on(layer, args, kwargs)
    thread.depth += 1
    try:
        if Flags.adders and thread.depth == 1:
            for adder in adders_in(layer):
                adder._added_losses.clear()
        with scope_of(layer) if layer._seen_ndim == -1 else nullcontext():
            if layer._policy_map is not None:  # the layer's path is known now, and with it its type
                layer.look_up_policy()
                args, kwargs = _convert(layer, args, kwargs)
                first = args[0] if args else next(iter(kwargs.values()), None)
            if layer._seen_ndim == -1:
                _heed_rule(layer)
            if not layer.built:  # what is wrong beforehand must not leave weights of a wrong shape behind
                layer._check_inputs(first)
                build_for(layer, args, kwargs)
            layer._check_inputs(first)
            with in_mode(layer, training):
                try:
                    outputs = _module_call(layer, *args, **kwargs)
                except (RuntimeError, IndexError) as error:
                    explain(layer, args, error)
                    raise
    finally:
        thread.depth -= 1
    layer.__dict__["built"] = True
    if layer.activity_regularizer is not None:
        for output in tree.flatten(outputs):
            penalty = layer.activity_regularizer(output)
            # Keras's mean over the batch: the strength does not depend on the batch size.
            layer.add_loss(penalty / max(output.shape[0], 1) if output.ndim else penalty)
    carried = Flags.masks and is_masked(masks)
    masked = (layer.supports_masking or carried) and attach(layer, first, outputs, masks)
    # An input that was only cast may come the fast way too, where the layer's `forward` casts as well.
    plain = (
        len(args) == 1
        and not kwargs
        and (given[0] is first or (type(given[0]) is _Tensor and casting.casts_inputs(layer)))
    )
    if plain and type(first) is _Tensor and not (masked and not carried) and layer not in _adders:
        layer.__dict__["_seen_ndim"] = first.ndim
        layer.__dict__["_seen_dtype"] = given[0].dtype
    elif type(first) is list and not kwargs and not Flags.masks and layer not in _adders and _are(first, given):
        layer.__dict__["_seen_ndim"] = tuple([x.ndim for x in first])
        layer.__dict__["_seen_dtype"] = tuple([x.dtype for x in first])
    return outputs


def _heed_rule(layer: Any) -> None:
    """Lets the outputs of a layer, whose name scope is open, be laid out as the distribution in force says."""
    current = distribution()
    if current is None or not current.cuts or "_output_rule" in layer.__dict__:
        return
    path = naming.scoped("output")
    if current.get_tensor_layout(path) is not None:
        layer.__dict__["_output_rule"] = path
        layer.register_forward_hook(_LaidOut(path))


class _LaidOut:
    """A hook that lays outputs out by the rule that is in force when the layer runs. It knows its path only, so that
    models can be pickled.

    Args:
        path: What the outputs are called in rules.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, layer: Any, args: Any, outputs: Any) -> Any:
        current = distribution()
        layout = current.get_tensor_layout(self._path) if current is not None and current.cuts else None
        if current is None or layout is None:
            return outputs
        return tree.map_structure(lambda one: current.lay_out(one, layout, f"output '{self._path}'"), outputs)


def _are(tensors: list[Any], given: tuple[Any, ...]) -> bool:
    """Returns whether a list has the very tensors that a layer's only argument had: nothing had to be converted."""
    if len(given) != 1 or type(given[0]) is not list or len(given[0]) != len(tensors):
        return False
    return all(x is own and type(x) is _Tensor for x, own in zip(tensors, given[0], strict=True))


def is_usual(layer: Called, tensors: list[Any]) -> bool:
    """Returns whether a list has plain tensors of the ranks and types that a layer takes without more ado."""
    ranks = layer._seen_ndim
    if type(ranks) is not tuple or len(ranks) != len(tensors):
        return False
    return all(
        type(x) is _Tensor and x.ndim == rank and x.dtype is dtype
        for x, rank, dtype in zip(tensors, ranks, layer._seen_dtype, strict=True)
    )


def _call_symbolic(layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    layer._call_spec.check_keywords(kwargs, layer)
    if kwargs.get("training") is not None and kwargs["training"] == layer._call_spec.training_default:
        # Keras writes the default into its configs, and lets `fit` and `predict` overrule it: the mode decides.
        kwargs = {key: value for key, value in kwargs.items() if key != "training"}
    first = args[0] if args else next(iter(kwargs.values()), None)
    known = {key: value for key, value in kwargs.items() if key != "training"}
    with scope_of(layer):
        _heed_rule(layer)
        layer.look_up_policy()
        if not layer.built:  # as in a call on data
            layer._check_inputs(first)
            build_for(layer, args, known)
        layer._check_inputs(first)
        outputs = layer.compute_output_spec(*args, **known)
    if outputs is None:
        raise ValueError(
            f"Layer '{layer.name}' (of type {type(layer).__name__}) must return tensors. Its `call` returned None. End "
            "it with `return outputs`."
        )
    symbolic.Node(layer, args, kwargs, outputs)
    return outputs


def build_for(layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Builds a layer for the shapes of its arguments, if it is not built yet."""
    if layer.built:
        return
    parameters = _named_parameters(layer.build)
    named = dict(zip(layer._call_spec.positional, args, strict=False)) | kwargs
    shapes = {name: _shape_of(value) for name, value in named.items()}
    with scope_of(layer), _explained_structure(layer, next(iter(shapes.values()), None)):
        if len(parameters) > 1 or (parameters and next(iter(parameters)) in {f"{name}_shape" for name in shapes}):
            _check_shape_names(layer, parameters)
            layer.build(**{f"{name}_shape": shape for name, shape in shapes.items() if f"{name}_shape" in parameters})
        elif parameters or _takes_any(layer.build):
            layer.build(next((shape for shape in shapes.values() if shape is not None), None))
        else:
            layer.build()
    inference.adopt(layer)
    _warn_of_stray(layer)


def _named_parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Returns the parameters of a function but for `*args` and `**kwargs`."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: one for name, one in inspect.signature(function).parameters.items() if one.kind not in variable}


def _takes_any(function: Callable[..., Any]) -> bool:
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]
    return inspect.Parameter.VAR_POSITIONAL in kinds


def _check_shape_names(layer: Any, parameters: dict[str, inspect.Parameter]) -> None:
    """Raises a ValueError if a `build` of several arguments wants something else than the shapes of `call`'s."""
    known = {f"{name}_shape" for name in _named_parameters(layer.call)}
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in known:
            raise ValueError(
                "For a `build()` method with more than one argument, all arguments should have a `_shape` suffix and "
                "match an argument from `call()`. E.g. `build(self, foo_shape, bar_shape)`. "
                f"For layer '{layer.name}', received `build()` argument `{name}`. Expected: {sorted(known)}"
            )


@contextmanager
def _explained_structure(layer: Called, shape: Any) -> Iterator[None]:
    """Says so if a layer could not be built because it was given several inputs in place of one."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        if isinstance(shape, dict) or (isinstance(shape, list) and shape):
            what = f"a dict with the keys {list(shape)}" if isinstance(shape, dict) else f"a list of {len(shape)}"
            pick = f"x[{next(iter(shape))!r}]" if isinstance(shape, dict) else "x[0]"
            raise ValueError(
                f"Layer '{layer.name}' ({type(layer).__name__}) could not be built for the inputs that it was given, "
                f"{what}: {type(error).__name__}: {error}. If it takes one tensor, pass one, such as `{pick}`."
            ) from error
        raise


def _warn_of_stray(layer: Called) -> None:
    """Warns of a layer that gets its weights in the call of another one, which does not hold it."""
    outer = next((scope for scope in reversed(thread.scopes) if scope is not layer), None)
    if outer is None or not is_running(outer) or not layer.weights:
        return
    if not any(module is layer for scope in thread.scopes for module in scope.modules() if scope is not layer):
        warnings.warn(
            f"Layer '{layer.name}' ({type(layer).__name__}) created its weights in the call of layer '{outer.name}' "
            f"({type(outer).__name__}), which does not hold it: they will be neither trained nor saved. Create it in "
            f"`__init__()` as an attribute, `self.{layer.name} = {type(layer).__name__}(...)`, or in a list or dict "
            "that is one.",
            stacklevel=2,
        )


def _shape_of(value: Any) -> Any:
    leaves = tree.flatten(value)
    if not leaves or not all(isinstance(leaf, _SHAPED) for leaf in leaves):
        return None
    return tree.map_structure(lambda leaf: tuple(leaf.shape), value)


def _convert(layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Turns arrays into tensors on the layer's device and casts floats to the layer's compute type."""
    dtype = layer._compute_dtype if layer.autocast else None
    fixed = layer._input_cast  # a model with a declared input casts whatever comes to that type
    declared = layer._declared

    def convert(leaf: Any) -> Any:
        if isinstance(leaf, SparseTensor):
            leaf = leaf.to_torch() if layer._takes_sparse else leaf.to_dense(layer._absent)
            leaf = leaf.to(device_of(layer))
        if not isinstance(leaf, torch.Tensor):
            if isinstance(leaf, (StringTensor, RaggedTensor)):
                return _convert_text(layer, leaf)
            if not hasattr(leaf, "__array__"):
                return leaf
            array = np.asarray(leaf)
            if array.dtype.kind not in "biufc":
                return _convert_text(layer, array)
            leaf = torch.as_tensor(_writable(array), device=device_of(layer))
        if declared is not None and leaf.ndim != declared.ndim:
            leaf = declared.aligned(leaf)
        if fixed is not None:
            leaf = leaf if leaf.dtype is fixed else leaf.to(fixed)
        elif dtype is not None and leaf.dtype is not dtype and leaf.is_floating_point():
            mask = getattr(leaf, "_keras_mask", None)
            leaf = leaf.to(dtype)
            if mask is not None:
                leaf._keras_mask = mask
        return leaf

    if len(args) == 1 and type(args[0]) is _Tensor and not kwargs:  # the common case, without walking a structure
        return (convert(args[0]),), kwargs
    converted = {
        key: value if key == "mask" and declared is not None else tree.map_structure(convert, value)
        for key, value in kwargs.items()
    }
    return tuple(tree.map_structure(convert, argument) for argument in args), converted


def _convert_text(layer: Called, value: Any) -> Any:
    """Returns text, or ragged rows, in the form that layers get it in, if the layer is not known to compute only."""
    if isinstance(value, RaggedTensor) and any(getattr(one, "_takes_ragged", False) for one in layer.modules()):
        return value
    if takes_text(layer) and (isinstance(value, (StringTensor, RaggedTensor)) or is_text(value)):
        value = value if isinstance(value, RaggedTensor) else as_strings(value)
        return value if layer._declared is None else layer._declared.aligned(value)
    raise TypeError(
        f"Inputs to layer '{layer.name}' should be tensors or arrays of numbers. Received "
        f"{'text' if isinstance(value, StringTensor) else 'an array'} of type {value.dtype} and shape "
        f'{tuple(value.shape)}. Turn it into numbers first, such as `x.astype("float32")`, or text by a `StringLookup` '
        "or `TextVectorization` layer."
    )


def takes_text(layer: Any) -> bool:
    """Returns whether a layer, or one inside it, takes text; of classes of the user's own nobody knows."""
    return any(getattr(one, "_takes_text", False) or type(one) not in PUBLIC_NAMES for one in layer.modules())


def _writable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array if array.flags.writeable else array.copy()  # torch warns of read-only memory


def device_of(module: Any) -> torch.device:
    """Returns where a module's weights are, or the default device if it has none."""
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return devices.default_device() if first is None else first.device


@contextmanager
def in_mode(module: Any, training: Any) -> Iterator[None]:
    """Runs a block with a module in training or inference mode, and puts every module's own mode back."""
    if training is None or all(child.training == bool(training) for child in modules_in(module)):
        yield
        return
    with turns.visit(module) or nullcontext():  # a loop's layers are switched between two of its batches only
        saved = [(child, child.training) for child in modules_in(module)]
        module.train(bool(training))
        try:
            yield
        finally:
            for child, mode in saved:
                child.training = mode


@contextmanager
def scope_of(layer: Any) -> Iterator[None]:
    """Opens the name scope of a layer, unless it is the innermost open one already."""
    if thread.scopes and thread.scopes[-1] is layer:
        yield
        return
    thread.scopes.append(layer)
    try:
        with naming.layer_scope(layer.name):
            yield
    finally:
        thread.scopes.pop()


@contextmanager
def building(layer: Any) -> Iterator[None]:
    """Opens the name scope of a layer that gets weights or members inside the block."""
    layer.__dict__["_building"] = depth = layer.__dict__.get("_building", 0) + 1
    try:
        with scope_of(layer):
            yield
    finally:
        layer.__dict__["_building"] = depth - 1


def tracking_build(build: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a `build` that notes the shape and that the layer is built, as Keras does for every one."""

    @functools.wraps(build)
    def tracked(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.__dict__["_build_shape"] is None:
            shape = args[0] if args else next(iter(kwargs.values()), None)
            self.__dict__["_build_shape"] = shape
        with scope_of(self) if _is_complete(self) else building(self):  # one that has its weights gets no others
            self.look_up_policy()
            build(self, *args, **kwargs)
        self.__dict__["built"] = True

    return tracked


def _is_complete(layer: Any) -> bool:
    """Returns whether an earlier `build` has ended that made the weights of a layer."""
    return bool(layer.built and layer._parameters and not layer.__dict__.get("_building"))


def is_built(model: torch.nn.Module) -> bool:
    """Returns whether a model and every layer in it have their weights."""
    return all(module.__dict__.get("built", True) for module in modules_in(model))
