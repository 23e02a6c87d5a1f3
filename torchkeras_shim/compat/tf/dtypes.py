"""`tf.float32` and its kin: names of types that are equal to torch's, numpy's and Keras's types of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import NAMES, public
from torchkeras_shim.core.dtypes import TORCH_DTYPES, standardize_dtype

_PYTHON = {bool: "bool", int: "int32", float: "float32", complex: "complex128", str: "string", bytes: "string"}


@public("DType", "dtypes.DType")
class DType(str):
    """A type of TensorFlow's. It is also the string that Keras, numpy and configs write for it.

    Example:
        >>> float32 = as_dtype("float32")
        >>> float32 == torch.float32, torch.float32 == float32, float32 == np.float32
        (True, True, True)
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return str.__str__(self)

    @property
    def as_numpy_dtype(self) -> Any:
        """Numpy's type; `object` for strings."""
        if self.name == "string":
            return np.object_
        if self.name == "bfloat16":
            raise TypeError("numpy has no bfloat16. Write tf.cast(x, tf.float32).")
        return np.dtype(self.name).type

    @property
    def torch_dtype(self) -> torch.dtype:
        """Torch's type."""
        if self.name == "string":
            raise TypeError("torch has no type for strings.")
        return TORCH_DTYPES[self.name]

    @property
    def is_floating(self) -> bool:
        """Whether it is a real floating-point type."""
        return self.name != "string" and self.torch_dtype.is_floating_point

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex type."""
        return self.name != "string" and self.torch_dtype.is_complex

    @property
    def is_integer(self) -> bool:
        """Whether it is an integer type; `bool` is none."""
        return self.name.startswith(("int", "uint"))

    @property
    def is_unsigned(self) -> bool:
        """Whether it is an unsigned integer type."""
        return self.name.startswith("uint")

    @property
    def is_bool(self) -> bool:
        """Whether it is `bool`."""
        return self.name == "bool"

    @property
    def size(self) -> int:
        """The bytes of one element."""
        return self.torch_dtype.itemsize

    @property
    def base_dtype(self) -> DType:
        """The type itself: there are no reference types."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The type of the real part."""
        return {"complex64": as_dtype("float32"), "complex128": as_dtype("float64")}.get(self.name, self)

    @property
    def max(self) -> Any:
        """The largest value."""
        return self._limit("max")

    @property
    def min(self) -> Any:
        """The lowest value."""
        return self._limit("min")

    def _limit(self, which: str) -> Any:
        if self.is_bool:
            return which == "max"
        info = torch.finfo if self.is_floating else torch.iinfo
        value = getattr(info(self.torch_dtype), which)
        return self.as_numpy_dtype(value) if self.is_floating and self.name != "bfloat16" else value

    def is_compatible_with(self, other: Any) -> bool:
        """Returns whether it is the same type."""
        return bool(self == other)

    def __eq__(self, other: Any) -> bool:
        if type(other) is DType:
            return str.__eq__(self, other)
        try:
            return str.__eq__(self, as_dtype(other))
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{str.__str__(self)}'>"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (str.__str__(self),)


@public("as_dtype", "dtypes.as_dtype")
def as_dtype(type_value: Any) -> DType:
    """Returns TensorFlow's type for any name or type that Python, numpy, torch or Keras has for it.

    Raises:
        TypeError: If there is none.
    """
    if type(type_value) is DType:
        return type_value
    if type_value in _PYTHON:
        return TYPES[_PYTHON[type_value]]
    if isinstance(type_value, str):
        name = str.__str__(type_value).removeprefix("torch.")
        name = {"float": "float32", "double": "float64", "half": "float16", "int": "int32"}.get(name, name)
    elif isinstance(type_value, torch.dtype):
        name = standardize_dtype(type_value)
    else:
        try:
            found = np.dtype(type_value)
        except TypeError as error:
            raise _unknown(type_value) from error
        name = "string" if found.kind in "OUS" else found.name
    if name not in TYPES:
        raise _unknown(type_value)
    return TYPES[name]


def _unknown(value: Any) -> TypeError:
    return TypeError(
        f"Cannot convert {value!r} to a TensorFlow DType. Expected one of {', '.join(map(repr, TYPES.values()))}."
    )


#: Every type, by name.
TYPES = {name: DType(name) for name in (*TORCH_DTYPES, "string")}
for _name, _dtype in TYPES.items():
    NAMES[_name] = NAMES[f"dtypes.{_name}"] = _dtype
for _name, _alias in {"half": "float16", "double": "float64"}.items():
    NAMES[_name] = NAMES[f"dtypes.{_name}"] = TYPES[_alias]
NAMES["newaxis"] = None
