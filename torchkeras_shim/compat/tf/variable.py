"""`tf.Variable`: the library's variable, with TensorFlow's names on top, and `tf.Module`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.torch_private import NON_PERSISTENT, make_subclass
from torchkeras_shim.core.variable import Variable, tell_observers


class _VariableType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch.nn.Parameter)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Variable(*args, **kwargs)


class _Variable(Variable):
    """A variable that a script made by `tf.Variable`."""

    def __new__(
        cls,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> _Variable:
        if initial_value is None:
            raise ValueError("The `initial_value` arg to `tf.Variable` must be specified. Received: None")
        value = (
            initial_value()
            if callable(initial_value) and not isinstance(initial_value, torch.Tensor)
            else initial_value
        )
        data = convert(value, dtype).detach().clone()
        trained = True if trainable is None else bool(trainable)
        self: _Variable = make_subclass(cls, data, trained and data.is_floating_point())
        self._name = "Variable" if name is None else name
        self._path = self._name
        self._trainable = trained
        self._regularizer = None
        self._constraint = constraint
        self._autocast = True
        return self

    @property
    def name(self) -> str:
        """The name with the output's number, as TensorFlow writes it."""
        return f"{self._name}:0"

    def value(self) -> torch.Tensor:  # type: ignore[override]
        """Returns the value as a tensor, connected to autograd."""
        return self.view_as(self)

    def read_value(self) -> torch.Tensor:
        """Returns the value as a tensor, connected to autograd."""
        return self.view_as(self)

    def initialized_value(self) -> torch.Tensor:
        """Returns the value."""
        return self.view_as(self)

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        """Overwrites the value in place and returns the variable."""
        return super().assign(convert(value))

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Adds to the value in place and returns the variable."""
        return super().assign_add(convert(delta))

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtracts from the value in place and returns the variable."""
        return super().assign_sub(convert(delta))

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Overwrites the slices at `indices` and returns the variable."""
        return self._scatter(indices, updates, accumulate=False)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Adds to the slices at `indices` and returns the variable."""
        return self._scatter(indices, updates, accumulate=True)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtracts from the slices at `indices` and returns the variable."""
        return self._scatter(indices, -convert(updates), accumulate=True)

    def _scatter(self, indices: Any, updates: Any, accumulate: bool) -> Any:
        where = tuple(convert(indices).long().unbind(-1))
        tell_observers([self])
        with torch.no_grad():
            self.index_put_(where, convert(updates).to(self.dtype), accumulate=accumulate)
        return self

    def __getitem__(self, index: Any) -> Any:
        item: Any = super().__getitem__(index)
        item.assign = lambda value, name=None: _assign_part(self, index, value)
        return item

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _Variable(self.detach(), self._trainable, name=self._name, constraint=self._constraint)
        return memo[id(self)]

    def __repr__(self) -> str:  # type: ignore[override]
        return (
            f"<tf.Variable '{self.name}' shape={tuple(self.shape)} dtype={as_dtype(self.dtype).name}, "
            f"numpy={self.numpy()!r}>"
        )


def _assign_part(variable: _Variable, index: Any, value: Any) -> _Variable:
    tell_observers([variable])
    with torch.no_grad():
        variable[index].copy_(convert(value, variable.dtype))
    return variable


@public("Variable")
class TFVariable(metaclass=_VariableType):
    """`tf.Variable(...)` makes a variable; every weight of this library is an instance of it."""


@tf_op("identity")
def identity(input: Any) -> Any:
    """A copy of a tensor, connected to autograd."""
    tensor = convert(input)
    return tensor.clone() if isinstance(tensor, torch.Tensor) else tensor


@public("Module")
class Module(torch.nn.Module):
    """A `torch.nn.Module` that knows its variables by TensorFlow's names.

    Example:
        >>> class Line(Module):
        ...     def __init__(self):
        ...         super().__init__(name="line")
        ...         self.w, self.b = _Variable(2.0), _Variable([0.0])
        ...
        ...     def __call__(self, x):
        ...         return self.w * x + self.b
        >>> line = Line()
        >>> len(line.trainable_variables), line(3.0).tolist(), line.name
        (2, [6.0], 'line')
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__()
        self._tf_name = name if name is not None else re.sub("(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

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
        """A `with` block that does nothing: names of variables are as they are given."""
        return naming_scope(self.name)

    @classmethod
    def with_name_scope(cls, method: Any) -> Any:
        """Returns the method."""
        return method


class naming_scope:
    """`tf.name_scope(name)`: accepted; names of variables and operations do not depend on it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> str:
        return f"{self.name}/"

    def __exit__(self, *_: Any) -> None:
        pass


public("name_scope", "compat.v1.name_scope")(naming_scope)


def _attributes(module: Any) -> Iterator[Any]:
    """The values of a module's attributes, sorted by name."""
    attributes = {**vars(module)}
    for table in ("_parameters", "_buffers", "_modules"):
        attributes.update(attributes.pop(table, None) or {})
    for name in sorted(attributes):
        if name not in (NON_PERSISTENT, "_tf_name"):
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
