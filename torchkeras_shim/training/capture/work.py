"""How much work a step is, from the shapes of what its kernels get and give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.core.torch_private import DispatchMode
from torchkeras_shim.training.capture.bindings import is_view

#: What an element that a kernel reads or writes costs, in multiplications of a matrix product.
_ELEMENT = 8


class Work(DispatchMode):
    """Adds up the work of the kernels that are called.

    Attributes:
        products: The multiplications in products of matrices, convolutions and the like so far.
        largest: Those of the largest of them, a step of a recurrence, say.
        elements: The elements that kernels have read and written so far.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products = self.largest = self.elements = 0

    @property
    def done(self) -> int:
        """What was done so far, in multiplications."""
        return self.products + _ELEMENT * self.elements

    def add_up(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Runs one kernel and adds its work."""
        result = func(*args, **(kwargs or {}))
        products = _PRODUCTS.get(func.name().split(".")[0])
        if products is not None:
            times, each = products(args, result)
            self.products += times * each
            self.largest = max(self.largest, each)
        if not is_view(func):
            self.elements += _elements(args) + _elements(result)
        return result


# Set from outside: torch wraps what it finds in the class itself, and the wrapper imports the whole of its compiler.
Work.__torch_dispatch__ = Work.add_up  # type: ignore[assignment]


def _elements(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() if value.layout is torch.strided else 0
    if isinstance(value, (list, tuple)):
        return sum(map(_elements, value))
    return 0


def _matrices(args: tuple[Any, ...], result: torch.Tensor) -> tuple[int, int]:
    return 1, result.numel() * args[-2].shape[-1]


def _convolution(args: tuple[Any, ...], result: torch.Tensor) -> tuple[int, int]:
    transposed = args[6]
    return 1, (args[0] if transposed else result).numel() * args[1][0].numel()


def _convolution_backward(args: tuple[Any, ...], result: Any) -> tuple[int, int]:
    gradient, inputs, kernel, transposed = *args[:3], args[7]
    return 2, (inputs if transposed else gradient).numel() * kernel[0].numel()


def _recurrence(args: tuple[Any, ...], result: Any) -> tuple[int, int]:
    sequence, kernel, recurrent = args[:3]
    return sequence.shape[0], sequence.shape[1] * (kernel.numel() + recurrent.numel())


def _recurrence_backward(args: tuple[Any, ...], result: Any) -> tuple[int, int]:
    steps, each = _recurrence(args, result)
    return 2 * steps, each


#: How many products kernels make, and the multiplications of each, from their arguments and their result.
_PRODUCTS: dict[str, Callable[[tuple[Any, ...], Any], tuple[int, int]]] = {
    **dict.fromkeys(("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"), _matrices),
    "aten::convolution": _convolution,
    "aten::convolution_backward": _convolution_backward,
    "aten::mkldnn_rnn_layer": _recurrence,
    "aten::mkldnn_rnn_layer_backward": _recurrence_backward,
    "aten::_scaled_dot_product_flash_attention_for_cpu": lambda args, result: (
        2, args[0].numel() * args[1].shape[-2],
    ),
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": lambda args, result: (
        5, args[1].numel() * args[2].shape[-2],
    ),
}  # fmt: skip
