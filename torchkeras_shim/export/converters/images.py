"""Images resized and cut; what is done to them by chance is not taken over."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.export.emitter import Emitter, no_counterpart
from torchkeras_shim.export.table import converts
from torchkeras_shim.export.tracing import traced_layer
from torchkeras_shim.layers import CenterCrop, MaxNumBoundingBoxes, Resizing
from torchkeras_shim.layers.preprocessing.images.base import RandomImageLayer


@converts(CenterCrop, MaxNumBoundingBoxes, Resizing)
def _in_both_modes(e: Emitter, layer: Any, inputs: Any) -> Any:
    return traced_layer(e, layer, inputs)


@converts(RandomImageLayer)
def _by_chance(e: Emitter, layer: Any, inputs: Any) -> Any:
    if e.training is False:
        return traced_layer(e, layer, inputs)
    raise no_counterpart(
        layer,
        "what it does to images in training is drawn by chance",
        "Leave it out: augment the data before the model, by `dataset.map`. `model.export(path)` writes inference "
        "only, where it does nothing.",
    )
