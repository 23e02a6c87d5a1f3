"""Fourier transforms. Complex numbers go in and out as pairs `(real, imaginary)`, as in Keras."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras_shim.core import dtypes
from torchkeras_shim.core.symbolic import op
from torchkeras_shim.ops.promotion import as_float, as_tensor

__all__ = [
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "irfft",
    "istft",
    "polar",
    "rfft",
    "stft",
    "view_as_complex",
    "view_as_real",
]

_WINDOWS: dict[str, Callable[..., torch.Tensor]] = {"hann": torch.hann_window, "hamming": torch.hamming_window}


def _complex(x: Any) -> torch.Tensor:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. "
            f"Write `fft((x, keras.ops.zeros_like(x)))` for real numbers. Received: x={x}"
        )
    real, imaginary = as_tensor(x[0]), as_tensor(x[1])
    if real.shape != imaginary.shape:
        raise ValueError(
            "Both the real and imaginary parts should have the same shape. "
            f"Received: x[0].shape={tuple(real.shape)}, x[1].shape={tuple(imaginary.shape)}"
        )
    if not real.is_floating_point() or not imaginary.is_floating_point():
        raise ValueError(
            f"At least one tensor in input `x` is not of type float. Received: {real.dtype} and {imaginary.dtype}"
        )
    return torch.complex(real, imaginary)


def _pair(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.real, x.imag


@op
def fft(x: Any) -> Any:
    """Returns the discrete Fourier transform along the last axis.

    Args:
        x: A pair `(real, imaginary)`.

    Returns:
        A pair `(real, imaginary)`.

    Example:
        >>> fft((torch.ones(2), torch.zeros(2)))[0]
        tensor([2., 0.])
    """
    return _pair(torch.fft.fft(_complex(x)))


@op
def fft2(x: Any) -> Any:
    """Returns the two-dimensional discrete Fourier transform along the last two axes.

    Args:
        x: A pair `(real, imaginary)`.

    Returns:
        A pair `(real, imaginary)`.

    Example:
        >>> fft2((torch.ones(1, 2), torch.zeros(1, 2)))[0]
        tensor([[2., 0.]])
    """
    return _pair(torch.fft.fft2(_complex(x)))


@op
def ifft2(x: Any) -> Any:
    """Returns the inverse of `fft2`.

    Args:
        x: A pair `(real, imaginary)`.

    Returns:
        A pair `(real, imaginary)`.

    Example:
        >>> ifft2(fft2((torch.ones(1, 2), torch.zeros(1, 2))))[0]
        tensor([[1., 1.]])
    """
    return _pair(torch.fft.ifft2(_complex(x)))


@op
def rfft(x: Any, fft_length: int | None = None) -> Any:
    """Returns the discrete Fourier transform of real numbers along the last axis, without its redundant half.

    Args:
        x: A tensor of floats.
        fft_length: The length that the axis is padded or cut to.

    Returns:
        A pair `(real, imaginary)` with `fft_length // 2 + 1` values.

    Example:
        >>> rfft([1.0, 1.0])[0]
        tensor([2., 0.])
    """
    return _pair(torch.fft.rfft(as_float(x), n=fft_length))


@op
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """Returns the inverse of `rfft`.

    Args:
        x: A pair `(real, imaginary)`.
        fft_length: The length of the result, `2 * (size - 1)` by default.

    Example:
        >>> irfft(rfft([1.0, 3.0]))
        tensor([1., 3.])
    """
    return torch.fft.irfft(_complex(x), n=fft_length)


@op
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Returns windows that slide along the last axis.

    Args:
        x: A tensor.
        sequence_length: The length of each.
        sequence_stride: The distance between their starts.

    Returns:
        A tensor of shape `(..., windows, sequence_length)`.

    Example:
        >>> extract_sequences([1, 2, 3, 4], 2, 1)
        tensor([[1, 2],
                [2, 3],
                [3, 4]], dtype=torch.int32)
    """
    _check_stride(sequence_stride)
    x = as_tensor(x)
    if x.shape[-1] < sequence_length:
        return x.new_empty(*x.shape[:-1], 0, sequence_length)
    return x.unfold(-1, sequence_length, sequence_stride)


def _check_stride(sequence_stride: Any) -> None:
    if not isinstance(sequence_stride, numbers.Integral) or sequence_stride < 1:
        raise ValueError(f"`sequence_stride` must be a positive integer. Received: sequence_stride={sequence_stride}")


def _window(window: Any, sequence_length: int, fft_length: int, like: torch.Tensor) -> torch.Tensor | None:
    """Returns the window in the middle of `fft_length` values."""
    if window is None:
        return None
    if isinstance(window, str):
        if window not in _WINDOWS:
            raise ValueError(
                f"If a string is passed to `window`, it must be one of 'hann', 'hamming'. Received: window={window!r}"
            )
        values = _WINDOWS[window](sequence_length, periodic=True, dtype=like.dtype, device=like.device)
    else:
        values = as_tensor(window, like.dtype, like.device)
        if values.shape != (sequence_length,):
            raise ValueError(
                f"The shape of `window` must be equal to [sequence_length]={[sequence_length]}. "
                f"Received: window shape={tuple(values.shape)}"
            )
    before = (fft_length - sequence_length) // 2
    return F.pad(values, (before, fft_length - sequence_length - before))


