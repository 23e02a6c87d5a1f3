"""The numbers and switches of `fit`, `evaluate` and `predict`, checked before anything is trained."""

from __future__ import annotations

import numbers
import warnings
from typing import Any

from torchkeras_shim.core import config
from torchkeras_shim.data import describe
from torchkeras_shim.layers.arguments import is_integer


def check_loop(batch_size: Any, steps: Any, verbose: Any, names: tuple[str, str] = ("batch_size", "steps")) -> None:
    """Checks what all loops take.

    Args:
        batch_size: Samples per batch; 0 counts as `None`, as in Keras.
        steps: Batches per loop; 0 counts as `None`.
        verbose: What is printed.
        names: What `batch_size` and `steps` are called in messages.

    Raises:
        ValueError: If one of them is not understood.
    """
    for name, value in zip(names, (batch_size, steps), strict=True):
        if value is not None:
            check_count(name, value)
    if verbose != "auto" and verbose is not None and not is_integer(verbose) and not isinstance(verbose, bool):
        raise ValueError(
            "`verbose` must be 'auto', 0 (silent), 1 (a progress bar) or 2 (a line per epoch). "
            f"Received: verbose={verbose!r}"
        )


def check_not_empty(first: Any, what: str) -> None:
    """Checks that there is a first batch.

    Raises:
        ValueError: If it is `None`.
    """
    if first is None:
        raise ValueError(
            f"The data given to `{what}` has no batch. Check that the array, dataset or generator is not empty."
        )


def limited(epochs: int) -> int:
    """Returns how many epochs `keras.config.set_max_epochs` lets `fit` run."""
    limit = config.max_epochs()
    if not limit or limit >= epochs:
        return epochs
    warnings.warn(f"Limiting epochs to {limit}", stacklevel=5)
    return limit


def check_fit(epochs: Any, initial_epoch: Any, validation_split: Any, validation_freq: Any) -> None:
    """Checks what only `fit` takes.

    Args:
        epochs: The epoch to stop before.
        initial_epoch: The epoch to start at.
        validation_split: The share of the data to validate on.
        validation_freq: After how many epochs to validate again, or the list of epochs after which to.

    Raises:
        ValueError: If one of them is not understood.
    """
    check_count("epochs", epochs)
    check_count("initial_epoch", initial_epoch)
    split = validation_split
    if split is not None and (
        not isinstance(split, numbers.Real) or isinstance(split, bool) or not 0 <= float(split) < 1
    ):
        raise ValueError(
            "`validation_split` must be between 0 and 1, such as 0.2 for the last fifth of the data. "
            f"Received: validation_split={split!r}"
        )
    listed = validation_freq if isinstance(validation_freq, (list, tuple, set)) else [validation_freq]
    if not all(is_integer(epoch) and epoch >= 1 for epoch in listed) and validation_freq is not True:
        raise ValueError(
            "Expected `validation_freq` to be a list or int: 2 for every second epoch, [1, 10] for after the first and "
            f"the tenth. Received: validation_freq={validation_freq!r}"
        )


def check_validation_targets(data: Any, y: Any) -> None:
    """Checks that there is something to compare predictions with.

    Raises:
        ValueError: If the targets are missing.
    """
    if y is None:
        raise ValueError(
            "`validation_data` has no targets, but the loss needs them. Write `validation_data=(x_val, y_val)`. "
            f"Received: validation_data={describe(data)}"
        )


def is_due(epoch: int, validation_freq: Any) -> bool:
    """Returns whether to validate after an epoch, which counts from 0."""
    listed = isinstance(validation_freq, (list, tuple, set))
    return bool(epoch + 1 in validation_freq if listed else (epoch + 1) % validation_freq == 0)


def check_count(name: str, value: Any) -> None:
    """Checks that a value is a number to count with.

    Raises:
        ValueError: If it is not an integer of at least 0.
    """
    if not is_integer(value) or value < 0:
        hint = ""
        if isinstance(value, float) and value >= 0 and value == value:
            hint = f" Write `int(...)`, or `//` if it comes from a division: {name}={int(value)}."
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}.{hint}")
