"""Choices and loops over tensors.

Plain tensors are at hand when these run, so a choice is a Python `if` and a loop a Python loop: a condition that lives
on another device is read from there. Inside a symbolic model there is no value to ask: `cond` and `switch` then require
that all branches give results of the same shapes and types.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import KerasTensor, is_symbolic, op
from torchkeras_shim.ops.promotion import as_tensor, device_of
from torchkeras_shim.ops.value_dependent import never_on_zeros, with_spec

__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorized_map",
    "while_loop",
]


def _has_no_value(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.device.type == "meta"


def _one_spec(name: str, results: list[Any]) -> Any:
    """Returns the first of the branches' results after checking that the others have the same shapes and types."""

    def spec(leaf: Any) -> Any:
        return (tuple(leaf.shape), leaf.dtype) if isinstance(leaf, torch.Tensor) else type(leaf)

    specs = [(tree.map_structure(lambda _: 0, r), [spec(leaf) for leaf in tree.flatten(r)]) for r in results]
    if builtins.any(other != specs[0] for other in specs[1:]):
        raise ValueError(
            f"All branches of `{name}` must return results of the same structure, shapes and types. "
            f"Received: {[one[1] for one in specs]}"
        )
    return results[0]


@never_on_zeros
def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Returns what one of two functions returns.

    Args:
        pred: A scalar; not zero is true.
        true_fn: The function for true, without arguments.
        false_fn: The function for false, without arguments.

    Raises:
        TypeError: If a branch is not a function.
        ValueError: If a branch gives a symbolic tensor from around it: a graph knows only what is handed over.

    Example:
        >>> cond(torch.tensor(True), lambda: 1, lambda: 2)
        1
    """
    for name, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"`{name}` should be a callable. Received: {name}={function!r}. Write `lambda: ...`.")
    if _has_no_value(pred):
        return _one_spec("cond", [_own("cond", true_fn()), _own("cond", false_fn())])
    result = true_fn() if pred else false_fn()
    return _own("cond", result) if isinstance(pred, torch.Tensor) else result


def _own(name: str, result: Any) -> Any:
    """Raises if a branch of a graph's choice returns a tensor of the graph that was not handed over to it."""
    if is_symbolic(result):
        raise ValueError(
            f"A branch of `{name}` uses a symbolic tensor from around it, which has no value when the model runs. "
            "Hand it over:\n    keras.ops.switch(pred, [lambda x: ..., lambda x: ...], x)\nor choose element by "
            "element:\n    keras.ops.where(pred, a, b)"
        )
    return result


@op
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Returns what one of several functions returns.

    Args:
        index: Which one; out of range, the nearest.
        branches: The functions.
        *operands: Their arguments.

    Example:
        >>> switch(1, [lambda x: x + 1, lambda x: x * 10], torch.tensor(2))
        tensor(20)
    """
    if _has_no_value(index):
        return _one_spec("switch", [_own("switch", branch(*operands)) for branch in branches])
    result = branches[builtins.min(builtins.max(int(index), 0), len(branches) - 1)](*operands)
    return _own("switch", result) if isinstance(index, torch.Tensor) else result


def _while_spec(cond: Any, body: Any, loop_vars: Any, maximum_iterations: int | None = None) -> Any:
    return _same(tuple(loop_vars) if isinstance(loop_vars, list) else loop_vars)


def _fori_spec(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    return _same(init_val)


def _same(values: Any) -> Any:
    """Returns the shapes and types of what a loop starts with, which are those that it ends with."""
    return tree.map_structure(
        lambda x: KerasTensor(x.shape, x.dtype) if isinstance(x, (KerasTensor, torch.Tensor)) else _same(as_tensor(x)),
        values,
    )


@with_spec(_while_spec)
def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Calls a function on its own results as long as a condition holds.

    Args:
        cond: A function of the loop variables that returns a scalar.
        body: A function of the loop variables that returns their new values.
        loop_vars: One tensor, or a list or tuple of (structures of) tensors.
        maximum_iterations: Where to stop at the latest.

    Returns:
        The last values: a tuple, or one tensor if `loop_vars` was one.

    Example:
        >>> while_loop(lambda x: x < 100, lambda x: x * 2, torch.tensor(3))
        tensor(192)
    """
    several = isinstance(loop_vars, (tuple, list))
    values = tree.map_structure(as_tensor, tuple(loop_vars) if several else (loop_vars,))
    if builtins.any(_has_no_value(leaf) for leaf in tree.flatten(values)):
        return values if several else values[0]  # only shapes and types are asked for, and a loop keeps them
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and cond(*values):
        result = body(*values)
        values = tuple(result) if isinstance(result, (list, tuple)) else (result,)
        count += 1
    return values if several else values[0]


