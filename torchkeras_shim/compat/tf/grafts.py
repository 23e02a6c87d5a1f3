"""What a script that imports `tensorflow` finds on torch's tensors, beside what torch gives them.

Nothing here is there for programs that do not import `tensorflow`; `remove` takes it away again.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf import indexing
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.references import Reference
from torchkeras_shim.compat.tf.shapes import TensorShape
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.core.variable import Variable

#: Modules whose `x += y` means torch's: `torch.optim` counts its steps so.
_OF_TORCH = ("torch", "torchvision", "torchkeras_shim")
#: The functions of numpy that operators call: beside a tensor they give a tensor.
_OPERATORS: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.add: torch.add,
    np.subtract: torch.subtract,
    np.multiply: torch.multiply,
    np.true_divide: torch.true_divide,
    np.floor_divide: torch.floor_divide,
    np.remainder: torch.remainder,
    np.power: torch.pow,
    np.matmul: torch.matmul,
    np.less: torch.lt,
    np.less_equal: torch.le,
    np.greater: torch.gt,
    np.greater_equal: torch.ge,
    np.equal: torch.eq,
    np.not_equal: torch.ne,
    np.bitwise_and: torch.bitwise_and,
    np.bitwise_or: torch.bitwise_or,
    np.bitwise_xor: torch.bitwise_xor,
}
_MISSING = object()
#: torch's own operators.
_torch_s = {name: getattr(torch.Tensor, name) for name in dir(torch.Tensor) if name.startswith("__")}
#: What `install` replaced, by attribute.
_before: dict[str, Any] = {}


def _numpy(self: torch.Tensor, *, force: bool = True) -> Any:
    """The values as an array, of a tensor that is trained or on a device, too; bfloat16 as float32.

    Of a scalar it is a number of numpy's, as in TensorFlow: a key of a dict, say. Torch's own files get an array.
    """
    array = _as_array(self)
    if array.ndim or sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] in _OF_TORCH:
        return array
    return array[()]


def _as_array(self: torch.Tensor) -> np.ndarray:
    tensor = self.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    array: np.ndarray = _before["numpy"](tensor, force=True)
    return array


def _number_or_array(self: Variable, *, force: bool = True) -> Any:
    """A copy of a weight's values; of a scalar a number of numpy's, as of other tensors."""
    return _numpy_of_variables(self, force=force)[()]


_numpy_of_variables = Variable.numpy


def _array(self: torch.Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    array = _as_array(self)
    return np.array(array, dtype=dtype, copy=True if copy else None)


def _plain(value: Any) -> Any:
    """Returns an argument of numpy's with arrays for tensors."""
    if isinstance(value, torch.Tensor):
        return _as_array(value)
    if isinstance(value, (list, tuple)) and any(isinstance(one, (torch.Tensor, list, tuple)) for one in value):
        return type(value)([_plain(one) for one in value]) if type(value) in (list, tuple) else value
    return value


def _array_function(self: Any, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`np.mean(t)`: numpy's function on arrays."""
    return function(*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()})


def _array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`array - t`, `t - array`: a tensor of the tensor's type. Other functions, such as `np.sqrt(t)`, give arrays."""
    operator = _OPERATORS.get(ufunc)
    if operator is None or method != "__call__" or kwargs or all(isinstance(one, torch.Tensor) for one in inputs):
        return getattr(ufunc, method)(*map(_plain, inputs), **{key: _plain(one) for key, one in kwargs.items()})
    tensor = next(one for one in inputs if isinstance(one, torch.Tensor))
    return operator(*(one if isinstance(one, torch.Tensor) else _beside(one, tensor) for one in inputs))


def _beside(value: Any, tensor: torch.Tensor) -> Any:
    """Returns an array as a tensor of the type of the one beside it; floats beside integers stay floats."""
    if tensor.is_floating_point() or tensor.is_complex():
        return convert(value, tensor.dtype).to(tensor.device)
    other = convert(value)
    return other.to(tensor.device, None if other.is_floating_point() else tensor.dtype)


def _with_lists(name: str) -> Callable[[Any, Any], Any]:
    """`t - [1.0, 2.0]`, `[1.0, 2.0] + t`: the list becomes a tensor. 0.5 µs, beside 2 µs for a sum."""
    inherited = _inherited(name)

    def method(self: torch.Tensor, other: Any) -> Any:
        if other.__class__ is list or other.__class__ is tuple:
            other = _beside(other, self)
        return inherited(self, other)

    return method


def _out_of_place(name: str, operator: str) -> Callable[[Any, Any], Any]:
    """`x += y` makes a new tensor, as in TensorFlow, so that what else is called `x` keeps its value.

    In torch's own files it stays in place, and so does the update of a weight in a loop of torch's kind
    (`w -= rate * w.grad`).
    """

    def method(self: torch.Tensor, other: Any) -> Any:
        caller = sys._getframe(1).f_globals.get("__name__", "")
        if (self.requires_grad and self.is_leaf and not torch.is_grad_enabled()) or caller.partition(".")[
            0
        ] in _OF_TORCH:
            return _inherited(name)(self, other)
        return getattr(self, operator)(_beside(other, self) if isinstance(other, (list, tuple)) else other)

    return method


