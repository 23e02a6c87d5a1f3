"""`tf.Module`, which knows its variables."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.scopes import naming_scope
from torchkeras_shim.core.torch_private import NON_PERSISTENT

#: Where a new word begins in the name of a class.
_WORDS = re.compile(r"((?<=[a-z0-9])[A-Z]|(?<!^)[A-Z](?=[a-z]))")


@public("Module")
class Module(torch.nn.Module):
    """A `torch.nn.Module` that knows its variables by TensorFlow's names.

    Example:
        >>> from torchkeras_shim.compat.tf.variable import TFVariable as Variable
        >>> class Line(Module):
        ...     def __init__(self):
        ...         super().__init__(name="line")
        ...         self.w, self.b = Variable(2.0), Variable([0.0])
        ...
        ...     def __call__(self, x):
        ...         return self.w * x + self.b
        >>> line = Line()
        >>> len(line.trainable_variables), line(3.0).tolist(), line.name
        (2, [6.0], 'line')
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        # Here, because many a module of TensorFlow's assigns variables without `super().__init__()`.
        self = super().__new__(cls)
        torch.nn.Module.__init__(self)
        self._tf_name = _WORDS.sub(r"_\1", cls.__name__).lower()
        return self

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            if not str(name).isidentifier():
                raise ValueError(
                    f"{name!r} is not a valid module name. Module names must be valid Python identifiers "
                    "(e.g. a valid class name)."
                )
            self._tf_name = name

    #: What meets new attributes: a checkpoint that has values for variables which are not made yet.
    _tf_waiting: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        if self._tf_waiting is not None and not name.startswith("_"):
            self._tf_waiting.meet(name, value)
        super().__setattr__(name, value)

    @property
    def name(self) -> str:
        """The name."""
        return self._tf_name

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables of this module and of those inside it, each once, by the names of their attributes."""
        return tuple(_unique(_found(self, torch.nn.Parameter, set())))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """Those of `variables` that are trained."""
        return tuple(one for one in self.variables if getattr(one, "_trainable", one.requires_grad))

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """Those of `variables` that are not trained."""
        return tuple(one for one in self.variables if not getattr(one, "_trainable", one.requires_grad))

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules inside this one."""
        return tuple(_unique(_modules(self, {id(self)})))

    @property
    def name_scope(self) -> Any:
        """A `with` block in which the names of variables begin with this one."""
        return naming_scope(self.name)

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """Returns a method in which the names of variables begin with that of the module."""

        @functools.wraps(method)
        def inside(self: Module, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return inside


def _attributes(module: Any) -> Iterator[Any]:
    """The values of a module's attributes, sorted by name."""
    attributes = {**vars(module)}
    for table in ("_parameters", "_buffers", "_modules"):
        attributes.update(attributes.pop(table, None) or {})
    for name in sorted(attributes):
        if name not in (NON_PERSISTENT, "_tf_name", "_tf_waiting"):
            yield attributes[name]


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _inside(one)
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _inside(value[key])
    else:
        yield value


def _found(module: Any, kind: type, seen: set[int]) -> Iterator[Any]:
    """The objects of a kind: first a module's own, then those of the modules inside it."""
    if id(module) in seen:
        return
    seen.add(id(module))
    if not isinstance(module, Module) and hasattr(module, "variables"):  # a layer or model
        yield from module.variables
        return
    values = [one for value in _attributes(module) for one in _inside(value)]
    yield from (one for one in values if isinstance(one, kind))
    for one in values:
        if isinstance(one, torch.nn.Module):
            yield from _found(one, kind, seen)


def _modules(module: Any, seen: set[int]) -> Iterator[Any]:
    for one in (one for value in _attributes(module) for one in _inside(value)):
        if isinstance(one, torch.nn.Module) and id(one) not in seen:
            seen.add(id(one))
            yield one
            yield from _modules(one, seen)


def _unique(items: Iterator[Any]) -> list[Any]:
    return list({id(one): one for one in items}.values())
