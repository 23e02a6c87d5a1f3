"""A torch optimizer behind Keras's interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from torchkeras_shim.core import sharded
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.overwriting import any_overwritten, is_overwritten, overwrite


class TorchOptimizer(Optimizer):
    """Makes a `torch.optim` optimizer usable wherever Keras's are.

    Args:
        optimizer: The torch optimizer, with its parameters.
        name: The name; the torch class's by default.

    Raises:
        TypeError: If `optimizer` is not a torch optimizer, or one that needs a closure, such as LBFGS.

    Example:
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> optimizer = TorchOptimizer(torch.optim.SGD([w], lr=0.5))
        >>> optimizer.apply([torch.ones(2)], [w])
        >>> w.detach(), float(optimizer.learning_rate)
        (tensor([0.5000, 0.5000]), 0.5)
    """

    def __init__(self, optimizer: torch.optim.Optimizer, name: str | None = None) -> None:
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"Expected an instance of `torch.optim.Optimizer`. Received: {optimizer!r}")
        if isinstance(optimizer, torch.optim.LBFGS):
            raise TypeError(
                "torch.optim.LBFGS evaluates the model several times in each step, through a closure, which training "
                "step by step cannot give it. Use it in a loop of your own: `optimizer.step(closure)`."
            )
        super().__init__(
            learning_rate=float(optimizer.param_groups[0]["lr"]), name=name or type(optimizer).__name__.lower()
        )
        self.optimizer = optimizer
        super().build([parameter for group in optimizer.param_groups for parameter in group["params"]])

    def exchange(self, others: Mapping[int, tuple[Any, torch.Tensor]]) -> None:
        """Goes on with other tensors in the places of parameters; see `Optimizer`."""
        super().exchange(others)
        state = self.optimizer.state
        for group in self.optimizer.param_groups:
            group["params"] = [others.get(id(one), (one, one))[1] for one in group["params"]]
        for before, after in others.values():
            if before in state:
                state[after] = {name: _cut(value, after) for name, value in state.pop(before).items()}

    @property
    def learning_rate(self) -> Any:
        """The rate of the first parameter group; setting it sets all groups."""
        self._pull_rate()
        return self._rate.current(self._steps)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            raise TypeError(
                f"The learning rate of a torch optimizer can be set to a number only. Received: {value!r}. Use a "
                "scheduler of `torch.optim.lr_scheduler`, or the Keras optimizer of the same name."
            )
        self._rate.set(value)
        self._push_rate()

    def _pull_rate(self) -> None:
        """Takes over what a torch scheduler set, unless somebody assigned the variable since."""
        number = self._rate.number
        assert number is not None
        if number.variable._version != number.version:
            self._push_rate()
            return
        rate = float(self.optimizer.param_groups[0]["lr"])
        if rate != number.value:
            number.write(rate)

    def _push_rate(self) -> None:
        assert self._rate.number is not None
        rate = self._rate.number.reread()
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Updates the parameters once: sets each `.grad` that is another tensor, and calls `step()`.

        Args:
            grads: The gradients, in the order of the variables; `None` if there is none.
            trainable_variables: The variables; those of the torch optimizer by default.

        Raises:
            ValueError: If the numbers of gradients and variables differ.
        """
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        grads = list(grads)
        if len(grads) != len(variables):
            raise ValueError(f"Received {len(grads)} gradients for {len(variables)} variables.")
        for grad, variable in zip(grads, variables, strict=True):
            if variable.grad is not grad:
                variable.grad = grad
        if any_overwritten(variables):
            self._put_gradients(variables)
        number = self._rate.number
        assert number is not None
        if number.variable._version != number.version:
            self._push_rate()
        self.optimizer.step()
        self.advance()

    def _put_gradients(self, variables: list[torch.Tensor]) -> None:
        """Puts gradients in the places of values, where variables want it; torch then finds none there."""
        for variable in filter(is_overwritten, variables):
            if variable.grad is not None:
                overwrite([variable.grad], [variable])
                variable.grad = None

    def stepper(self, variables: Sequence[torch.Tensor]) -> Callable[[list[Any]], None]:
        """Returns `apply` for one list of variables."""
        variables = list(variables)
        return lambda grads: self.apply(grads, variables)

    def __repr__(self) -> str:
        return f"<TorchOptimizer {type(self.optimizer).__name__}>"

    @property
    def capturable(self) -> bool:
        """Never: what a torch optimizer does in a step is its own affair."""
        return False

    def update(self, grads: Sequence[torch.Tensor], scalars: Sequence[Scalar]) -> None:
        """Is not available.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("A torch optimizer has no update of plain tensors; call `apply(grads, variables)`.")

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        """Does nothing: a torch optimizer is born with its parameters."""

    @property
    def variables(self) -> list[Variable]:
        """The step count and the learning rate; the state is in `optimizer.state`."""
        self._pull_rate()
        assert self._rate.number is not None
        return [self._steps.synced(), self._rate.number.synced()]

    def save_own_variables(self, store: Any) -> None:
        """Writes the step count, the rate, and torch's state under `"<parameter>.<name>"`."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()
        for index, entries in self.optimizer.state_dict()["state"].items():
            for name, value in entries.items():
                if value is not None:
                    store[f"{index}.{name}"] = sharded.whole(torch.as_tensor(value)).numpy(force=True).copy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote."""
        state: dict[int, dict[str, Any]] = {}
        for key in store.keys():  # noqa: SIM118 - a store has keys() but need not be iterable
            if "." in key:
                index, name = key.split(".", 1)
                state.setdefault(int(index), {})[name] = torch.tensor(store[key][...])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        for parameter, entries in self.optimizer.state.items():
            entries.update({name: _cut(value, parameter) for name, value in entries.items()})
        self._steps.variable.assign(store["0"])
        assert self._rate.number is not None
        self._rate.number.variable.assign(store["1"])
        self._push_rate()

    def get_config(self) -> dict[str, Any]:
        """Is not available.

        Raises:
            NotImplementedError: always; a torch optimizer has no config.
        """
        raise NotImplementedError(
            f"A torch optimizer ({type(self.optimizer).__name__}) has no Keras config. Compile with a Keras "
            'optimizer, such as `optimizer="adam"`, to save the model with its optimizer, or save weights and '
            "`state_dict()` only."
        )


def _cut(value: Any, parameter: torch.Tensor) -> Any:
    """Returns what a torch optimizer remembers of a parameter, cut as that one is if it has its shape."""
    fits = isinstance(value, torch.Tensor) and value.shape == parameter.shape and not sharded.is_sharded(value)
    return sharded.cut(sharded.part(value, parameter), parameter) if fits and sharded.is_sharded(parameter) else value
