"""Which names of a script are Keras's or TensorFlow's, and what its variables hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import libcst as cst
from libcst.metadata import BuiltinAssignment, ImportAssignment

from torchkeras_shim.callbacks import History
from torchkeras_shim.layers import Layer
from torchkeras_shim.metrics import Metric
from torchkeras_shim.models import Model
from torchkeras_shim.optimizers import Optimizer
from torchkeras_shim.porting import names
from torchkeras_shim.porting.source import Source, dotted, joined

#: What is of interest of a value: the first class that it is an instance of.
KINDS = (Model, Optimizer, Metric, Layer)


class Imported(NamedTuple):
    """A name that an import binds.

    Attributes:
        statement: The import.
        alias: The part of it that binds the name; `None` for a star.
        local: The name; `"*"` for a star.
        full: What it stands for: `"keras.layers"`.
    """

    statement: cst.Import | cst.ImportFrom
    alias: cst.ImportAlias | None
    local: str
    full: str

    @property
    def is_ours(self) -> bool:
        """Whether it is Keras's or TensorFlow's."""
        return self.full.partition(".")[0] in ("keras", "tensorflow", names.LIBRARY)


class Resolved(NamedTuple):
    """A name with dots that leads to Keras or TensorFlow.

    Attributes:
        node: The whole expression.
        base: Its first name.
        imported: The imports that bind that; several if there is a choice.
        full: Its full name: `"keras.layers.Dense"`.
    """

    node: cst.BaseExpression
    base: cst.Name
    imported: tuple[Imported, ...]
    full: str


class _Collector(cst.CSTVisitor):
    def __init__(self) -> None:
        self.imports: list[Imported] = []
        self.values: dict[int, cst.BaseExpression] = {}  # of assigned names, by the name's node
        self.attributes: dict[str, list[cst.BaseExpression]] = defaultdict(
            list
        )  # of assigned attributes, by their text
        self.local_names: set[str] = set()
        self.functions: set[str] = set()

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            full = joined(dotted(alias.name) or [])
            local = alias.evaluated_alias or full.partition(".")[0]
            target = full if alias.asname else local
            self.imports.append(Imported(node, alias, local, target))
            self.local_names.add(local)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        module = joined(dotted(node.module) or [])
        if isinstance(node.names, cst.ImportStar):
            if not node.relative:
                self.imports.append(Imported(node, None, "*", module))
            return False
        for alias in node.names:
            local = alias.evaluated_alias or alias.evaluated_name
            self.local_names.add(local)
            if not node.relative:
                self.imports.append(Imported(node, alias, local, f"{module}.{alias.evaluated_name}"))
        return False

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.functions.add(node.name.value)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._note(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._note(node.target, node.value)

    def visit_WithItem(self, node: cst.WithItem) -> None:
        if node.asname is not None:
            self._note(node.asname.name, node.item)

    def _note(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        if isinstance(target, cst.Name):
            self.values[id(target)] = value
        elif isinstance(target, cst.Attribute) and dotted(target):
            self.attributes[joined(dotted(target) or [])].append(value)

    def visit_Name(self, node: cst.Name) -> None:
        self.local_names.add(node.value)


class Scopes:
    """The names of a script.

    Args:
        source: The script.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found = _Collector()
        source.module.visit(self._found)
        self.imports = self._found.imports
        self._by_place = {(id(one.statement), one.local): one for one in self.imports}
        self._stars = self._star_names()

    def is_free(self, name: str) -> bool:
        """Returns whether a script does not have a name at all."""
        return name not in self._found.local_names

    def defines(self, name: str) -> bool:
        """Returns whether a script has a function or method of that name."""
        return name in self._found.functions

    def _star_names(self) -> dict[str, Imported]:
        """Returns the names that `from keras.layers import *` binds; none that a later star of others may bind."""
        found: dict[str, Imported] = {}
        for one in self.imports:
            if one.local == "*":
                path = names.below(one.full)
                place = None if path is None else names.module(path)
                every = [] if place is None else names.of_module(place)
                if not every:
                    found.clear()
                    continue
                found.update(dict.fromkeys(every, one))
        return found

    def resolve(self, node: cst.BaseExpression) -> Resolved | None:
        """Returns what a name with dots leads to, or `None` if it is not Keras's or TensorFlow's."""
        chain = dotted(node)
        if not chain:
            return None
        imported = self._imports_of(chain[0])
        if not imported:
            return None
        attributes = [name.value for name in chain[1:]]
        found = {".".join([one.full, *attributes]) for one in imported}
        if len(found) > 1:  # `try: import keras` `except ImportError: from tensorflow import keras`
            paths = {names.below(full) for full in found}
            if len(paths) > 1 or None in paths:
                return None
        full = ".".join([imported[0].full, *attributes])
        return Resolved(node, chain[0], imported, full)

    def _imports_of(self, name: cst.Name) -> tuple[Imported, ...]:
        scope = self._source.scopes.get(name)
        if scope is None:
            return ()
        assigned = [one for one in scope[name.value] if not isinstance(one, BuiltinAssignment)]
        if not assigned:
            star = self._stars.get(name.value)
            return () if star is None else (star._replace(full=f"{star.full}.{name.value}"),)
        if not all(isinstance(one, ImportAssignment) for one in assigned):
            return ()
        found = [self._by_place.get((id(one.node), name.value)) for one in assigned]  # type: ignore[attr-defined]
        ours = [one for one in found if one is not None and one.is_ours]
        return tuple(sorted(ours, key=self._line)) if len(ours) == len(found) else ()

    def _line(self, one: Imported) -> int:
        return self._source.line(one.statement)

    # What variables hold ---------------------------------------------------------------------------------------------

    def kind(self, node: cst.BaseExpression, depth: int = 0) -> type | None:
        """Returns `Model`, `Optimizer`, `Metric`, `Layer`, `History` or `dict` (of results), as far as it is known."""
        if depth > 8:
            return None
        if isinstance(node, cst.Call):
            return self._kind_of_call(node, depth)
        for value in self._values_of(node):
            found = self.kind(value, depth + 1)
            if found is not None:
                return found
        if isinstance(node, cst.Attribute):
            if node.attr.value == "optimizer":
                return Optimizer
            if node.attr.value == "history":
                owner = self.kind(node.value, depth + 1)
                return dict if owner is History else History if owner is Model else None
        return None

    def _kind_of_call(self, node: cst.Call, depth: int) -> type | None:
        if isinstance(node.func, cst.Attribute) and node.func.attr.value in ("fit", "fit_generator"):
            return History if self.kind(node.func.value, depth + 1) is Model else None
        made = self.class_of(node.func)
        if made is None:
            return None
        return next((kind for kind in KINDS if issubclass(made, kind)), None)

    def class_of(self, node: cst.BaseExpression, depth: int = 0) -> type | None:
        """Returns the class of this library that an expression names, or that a class of the script is made from."""
        found = self.resolve(node)
        if found is not None:
            path = names.below(found.full)
            value = None if path is None else self._value(path)
            return value if isinstance(value, type) else None
        scope = self._source.scopes.get(node)
        if depth > 4 or scope is None or not isinstance(node, cst.Name):
            return None
        for one in scope[node.value]:
            definition = getattr(one, "node", None)
            if isinstance(definition, cst.ClassDef):
                for base in definition.bases:
                    cls = self.class_of(base.value, depth + 1)
                    if cls is not None:
                        return cls
        return None

    @staticmethod
    def _value(path: str) -> Any:
        found = names.today(path)
        return names.legacy(path) if found is None else found.value

    def _values_of(self, node: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
        if isinstance(node, cst.Attribute):
            chain = dotted(node)
            yield from self._found.attributes.get(joined(chain) if chain else "", ())
        if isinstance(node, cst.Name):
            scope = self._source.scopes.get(node)
            for one in () if scope is None else scope[node.value]:
                value = self._found.values.get(id(getattr(one, "node", None)))
                if value is not None:
                    yield value
