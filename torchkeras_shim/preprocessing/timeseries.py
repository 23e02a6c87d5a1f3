"""`timeseries_dataset_from_array`: windows of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from torchkeras_shim.data.pipeline import AUTOTUNE, Dataset, specs
from torchkeras_shim.preprocessing.directories import check_format


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Returns a data set of windows of a series, each with the target that belongs to its first step.

    To predict what follows a window, hand in targets that are moved: `data[:-length]` and `data[length:]`.

    Args:
        data: An array whose first axis is time.
        targets: An array with a target for each step that a window begins at, `None` for windows alone.
        sequence_length: How many steps a window has.
        sequence_stride: How many steps further the next window begins.
        sampling_rate: The distance between the steps of a window: 2 takes every second one.
        batch_size: Windows per batch, `None` for single windows.
        shuffle: Whether the order is random.
        seed: Makes the order repeatable.
        start_index: The first step that is used.
        end_index: The first step that is not used any more.
        format: Must be `"tf"`: the data set has the methods of `tf.data`.

    Returns:
        A `Dataset` of `(windows, targets)`, or of windows alone.

    Raises:
        ValueError: If an index, stride or rate lies outside the data.

    Example:
        >>> for windows, targets in timeseries_dataset_from_array(range(5), [10, 11, 12], sequence_length=3):
        ...     print(windows.tolist(), targets.tolist())
        [[0, 1, 2], [1, 2, 3], [2, 3, 4]] [10, 11, 12]
    """
    check_format(format)
    _check(len(data), start_index, end_index, sampling_rate=sampling_rate, sequence_stride=sequence_stride)
    begin, end = start_index or 0, len(data) if end_index is None else end_index
    count = end - begin - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets))
    positions = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = int(np.random.randint(10**6)) if seed is None else seed
        np.random.RandomState(seed).shuffle(positions)
    windows = _Windows(
        specs.as_part(data[begin:end]),
        None if targets is None else specs.as_part(targets[begin:end]),
        torch.arange(sequence_length) * sampling_rate,
    )
    dataset = Dataset.from_tensor_slices(positions)
    if shuffle:
        dataset = dataset.shuffle(1024 if batch_size is None else batch_size * 8, seed=seed)
    if batch_size is not None:  # windows overlap: batches of positions, from which each batch is gathered at once
        dataset = dataset.batch(batch_size)
    return dataset.map(windows, AUTOTUNE).prefetch(AUTOTUNE)


@dataclass(frozen=True)
class _Windows:
    """Cuts windows out of a series."""

    series: Any
    targets: Any
    steps: torch.Tensor

    def __call__(self, positions: torch.Tensor) -> Any:
        windows = self.series[positions.unsqueeze(-1) + self.steps]
        return windows if self.targets is None else (windows, self.targets[positions])


def _check(length: int, start: int | None, end: int | None, **strides: int) -> None:
    if start and not 0 <= start < length:
        wrong = "0 or greater" if start < 0 else "lower than the length of the data"
        raise ValueError(f"`start_index` must be {wrong}. Received: start_index={start}, for data of length {length}")
    if end:
        if start and end <= start:
            raise ValueError(
                f"`end_index` must be higher than `start_index`. Received: start_index={start}, and end_index={end}"
            )
        if not 0 < end < length:
            wrong = "higher than 0" if end <= 0 else "lower than the length of the data"
            raise ValueError(f"`end_index` must be {wrong}. Received: end_index={end}, for data of length {length}")
    for name, stride in strides.items():
        if not 0 < stride < length:
            wrong = "higher than 0" if stride <= 0 else "lower than the length of the data"
            raise ValueError(f"`{name}` must be {wrong}. Received: {name}={stride}, for data of length {length}")
