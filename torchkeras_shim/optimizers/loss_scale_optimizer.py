"""`LossScaleOptimizer`: dynamic loss scaling around another optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import serialization, sharded
from torchkeras_shim.core.device import has_streams
from torchkeras_shim.core.torch_private import amp_unscale_, amp_update_scale_
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.optimizers import checks
from torchkeras_shim.optimizers.base import Optimizer
from torchkeras_shim.optimizers.kernels import Scalar
from torchkeras_shim.optimizers.norms import groups_of
from torchkeras_shim.optimizers.overwriting import any_overwritten, is_overwritten
from torchkeras_shim.optimizers.table import OPTIMIZERS

_GROWTH, _BACKOFF = 2.0, 0.5

# Arguments that old configs carry with these values, and that belong to the inner optimizer.
_OF_THE_INNER = {
    "weight_decay": None,
    "clipnorm": None,
    "global_clipnorm": None,
    "clipvalue": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


@OPTIMIZERS.register()
class LossScaleOptimizer(Optimizer):
    """Scales the loss so that float16 gradients do not vanish, and finds the scale by itself.

    Gradients that are not finite halve the scale, and the step is left out: neither the variables nor the inner
    optimizer hear of it. After `dynamic_growth_steps` good steps in a row the scale is doubled.

    The scale lives on the device. With Adam, AdamW and SGD, whose kernels can leave a step out by themselves, a step
    waits for nothing: whether it counted is known when the next one begins. Around other optimizers, or with moving
    averages or gradient accumulation, each step reads one number from the device.

    Args:
        inner_optimizer: The optimizer to wrap. Its `loss_scale_factor` is taken away.
        initial_scale: The scale to begin with; rather too high, since it falls much faster than it grows.
        dynamic_growth_steps: After how many good steps in a row the scale is doubled.
        name: The name.
        **kwargs: Nothing else: clipping, weight decay and averages belong to the inner optimizer.

    Raises:
        ValueError: If an argument belongs to another optimizer, or `dynamic=False`.

    Example:
        >>> from torchkeras_shim.optimizers import SGD
        >>> w = torch.nn.Parameter(torch.ones(2))
        >>> optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=8.0)
        >>> optimizer.build([w])
        >>> optimizer.scale_loss(w.sum()).backward()
        >>> optimizer.apply([w.grad], [w])
        >>> w.detach()
        tensor([0.5000, 0.5000])
    """

    step_counter: Variable
    dynamic_scale: Variable

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer no longer supports `dynamic=False`. Instead, simply set `loss_scale_factor` "
                "directly on the `inner_optimizer`."
            )
        for argument, default in _OF_THE_INNER.items():
            if kwargs.pop(argument, default) != default:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Instead, set `{argument}` on the "
                    "`inner_optimizer`."
                )
        if kwargs:
            raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`.")
        if not isinstance(inner_optimizer, Optimizer) or isinstance(inner_optimizer, LossScaleOptimizer):
            raise TypeError(
                "`inner_optimizer` must be an optimizer that scales no loss itself, such as "
                f"`keras.optimizers.Adam()`. Received: inner_optimizer={inner_optimizer!r}"
            )
        super().__init__(learning_rate=0.0, name=name)
        self._inner = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        self._waiting: Callable[[], bool] | None = None  # tells whether the last step was left out
        self._overwrites = False  # whether a variable is overwritten with its gradient,
        self._overwriting_changes = -1  # as of how many such settings
        self._leaves_out = False  # whether the inner optimizer's kernels can leave a step out
        self._several_devices = False
        self._sharing: list[Any] = []  # of processes that each have other parts of variables
        inner_optimizer.loss_scale_factor = None  # or gradients would be scaled twice

    @property
    def inner_optimizer(self) -> Optimizer:
        """The wrapped optimizer."""
        self._settle()
        return self._inner

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        """Creates the scale, and the inner optimizer's state.

        Args:
            variables: Variables or any torch parameters.
        """
        if self.built:
            return
        variables = list(variables)
        places = {variable.device for variable in variables}
        self._several_devices = len(places) > 1
        with devices.device(variables[0].device if variables else devices.default_device()):
            scale = self.initial_scale
            self.step_counter = self.add_variable((), dtype="int32", name="step_counter")
            self.dynamic_scale = self.add_variable(
                (), lambda shape, dtype: torch.full(shape, float(scale)), dtype="float32", name="dynamic_scale"
            )
        self._inner.build(variables)
        super().build(variables)
        self._prepare_flag()

    def exchange(self, others: Mapping[int, tuple[Any, torch.Tensor]]) -> None:
        """Goes on with other tensors in the places of variables; see `Optimizer`."""
        super().exchange(others)
        self._inner.exchange(others)
        self._prepare_flag()

    def _prepare_flag(self) -> None:
        variables = self._inner._trainable_variables
        self._sharing = list(dict.fromkeys(group for variable in variables for group in groups_of(variable)))
        self._found = torch.zeros((), device=self.dynamic_scale.device)
        self._leaves_out = not self._several_devices and self._inner.leave_out_where(self._found)

    # The step -------------------------------------------------------------------------------------------------------

    def scale_loss(self, loss: Any) -> Any:
        """Returns the loss, multiplied by the scale."""
        return loss * self.loss_scale_factor

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Divides the gradients by the scale and updates the variables, unless a gradient is not finite.

        Args:
            grads: The gradients of the scaled loss, `None` if there is none. They are not changed.
            trainable_variables: The variables; those of `build` by default. The first call builds.

        Raises:
            ValueError: as the inner optimizer does.
        """
        grads = list(grads)
        variables = None if trainable_variables is None else list(trainable_variables)
        if not self.built:
            if variables is None:
                checks.check_count(self, grads)
            self.build(variables or [])
        copies = [None if grad is None else torch.as_tensor(grad).detach().clone() for grad in grads]
        known = self._trainable_variables if variables is None else variables
        self._step(copies, lambda unscaled: self._inner.apply(unscaled, variables), known)

    def stepper(self, variables: Sequence[torch.Tensor]) -> Callable[[list[Any]], None]:
        """Returns `apply` for one list of variables; it divides the gradients it is given in place."""
        variables = list(variables)
        if not self.built:
            return lambda grads: self.apply(grads, variables)
        run = self._inner.stepper(variables)
        return lambda grads: self._step(grads, run, variables)

    def stepper_among(
        self, variables: Sequence[torch.Tensor], group: Any, exchanged: Callable[[list[Any]], list[Any]]
    ) -> Callable[[list[Any]], None]:
        """Returns `stepper` for one of several processes that each have their own gradients.

        Args:
            variables: The variables. The optimizer is built.
            group: Torch's group of the processes: a step is left out if a gradient of any of them is not finite.
            exchanged: Makes gradients that are finite, and divided by the scale, what the inner optimizer is to get.
        """
        variables, run = list(variables), self._inner.stepper(variables)
        return lambda grads: self._step(grads, lambda finite: run(exchanged(finite)), variables, [group])

    def _step(
        self,
        grads: list[Any],
        run: Callable[[list[Any]], None],
        variables: list[torch.Tensor],
        sharing: Sequence[Any] = (),
    ) -> None:
        self._settle()
        grads = [grad if grad is None or grad.layout is torch.strided else grad.to_dense() for grad in grads]
        if self._overwriting_changes != Variable.overwriting_changes:
            self._overwriting_changes = Variable.overwriting_changes
            self._overwrites = any_overwritten(self._trainable_variables)
        values = self._new_values(grads, variables) if self._overwrites else None
        given = [grad for grad in grads if grad is not None]
        if self._sharing:
            given = [sharded.local(grad) for grad in given]
        with torch.no_grad():
            if given and not self._several_devices and given[0].device != self._found.device:
                self._move(given[0].device)
            self._check_and_unscale(given)
            for group in (*self._sharing, *sharing):  # a gradient that is not finite may be elsewhere
                torch.distributed.all_reduce(self._found, torch.distributed.ReduceOp.MAX, group=group)
            amp_update_scale_(
                self.dynamic_scale, self.step_counter, self._found, _GROWTH, _BACKOFF, self.dynamic_growth_steps
            )
        grads = [values.get(index, grad) for index, grad in enumerate(grads)] if values else grads
        if self._leaves_out:
            run(grads)
            self._waiting = _later(self._found)
        elif not self._found.item():
            run(grads)

    def _new_values(self, grads: list[Any], variables: list[torch.Tensor]) -> dict[int, torch.Tensor]:
        """Returns copies of gradients that are the new values of their variables, which no scale has touched."""
        pairs = enumerate(zip(grads, variables, strict=False))
        return {i: grad.clone() for i, (grad, variable) in pairs if grad is not None and is_overwritten(variable)}

    def _check_and_unscale(self, grads: list[torch.Tensor]) -> None:
        """Divides the gradients by the scale, and sets the flag where one of them is not finite."""
        found, inverse = self._found.zero_(), self.dynamic_scale.reciprocal()
        if not self._several_devices:
            amp_unscale_(grads, found, inverse)
            return
        for device in {grad.device for grad in grads}:
            here = torch.zeros((), device=device)
            own = [grad for grad in grads if grad.device == device]
            amp_unscale_(own, here, inverse.to(device))
            found.copy_(torch.maximum(found, here.to(found.device)))

    def _settle(self) -> None:
        """Takes the last step back from the inner optimizer's count, if it was left out."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting():
            self._inner.take_back()

    def _move(self, device: torch.device) -> None:
        """Follows the variables to another device."""
        for variable in (self.step_counter, self.dynamic_scale):
            variable.data = variable.data.to(device)
        self._prepare_flag()

    def update(self, grads: Sequence[torch.Tensor], scalars: Sequence[Scalar]) -> None:
        """Is not available.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("A LossScaleOptimizer decides in each step; call `apply(grads, variables)`.")

    @property
    def capturable(self) -> bool:
        """Never: what a step does depends on its gradients."""
        return False

    # What belongs to the inner optimizer ----------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """This optimizer's variables, the scale among them, then those of the inner one."""
        return super().variables + self.inner_optimizer.variables

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> torch.Tensor:
        """How many updates were made; steps that were left out do not count."""
        return self.inner_optimizer.iterations

    @property
    def loss_scale_factor(self) -> Any:
        """What `scale_loss` multiplies by now."""
        return self.dynamic_scale if self.built else self.initial_scale

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: Any) -> None:
        if value is not None:
            raise ValueError(
                "LossScaleOptimizer finds its scale by itself; give it another `initial_scale`. "
                f"Received: loss_scale_factor={value}"
            )

    @property
    def gradient_sums_are_own(self) -> bool:
        """Whether the inner optimizer's sums of gradients are those of one of several processes."""
        return self._inner.gradient_sums_are_own

    @gradient_sums_are_own.setter
    def gradient_sums_are_own(self, value: bool) -> None:
        self._inner.gradient_sums_are_own = value

    def finalize_variable_values(self, var_list: Sequence[torch.Tensor]) -> None:
        """Lets the inner optimizer overwrite the variables with their averages."""
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Iterable[torch.Tensor] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leaves variables out of the inner optimizer's weight decay."""
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return {**super().__getstate__(), "_sharing": []}  # found again with the flag

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self.built:
            self._prepare_flag()

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "name": self.name,
            "inner_optimizer": serialization.serialize_keras_object(self._inner),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LossScaleOptimizer:
        """Rebuilds an optimizer, without its state, from `get_config()`."""
        config = dict(config)
        inner = serialization.deserialize_keras_object(
            config.pop("inner_optimizer"), custom_objects=custom_objects, default_module="keras.optimizers"
        )
        return cls(inner, **config)


def _later(flag: torch.Tensor) -> Callable[[], bool]:
    """Returns a function that tells whether a flag is set now, without waiting for the device before it is called."""
    if not has_streams(flag.device):
        value = bool(flag.item())
        return lambda: value
    host = torch.empty((), pin_memory=True)
    host.copy_(flag, non_blocking=True)
    event = torch.accelerator.current_stream(flag.device).record_event()

    def read() -> bool:
        event.synchronize()
        return bool(host.item())

    return read
