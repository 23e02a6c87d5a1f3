"""Weights: torch parameters and buffers that also answer to Keras's names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes, naming, tree
from torchkeras_shim.core.tables import TABLES, load_all
from torchkeras_shim.core.torch_private import make_subclass

#: What to call with the shape and type of a variable before its first value is computed. While a model is rebuilt from
#: a file, this keeps a few bytes of it from asking for any amount of memory.
before_creation: ContextVar[Callable[[tuple[int, ...], torch.dtype], None] | None] = ContextVar(
    "before_creation", default=None
)

#: What to call with a variable whose value is about to change, or nothing: where gradients of a forward pass that used
#: it are still to come, its value then is kept.
observers_of_writes: list[Callable[[torch.Tensor], None]] = []

_KERAS_ATTRIBUTES = (
    "_name",
    "_path",
    "_trainable",
    "_regularizer",
    "_constraint",
    "_autocast",
    "_overwrite_with_gradient",
)


def tell_observers(variables: Iterable[torch.Tensor]) -> None:
    """Says that the values of variables are about to change."""
    for observe in observers_of_writes:
        for variable in variables:
            observe(variable)


class Variable(torch.nn.Parameter):
    """A `torch.nn.Parameter` with Keras's interface on top: `.assign`, `.numpy`, `.value`, `.path`, `.trainable`.

    It is an ordinary leaf tensor to torch: optimizers, hooks, `state_dict` and compilers treat it as any parameter.

    Args:
        initializer: A tensor, array or number, or a callable `initializer(shape, dtype=...)`.
        shape: The shape, needed with a callable.
        dtype: The type; `floatx()` for floats and callables, `"int32"` for integers of Python, else
            the value's own.
        trainable: Whether gradients are taken.
        autocast: Whether a layer's `call` sees it in the compute type where the layer's dtype policy is a mixed one.
        aggregation: How replicas combine it: `"none"`, `"mean"` or `None`, which are one for a single replica.
        synchronization: When replicas do so; only `"auto"`, `"none"` and `None` are supported.
        name: The name, `"variable"`, `"variable_1"`, ... by default.
        layout: Must be `None`.

    Raises:
        ValueError: If a callable comes without a shape, or an option is not supported.

    Example:
        >>> v = Variable([1.0, 2.0], name="v")
        >>> v.assign_add([1.0, 1.0]).numpy()
        array([2., 3.], dtype=float32)
    """

    _name: str
    _path: str
    _trainable: bool
    _regularizer: Callable[[torch.Tensor], torch.Tensor] | None
    _constraint: Callable[[torch.Tensor], torch.Tensor] | None
    _autocast: bool
    _overwrite_with_gradient: bool = False

    #: How often `overwrite_with_gradient` of any variable has changed: what was decided before is out of date.
    overwriting_changes: ClassVar[int] = 0

    def __new__(
        cls,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: None = None,
    ) -> Variable:
        _check_distribution(aggregation, synchronization, layout)
        data = _initial_value(initializer, shape, dtype)
        self: Variable = make_subclass(cls, data, trainable and data.is_floating_point())
        self._name = name if name is not None else naming.auto_name("Variable")
        self._path = naming.scoped(self._name)
        self._trainable = trainable
        self._regularizer = None
        self._constraint = None
        self._autocast = bool(autocast)
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # torch.nn.Parameter has no __init__ of its own; everything happens in __new__.
        pass

    @classmethod
    def wrap(cls, data: torch.Tensor, like: Variable) -> Variable:
        """Returns a variable on `data` with the name and settings of another one."""
        self: Variable = make_subclass(cls, data.detach(), like.requires_grad)
        self.take_names(like)
        return self

    def take_names(self, like: Variable) -> None:
        """Takes over the name and settings of another variable."""
        for key in _KERAS_ATTRIBUTES:
            setattr(self, key, getattr(like, key))

    # Keras's reading side -------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The variable's own name, such as `"kernel"`."""
        return self._name

    @property
    def path(self) -> str:
        """The variable's place in the model, such as `"dense/kernel"`."""
        return self._path

    @property
    def value(self) -> torch.Tensor:
        """The tensor itself, connected to autograd."""
        return self

    @property
    def trainable(self) -> bool:
        """Whether training changes it: not if its layer is frozen. Setting it sets `requires_grad`."""
        return self._trainable and (self.requires_grad or not self.is_floating_point())

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        self.requires_grad_(self._trainable and self.is_floating_point())

    @property
    def regularizer(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """The penalty on this weight that training adds to the loss, or `None`."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        self._regularizer = value

    @property
    def constraint(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """The projection that the optimizer applies after each update, or `None`."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        self._constraint = value

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether the optimizer puts the gradient in the place of the value, where others are updated by its rule.

        It is for values that the backward pass computes, such as the scales of float8. Set it before training.

        Raises:
            TypeError: If it is set to something else than a boolean.
        """
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"`overwrite_with_gradient` must be a boolean. Received: {value}")
        if value != self._overwrite_with_gradient:
            self._overwrite_with_gradient = value
            Variable.overwriting_changes += 1

    def numpy(self, *, force: bool = True) -> np.ndarray[Any, Any]:  # torch's signature, with Keras's default
        """Returns a copy as a numpy array, from whatever device."""
        return np.array(
            self.detach().to(torch.float32 if self.dtype == torch.bfloat16 else self.dtype).numpy(force=True)
        )

    # Keras's writing side -------------------------------------------------------------------------------------------

    def assign(self, value: Any) -> Variable:
        """Overwrites the value in place.

        Args:
            value: A tensor, array or number of this variable's shape; it is cast to this variable's type.

        Raises:
            ValueError: If the shapes differ.
        """
        tell_observers([self])
        with torch.no_grad():
            self.copy_(self._fitting(value))
        return self

    def assign_add(self, value: Any) -> Variable:
        """Adds to the value in place."""
        tell_observers([self])
        with torch.no_grad():
            self.add_(self._fitting(value))
        return self

    def assign_sub(self, value: Any) -> Variable:
        """Subtracts from the value in place."""
        tell_observers([self])
        with torch.no_grad():
            self.sub_(self._fitting(value))
        return self

    def _fitting(self, value: Any) -> torch.Tensor:
        if isinstance(value, torch.Tensor):
            tensor = value.detach().to(self.device, self.dtype)
        else:
            tensor = torch.as_tensor(np.asarray(value)).to(self.device, self.dtype)
        if tensor.shape != self.shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the target value in `variable.assign(value)` must "
                f"match. variable.shape={tuple(self.shape)}, Received: value.shape={tuple(tensor.shape)}. "
                f"Target variable: '{self._path}'"
            )
        return tensor

    def __round__(self, ndigits: int | None = None) -> torch.Tensor:
        return torch.round(self, decimals=ndigits or 0)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Lets functions of numpy (`np.mean(weight)`) see the values: they would call torch's methods of that name."""

        def plain(value: Any) -> Any:
            return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value

        return function(*tree.map_structure(plain, args), **tree.map_structure(plain, kwargs))

    # torch's own protocols ------------------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        if id(self) in memo:
            existing: Variable = memo[id(self)]
            return existing
        copy = Variable.wrap(self.detach().clone(memory_format=torch.preserve_format), like=self)
        memo[id(self)] = copy
        copy._regularizer = deepcopy(self._regularizer, memo)
        copy._constraint = deepcopy(self._constraint, memo)
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = {key: getattr(self, key) for key in _KERAS_ATTRIBUTES}
        return _rebuild, (self.detach(), self.requires_grad, state)

    def __repr__(self) -> str:  # type: ignore[override]
        shape = tuple(self.shape)
        return (
            f"<Variable path={self._path}, shape={shape}, dtype={dtypes.standardize_dtype(self.dtype)}, "
            f"value={self.numpy()}>"
        )


def _taking_arrays(name: str) -> Callable[[Variable, Any], Any]:
    """Returns an operator that takes numpy's arrays, too: torch's leaves them to numpy, which knows no gradients."""

    @functools.wraps(getattr(torch.Tensor, name))
    def operator(self: Variable, other: Any) -> Any:
        of_torch = getattr(torch.Tensor, name)  # looked up now: in the zero-change mode it takes lists
        return of_torch(self, torch.as_tensor(other, device=self.device) if isinstance(other, np.ndarray) else other)

    return operator


for _name in ("__lt__", "__le__", "__gt__", "__ge__", "__rmatmul__"):
    setattr(Variable, _name, _taking_arrays(_name))


def _rebuild(data: torch.Tensor, requires_grad: bool, state: dict[str, Any]) -> Variable:
    self: Variable = make_subclass(Variable, data, requires_grad)
    state = dict(state)
    self.overwrite_with_gradient = state.pop("_overwrite_with_gradient", False)
    for key, value in state.items():
        setattr(self, key, value)
    return self


def _initial_value(initializer: Any, shape: Sequence[int] | None, dtype: Any) -> torch.Tensor:
    device = devices.default_device()
    if isinstance(initializer, torch.Tensor):
        return initializer.detach().to(device, None if dtype is None else dtypes.to_torch_dtype(dtype)).clone()
    if isinstance(initializer, str):
        initializer = _named_initializer(initializer)
    if callable(initializer):
        if shape is None:
            raise ValueError(
                "When creating a Variable from an initializer, the `shape` argument should be specified. "
                f"Received: initializer={initializer} and shape={shape}"
            )
        check = before_creation.get()
        if check is not None:
            check(tuple(shape), dtypes.to_torch_dtype(dtype))
        value = initializer(tuple(shape), dtype=dtypes.standardize_dtype(dtype))
        return torch.as_tensor(value).detach().to(device, dtypes.to_torch_dtype(dtype))
    array = np.asarray(initializer)
    if dtype is None and array.dtype.kind in "biu":
        of_python = array.dtype == np.int64 and not hasattr(initializer, "dtype")
        dtype = "int32" if of_python and np.all(array == array.astype(np.int32)) else array.dtype.name
    return torch.as_tensor(array).to(device, dtypes.to_torch_dtype(dtype)).clone()


def _check_distribution(aggregation: Any, synchronization: Any, layout: Any) -> None:
    supported = {"aggregation": (None, "none", "mean"), "synchronization": (None, "none", "auto"), "layout": (None,)}
    for name, value in {"aggregation": aggregation, "synchronization": synchronization, "layout": layout}.items():
        if value not in supported[name]:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected one of {supported[name]}: there is one replica "
                f"and no layout. Received: {name}={value!r}"
            )


def _named_initializer(name: str) -> Any:
    if "keras.initializers" not in TABLES:
        for load in load_all:
            load()
    return TABLES["keras.initializers"].get(name)
