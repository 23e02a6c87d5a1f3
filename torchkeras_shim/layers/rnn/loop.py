"""The loop over time: any cell, any mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core import tree
from torchkeras_shim.layers.base import Layer

_module_call = torch.nn.Module.__call__


def is_nested(value: Any) -> bool:
    """Returns whether a cell's states are a structure and not one tensor."""
    return isinstance(value, (list, tuple, dict))


def step_of(cell: Any, training: bool) -> Callable[[Any, Any], Any]:
    """Returns a function `(inputs, states) -> (output, states)` that takes one step of a built cell.

    It calls the module itself and spends no time on what a layer does around its call: the sequence has been
    converted and checked as a whole.
    """
    if not isinstance(cell, Layer):
        return cell if callable(cell) else cell.call  # type: ignore[no-any-return]
    if cell._call_spec.has_training:
        return lambda inputs, states: _module_call(cell, inputs, states, training=training)
    return lambda inputs, states: _module_call(cell, inputs, states)


def like(structure: Any, leaves: list[Any]) -> Any:
    """Returns new leaves in the structure of another one."""
    remaining = iter(leaves)
    return tree.map_structure(lambda _: next(remaining), structure)


def run(
    step: Callable[[Any, Any], Any],
    sequences: torch.Tensor,
    states: Any,
    mask: torch.Tensor | None,
    go_backwards: bool,
    zero_output_for_mask: bool,
    return_sequences: bool,
) -> tuple[Any, Any]:
    """Steps through time. A masked step repeats the output and the states before it.

    Args:
        step: One step of a cell.
        sequences: A tensor of shape (batch, time, ...).
        states: The states before the first step.
        mask: Booleans of shape (batch, time), or with further axes of the states behind these, or `None`.
        go_backwards: Whether to start with the last step; the outputs are in the order of the steps taken.
        zero_output_for_mask: Whether the output of a masked step is zero instead.
        return_sequences: Whether all outputs are wanted, or the last.

    Returns:
        The outputs, of shape (batch, time, ...) or (batch, ...), and the states after the last step.
    """
    steps: Any = sequences.unbind(1)
    valid: Any = None if mask is None else mask.unbind(1)
    if go_backwards:
        steps, valid = steps[::-1], None if valid is None else valid[::-1]
    outputs: list[torch.Tensor] = []
    output: Any = None
    for index, inputs in enumerate(steps):
        new, new_states = step(inputs, states)
        flat = tree.flatten(new_states)
        if valid is not None:
            now = valid[index]
            flat = [_where(now, one, old) for one, old in zip(flat, tree.flatten(states), strict=True)]
            previous = torch.zeros_like(new) if output is None or zero_output_for_mask else output
            new = _where(now, new, previous)
        output = new
        states = like(states, flat)
        if return_sequences:
            outputs.append(output)
    return (torch.stack(outputs, 1) if return_sequences else output), states


def _where(valid: torch.Tensor, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    return torch.where(valid.reshape(*valid.shape, *[1] * (new.ndim - valid.ndim)), new, old)
