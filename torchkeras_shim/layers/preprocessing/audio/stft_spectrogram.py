"""`STFTSpectrogram`: a spectrogram made by convolutions, whose kernels can be trained."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch

from torchkeras_shim import initializers
from torchkeras_shim.core import config as settings
from torchkeras_shim.core import dtypes, serialization
from torchkeras_shim.core.variable import Variable
from torchkeras_shim.layers import arguments
from torchkeras_shim.layers.base import LAYERS, Layer
from torchkeras_shim.layers.input_spec import InputSpec
from torchkeras_shim.ops.convolution import convolve

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


@LAYERS.register()
class STFTSpectrogram(Layer):
    """Computes the short-time Fourier transform of each channel of signals.

    The transform is a convolution, with the Fourier kernels as weights: by default training changes them. Pass
    `trainable=False` for a fixed transform.

    Args:
        mode: What is returned: `"log"` or `"magnitude"` of the amplitudes, `"psd"` (power spectral density), `"real"`
            or `"imag"` part, `"angle"`, or both parts one after the other (`"stft"`).
        frame_length: The window's length in samples.
        frame_step: The distance between windows, half their length by default.
        fft_length: The length of each transform, by default the power of two that is not below `frame_length`.
        window: `"hann"`, `"hamming"`, `"blackman"`, `"bartlett"`, another window of `scipy.signal` (scipy must then be
            installed), its values, or `None`.
        periodic: Whether a window given by name is periodic.
        scaling: What the window is divided by: `"density"` (its L2 norm), `"spectrum"` (its L1 norm) or `None`.
        padding: `"valid"` or `"same"`.
        expand_dims: Whether channels and frequencies are axes of their own, as in images.
        data_format: `"channels_last"` or `"channels_first"`; the global setting by default.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Input shape:
        `(batch, samples, channels)`, or `(batch, channels, samples)` if channels-first.

    Output shape:
        `(batch, steps, channels * frequencies)`, or with `expand_dims` `(batch, steps, frequencies, channels)`. If
        channels-first, `(batch, channels * frequencies, steps)` and `(batch, channels, steps, frequencies)`.

    Raises:
        ValueError: If an argument does not fit.
        TypeError: If the inputs are not floats.

    Example:
        >>> layer = STFTSpectrogram(frame_length=8, window=None, trainable=False)
        >>> layer(torch.ones(1, 32, 2)).shape
        torch.Size([1, 7, 10])
    """

    real_kernel: Variable
    imag_kernel: Variable

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.frame_length = arguments.positive_integer(self, "frame_length", frame_length)
        self.frame_step = None if frame_step is None else self._checked_step(frame_step)
        self.fft_length = None if fft_length is None else self._checked_fft_length(fft_length)
        self.mode = self._choice("mode", mode, _MODES, "Output mode is invalid, it must be one of " + ", ".join(_MODES))
        self.scaling = self._choice(
            "scaling",
            scaling,
            (None, "density", "spectrum"),
            "Scaling is invalid, it must be `None`, 'density' or 'spectrum'",
        )
        self.padding = self._choice(
            "padding", padding, ("valid", "same"), "Padding is invalid, it should be 'valid', 'same'"
        )
        if window is not None and not isinstance(window, str):
            arguments.numeric(self, "window", window)
        self.__dict__["window"] = window  # a list stays one, for the config
        self.periodic = periodic
        self.expand_dims = expand_dims
        self.data_format = settings.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)
        self._step = self.frame_step or max(self.frame_length // 2, 1)
        self._bins = (self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))) // 2 + 1
        self._kernel("real")  # refuses an unknown window

    def _checked_step(self, value: Any) -> int:
        if not arguments.is_integer(value) or not 1 <= value <= self.frame_length:
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. "
                f"Received frame_step={value}, frame_length={self.frame_length}"
            )
        return int(value)

    def _checked_fft_length(self, value: Any) -> int:
        length = arguments.positive_integer(self, "fft_length", value)
        if length < self.frame_length:
            raise ValueError(
                "`fft_length` should be not less than `frame_length`. "
                f"Received fft_length={value}, frame_length={self.frame_length}"
            )
        if length & -length != length:
            warnings.warn(
                f"`fft_length` is recommended to be a power of two. Received fft_length={value}", stacklevel=4
            )
        return length

    def _choice(self, name: str, value: Any, choices: tuple[Any, ...], sentence: str) -> Any:
        if not (value is None or isinstance(value, str)) or value not in choices:
            raise ValueError(f"{sentence}. Received: {name}={value}")
        return value

    def _kernel(self, side: str) -> initializers.Initializer:
        return initializers.STFT(side, self.window, self.scaling, self.periodic)

    def build(self, input_shape: Any) -> None:
        """Creates the Fourier kernels."""
        shape = (self.frame_length, 1, self._bins)
        if self.mode != "imag":
            self.real_kernel = self.add_weight(shape, self._kernel("real"), name="real_kernel")
        if self.mode != "real":
            self.imag_kernel = self.add_weight(shape, self._kernel("imag"), name="imag_kernel")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Transforms."""
        if not inputs.is_floating_point():
            raise TypeError(
                "Invalid input type. Expected `float16`, `float32` or `float64`. Received: input "
                f"type={dtypes.standardize_dtype(inputs.dtype)}. Write `x.astype('float32')`."
            )
        signals = inputs.movedim(-1, 1) if self.data_format == "channels_last" else inputs
        flat = signals.reshape(-1, 1, signals.shape[-1])
        values = self._values(flat)  # (batch * channels, frequencies, steps)
        return self._arranged(values.reshape(*signals.shape[:2], *values.shape[1:]))

    def _transform(self, signals: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        padding = (0,) if self.padding == "valid" else self.padding
        return convolve(signals, kernel, None, (self._step,), padding, (1,), 1, channels_last=False)

    def _values(self, signals: torch.Tensor) -> torch.Tensor:
        if self.mode == "real":
            return self._transform(signals, self.real_kernel)
        imag = self._transform(signals, self.imag_kernel)
        if self.mode == "imag":
            return imag
        real = self._transform(signals, self.real_kernel)
        if self.mode == "angle":
            return torch.atan2(imag, real)
        if self.mode == "stft":
            return torch.cat([real, imag], dim=1)
        power = real.square() + imag.square()
        if self.mode == "psd":
            # The frequencies between the first and the last one stand for their negative counterparts too.
            return torch.cat([power[:, :1], 2 * power[:, 1:-1], power[:, -1:]], dim=1)
        least = settings.epsilon()
        magnitude = power.clamp(min=least).sqrt()
        return magnitude if self.mode == "magnitude" else magnitude.clamp(min=least).log()

    def _arranged(self, values: torch.Tensor) -> torch.Tensor:
        """Brings (batch, channels, frequencies, steps) into the layout that is asked for."""
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return values.permute(0, 3, 2, 1) if last else values.transpose(2, 3)
        values = values.flatten(1, 2)
        return values.transpose(1, 2) if last else values

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "mode": self.mode,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "window": self.window,
            "periodic": self.periodic,
            "scaling": self.scaling,
            "padding": self.padding,
            "data_format": self.data_format,
            "expand_dims": self.expand_dims,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Rebuilds a layer from `get_config()`, also as files have it."""
        return super().from_config({**config, "window": serialization.deserialize_keras_object(config.get("window"))})
