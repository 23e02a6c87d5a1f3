"""Pictures out of files, as TensorFlow decodes them but for single levels of JPEG's colors."""

from __future__ import annotations

import functools
import importlib.util
import io
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.errors import InvalidArgumentError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Numbers of torchvision's `ImageReadMode`.
_GRAY, _RGB = 1, 3


def read(path: str, channels: int) -> torch.Tensor:
    """Returns the picture in a file, as bytes of height, width and channels.

    What it is says its content, not its name. Of several images in a file, the first counts. Numbers of 16 bits lose
    their lower byte.

    Args:
        path: The file.
        channels: 1, 3 or 4.

    Raises:
        InvalidArgumentError: If it is not a picture, or a broken one.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        decode_jpeg = jpeg_decoder() if content.startswith(b"\xff\xd8") and channels != 4 else None
        if decode_jpeg is not None:
            source = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            decoded: torch.Tensor = decode_jpeg(source, _GRAY if channels == 1 else _RGB, False)
            return decoded.permute(1, 2, 0)
        return _decode(content, channels)
    except Exception as error:  # decoders have many; PIL's for pictures of absurd sizes is of no other kind
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InvalidArgumentError(
            f"Cannot decode the image {path}: {reason}. It has {len(content)} bytes. Remove or replace the file."
        ) from error


@functools.cache
def jpeg_decoder() -> Callable[..., torch.Tensor] | None:
    """Returns torchvision's kernel, which takes three quarters of PIL's time and gives the same bytes.

    It is loaded from its library (tried with torchvision 0.29): importing torchvision would take a second, and its
    Python function warns of its end. `None` if there is no such kernel any more.
    """
    spec = importlib.util.find_spec("torchvision")
    folder = pathlib.Path(spec.origin).parent if spec and spec.origin else pathlib.Path()
    try:
        torch.ops.load_library(  # type: ignore[no-untyped-call]
            next(path for path in folder.glob("image*.*") if path.suffix in (".so", ".pyd"))
        )
        return torch.ops.image.decode_jpeg
    except (StopIteration, OSError, AttributeError):
        return None


def _decode(content: bytes, channels: int) -> torch.Tensor:
    from PIL import Image

    image: Any = Image.open(io.BytesIO(content))
    if channels == 1:
        image.draft("L", image.size)  # JPEG: its own brightness, as TensorFlow
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    pixels = np.array(image if image.mode == _MODES[channels] else image.convert(_MODES[channels]))
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels))
