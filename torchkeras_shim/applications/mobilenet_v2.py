"""MobileNetV2: blocks that are wide inside and narrow between (Sandler and others, 2018)."""

from __future__ import annotations

import warnings
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, public
from torchkeras_shim.applications.imagenet_utils import CLASSES, decode_predictions, preprocessor
from torchkeras_shim.applications.mobilenet import trained_size
from torchkeras_shim.applications.pretrained import ORIGIN, File, Files
from torchkeras_shim.applications.sizes import check_alpha, divisible, stride_padding
from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

#: Of each stage: filters, blocks, the first one's stride.
_STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
_EXPANSION = 6
_ALPHAS = (0.35, 0.50, 0.75, 1.0, 1.3, 1.4)
_SIZES = (96, 128, 160, 192, 224)


def _build(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: KerasTensor | None = None,
    pooling: str | None = None,
    classes: int = CLASSES,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    frame = Frame(
        include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name or "mobilenetv2"
    )
    check_alpha(alpha)
    frame.check_match()
    size = trained_size(frame, _SIZES, input_tensor)
    image = frame.image(default_size=size, min_size=32)
    if frame.imagenet and alpha not in _ALPHAS:
        raise ValueError(
            "If imagenet weights are being loaded, alpha must be one of `0.35`, `0.50`, `0.75`, `1.0`, `1.3` or `1.4` "
            f"only; Received `alpha={alpha}`"
        )
    rows = frame.shape(size, 32)[0 if config.image_data_format() == "channels_last" else 1]
    if frame.imagenet and rows not in _SIZES:
        rows = 224
        warnings.warn(
            "`input_shape` is undefined or non-square, or `rows` is not in [96, 128, 160, 192, 224]. Weights for input "
            "shape (224, 224) will be loaded as the default.",
            stacklevel=2,
        )
    x = _features(image, alpha, 1 if frame.axis == 1 else -1)
    if frame.include_top:
        x = frame.classified(layers.GlobalAveragePooling2D()(x))
    else:
        x = frame.pooled(x)
    if name is None:
        frame = frame.named(f"mobilenetv2_{alpha:0.2f}_{rows}")
    return frame.model(image, x, _files(alpha, rows))


def _files(alpha: float, rows: int | None) -> Files:
    stem = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{rows}"
    return Files(*(File(stem + end, f"{ORIGIN}mobilenet_v2/{stem}{end}") for end in (".h5", "_no_top.h5")))


def _normalized(x: KerasTensor, axis: int, name: str, activation: str | None = None) -> Any:
    x = layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.999, name=name)(x)
    return layers.ReLU(6.0, name=activation)(x) if activation else x


def _features(image: KerasTensor, alpha: float, axis: int) -> Any:
    x = layers.Conv2D(divisible(32 * alpha, 8), 3, strides=2, padding="same", use_bias=False, name="Conv1")(image)
    x = _normalized(x, axis, "bn_Conv1", "Conv1_relu")
    number = 0
    for filters, depth, first_stride in _STAGES:
        for block in range(depth):
            stride = first_stride if block == 0 else 1
            x = _block(x, axis, divisible(int(filters * alpha), 8), stride, number)
            number += 1
    last = divisible(1280 * alpha, 8) if alpha > 1.0 else 1280
    x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    return _normalized(x, axis, "Conv_1_bn", "out_relu")


def _block(x: KerasTensor, axis: int, filters: int, stride: int, number: int) -> Any:
    before, channels = x, x.shape[axis]
    name = f"block_{number}" if number else "expanded_conv"
    assert channels is not None
    if number:  # the first block is not wider inside
        x = layers.Conv2D(_EXPANSION * channels, 1, padding="same", use_bias=False, name=f"{name}_expand")(x)
        x = _normalized(x, axis, f"{name}_expand_BN", f"{name}_expand_relu")
    if stride > 1:
        x = layers.ZeroPadding2D(stride_padding(x, 3), name=f"{name}_pad")(x)
    padding = "valid" if stride > 1 else "same"
    x = layers.DepthwiseConv2D(3, strides=stride, use_bias=False, padding=padding, name=f"{name}_depthwise")(x)
    x = _normalized(x, axis, f"{name}_depthwise_BN", f"{name}_depthwise_relu")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project")(x)
    x = _normalized(x, axis, f"{name}_project_BN")
    return layers.Add(name=f"{name}_add")([before, x]) if channels == filters and stride == 1 else x


MobileNetV2 = public(
    _build,
    "MobileNetV2",
    __name__,
    more="""
        alpha: How wide the model is: the filters of each layer are multiplied by it.""",
)
preprocess_input = preprocessor("tf")
