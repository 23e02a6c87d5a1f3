"""MobileNet: convolutions over places and over channels, one after the other (Howard and others, 2017)."""

from __future__ import annotations

import warnings
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, public
from torchkeras_shim.applications.imagenet_utils import CLASSES, decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import ORIGIN, File, Files
from torchkeras_shim.applications.sizes import check_alpha
from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

#: Filters and stride of each block.
_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
_ALPHAS = {1.0: "1_0", 0.75: "7_5", 0.50: "5_0", 0.25: "2_5"}
_SIZES = (128, 160, 192, 224)


def _build(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name or "mobilenet"
    )
    check_alpha(alpha)
    size = trained_size(frame, _SIZES)
    image = frame.image(default_size=size, min_size=32)
    if frame.imagenet:
        _check_trained(depth_multiplier, alpha)
    rows = frame.shape(size, 32)[0 if config.image_data_format() == "channels_last" else 1]
    if frame.imagenet and rows not in _SIZES:
        rows = 224
        warnings.warn(
            "`input_shape` is undefined or non-square, or `rows` is not in [128, 160, 192, 224]. Weights for input "
            "shape (224, 224) will be loaded as the default.",
            stacklevel=2,
        )
    axis = 1 if frame.axis == 1 else -1
    x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(image)
    x = _normalized(x, axis, "conv1")
    for number, (filters, stride) in enumerate(_BLOCKS, start=1):
        x = _block(x, axis, int(filters * alpha), depth_multiplier, stride, number)
    x = _classified(frame, x, dropout) if frame.include_top else frame.pooled(x)
    if name is None:
        frame = frame.named(f"mobilenet_{alpha:0.2f}_{rows}")
    return frame.model(image, x, _files(alpha, rows))


def trained_size(frame: Frame, sizes: tuple[int, ...], tensor: KerasTensor | None = None) -> int:
    """Returns the height and width that a model is built for by default: its own, if there are weights for it.

    Args:
        frame: The arguments.
        sizes: Those that there are weights for.
        tensor: What has the size if `input_shape` is not given.
    """
    shape = frame.input_shape
    if shape is None and tensor is not None:
        shape = tensor.shape[1:]
    if shape is None or len(shape) != 3:
        return 224
    height, width = [size for at, size in enumerate(shape) if at != frame.axis - 1]
    return height if height == width and height in sizes else 224


def _check_trained(depth_multiplier: int, alpha: float) -> None:
    if depth_multiplier != 1:
        raise ValueError(
            "If imagenet weights are being loaded, depth multiplier must be 1. Received depth_multiplier="
            f"{depth_multiplier}"
        )
    if alpha not in _ALPHAS:
        raise ValueError(
            "If imagenet weights are being loaded, alpha can be one of `0.25`, `0.50`, `0.75` or `1.0` only. Received "
            f"alpha={alpha}"
        )


def _files(alpha: float, rows: int | None) -> Files:
    stem = f"mobilenet_{_ALPHAS.get(alpha)}_{rows}_tf"
    return Files(*(File(stem + end, f"{ORIGIN}mobilenet/{stem}{end}") for end in (".h5", "_no_top.h5")))


def _normalized(x: KerasTensor, axis: int, name: str) -> Any:
    x = layers.BatchNormalization(axis=axis, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _block(x: KerasTensor, axis: int, filters: int, multiplier: int, stride: int, number: int) -> Any:
    padding = "same"
    if stride > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
        padding = "valid"
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding=padding,
        depth_multiplier=multiplier,
        use_bias=False,
        name=f"conv_dw_{number}",
    )(x)
    x = _normalized(x, axis, f"conv_dw_{number}")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return _normalized(x, axis, f"conv_pw_{number}")


def _classified(frame: Frame, x: KerasTensor, dropout: float) -> Any:
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(frame.classes, 1, padding="same", name="conv_preds")(x)
    x = layers.Reshape((frame.classes,), name="reshape_2")(x)
    return layers.Activation(frame.classifier_activation, name="predictions")(x)


MobileNet = public(
    _build,
    "MobileNet",
    __name__,
    more="""
        alpha: How wide the model is: the filters of each layer are multiplied by it.
        depth_multiplier: How many outputs each channel has in the convolutions over places.
        dropout: The share that the dropout before the classifier leaves out.""",
)
preprocess_input = preprocessor("tf")
