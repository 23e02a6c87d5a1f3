"""`tf.function`, control flow, printing and the like: Python runs, each time."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import TensorShape
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core import tree
from torchkeras_shim.core.device import device as device_scope
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor
from torchkeras_shim.data.pipeline import specs


@public("TensorSpec")
class TensorSpec(specs.TensorSpec):
    """The shape and type of a tensor that is to come."""

    def __init__(self, shape: Any = None, dtype: Any = "float32", name: str | None = None) -> None:
        for key, value in {"shape": TensorShape(shape), "dtype": as_dtype(dtype), "name": name}.items():
            object.__setattr__(self, key, value)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Returns the description of a tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, value: Any) -> bool:
        """Returns whether a tensor, or another description, fits this one."""
        return bool(self.shape.is_compatible_with(value.shape) and self.dtype == value.dtype)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, specs.TensorSpec) and bool(self.shape == other.shape and self.dtype == other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


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
            f"{TensorSpec.from_tensor(tensor)} to {spec}. Received: {value!r}"
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
def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: str | None = None, **_: Any) -> Any:
    """Calls a Python function and makes tensors of the given types of what it returns."""
    result = func(*inp)
    if Tout is None or (isinstance(Tout, (list, tuple)) and not Tout):
        return []
    if not isinstance(Tout, (list, tuple)):
        return convert(result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result, Tout)
    results = result if isinstance(result, (list, tuple)) else [result]
    return [convert(one, kind) for one, kind in zip(results, Tout, strict=True)]


def _numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: str | None = None
) -> Any:
    """As `py_function`; the function gets arrays."""
    return py_function(func, [like(one).numpy() for one in inp], Tout)


public("numpy_function", "compat.v1.py_func")(_numpy_function)


@public("print")
def print_(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """Prints values as TensorFlow does: on the standard error stream, large tensors in part."""
    text = sep.join(_as_text(one, summarize) for one in inputs)
    if isinstance(output_stream, str) and output_stream.startswith("file://"):
        with open(output_stream[7:], "a", encoding="utf-8") as file:
            file.write(text + end)
        return
    print(text, end=end, file=output_stream or sys.stderr)


def _number(value: Any) -> str:
    """Returns a number as TensorFlow writes it: with six digits, or as many as tell it from its neighbours."""
    if not isinstance(value, np.floating):
        return str(int(value)) if isinstance(value, np.bool_) else str(value)
    return next(
        (text for text in (f"{value:.{digits}g}" for digits in (6, 8, 9, 17)) if type(value)(text) == value), str(value)
    )


def _as_text(value: Any, summarize: int) -> str:
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        edge = int(array.size) if summarize == -1 else summarize
        threshold = 0 if array.size > 2 * edge else array.size + 1
        if not array.ndim:
            return _number(array[()])
        with np.printoptions(threshold=threshold, edgeitems=max(edge, 1)):
            return np.array2string(array, separator=" ", formatter={"float_kind": _number})
    if isinstance(value, StringTensor):
        return str(value.decode()).replace("'", '"').replace(", ", " ") if value.ndim else value.decode()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_as_text(one, summarize)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(_as_text(one, summarize) for one in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return str(value)


print_.__name__ = "print"


# Control flow --------------------------------------------------------------------------------------------------------


@public("cond")
def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: str | None = None,
) -> Any:
    """Calls one of two functions."""
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError("'true_fn' and 'false_fn' must be callable.")
    return true_fn() if bool(pred) else false_fn()


@public("case")
def case(
    pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False, name: str = "case"
) -> Any:
    """Calls the function of the first condition that is true."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    for condition, function in pairs:
        if bool(condition):
            return function()
    return (default or pairs[-1][1])()


@public("switch_case")
def switch_case(branch_index: Any, branch_fns: Any, default: Any = None, name: str = "switch_case") -> Any:
    """Calls the function with a number; `default`, or the last one, if there is none."""
    table = (
        dict(branch_fns)
        if isinstance(branch_fns, dict) or isinstance(branch_fns[0], tuple)
        else dict(enumerate(branch_fns))
    )
    chosen = table.get(int(branch_index))
    return (chosen or default or table[max(table)])()


@public("while_loop")
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """Repeats `body` while `cond` is true."""
    values, done = loop_vars, 0
    values = tree.map_structure(
        lambda one: convert(one) if isinstance(one, (int, float, bool, np.ndarray)) else one, values
    )
    while (maximum_iterations is None or done < int(maximum_iterations)) and bool(cond(*values)):
        result = body(*values)
        values = (
            type(loop_vars)(result)
            if isinstance(result, (list, tuple)) and type(loop_vars) in (list, tuple)
            else [result]
        )
        done += 1
    return values


