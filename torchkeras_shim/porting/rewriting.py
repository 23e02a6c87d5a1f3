"""Old spellings of a script as those of today, and its Keras or TensorFlow as this library."""

from __future__ import annotations

import re
from typing import NamedTuple

import libcst as cst

from torchkeras_shim.compat.legacy import logs
from torchkeras_shim.optimizers import Optimizer
from torchkeras_shim.porting import calls, counterparts, names
from torchkeras_shim.porting.arguments import Arguments
from torchkeras_shim.porting.bindings import Bindings
from torchkeras_shim.porting.references import Reference, References
from torchkeras_shim.porting.scopes import Scopes
from torchkeras_shim.porting.source import Note, Source, dotted, shortened

__all__ = ["Rewritten", "modernize", "port"]


class Rewritten(NamedTuple):
    """A script after its change.

    Attributes:
        code: The script, as for its file.
        changed: What was changed, by line of the script as it was.
        left: What a person has to look at, by line.
    """

    code: bytes
    changed: list[Note]
    left: list[Note]


def modernize(code: bytes, name: str = "the script") -> Rewritten:
    r"""Returns a script of Keras 1, Keras 2 or tf.keras with the spellings of Keras 3.

    Args:
        code: The script, as in its file.
        name: What it is called in messages.

    Raises:
        UnreadableScriptError: If it is not Python 3.

    Example:
        >>> modernize(b"from keras.layers.core import Dense\nDense(output_dim=3, init='uniform')  # one").code
        b"from keras.layers import Dense\nDense(units=3, kernel_initializer='random_uniform')  # one"
    """
    return _Rewriting(Source(code, name), to_library=False).run()


def port(code: bytes, name: str = "the script") -> Rewritten:
    r"""Returns a script of Keras or TensorFlow that imports this library.

    Args:
        code: The script, as in its file.
        name: What it is called in messages.

    Raises:
        UnreadableScriptError: If it is not Python 3.

    Example:
        >>> print(port(b"import tensorflow as tf\nx = tf.keras.ops.ones(3)\ntf.reduce_mean(x)").code.decode())
        import torchkeras_shim as keras
        x = keras.ops.ones(3)
        keras.ops.mean(x)
    """
    return _Rewriting(Source(code, name), to_library=True).run()


