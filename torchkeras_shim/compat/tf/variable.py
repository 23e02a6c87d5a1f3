"""`tf.Variable`: the library's variable, with TensorFlow's names on top."""

from __future__ import annotations

import enum
from typing import Any

import torch

from torchkeras_shim.compat.tf import indexing
from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.indexed_slices import IndexedSlices, update_batches, update_rows, update_slices
from torchkeras_shim.compat.tf.scopes import current_scope
from torchkeras_shim.compat.tf.shapes import TensorShape
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.torch_private import make_subclass
from torchkeras_shim.core.variable import Variable, tell_observers


@public("VariableSynchronization")
class VariableSynchronization(enum.Enum):
    """When the replicas of a variable are brought together: there is one."""

    AUTO, NONE, ON_WRITE, ON_READ = range(4)


@public("VariableAggregation")
class VariableAggregation(enum.Enum):
    """How the replicas of a variable are brought together: there is one."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = range(4)


class _VariableType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, torch.nn.Parameter)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return _Variable(*args, **kwargs)


class _Variable(Variable):
    """A variable that a script made by `tf.Variable`."""

    synchronization: VariableSynchronization
    aggregation: VariableAggregation

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
        tensor = convert(value, dtype)
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(
                f"A variable holds numbers. Received: initial_value={str(value)[:80]}. Write tf.constant(...), or keep "
                "texts in a list and assign to that."
            )
        data = tensor.detach().clone()
        if shape is not None and TensorShape(shape) != data.shape:
            raise ValueError(
                f"The shape of a variable is that of its value, {tuple(data.shape)}: it cannot change later. "
                f"Received: shape={shape}. Make a new variable for a value of another shape."
            )
        trained = True if trainable is None else bool(trainable)
        self: _Variable = make_subclass(cls, data, trained and data.is_floating_point())
        self._name = f"{current_scope()}{'Variable' if name is None else name}"
        self._path = self._name
        self._trainable = trained
        self._regularizer = None
        self._constraint = constraint
        self._autocast = True
        self.synchronization = VariableSynchronization(synchronization or VariableSynchronization.AUTO)
        self.aggregation = VariableAggregation(aggregation or VariableAggregation.NONE)
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

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Overwrites rows and returns the variable."""
        return update_rows(self, "update", sparse_delta)

    def scatter_add(self, *args: Any, **kwargs: Any) -> Any:
        """Adds to rows and returns the variable; with torch's arguments it is torch's method of this name."""
        slices = args[0] if args else kwargs.get("sparse_delta")
        if isinstance(slices, IndexedSlices):
            return update_rows(self, "add", slices)
        return super().scatter_add(*args, **kwargs)

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Subtracts from rows and returns the variable."""
        return update_rows(self, "sub", sparse_delta)

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Multiplies rows and returns the variable."""
        return update_rows(self, "mul", sparse_delta)

    def scatter_div(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Divides rows and returns the variable."""
        return update_rows(self, "div", sparse_delta)

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Takes the larger values in rows and returns the variable."""
        return update_rows(self, "max", sparse_delta)

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Takes the smaller values in rows and returns the variable."""
        return update_rows(self, "min", sparse_delta)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Overwrites the slices at `indices` and returns the variable."""
        return update_slices(self, "update", indices, updates)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Adds to the slices at `indices` and returns the variable."""
        return update_slices(self, "add", indices, updates)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtracts from the slices at `indices` and returns the variable."""
        return update_slices(self, "sub", indices, updates)

    def scatter_nd_max(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Takes the larger values in the slices at `indices` and returns the variable."""
        return update_slices(self, "max", indices, updates)

    def scatter_nd_min(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Takes the smaller values in the slices at `indices` and returns the variable."""
        return update_slices(self, "min", indices, updates)

    def batch_scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Overwrites rows of each part of a batch and returns the variable."""
        return update_batches(self, sparse_delta)

    def gather_nd(self, indices: Any, name: str | None = None) -> Any:
        """Returns the slices at `indices`."""
        return super().__getitem__(tuple(convert(indices).long().unbind(-1)))

    def sparse_read(self, indices: Any, name: str | None = None) -> Any:
        """Returns the rows at `indices`."""
        return super().__getitem__(convert(indices).long())

    def __getitem__(self, index: Any) -> Any:
        item: Any = super().__getitem__(index)
        item.assign = lambda value, name=None: _assign_part(self, index, value)
        return item

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = _Variable(self.detach(), self._trainable, name=self._name, constraint=self._constraint)
        return memo[id(self)]

    def __repr__(self) -> str:  # type: ignore[override]
        value = repr(self.numpy())
        return (
            f"<tf.Variable '{self.name}' shape={tuple(self.shape)} dtype={as_dtype(self.dtype).name}, "
            f"numpy={chr(10) if chr(10) in value else ''}{value}>"
        )


def _assign_part(variable: _Variable, index: Any, value: Any) -> _Variable:
    tell_observers([variable])
    with torch.no_grad():
        places = torch.arange(variable.numel(), device=variable.device).reshape(variable.shape)
        part = indexing.getitem(places, index)
        flat = variable.detach().contiguous().view(-1)
        flat[part.reshape(-1)] = convert(value, variable.dtype).to(variable.device).expand(part.shape).reshape(-1)
        variable.copy_(flat.view(variable.shape))
    return variable


indexing.unmark(_Variable)  # a variable of one number is not a sequence


@public("Variable")
class TFVariable(metaclass=_VariableType):
    """`tf.Variable(...)` makes a variable; every weight of this library is an instance of it."""


@tf_op("identity")
def identity(input: Any) -> Any:
    """A copy of a tensor, connected to autograd."""
    tensor = convert(input)
    return tensor.clone() if isinstance(tensor, torch.Tensor) else tensor


@tf_op("identity_n")
def identity_n(input: Any) -> list[Any]:
    """Copies of tensors, connected to autograd."""
    return [identity(one) for one in input]
