"""`tf.signal`: Fourier transforms, frames, windows and mel filters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like

_COMPLEX: dict[str, Callable[..., torch.Tensor]] = {
    "fft": torch.fft.fft,
    "ifft": torch.fft.ifft,
    "fft2d": torch.fft.fft2,
    "ifft2d": torch.fft.ifft2,
    "fft3d": lambda x: torch.fft.fftn(x, dim=(-3, -2, -1)),
    "ifft3d": lambda x: torch.fft.ifftn(x, dim=(-3, -2, -1)),
}


def _complex(name: str, function: Callable[..., torch.Tensor]) -> None:
    def call(input: Any) -> Any:
        x = like(input)
        return function(x if x.is_complex() else x.to(torch.complex64))

    call.__name__, call.__doc__ = name, f"The transform `{name}` of complex tensors over their last axes."
    tf_op(f"signal.{name}")(call)


for _name, _function in _COMPLEX.items():
    _complex(_name, _function)


def _length(fft_length: Any) -> int | None:
    return None if fft_length is None else as_sizes(fft_length)[-1]


@tf_op("signal.rfft")
def rfft(input_tensor: Any, fft_length: Any = None) -> Any:
    """The transform of real tensors: the frequencies from 0 on."""
    return torch.fft.rfft(like(input_tensor), _length(fft_length))


@tf_op("signal.irfft")
def irfft(input_tensor: Any, fft_length: Any = None) -> Any:
    """The inverse of `rfft`."""
    return torch.fft.irfft(like(input_tensor), _length(fft_length))


@tf_op("signal.rfft2d")
def rfft2d(input_tensor: Any, fft_length: Any = None) -> Any:
    """The transform of real matrices."""
    return torch.fft.rfft2(like(input_tensor), None if fft_length is None else as_sizes(fft_length))


@tf_op("signal.irfft2d")
def irfft2d(input_tensor: Any, fft_length: Any = None) -> Any:
    """The inverse of `rfft2d`."""
    return torch.fft.irfft2(like(input_tensor), None if fft_length is None else as_sizes(fft_length))


@tf_op("signal.fftshift")
def fftshift(x: Any, axes: Any = None) -> Any:
    """A tensor with frequency 0 in the middle."""
    return torch.fft.fftshift(like(x), axes)


@tf_op("signal.ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of `fftshift`."""
    return torch.fft.ifftshift(like(x), axes)


