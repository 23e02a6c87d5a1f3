"""A layer and the activation behind it in one: the activation overwrites outputs that nobody else will see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.hooks import RemovableHandle

from torchkeras_shim import activations
from torchkeras_shim.core.symbolic import KerasTensor, Node
from torchkeras_shim.core.torch_private import is_compiled, is_observed
from torchkeras_shim.layers import Activation, Add, BatchNormalization, ReLU
from torchkeras_shim.layers.called import Flags

_Kernel = Callable[[torch.Tensor], torch.Tensor]


class Joined:
    """Computes `second(first(inputs))`, in the memory of `first`'s outputs where that changes nothing.

    Memory is most of what normalization and activation of images cost, and fresh memory costs most. The outputs must be
    in nobody's hands: while one of the two has hooks or was changed, both are called one after the other.

    Args:
        first: A `BatchNormalization` or an `Add`: autograd does not need their outputs.
        second: An activation.
    """

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second
        self._hooks = -1  # how many hooks were ever added when the two were last found to have none

    @property
    def name(self) -> str:
        """What a reader of the graph's text would look for."""
        return f"{self.first.name}_{self.second.name}"

    def __call__(self, inputs: Any) -> Any:
        """Runs both."""
        first, second = self.first, self.second
        kernel = None if Flags.masks or self._is_watched() else _overwriting(second)
        if kernel is not None and type(first) is Add and all(_is_usual(x, second) for x in inputs):
            return kernel(first(inputs))
        if kernel is not None and _is_usual(inputs, second) and _is_usual(inputs, first):
            return first.call_then(inputs, kernel)
        return second(first(inputs))

    def _is_watched(self) -> bool:
        """Returns whether somebody may see what passes between the two: hooks, or a function put in place of theirs."""
        for layer in (self.first, self.second):
            own = layer.__dict__
            if "forward" in own or "call" in own or is_compiled(layer):
                return True
        added = RemovableHandle.next_id
        if added != self._hooks:
            if is_observed(self.first) or is_observed(self.second):
                return True
            self._hooks = added
        return False


def joins(node: Node, after: Node) -> bool:
    """Returns whether a node of a graph and the only one that takes its output can run as one."""
    first, second = node.operation, after.operation
    plain = not node.kwargs and not after.kwargs and len(node.args) == 1 and len(after.args) == 1
    if not plain or type(second) not in (ReLU, Activation) or not isinstance(after.args[0], KerasTensor):
        return False
    if type(first) is Add:
        given = node.args[0]
        return isinstance(given, (list, tuple)) and len(given) > 1
    return type(first) is BatchNormalization and isinstance(node.args[0], KerasTensor)


def _is_usual(x: Any, layer: Any) -> bool:
    """Returns whether this is a plain tensor of the rank and type that a layer takes without more ado."""
    return type(x) is torch.Tensor and x.ndim == layer._seen_ndim and x.dtype is layer._seen_dtype


def _overwriting(layer: Any) -> _Kernel | None:
    """Returns a function that does what an activation layer does in its argument's memory; `None` if there is none."""
    if type(layer) is Activation:
        return _KERNELS.get(layer.activation) if layer.activation.__hash__ else None
    if layer.negative_slope or layer.threshold:
        return None
    return torch.relu_ if layer.max_value is None else _up_to(layer.max_value)


def _up_to(limit: float) -> _Kernel:
    # With gradients torch would copy the argument first, as it would for `silu`: relu needs its result only.
    return lambda x: F.hardtanh(x, 0.0, limit, inplace=not x.requires_grad)


def _silu(x: torch.Tensor) -> torch.Tensor:
    return F.silu(x, inplace=not x.requires_grad)


_KERNELS: dict[Any, _Kernel] = {activations.relu: torch.relu_, activations.silu: _silu}
