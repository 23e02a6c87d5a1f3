"""Layers that scale by `gamma` and shift by `beta`."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.layers.base import Layer


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