@public("map_fn")
def map_fn(
    fn: Callable[..., Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: Any = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """Calls a function on each row and stacks what it returns."""
    rows = list(_rows(elems))
    if not rows:
        raise InvalidArgumentError("tf.map_fn of no rows: the shape of a result cannot be known.")
    return _stacked([fn(row) for row in rows])


@public("vectorized_map")
def vectorized_map(fn: Callable[..., Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """Calls a function on each row and stacks what it returns."""
    return map_fn(fn, elems)


def _rows(elems: Any) -> Any:
    flat = [convert(one) for one in tree.flatten(elems)]
    for parts in zip(*flat, strict=True):
        yield tree.pack_sequence_as(elems, list(parts))


def _stacked(results: list[Any]) -> Any:
    flat = [[convert(one) for one in tree.flatten(result)] for result in results]
    columns = [
        StringTensor.of_bytes(np.stack([np.asarray(one) for one in parts]))
        if isinstance(parts[0], StringTensor)
        else torch.stack(parts)
        for parts in zip(*flat, strict=True)
    ]
    return tree.pack_sequence_as(results[0], columns)


def _folded(fn: Callable[..., Any], elems: Any, initializer: Any, reverse: bool) -> list[Any]:
    rows = list(_rows(elems))
    rows = rows[::-1] if reverse else rows
    state = rows.pop(0) if initializer is None else tree.map_structure(convert, initializer)
    states = [state] if initializer is None else []
    for row in rows:
        state = fn(state, row)
        states.append(state)
    return states or [state]


@public("scan")
def scan(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All results of `state = fn(state, row)`, stacked."""
    states = _folded(fn, elems, initializer, reverse)
    return _stacked(states[::-1] if reverse else states)


@public("foldl")
def foldl(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: Any = None,
) -> Any:
    """The last result of `state = fn(state, row)` from the first row."""
    return _folded(fn, elems, initializer, reverse=False)[-1]


@public("foldr")
def foldr(
    fn: Callable[..., Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: Any = None,
) -> Any:
    """The last result of `state = fn(state, row)` from the last row."""
    return _folded(fn, elems, initializer, reverse=True)[-1]


@public("TensorArray")
class TensorArray:
    """A list of tensors that grows.

    Example:
        >>> array = TensorArray("float32", size=2)
        >>> array = array.write(0, 1.0).write(1, 2.0)
        >>> array.stack()
        tensor([1., 2.])
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        **_: Any,
    ) -> None:
        self.dtype = as_dtype(dtype)
        self._dynamic = bool(dynamic_size)
        self._items: list[Any] = [None] * int(size or 0)

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """Puts a tensor at a place and returns the array."""
        index = int(index)
        if index >= len(self._items):
            if not self._dynamic:
                raise InvalidArgumentError(
                    f"Tried to write to index {index} but array is not resizeable and size is: {len(self._items)}"
                )
            self._items.extend([None] * (index + 1 - len(self._items)))
        self._items[index] = convert(value, self.dtype) if not isinstance(value, torch.Tensor) else value
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        """Returns the tensor at a place."""
        return self._filled()[int(index)]

    def stack(self, name: str | None = None) -> Any:
        """Returns all tensors along a new first axis."""
        return _stacked(self._filled())

    def concat(self, name: str | None = None) -> Any:
        """Returns all tensors, one after the other."""
        return torch.cat(self._filled())

    def gather(self, indices: Any, name: str | None = None) -> Any:
        """Returns the tensors at some places along a new first axis."""
        items = self._filled()
        return _stacked([items[int(index)] for index in convert(indices)])

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """Puts the rows of a tensor in place and returns the array."""
        self._items = list(convert(value))
        return self

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """Puts the rows of a tensor at some places and returns the array."""
        for index, row in zip(convert(indices), convert(value), strict=True):
            self.write(int(index), row)
        return self

    def size(self, name: str | None = None) -> int:
        """Returns the number of places."""
        return len(self._items)

    def mark_used(self) -> None:
        """Does nothing: nothing here is used up."""

    def _filled(self) -> list[Any]:
        shape = next((one for one in self._items if one is not None), None)
        if shape is None:
            if not self._items:
                return []
            raise InvalidArgumentError(
                "Nothing was written into the TensorArray: the shape of its elements is not known."
            )
        return [convert(0, self.dtype).expand(shape.shape) if one is None else one for one in self._items]


# The surroundings ----------------------------------------------------------------------------------------------------


@public("device")
def device(device_name: Any) -> Any:
    """`with tf.device("/GPU:0"):` places new tensors; `None` and the names of other machines place nothing."""
    if device_name is None or callable(device_name):
        return nullcontext()
    name = str(device_name).split("/")[-1]
    return device_scope(name) if not name.lower().startswith(("job", "task", "replica")) else nullcontext()


@public("executing_eagerly")
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