class _Rewriting(cst.CSTVisitor):
    def __init__(self, source: Source, to_library: bool) -> None:
        self._source = source
        self._to_library = to_library
        self._scopes = Scopes(source)
        references = References(source, self._scopes).all
        if not to_library:
            references = [one for one in references if not one.is_of_tensorflow]
        self._references = {id(one.call or one.found.node): one for one in references}
        self._bindings = Bindings(source, self._scopes, references, to_library)
        self._changed: list[Note] = []
        self._left: list[Note] = []
        self._short_names = _has_short_metric_names(source.module)

    def run(self) -> Rewritten:
        """Makes all changes."""
        self._source.module.visit(self)
        self._changed += self._bindings.write()
        code = self._source.result()
        return Rewritten(code, sorted(set(self._changed)), sorted(set(self._left)))

    def _note(self, node: cst.CSTNode, old: str, new: str) -> None:
        if old != new:
            self._changed.append(Note(self._source.line(node), f"{shortened(old)} -> {shortened(new)}"))

    def _leave(self, node: cst.CSTNode, what: str, reason: str) -> None:
        self._left.append(Note(self._source.line(node), f"{what}: {reason}" if reason else what))

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    # Names -----------------------------------------------------------------------------------------------------------

    def leave_Name(self, original_node: cst.Name) -> None:
        self._name(original_node)

    def leave_Attribute(self, original_node: cst.Attribute) -> None:
        self._name(original_node)
        if original_node.attr.value == "lr" and self._scopes.kind(original_node.value) is Optimizer:
            self._source.replace(original_node.attr, "learning_rate")
            self._note(original_node, ".lr", ".learning_rate")

    def _name(self, node: cst.Name | cst.Attribute) -> None:
        one = self._references.get(id(node))
        if one is not None and one.call is None:
            self._write(one)

    def _write(self, one: Reference) -> None:
        """Writes what a name is today."""
        node, old = one.found.node, self._source.original(*self._source.span(one.found.node))
        imported = one.found.imported[0]
        if one.text is not None:
            self._source.replace(node, one.text)
            self._note(node, old, one.text)
            return
        if one.path is None:
            self._write_left(one, old)
            return
        if self._bindings.stays(imported) and one.counterpart is None and not one.is_of_tensorflow:
            return  # the module that it is taken from stays, and has it
        new = self._today(one)
        if new != old:
            self._source.replace(node, new)
            self._note(node, old, new)

    def _today(self, one: Reference) -> str:
        """Returns how the script says what a name is today: by what it says it by, as far as that leads there."""
        imported = one.found.imported[0]
        binding = self._bindings.of(imported)
        bound = names.below(binding.full) if binding.full else None
        path = one.path or ""
        if imported.local == one.found.base.value and bound is not None:
            if path == bound:
                return binding.local
            if not bound or path.startswith(f"{bound}."):
                return f"{binding.local}.{path[len(bound) :].lstrip('.')}"
        if imported.alias is None and not path.count(".") > 1 and one.counterpart is None and bound is not None:
            return path.rpartition(".")[2]  # of `from keras.layers import *`
        if not self._to_library and binding.full == "tensorflow":
            return f"{binding.local}.keras.{path}".rstrip(".")
        if not path:
            return self._bindings.name_of("x")[:-2]
        return self._bindings.name_of(path)

    def _write_left(self, one: Reference, old: str) -> None:
        self._leave(one.found.node, one.found.full, one.reason)
        imported = one.found.imported[0]
        is_root = names.below(imported.full) == ""
        if self._to_library and is_root and not self._bindings.stays(imported) and one.found.full != imported.full:
            self._source.replace(one.found.node, self._bindings.name_of_left(one.found.full))

    # Calls -----------------------------------------------------------------------------------------------------------

    def leave_Call(self, original_node: cst.Call) -> None:
        one = self._references.get(id(original_node))
        if one is not None:
            self._call(original_node, one)
        elif isinstance(original_node.func, cst.Attribute):
            self._method(original_node, original_node.func)

    def _call(self, node: cst.Call, one: Reference) -> None:
        if one.template is not None:
            self._write_template(node, one.template)
            return
        arguments = Arguments(self._source, node)
        name = one.found.full.rpartition(".")[2]
        try:
            with self._source.attempt():
                changed = self._rewrite_arguments(one, arguments)
                arguments.finish()
        except calls.RefusedError as error:
            self._leave(node, f"{name}(...)", str(error))
            changed = []
        self._write(one)
        if changed:
            self._note(node, f"{name}({', '.join(changed)})", self._source.text(node))

    def _write_template(self, node: cst.Call, template: str) -> None:
        """Writes a call as a template says."""
        old = self._source.original(*self._source.span(node))
        text = re.sub(r"<([a-z_.]+)>", lambda found: self._bindings.name_of(found[1]), template)
        pieces = text.split("{}")
        operands = [
            self._operand(arg.value) if piece.startswith(".") else self._source.text(arg.value)
            for arg, piece in zip(node.args, pieces[1:], strict=True)
        ]
        text = "".join([pieces[0], *(f"{operand}{piece}" for operand, piece in zip(operands, pieces[1:], strict=True))])
        self._source.replace(node, text)
        self._note(node, old, text)

    def _operand(self, node: cst.BaseExpression) -> str:
        """Returns the text of an argument, in parentheses if an attribute cannot follow it."""
        text = self._source.text(node)
        plain = isinstance(node, (cst.Name, cst.Attribute, cst.Call, cst.Subscript)) or node.lpar
        return text if plain else f"({text})"

    def _rewrite_arguments(self, one: Reference, arguments: Arguments) -> list[str]:
        if one.path is None or (one.is_of_tensorflow and one.counterpart is None):
            return []
        if one.counterpart is not None:
            counterparts.adapt(one.counterpart, arguments)
            return []
        name = one.found.full.rpartition(".")[2]
        if one.is_old_layer:
            made = calls.old_layer(name, arguments)
            return [] if made is None else made[1]
        found = names.today(one.path)
        return [] if found is None else calls.rewrite_keywords(found, arguments, self._bindings.name_of)

    def _method(self, node: cst.Call, func: cst.Attribute) -> None:
        chain = dotted(func)
        if chain and self._is_of_others(chain[0]):
            return
        arguments = Arguments(self._source, node)
        old, kind = func.attr.value, self._scopes.kind(func.value)
        if kind is None and self._scopes.defines(old):
            return  # it may be the script's own
        try:
            with self._source.attempt():
                found = calls.method(old, kind, arguments)
                arguments.finish()
        except calls.RefusedError as error:
            self._leave(node, f".{old}(...)", str(error))
            return
        if found is None:
            return
        new, changed = found
        if new != old:
            self._source.replace(func.attr, new)
        self._note(node, f".{old}({', '.join(changed)})", f".{new}({self._source.text(node).rpartition(f'.{new}(')[2]}")

    def _is_of_others(self, name: cst.Name) -> bool:
        """Returns whether a name is a module that is imported and is not Keras's."""
        return any(one.local == name.value and not one.is_ours for one in self._scopes.imports)

    # Results ---------------------------------------------------------------------------------------------------------

    def leave_Subscript(self, original_node: cst.Subscript) -> None:
        if self._scopes.kind(original_node.value) is not dict and not _ends_in_history(original_node.value):
            return
        key = calls.result_key(original_node)
        if key is None:
            return
        if key != "lr" and self._short_names:
            self._leave(original_node, f'["{key}"]', 'the results are called after `metrics=["acc"]`, so they stay.')
            return
        calls.rewrite_result(self._source, original_node)
        self._note(original_node, f'["{key}"]', f'["{logs.TODAY[key]}"]')


def _ends_in_history(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Attribute) and node.attr.value == "history"


class _ShortNames(cst.CSTVisitor):
    def __init__(self) -> None:
        self.found = False

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None and node.keyword.value == "metrics":
            self.found = self.found or bool(_Texts.of(node.value) & {"acc"})


class _Texts(cst.CSTVisitor):
    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        self.found.add(str(node.evaluated_value))

    @staticmethod
    def of(node: cst.CSTNode) -> set[str]:
        visitor = _Texts()
        node.visit(visitor)
        return visitor.found


def _has_short_metric_names(module: cst.Module) -> bool:
    """Returns whether a script asks for the metric `"acc"`, whose results have that name."""
    visitor = _ShortNames()
    module.visit(visitor)
    return visitor.found
