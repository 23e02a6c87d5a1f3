"""The functions of `keras.backend` before Keras 3: loops, choices, and sequences without alignment."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim import ops
from torchkeras_shim.backend import epsilon
from torchkeras_shim.compat.legacy.symbolic_shapes import recorded
from torchkeras_shim.core import tree
from torchkeras_shim.core.symbolic import is_symbolic, record


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
    """One of two values by a condition, which has one value, or one for each row or element; functions are called."""
    lazy = callable(then_expression) and callable(else_expression)
    if lazy and len(getattr(condition, "shape", ())) == 0 and not is_symbolic(condition):
        return then_expression() if bool(condition) else else_expression()
    then_value = then_expression() if callable(then_expression) else then_expression
    else_value = else_expression() if callable(else_expression) else else_expression
    return _chosen(condition, then_value, else_value)


@recorded
def _chosen(condition: Any, then_value: Any, else_value: Any) -> Any:
    condition, then_value, else_value = map(ops.convert_to_tensor, (condition, then_value, else_value))
    rank = max(then_value.ndim, else_value.ndim) - condition.ndim
    if rank < 0:
        raise ValueError(
            "Rank of `condition` should be less than or equal to rank of `then_expression` and `else_expression`. "
            f"ndim(condition)={condition.ndim}, ndim(then_expression)={then_value.ndim}"
        )
    condition = condition.to(torch.bool).reshape((*condition.shape, *(1,) * rank))
    return ops.where(condition, then_value, else_value)


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """A function of each row; of a list of tensors, a function of the rows of all."""

    def run(elems: Any) -> Any:
        leaves = [list(leaf) for leaf in map(ops.convert_to_tensor, tree.flatten(elems))]
        found = [fn(tree.pack_sequence_as(elems, rows)) for rows in zip(*leaves, strict=True)]
        stacked = tree.map_structure(lambda *rows: torch.stack(list(map(ops.convert_to_tensor, rows))), *found)
        return stacked if dtype is None else tree.map_structure(lambda x: ops.cast(x, dtype), stacked)

    return _recorded_as("map_fn", run, elems)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """A function of the result so far and the next row, from the first row on."""
    return _recorded_as("foldl", functools.partial(_fold, fn, False), elems, initializer)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, name: str | None = None) -> Any:
    """The same from the last row on."""
    return _recorded_as("foldr", functools.partial(_fold, fn, True), elems, initializer)


def _fold(fn: Callable[[Any, Any], Any], backwards: bool, elems: Any, initializer: Any) -> Any:
    rows = list(ops.convert_to_tensor(elems))[:: -1 if backwards else 1]
    found = rows.pop(0) if initializer is None else initializer
    for row in rows:
        found = fn(found, row)
    return found


def _recorded_as(name: str, function: Callable[..., Any], *args: Any) -> Any:
    """Calls a function, which becomes a node of the graph under a name if it is called on symbolic tensors."""
    if not is_symbolic(args):
        return function(*args)

    def run(*given: Any) -> Any:
        return function(*given)

    run.__name__ = name
    return record(run, args, {})


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: Any = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, list[Any]]:
    """Calls a function for each step of a series.

    Args:
        step_function: Takes a step of the inputs and a list of states, with the constants behind them; returns an
            output and the list of the new states.
        inputs: A tensor `(batch, steps, ...)`, or a structure of them.
        initial_states: The states before the first step.
        go_backwards: Whether the last step comes first.
        mask: `(batch, steps)`: which steps count. For others the output is that of the step before.
        constants: Further tensors for the function.
        unroll: Without effect: a loop of Python is what it is.
        input_length: Without effect: the number of steps is known.
        time_major: Whether inputs and outputs are `(steps, batch, ...)`.
        zero_output_for_mask: Whether the output of a step that does not count is zero.
        return_all_outputs: Whether all outputs are returned, not the last one only.

    Returns:
        The last output, the outputs, and the last states.
    """
    loop = functools.partial(_loop, step_function, (go_backwards, time_major, zero_output_for_mask, return_all_outputs))
    found: tuple[Any, Any, list[Any]] = _recorded_as(
        "rnn", loop, inputs, list(initial_states), mask, list(constants or [])
    )
    return found


def _loop(
    step_function: Callable[..., Any],
    options: tuple[bool, bool, bool, bool],
    inputs: Any,
    states: list[Any],
    mask: Any,
    constants: list[Any],
) -> tuple[Any, Any, list[Any]]:
    go_backwards, time_major, zero_output_for_mask, return_all_outputs = options
    inputs = tree.map_structure(lambda x: _steps_first(x, time_major), inputs)
    mask = None if mask is None else _steps_first(mask, time_major).bool()
    count = tree.flatten(inputs)[0].shape[0]
    outputs: list[Any] = []
    previous: Any = None
    for step in range(count)[:: -1 if go_backwards else 1]:
        output, new = step_function(tree.map_structure(lambda x, at=step: x[at], inputs), [*states, *constants])
        new = list(new)
        if mask is not None:
            keep = mask[step]
            held = tree.map_structure(torch.zeros_like, output) if previous is None else previous
            previous = tree.map_structure(lambda a, b, keep=keep: _choose(keep, a, b), output, held)
            new = [_choose(keep, a, b) for a, b in zip(new, states, strict=True)]
            if zero_output_for_mask:
                output = tree.map_structure(lambda a, keep=keep: _choose(keep, a, torch.zeros_like(a)), output)
            else:
                output = previous
        states = new
        outputs.append(output)
    last = outputs[-1]
    if not return_all_outputs:
        outputs = [last]
    axis = 0 if time_major else 1
    return last, tree.map_structure(lambda *steps: torch.stack(steps, dim=axis), *outputs), states


def _steps_first(x: Any, time_major: bool) -> torch.Tensor:
    found: torch.Tensor = ops.convert_to_tensor(x)
    return found if time_major else found.transpose(0, 1)


def _choose(keep: torch.Tensor, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    return torch.where(keep.reshape((*keep.shape, *(1,) * (new.ndim - keep.ndim))), new, old)


@recorded
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """The CTC loss of each sample as a column; `y_pred` are probabilities, whose last class is the blank."""
    y_pred = ops.convert_to_tensor(y_pred)
    labels, steps = (ops.cast(ops.reshape(one, (-1,)), "int32") for one in (label_length, input_length))
    found = ops.ctc_loss(
        ops.cast(y_true, "int32"), torch.log(y_pred + epsilon()), labels, steps, mask_index=y_pred.shape[-1] - 1
    )
    return found.unsqueeze(1)


@recorded
def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Any], Any]:
    """What probabilities spell, whose last class is the blank: a list of labels with -1 behind their end, and scores.

    Args:
        y_pred: Probabilities `(batch, steps, classes)`.
        input_length: How many steps of each sample count.
        greedy: Whether to take the best class of each step, instead of searching for the best labels.
        beam_width: How many labels the search keeps.
        top_paths: How many it returns.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    labels, scores = ops.ctc_decode(
        torch.log(y_pred + epsilon()),
        ops.reshape(input_length, (-1,)),
        strategy="greedy" if greedy else "beam_search",
        beam_width=beam_width,
        top_paths=top_paths,
        mask_index=y_pred.shape[-1] - 1,
    )
    return [path.to(torch.int64) for path in labels], scores


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    """The labels of each sample, without what is behind their end, as a sparse tensor of torch."""
    labels, lengths = ops.convert_to_tensor(labels), ops.reshape(label_lengths, (-1,))
    counts = torch.arange(labels.shape[1], device=labels.device) < lengths[:, None]
    found = torch.sparse_coo_tensor(counts.nonzero().T, labels[counts], tuple(labels.shape), check_invariants=True)
    return found.coalesce()


#: The functions, by name.
NAMES: dict[str, Any] = {
    one.__name__: one
    for one in (switch, map_fn, foldl, foldr, rnn, ctc_batch_cost, ctc_decode, ctc_label_dense_to_sparse)
}