def _check_lengths(sequence_length: int, fft_length: int) -> None:
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )


@op
def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Returns the short-time Fourier transform: the transform of each of the windows that slide along the last axis.

    Args:
        x: Samples `(..., n)` of type `float32` or `float64`.
        sequence_length: The window's length.
        sequence_stride: The distance between windows.
        fft_length: The length of each transform; a shorter window lies in its middle.
        window: `"hann"`, `"hamming"`, `sequence_length` values, or `None`.
        center: Whether each window is centred at its place, the signal being mirrored at both ends.

    Returns:
        A pair `(real, imaginary)` of shape `(..., windows, fft_length // 2 + 1)`.

    Raises:
        TypeError: If it is of another type.
        ValueError: If a window does not fit.

    Example:
        >>> stft(torch.ones(8), 4, 2, 4)[0].shape
        torch.Size([5, 3])
    """
    x = as_tensor(x)
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            "Invalid input type. Expected `float32` or `float64`. "
            f"Received: input type={dtypes.standardize_dtype(x.dtype)}"
        )
    _check_stride(sequence_stride)
    _check_lengths(sequence_length, fft_length)
    values = _window(window, sequence_length, fft_length, x)
    if center:
        half = fft_length // 2
        x = F.pad(x.reshape(-1, 1, x.shape[-1]), (half, half), mode="reflect").reshape(*x.shape[:-1], -1)
    frames = extract_sequences(x, fft_length, sequence_stride)
    return _pair(torch.fft.rfft(frames if values is None else frames * values))


@op
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Returns the samples of a short-time Fourier transform: the exact inverse of `stft`, at both ends too.

    Args:
        x: A pair `(real, imaginary)` as `stft` returned it.
        sequence_length: The window's length.
        sequence_stride: The distance between windows.
        fft_length: The length of each transform.
        length: How many samples to return, as many as there are by default.
        window: The window that `stft` was called with.
        center: Whether it was called with `center`.

    Example:
        >>> x = torch.arange(8.0)
        >>> torch.allclose(istft(stft(x, 4, 2, 4), 4, 2, 4), x, atol=1e-5)
        True
    """
    spectrum = _complex(x)
    _check_stride(sequence_stride)
    _check_lengths(sequence_length, fft_length)
    frames = torch.fft.irfft(spectrum, n=fft_length)
    values = _window(window, sequence_length, fft_length, frames)
    samples = _overlap_add(frames if values is None else frames * values, sequence_stride)
    total = samples.shape[-1]
    if values is not None:
        # By what the windows really contribute at each place: exact at both ends too, where fewer of them overlap.
        weight = _overlap_add(values.square().expand(frames.shape[-2], fft_length), sequence_stride)
        samples = samples / torch.where(weight > 1e-10, weight, torch.ones_like(weight))
    start = fft_length // 2 if center else 0
    if length is not None:
        return samples[..., start : start + length]
    return samples[..., start : total - start]


def _overlap_add(frames: torch.Tensor, stride: int) -> torch.Tensor:
    """Adds windows `(..., windows, size)` where they overlap."""
    count, size = frames.shape[-2:]
    total = size + stride * (count - 1)
    columns = frames.reshape(-1, count, size).transpose(1, 2)
    return F.fold(columns, (1, total), (1, size), stride=(1, stride)).reshape(*frames.shape[:-2], total)


@op
def view_as_complex(x: Any) -> Any:
    """Returns complex numbers of a tensor whose last axis holds real and imaginary parts.

    Raises:
        ValueError: If the last axis has another size than two.

    Example:
        >>> view_as_complex([[1.0, 2.0]])
        tensor([1.+2.j])
    """
    x = as_tensor(x)
    if x.dim() < 1 or x.shape[-1] != 2:
        raise ValueError(
            f"Last dimension of input must be size 2 (real and imaginary). Received shape: {tuple(x.shape)}"
        )
    return torch.complex(x[..., 0].to(torch.float32), x[..., 1].to(torch.float32))


@op
def view_as_real(x: Any) -> Any:
    """Returns the real and imaginary parts of complex numbers along a new last axis.

    Example:
        >>> view_as_real(torch.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """
    x = as_tensor(x)
    if x.is_complex():
        return torch.stack(_pair(x), dim=-1)
    return torch.stack((x, torch.zeros_like(x)), dim=-1)


@op
def polar(abs_: Any, angle: Any) -> Any:
    """Returns complex numbers of given absolute values and angles.

    Args:
        abs_: The absolute values.
        angle: The angles, in radians.

    Example:
        >>> polar([2.0], [0.0])
        tensor([2.+0.j])
    """
    radius, angle = as_float(abs_), as_float(angle)
    return torch.complex(radius * torch.cos(angle), radius * torch.sin(angle))
