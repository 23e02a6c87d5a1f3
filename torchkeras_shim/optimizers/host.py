"""Numbers that live on the host and also appear as Keras variables."""

from __future__ import annotations

from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core.variable import Variable


class HostNumber:
    """A Python number with a 0-d `Variable` as its public face.

    The step reads and writes the number, which never costs a kernel or a device read. The variable is brought up to
    date when somebody looks at it, and an assignment to it is noticed by its version counter.

    Args:
        value: The first value.
        dtype: The variable's type.
        name: The variable's own name.
        path: The variable's path.
    """

    __slots__ = ("stale", "value", "variable", "version")

    value: Any

    def __init__(self, value: float, dtype: Any, name: str, path: str) -> None:
        with devices.device("cpu"):  # on the host on purpose: it is read there in every step
            self.variable = Variable(value, dtype=dtype, trainable=False, name=name)
        self.variable._path = path
        self.reread()

    def reread(self) -> Any:
        """Takes the variable's value over, after somebody assigned it."""
        self.value = self.variable.item()
        self.version = self.variable._version
        self.stale = False
        return self.value

    def read(self) -> Any:
        """Returns the number."""
        return self.value if self.variable._version == self.version else self.reread()

    def write(self, value: Any) -> None:
        """Sets the number; the variable follows when it is looked at."""
        self.value = value
        self.stale = True

    def synced(self) -> Variable:
        """Returns the variable, up to date."""
        if self.stale and self.variable._version == self.version:
            with torch.no_grad():
                self.variable.fill_(self.value)
            self.version = self.variable._version
        self.stale = False
        return self.variable

    def __getstate__(self) -> Any:
        return self.synced()

    def __setstate__(self, variable: Variable) -> None:
        self.variable = variable
        self.reread()
