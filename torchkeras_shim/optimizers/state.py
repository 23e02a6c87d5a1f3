"""What an optimizer holds: its settings, its variables, and how they are saved, copied and described."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from torchkeras_shim.core import naming, serialization, sharded
from torchkeras_shim.core.config import floatx
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import checks, slots
from torchkeras_shim.optimizers.host import HostNumber
from torchkeras_shim.optimizers.overwriting import is_overwritten
from torchkeras_shim.optimizers.plan import Plan
from torchkeras_shim.optimizers.rate import LearningRate

#: Attributes that decide what a step does: setting one of them after `build` prepares the step anew.
_STEP_SETTINGS = frozenset(("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor"))


class OptimizerState:
    """The half of `Optimizer` that is there between the steps; see `Optimizer` for the arguments."""

    built: bool
    #: Whether the sums of gradients are those of one of several processes, which are added up at the next update.
    gradient_sums_are_own = False
    _variables: list[Variable]

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.__dict__["_variables"] = []
        self.__dict__["built"] = False
        checks.check_unknown(type(self), kwargs)
        checks.check_accumulation(gradient_accumulation_steps)
        checks.check_clipping(clipnorm, clipvalue, global_clipnorm)
        if use_ema:
            checks.check_ema(ema_momentum, ema_overwrite_frequency)
        self.name = naming.auto_name(type(self).__name__) if name is None else name
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._every = gradient_accumulation_steps or 1
        self._trainable_variables: list[torch.Tensor] = []
        self._trainable_variables_indices: dict[int, int] = {}
        self._slot_owners: list[tuple[Variable, torch.Tensor]] = []
        self._excluded_variables: list[torch.Tensor] = []
        self._excluded_names: re.Pattern[str] | None = None
        self._averages: list[Variable | None] = []
        self._averaged: list[torch.Tensor] = []
        self._accumulated: list[Variable] = []
        self._flag: torch.Tensor | None = None
        self._steady: Plan | None = None
        self._generation = 0  # changes whenever a step bound before is out of date
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._steps = HostNumber(0, "int64", "iteration", f"{self.name}/iteration")
        self._variables.append(self._steps.variable)
        self._rate = LearningRate(learning_rate, floatx(), f"{self.name}/learning_rate")
        if self._rate.number is not None:
            self._variables.append(self._rate.number.variable)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                f"In optimizer '{type(self).__name__}', you forgot to call `super().__init__()` as the first statement "
                "in the `__init__()` method. Go add it!"
            )
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        self.__dict__[name] = value
        if isinstance(value, Variable) and not any(value is known for known in self._variables):
            self._variables.append(value)
        if name in _STEP_SETTINGS and self.built:
            self.rebind()

    def rebind(self) -> None:
        """Prepares the step anew: after settings, constraints or the memory of the variables changed."""
        self._plans.clear()
        self._steady = None
        self._generation += 1
        for slot, owner in self._slot_owners:
            slots.follow(slot, owner)

    def exchange(self, others: Mapping[int, tuple[Any, torch.Tensor]]) -> None:
        """Goes on with other tensors in the places of variables: those that are cut over processes now.

        Args:
            others: The variable that was, which must be kept alive, and the one that is now, by the `id` of the first.
        """
        places: dict[int, tuple[Any, Any]] = dict(others)
        for slot, owner in self._slot_owners:
            if id(owner) in others:
                places[id(slot)] = (slot, slots.exchanged(slot, others[id(owner)][1]))
        for name, value in self.__dict__.items():
            self.__dict__[name] = _exchanged(value, places)
        self._trainable_variables_indices = {self._var_key(v): i for i, v in enumerate(self._trainable_variables)}
        self.rebind()

    # Variables ------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The step count, the learning rate if it is a variable, and the state of every variable."""
        self._sync()
        return list(self._variables)

    @property
    def iterations(self) -> torch.Tensor:
        """How many updates were made."""
        steps = self._steps.synced()
        return steps if self._every == 1 else torch.div(steps.detach(), self._every, rounding_mode="floor")

    @property
    def learning_rate(self) -> Any:
        """The current learning rate: a variable, or what the schedule or the callable gives for this step."""
        return self._rate.current(self._steps)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        before = self._rate.number
        self._rate.set(value)
        if before is not None and self._rate.number is None:
            self.__dict__["_variables"] = [v for v in self._variables if v is not before.variable]

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        """Creates the state for a list of variables. Called by the first `apply` where nobody did before.

        Args:
            variables: Variables or any torch parameters.
        """
        if self.built:
            return
        self._trainable_variables = list(variables)
        self._every = self.gradient_accumulation_steps or 1
        self._trainable_variables_indices = {self._var_key(v): i for i, v in enumerate(self._trainable_variables)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(self._trainable_variables, "average")
            pairs = zip(self._trainable_variables, self._averages, strict=True)
            self._averaged = [variable for variable, average in pairs if average is not None]
        if self.gradient_accumulation_steps:
            self._accumulated = [
                self.add_variable_from_reference(variable, "gradient_accumulator")
                for variable in self._trainable_variables
            ]
        self.built = True
        self._create_slots(self._trainable_variables)

    def _create_slots(self, variables: list[torch.Tensor]) -> None:
        """Creates the state of the rule."""

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Adds a variable of the optimizer's own.

        Args:
            shape: The shape.
            initializer: The first value, as for a layer's weight.
            dtype: The type, `floatx()` by default.
            aggregation: Accepted as in Keras; with a single replica all of its values mean the same.
            layout: Must be `None`.
            name: The name.

        Raises:
            ValueError: If it is a layout.
        """
        if layout is not None:
            raise ValueError(f"`layout` is not supported: variables are not distributed. Received: layout={layout}")
        if aggregation not in (None, "none", "mean", "sum", "only_first_replica"):
            raise ValueError(
                "`aggregation` must be one of None, 'none', 'mean', 'sum' and 'only_first_replica'. "
                f"Received: aggregation={aggregation}"
            )
        variable = slots.make_variable(initializer, shape, dtype, name, self.name)
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: torch.Tensor, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Adds a variable with the shape, type, device and memory layout of one of the model's.

        Args:
            reference_variable: The model's variable.
            name: The last part of the new variable's name.
            initializer: The first value.
        """
        index = self._trainable_variables_indices.get(self._var_key(reference_variable), len(self._slot_owners))
        full_name = slots.slot_name(reference_variable, index, name or "var")
        slot = slots.make_slot(reference_variable, initializer, full_name, self.name)
        self._variables.append(slot)
        self._slot_owners.append((slot, reference_variable))
        return slot

    def _add_part(self, reference: torch.Tensor, shape: Sequence[int], name: str) -> Variable:
        """Adds a variable that belongs to one of the model's, has its type and device, but another shape."""
        part = slots.make_part(reference, shape, name, self.name)
        self._variables.append(part)
        self._slot_owners.append((part, reference))
        return part

    def add_optimizer_variables(
        self, trainable_variables: Iterable[torch.Tensor], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Adds one variable, or several, for each of the model's.

        Args:
            trainable_variables: The model's variables.
            name: A name, or a list of names for several kinds.
            initializer: The first value, or a list of them, one for each name.

        Returns:
            A list of variables, or a tuple of lists where several names were given; `None` for variables that are
            overwritten with their gradients.

        Raises:
            ValueError: If names and initializers differ in number.
        """
        names = [name] if isinstance(name, str) else list(name)
        initializers = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(names) != len(initializers):
            raise ValueError(
                "The number of provided names must match the number of provided initializers. "
                f"Received name='{name}', initializer='{initializer}'"
            )
        lists: tuple[list[Variable | None], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            unused = is_overwritten(variable)
            for kind, one_name, one_initializer in zip(lists, names, initializers, strict=True):
                slot = None if unused else self.add_variable_from_reference(variable, one_name, one_initializer)
                kind.append(slot)
        return lists[0] if isinstance(name, str) else lists

    def _var_key(self, variable: torch.Tensor) -> int:
        return id(variable)

    def _get_variable_index(self, variable: torch.Tensor) -> int:
        return self._trainable_variables_indices[self._var_key(variable)]

    @property
    def completes_round(self) -> bool:
        """Whether the next step updates the variables; with gradient accumulation most do not."""
        return not (self._steps.read() + 1) % self._every

    @property
    def trained(self) -> list[torch.Tensor]:
        """The variables that it was built with."""
        return self._trainable_variables

    @property
    def gradient_sums(self) -> list[Variable]:
        """The sums of gradients since the last update, of all variables; none without gradient accumulation."""
        return self._accumulated

    def gradient_sums_of(self, variables: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        """Returns the sums of gradients of some variables."""
        sums = (self._accumulated[self._get_variable_index(variable)] for variable in variables)
        return [sharded.local(total.detach()) for total in sums]

    def assign(self, variable: torch.Tensor, value: Any) -> None:
        """Overwrites a variable of the model or the optimizer in place."""
        sharded.write(variable, torch.as_tensor(value))

    def assign_add(self, variable: torch.Tensor, value: Any) -> None:
        """Adds to a variable in place."""
        with torch.no_grad():
            sharded.local(variable).add_(_part(value, variable))

    def assign_sub(self, variable: torch.Tensor, value: Any) -> None:
        """Subtracts from a variable in place."""
        with torch.no_grad():
            sharded.local(variable).sub_(_part(value, variable))

    # Saving ---------------------------------------------------------------------------------------------------------

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all variables, in the order of `variables`.

        Raises:
            ValueError: before the optimizer is built, and for shapes that differ.
        """
        checks.check_built_for_weights(self)
        for variable, weight in zip(self.variables, weights, strict=False):
            if tuple(variable.shape) != tuple(weight.shape):
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {tuple(variable.shape)} not compatible with "
                    f"provided weight shape {tuple(weight.shape)}."
                )
            variable.assign(weight)
        self.gradient_sums_are_own = False

    @property
    def slots(self) -> list[Variable]:
        """What the rule remembers of the model's variables; each name ends in what it is, such as `_momentum`."""
        return [slot for slot, _ in self._slot_owners]

    def resume(self, steps: int) -> None:
        """Goes on after a number of steps, whose `slots` somebody has restored."""
        self._steps.write(steps)

    def save_own_variables(self, store: Any) -> None:
        """Writes the state into a mapping, under `"0"`, `"1"`, ... in the order of `variables`."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads the state from a mapping that `save_own_variables` filled; warns if the number does not fit."""
        variables = self.variables
        if len(store.keys()) != len(variables):
            warnings.warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has {len(variables)} variables "
                f"whereas the saved optimizer has {len(store.keys())} variables. ",
                stacklevel=2,
            )
            return
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])
        self.gradient_sums_are_own = False

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "learning_rate": self._rate.get_config(),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> OptimizerState:
        """Rebuilds an optimizer, without its state, from `get_config()`.

        Args:
            config: The arguments.
            custom_objects: The user's own schedules and functions by name.
        """
        config = dict(config)
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = serialization.deserialize_keras_object(
                config["learning_rate"], custom_objects=custom_objects, default_module="keras.optimizers.schedules"
            )
        return cls(**config)

    def _sync(self) -> None:
        """Brings every variable up to date whose value is kept on the host."""
        self._steps.synced()

    def __getstate__(self) -> dict[str, Any]:
        self._sync()
        # Plans hold identities and aliases of these very tensors, which a copy does not share.
        return {**self.__dict__, "_plans": {}, "_steady": None, "_flag": None, "_trainable_variables_indices": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["_trainable_variables_indices"] = {
            self._var_key(variable): index for index, variable in enumerate(self._trainable_variables)
        }


def _exchanged(value: Any, places: Mapping[int, tuple[Any, Any]]) -> Any:
    """Returns an attribute with other tensors in the places of some, in whatever lists they are."""
    if isinstance(value, torch.Tensor):
        return places[id(value)][1] if id(value) in places else value
    if type(value) in (list, tuple):
        return type(value)(_exchanged(item, places) for item in value)
    return value


def _part(value: Any, variable: torch.Tensor) -> Any:
    return sharded.part(value, variable) if isinstance(value, torch.Tensor) and value.ndim else value