@tf_op("signal.frame")
def frame(
    signal: Any, frame_length: Any, frame_step: Any, pad_end: bool = False, pad_value: float = 0, axis: int = -1
) -> Any:
    """The parts of a signal, along a new axis; with `pad_end` the last ones reach over its end."""
    x = torch.movedim(like(signal), axis, -1)
    length, step = int(frame_length), int(frame_step)
    if pad_end:
        count = -(-x.shape[-1] // step)
        x = torch.nn.functional.pad(x, (0, max(length + step * (count - 1) - x.shape[-1], 0)), value=pad_value)
    at = axis % like(signal).ndim
    if x.shape[-1] < length:
        return torch.movedim(x.new_zeros(*x.shape[:-1], 0, length), (-2, -1), (at, at + 1))
    return torch.movedim(x.unfold(-1, length, step), (-2, -1), (at, at + 1))


@tf_op("signal.overlap_and_add")
def overlap_and_add(signal: Any, frame_step: Any) -> Any:
    """Frames added where they lie over one another."""
    x, step = like(signal), int(frame_step)
    count, length = x.shape[-2:]
    total = (count - 1) * step + length
    places = (torch.arange(count)[:, None] * step + torch.arange(length)[None]).reshape(-1).to(x.device)
    flat = x.reshape(*x.shape[:-2], count * length)
    return torch.zeros(*x.shape[:-2], total, dtype=x.dtype, device=x.device).index_add(-1, places, flat)


@tf_op("signal.hann_window")
def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    """A raised cosine."""
    return _even(torch.hann_window, window_length, periodic, dtype)


@tf_op("signal.hamming_window")
def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    """A raised cosine that does not reach 0."""
    return _even(torch.hamming_window, window_length, periodic, dtype)


def _even(function: Callable[..., torch.Tensor], length: Any, periodic: bool, dtype: Any) -> torch.Tensor:
    """TensorFlow's windows of an odd length are symmetric, whatever `periodic` says."""
    return function(int(length), periodic=bool(periodic) and int(length) % 2 == 0, dtype=as_dtype(dtype).torch_dtype)


@tf_op("signal.kaiser_window")
def kaiser_window(window_length: Any, beta: float = 12.0, dtype: Any = "float32") -> Any:
    """Kaiser's window."""
    return torch.kaiser_window(int(window_length), periodic=False, beta=float(beta), dtype=as_dtype(dtype).torch_dtype)


@tf_op("signal.vorbis_window")
def vorbis_window(window_length: Any, dtype: Any = "float32") -> Any:
    """The window of Vorbis."""
    length = int(window_length)
    place = torch.arange(length, dtype=as_dtype(dtype).torch_dtype)
    return torch.sin(math.pi / 2 * torch.square(torch.sin(math.pi / length * (place + 0.5))))


def _window(window_fn: Any, length: int, like_this: torch.Tensor) -> torch.Tensor | None:
    return None if window_fn is None else window_fn(length, dtype=as_dtype(like_this.dtype)).to(like_this.device)


def _power_of_two(length: int) -> int:
    return int(2 ** math.ceil(math.log2(length))) if length else 1


@tf_op("signal.stft")
def stft(
    signals: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Any = hann_window,
    pad_end: bool = False,
) -> Any:
    """The transforms of the frames of signals."""
    x = like(signals)
    length = int(frame_length)
    frames = frame(x, length, frame_step, pad_end)
    window = _window(window_fn, length, x)
    frames = frames if window is None else frames * window
    return torch.fft.rfft(frames, _power_of_two(length) if fft_length is None else int(fft_length))


@tf_op("signal.inverse_stft")
def inverse_stft(
    stfts: Any, frame_length: Any, frame_step: Any, fft_length: Any = None, window_fn: Any = hann_window
) -> Any:
    """Signals of the transforms of their frames."""
    x, length = like(stfts), int(frame_length)
    real = torch.fft.irfft(x, _power_of_two(length) if fft_length is None else int(fft_length))
    real = torch.nn.functional.pad(real, (0, max(length - real.shape[-1], 0)))[..., :length]
    window = _window(window_fn, length, real)
    return overlap_and_add(real if window is None else real * window, frame_step)


@tf_op("signal.inverse_stft_window_fn")
def inverse_stft_window_fn(frame_step: Any, forward_window_fn: Any = hann_window) -> Any:
    """The window that undoes another one, where frames lie over one another."""

    def window(frame_length: Any, dtype: Any = "float32") -> Any:
        length, step = int(frame_length), int(frame_step)
        forward = forward_window_fn(length, dtype=dtype)
        overlaps = -(-length // step)
        squares = torch.nn.functional.pad(torch.square(forward), (0, overlaps * step - length))
        total = squares.reshape(overlaps, step).sum(0, keepdim=True).repeat(overlaps, 1).reshape(-1)[:length]
        return forward / total

    return window


@tf_op("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: Any = 129,
    sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: Any = "float32",
) -> Any:
    """The triangles that sum a spectrum into mel bands (HTK's scale: 1127 ln(1 + f / 700))."""

    def mel(hertz: torch.Tensor) -> torch.Tensor:
        return 1127.0 * torch.log(1.0 + hertz / 700.0)

    frequencies = torch.linspace(0.0, float(sample_rate) / 2, int(num_spectrogram_bins), dtype=torch.float64)[1:]
    edges = mel(torch.tensor([float(lower_edge_hertz), float(upper_edge_hertz)], dtype=torch.float64))
    edges = torch.linspace(float(edges[0]), float(edges[1]), num_mel_bins + 2, dtype=torch.float64)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    mels = mel(frequencies)[:, None]
    weights = torch.clamp(torch.minimum((mels - lower) / (center - lower), (upper - mels) / (upper - center)), min=0)
    return torch.nn.functional.pad(weights, (0, 0, 1, 0)).to(as_dtype(dtype).torch_dtype)


@tf_op("signal.dct")
def dct(input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
    """The cosine transform of type 2 along the last axis."""
    if type != 2 or axis != -1:
        raise NotImplementedError(
            f"tf.signal.dct is supported with type=2 and axis=-1. Received: type={type}, axis={axis}"
        )
    x = like(input)
    size = x.shape[-1] if n is None else int(n)
    x = torch.nn.functional.pad(x, (0, max(size - x.shape[-1], 0)))[..., :size]
    place = torch.arange(size, dtype=x.dtype, device=x.device)
    basis = 2 * torch.cos(math.pi / (2 * size) * (2 * place[:, None] + 1) * place[None])
    result = x @ basis
    if norm == "ortho":
        scale = torch.full((size,), math.sqrt(0.5 / size), dtype=x.dtype, device=x.device)
        scale[0] = math.sqrt(0.25 / size)
        result = result * scale
    return result


@tf_op("signal.mfccs_from_log_mel_spectrograms")
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any) -> Any:
    """The cepstral coefficients of mel spectra."""
    x = like(log_mel_spectrograms)
    return dct(x) * math.sqrt(1 / (2.0 * x.shape[-1]))


@tf_op("signal.idct")
def idct(input: Any, type: int = 2, n: Any = None, axis: int = -1, norm: str | None = None) -> Any:
    """What undoes `dct` of type 2; without `norm`, up to the factor 1 / (2 n)."""
    if type != 2 or axis != -1 or n is not None:
        raise NotImplementedError(
            f"tf.signal.idct is supported with type=2, axis=-1 and n=None. Received: type={type}, axis={axis}, n={n}"
        )
    x = like(input)
    size = x.shape[-1]
    place = torch.arange(size, dtype=x.dtype, device=x.device)
    basis = 2 * torch.cos(math.pi / (2 * size) * (2 * place[None] + 1) * place[:, None])
    scale = torch.ones(size, dtype=x.dtype, device=x.device)
    if norm == "ortho":
        scale = torch.full_like(scale, math.sqrt(0.5 / size))
        scale[0] = math.sqrt(0.25 / size)
    else:
        scale[0] = 0.5
    return (x * scale) @ basis
