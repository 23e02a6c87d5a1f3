"""Runs of metrics and optimizers on values that are given, after which their own variables are as they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch


def checked(name: str, values: Sequence[Any], variables: Sequence[torch.Tensor], of: str) -> list[torch.Tensor]:
    """Returns given values as tensors like the variables that they stand for.

    Args:
        name: The argument's name, for messages.
        values: The values.
        variables: The variables.
        of: What the variables are, for messages.

    Raises:
        ValueError: If number or shapes differ.
    """
    if len(values) != len(variables):
        raise ValueError(
            f"Argument `{name}` must be a list of tensors corresponding 1:1 to {of}. Received list with length "
            f"{len(values)}, but expected {len(variables)} variables."
        )
    found = []
    for index, (value, variable) in enumerate(zip(values, variables, strict=True)):
        tensor = torch.as_tensor(value).to(variable.device, variable.dtype)
        if tensor.shape != variable.shape:
            raise ValueError(
                f"All values in `{name}` must have the shapes of {of}. Received a value of shape "
                f"{tuple(tensor.shape)} for variable {index}, '{getattr(variable, 'path', '')}', of shape "
                f"{tuple(variable.shape)}."
            )
        found.append(tensor)
    return found


@contextmanager
def holding(variables: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> Iterator[None]:
    """Lets variables hold other values inside of the block."""
    with torch.no_grad():
        before = [variable.detach().clone() for variable in variables]
        given = [value.detach().clone() for value in values]
        try:
            for variable, value in zip(variables, given, strict=True):
                variable.copy_(value)
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.copy_(value)


def read(variables: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Returns copies of what variables hold, as plain tensors."""
    return [variable.detach().as_subclass(torch.Tensor).clone() for variable in variables]
