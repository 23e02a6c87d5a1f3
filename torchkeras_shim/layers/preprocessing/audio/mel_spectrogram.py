"""`MelSpectrogram`: spectrograms on the scale of human hearing."""

from __future__ import annotations

import math
from typing import Any

import torch

from torchkeras_shim.core import dtypes, serialization
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.ops.fourier import stft

#: The mel scale of the Hidden Markov Model Toolkit: `mel(f) = 1127 * log(1 + f / 700)`.
_MELS, _BREAK_HERTZ = 1127.0, 700.0


@LAYERS.register()
class MelSpectrogram(Layer):
    """Turns audio signals into mel spectrograms.

    Args:
        fft_length: The length of each Fourier transform.
        sequence_stride: The distance between windows in samples.
        sequence_length: The window's length, `fft_length` by default.
        window: `"hann"`, `"hamming"`, `sequence_length` values, or `None`.
        sampling_rate: How many samples there are per second.
        num_mel_bins: How many mel bands to return.
        min_freq: The lowest frequency of the bands.
        max_freq: The highest one, half the sampling rate by default.
        power_to_db: Whether to return decibels.
        top_db: How many decibels below the loudest value of all inputs the result is cut off.
        mag_exp: The exponent of the magnitude: 1 for the magnitude itself, 2 for the power.
        min_power: The least power that is told apart from silence.
        ref_power: What is 0 decibels.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(samples,)` or `(batch, samples)`

    Output shape:
        `(mel bands, steps)` or `(batch, mel bands, steps)`

    Raises:
        ValueError: If an argument does not fit.

    Example:
        >>> MelSpectrogram(fft_length=64, sequence_stride=16, num_mel_bins=8)(torch.ones(2, 160)).shape
        torch.Size([2, 8, 11])
    """

    _matrices: dict[Any, torch.Tensor]

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length = arguments.positive_integer(self, "fft_length", fft_length)
        self.sequence_stride = arguments.positive_integer(self, "sequence_stride", sequence_stride)
        self.sequence_length = arguments.positive_integer(self, "sequence_length", sequence_length or fft_length)
        if self.fft_length < self.sequence_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. Received: "
                f"`sequence_length`={self.sequence_length}, `fft_length`={self.fft_length}."
            )
        if window is not None and not isinstance(window, str):
            arguments.numeric(self, "window", window)
        self.__dict__["window"] = window  # a list stays one, for the config
        self.sampling_rate = arguments.number(self, "sampling_rate", sampling_rate)
        self.num_mel_bins = arguments.positive_integer(self, "num_mel_bins", num_mel_bins)
        self.min_freq = arguments.number(self, "min_freq", min_freq)
        self.max_freq = arguments.number(self, "max_freq", max_freq or int(self.sampling_rate / 2))
        self.power_to_db = power_to_db
        self.top_db = arguments.number(self, "top_db", top_db)
        self.mag_exp = arguments.number(self, "mag_exp", mag_exp)
        self.min_power = arguments.number(self, "min_power", min_power)
        self.ref_power = arguments.number(self, "ref_power", ref_power)
        self.__dict__["_matrices"] = {}  # by what they depend on

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the spectrograms."""
        # Torch transforms no half types, and Keras computes in float32 there too.
        working = torch.float64 if self._compute_dtype is torch.float64 else torch.float32
        real, imag = stft(
            inputs.to(working), self.sequence_length, self.sequence_stride, self.fft_length, window=self.window
        )
        magnitudes = (real.square() + imag.square()).pow(self.mag_exp / 2)  # no root of zero, which has no slope
        bands = magnitudes @ self._matrix(magnitudes)
        if self.power_to_db:
            bands = self._decibels(bands)
        spectrogram: torch.Tensor = bands.transpose(-1, -2)
        return spectrogram.to(self._compute_dtype)

    def _decibels(self, bands: torch.Tensor) -> torch.Tensor:
        reference = 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
        levels = 10.0 * bands.clamp(min=self.min_power).log10() - reference
        return torch.maximum(levels, levels.max() - self.top_db)

    def _matrix(self, like: torch.Tensor) -> torch.Tensor:
        arguments = (self.num_mel_bins, like.shape[-1], self.sampling_rate, self.min_freq, self.max_freq)
        key = (arguments, like.dtype, like.device)
        found = self._matrices.get(key)
        if found is None or type(like) is not torch.Tensor:
            # Keras's is of float32 whatever the layer computes in.
            found = self.linear_to_mel_weight_matrix(*arguments).to(like.device, like.dtype)
        if type(found) is torch.Tensor:  # what stands in for tensors while torch traces holds for that trace only
            self._matrices[key] = found
        return found

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> torch.Tensor:
        """Returns the matrix that takes magnitudes at linear frequencies to mel bands.

        Each column is a triangle of height 1 over the frequencies of its band.

        Args:
            num_mel_bins: How many bands there are.
            num_spectrogram_bins: How many linear frequencies there are, from 0 to half the sampling rate.
            sampling_rate: How many samples there are per second.
            lower_edge_hertz: Where the first band begins.
            upper_edge_hertz: Where the last band ends.
            dtype: The type of the matrix.

        Returns:
            A tensor of shape `(num_spectrogram_bins, num_mel_bins)` on the CPU.
        """
        place: dict[str, Any] = {"dtype": dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype)), "device": "cpu"}
        edges = torch.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2, **place)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        frequencies = torch.linspace(0.0, sampling_rate / 2.0, num_spectrogram_bins, **place)
        mels = (_MELS * torch.log(1.0 + frequencies / _BREAK_HERTZ)).unsqueeze(1)
        rising, falling = (mels - low) / (middle - low), (high - mels) / (high - middle)
        weights = torch.minimum(rising, falling).clamp(min=0.0)
        weights[0] = 0.0  # the constant part of a signal is not heard
        return weights

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "fft_length": self.fft_length,
            "sequence_stride": self.sequence_stride,
            "sequence_length": self.sequence_length,
            "window": self.window,
            "sampling_rate": self.sampling_rate,
            "num_mel_bins": self.num_mel_bins,
            "min_freq": self.min_freq,
            "max_freq": self.max_freq,
            "power_to_db": self.power_to_db,
            "top_db": self.top_db,
            "mag_exp": self.mag_exp,
            "min_power": self.min_power,
            "ref_power": self.ref_power,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`, also as files have it."""
        return super().from_config({**config, "window": serialization.deserialize_keras_object(config.get("window"))})


def _mel(hertz: float) -> float:
    return _MELS * math.log(1.0 + hertz / _BREAK_HERTZ)
