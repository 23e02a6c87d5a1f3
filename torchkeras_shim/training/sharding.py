"""A model whose weights are cut over processes: torch's `fully_shard`, told of layers and variables."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from torchkeras_shim.core import sharded, tree
from torchkeras_shim.core.torch_private import base_of, may_be_inside, register_plainly
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.distribution.fully_sharded import FullySharded, axis_to_cut, can_be_cut
from torchkeras_shim.distribution.processes import Processes
from torchkeras_shim.layers.called import Flags
from torchkeras_shim.layers.casting import CastingTable
from torchkeras_shim.layers.tracking import Container
from torchkeras_shim.layers.weights import StructureVersion
from torchkeras_shim.training.units import members_of, units_of

#: A weight that was, and the one that is now.
Exchanged = dict[int, tuple[Any, torch.Tensor]]


def shard(model: Any, processes: Processes, distribution: FullySharded) -> None:
    """Cuts a model's weights over the processes, layer by layer, if that has not been done.

    All processes get those of the first one.

    Args:
        model: The model; it is built.
        processes: All processes.
        distribution: How the weights are gathered.
    """
    kept = set(kept_whole(model))
    first = None
    for weight in model.parameters():  # one after the other: there need never be two copies of a model
        if weight in kept or not _is_fresh(weight):
            continue
        first = weight
        if not sharded.is_waiting(weight):
            processes.spread([weight])
            if not weight.is_contiguous():  # as `fully_shard` wants them; kernels of convolutions are not
                weight.data = weight.data.contiguous()
    if first is None:
        return
    mesh = distribution.mesh_of(processes, first)
    units = [*units_of(model, distribution.units), model]
    own = set(map(id, units))
    optimizers = [optimizer for module in model.modules() if (optimizer := _built_optimizer(module)) is not None]
    exchanged: Exchanged = {}
    for module in model.modules():
        if module in _units:
            may_be_inside(module)
    for unit in units:
        places = [
            (module, key, weight)
            for module in members_of(unit, own)
            for key, weight in module._parameters.items()
            if weight is not None and weight not in kept and _is_fresh(weight)
        ]
        if not places and (unit is not model or unit in _units):
            continue
        found = _cut(unit, places, mesh, kept, processes.count)
        if optimizers:  # the weights that were stay alive until nobody looks for them
            exchanged |= found
    for optimizer in optimizers:
        optimizer.exchange(exchanged)
    for module in model.modules():
        if getattr(module, "_calls_members", False):
            module.__dict__.update(_is_cut=True, __deepcopy__=_refuse_copy, _apply=_refuse_move)
    StructureVersion.bump()


def _built_optimizer(module: Any) -> Any:
    optimizer = getattr(module, "optimizer", None)
    return optimizer if getattr(optimizer, "built", False) else None


def _is_fresh(weight: torch.Tensor) -> bool:
    """Returns whether no layer is told yet to gather a weight that can be cut."""
    return sharded.is_waiting(weight) or (not sharded.is_sharded(weight) and can_be_cut(weight))


def _cut(unit: Any, places: list[tuple[Any, str, Any]], mesh: Any, kept: set[Any], count: int) -> Exchanged:
    """Lets torch gather and cut one layer's weights."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
    from torch.distributed.tensor import Shard

    from torchkeras_shim.distribution import waiting  # DTensor, a second

    names = [_nothing_but_names(weight) for _, _, weight in places]
    options: dict[str, Any] = {}
    half = _gathered_type(places)
    if half is not None:
        options["mp_policy"] = MixedPrecisionPolicy(half, torch.float32, cast_forward_inputs=False)
    for module, _, _ in places:
        register_plainly(module)
    gathered: dict[int, Any] = {}
    for module, key, weight in places:
        if sharded.is_waiting(weight):
            if id(weight) not in gathered:
                gathered[id(weight)] = waiting.whole_again(weight)
            dict.__setitem__(module._parameters, key, gathered[id(weight)])
    gathered.clear()
    _units[unit] = _Unit(
        unit,
        [(module, key) for module, key, _ in places],
        names,
        lambda: fully_shard(
            unit,
            mesh=mesh,
            reshard_after_forward=True,  # whoever looks at weights between steps meets those that are cut
            shard_placement_fn=lambda weight: Shard(axis_to_cut(weight, count)),
            ignored_params=kept,
            **options,
        ),
    )
    exchanged: Exchanged = {}
    for (module, key, weight), like in zip(places, names, strict=True):
        now: Any = dict.__getitem__(module._parameters, key)
        if like is not None and not isinstance(now, Variable):
            sharded.sharded_variable(now, like=like)
        exchanged[id(weight)] = (weight, now)
    return exchanged


