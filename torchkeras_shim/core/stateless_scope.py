"""`StatelessScope`: a block in which variables hold given values, and after which they are as they were."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import torch

from torchkeras_shim.core.variable import Variable, observers_of_writes


class StatelessScope:
    """A block after which no variable has changed: what they became is asked of the scope.

    Variables that are given a value hold it inside of the block, in their own memory, so that whatever reads them sees
    it; those that are assigned to inside get their old value back. No gradient flows to the given values: for that
    there is `layer.stateless_call(...)`, or `torch.func.functional_call`.

    Args:
        state_mapping: Pairs `(variable, value)`.
        collect_losses: Must be `False`: the losses that layers add are in `model.losses`.
        initialize_variables: Must be `True`: a variable has its value from the start.

    Raises:
        ValueError: If a pair does not have a variable, and a value of its shape.
        NotImplementedError: If an option is not supported, or a gradient would have to flow to a value.

    Example:
        >>> import torchkeras_shim as keras
        >>> counter = keras.Variable(1.0, trainable=False)
        >>> with keras.StatelessScope([(counter, 5.0)]) as scope:
        ...     _ = counter.assign_add(2.0)
        >>> float(counter), float(scope.get_current_value(counter))
        (1.0, 7.0)
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        if collect_losses or not initialize_variables:
            raise NotImplementedError(
                "StatelessScope supports only collect_losses=False and initialize_variables=True. "
                f"Received: {collect_losses=}, {initialize_variables=}. "
            )
        self._given = [(variable, _value_for(variable, value)) for variable, value in state_mapping or ()]
        self._before: dict[int, tuple[Variable, torch.Tensor]] = {}  # the variables of the block, with their old values
        self._after: dict[int, tuple[Variable, torch.Tensor]] = {}

    def __enter__(self) -> StatelessScope:
        self._thread = threading.get_ident()
        observers_of_writes.append(self._note)
        for variable, value in self._given:
            variable.assign(value)
        return self

    def __exit__(self, *_: Any) -> None:
        observers_of_writes.remove(self._note)
        self._after = {key: (variable, _copy(variable)) for key, (variable, _) in self._before.items()}
        for variable, value in self._before.values():
            variable.assign(value)
        self._before = {}

    def _note(self, tensor: torch.Tensor) -> None:
        """Keeps the value of a variable that is about to change for the first time. Other threads' are theirs."""
        if threading.get_ident() == self._thread and isinstance(tensor, Variable) and id(tensor) not in self._before:
            self._before[id(tensor)] = tensor, _copy(tensor)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Assigns to a variable inside of the block.

        Args:
            update: The variable and its value.
        """
        variable, value = update
        variable.assign(value)

    def get_current_value(self, variable: Variable) -> torch.Tensor | None:
        """Returns what a variable holds in the block, or held at its end; `None` if the block did not concern it."""
        if id(variable) in self._before:
            return _copy(variable)
        return self._after[id(variable)][1] if id(variable) in self._after else None


def _copy(variable: Variable) -> torch.Tensor:
    return variable.detach().as_subclass(torch.Tensor).clone()


def _value_for(variable: Any, value: Any) -> torch.Tensor:
    if not isinstance(variable, Variable):
        raise ValueError(
            "Invalid reference variable in StatelessScope: all keys in argument `mapping` must be Variable instances. "
            f"Received instead: {variable}"
        )
    if isinstance(value, torch.Tensor) and value.requires_grad and not isinstance(value, Variable):
        raise NotImplementedError(
            f"The value for variable '{variable.path}' takes gradients, which cannot flow through a StatelessScope. "
            "Write `layer.stateless_call(trainable_values, non_trainable_values, x)`, or detach the value."
        )
    found = torch.as_tensor(value).detach()
    if found.shape != variable.shape:
        raise ValueError(
            "Invalid variable value in StatelessScope: all values in argument `mapping` must be tensors with a shape "
            f"that matches the corresponding variable shape. For variable '{variable.path}' of shape "
            f"{tuple(variable.shape)}, received a value of shape {tuple(found.shape)}."
        )
    return found
