"""How the masks that ride on tensors get into a layer's `call`, and onto what it returns."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.layers.called import Called, Flags

_Tensor = torch.Tensor


def hand_on(
    layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]
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


def is_masked(masks: Any) -> bool:
    """Returns whether any of some masks is there."""
    return masks is not None and any(mask is not None for mask in tree.flatten(masks))


def _mount(args: tuple[Any, ...], kwargs: dict[str, Any], mask: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Puts a given mask on the first argument, for a model whose members find it there."""
    del kwargs["mask"]
    if args:
        return (carrying(args[0], mask), *args[1:]), kwargs
    name = next(iter(kwargs))
    return args, {**kwargs, name: carrying(kwargs[name], mask)}


def carrying(inputs: Any, mask: Any) -> Any:
    """Returns inputs that carry masks: those of one tensor, or of each in the structure. The caller's carry none."""
    if not is_masked(mask):
        return inputs
    masks = iter(tree.flatten(mask))

    def ride(leaf: Any) -> Any:
        mask = next(masks, None)
        if mask is None or not isinstance(leaf, torch.Tensor):
            return leaf
        leaf = leaf.view_as(leaf)
        leaf._keras_mask = torch.as_tensor(mask, device=leaf.device)
        return leaf

    Flags.masks = True
    return tree.map_structure(ride, inputs)


def attach(layer: Called, inputs: Any, outputs: Any, masks: Any) -> bool:
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
