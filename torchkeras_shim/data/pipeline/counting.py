"""Numbers without end, and numbers of elements that are promised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.errors import FailedPreconditionError
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.node import INFINITE, UNKNOWN, Node, Through


class Counter(Node):
    """Numbers from a start on, in steps, without end."""

    specified = True

    def __init__(self, start: Any, step: Any, dtype: Any) -> None:
        super().__init__()
        self._start, self._step = int(start), int(step)
        self._dtype = dtypes.to_torch_dtype(specs.type_name(dtype))

    @property
    def cardinality(self) -> int:
        """Without end."""
        return INFINITE

    @property
    def spec(self) -> Any:
        """A scalar."""
        return specs.TensorSpec((), self._dtype)

    def elements(self) -> Iterator[torch.Tensor]:
        """Returns an iterator over the numbers."""
        return (torch.tensor(number, dtype=self._dtype) for number in itertools.count(self._start, self._step))


class AssertCardinality(Through):
    """Elements whose number the user knows, and which are counted."""

    def __init__(self, source: Node, expected: int) -> None:
        super().__init__(source)
        self.indexable = False
        self._expected = int(expected)

    @property
    def cardinality(self) -> int:
        """The number that is promised."""
        return self._expected

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the elements.

        Raises:
            FailedPreconditionError: At the end, or at the first element too many, if there are not so many.
        """
        count = 0
        for element in self.source:
            count += 1
            if self._expected not in (INFINITE, UNKNOWN) and count > self._expected:
                raise FailedPreconditionError(f"Input dataset was expected to contain {self._expected} elements.")
            yield element
        if self._expected != UNKNOWN and count != self._expected:
            wanted = "an infinite number of" if self._expected == INFINITE else self._expected
            raise FailedPreconditionError(
                f"Input dataset was expected to contain {wanted} elements but contained only {count} elements."
            )
