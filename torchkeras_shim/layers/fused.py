"""Small things that several layers share: the activation at the end, building at once, arguments that are refused."""

from __future__ import annotations

from typing import Any

from torchkeras_shim import activations
from torchkeras_shim.layers.base import Layer


class FusedActivation(Layer):
    """A layer that ends in `self.activation`.

    `activation` stays a plain attribute that may be replaced at any time. Beside it lies the torch function that does
    the same on plain tensors, `None` for the linear activation, so that a call spends no time on finding out::

        kernel = self._activation_kernel if self.activation is self._activation_of else self._find_kernel()
        return outputs if kernel is None else kernel(outputs)
    """

    activation: Any
    _activation_of: Any
    _activation_kernel: Any

    def _find_kernel(self) -> Any:
        """Looks the torch function of the present activation up."""
        activation = self.activation
        linear = activation is None or activation is activations.linear
        kernel = None if linear else activations.kernel_of(activation)
        self.__dict__["_activation_of"] = activation
        self.__dict__["_activation_kernel"] = kernel
        return kernel


class ScaledAndShifted(Layer):
    """A layer with weights `gamma` and `beta`, each of which may be `None`.

    `_scale_and_shift` finds them in torch's own table. `self.gamma` finds them there, too, after a search that takes
    longer than the rest of a small layer's Python.
    """

    gamma: Any
    beta: Any
    #: Whether both are what the table has, and no properties of a subclass.
    _weights_in_table = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._weights_in_table = not (hasattr(cls, "gamma") or hasattr(cls, "beta"))

    def _without_weights(self) -> None:
        """Enters both as `None`: what there is of them `build` creates."""
        for name in ("gamma", "beta"):
            if not hasattr(type(self), name):  # a subclass may compute it
                self.register_parameter(name, None)

    def _scale_and_shift(self) -> tuple[Any, Any]:
        """Returns `gamma` and `beta`."""
        if self._weights_in_table:
            try:
                table = self._parameters
                return table["gamma"], table["beta"]
            except KeyError:  # parametrized, pruned or replaced by a tensor
                pass
        return self.gamma, self.beta


def build_at_once(layer: Layer) -> None:
    """Marks a layer without weights as built, unless a subclass has a `build` of its own."""
    if type(layer).build is Layer.build:
        layer.built = True


def refuse_adapters(layer_class: str, **arguments: Any) -> None:
    """Raises for Keras's LoRA and quantization arguments, which exist only with their defaults.

    Raises:
        ValueError: at the first argument that is set.
    """
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"{layer_class}({name}={value!r}) is not supported: low-rank adapters and quantization are not part of "
                f"the layers here. Leave `{name}` out, and wrap the layer or its weights instead (for example with "
                "`torch.nn.utils.parametrize`)."
            )
