"""`tf.function`, functions of Python's and of numpy's, and the surroundings that TensorFlow's functions know."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core.device import device as device_scope
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor


class Function:
    """What `tf.function` makes of a Python function: it is called as it is, each time.

    There is no tracing: what it prints, it prints at each call, and `if` and `for` are Python's.
    """

    def __init__(self, function: Callable[..., Any], input_signature: Any = None) -> None:
        self.python_function = function
        self.input_signature = input_signature
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.input_signature is not None:
            args = (*map(_fitting, self.input_signature, args), *args[len(self.input_signature) :])
        return self.python_function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return Function(self.python_function.__get__(instance, owner), self.input_signature)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Function:
        """Returns the function itself: there is one for all shapes."""
        return self

    def experimental_get_tracing_count(self) -> int:
        """Returns 0: nothing is traced."""
        return 0


def _fitting(spec: Any, value: Any) -> Any:
    if isinstance(spec, dict):
        return {key: _fitting(one, value[key]) for key, one in spec.items()}
    if isinstance(spec, (list, tuple)):
        return type(spec)([_fitting(one, item) for one, item in zip(spec, value, strict=True)])
    tensor = value if isinstance(value, (torch.Tensor, StringTensor, RaggedTensor)) else convert(value, spec.dtype)
    if not spec.is_compatible_with(tensor):
        raise TypeError(
            f"Binding inputs to tf.function failed: can not cast "
            f"a tensor of shape {tuple(tensor.shape)} and type {as_dtype(tensor.dtype)!r} to {spec}. "
            f"Received: {value!r}"
        )
    return tensor


@public("function")
def function(
    func: Callable[..., Any] | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: Any = None,
    experimental_autograph_options: Any = None,
    experimental_relax_shapes: Any = None,
    experimental_compile: Any = None,
    experimental_follow_type_hints: Any = None,
    experimental_attributes: Any = None,
) -> Any:
    """Returns a function that calls `func`: TensorFlow's graph is not needed, its options change nothing here."""

    def decorate(target: Callable[..., Any]) -> Function:
        return Function(target, input_signature)

    return decorate if func is None else decorate(func)


@public("py_function")
def py_function(
    func: Callable[..., Any] | None = None, inp: Any = None, Tout: Any = None, name: str | None = None, **_: Any
) -> Any:
    """Calls a Python function and makes tensors of the given types of what it returns; or decorates one."""
    if func is None:
        return lambda target: functools.wraps(target)(lambda *args: py_function(target, args, Tout))
    result = func(*inp)
    if Tout is None or (isinstance(Tout, (list, tuple)) and not Tout):
        return []
    if not isinstance(Tout, (list, tuple)):
        return convert(result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result, Tout)
    results = result if isinstance(result, (list, tuple)) else [result]
    return [convert(one, kind) for one, kind in zip(results, Tout, strict=True)]


def _numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Any = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """As `py_function`; the function gets arrays."""
    if func is None:
        return lambda target: functools.wraps(target)(lambda *args: _numpy_function(target, args, Tout))
    return py_function(func, [like(one).numpy() for one in inp], Tout)


public("numpy_function", "compat.v1.py_func")(_numpy_function)


@public("device")
def device(device_name: Any) -> Any:
    """`with tf.device("/GPU:0"):` places new tensors; `None` and the names of other machines place nothing."""
    if device_name is None or callable(device_name):
        return nullcontext()
    name = str(device_name).split("/")[-1]
    return device_scope(name) if not name.lower().startswith(("job", "task", "replica")) else nullcontext()


@public("executing_eagerly", "python.eager.context.executing_eagerly")
def executing_eagerly() -> bool:
    """Returns `True`."""
    return True


@public("inside_function")
def inside_function() -> bool:
    """Returns `False`: functions are not traced."""
    return False


@public("init_scope")
def init_scope() -> Any:
    """A `with` block that does nothing: there is no graph to leave."""
    return nullcontext()


@public("control_dependencies")
def control_dependencies(control_inputs: Any) -> Any:
    """A `with` block that does nothing: operations run in the order in which they are written."""
    return nullcontext()


@public("group")
def group(*inputs: Any, **kwargs: Any) -> None:
    """Does nothing: what is grouped has run."""


@public("no_op")
def no_op(name: str | None = None) -> None:
    """Does nothing."""


@public("timestamp")
def timestamp(name: str | None = None) -> Any:
    """Returns the seconds since 1970 as a float64."""
    return torch.tensor(time.time(), dtype=torch.float64)


@public("grad_pass_through")
def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function's values with the gradient of the identity."""

    def call(*args: Any, **kwargs: Any) -> Any:
        x = like(args[0])
        return x + (f(*args, **kwargs) - x).detach()

    return call