def _nothing_but_names(weight: torch.Tensor) -> Variable | None:
    """Returns a variable with the name and settings of another one, and without its memory; `None` if it has none."""
    return Variable.wrap(torch.empty(0, dtype=weight.dtype), like=weight) if isinstance(weight, Variable) else None


def _gathered_type(places: Sequence[tuple[Any, str, Any]]) -> torch.dtype | None:
    """Returns the half type that layers compute in with all of some weights; `None` if that is not so.

    Each layer casts its weights to that type before anything else, so that they may be cast before they are sent.
    """
    types = {
        module._parameters.dtype
        if isinstance(module._parameters, CastingTable) and getattr(weight, "_autocast", False)
        else None
        for module, _, weight in places
    }
    return types.pop() if len(types) == 1 else None


_USED_ELSEWHERE = (
    "A layer or model computes with a weight of another layer, `self.embedding.embeddings` for instance, without "
    "calling that layer. Under `FullySharded` a weight is whole only while the layer that is gathered with it runs. "
    "Say which layers are gathered by themselves, and leave that one out, so that it is gathered with the model:\n"
    "    keras.distribution.FullySharded(units=lambda layer: isinstance(layer, TransformerBlock))"
)


@contextmanager
def whole_steps(model: torch.nn.Module) -> Iterator[None]:
    """Makes a model usable again if an error or Ctrl-C ends a step in the middle of a `with` block."""
    try:
        yield
    except BaseException as error:
        if model in _units:
            _units[model].forget_step()
            if "mixed torch.Tensor and DTensor" in str(error):
                raise RuntimeError(_USED_ELSEWHERE) from error
        raise


def _refuse_copy(memo: Any) -> Any:
    raise NotImplementedError(
        "A model whose weights are cut over processes cannot be copied. Write `keras.models.clone_model(model)`, and "
        "`copy.set_weights(model.get_weights())` in all processes."
    )


def _refuse_move(fn: Any, recurse: bool = True) -> Any:
    raise NotImplementedError(
        "A model whose weights are cut over processes cannot be moved or cast by `to`, `half`, `double` or `cpu`. "
        "Do that before the first `fit`, or give layers another `dtype`."
    )


@contextmanager
def weighed(share: float) -> Iterator[None]:
    """Multiplies the gradients that are made in a `with` block, before they are added up over the processes."""
    _Unit.share, _Unit.handles = share, []
    try:
        yield
    finally:
        _Unit.share = None
        for handle in _Unit.handles:
            handle.remove()


