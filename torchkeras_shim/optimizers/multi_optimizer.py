"""`MultiOptimizer`: different optimizers for different variables, chosen by `OptimizerMap` or a function."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import torch

from torchkeras_shim.core import serialization
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import checks
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.loss_scale_optimizer import LossScaleOptimizer
from torchkeras_shim.optimizers.table import OPTIMIZERS


@OPTIMIZERS.register()
class OptimizerMap(MutableMapping[str, Optimizer]):
    """Which optimizer a variable gets, by its path or by a pattern that matches the whole path.

    Args:
        default_optimizer: The optimizer of variables that nothing matches.
        optimizer_map: Optimizers by path or pattern.

    Raises:
        TypeError: If the arguments are of another kind.

    Example:
        >>> from torchkeras_shim.optimizers import SGD, Adam
        >>> chosen = OptimizerMap(SGD(), {"encoder/.*": Adam(name="own")})
        >>> chosen["encoder/dense/kernel"].name
        'own'
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None) -> None:
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(f"default_optimizer must be a Keras Optimizer instance. Received: {default_optimizer}")
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary. Received: {optimizer_map}")
        self._default_optimizer = default_optimizer
        self._optimizer_map = optimizer_map or {}

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of variables that nothing matches."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"Multiple optimizers assigned to variable {key}. The patterns {matching} all match it.")
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: {key}")
        if key in self._optimizer_map:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value {self._optimizer_map[key]}. Please make sure "
                "to not use duplicated keys."
            )
        _check(optimizer, "optimizer")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __call__(self, variable: torch.Tensor) -> Optimizer:
        """Returns the optimizer of a variable; a torch parameter, which has no path, gets the default one."""
        path = getattr(variable, "path", None)
        return self._default_optimizer if path is None else self[path]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "default_optimizer": serialization.serialize_keras_object(self._default_optimizer),
            "optimizer_map": serialization.serialize_keras_object(self._optimizer_map),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerMap:
        """Rebuilds a map from `get_config()`."""
        default, chosen = (
            serialization.deserialize_keras_object(
                config[key], custom_objects=custom_objects, default_module="keras.optimizers"
            )
            for key in ("default_optimizer", "optimizer_map")
        )
        return cls(default, chosen)


