"""`SpectralNormalization`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim import initializers
from torchkeras_shim.core import config
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.core.wrapper import Wrapper
from torchkeras_shim.layers.input_spec import InputSpec


@LAYERS.register()
class SpectralNormalization(Wrapper):
    """Keeps the largest singular value of another layer's kernel at 1 while training.

    Each call in training mode estimates it by power iteration and divides the kernel itself by it.

    Args:
        layer: A layer with a `kernel` or `embeddings`.
        power_iterations: How many steps of the iteration to take per call.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Raises:
        ValueError: If there is nothing to normalize, or the number of steps is not positive.

    Example:
        >>> from torchkeras_shim.layers.core.dense import Dense
        >>> layer = SpectralNormalization(Dense(3), power_iterations=1000)
        >>> _ = layer(torch.ones(2, 4), training=True)
        >>> round(float(torch.linalg.matrix_norm(layer.layer.kernel.detach(), 2)), 2)
        1.0
    """

    _training_default = False
    kernel: Variable
    vector_u: Variable

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        sentence = "`power_iterations` should be greater than zero. Received: `power_iterations={value}`."
        self.power_iterations = arguments.positive_integer(self, "power_iterations", power_iterations, sentence)

    def build(self, input_shape: Any = None) -> None:
        """Builds the layer inside, and creates the vector of the iteration."""
        super().build(input_shape)
        name = next((name for name in ("kernel", "embeddings") if hasattr(self.layer, name)), None)
        if name is None:
            raise ValueError(f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'")
        self.kernel = getattr(self.layer, name)
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=str(self.kernel.dtype).removeprefix("torch."),
        )
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Runs the layer; divides its kernel before, if training."""
        if self.training if training is None else training:
            with torch.no_grad():
                vector, kernel = self.normalized_weights()
                # A kernel of zeros has no singular value to divide by. Asked on the device: nothing waits for it.
                usable = self.kernel.ne(0).any()
                self.vector_u.assign(torch.where(usable, vector, self.vector_u))
                self.kernel.assign(torch.where(usable, kernel, self.kernel))
        outputs: torch.Tensor = self.layer(inputs)
        return outputs if outputs.dtype is inputs.dtype else outputs.to(inputs.dtype)

    forward = call

    def normalized_weights(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the next vector of the iteration, and the kernel divided by its largest singular value."""
        kernel: torch.Tensor = self.kernel
        u: torch.Tensor = self.vector_u
        smallest = config.epsilon()
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            v = F.normalize(u @ matrix.t(), eps=smallest)
            u = F.normalize(v @ matrix, eps=smallest)
        sigma = v @ matrix @ u.t()
        return u, kernel / sigma.reshape(())

    # The kernel is a weight of this layer, too, and the first one in Keras's order. A `state_dict` has it once, where
    # it was made.

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination.pop(f"{prefix}kernel", None)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        own = self._parameters
        self.__dict__["_parameters"] = {key: value for key, value in own.items() if key != "kernel"}
        try:
            super()._load_from_state_dict(state_dict, prefix, *args)
        finally:
            self.__dict__["_parameters"] = own

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "power_iterations": self.power_iterations}
