"""Rewriting a recording into one that computes the same numbers with less work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torchkeras_shim.core.torch_private import storage_id
from torchkeras_shim.training.capture.recording import Call, tensors_in

_ALIASES = ("aten::detach", "aten::detach_", "aten::alias", "aten::lift_fresh")
_RELU = "aten::relu"
_POOL = "aten::max_pool2d_with_indices"
_POOL_BACKWARD = "aten::max_pool2d_with_indices_backward"
_RELU_BACKWARD = "aten::threshold_backward"
_PERMUTE = "aten::permute"


class Rewriter:
    """Changes a list of calls, until nothing more applies.

    Args:
        calls: The recorded calls.
        outputs: The tensors that are returned, or `None`s.
        written: The memory that some call writes to, as `storage_id` tells.

    Attributes:
        calls: The calls as they are now.
        outputs: The outputs as they are now.
    """

    def __init__(self, calls: Sequence[Call], outputs: Sequence[Any], written: set[int]) -> None:
        self._instead: dict[int, torch.Tensor] = {}
        self._kept: list[Any] = list(calls)  # what is replaced must not lend its identity to a new tensor
        self._written = written
        self.calls: list[Call] = list(calls)
        self.outputs = list(outputs)
        self._drop_aliases()
        self._drop_double_permutes()
        self._pool_before_relu()

    # Tools ----------------------------------------------------------------------------------------------------------

    def _substitute(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            while id(value) in self._instead:
                value = self._instead[id(value)]
            return value
        if isinstance(value, (list, tuple)) and tensors_in(value):
            return type(value)(self._substitute(item) for item in value)
        return value

    def _new(self) -> torch.Tensor:
        """Returns a tensor that stands for a result nobody has computed yet."""
        tensor = torch.empty(0)
        self._kept.append(tensor)
        return tensor

    def _renew(self, calls: list[Call | None]) -> None:
        """Takes over calls, `None`s left out, with every tensor that was replaced put in."""
        self.calls = [
            call._replace(
                args=tuple(map(self._substitute, call.args)),
                kwargs={key: self._substitute(value) for key, value in call.kwargs.items()},
                result=self._substitute(call.result),  # what works in place returns its argument
            )
            for call in calls
            if call is not None
        ]
        self.outputs = [self._substitute(tensor) for tensor in self.outputs]

    # Rules ----------------------------------------------------------------------------------------------------------

    def _drop_aliases(self) -> None:
        kept: list[Call | None] = []
        for call in self.calls:
            if _name(call) in _ALIASES and isinstance(call.args[0], torch.Tensor):
                source = self._substitute(call.args[0])
                if source is not call.result:
                    self._instead[id(call.result)] = source
            else:
                kept.append(call)
        self._renew(kept)

    def _drop_double_permutes(self) -> None:
        """`permute(permute(x, a), b)` is `x` where `b` undoes `a`."""
        made_by = {id(call.result): call for call in self.calls if _name(call) == _PERMUTE}
        kept: list[Call | None] = []
        for call in self.calls:
            first = made_by.get(id(self._substitute(call.args[0]))) if _name(call) == _PERMUTE else None
            if first is not None and [first.args[1][axis] for axis in call.args[1]] == sorted(first.args[1]):
                self._instead[id(call.result)] = self._substitute(first.args[0])
            else:
                kept.append(call)
        self._renew(kept)

    def _pool_before_relu(self) -> None:
        """`max_pool(relu(x))` is `relu(max_pool(x))`, backwards too, with a fraction of the elements to rectify.

        A window whose maximum is positive has the same maximum, at the same place, either way. Any other window is zero
        and hands no gradient on: either its elements are masked, or its result is.
        """
        while (found := self._find_pool_after_relu()) is not None:
            self._swap(*found)

    def _find_pool_after_relu(self) -> tuple[int, int | None, int, int, int | None, int] | None:
        users: dict[int, list[int]] = {}
        for index, call in enumerate(self.calls):
            for tensor in tensors_in(call.args, tuple(call.kwargs.values())):
                users.setdefault(id(tensor), []).append(index)
        returned = {id(tensor) for tensor in self.outputs if tensor is not None}

        def private(tensor: torch.Tensor) -> bool:
            return id(tensor) not in returned and storage_id(tensor) not in self._written

        def used_by(tensor: torch.Tensor, *names: str) -> list[int] | None:
            found = users.get(id(tensor), [])
            fits = private(tensor) and tuple(_name(self.calls[index]) for index in found) == names
            return found if fits else None

        for relu, call in enumerate(self.calls):
            if _name(call) != _RELU or not private(call.args[0]):
                continue
            permute = permute_back = None
            direct = used_by(call.result, _POOL, _POOL_BACKWARD, _RELU_BACKWARD)
            if direct is not None:
                pool, pool_backward, relu_backward = direct
            else:
                viewed = used_by(call.result, _PERMUTE, _RELU_BACKWARD)
                if viewed is None:
                    continue
                permute, relu_backward = viewed
                pooled = used_by(self.calls[permute].result, _POOL, _POOL_BACKWARD)
                if pooled is None:
                    continue
                pool, pool_backward = pooled
            gradient = self.calls[pool_backward].result
            if permute is not None:
                back = used_by(gradient, _PERMUTE)
                if back is None:
                    continue
                permute_back = back[0]
                gradient = self.calls[permute_back].result
            if used_by(gradient, _RELU_BACKWARD) != [relu_backward]:
                continue
            given, _, threshold = self.calls[relu_backward].args
            if given is gradient and threshold == 0:
                return relu, permute, pool, pool_backward, permute_back, relu_backward
        return None

    def _swap(
        self, relu: int, permute: int | None, pool: int, pool_backward: int, permute_back: int | None, after: int
    ) -> None:
        calls: list[Call | None] = list(self.calls)
        rectify, pooling, backward, masking = (self.calls[index] for index in (relu, pool, pool_backward, after))
        raw = rectify.args[0]
        insert: dict[int, list[Call]] = {}
        if permute is not None:
            raw = self._new()
            calls[permute] = self.calls[permute]._replace(
                args=(rectify.args[0], *self.calls[permute].args[1:]), result=raw
            )
        highest, pooled = self._new(), pooling.result[0]
        calls[relu] = None
        calls[pool] = pooling._replace(args=(raw, *pooling.args[1:]), result=(highest, pooling.result[1]))
        insert[pool + 1] = [rectify._replace(args=(highest,), result=pooled)]
        masked = self._new()
        insert[pool_backward] = [masking._replace(args=(backward.args[0], pooled, 0), result=masked)]
        calls[pool_backward] = backward._replace(args=(masked, raw, *backward.args[2:]))
        last = self.calls[permute_back if permute_back is not None else pool_backward]
        calls[after] = None
        self._instead[id(masking.result)] = last.result
        renewed: list[Call | None] = []
        for index, call in enumerate(calls):
            renewed += insert.get(index, [])
            renewed.append(call)
        self._renew(renewed)
        self._drop_double_permutes()


def _name(call: Call) -> str:
    return str(call.function.name()).split(".")[0]