def _float(self: torch.Tensor) -> float:
    """`float(t)`, of a tensor that is trained, too."""
    return float(self.detach().item())


def _int(self: torch.Tensor) -> int:
    """`int(t)`, of a tensor that is trained, too."""
    return int(self.detach().item())


def _set_shape(self: torch.Tensor, shape: Any) -> None:
    """Checks a shape; that of a tensor with values is known."""
    if not TensorShape(shape).is_compatible_with(self.shape):
        raise ValueError(
            f"Tensor's shape {tuple(self.shape)} is not compatible with supplied shape {TensorShape(shape)}"
        )


def _get_shape(self: torch.Tensor) -> TensorShape:
    """The shape as a `tf.TensorShape`."""
    return TensorShape(self.shape)


def _ref(self: torch.Tensor) -> Reference:
    """What stands for the tensor in sets and as a key of dicts."""
    return Reference(self)


def _inherited(name: str) -> Any:
    """Returns torch's own method: it is asked for before anything is put in its place."""
    return _torch_s[name]


_IN_PLACE = {f"__i{name}__": f"__{name}__" for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")}
_WITH_LISTS = [
    f"__{side}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
    for side in ("", "r")
] + ["__lt__", "__le__", "__gt__", "__ge__"]
_GRAFTS: dict[str, Any] = {
    "numpy": _numpy,
    "__array__": _array,
    "__array_function__": _array_function,
    "__array_ufunc__": _array_ufunc,
    "__float__": _float,
    "__int__": _int,
    "set_shape": _set_shape,
    "get_shape": _get_shape,
    "ref": _ref,
    **{name: _out_of_place(name, operator) for name, operator in _IN_PLACE.items()},
}


def _of_shape(name: str) -> Callable[..., Any]:
    return lambda self, *args: getattr(TensorShape(self), name)(*args)


def _of_type(name: str) -> property:
    return property(lambda self: getattr(as_dtype(self), name))


#: `x.shape.as_list()` and `x.dtype.name`, which many a script writes, by torch's class.
_OF_CLASSES_IN_C: dict[type, dict[str, Any]] = {
    torch.Size: {
        "rank": property(len),
        "ndims": property(len),
        "dims": property(list),
        "is_fully_defined": lambda self: True,
        **{
            name: _of_shape(name)
            for name in (
                "as_list",
                "num_elements",
                "concatenate",
                "is_compatible_with",
                "assert_is_compatible_with",
                "most_specific_compatible_shape",
                "merge_with",
                "with_rank",
                "with_rank_at_least",
                "with_rank_at_most",
                "assert_has_rank",
            )
        },
    },
    torch.dtype: {
        name: _of_type(name)
        for name in (
            "name",
            "as_numpy_dtype",
            "base_dtype",
            "is_bool",
            "is_compatible_with",
            "is_floating",
            "is_integer",
            "is_unsigned",
            "max",
            "min",
            "real_dtype",
            "size",
        )
    },
}
#: The same on classes of this library.
_OF_CLASSES: dict[type, dict[str, Any]] = {
    Variable: {"numpy": _number_or_array},
    StringTensor: {"dtype": property(lambda self: as_dtype("string"))},
}


def _names(cls: type) -> dict[str, Any]:
    """Returns the names of a class written in C, to which `setattr` adds none."""
    names: dict[str, Any] = gc.get_referents(cls.__dict__)[0]
    return names


def _forget_looked_up(cls: type) -> None:
    """Makes Python ask the class again for what it remembers of it."""
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))


def install() -> None:
    """Puts everything in place. A second call changes nothing."""
    if _before:
        return
    grafts = {**_GRAFTS, **{name: _with_lists(name) for name in _WITH_LISTS}}
    for cls, names in _OF_CLASSES_IN_C.items():
        _names(cls).update(names)
        _forget_looked_up(cls)
    for name, graft in grafts.items():
        own = torch.Tensor.__dict__.get(name, _MISSING)
        _before[name] = own if own is not _MISSING else getattr(torch.Tensor, name, _MISSING)
        _put(torch.Tensor, name, graft)
    for other, names in _OF_CLASSES.items():
        for name, graft in names.items():
            _put(other, name, graft)
    if indexing.install(torch.Tensor, indexing.getitem):
        _own[torch.Tensor, "__getitem__"] = _MISSING


def add(cls: type, names: dict[str, Any]) -> None:
    """Adds what a part that is imported later puts on a class."""
    _OF_CLASSES[cls] = names
    if _before:
        for name, graft in names.items():
            _put(cls, name, graft)


def _put(cls: type, name: str, graft: Any) -> None:
    _own[cls, name] = cls.__dict__.get(name, _MISSING)
    setattr(cls, name, graft)


#: What stood in a class itself, to be put back; `_MISSING` where it was inherited or not there.
_own: dict[tuple[type, str], Any] = {}


def remove() -> None:
    """Takes everything away again."""
    for cls, names in _OF_CLASSES_IN_C.items():
        for name in names:
            _names(cls).pop(name, None)
        _forget_looked_up(cls)
    for (cls, name), own in _own.items():
        if own is _MISSING:
            delattr(cls, name)
        else:
            setattr(cls, name, own)
    _own.clear()
    _before.clear()