@with_spec(_fori_spec)
def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Calls `value = body_fun(i, value)` for each `i` of a range.

    Args:
        lower: The first `i`.
        upper: The end, which is not reached.
        body_fun: The function.
        init_val: The first value.

    Example:
        >>> fori_loop(0, 4, lambda i, total: total + i, 0)
        6
    """
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


@op
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """Applies a function to each slice along the first axis, and stacks the results.

    Args:
        f: A function of one (structure of) slices that returns tensors.
        xs: A tensor, or a structure of tensors.

    Example:
        >>> map(lambda x: x**2, [1, 2, 3])
        tensor([1, 4, 9], dtype=torch.int32)
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f!r}")
    return scan(lambda _, x: (0, f(x)), 0, xs)[1]


@op
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Any:
    """Carries a value along the first axis of tensors, and stacks what is returned at each step.

    Args:
        f: A function `(carry, x) -> (carry, y)`.
        init: The first `carry`, a (structure of) tensors.
        xs: A (structure of) tensors whose slices are the `x`; `None` where `f` needs none.
        length: The number of steps; the size of the first axis by default.
        reverse: Whether to go from the last slice to the first.
        unroll: Of no effect here: a Python loop is always unrolled.

    Returns:
        `(carry, ys)`.

    Raises:
        ValueError: without both `xs` and `length`, and for an `unroll` below 1.
        TypeError: If `f` is not a function.

    Example:
        >>> scan(lambda c, x: (c + x, c + x), 0, [1, 2, 3])
        (tensor(6, dtype=torch.int32), tensor([1, 3, 6], dtype=torch.int32))
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f!r}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be a positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    place = device_of(*tree.flatten(init), *tree.flatten(xs))
    carry = tree.map_structure(lambda value: as_tensor(value, device=place), init)
    sequences = None if xs is None else _elements(xs, place)
    count = int(length) if length is not None else tree.flatten(sequences)[0].shape[0]
    order: Any = range(count)
    ys = []
    for i in reversed(order) if reverse else order:
        x = None if sequences is None else tree.map_structure(lambda t, i=i: t[i], sequences)
        previous = carry
        carry, y = f(carry, x)
        ys.append(tree.map_structure(torch.zeros_like, previous) if y is None else y)
    if not ys:
        raise ValueError("`scan` needs at least one step to know what `f` returns. Received: a length of 0.")
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(lambda *leaves: torch.stack([as_tensor(leaf) for leaf in leaves]), *ys)


@op
def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Returns all running results of an associative function along an axis, in a logarithmic number of calls.

    Args:
        f: A function of two (structures of) tensors that works on all slices along the axis at once;
            `f(a, f(b, c))` must equal `f(f(a, b), c)`.
        elems: A (structure of) tensors with equally many slices.
        reverse: Whether to start at the last slice.
        axis: The axis.

    Raises:
        TypeError: If `f` is not a function.
        ValueError: If the number of slices differs.

    Example:
        >>> associative_scan(lambda a, b: a + b, [1, 2, 3, 4])
        tensor([ 1,  3,  6, 10], dtype=torch.int32)
    """
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f!r}")
    structure = _elements(elems)
    flat = tree.flatten(structure)
    sizes = {leaf.shape[axis] for leaf in flat}
    if len(sizes) != 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same size along the axis. "
            f"Received: axis={axis}, shapes {[tuple(leaf.shape) for leaf in flat]}"
        )
    if reverse:
        flat = [leaf.flip(axis) for leaf in flat]

    def combine(a: list[torch.Tensor], b: list[torch.Tensor]) -> list[torch.Tensor]:
        result = f(tree.pack_sequence_as(structure, a), tree.pack_sequence_as(structure, b))
        return [as_tensor(leaf) for leaf in tree.flatten(result)]

    # Each round joins every slice with the one `step` before it, which has seen the `step` slices up to there.
    step, size = 1, sizes.pop()
    while step < size:
        earlier = [leaf.narrow(axis, 0, size - step) for leaf in flat]
        later = [leaf.narrow(axis, step, size - step) for leaf in flat]
        joined = combine(earlier, later)
        flat = [torch.cat([leaf.narrow(axis, 0, step), new], axis) for leaf, new in zip(flat, joined, strict=True)]
        step *= 2
    if reverse:
        flat = [leaf.flip(axis) for leaf in flat]
    return tree.pack_sequence_as(structure, flat)


def _elements(xs: Any, place: torch.device | None = None) -> Any:
    """Returns tensors in their structure; a list of plain numbers is one tensor, not a structure of scalars."""
    numbers = isinstance(xs, (list, tuple)) and not builtins.any(
        getattr(leaf, "shape", ()) for leaf in tree.flatten(xs)
    )
    return as_tensor(xs, device=place) if numbers else tree.map_structure(lambda x: as_tensor(x, device=place), xs)


@op
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Applies a function to each slice along the first axis, to all of them at once.

    Args:
        function: A function of one slice, or of a structure of slices.
        elements: A tensor, or a structure of tensors.

    Example:
        >>> vectorized_map(lambda x: x.sum(), [[1.0, 2.0], [3.0, 4.0]])
        tensor([3., 7.])
    """
    return torch.vmap(function, randomness="different")(_elements(elements))
