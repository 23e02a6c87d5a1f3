"""VGG: blocks of convolutions, three to four times as deep as what came before (Simonyan and Zisserman, 2014)."""

from __future__ import annotations

from collections.abc import Callable

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame
from torchkeras_shim.applications.pretrained import OLDER_ENDS, files
from torchkeras_shim.models import Model

_FILTERS = (64, 128, 256, 512, 512)


def vgg(name: str, depths: tuple[int, ...], hashes: tuple[str, str]) -> Callable[[Frame], Model]:
    """Returns what builds a VGG.

    Args:
        name: What its files are called.
        depths: How many convolutions each block has.
        hashes: The hashes of its files.
    """
    weights = files(name, name, hashes, OLDER_ENDS)

    def network(frame: Frame) -> Model:
        x = image = frame.image(default_size=224, min_size=32)
        for block, (filters, depth) in enumerate(zip(_FILTERS, depths, strict=True), start=1):
            for number in range(1, depth + 1):
                conv = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"block{block}_conv{number}")
                x = conv(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        if frame.include_top:
            x = layers.Flatten(name="flatten")(x)
            for number in (1, 2):
                x = layers.Dense(4096, activation="relu", name=f"fc{number}")(x)
            x = frame.classified(x)
        else:
            x = frame.pooled(x)
        return frame.model(image, x, weights)

    return network
