"""What was computed while a tape recorded, by the numbers that autograd gives to operations."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from torchkeras_shim.core.torch_private import number_of, sequence_number

_OPEN = sys.maxsize
#: What stands for a leaf in autograd's record.
_LEAF = type(torch.autograd.graph.get_gradient_edge(torch.zeros((), requires_grad=True)).node)


class Recorded:
    """The stretches of a thread's operations that a tape has recorded."""

    def __init__(self) -> None:
        self._spans: list[list[int]] = []
        self._all = False

    def start(self) -> None:
        """Records what is computed from now on."""
        number = sequence_number()
        if number is None:
            self.count_all()
        else:
            self._spans.append([number, _OPEN])

    def stop(self) -> None:
        """Records no more."""
        if not self._all:
            self._spans[-1][1] = sequence_number() or 0

    def clear(self) -> None:
        """Forgets what was recorded."""
        self._spans.clear()

    def count_all(self) -> None:
        """Takes all operations for recorded ones: another thread, with numbers of its own, has computed some."""
        self._all = True

    def has(self, tensor: torch.Tensor) -> bool:
        """Returns whether the operation that gave a tensor was recorded; leaves are nobody's result."""
        return self._all or tensor.grad_fn is None or self._has(number_of(tensor.grad_fn))

    def _has(self, number: int) -> bool:
        return any(begin <= number < end for begin, end in self._spans)

    def alone(self, targets: Iterable[torch.Tensor]) -> AbstractContextManager[bool]:
        """Returns a block, inside of which gradients of targets end where they leave what was recorded.

        It tells whether they leave it: autograd calls the operations outside all the same, though with no gradient.
        """
        borders = () if self._all else self._followed(targets)[1]
        return _ended_at(borders) if borders else _NOTHING_OUTSIDE

    def _followed(self, targets: Iterable[torch.Tensor]) -> tuple[list[Any], list[Any]]:
        """Returns the recorded operations that gave targets, and those not recorded whose results they have used."""
        inside: list[Any] = [one.grad_fn for one in targets if one.grad_fn is not None]
        borders: list[Any] = []
        seen = set(inside)
        begin, end = (0, _OPEN) if self._all else self._spans[-1]
        earlier = not self._all and len(self._spans) > 1
        for node in inside:  # it grows; the walk takes 3 % of a small step
            for child, _ in node.next_functions:
                if child is None or type(child) is _LEAF or child in seen:
                    continue
                seen.add(child)
                number = number_of(child)
                if begin <= number < end or (earlier and self._has(number)):
                    inside.append(child)
                elif number < _OPEN:
                    borders.append(child)
        return inside, borders

    def variables(self) -> list[torch.Tensor]:
        """Returns the variables from which recorded operations have computed what is still there, by first use."""
        living = (one for one in gc.get_objects() if issubclass(type(one), torch.Tensor))
        targets = [one for one in living if one.grad_fn is not None and self.has(one)]
        users: dict[int, tuple[int, torch.Tensor]] = {}
        for node in self._followed(targets)[0]:
            number = number_of(node)
            for child, _ in node.next_functions:
                variable = getattr(child, "variable", None)
                if isinstance(variable, torch.nn.Parameter):
                    first = min(number, users.get(id(variable), (number,))[0])
                    users[id(variable)] = first, variable
        return [variable for _, variable in sorted(users.values(), key=lambda one: one[0])]


_NOTHING_OUTSIDE = nullcontext(False)


@contextmanager
def _ended_at(nodes: Iterable[Any]) -> Iterator[bool]:
    hooks = [node.register_prehook(_nothing) for node in nodes]
    try:
        yield True
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise RuntimeError(
            "A target was computed from a tensor of another tape, whose gradient was taken already: torch has freed "
            "what it was computed from. Pass it on as a value, `x = tf.stop_gradient(x)`."
        ) from error
    finally:
        for hook in hooks:
            hook.remove()


def _nothing(grads: tuple[Any, ...]) -> tuple[None, ...]:
    return (None,) * len(grads)
