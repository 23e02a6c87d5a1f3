"""The optimizer: one update rule on lists of tensors, with all that Keras lets happen around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import sharded, stateless
from torchkeras_shim.core.torch_private import foreach
from torchkeras_shim.core.variable import Variable, observers_of_writes, tell_observers
from torchkeras_shim.optimizers import checks, clipping, overwriting
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.plan import Group, Plan
from torchkeras_shim.optimizers.state import OptimizerState
from torchkeras_shim.optimizers.table import OPTIMIZERS

_stride = torch.Tensor.stride  # through `map` it checks a whole list without a Python frame per tensor

# Plans for lists of variables that are not the built one; a training loop has a handful at most.
_MAX_PLANS = 32


@OPTIMIZERS.register()
class Optimizer(OptimizerState):
    """Base of all optimizers; it works alone in a torch loop as well as in `compile()`.

    To write one of your own, create its variables in `build(variables)`, after `super().build(variables)`, with
    `self.add_optimizer_variables`, and update one variable in `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: A float, a `LearningRateSchedule`, or a callable.
        weight_decay: If set, each variable shrinks by `weight_decay * learning_rate` before each update.
        clipnorm: The largest norm of a single gradient.
        clipvalue: The largest absolute value within a gradient.
        global_clipnorm: The largest norm of all gradients together.
        use_ema: Whether to keep an exponential moving average of the variables.
        ema_momentum: The average's share of its own past.
        ema_overwrite_frequency: After how many steps the variables are overwritten with the average; `None` for only at
            the end, by `finalize_variable_values`.
        loss_scale_factor: What `scale_loss` multiplies by and each step divides the gradients by.
        gradient_accumulation_steps: Over how many steps gradients are averaged for one update.
        name: The name, derived from the class by default.
        **kwargs: Nothing else is accepted; `decay` of old Keras is answered with a warning.

    Raises:
        ValueError: If an argument is out of range or unknown, or two exclude each other.

    Example:
        >>> import torch
        >>> from torchkeras_shim.optimizers import SGD
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> SGD(learning_rate=0.5).apply([torch.ones(2)], [w])
        >>> w.detach()
        tensor([0.5000, 0.5000])
    """

    # The step -------------------------------------------------------------------------------------------------------

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Updates the variables once.

        Args:
            grads: The gradients, in the variables' order; `None` if there is none.
            trainable_variables: The variables; those of `build` by default. The first call builds.

        Raises:
            ValueError: If all gradients are `None`, one does not fit, or a variable is not one of the built ones.
        """
        if observers_of_writes:
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            tell_observers(self._trainable_variables if trainable_variables is None else trainable_variables)
        steady = self._steady
        if steady is not None and steady.changes == Variable.overwriting_changes:
            if trainable_variables is not None and type(trainable_variables) is not list:
                trainable_variables = list(trainable_variables)
            if steady.is_steady(grads, trainable_variables):
                group = steady.groups[0]
                # Plain aliases of the variables and gradients without history: nothing here is recorded.
                if group.decays:
                    self._update_decayed(group.params, grads, group.states, self.step_scalars())
                else:
                    self._update(group.params, grads, group.states, self.step_scalars())
                self.advance()
                return
        grads = list(grads)
        if not grads:
            return
        variables = self._known_variables(grads, trainable_variables)
        grads, variables = checks.without_missing(grads, variables)
        with torch.no_grad():
            if overwriting.any_overwritten(variables):
                grads, variables = self._overwrite(grads, variables)
            if grads:
                self._run(self._plan_for(variables), grads)
        self.advance()

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Returns what `apply` makes of given values; the optimizer's and the model's own stay as they are.

        Args:
            optimizer_variables: Values in the order of `variables`.
            grads: The gradients.
            trainable_variables: Values of the variables that the optimizer was built with.

        Returns:
            The trainable values and the optimizer's.

        Raises:
            ValueError: If the optimizer is not built, or number or shapes differ.
        """
        name = type(self).__name__
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {name} must be built (i.e. its variables must have been created). You can "
                "build it via `optimizer.build(trainable_variables)`."
            )
        own, trained = self.variables, self._trainable_variables
        state = stateless.checked("optimizer_variables", optimizer_variables, own, f"{name}().variables")
        weights = stateless.checked("trainable_variables", trainable_variables, trained, "the variables of `build`")
        with stateless.holding([*own, *trained], [*state, *weights]):
            self.apply(grads)
            return stateless.read(trained), stateless.read(self.variables)

    def stepper(self, variables: Sequence[torch.Tensor]) -> Callable[[list[Any]], None]:
        """Returns `apply` for one list of variables, for a loop whose gradients autograd makes.

        What cannot change from step to step is looked up here, once. Ask for a new one after variables were moved.

        Args:
            variables: The variables, in the order in which the gradients will come.

        Example:
            >>> import torch
            >>> from torchkeras_shim.optimizers import SGD
            >>> w = torch.nn.Parameter(torch.ones(2))
            >>> optimizer = SGD(learning_rate=0.5)
            >>> optimizer.build([w])
            >>> step = optimizer.stepper([w])
            >>> step([torch.ones(2)])
            >>> w.detach()
            tensor([0.5000, 0.5000])
        """
        variables = list(variables)
        if self.built and not overwriting.any_overwritten(variables):
            self._plan_for(self._trainable_variables)
        steady = None if self._applies_otherwise() else self._steady
        if steady is None or list(map(id, variables)) != steady.ids or not steady.is_current():
            return lambda grads: self.apply(grads, variables)
        group, strides, changes = steady.groups[0], steady.strides, steady.changes
        params, states = group.params, group.states
        update = self._update_decayed if group.decays else self._update

        def step(grads: list[Any]) -> None:
            try:
                # A setting that changed since, such as `clipnorm`, has dropped this plan.
                fits = (
                    self._steady is steady
                    and list(map(_stride, grads)) == strides
                    and changes == Variable.overwriting_changes
                )
            except TypeError:  # a `None`: some variable took no part in the loss
                fits = False
            if fits:
                update(params, grads, states, self.step_scalars())
                self.advance()
            else:
                self.apply(grads, variables)

        return step

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, torch.Tensor]]) -> torch.Tensor:
        """Updates the variables once, from pairs of gradient and variable.

        Args:
            grads_and_vars: The pairs.

        Returns:
            The step count.
        """
        pairs = list(grads_and_vars)
        self.apply([grad for grad, _ in pairs], [variable for _, variable in pairs])
        return self._steps.synced()

    def advance(self) -> None:
        """Counts one step. For those who call `update` themselves."""
        steps = self._steps
        if steps.variable._version != steps.version:
            steps.reread()
        steps.value += 1
        steps.stale = True

    def take_back(self) -> None:
        """Counts one step less: the last one was left out."""
        steps = self._steps
        steps.value = steps.read() - 1
        steps.stale = True

    def leave_out_where(self, flag: torch.Tensor | None) -> bool:
        """Lets the kernels leave a step out, state and variables untouched, where a device flag is 1.

        Args:
            flag: A 0-d float32 tensor that is read in every step from now on; `None` for no more.

        Returns:
            Whether they can. The step count goes on in any case, see `take_back`.
        """
        able = not (self._has_own_step() or self.use_ema or self.gradient_accumulation_steps) and all(
            self._can_leave_out(variable) and not overwriting.is_overwritten(variable)
            for variable in self._trainable_variables
        )
        self._flag = flag if able else None
        self.rebind()
        return able

    def _can_leave_out(self, variable: torch.Tensor) -> bool:
        """Returns whether the rule looks at `_flag` for a variable."""
        return False

    def step_scalars(self) -> tuple[float, ...]:
        """Returns all numbers that the next step depends on and that change with the step, computed on the host."""
        # `HostNumber.read` written out, twice: 1.0 µs against 1.2 µs, and a step's way goes through two files fewer.
        steps = self._steps
        step = steps.value if steps.variable._version == steps.version else steps.reread()
        number = self._rate.number
        if number is not None and number.variable._version == number.version:
            rate = number.value
        else:
            rate = self._rate.value_at(step)
        scalars = self._scalars(rate, step // self._every)
        return (*scalars, self.ema_momentum if step >= self._every else 0.0) if self.use_ema else scalars

    @property
    def capturable(self) -> bool:
        """Whether every step does the same device work, apart from the numbers of `step_scalars()`."""
        own = (
            self._has_own_step() or self._applies_otherwise() or overwriting.any_overwritten(self._trainable_variables)
        )
        return not (self.gradient_accumulation_steps or self._ema_overwrites() or own)

    def prepare(self) -> None:
        """Gets everything ready that a step needs, so that `update` may be traced or captured right away.

        Raises:
            RuntimeError: If the optimizer is not built or its steps are not all alike.
        """
        if not self.built or not self.capturable:
            raise RuntimeError(f"Optimizer '{self.name}' must be built, and its steps all alike, to be captured.")
        self._plan_for(self._trainable_variables)

    def update(self, grads: Sequence[torch.Tensor], scalars: Sequence[Scalar]) -> None:
        """Does the device work of one step for all variables, without counting it.

        A captured step calls `prepare()`, then this with 0-d device tensors in place of the numbers of
        `step_scalars()`, refreshes those before each replay, and calls `advance()` after it.

        Args:
            grads: A gradient for each variable, with its type, shape and strides.
            scalars: The numbers of `step_scalars()`, or tensors that hold them.

        Raises:
            RuntimeError: If the optimizer is not built or its steps are not all alike.
        """
        self.prepare()
        with torch.no_grad():
            self._run(self._plan_for(self._trainable_variables), grads, tuple(scalars))

    def update_step(self, gradient: torch.Tensor, variable: torch.Tensor, learning_rate: Any) -> None:
        """Updates one variable. Override it in an optimizer of your own.

        Args:
            gradient: The gradient.
            variable: The variable.
            learning_rate: The current learning rate.

        Raises:
            NotImplementedError: If a subclass has no rule.
        """
        if type(self)._update is Optimizer._update:
            raise NotImplementedError(
                f"Optimizer '{type(self).__name__}' must override "
                "`update_step(self, gradient, variable, learning_rate)`."
            )
        plan = self._plan_for([variable])
        scalars = self._scalars(float(learning_rate), self._steps.read() // self._every)
        with torch.no_grad():
            self._update(plan.groups[0].params, plan.conform([gradient]), plan.groups[0].states, scalars)

    def _scalars(self, rate: float, step: int) -> tuple[float, ...]:
        """Returns the numbers of a step for the rule; the learning rate is the first."""
        return (rate,)

    def _states(self) -> tuple[list[Any], ...]:
        """Returns the rule's lists of state, each in the built variables' order with `None` for no state, or empty."""
        return ()

    def _kernel_states(self, params: list[torch.Tensor], variables: list[torch.Tensor]) -> tuple[Any, ...]:
        """Returns what the rule wants to know about a group besides its state, decided once.

        Args:
            params: What of the variables is here, as the rule will get it.
            variables: The variables, which may be cut over processes.
        """
        return ()

    def _update(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        """The rule: updates parameters and states in place, from nothing but the arguments and the settings."""
        raise NotImplementedError

    def _update_decayed(self, params: Any, grads: Any, states: tuple[Any, ...], scalars: tuple[Scalar, ...]) -> None:
        """The rule after decoupled weight decay."""
        foreach.mul_(params, 1.0 - scalars[0] * (self.weight_decay or 0.0))
        self._update(params, grads, states, scalars)

    def _has_own_step(self) -> bool:
        return type(self).update_step is not Optimizer.update_step or type(self)._update is Optimizer._update

    def _applies_otherwise(self) -> bool:
        """Returns whether there is a function in the place of `apply`, in a subclass or here alone."""
        return "apply" in self.__dict__ or type(self).apply is not Optimizer.apply

    def _ema_overwrites(self) -> bool:
        return bool(self.use_ema and self.ema_overwrite_frequency)

    def _run(self, plan: Plan, grads: Sequence[Any], scalars: tuple[Scalar, ...] | None = None) -> None:
        """One step with everything that may be switched on, in Keras's order."""
        grads = list(grads) if plan.is_steady(grads, None) else plan.conform(grads)
        step = self._steps.read()
        if scalars is None:
            scalars = self.step_scalars()
        if self.loss_scale_factor is not None:
            grads = list(foreach.div(grads, self.loss_scale_factor))
        if self.gradient_accumulation_steps:
            grads = self._accumulate(plan, grads, step)
        if grads:
            self._update_all(plan, self._clip_gradients(plan, grads), scalars)
        if self.use_ema:
            self._average(step, scalars[-1])
        for variable in plan.constrained:
            constraint = variable.constraint  # type: ignore[attr-defined]
            sharded.write(variable, constraint(sharded.whole(variable)))

    def _update_all(self, plan: Plan, grads: list[torch.Tensor], scalars: tuple[Scalar, ...]) -> None:
        if self._has_own_step():
            for group in plan.groups:
                if group.decays:
                    foreach.mul_(group.params, 1.0 - scalars[0] * (self.weight_decay or 0.0))
            rate = self.learning_rate
            for grad, variable in zip(grads, plan.variables, strict=True):
                own = sharded.cut(grad, variable) if sharded.is_sharded(variable) else grad
                self.update_step(own, variable, rate)
            return
        for group in plan.groups:
            update = self._update_decayed if group.decays else self._update
            update(group.params, [grads[i] for i in group.indices], group.states, scalars)

    def _overwrite(self, grads: list[Any], variables: list[torch.Tensor]) -> overwriting.Pairs:
        """Overwrites the variables that want it with their gradients, and returns the rest."""
        overwritten, others = overwriting.split(grads, variables)
        if self.gradient_accumulation_steps:
            overwriting.overwrite_with_largest(overwritten, self.gradient_sums_of(overwritten[1]), self.completes_round)
        else:
            overwriting.overwrite(*overwritten)
        return others

    def _accumulate(self, plan: Plan, grads: list[torch.Tensor], step: int) -> list[torch.Tensor]:
        """Adds to the sums; returns the mean where this step completes a round, and nothing if it does not."""
        sums = self.gradient_sums_of(plan.variables)
        if (step + 1) % self._every:
            foreach.add_(sums, grads)
            return []
        means = foreach.add(grads, sums)
        foreach.div_(means, float(self._every))
        foreach.zero_(_here(self._accumulated))
        return list(means)

    def _clip_gradients(self, plan: Plan, grads: list[torch.Tensor]) -> list[torch.Tensor]:
        if self.clipnorm and self.clipnorm > 0:
            return clipping.clip_by_norm(grads, self.clipnorm, plan.norms)
        if self.global_clipnorm and self.global_clipnorm > 0:
            return clipping.clip_by_global_norm(grads, self.global_clipnorm, plan.norms)
        if self.clipvalue and self.clipvalue > 0:
            return clipping.clip_by_value(grads, self.clipvalue)
        return grads

    def _average(self, step: int, momentum: Scalar) -> None:
        averages, values = self._plan_for(self._averaged).averages
        foreach.mul_(averages, momentum)
        foreach.add_(averages, foreach.mul(values, 1.0 - momentum))
        if self.ema_overwrite_frequency and (step // self._every + 1) % self.ema_overwrite_frequency == 0:
            foreach.copy_(values, averages)

    # Preparation ----------------------------------------------------------------------------------------------------

    def _known_variables(self, grads: list[Any], variables: Any) -> list[torch.Tensor]:
        if variables is None:
            checks.check_count(self, grads)
            return self._trainable_variables
        known: list[torch.Tensor] = list(variables)
        if not self.built:
            self.build(known)
            self.built = True
        checks.check_known(self, known)
        return known

    def _plan_for(self, variables: list[torch.Tensor]) -> Plan:
        key = tuple(map(id, variables))
        plan = self._plans.get(key)
        if plan is not None and not plan.is_current():
            self.rebind()
            plan = None
        if plan is None:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = Plan(variables, self._groups(variables))
            if self.use_ema and key == tuple(map(id, self._averaged)):
                plan.averages = (_here(a for a in self._averages if a is not None), _here(variables))
            if key == tuple(self._trainable_variables_indices) and len(plan.groups) == 1 and self._is_plain(plan):
                self._steady = plan
        return plan

    def _decays(self, variable: torch.Tensor) -> bool:
        """Returns whether a variable shrinks before each update."""
        return bool(self.weight_decay) and self._use_weight_decay(variable)

    def _rule_of(self, variable: torch.Tensor) -> Any:
        """Returns what tells a variable's rule from that of others, for optimizers with several rules."""
        return None

    def _is_plain(self, plan: Plan) -> bool:
        """Returns whether a step is nothing but the rule and weight decay."""
        return not (
            plan.sharded
            or plan.constrained
            or self._has_own_step()
            or self.use_ema
            or self.gradient_accumulation_steps
            or self.loss_scale_factor is not None
            or self.clipnorm
            or self.clipvalue
            or self.global_clipnorm
        )

    def _groups(self, variables: list[torch.Tensor]) -> list[Group]:
        members: dict[Any, list[int]] = {}
        for index, variable in enumerate(variables):
            key = (variable.device, variable.dtype, self._decays(variable), self._rule_of(variable))
            members.setdefault(key, []).append(index)
        groups = []
        for (_, _, decays, _), indices in members.items():
            own = [variables[i] for i in indices]
            params = _here(own)
            places = [self._get_variable_index(variables[i]) for i in indices]
            kinds = ([one[place] for place in places] if one else [] for one in self._states())
            states = tuple(_here(state for state in kind if state is not None) for kind in kinds)
            groups.append(Group(indices, params, (*states, *self._kernel_states(params, own)), decays))
        return groups

    # Weight decay, averages, loss scale -----------------------------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Iterable[torch.Tensor] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leaves variables out of weight decay.

        Args:
            var_list: The variables.
            var_names: Patterns; a variable whose name contains one of them is left out.
        """
        self._excluded_variables = list(var_list or [])
        names = set(var_names or [])
        self._excluded_names = re.compile("|".join(names)) if names else None
        if self.built:
            self.rebind()

    def _use_weight_decay(self, variable: torch.Tensor) -> bool:
        if any(variable is excluded for excluded in self._excluded_variables):
            return False
        name = getattr(variable, "name", None) or ""
        return self._excluded_names is None or self._excluded_names.search(name) is None

    def finalize_variable_values(self, var_list: Sequence[torch.Tensor]) -> None:
        """Overwrites the variables with their moving averages, where these are kept.

        Args:
            var_list: The variables, all that the optimizer was built with.

        Raises:
            ValueError: If their number differs.
        """
        if not self.use_ema:
            return
        if len(var_list) != len(self._averages):
            raise ValueError(
                f"The length of model variables ({len(var_list)}) to override does not match the length of model "
                f"variables stored in the optimizer ({len(self._averages)}). Please check if the optimizer was called "
                "on your model."
            )
        for variable, average in zip(var_list, self._averages, strict=True):
            if average is not None:
                self.assign(variable, average)

    def scale_loss(self, loss: Any) -> Any:
        """Returns the loss, multiplied by `loss_scale_factor` if it is set."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor


def _here(variables: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Returns plain aliases of variables without history: what of them is in this process."""
    return [sharded.local(variable.detach()) for variable in variables]