def kept_whole(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Returns the weights that no layer gathers: every process has them whole, or each use gathers them by itself.

    They are those in lists of weights, single numbers, whole numbers, and what is overwritten with its gradient.
    """
    found = [
        weight
        for module in model.modules()
        for weight in module._parameters.values()
        if weight is not None and (isinstance(module, Container) or not can_be_cut(weight))
    ]
    return list(dict.fromkeys(found))


class _Unit:
    """A module whose weights are gathered together: what happens around its forward pass beside torch's hooks.

    - The gathered weights have the names that their variables have.
    - Masks stay with inputs, in whose places torch's hook puts tensors of its own.
    - Outputs are tensors of their own: torch's hooks on views are lost where something changes them in place.
    - Logits that ride on probabilities count as outputs: a cross-entropy goes back through them, and torch has to
      gather the weights before that too.

    Args:
        module: The module. Its class, which torch replaces, stays what it is.
        places: Where its weights are: the modules and the keys there.
        names: Variables with the names that gathered weights are to have.
        fully_shard: Cuts them.
    """

    #: What gradients are multiplied by, if by anything, and the hooks that do so.
    share: float | None = None
    handles: list[Any]

    def __init__(
        self,
        module: torch.nn.Module,
        places: Sequence[tuple[torch.nn.Module, str]],
        names: Sequence[Variable | None],
        fully_shard: Callable[[], Any],
    ) -> None:
        kind = type(module)
        fully_shard()
        made: Any = module
        made.set_gradient_divide_factor(1.0)  # losses are shares: gradients are added
        made.set_force_sum_reduction_for_comms(True)
        self._of_torch = type(module)
        module.__class__ = kind
        self._places, self._names = places, names
        self._module = weakref.ref(module)
        self._masks: list[Any] = []
        self._shows_logits = False
        module.register_forward_pre_hook(self._before, prepend=True, with_kwargs=True)
        module.register_forward_pre_hook(self._after, with_kwargs=True)
        module.register_forward_hook(self._apart, prepend=True)
        module.register_forward_hook(self._together)

    def _before(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        if Flags.masks:
            self._masks = [getattr(leaf, "_keras_mask", None) for leaf in tree.flatten((args, kwargs))]

    def _after(self, module: torch.nn.Module, args: Any, kwargs: Any) -> None:
        if self._names:
            for (one, key), like in zip(self._places, self._names, strict=True):
                if like is not None:
                    sharded.whole_variable(dict.__getitem__(one._parameters, key), like)
            self._names = []  # torch fills the same tensors in each step
        if self._masks:
            for leaf, mask in zip(tree.flatten((args, kwargs)), self._masks, strict=True):
                if mask is not None:
                    leaf._keras_mask = mask
            self._masks = []
        if _Unit.share is not None:
            for one, key in self._places:
                weight: Any = dict.__getitem__(one._parameters, key)
                if weight.requires_grad:
                    share = _Unit.share
                    _Unit.handles.append(weight.register_hook(lambda gradient: gradient * share))  # noqa: B023

    def _apart(self, module: torch.nn.Module, args: Any, outputs: Any) -> Any:
        """Returns outputs of which none is a view of another tensor, with the logits that ride on them beside them."""
        self._shows_logits = False
        if not torch.is_grad_enabled():
            return None
        outputs = tree.map_structure(_own_tensor, outputs)
        logits = [_own_tensor(getattr(leaf, "_keras_logits", None)) for leaf in tree.flatten(outputs)]
        self._shows_logits = any(one is not None for one in logits)
        return (outputs, logits) if self._shows_logits else outputs

    def _together(self, module: torch.nn.Module, args: Any, outputs: Any) -> Any:
        """Returns the outputs with their logits on them again."""
        if not self._shows_logits:
            return None
        outputs, logits = outputs
        for leaf, one in zip(tree.flatten(outputs), logits, strict=True):
            if one is not None:
                leaf._keras_logits = one
        return outputs

    def forget_step(self) -> None:
        """Lets torch forget a step that was not ended."""
        module: Any = self._module()
        kind = type(module)
        module.__class__ = self._of_torch
        try:
            with suppress(AttributeError):  # no step has begun yet
                module.reset_iter_state()
        finally:
            module.__class__ = kind


def _own_tensor(leaf: Any) -> Any:
    if not isinstance(leaf, torch.Tensor) or not leaf.requires_grad or base_of(leaf) is leaf:
        return leaf
    copy: Any = leaf.clone()
    for name in ("_keras_mask", "_keras_logits"):
        if hasattr(leaf, name):
            setattr(copy, name, getattr(leaf, name))
    return copy


_units: weakref.WeakKeyDictionary[torch.nn.Module, _Unit] = weakref.WeakKeyDictionary()
