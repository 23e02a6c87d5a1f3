"""The imports of a script: what they bind afterwards, and which ones are new."""

from __future__ import annotations

from collections import defaultdict
from types import ModuleType
from typing import NamedTuple

import libcst as cst

from torchkeras_shim.porting import names
from torchkeras_shim.porting.references import Reference
from torchkeras_shim.porting.scopes import Imported, Scopes
from torchkeras_shim.porting.source import Note, Source, dotted, joined, shortened


class Binding(NamedTuple):
    """What becomes of a name that an import binds.

    Attributes:
        full: What it stands for afterwards; as before if it stays, empty if the import goes.
        local: What it is called afterwards.
    """

    full: str
    local: str


class Bindings:
    """What the names that imports bind stand for after the change.

    Args:
        source: The script.
        scopes: Its names.
        references: Their uses.
        to_library: Whether Keras becomes this library.
    """

    def __init__(self, source: Source, scopes: Scopes, references: list[Reference], to_library: bool) -> None:
        self._source = source
        self._scopes = scopes
        self._to_library = to_library
        self._uses: dict[tuple[int, str], list[Reference]] = defaultdict(list)
        for one in references:
            for imported in one.found.imported:
                self._uses[self._key(imported)].append(one)
        self._new: dict[str, str] = {}  # the lines of new imports, by what they bind
        self.imports = [one for one in scopes.imports if one.is_ours]
        self._bound = {self._key(one): self._becomes(one) for one in self.imports}

    @staticmethod
    def _key(one: Imported) -> tuple[int, str]:
        return id(one.statement), one.local if one.alias is not None else "*"

    def of(self, one: Imported) -> Binding:
        """Returns what becomes of a name; of one that a star binds, what becomes of the star."""
        return self._bound[self._key(one) if self._key(one) in self._bound else (id(one.statement), "*")]

    def stays(self, one: Imported) -> bool:
        """Returns whether a name goes on standing for a module that this library does not have."""
        return self.of(one).full == one.full and self._to_library

    def _becomes(self, one: Imported) -> Binding:
        path = names.below(one.full)
        uses = self._uses[self._key(one)]
        left = [use for use in uses if use.path is None and use.text is None]
        if path is None:
            goes = self._to_library and one.local != "*" and not left
            return Binding("" if goes else one.full, one.local)
        today = names.today(path)
        root = names.LIBRARY if self._to_library else names.root_of(one.full)
        becomes = self._only_path(one, uses)
        if becomes is not None:
            full = f"{root}.{becomes}"
            return Binding(full, self._local(one, full))
        itself_left = any(use.found.full == one.full for use in left) and bool(path)
        moves = self._to_library or (today is not None and today.path != path)
        if today is None or itself_left or (left and path and moves):
            goes = bool(uses) and not left and one.alias is not None
            return Binding("" if goes else one.full, one.local)
        if uses and path == "backend" and all(use.counterpart or use.template for use in uses):
            return Binding("", one.local)
        full = f"{root}.{today.path}".rstrip(".")
        return Binding(full, self._local(one, full))

    @staticmethod
    def _only_path(one: Imported, uses: list[Reference]) -> str | None:
        """Returns what a class or function is today in all of its uses, or `None` if they differ, or there are none."""
        paths = {use.path for use in uses}
        same = all(use.found.full == one.full and not use.counterpart and not use.template for use in uses)
        path = paths.pop() if len(paths) == 1 and same and one.alias is not None else None
        found = names.today(path) if path else None
        return None if found is None or isinstance(found.value, ModuleType) else path

    def _local(self, one: Imported, full: str) -> str:
        """Returns what a name that follows what it stands for is called afterwards."""
        last = full.rpartition(".")[2]
        old = one.full.rpartition(".")[2]
        if one.local != old or last == old or full in (names.LIBRARY, "tensorflow.keras") or one.alias is None:
            return one.local
        same = any(
            names.below(other.full) == names.below(full) and other.local == last for other in self._scopes.imports
        )
        return last if self._scopes.is_free(last) or same else one.local

    # How the script says a path of today ---------------------------------------------------------------------------

    def name_of(self, path: str) -> str:
        """Returns how the script says a path of today; an import is added if there is none to say it by."""
        for one in self.imports:
            if names.below(self.of(one).full) == "" and self._is_global(one) and one.alias is not None:
                return f"{self.of(one).local}.{path}"
        room, _, rest = path.partition(".")
        for one in self.imports:
            if names.below(self.of(one).full) == room and self._is_global(one) and not self.stays(one):
                return f"{self.of(one).local}.{rest}"
        return f"{self._root()}.{path}"

    def _root(self) -> str:
        """Returns what a new import calls Keras."""
        local = "keras" if self._scopes.is_free("keras") else names.LIBRARY
        if self._to_library:
            self._new[local] = f"import {names.LIBRARY}" + (f" as {local}" if local != names.LIBRARY else "")
            return local
        root = names.root_of(next((one.full for one in self.imports if names.below(one.full) is not None), "keras"))
        if root == "tensorflow.keras":
            self._new[local] = "from tensorflow import keras" + (f" as {local}" if local != "keras" else "")
        else:
            self._new[local] = f"import {root}" + (f" as {local}" if local != root else "")
        return local

    def name_of_left(self, full: str) -> str:
        """Returns how the script says a name that nothing replaces, once Keras's root is this library."""
        module, _, name = full.rpartition(".")
        local = name if self._scopes.is_free(name) or name in self._new else f"keras_{name}"
        self._new[local] = f"from {module} import {name}" + (f" as {local}" if local != name else "")
        return local

    def _is_global(self, one: Imported) -> bool:
        node: cst.CSTNode | None = one.statement
        while node is not None and not isinstance(node, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            node = self._source.parents.get(node)
        return node is None

    # The statements --------------------------------------------------------------------------------------------------

    def write(self) -> list[Note]:
        """Writes the imports. Returns what was changed."""
        statements: dict[int, list[Imported]] = defaultdict(list)
        for one in self.imports:
            statements[id(one.statement)].append(one)
        notes = []
        first = True
        for group in statements.values():
            statement = group[0].statement
            before = self._source.original(*self._source.span(statement))
            if isinstance(statement, cst.Import):
                text = self._import(statement, group)
            else:
                text = self._import_from(statement, group)
            start = self._source.line_ends(self._source.span(statement)[0])[0]
            if first and self._new and self._is_at_top(statement):
                lines = [line for line in self._new.values() if line != text]
                self._source.put(start, start, "".join(f"{line}{self._source.newline}" for line in lines))
                first = False
            if text != before:
                new = "; ".join(text.split(self._source.newline)) or "(gone)"
                notes.append(Note(self._source.line(statement), f"{shortened(before)} -> {new}"))
        if first and self._new:
            self._put_at_top()
        return notes

    def _is_at_top(self, statement: cst.CSTNode) -> bool:
        return isinstance(self._source.parents.get(self._source.parents[statement]), cst.Module)

    def _put_at_top(self) -> None:
        body = list(self._source.module.body)
        index = 0
        while index < len(body) and _is_header(body[index]):
            index += 1
        text = "".join(f"{line}{self._source.newline}" for line in self._new.values())
        place = self._source.span(body[index])[0] if index < len(body) else 0
        start = self._source.line_ends(place)[0]
        self._source.put(start, start, text)

    def _import(self, statement: cst.Import, group: list[Imported]) -> str:
        kept = []
        for alias in statement.names:
            one = next((one for one in group if one.alias is alias), None)
            text = self._source.original(*self._source.span(alias)).rstrip().rstrip(",").rstrip()
            kept.append(text if one is None else self._alias(one, text))
        kept = [text for text in dict.fromkeys(kept) if text]
        new = f"import {', '.join(kept)}" if kept else ""
        return self._put(statement, new)

    def _alias(self, one: Imported, text: str) -> str:
        binding = self.of(one)
        if not binding.full:
            return ""
        if binding.full == names.LIBRARY:
            return names.LIBRARY if binding.local == names.LIBRARY else f"{names.LIBRARY} as {binding.local}"
        if one.alias is not None and one.alias.asname is not None:
            return f"{binding.full} as {binding.local}"
        path = names.module(names.below(text) or "")  # `import keras.layers.core` binds `keras`
        return text if path is None else f"{names.root_of(text)}.{path}".rstrip(".")

    def _import_from(self, statement: cst.ImportFrom, group: list[Imported]) -> str:
        old = joined(dotted(statement.module) or [])
        if isinstance(statement.names, cst.ImportStar):
            binding = self.of(group[0])
            return self._put_module(statement, old, binding.full)
        placed: dict[str, list[str]] = defaultdict(list)
        for one in group:
            binding = self.of(one)
            if not binding.full:
                continue
            module, _, name = binding.full.rpartition(".")
            part = name if binding.local == name else f"{name} as {binding.local}"
            if not module:
                module, part = "", f"{binding.full} as {binding.local}"
            if part not in placed[module]:
                placed[module].append(part)
        unchanged = [self._source.original(*self._source.span(a)).rstrip(" \\\t,") for a in statement.names]
        if list(placed) and len(placed) == 1 and list(placed.values()) == [unchanged] and "" not in placed:
            return self._put_module(statement, old, next(iter(placed)))
        lines = [
            f"import {', '.join(parts)}" if not module else f"from {module} import {', '.join(parts)}"
            for module, parts in placed.items()
        ]
        return self._put(statement, self._newline_of(statement).join(lines))

    def _newline_of(self, statement: cst.CSTNode) -> str:
        """Returns what parts two statements in the place of one."""
        start = self._source.span(statement)[0]
        begin, _ = self._source.line_ends(start)
        indent = self._source.original(begin, start)
        return "; " if indent.strip() else f"{self._source.newline}{indent}"

    def _put_module(self, statement: cst.ImportFrom, old: str, new: str) -> str:
        if statement.module is not None and old != new:
            self._source.replace(statement.module, new)
        return self._source.text(statement)

    def _put(self, statement: cst.CSTNode, text: str) -> str:
        start, end = self._source.span(statement)
        old = self._source.original(start, end)
        if text == old:
            return text
        comments = [line.partition("#")[2] for line in old.splitlines() if "#" in line]
        begin, after = self._source.line_ends(start)
        alone = not self._source.original(begin, start).strip() and not self._source.original(end, after).strip()
        parent = self._source.parents.get(self._source.parents[statement])
        only = isinstance(parent, cst.IndentedBlock) and len(parent.body) == 1
        if not text and (only or not alone):
            text = "pass"
        if text or not alone:
            gap = self._newline_of(statement)
            self._source.put(start, end, gap.join([*(f"#{line}" for line in comments), text]) if gap != "; " else text)
        else:
            self._source.put(begin, after, "")
        return text


def _is_header(node: cst.CSTNode) -> bool:
    """Returns whether a statement has to stay the first: the docstring, `from __future__ import ...`."""
    if not isinstance(node, cst.SimpleStatementLine) or not node.body:
        return False
    first = node.body[0]
    if isinstance(first, cst.Expr):
        return isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))
    return (
        isinstance(first, cst.ImportFrom) and isinstance(first.module, cst.Name) and first.module.value == "__future__"
    )
