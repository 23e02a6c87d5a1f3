"""`Metric`: state that lives on the device, is updated in place and read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from torchkeras_shim import initializers
from torchkeras_shim.core import config, dtype_policies, dtypes, naming, stateless, tree
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.metrics.table import METRICS


@METRICS.register("metric")
class Metric:
    """Base of all metrics; a subclass defines `update_state` and `result`.

    It is a plain object and no `torch.nn.Module`: its state must not enter a model's `state_dict`.

    Args:
        dtype: The type of the results, `floatx()` by default; a `DTypePolicy` is accepted.
        name: The name; by default the class's in snake case.

    Example:
        >>> class Largest(Metric):
        ...     def __init__(self, name="largest", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.value = self.add_weight(name="value", initializer="zeros")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.value.assign(torch.maximum(self.value, y_pred.max()))
        ...     def result(self):
        ...         return self.value.clone()
        >>> Largest()(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(3.)
    """

    _direction: str | None = None

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype = dtype_policies.get(dtype or config.floatx()).compute_dtype
        self._torch_dtype = dtypes.to_torch_dtype(self._dtype)
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """The type of the results."""
        return self._dtype

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any,
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a piece of state.

        Args:
            shape: Its shape.
            initializer: The first value: a name such as `"zeros"`, or an initializer; zeros for `None`.
            dtype: Its type, `floatx()` by default.
            aggregation: How the states of several processes become one at the end of an epoch: `"sum"`, `"mean"`, or
                that of the first process for all else.
            name: Its name.

        Raises:
            RuntimeError: If `super().__init__()` was not called.
            ValueError: If the aggregation is unknown.
        """
        self._check_super_called()
        if aggregation not in (None, "none", "mean", "sum", "only_first_replica"):
            raise ValueError(
                "Invalid value for argument `aggregation`. Expected one of `None`, `'none'`, `'mean'`, `'sum'`, "
                f"`'only_first_replica'`. Received: aggregation={aggregation!r}"
            )
        start = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(start, shape=tuple(shape), dtype=dtype, trainable=False, name=name)
        variable._path = f"{self.name}/{variable.name}"
        if aggregation != "sum":
            variable._aggregation = aggregation  # type: ignore[attr-defined]
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Makes a piece of state; see `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """All state: this metric's own, then that of metrics it holds."""
        self._check_super_called()
        held = list(self._held())
        found = [*self._variables, *(one for one in held if isinstance(one, Variable))]
        for metric in held:
            if isinstance(metric, Metric):
                found += metric.variables
        return list({id(variable): variable for variable in found}.values())

    def _held(self) -> Iterator[Any]:
        """Yields the variables and metrics among the attributes, inside of lists and dicts too."""
        for value in self.__dict__.values():
            if isinstance(value, (Metric, Variable)):
                yield value
            elif tree.is_nested(value):
                yield from (leaf for leaf in tree.flatten(value) if isinstance(leaf, (Metric, Variable)))

    def to(self, device: torch.device | str) -> Metric:
        """Moves the state to a device, in place.

        Args:
            device: Where to.

        Returns:
            This metric.
        """
        for variable in self.variables:
            variable.data = variable.data.to(device)
        return self

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a batch into the state; subclasses define it as `(y_true, y_pred, sample_weight=None)`."""
        raise NotImplementedError(f"{type(self).__name__} has to define `update_state(self, ...)`.")

    def result(self) -> Any:
        """Computes the metric from the state; subclasses define it.

        Returns:
            A 0-d tensor, or a dict of them.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define `result(self)`.")

    def reset_state(self) -> None:
        """Sets all state to zero, as at the start of an epoch."""
        with torch.no_grad():
            for variable in self.variables:
                variable.zero_()

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[torch.Tensor]:
        """Returns the state that `update_state` makes of a given one; the metric's own stays as it is.

        Args:
            metric_variables: Values in the order of `variables`.
            *args: What `update_state` takes.
            **kwargs: The same.
        """
        variables = self.variables
        values = stateless.checked(
            "metric_variables", metric_variables, variables, f"{type(self).__name__}().variables"
        )
        with stateless.holding(variables, values):
            self.update_state(*args, **kwargs)
            return stateless.read(variables)

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Returns the result for a given state; the metric's own stays as it is."""
        variables = self.variables
        values = stateless.checked(
            "metric_variables", metric_variables, variables, f"{type(self).__name__}().variables"
        )
        with stateless.holding(variables, values):
            return tree.map_structure(
                lambda leaf: leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf, self.result()
            )

    def stateless_reset_state(self) -> list[torch.Tensor]:
        """Returns the state that a metric starts with; the metric's own stays as it is."""
        variables = self.variables
        with stateless.holding(variables, variables):
            self.reset_state()
            return stateless.read(variables)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Updates the state and returns the result."""
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Rebuilds a metric from `get_config()`."""
        return cls(**config)

    def _check_super_called(self) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                f"You forgot to call `super().__init__()` in the `__init__()` method of {type(self).__name__}. "
                "Go add it, as the first line."
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
