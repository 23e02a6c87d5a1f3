"""`BatchNormalization`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim import constraints, initializers, regularizers
from torchkeras_shim.core.config import epsilon
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.distribution.portion import Work
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.layers.normalization import renorm
from torchkeras_shim.layers.normalization import synchronized as across_processes
from torchkeras_shim.layers.normalization.axes import within
from torchkeras_shim.layers.normalization.scaled_and_shifted import ScaledAndShifted
from torchkeras_shim.ops.windows import TO_FIRST, TO_LAST

_HALF = (torch.float16, torch.bfloat16)


@LAYERS.register()
class BatchNormalization(ScaledAndShifted):
    """Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts.

    In training mode it normalizes by the batch's own statistics and lets the moving ones follow:
    `moving = moving * momentum + batch * (1 - momentum)`. In inference mode, and whenever `trainable` is `False`, it
    normalizes by the moving statistics.

    Args:
        axis: The axis of the channels: -1 for channels-last images, 1 for channels-first ones.
        momentum: How slowly the moving statistics follow. torch's momentum is `1 - momentum`.
        epsilon: What keeps the division finite.
        center: Whether a trained `beta` is added.
        scale: Whether a trained `gamma` is multiplied with.
        beta_initializer: How `beta` starts.
        gamma_initializer: How `gamma` starts.
        moving_mean_initializer: How the moving mean starts.
        moving_variance_initializer: How the moving variance starts.
        beta_regularizer: A penalty on `beta`.
        gamma_regularizer: A penalty on `gamma`.
        beta_constraint: A projection of `beta` after each update.
        gamma_constraint: A projection of `gamma` after each update.
        renorm: Whether to use batch renormalization, which makes training and inference agree for small batches.
        renorm_clipping: Limits `"rmax"`, `"rmin"`, `"dmax"` of its corrections.
        renorm_momentum: The momentum of its own moving statistics.
        synchronized: Whether training takes the statistics of the batches of all processes of `torch.distributed`
            together. Where there is one process only, it makes no difference.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Call arguments:
        inputs: A tensor of any rank from 2 on.
        training: Whether to use the batch's statistics.
        mask: Which places count for the statistics, of the inputs' shape without the last axis.

    Raises:
        ValueError: If a clipping limit is not valid.

    Example:
        >>> BatchNormalization(epsilon=0.0)(torch.tensor([[1.0], [3.0]]), training=True).detach()
        tensor([[-1.],
                [ 1.]])
    """

    _keeps_shape = True
    moving_mean: Variable
    moving_variance: Variable
    _to_first: tuple[int, ...] | None
    _to_last: tuple[int, ...] | None

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = arguments.integer(self, "axis", axis)
        self.synchronized = synchronized
        self.momentum = arguments.number(self, "momentum", momentum)
        self.epsilon = arguments.number(self, "epsilon", epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = arguments.known(self, "beta_initializer", initializers, beta_initializer)
        self.gamma_initializer = arguments.known(self, "gamma_initializer", initializers, gamma_initializer)
        self.moving_mean_initializer = arguments.known(
            self, "moving_mean_initializer", initializers, moving_mean_initializer
        )
        self.moving_variance_initializer = arguments.known(
            self, "moving_variance_initializer", initializers, moving_variance_initializer
        )
        self.beta_regularizer = arguments.known(self, "beta_regularizer", regularizers, beta_regularizer)
        self.gamma_regularizer = arguments.known(self, "gamma_regularizer", regularizers, gamma_regularizer)
        self.beta_constraint = arguments.known(self, "beta_constraint", constraints, beta_constraint)
        self.gamma_constraint = arguments.known(self, "gamma_constraint", constraints, gamma_constraint)
        self.supports_masking = True
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = arguments.number(self, "renorm_momentum", renorm_momentum)
        self._without_weights()

    def build(self, input_shape: Any) -> None:
        """Creates scale, shift and the moving statistics."""
        rank = len(input_shape)
        (axis,) = within(self, input_shape)
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer '{self.name}': axis {self.axis} of the inputs should be defined. Received: "
                f"input_shape={tuple(input_shape)}."
            )
        if self.scale:
            self.gamma = self._weight("gamma", channels, self.gamma_initializer)
        if self.center:
            self.beta = self._weight("beta", channels, self.beta_initializer)
        self.moving_mean = self._statistic("moving_mean", channels, self.moving_mean_initializer)
        self.moving_variance = self._statistic("moving_variance", channels, self.moving_variance_initializer)
        if self.renorm:
            deviation = renorm.root_of(self.moving_variance_initializer)
            self.moving_stddev = self._statistic("moving_stddev", channels, deviation)
            self.renorm_mean = self._statistic("renorm_mean", channels, self.moving_mean_initializer)
            self.renorm_stddev = self._statistic("renorm_stddev", channels, deviation)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: channels})
        axis %= rank
        self._reduction_axes = tuple(other for other in range(rank) if other != axis)
        # How torch's kernel, which wants the channels on axis 1, gets to see the inputs without a copy.
        self._lift = rank == 3 and axis == 2  # (batch, steps, channels) as an image of height 1
        spatial = 2 if self._lift else rank - 2
        self._to_first = self._to_last = None
        if axis != 1 and axis == rank - 1 and spatial in TO_FIRST:
            self._to_first, self._to_last = TO_FIRST[spatial], TO_LAST[spatial]
        elif axis != 1:
            order = [axis, *self._reduction_axes]  # then the first two are swapped: channels on axis 1
            order[0], order[1] = order[1], order[0]
            self._to_first = tuple(order)
            self._to_last = tuple(order.index(position) for position in range(rank))

    def _weight(self, name: str, channels: int, initializer: Any) -> Any:
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=initializer,
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
            autocast=False,
        )

    def _statistic(self, name: str, channels: int, initializer: Any) -> Any:
        return self.add_weight(name=name, shape=(channels,), initializer=initializer, trainable=False, autocast=False)

    def call(
        self, inputs: torch.Tensor, training: bool | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Normalizes; `training` is the module's mode by default."""
        train = (self.training if training is None else training) and self._trainable
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_dtype)
        if self._beyond_kernel(inputs, train, mask):
            return self._train_by_hand(inputs, mask)
        if self._compute_dtype in _HALF:
            return self._normalize_half(inputs, train)
        gamma, beta = self._scale_and_shift()
        statistics: dict[str, Any] = self._buffers
        mean, variance = statistics["moving_mean"], statistics["moving_variance"]
        return self._normalize(inputs, train, gamma, beta, mean, variance)

    def call_then(self, inputs: torch.Tensor, then: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Returns `then(call(inputs))` for floats; `then` works element by element and may overwrite its argument.

        It gets to see memory in its own order, not a view of it, through which autograd would have to copy.
        """
        train = self.training and self._trainable
        if self._compute_dtype in _HALF or self._beyond_kernel(inputs, train, None):
            return then(self.call(inputs))
        gamma, beta = self._scale_and_shift()
        return self._normalize(inputs, train, gamma, beta, self.moving_mean, self.moving_variance, then)

    def _beyond_kernel(self, inputs: torch.Tensor, train: Any, mask: torch.Tensor | None) -> bool:
        """Returns whether this is a step of training that torch's kernel cannot do.

        One value per channel has no unbiased variance, which the kernel computes.
        """
        return bool(train) and (
            mask is not None
            or self.renorm
            or inputs.numel() <= inputs.shape[self.axis]
            or Work.portion is not None
            or (self.synchronized and across_processes.spread())
        )

    def forward(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """`call` in the module's mode."""
        return self.call(inputs, None, mask)

    def _normalize(
        self,
        inputs: torch.Tensor,
        train: Any,
        gamma: Any,
        beta: Any,
        mean: torch.Tensor,
        variance: torch.Tensor,
        then: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Normalizes by torch's kernel, which also moves the statistics."""
        x = inputs.unsqueeze(1) if self._lift else inputs
        if self._to_first is not None:
            x = x.permute(*self._to_first)
        if train:
            # Keras's moving variance is the biased one, n - 1 over n of torch's. Scaled back before and forth after,
            # the kernel's own update comes out as Keras's. `.data`, because the scaling must not look to autograd like
            # a change of something that the backward pass needs: it reads the batch's statistics only.
            count = inputs.numel() // variance.numel()
            bias = (count - 1) / count
            moving = variance.data
            moving.div_(bias)
            outputs = torch.batch_norm(
                x, gamma, beta, mean, variance, True, 1.0 - self.momentum, self.epsilon, torch.backends.cudnn.enabled
            )
            moving.mul_(bias)
        else:
            outputs = torch.batch_norm(
                x, gamma, beta, mean, variance, False, 0.0, self.epsilon, torch.backends.cudnn.enabled
            )
        if then is not None:
            outputs = then(outputs)
        if self._to_last is not None:
            outputs = outputs.permute(*self._to_last)
        return outputs.squeeze(1) if self._lift else outputs

    def _normalize_half(self, inputs: torch.Tensor, train: Any) -> torch.Tensor:
        """Computes in float32, as Keras does: half types overflow in a variance."""
        gamma, beta = (None if weight is None else weight.float() for weight in (self.gamma, self.beta))
        mean, variance = self.moving_mean.float(), self.moving_variance.float()
        outputs = self._normalize(inputs.float(), train, gamma, beta, mean, variance)
        if train:
            self.moving_mean.data.copy_(mean)
            self.moving_variance.data.copy_(variance)
        return outputs.to(inputs.dtype)

    def _train_by_hand(self, inputs: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Normalizes in separate steps, for what torch's kernel cannot do: masks and renormalization."""
        x = inputs.float() if inputs.dtype in _HALF else inputs
        if Work.portion is not None or (self.synchronized and across_processes.spread()):
            counts = None if mask is None else self._counts(x, mask)
            mean, variance = across_processes.moments(x, counts, self._reduction_axes, epsilon())
        elif mask is None:
            variance, mean = torch.var_mean(x, dim=self._reduction_axes, correction=0)
        else:
            mean, variance = self._masked_moments(x, mask)
        shape = [1] * x.ndim
        shape[self.axis] = -1
        factor = torch.rsqrt(variance + self.epsilon)
        shift = -mean * factor
        if self.renorm:
            ratio, offset = renorm.corrections(self, mean.detach(), variance.detach())
            factor, shift = factor * ratio, shift * ratio + offset
            renorm.update(self, mean.detach(), variance.detach())
        else:
            renorm.follow(self.moving_mean, mean.detach(), self.momentum)
            renorm.follow(self.moving_variance, variance.detach(), self.momentum)
        if self.gamma is not None:
            factor, shift = factor * self.gamma, shift * self.gamma
        if self.beta is not None:
            shift = shift + self.beta
        return (x * factor.reshape(shape) + shift.reshape(shape)).to(inputs.dtype)

    def _counts(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Which of the inputs a mask lets count."""
        if mask.ndim != x.ndim - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. Received: "
                f"mask.shape={tuple(mask.shape)}, inputs.shape={tuple(x.shape)}"
            )
        return mask.to(torch.bool).unsqueeze(-1).expand(x.shape)

    def _masked_moments(self, x: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        counts = self._counts(x, mask)
        number = counts.to(x.dtype).sum(self._reduction_axes, keepdim=True) + epsilon()
        mean = torch.where(counts, x, 0).sum(self._reduction_axes, keepdim=True) / number
        variance = torch.where(counts, x - mean, 0).square().sum(self._reduction_axes, keepdim=True) / number
        return mean.flatten(), variance.flatten()

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": None if self.renorm_clipping is None else dict(self.renorm_clipping),
            "renorm_momentum": self.renorm_momentum,
        }


def _checked_clipping(clipping: dict[str, float] | None) -> dict[str, float]:
    clipping = clipping or {}
    keys = ["rmax", "rmin", "dmax"]
    if set(clipping) - set(keys):
        raise ValueError(f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported values: {keys}.")
    rmax, rmin, dmax = (clipping.get(key) for key in keys)
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ValueError(
            f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: rmax={rmax}, rmin={rmin}."
        )
    if dmax is not None and dmax < 0:
        raise ValueError(f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={dmax}.")
    return clipping
