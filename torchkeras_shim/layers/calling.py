"""What happens around a layer's `call` off the fast path: conversion, building, modes, masks, errors."""

from __future__ import annotations

import inspect
import itertools
import threading
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes, naming, symbolic, tree, turns
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.core.tables import PUBLIC_NAMES
from torchkeras_shim.core.text import StringTensor, as_strings, is_text
from torchkeras_shim.layers import casting, inference
from torchkeras_shim.layers.input_spec import align_rank, assert_input_compatibility

if TYPE_CHECKING:
    from torchkeras_shim.layers.base import Layer

_module_call = torch.nn.Module.__call__
_Tensor = torch.Tensor
_SHAPED = (torch.Tensor, KerasTensor, StringTensor, RaggedTensor)


class Flags:
    """What the fast way must know of all layers of the process. Plain class attributes: read on every call."""

    #: Whether any tensor has ever carried a mask; until then nobody looks for one.
    masks = False
    #: Grows with every layer that calls `add_loss` for the first time.
    adders = 0


class _Thread(threading.local):
    """The open calls of one thread."""

    def __init__(self) -> None:
        self.depth = 0  # how many layers' general calls are open
        self.scopes: list[Any] = []  # the layers that are being built or called for the first time


thread = _Thread()
#: The layers that have called `add_loss`: they, and the models they are in, always go the general way.
_adders: weakref.WeakSet[Any] = weakref.WeakSet()


def note_adder(layer: Layer) -> None:
    """Notes that a layer adds losses while it runs."""
    if layer not in _adders:
        _adders.add(layer)
        Flags.adders += 1
        layer.__dict__["_seen_ndim"] = -1


def adders_in(module: torch.nn.Module) -> list[Any]:
    """Returns the layers of a module that add losses while they run."""
    return [child for child in module.modules() if child in _adders] if Flags.adders else []


def is_running(layer: Any) -> bool:
    """Tells whether a layer is in its first call: built, and past its `build`."""
    return (
        bool(thread.scopes)
        and layer.__dict__.get("built", False)
        and not layer.__dict__.get("_building")
        and any(scope is layer for scope in thread.scopes)
    )


def torch_dtype(name: str) -> torch.dtype:
    """Returns torch's type for Keras's name."""
    return dtypes.to_torch_dtype(name)


