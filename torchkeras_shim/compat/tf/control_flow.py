"""Control flow: Python runs, each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.ragged import stack as stack_ragged
from torchkeras_shim.compat.tf.shapes import Size
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core import tree
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor


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
    """Calls the function of the first condition that is true; `exclusive` and `strict` only matter in graphs.

    Raises:
        InvalidArgumentError: If none is, and there is no `default`.
    """
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    for condition, function in pairs:
        if bool(condition):
            return function()
    if default is None:
        raise InvalidArgumentError("Input error: None of conditions evaluated as True. Give tf.case a `default`.")
    return default()


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
    """Calls a function on each row and stacks what it returns.

    Raises:
        InvalidArgumentError: If there are no rows, or the results are of another type than `fn_output_signature` says.
    """
    rows = list(_rows(elems))
    if not rows:
        raise InvalidArgumentError("tf.map_fn of no rows: the shape of a result cannot be known.")
    signature = dtype if fn_output_signature is None else fn_output_signature
    ragged = any(isinstance(one, RaggedTensor) for one in tree.flatten(elems)) if signature is None else False
    ragged = ragged or any(hasattr(one, "ragged_rank") for one in tree.flatten(signature))
    results = _stacked([fn(row) for row in rows], ragged)
    if signature is not None:
        for one, result in zip(tree.flatten(signature), tree.flatten(results), strict=True):
            wanted, found = as_dtype(getattr(one, "dtype", one)), as_dtype(result.dtype)
            if wanted != found:
                raise InvalidArgumentError(
                    f"TensorArray dtype is {wanted.name} but Op is trying to write dtype {found.name}: the function "
                    f"given to tf.map_fn returned {found.name}. Write fn_output_signature=tf.{found.name}, or tf.cast."
                )
    return results


@public("vectorized_map")
def vectorized_map(fn: Callable[..., Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """Calls a function on each row and stacks what it returns."""
    return map_fn(fn, elems)


def _rows(elems: Any) -> Any:
    flat = [convert(one) for one in tree.flatten(elems)]
    for parts in zip(*flat, strict=True):
        yield tree.pack_sequence_as(elems, list(parts))


def _stacked(results: list[Any], ragged: bool = False) -> Any:
    flat = [[convert(one) for one in tree.flatten(result)] for result in results]
    return tree.pack_sequence_as(results[0], [_column(parts, ragged) for parts in zip(*flat, strict=True)])


def _column(parts: Sequence[Any], ragged: bool) -> Any:
    if (ragged and parts[0].ndim) or isinstance(parts[0], RaggedTensor):
        return stack_ragged(parts)
    if isinstance(parts[0], StringTensor):
        return StringTensor.of_bytes(np.stack([np.asarray(one) for one in parts]))
    if len({one.shape for one in parts}) > 1:
        raise ValueError(
            "TensorArray has inconsistent shapes: the results have different ones. Write "
            "fn_output_signature=tf.RaggedTensorSpec([None], dtype) for rows of different lengths. Received: "
            f"{[tuple(one.shape) for one in parts][:8]}"
        )
    return torch.stack(list(parts))


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

    def size(self, name: str | None = None) -> Size:
        """Returns the number of places."""
        return Size(len(self._items))

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
