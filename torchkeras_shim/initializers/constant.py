"""Initializers that draw nothing at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.core import device as devices
from torchkeras_shim.core import dtypes, serialization
from torchkeras_shim.initializers.base import INITIALIZERS, Initializer
from torchkeras_shim.ops.promotion import as_tensor

_WINDOWS: dict[str, Callable[..., torch.Tensor]] = {
    "bartlett": torch.bartlett_window,
    "blackman": torch.blackman_window,
    "hamming": torch.hamming_window,
    "hann": torch.hann_window,
}


def _place(dtype: Any) -> dict[str, Any]:
    return {"dtype": dtypes.to_torch_dtype(dtypes.standardize_dtype(dtype)), "device": devices.default_device()}


@INITIALIZERS.register("zeros", "zero")
class Zeros(Initializer):
    """Zeros everywhere.

    Example:
        >>> Zeros()((2,))
        tensor([0., 0.])
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns zeros."""
        return torch.zeros(tuple(shape), **_place(dtype))


@INITIALIZERS.register("ones", "one")
class Ones(Initializer):
    """Ones everywhere.

    Example:
        >>> Ones()((2,))
        tensor([1., 1.])
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns ones."""
        return torch.ones(tuple(shape), **_place(dtype))


@INITIALIZERS.register("constant")
class Constant(Initializer):
    """One value everywhere.

    Args:
        value: A number, or an array that broadcasts to the shape.

    Example:
        >>> Constant(3.0)((2,))
        tensor([3., 3.])
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns the constant."""
        place = _place(dtype)
        value = as_tensor(self.value, place["dtype"], place["device"]).to(place["device"])
        return value.expand(tuple(shape)).clone()

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"value": serialization.serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        """Rebuilds an initializer from `get_config()`."""
        return cls(serialization.deserialize_keras_object(config["value"]))


@INITIALIZERS.register("identity", "IdentityInitializer")
class Identity(Initializer):
    """The identity matrix, for weights of two dimensions.

    Args:
        gain: What it is multiplied by.

    Example:
        >>> Identity()((2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns the matrix.

        Raises:
            ValueError: If the shape has not two dimensions.
        """
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        return self.gain * torch.eye(shape[0], shape[1], **_place(dtype))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments. Keras writes none; a gain that is not 1 would be lost."""
        return {} if self.gain == 1.0 else {"gain": self.gain}


@INITIALIZERS.register("stft", "STFTInitializer")
class STFT(Initializer):
    """The real or imaginary part of short-time Fourier kernels, of shape `(frame length, 1, fft length / 2 + 1)`.

    Args:
        side: `"real"` or `"imag"`.
        window: `"hann"`, `"hamming"`, `"blackman"`, `"bartlett"`, another window of `scipy.signal` (scipy must then be
            installed), its values, or `None`.
        scaling: `"density"` (L2), `"spectrum"` (L1) or `None`.
        periodic: Whether the window is periodic.

    Raises:
        ValueError: If the side, window or scaling is unknown.

    Example:
        >>> STFT("real", window=None)((2, 1, 2))
        tensor([[[ 1.,  1.]],
                [[ 1., -1.]]])
    """

    def __init__(
        self, side: str = "real", window: Any = "hann", scaling: str | None = "density", periodic: bool = False
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"`side` should be 'real' or 'imag'. Received: side={side!r}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"`scaling` must be `None`, 'density' or 'spectrum'. Received: scaling={scaling!r}")
        if isinstance(window, str):
            _named_window(window, 1, True)  # raises for an unknown name
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """Returns the kernel.

        Raises:
            ValueError: If the window's length is not the frame's.
        """
        place = _place(dtype)
        target = place["dtype"]
        place["dtype"] = torch.promote_types(target, torch.float32)  # half types are too coarse for the angles
        frame_length, _, bins = shape
        time = torch.arange(frame_length, **place).reshape(-1, 1, 1)
        frequency = torch.arange(bins, **place).reshape(1, 1, -1) / ((bins - 1) * 2)
        angles = -2 * time * frequency * math.pi
        kernel = torch.cos(angles) if self.side == "real" else torch.sin(angles)
        if self.window is not None:
            window = self._window_values(frame_length, place)
            if self.scaling == "density":
                kernel = kernel / torch.sqrt(torch.sum(torch.square(window)))
            elif self.scaling == "spectrum":
                kernel = kernel / torch.sum(torch.abs(window))
            kernel = kernel * window.reshape(-1, 1, 1)
        return kernel.to(target)

    def _window_values(self, frame_length: int, place: dict[str, Any]) -> torch.Tensor:
        window = self.window
        if isinstance(window, str):
            window = _named_window(window, frame_length, self.periodic)
        values = as_tensor(window, place["dtype"]).to(place["device"])
        if tuple(values.shape) != (frame_length,):
            raise ValueError(
                f"The window must have the frame's length, ({frame_length},). Received: window of {tuple(values.shape)}"
            )
        return values

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"side": self.side, "window": self.window, "periodic": self.periodic, "scaling": self.scaling}


def _named_window(name: str, length: int, periodic: bool) -> Any:
    """Returns the values of a window: torch's own for the usual names, scipy's for the others."""
    if name in _WINDOWS:
        return _WINDOWS[name](length, periodic=periodic, dtype=torch.float64, device="cpu")
    try:
        from scipy.signal import get_window  # optional, for this initializer alone
    except ImportError as error:
        raise ImportError(
            f"STFT(window={name!r}) takes its window from scipy. Run `pip install scipy`, choose one of "
            f"{sorted(_WINDOWS)}, or pass the window's values."
        ) from error
    return get_window(name, length, periodic)
