"""The quickest way to call a kernel from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from torchkeras_shim.core import torch_private
from torchkeras_shim.training.capture.recording import Call

_DETACH = torch.ops.aten.detach.default

#: What a replay runs under: calls go straight to the kernels, whatever the grad mode.
below_autograd: Callable[[], AbstractContextManager[Any]] = torch_private.below_autograd or torch.no_grad

_known: dict[tuple[Any, ...], Callable[..., Any]] = {}


class _DryRun(torch_private.DispatchMode):
    """Runs nothing but views, which cost nothing: notes the calls and answers with the recorded result."""

    def __init__(self, result: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.result = result
        self.seen: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []

    def answer(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Notes a call, and answers it."""
        self.seen.append((func, args, kwargs or {}))
        return func(*args, **(kwargs or {})) if is_view(func) else self.result


_DryRun.__torch_dispatch__ = _DryRun.answer  # type: ignore[assignment]  # as in `Recorder`


def quickest(call: Call) -> Callable[..., Any]:
    """Returns what calls a recorded kernel with the recorded arguments at the lowest cost.

    Torch's own functions take half of the time of a call through the operator registry. Which of them ends in the same
    kernel with the same arguments is tried out, without running it.
    """
    key = (call.function, len(call.args), tuple(map(type, call.args)), tuple(call.kwargs), call.grad_mode)
    if key not in _known:
        quick = (candidate for candidate in _candidates(call.function) if _agrees(candidate, call))
        _known[key] = next(quick, torch_private.operator_of(call.function))
    return _known[key]


def _candidates(function: Any) -> Iterator[Callable[..., Any]]:
    namespace, _, rest = function.name().partition("::")
    if namespace == "aten":
        name = rest.split(".")[0]
        for holder in torch_private.kernel_holders:
            candidate = getattr(holder, name, None)
            if callable(candidate):
                yield candidate


def _agrees(candidate: Callable[..., Any], call: Call) -> bool:
    if torch_private.below_autograd is None:
        return False
    dry = _DryRun(call.result)
    try:
        with torch.set_grad_enabled(call.grad_mode), below_autograd(), dry:
            candidate(*call.args, **call.kwargs)
    except Exception:  # whatever a candidate has against the arguments, it is not the one
        return False
    if not dry.seen or any(func is not _DETACH for func, _, _ in dry.seen[1:]):  # a new tensor is handed out detached
        return False
    func, args, kwargs = dry.seen[0]
    return func is call.function and _same(args, call.args) and _same(kwargs, call.kwargs)


def is_view(function: Any) -> bool:
    """Returns whether a kernel only looks at its argument's memory in another way."""
    returns = torch_private.schema_of(function).returns
    return bool(returns) and all(value.alias_info is not None and not value.alias_info.is_write for value in returns)


def _same(left: Any, right: Any) -> bool:
    """Compares arguments: tensors by identity, the rest by value and type."""
    if isinstance(left, torch.Tensor) or isinstance(right, torch.Tensor):
        return left is right
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return type(left) is type(right) and (left is right or bool(left == right))