@OPTIMIZERS.register()
class MultiOptimizer(Optimizer):
    """Hands each variable to an optimizer of its own choice.

    It has no learning rate: set those of `optimizers`.

    Args:
        optimizer_map: An `OptimizerMap`, or a function from a variable to its optimizer; the same instance may be
            returned for several variables.
        loss_scale_factor: What `scale_loss` multiplies by and every optimizer divides the gradients by.
        name: The name.

    Raises:
        ValueError: If a variable's optimizer is none, or wraps others itself.

    Example:
        >>> from torchkeras_shim.optimizers import SGD
        >>> w, v = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
        >>> fast, slow = SGD(0.5), SGD(0.25)
        >>> MultiOptimizer(lambda p: fast if p is w else slow).apply([torch.ones(1)] * 2, [w, v])
        >>> w.item(), v.item()
        (0.5, 0.75)
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Any], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(learning_rate=0.0, name=name)
        self._optimizer_map = optimizer_map
        self._inner_optimizers: list[Optimizer] = []
        self._places: list[int] = []  # for each variable the place of its optimizer
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._place_of(optimizer)
        self.loss_scale_factor = loss_scale_factor

    def _place_of(self, optimizer: Optimizer) -> int:
        for place, known in enumerate(self._inner_optimizers):
            if known is optimizer:
                return place
        self._inner_optimizers.append(optimizer)
        optimizer.loss_scale_factor = self.loss_scale_factor
        return len(self._inner_optimizers) - 1

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        """Asks for the optimizer of each variable, and lets each create its state.

        Args:
            variables: Variables or any torch parameters.
        """
        if self.built:
            return
        variables = list(variables)
        self._places = []
        for variable in variables:
            optimizer = self._optimizer_map(variable)
            _check(optimizer, f"Optimizer for variable {getattr(variable, 'path', tuple(variable.shape))}")
            self._places.append(self._place_of(optimizer))
        for place, optimizer in enumerate(self._inner_optimizers):
            own = [variable for variable, chosen in zip(variables, self._places, strict=True) if chosen == place]
            if own:
                optimizer.build(own)
        super().build(variables)

    def exchange(self, others: Mapping[int, tuple[Any, torch.Tensor]]) -> None:
        """Goes on with other tensors in the places of variables; see `Optimizer`."""
        super().exchange(others)
        for optimizer in self._inner_optimizers:
            optimizer.exchange(others)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers."""
        return self._inner_optimizers

    @property
    def variables(self) -> list[Variable]:
        """This optimizer's step count, then the variables of all others."""
        return super().variables + [variable for inner in self._inner_optimizers for variable in inner.variables]

    @property
    def learning_rate(self) -> Any:
        """Is not available.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. Access the learning rate on the individual "
            "sub-optimizers instead: `optimizer.optimizers[0].learning_rate`."
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. Set the learning rate on the individual sub-optimizers "
            f"instead: `optimizer.optimizers[0].learning_rate = {value}`."
        )

    @property
    def loss_scale_factor(self) -> float | None:
        """What `scale_loss` multiplies by; setting it sets that of every optimizer."""
        return self.__dict__.get("_loss_scale_factor")

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self.__dict__["_loss_scale_factor"] = value
        for optimizer in self.__dict__.get("_inner_optimizers", ()):
            optimizer.loss_scale_factor = value

    @property
    def gradient_sums_are_own(self) -> bool:
        """Whether sums of gradients are those of one of several processes; setting it does so for every optimizer."""
        return any(optimizer.gradient_sums_are_own for optimizer in self._inner_optimizers)

    @gradient_sums_are_own.setter
    def gradient_sums_are_own(self, value: bool) -> None:
        for optimizer in self._inner_optimizers:
            optimizer.gradient_sums_are_own = value

    # The step -------------------------------------------------------------------------------------------------------

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Lets each optimizer update its variables once.

        Args:
            grads: The gradients, in the variables' order; `None` if there is none.
            trainable_variables: The variables; those of `build` by default. The first call builds.

        Raises:
            ValueError: If gradients and variables do not match one-to-one, or an optimizer gets no gradient at all.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._known_variables(grads, trainable_variables)
        if len(grads) != len(self._trainable_variables):
            raise ValueError(
                f"Gradients must match trainable variables one-to-one. Received {len(grads)} gradients and "
                f"{len(self._trainable_variables)} variables."
            )
        self._run_each(grads, [(o, i, [variables[k] for k in i]) for o, i in self._shares(variables)])

    def _shares(self, variables: Sequence[torch.Tensor]) -> list[tuple[Optimizer, list[int]]]:
        """Returns each optimizer with the places of its variables in a list."""
        checks.check_known(self, list(variables))
        chosen = [self._places[self._get_variable_index(variable)] for variable in variables]
        shares = [
            (optimizer, [index for index, place in enumerate(chosen) if place == own])
            for own, optimizer in enumerate(self._inner_optimizers)
        ]
        return [(optimizer, indices) for optimizer, indices in shares if indices]

    def _run_each(self, grads: list[Any], shares: list[tuple[Optimizer, list[int], list[torch.Tensor]]]) -> None:
        for optimizer, indices, variables in shares:
            optimizer.apply([grads[index] for index in indices], variables)
        self.advance()

    def stepper(self, variables: Sequence[torch.Tensor]) -> Callable[[list[Any]], None]:
        """Returns `apply` for one list of variables."""
        variables = list(variables)
        if not self.built or len(variables) != len(self._trainable_variables):
            return lambda grads: self.apply(grads, variables)
        runs = [
            (optimizer.stepper([variables[index] for index in indices]), indices)
            for optimizer, indices in self._shares(variables)
        ]

        def step(grads: list[Any]) -> None:
            for run, indices in runs:
                run([grads[index] for index in indices])
            self.advance()

        return step

    def update(self, grads: Sequence[torch.Tensor], scalars: Sequence[Scalar]) -> None:
        """Is not available.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("A MultiOptimizer has no rule of its own; call `apply(grads, variables)`.")

    @property
    def capturable(self) -> bool:
        """Never: the numbers of a step are those of several optimizers."""
        return False

    def finalize_variable_values(self, var_list: Sequence[torch.Tensor]) -> None:
        """Lets each optimizer overwrite its variables with their averages."""
        for optimizer, indices in self._shares(var_list):
            optimizer.finalize_variable_values([var_list[index] for index in indices])

    def exclude_from_weight_decay(
        self, var_list: Iterable[torch.Tensor] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leaves variables out of the weight decay of every optimizer."""
        excluded, names = list(var_list or []), list(var_names or [])
        for optimizer in self._inner_optimizers:
            optimizer.exclude_from_weight_decay(excluded, names)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "optimizer_map": serialization.serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> MultiOptimizer:
        """Rebuilds an optimizer, without its state, from `get_config()`."""
        config = dict(config)
        config["optimizer_map"] = serialization.deserialize_keras_object(
            config["optimizer_map"], custom_objects=custom_objects, default_module="keras.optimizers"
        )
        return cls(**config)


def _check(optimizer: Any, what: str) -> None:
    """Refuses what cannot be one of several optimizers."""
    if not isinstance(optimizer, Optimizer):
        raise ValueError(f"{what} must be a Keras Optimizer instance. Received: {optimizer}")
    if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        kind = type(optimizer).__name__
        raise ValueError(
            f"{what} cannot be {kind}: {kind} cannot be used inside an MultiOptimizer. "
            "Pass the inner optimizer itself, and wrap the whole: `LossScaleOptimizer(MultiOptimizer(...))`."
        )
