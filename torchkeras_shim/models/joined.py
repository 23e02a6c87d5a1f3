"""Two layers in one where nobody else sees what passes between them.

An activation overwrites the outputs of the layer before it, and a convolution puts the zeros around its inputs itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.hooks import RemovableHandle

from torchkeras_shim import activations
from torchkeras_shim.core.symbolic import KerasTensor, Node
from torchkeras_shim.core.torch_private import is_compiled, is_observed
from torchkeras_shim.layers import Activation, Add, BatchNormalization, Conv2D, DepthwiseConv2D, ReLU, ZeroPadding2D
from torchkeras_shim.layers.called import Flags

_Kernel = Callable[[torch.Tensor], torch.Tensor]


class Joined:
    """Two layers that run one after the other, in one call where that changes nothing.

    What passes between them must be in nobody's hands: while one of the two has hooks or was changed, both are called.

    Args:
        first: A layer.
        second: The only layer that takes its outputs.
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
        raise NotImplementedError

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


class Overwriting(Joined):
    """A `BatchNormalization` or an `Add`, whose outputs autograd does not need, and an activation in their memory.

    Memory is most of what normalization and activation of images cost, and fresh memory costs most.
    """

    def __call__(self, inputs: Any) -> Any:
        """Runs both."""
        first, second = self.first, self.second
        kernel = None if self._is_watched() else _overwriting(second)
        if kernel is not None and type(first) is Add and all(_is_usual(x, second) for x in inputs):
            return kernel(first(inputs))
        if kernel is not None and _is_usual(inputs, second) and _is_usual(inputs, first):
            return first.call_then(inputs, kernel)
        return second(first(inputs))


class Padded(Joined):
    """A `ZeroPadding2D`, and a convolution that is told to put the zeros around its inputs: no memory for a copy."""

    def __init__(self, first: Any, second: Any) -> None:
        super().__init__(first, second)
        self._pairs = first.padding

    def __call__(self, inputs: Any) -> Any:
        """Runs both."""
        first, second = self.first, self.second
        usual = _is_usual(inputs, first) and _is_usual(inputs, second)
        if usual and not self._is_watched():
            try:
                return second.call_padded(inputs, self._pairs)
            except RuntimeError:  # the layers themselves say best what is wrong
                pass
        return second(first(inputs))


def pairs_in(nodes: list[Node], seen: set[int]) -> dict[int, tuple[Node, Joined]]:
    """Returns which nodes of a graph run as one with the node behind them, the only one to see what they make.

    Args:
        nodes: The nodes in the order in which they run.
        seen: The ids of symbolic tensors that somebody else sees: outputs, and what is watched.
    """
    readers: dict[int, list[Any]] = {tensor: [None] for tensor in seen}
    for node in nodes:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor), []).append(node.operation)
    makers = {id(tensor): node for node in nodes for tensor in node.outputs}
    pairs = {}
    for node in nodes:
        given = id(node.input_tensors[0]) if len(node.input_tensors) == 1 else None
        if given in makers and len(readers[given]) == 1 and given not in seen:
            pair = _joined(makers[given], node, readers.get(id(node.outputs[0]), ()))
            if pair is not None:
                pairs[id(makers[given])] = node, pair
    return pairs


def _joined(node: Node, after: Node, readers: Collection[Any]) -> Joined | None:
    """Returns a node and the one behind it as one; `None` if they cannot be. The second one's readers may be `None`."""
    first, second = node.operation, after.operation
    plain = not node.kwargs and not after.kwargs and len(node.args) == 1 and len(after.args) == 1
    if not plain or not isinstance(after.args[0], KerasTensor):
        return None
    if type(second) in (ReLU, Activation):
        given = node.args[0]
        several = type(first) is Add and isinstance(given, (list, tuple)) and len(given) > 1
        if several or (type(first) is BatchNormalization and isinstance(given, KerasTensor)):
            return Overwriting(first, second)
    # Outputs may have gaps in memory, which code of the user's need not know how to handle.
    safe = _pads_evenly(first) or all(type(reader) is BatchNormalization for reader in readers)
    if safe and type(first) is ZeroPadding2D and type(second) in (Conv2D, DepthwiseConv2D) and _fit(first, second):
        return Padded(first, second)
    return None


def _pads_evenly(layer: Any) -> bool:
    return type(layer) is ZeroPadding2D and all(before == after for before, after in layer.padding)


def _fit(padding: ZeroPadding2D, convolution: Any) -> bool:
    return bool(convolution.padding == "valid" and convolution.data_format == padding.data_format)


def _is_usual(x: Any, layer: Any) -> bool:
    """Returns whether this is a plain tensor of the rank and type that a layer takes without more ado."""
    masked = Flags.masks and hasattr(x, "_keras_mask")
    return type(x) is torch.Tensor and x.ndim == layer._seen_ndim and x.dtype is layer._seen_dtype and not masked


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
