"""What becomes of each name in a script that leads to Keras or TensorFlow."""

from __future__ import annotations

from typing import NamedTuple

import libcst as cst

import torchkeras_shim
from torchkeras_shim.compat.legacy import old_layers
from torchkeras_shim.compat.tf import names as tensorflow
from torchkeras_shim.core.dtypes import TORCH_DTYPES
from torchkeras_shim.porting import calls, counterparts, names
from torchkeras_shim.porting.arguments import Arguments
from torchkeras_shim.porting.scopes import Resolved, Scopes
from torchkeras_shim.porting.source import Source


class Reference(NamedTuple):
    """One use of a name.

    Attributes:
        found: What it leads to.
        call: The call that it is the function of, if it is.
        path: Where it is today, below Keras; `None` if nothing replaces it.
        counterpart: The function that takes its place with arguments of its own, if that is another one.
        text: The text that takes its place, if that is not a name.
        reason: Why nothing replaces it.
        template: How the whole call is written today, if that is not another name with arguments.
        is_old_layer: Whether it is a layer that Keras 3 does not have, or has with other arguments.
    """

    found: Resolved
    call: cst.Call | None
    path: str | None
    counterpart: counterparts.Counterpart | None = None
    text: str | None = None
    reason: str = ""
    is_old_layer: bool = False
    template: str | None = None

    @property
    def is_of_tensorflow(self) -> bool:
        """Whether it is TensorFlow's own."""
        return names.below(self.found.full) is None


class References(cst.CSTVisitor):
    """All uses of names in a script, those inside of arguments before the calls.

    Args:
        source: The script.
        scopes: Its names.
    """

    def __init__(self, source: Source, scopes: Scopes) -> None:
        self._source = source
        self._scopes = scopes
        self.all: list[Reference] = []
        source.module.visit(self)

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def leave_Name(self, original_node: cst.Name) -> None:
        self._note(original_node)

    def leave_Attribute(self, original_node: cst.Attribute) -> None:
        self._note(original_node)

    def _note(self, node: cst.Name | cst.Attribute) -> None:
        parent = self._source.parents.get(node)
        if isinstance(parent, cst.Attribute) or (isinstance(parent, cst.Arg) and parent.keyword is node):
            return
        if isinstance(parent, cst.Call) and parent.func is node:
            return  # `leave_Call` has it, after its arguments
        found = self._scopes.resolve(node)
        if found is not None:
            self.all.append(self._outcome(found, None))

    def leave_Call(self, original_node: cst.Call) -> None:
        found = self._scopes.resolve(original_node.func)
        if found is not None:
            self.all.append(self._outcome(found, original_node))

    def _outcome(self, found: Resolved, call: cst.Call | None) -> Reference:
        path = names.below(found.full)
        if path is None:
            return self._of_tensorflow(found, call)
        place, _, name = path.rpartition(".")
        if call is not None and names.module(place) == "layers" and name in old_layers.NAMES:
            return self._old_layer(found, call, name)
        today = names.today(path)
        if today is not None:
            return Reference(found, call, today.path)
        if names.module(place) == "backend":
            template = counterparts.TEMPLATES.get(name)
            if template is not None and call is not None and _is_plain(call, template.count("{}")):
                return Reference(found, call, path, template=template)
            other = counterparts.of_backend(name)
            if other is not None:
                return self._counterpart(found, call, other)
        constant = names.legacy(path)
        if isinstance(constant, str):  # `losses.Reduction.SUM`
            return Reference(found, call, None, text=f'"{constant}"')
        return Reference(found, call, None, reason=names.advice(found.full))

    def _of_tensorflow(self, found: Resolved, call: cst.Call | None) -> Reference:
        path = found.full.removeprefix("tensorflow").lstrip(".")
        if path in TORCH_DTYPES:
            if isinstance(self._source.parents.get(found.node), cst.Arg):
                return Reference(found, call, None, text=f'"{path}"')
            return Reference(found, call, None, reason=f"Write `torch.{path}`, which is what tensors have as `dtype`.")
        if path == "newaxis":
            return Reference(found, call, None, text="None")
        other = counterparts.of_tensorflow(path)
        if other is not None:
            return self._counterpart(found, call, other)
        place, _, name = path.rpartition(".")
        value = tensorflow.find(path) if place in names.ROOMS_OF_TENSORFLOW else None
        if value is not None and value is getattr(getattr(torchkeras_shim, place), name, None):
            return Reference(found, call, path)
        return Reference(found, call, None, reason=names.advice(found.full))

    def _counterpart(self, found: Resolved, call: cst.Call | None, other: counterparts.Counterpart) -> Reference:
        if call is None:
            name = other.path.rpartition(".")[2]
            if name in torchkeras_shim.activations.__all__:
                return Reference(found, None, f"activations.{name}")
            return Reference(found, None, None, reason=f"Write `keras.{other.path}`; its arguments have other names.")
        if other.path == "ops.shape" and not isinstance(self._source.parents.get(call), cst.Subscript):
            return Reference(found, call, None, reason="Write `keras.ops.shape(x)`: a tuple, not a tensor.")
        if not counterparts.fits(other, Arguments(self._source, call)):
            return Reference(found, call, None, reason=f"Write `keras.{other.path}(...)`; it has other arguments.")
        return Reference(found, call, other.path, counterpart=other)

    def _old_layer(self, found: Resolved, call: cst.Call, name: str) -> Reference:
        reason = ""
        try:
            with self._source.attempt(keep=False):
                made = calls.old_layer(name, Arguments(self._source, call))
        except calls.RefusedError as error:
            made, reason = None, f"Instead {error}"
        if made is None:
            today = names.today(names.below(found.full) or "") if not reason else None
            return Reference(found, call, None if today is None else today.path, reason=reason)
        return Reference(found, call, made[0], is_old_layer=True)


def _is_plain(call: cst.Call, count: int) -> bool:
    """Returns whether a call has just so many arguments, all by position."""
    return len(call.args) == count and not any(arg.star or arg.keyword for arg in call.args)
