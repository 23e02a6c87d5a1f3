"""A torch module as a Keras layer."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.layers.base import LAYERS, Layer


@LAYERS.register()
class TorchModuleWrapper(Layer):
    """Makes a `torch.nn.Module` a layer, so that it can be called on symbolic tensors.

    A `Sequential` and a subclass of `Model` take torch modules as they are; only the functional API needs the wrapper.

    Args:
        module: The module.
        name: The name.
        output_shape: The shape of the outputs, the batch's size included, where the module cannot be run on the meta
            device to find it.
        **kwargs: The arguments of any layer.

    Raises:
        TypeError: If `module` is not a torch module.

    Example:
        >>> from torchkeras_shim import Input, Model
        >>> x = Input((4,))
        >>> Model(x, TorchModuleWrapper(torch.nn.Linear(4, 2))(x)).output_shape
        (None, 2)
    """

    def __init__(
        self, module: torch.nn.Module, name: str | None = None, output_shape: Any = None, **kwargs: Any
    ) -> None:
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"`module` must be a torch.nn.Module. Received: module={module!r} (of type {type(module)})")
        super().__init__(name=name, **kwargs)
        self.module = module
        self._output_shape = None if output_shape is None else tuple(output_shape)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the module."""
        return self.module(*args, **kwargs)

    forward = call

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the outputs as `KerasTensor`s: of the given shape, or by running the module on meta."""
        if self._output_shape is None:
            return super().compute_output_spec(*args, **kwargs)
        return KerasTensor(self._output_shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Is not available: a torch module has no config.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"Layer '{self.name}' wraps the torch module {type(self.module).__name__}, which has no config. Save the "
            "weights with `torch.save(model.state_dict(), path)` instead."
        )
