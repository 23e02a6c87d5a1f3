"""MkDocs hook that writes the API reference: a page for each namespace, with every public class and function on it.

What there is comes from `__all__` of the installed package, and what is said of it from the docstrings; there is no
list to keep. A namespace of many rooms (`keras.layers`) has a page for each room. An object with several names is
described once, in the deepest namespace that has it; its other names are links.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

PACKAGE = "torchkeras_shim"
#: Public, but beside Keras's own namespaces.
BESIDE_KERAS = ("compat",)
#: Namespaces that are large enough for a page for each of their rooms.
SPLIT = ("layers",)
FOLDER = "reference/api"


@dataclass
class Page:
    """What stands on one page: by public name, the paths of what it describes and of what other pages describe."""

    title: str
    about: str = ""
    described: dict[str, str] = field(default_factory=dict)
    linked: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The path of the page below the docs folder."""
        return f"{FOLDER}/{self.title.replace('.', '/').replace(': ', '-').replace(' ', '-')}.md"

    def markdown(self) -> str:
        """Returns the text of the page."""
        lines = [f"# {self.title}", "", self.about, ""]
        for name, path in sorted(self.described.items(), key=lambda item: item[0].rpartition(".")[2].lower()):
            lines += [f"::: {path}", "    options:", f"      heading: {name}", ""]
        if self.linked:
            lines += ["## More names", ""]
            lines += [
                f"- `{name}` is [{path.rpartition('.')[2]}][{path}]." for name, path in sorted(self.linked.items())
            ]
        return "\n".join(lines) + "\n"


def namespaces(path: str = "") -> Iterator[tuple[str, ModuleType]]:
    """Yields the public modules by their paths below the package, the inner before the outer."""
    module = importlib.import_module(f"{PACKAGE}.{path}" if path else PACKAGE)
    for name in module.__all__:
        if inspect.ismodule(getattr(module, name)):
            yield from namespaces(f"{path}.{name}" if path else name)
    if not path:
        for name in BESIDE_KERAS:
            yield from namespaces(name)
    yield path, module


def definition(value: Any) -> str | None:
    """Returns the path at which a class or a function is defined, or `None` if the value is neither."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not callable(value) or name is None or not str(module).startswith(PACKAGE):
        return None
    return f"{module}.{name}"


def public_name(namespace: str) -> str:
    """Returns what a program calls a namespace."""
    if namespace in BESIDE_KERAS:
        return f"{PACKAGE}.{namespace}"
    return f"keras.{namespace}" if namespace else "keras"


def room(namespace: str, path: str) -> str:
    """Returns the room of a namespace in which an object is defined, "" if the namespace has one page."""
    inside = f"{PACKAGE}.{namespace}."
    if namespace not in SPLIT or not path.startswith(inside):
        return ""
    return " ".join(path.removeprefix(inside).split(".")[:-2])  # without the file and the object


@functools.cache
def pages() -> tuple[Page, ...]:
    """Returns all pages, in the order of their titles."""
    found: dict[str, Page] = {}
    described: set[str] = set()
    for namespace, module in namespaces():
        outer = public_name(namespace)
        found[outer] = Page(outer, about=(inspect.getdoc(module) or "").split("\n\n")[0])
        for name in module.__all__:
            path = definition(getattr(module, name))
            if path is None:
                continue
            title = ": ".join(filter(None, (outer, room(namespace, path))))
            page = found.setdefault(title, Page(title))
            (page.linked if path in described else page.described)[f"{outer}.{name}"] = path
            described.add(path)
    return tuple(page for _, page in sorted(found.items()) if page.described or page.linked)


def navigation() -> list[dict[str, Any]]:
    """Returns the tree of the pages: those of one namespace and of what is inside of it stand together."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for page in pages():
        groups[".".join(page.title.partition(":")[0].split(".")[:2])].append({page.title: page.source})
    return [links[0] if len(links) == 1 else {group: links} for group, links in groups.items()]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages to the navigation, at the end of the reference."""
    reference = next(entry["Reference"] for entry in config.nav or [] if "Reference" in entry)
    reference.extend(navigation())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages to those that are read from the docs folder."""
    from mkdocs.structure.files import File

    for page in pages():
        files.append(File.generated(config, page.source, content=page.markdown()))
    return files
