"""`CutTensor`: a tensor of which each process on the model axes of a mesh has a part.

It is torch's `DTensor`, on the axes of the mesh that batches are not cut along. Whatever is computed with it goes
through `__torch_function__`: plain tensors that meet it, which are the same in all these processes, are taken for
replicated ones, sums that lie in parts are added up at once, and a result that is whole is a plain tensor again. So
each value is either cut or plain, and all that is not cut runs as it does without a mesh.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.distributed.tensor import DTensor, Replicate

from torchkeras_shim.core.sharded import local, sharded_class, sharded_variable
from torchkeras_shim.core.torch_private import tree_map, without_subclasses
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.distribution.cut_rules import ON_WHOLE, RULES, lifted

_Tensor = torch.Tensor
_plainly = without_subclasses


class CutTensor(DTensor):
    """A tensor in parts; see the module's description."""

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in _ATTRIBUTES or function in _AS_THEY_ARE:
            with _plainly():
                return _seen(function(*args, **kwargs))
        if function in _ON_WHOLE:
            return function(*tree_map(whole, args), **tree_map(whole, kwargs))
        rule = RULES.get(function)
        if rule is not None:
            with _plainly():
                result = rule(*args, **kwargs)
                if result is not NotImplemented:
                    return _seen(result)
        return _run(function, name, args, kwargs)


class CutVariable(sharded_class(), CutTensor):  # type: ignore[misc]
    """A weight in parts, with Keras's names: layers compute with the parts."""

    __torch_function__ = CutTensor.__dict__["__torch_function__"]
    #: Whether layers compute with the part that is here.
    is_cut = True

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            part = local(self).clone(memory_format=torch.preserve_format)
            memo[id(self)] = _as_variable(part, self.device_mesh, self.placements, like=self)
        return memo[id(self)]


# Between whole and cut ------------------------------------------------------------------------------------------------


def whole(value: Any) -> Any:
    """Returns a tensor in parts as a plain one, the same in all processes; anything else as it is."""
    if not isinstance(value, CutTensor):
        return value
    with _plainly():
        return value.full_tensor()


def laid_out(tensor: torch.Tensor, mesh: Any, placements: Sequence[Any]) -> Any:
    """Returns a tensor, in parts or plain, cut in another way."""
    with _plainly():
        source = tensor if isinstance(tensor, DTensor) else lifted(tensor, mesh)
        return _seen(source.redistribute(placements=placements))


def cut_variable(variable: Variable, mesh: Any, placements: Sequence[Any]) -> Variable:
    """Returns the variable that has this process's part of a whole one, which is let go of."""
    with torch.no_grad():
        part = lifted(variable.detach(), mesh).redistribute(placements=placements)._local_tensor
        part = part.clone(memory_format=torch.preserve_format)  # a part of the whole's memory would keep it all
    made: Variable = _as_variable(part, mesh, placements, like=variable)
    return made


def _as_variable(part: torch.Tensor, mesh: Any, placements: Sequence[Any], like: Variable) -> Any:
    made: Any = sharded_variable(DTensor.from_local(part, mesh, placements, run_check=False), like=like)
    made.__class__ = CutVariable
    if made.is_floating_point():  # a gradient may come out cut in another way
        made.requires_grad_(True).register_hook(_Like(made.placements))
        made.requires_grad_(like.requires_grad)
    return made


class _Like:
    """Cuts a gradient as its weight is cut.

    Args:
        placements: How the weight is cut.
    """

    def __init__(self, placements: Any) -> None:
        self._placements = placements

    def __call__(self, gradient: Any) -> Any:
        return (
            gradient if gradient.placements == self._placements else gradient.redistribute(placements=self._placements)
        )


def _seen(value: Any) -> Any:
    """Returns a result as it is to be seen: whole ones are plain, sums in parts are added up."""
    if isinstance(value, (tuple, list)):
        return tree_map(_seen, value)
    if not isinstance(value, DTensor):
        return value
    placements = value.placements
    if any(placement.is_partial() for placement in placements):
        placements = tuple(Replicate() if placement.is_partial() else placement for placement in placements)
        value = value.redistribute(placements=placements)
    if all(placement.is_replicate() for placement in placements):
        return value.to_local()
    if type(value) is DTensor:
        value.__class__ = CutTensor
    return value


# What is computed -----------------------------------------------------------------------------------------------------


def _run(function: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Computes a function of tensors in parts by torch's rules; where it has none, of whole ones."""
    in_place = (name.endswith("_") and not name.endswith("__")) or name in _IN_PLACE or "out" in kwargs
    mesh = _mesh_of((args, kwargs))

    def lift(value: Any) -> Any:
        return lifted(value, mesh) if isinstance(value, _Tensor) else value

    try:
        with _plainly():
            result = _seen(function(*tree_map(lift, args), **tree_map(lift, kwargs)))
        return args[0] if in_place and "out" not in kwargs else result
    except (NotImplementedError, RuntimeError) as error:
        # All processes come here or none: it depends on how tensors are cut, not on what is in them.
        without_rule = isinstance(error, NotImplementedError) or any(word in str(error) for word in _OF_RULES)
        if not without_rule or (in_place and "out" in kwargs):
            raise
        if isinstance(error, NotImplementedError) and not in_place:
            _ON_WHOLE.add(function)
    if in_place and isinstance(args[0], DTensor):
        changed = whole(args[0]).clone()
        function(changed, *tree_map(whole, args[1:]), **tree_map(whole, kwargs))
        return args[0].copy_(changed)
    return function(*tree_map(whole, args), **tree_map(whole, kwargs))


def _mesh_of(values: Any) -> Any:
    found: list[Any] = []
    tree_map(lambda value: found.append(value.device_mesh) if isinstance(value, DTensor) else None, values)
    return found[0]


#: What the names of getters and setters are.
_ATTRIBUTES = {"__get__", "__set__", "__delete__"}
#: What torch says if it cannot compute something in parts.
_OF_RULES = ("harding", "sharded", "DTensor", "redistribut")
#: Functions that work on graphs and hooks of tensors, not on values.
_AS_THEY_ARE = {
    torch.autograd.grad,
    torch.autograd.backward,
    _Tensor.backward,
    _Tensor.register_hook,
    _Tensor.requires_grad_,
    _Tensor.retain_grad,
}
#: What is computed on whole tensors; grows by functions that turn out to have no rule.
_ON_WHOLE = {
    *ON_WHOLE,
    _Tensor.numpy,
    _Tensor.tolist,
    _Tensor.item,
    _Tensor.__array__,
    _Tensor.__float__,
    _Tensor.__int__,
    _Tensor.__bool__,
    _Tensor.__repr__,
    _Tensor.cpu,
    _Tensor.equal,
}
_IN_PLACE = {"__iadd__", "__isub__", "__imul__", "__itruediv__", "__setitem__"}
