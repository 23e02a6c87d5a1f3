"""`tf.image.random_*` and `tf.image.stateless_random_*`: a draw, and the change that it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim.compat.tf import image as images
from torchkeras_shim.compat.tf import image_colors
from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.decoding import adjust_jpeg_quality
from torchkeras_shim.compat.tf.random import _draw_uniform, _generator, _stateless
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import like
from torchkeras_shim.core.errors import InvalidArgumentError

Draw = Callable[..., Any]


def _both(name: str, change: Callable[..., Any], positional: int, doc: str) -> None:
    """Enters a change under both names: with `seed=`, and with a pair of seeds.

    Args:
        name: The name without `random_`.
        change: A function of a draw, the image and the limits.
        positional: How many limits there are.
        doc: What it does.
    """

    def random(image: Any, *limits: Any, seed: Any = None, **named: Any) -> Any:
        if len(limits) == positional + 1:
            *limits, seed = limits  # type: ignore[assignment]
        generator = _generator(seed, name)
        return change(
            lambda shape, low, high, dtype="float32": _draw_uniform(shape, low, high, dtype, generator),
            image,
            *limits,
            **named,
        )

    def stateless(image: Any, *limits: Any, seed: Any = None, **named: Any) -> Any:
        if len(limits) == positional + 1:
            *limits, seed = limits  # type: ignore[assignment]
        generator = _stateless(seed)
        return change(
            lambda shape, low, high, dtype="float32": _draw_uniform(shape, low, high, dtype, generator),
            image,
            *limits,
            **named,
        )

    random.__name__, random.__doc__ = f"random_{name}", f"{doc}"
    stateless.__name__, stateless.__doc__ = f"stateless_random_{name}", f"{doc} The pair of seeds decides."
    tf_op(f"image.random_{name}")(random)
    tf_op(f"image.stateless_random_{name}")(stateless)


def _flip(flipped: Callable[[Any], Any]) -> Callable[..., Any]:
    def change(draw: Draw, image: Any) -> Any:
        x = like(image)
        if x.ndim == 3:
            return flipped(x) if float(draw([], 0, 1)) < 0.5 else x
        chosen = draw([len(x)], 0, 1) < 0.5
        return torch.where(chosen.reshape(-1, 1, 1, 1), flipped(x), x)

    return change


def _crop(draw: Draw, value: Any, size: Any) -> Any:
    x, sizes = like(value), as_sizes(size)
    spare = [have - want for have, want in zip(x.shape, sizes, strict=True)]
    if min(spare) < 0:
        raise InvalidArgumentError(f"Need value.shape >= size, got {tuple(x.shape)} and {tuple(sizes)}")
    starts = [int(draw([], 0, one + 1, "int32")) for one in spare]
    return x[tuple(slice(start, start + want) for start, want in zip(starts, sizes, strict=True))]


def _brightness(draw: Draw, image: Any, max_delta: Any) -> Any:
    if float(max_delta) < 0:
        raise ValueError("max_delta must be non-negative.")
    return image_colors.adjust_brightness(image, draw([], -float(max_delta), float(max_delta)))


def _contrast(draw: Draw, image: Any, lower: Any, upper: Any) -> Any:
    _check_limits(lower, upper)
    return image_colors.adjust_contrast(image, draw([], float(lower), float(upper)))


def _saturation(draw: Draw, image: Any, lower: Any, upper: Any) -> Any:
    _check_limits(lower, upper)
    return image_colors.adjust_saturation(image, draw([], float(lower), float(upper)))


def _check_limits(lower: Any, upper: Any) -> None:
    if float(upper) <= float(lower):
        raise ValueError(f"upper must be > lower. Received: lower={lower}, upper={upper}")
    if float(lower) < 0:
        raise ValueError(f"lower must be non-negative. Received: {lower}")


def _hue(draw: Draw, image: Any, max_delta: Any) -> Any:
    if not 0 <= float(max_delta) <= 0.5:
        raise ValueError(f"max_delta must be from 0 to 0.5. Received: {max_delta}")
    return image_colors.adjust_hue(image, draw([], -float(max_delta), float(max_delta)))


def _jpeg_quality(draw: Draw, image: Any, min_jpeg_quality: Any, max_jpeg_quality: Any) -> Any:
    return adjust_jpeg_quality(image, int(draw([], int(min_jpeg_quality), int(max_jpeg_quality), "int32")))


_both("flip_left_right", _flip(images.flip_left_right), 0, "Exchanges left and right of half of the images.")
_both("flip_up_down", _flip(images.flip_up_down), 0, "Exchanges top and bottom of half of the images.")
_both("crop", _crop, 1, "A part of a tensor, of a given size, from a random place.")
_both("brightness", _brightness, 1, "Adds a random number.")
_both("contrast", _contrast, 2, "Scales the contrast by a random factor.")
_both("saturation", _saturation, 2, "Scales the saturation by a random factor.")
_both("hue", _hue, 1, "Turns the hue by a random amount.")
_both("jpeg_quality", _jpeg_quality, 2, "Compresses as JPEG with a random quality.")