def call_layer(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Calls a layer the general way."""
    training = kwargs.pop("training", None)
    if symbolic.is_symbolic(args) or symbolic.is_symbolic(kwargs):
        return _call_symbolic(layer, args, kwargs if training is None else {**kwargs, "training": training})
    given = args
    args, kwargs = _convert(layer, args, kwargs)
    first = args[0] if args else next(iter(kwargs.values()), None)
    args, kwargs, masks = _hand_on_masks(layer, args, kwargs)
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
    carried = Flags.masks and _is_masked(masks)
    masked = (layer.supports_masking or carried) and _set_mask(layer, first, outputs, masks)
    # An input that was only cast may come the fast way too, where the layer's `forward` casts as well.
    plain = (
        len(args) == 1 and not kwargs and (given[0] is first or (type(given[0]) is _Tensor and casting.armed(layer)))
    )
    if plain and type(first) is _Tensor and not (masked and not carried) and layer not in _adders:
        layer.__dict__["_seen_ndim"] = first.ndim
        layer.__dict__["_seen_dtype"] = given[0].dtype
    return outputs


def _call_symbolic(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    layer._call_spec.check_keywords(kwargs, layer)
    if kwargs.get("training") is not None and kwargs["training"] == layer._call_spec.training_default:
        # Keras writes the default into its configs, and lets `fit` and `predict` overrule it: the mode decides.
        kwargs = {key: value for key, value in kwargs.items() if key != "training"}
    first = args[0] if args else next(iter(kwargs.values()), None)
    known = {key: value for key, value in kwargs.items() if key != "training"}
    with scope_of(layer):
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


def build_for(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Builds a layer for the shapes of its arguments, if it is not built yet."""
    if layer.built:
        return
    parameters = list(inspect.signature(layer.build).parameters)
    named = dict(zip(layer._call_spec.positional, args, strict=False)) | kwargs
    shapes = {name: _shape_of(value) for name, value in named.items()}
    with scope_of(layer), _explained_structure(layer, next(iter(shapes.values()), None)):
        if len(parameters) > 1 or (parameters and parameters[0] in {f"{name}_shape" for name in shapes}):
            layer.build(**{f"{name}_shape": shape for name, shape in shapes.items() if f"{name}_shape" in parameters})
        elif parameters:
            layer.build(next((shape for shape in shapes.values() if shape is not None), None))
        else:
            layer.build()  # type: ignore[call-arg]
    inference.adopt(layer)
    _warn_of_stray(layer)


@contextmanager
def _explained_structure(layer: Layer, shape: Any) -> Iterator[None]:
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


def _warn_of_stray(layer: Layer) -> None:
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


def _convert(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Turns arrays into tensors on the layer's device and casts floats to the layer's compute type."""
    dtype = layer._compute_dtype if layer.autocast else None
    fixed = layer._input_cast  # a model with a declared input casts whatever comes to that type
    rank = layer._input_rank

    def convert(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            if isinstance(leaf, (StringTensor, RaggedTensor)):
                return _convert_text(layer, leaf, rank)
            if not hasattr(leaf, "__array__"):
                return leaf
            array = np.asarray(leaf)
            if array.dtype.kind not in "biufc":
                return _convert_text(layer, array, rank)
            leaf = torch.as_tensor(_writable(array), device=device_of(layer))
        if rank is not None and leaf.ndim != rank:
            leaf = align_rank(leaf, rank)
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
        key: value if key == "mask" and rank is not None else tree.map_structure(convert, value)
        for key, value in kwargs.items()
    }
    return tuple(tree.map_structure(convert, argument) for argument in args), converted


def _convert_text(layer: Layer, value: Any, rank: int | None) -> Any:
    """Returns text, or ragged rows, in the form that layers get it in, if the layer is not known to compute only."""
    if isinstance(value, RaggedTensor) and any(getattr(one, "_takes_ragged", False) for one in layer.modules()):
        return value
    if takes_text(layer) and (isinstance(value, (StringTensor, RaggedTensor)) or is_text(value)):
        value = value if isinstance(value, RaggedTensor) else as_strings(value)
        return align_rank(value, rank) if rank is not None and value.ndim != rank else value
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


def device_of(module: torch.nn.Module) -> torch.device:
    """Returns where a module's weights are, or the default device if it has none."""
    first = next(itertools.chain(module.parameters(), module.buffers()), None)
    return devices.default_device() if first is None else first.device


@contextmanager
def in_mode(module: torch.nn.Module, training: Any) -> Iterator[None]:
    """Runs a block with a module in training or inference mode, and puts every module's own mode back."""
    if training is None or all(child.training == bool(training) for child in module.modules()):
        yield
        return
    with turns.visit(module) or nullcontext():  # a loop's layers are switched between two of its batches only
        saved = [(child, child.training) for child in module.modules()]
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
        with naming.name_scope(layer.name):
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


# Masks --------------------------------------------------------------------------------------------------------------


def _hand_on_masks(
    layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Hands the masks that ride on the arguments to `call`, if it takes them.

    Returns:
        The arguments, and what `compute_mask` gets: the given `mask`, or the masks of the first argument.
    """
    spec = layer._call_spec
    if "mask" in kwargs and spec.masks_ride:
        args, kwargs = _mount(args, {**kwargs}, kwargs["mask"])
    nested = bool(args) and type(args[0]) is not _Tensor
    if not Flags.masks and not (nested and (spec.has_mask or layer.supports_masking)):
        return args, kwargs, kwargs.get("mask")
    first = args[0] if args else next(iter(kwargs.values()), None)
    masks = _masks_of(first)
    if spec.mask_names and not spec.masks_ride:
        named = dict(zip(spec.positional, args, strict=False)) | kwargs
        tensors = [name for name, value in named.items() if _holds_tensors(value)]
        if len(tensors) > 1 and not layer._mask_is_of_first:  # `mask` would not say whose it is
            for name in tensors:
                if f"{name}_mask" in spec.mask_names and named.get(f"{name}_mask") is None:
                    kwargs[f"{name}_mask"] = _masks_of(named[name])
        elif spec.has_mask and masks is not None and named.get("mask") is None:  # without one the fast way stays open
            kwargs["mask"] = masks
        if kwargs.get("mask") is not None:
            masks = kwargs["mask"]
    return args, kwargs, masks


def _masks_of(value: Any) -> Any:
    """Returns the masks that ride on tensors, in the structure of these."""
    if isinstance(value, torch.Tensor):
        return getattr(value, "_keras_mask", None)
    return tree.map_structure(lambda leaf: getattr(leaf, "_keras_mask", None), value)


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, torch.Tensor) or any(isinstance(leaf, torch.Tensor) for leaf in tree.flatten(value))


def _is_masked(masks: Any) -> bool:
    return masks is not None and any(mask is not None for mask in tree.flatten(masks))


def _mount(args: tuple[Any, ...], kwargs: dict[str, Any], mask: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Puts a given mask on the first argument, for a model whose members find it there."""
    del kwargs["mask"]
    if not _is_masked(mask):
        return args, kwargs
    masks = iter(tree.flatten(mask))

    def ride(leaf: Any) -> Any:
        mask = next(masks, None)
        if mask is None or not isinstance(leaf, torch.Tensor):
            return leaf
        leaf = leaf.view_as(leaf)  # the caller's own tensor shall carry no mask afterwards
        leaf._keras_mask = torch.as_tensor(mask, device=leaf.device)
        return leaf

    Flags.masks = True
    if args:
        return (tree.map_structure(ride, args[0]), *args[1:]), kwargs
    name = next(iter(kwargs))
    return args, {**kwargs, name: tree.map_structure(ride, kwargs[name])}


def _set_mask(layer: Layer, inputs: Any, outputs: Any, masks: Any) -> bool:
    """Attaches the mask of the outputs to them. Returns whether there is one."""
    flat_outputs = tree.flatten(outputs)
    own = [getattr(output, "_keras_mask", None) is not None for output in flat_outputs]
    if all(own):  # the call has seen to it
        return True
    if not layer.supports_masking:
        if not layer._call_spec.masks_ride:  # the members of a model speak for themselves
            warnings.warn(
                f"Layer '{layer.name}' (of type {type(layer).__name__}) was passed an input with a mask attached to "
                "it. However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask.",
                stacklevel=5,
            )
        return any(own)
    masked = any(own)
    for output, mask, has_one in zip(flat_outputs, tree.flatten(layer.compute_mask(inputs, masks)), own, strict=False):
        if mask is not None and not has_one and isinstance(output, torch.Tensor):
            output._keras_mask = mask  # type: ignore[attr-defined]
            masked = Flags.masks = True
    return masked


# Errors -------------------------------------------------------------------------------------------------------------


def explain(layer: Any, args: tuple[Any, ...], error: Exception, name: str | None = None) -> None:
    """Adds the layer, its weights and the input's shape to an error of torch's, or raises Keras's error instead.

    Raises:
        ValueError: where the input does not fit the layer's `input_spec`.
    """
    if getattr(error, "_explained", False) or type(error) not in (RuntimeError, IndexError):
        return
    name = name or getattr(layer, "name", type(layer).__name__)
    if hasattr(layer, "failing_member"):
        name, layer, args = layer.failing_member(args)
    if args:
        try:
            assert_input_compatibility(getattr(layer, "input_spec", None), args[0], layer)
        except ValueError as incompatible:
            raise incompatible from error
    weights = {name: tuple(parameter.shape) for name, parameter in layer.named_parameters()}
    shapes = tree.map_structure(lambda leaf: tuple(leaf.shape) if hasattr(leaf, "shape") else leaf, list(args))
    error.args = (
        f"{error}\n\nThis came up in layer '{name}' ({type(layer).__name__}) for inputs of shape "
        f"{shapes[0] if len(shapes) == 1 else shapes}. Its weights: {weights or 'none'}."
        f"{_convention_hint(layer, args)}",
    )
    error._explained = True  # type: ignore[attr-defined]


def _convention_hint(layer: Any, args: tuple[Any, ...]) -> str:
    """Recognises images that a Keras layer made channels-last and a torch convolution reads channels-first."""
    wanted = getattr(layer, "in_channels", None)
    shape = tuple(getattr(args[0], "shape", ())) if args else ()
    if wanted is None or len(shape) < 3 or shape[-1] != wanted or shape[1] == wanted:
        return ""
    rank = len(shape) - 2
    order = ", ".join(map(str, (rank + 1, *range(1, rank + 1))))
    return (
        f" The data are channels-last, as Keras layers make them; {type(layer).__name__} reads channels-first. "
        f"Put `keras.layers.Permute(({order}))` before it, or give the Keras layers data_format='channels_first'."
    )
