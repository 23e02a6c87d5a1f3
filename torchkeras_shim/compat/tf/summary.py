"""`tf.summary`: event files for TensorBoard, through `torch.utils.tensorboard`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.text import as_strings

_writers: list[SummaryWriter] = []
_step: list[Any] = [None]


class SummaryWriter:
    """Writes summaries into a folder."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    @contextmanager
    def as_default(self, step: Any = None) -> Iterator[SummaryWriter]:
        """Summaries in this block go here."""
        before = _step[0]
        if step is not None:
            _step[0] = step
        _writers.append(self)
        try:
            yield self
        finally:
            _writers.remove(self)
            _step[0] = before
            self._writer.flush()

    def set_as_default(self, step: Any = None) -> None:
        """Summaries from now on go here."""
        _step[0] = step if step is not None else _step[0]
        _writers.append(self)

    def flush(self) -> None:
        """Writes what is waiting."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        if self in _writers:
            _writers.remove(self)
        self._writer.close()


@public("summary.create_file_writer")
def create_file_writer(
    logdir: Any,
    max_queue: int | None = None,
    flush_millis: int | None = None,
    filename_suffix: str | None = None,
    **_: Any,
) -> SummaryWriter:
    """Returns a writer of event files in a folder.

    Raises:
        ImportError: If `tensorboard` is not installed.
    """
    from torch.utils.tensorboard import SummaryWriter as Writer

    return SummaryWriter(Writer(str(logdir), max_queue=max_queue or 10, filename_suffix=filename_suffix or ""))


@public("summary.create_noop_writer")
def create_noop_writer() -> Any:
    """Returns a writer of nothing."""
    return nullcontext()


def _now(step: Any) -> int:
    step = _step[0] if step is None else step
    if step is None:
        raise ValueError(
            "No step set. Please specify one either through the `step` argument or through "
            "tf.summary.experimental.set_step()"
        )
    return int(step)


def _writer() -> Any:
    return _writers[-1]._writer if _writers else None


@public("summary.scalar")
def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """Writes a number; returns whether there is a writer."""
    if _writer() is None:
        return False
    _writer().add_scalar(name, float(convert(data)), _now(step))
    return True


@public("summary.histogram")
def histogram(
    name: str, data: Any, step: Any = None, buckets: int | None = None, description: str | None = None
) -> bool:
    """Writes the distribution of a tensor; returns whether there is a writer."""
    if _writer() is None:
        return False
    _writer().add_histogram(name, convert(data).detach(), _now(step), max_bins=buckets)
    return True


@public("summary.image")
def image(name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None) -> bool:
    """Writes images of shape (number, height, width, channels); returns whether there is a writer."""
    if _writer() is None:
        return False
    images = convert(data)
    floats = images if images.dtype == torch.uint8 else images.float().clamp(0, 1)
    for at, one in enumerate(floats[:max_outputs]):
        _writer().add_image(name if len(images) == 1 else f"{name}/{at}", one, _now(step), dataformats="HWC")
    return True


@public("summary.text")
def text(name: str, data: Any, step: Any = None, description: str | None = None) -> bool:
    """Writes text; returns whether there is a writer."""
    if _writer() is None:
        return False
    found = as_strings(data).decode()
    _writer().add_text(name, found if isinstance(found, str) else "\n\n".join(found), _now(step))
    return True


@public("summary.audio")
def audio(
    name: str,
    data: Any,
    sample_rate: int,
    step: Any = None,
    max_outputs: int = 3,
    encoding: Any = None,
    description: str | None = None,
) -> bool:
    """Writes sounds of shape (number, samples, channels); returns whether there is a writer."""
    if _writer() is None:
        return False
    for at, one in enumerate(convert(data)[:max_outputs]):
        _writer().add_audio(f"{name}/{at}", one.T[:1], _now(step), sample_rate)
    return True


@public("summary.flush")
def flush(writer: Any = None, name: str | None = None) -> None:
    """Writes what is waiting."""
    if writer is not None:
        writer.flush()
    elif _writers:
        _writers[-1].flush()


@public("summary.experimental.set_step")
def set_step(step: Any) -> None:
    """Sets the step of summaries that name none."""
    _step[0] = step


@public("summary.experimental.get_step")
def get_step() -> Any:
    """Returns the step of summaries that name none."""
    return _step[0]


@public("summary.record_if")
@contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Summaries in this block are written if a condition is true."""
    kept = list(_writers)
    if not bool(condition() if callable(condition) else condition):
        _writers.clear()
    try:
        yield
    finally:
        _writers[:] = kept
