"""`audio_dataset_from_directory`: recordings in folders, one folder for each class."""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.data.pipeline import Dataset
from torchkeras_shim.preprocessing import directories

# How many zero crossings of the sinc function are used on each side, and the share of the frequencies that is kept.
_CROSSINGS, _KEPT = 16, 0.945


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Returns a data set of the `.wav` files below a folder, with labels by the folders that they are in.

    Args:
        directory: The folder, which has a folder for each class.
        labels: `"inferred"` for labels by the folders; `None` for none; or a list of integers, one for each file in the
            alphabetic order of the paths.
        label_mode: `"int"` for numbers, `"categorical"` for one-hot vectors, `"binary"` for 0.0 and 1.0, `None` for no
            labels.
        class_names: The folders to take, in the order of their labels; all in alphabetic order by default.
        batch_size: Recordings per batch; `None` for single ones.
        sampling_rate: The rate to convert to, in samples per second; by default each file keeps its own.
        output_sequence_length: The number of samples that all recordings are cut or filled up to with zeros. By default
            those of a batch are filled up to the longest.
        ragged: Whether batches are `RaggedTensor`s, in which each recording keeps its length.
        shuffle: Whether the order is random, a new one in every pass.
        seed: Makes the orders repeatable.
        validation_split: The share of the files that is set aside for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a pair of both data sets.
        follow_links: Whether to go into folders that are links.
        verbose: Whether to print how many files and classes there are.

    Returns:
        A `Dataset` of `(recordings, labels)`, or of recordings alone, with the attributes `class_names` and
        `file_paths`. Recordings are float32 from -1 to 1, of shape `(batch, samples, channels)`.

    Raises:
        ValueError: If an argument is unknown or does not go with another one, or there are no recordings.

    Example:
        >>> import pathlib, tempfile, wave
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for word in ("no", "yes"):
        ...         pathlib.Path(folder, word).mkdir()
        ...         with wave.open(f"{folder}/{word}/one.wav", "wb") as file:
        ...             file.setparams((1, 2, 8000, 0, "NONE", ""))
        ...             file.writeframes(bytes(200))
        ...     data = audio_dataset_from_directory(folder, batch_size=2, verbose=False)
        ...     recordings, labels = next(iter(data))
        >>> data.class_names, recordings.shape
        (['no', 'yes'], torch.Size([2, 100, 1]))
    """
    if ragged and output_sequence_length is not None:
        raise ValueError(
            "Cannot set both `ragged` and `output_sequence_length`. Received: ragged=True, "
            f"output_sequence_length={output_sequence_length}"
        )
    if sampling_rate is not None and not isinstance(sampling_rate, int):
        raise ValueError(f"`sampling_rate` should have an integer value. Received: sampling_rate={sampling_rate}")
    if sampling_rate is not None and sampling_rate <= 0:
        raise ValueError(f"`sampling_rate` should be higher than 0. Received: sampling_rate={sampling_rate}")
    request = directories.Request(
        kind="audio",
        formats=(".wav",),
        directory=directory,
        labels=labels,
        label_mode=label_mode,
        class_names=class_names,
        batch_size=batch_size,
        shuffle=shuffle,
        seed=seed,
        validation_split=validation_split,
        subset=subset,
        follow_links=follow_links,
        verbose=verbose,
    )
    batch = Dataset.padded_batch if output_sequence_length is None else Dataset.batch
    parts = directories.datasets(
        request, _Reader(sampling_rate, output_sequence_length), Dataset.ragged_batch if ragged else batch
    )
    return tuple(parts) if isinstance(parts, list) else parts


@dataclass(frozen=True)
class _Reader:
    """Makes a tensor of the recording under a path."""

    rate: int | None
    length: int | None

    def __call__(self, path: str) -> torch.Tensor:
        samples, rate = read(path)
        if self.length is not None:
            rest = self.length - len(samples)
            samples = F.pad(samples, (0, 0, 0, rest))  # cuts if it is negative
        return samples if self.rate is None else resampled(samples, rate, self.rate)


def read(path: str) -> tuple[torch.Tensor, int]:
    """Returns the samples in a WAV file as float32 `(samples, channels)`, and how many there are per second.

    Raises:
        InvalidArgumentError: If it is not a WAV file of 16-bit integers, or a broken one.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        with wave.open(io.BytesIO(content)) as source:
            width, channels, count, rate = (
                source.getsampwidth(),
                source.getnchannels(),
                source.getnframes(),
                source.getframerate(),
            )
            frames = source.readframes(count)
    except (wave.Error, EOFError) as error:
        raise InvalidArgumentError(_broken(path, str(error) or "it ends too early")) from error
    if width != 2:
        raise InvalidArgumentError(_broken(path, f"Can only read 16-bit WAV files, but received {8 * width}"))
    if len(frames) != count * channels * width:
        raise InvalidArgumentError(
            _broken(path, f"it has {len(frames)} of {count * channels * width} bytes of samples")
        )
    samples = np.frombuffer(frames, "<i2").astype("float32").reshape(count, channels) / 32768
    return torch.from_numpy(samples), rate


def _broken(path: str, reason: str) -> str:
    return f"Cannot read the recording {path}: {reason}. Replace the file, or convert it to 16-bit PCM."


def resampled(samples: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """Returns a recording at another rate, without the frequencies that one of both rates cannot hold.

    Args:
        samples: The samples, `(samples, channels)`.
        old: How many there are per second.
        new: How many there are to be.

    Example:
        >>> resampled(torch.zeros(8000, 1), 8000, 16000).shape
        torch.Size([16000, 1])
    """
    common = math.gcd(old, new)
    step, phases = old // common, new // common
    if step == phases or not len(samples):
        return samples
    scale = _KEPT * min(1.0, phases / step)  # in cycles of the old rate's half
    reach = math.ceil(_CROSSINGS / scale)
    # Every `phases` new samples lie in the same way between the old ones: each phase is one filter, moved by `step`.
    places = torch.arange(-reach, reach + step, dtype=torch.float64)
    distance = (places - torch.arange(phases, dtype=torch.float64)[:, None] * step / phases) * scale
    window = torch.where(distance.abs() < _CROSSINGS, torch.cos(math.pi * distance / _CROSSINGS / 2) ** 2, 0.0)
    filters = (torch.sinc(distance) * window * scale).to(samples.dtype)[:, None]
    padded = F.pad(samples.T[:, None], (reach, reach + step))
    found = F.conv1d(padded, filters, stride=step)
    length = math.ceil(len(samples) * phases / step)
    return found.transpose(1, 2).reshape(samples.shape[1], -1)[:, :length].T
