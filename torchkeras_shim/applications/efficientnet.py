"""EfficientNet: one table of blocks, made wider and deeper together (Tan and Le, 2019)."""

from __future__ import annotations

import math
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.excitation import KERNELS, LAST_KERNEL, excited
from torchkeras_shim.applications.frame import Frame, Network, variant
from torchkeras_shim.applications.imagenet_utils import decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import File, Files
from torchkeras_shim.applications.sizes import divisible, stride_padding
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]

_ORIGIN = "https://storage.googleapis.com/keras-applications/"
#: Of each stage: size of the kernel, blocks, filters, how much wider the inside is, the first block's stride.
_STAGES = (
    (3, 1, 16, 1, 1),
    (3, 2, 24, 6, 2),
    (5, 2, 40, 6, 2),
    (3, 3, 80, 6, 2),
    (5, 3, 112, 6, 1),
    (5, 4, 192, 6, 2),
    (3, 1, 320, 6, 1),
)
_DROP_RATE = 0.2
_STDDEV = (0.229, 0.224, 0.225)


def _efficientnet(name: str, width: float, depth: float, size: int, dropout: float, hashes: tuple[str, str]) -> Network:
    ends = (".h5", "_notop.h5")
    weights = Files(*(File(name + end, _ORIGIN + name + end, one) for end, one in zip(ends, hashes, strict=True)))
    repeats = [math.ceil(depth * stage[1]) for stage in _STAGES]

    def network(frame: Frame) -> Model:
        axis = frame.axis
        image = frame.image(default_size=size, min_size=32)
        x = _stem(frame, image, divisible(32 * width, 8))
        number = 0
        for stage, (kernel, _, filters, expansion, first_stride) in enumerate(_STAGES, start=1):
            for block in range(repeats[stage - 1]):
                x = _block(
                    x,
                    axis,
                    name=f"block{stage}{chr(ord('a') + block)}_",
                    filters=divisible(filters * width, 8),
                    kernel=kernel,
                    stride=first_stride if block == 0 else 1,
                    expansion=expansion,
                    drop_rate=_DROP_RATE * number / sum(repeats),
                )
                number += 1
        x = layers.Conv2D(
            divisible(1280 * width, 8),
            1,
            padding="same",
            use_bias=False,
            kernel_initializer=KERNELS,
            name="top_conv",
        )(x)
        x = _normalized(x, axis, "top_bn", "top_activation")
        if not frame.include_top:
            return frame.model(image, frame.averaged_and_classified(x), weights)
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        return frame.model(image, frame.classified(x, kernel_initializer=LAST_KERNEL), weights)

    return network


def _normalized(x: KerasTensor, axis: int, name: str, activation: str | None = None) -> Any:
    x = layers.BatchNormalization(axis=axis, name=name)(x)
    return layers.Activation("swish", name=activation)(x) if activation else x


def _stem(frame: Frame, image: KerasTensor, filters: int) -> Any:
    x = layers.Rescaling(1.0 / 255.0)(image)
    x = layers.Normalization(axis=frame.axis)(x)
    if frame.imagenet:
        # Keras's published weights were trained with variances in the place of standard deviations.
        x = layers.Rescaling([1.0 / math.sqrt(value) for value in _STDDEV])(x)
    x = layers.ZeroPadding2D(stride_padding(x, 3), name="stem_conv_pad")(x)
    x = layers.Conv2D(filters, 3, strides=2, use_bias=False, kernel_initializer=KERNELS, name="stem_conv")(x)
    return _normalized(x, frame.axis, "stem_bn", "stem_activation")


def _block(
    x: KerasTensor,
    axis: int,
    name: str,
    filters: int,
    kernel: int,
    stride: int,
    expansion: int,
    drop_rate: float,
) -> Any:
    before, channels = x, x.shape[axis]
    assert channels is not None
    if expansion != 1:
        x = layers.Conv2D(
            channels * expansion,
            1,
            padding="same",
            use_bias=False,
            kernel_initializer=KERNELS,
            name=f"{name}expand_conv",
        )(x)
        x = _normalized(x, axis, f"{name}expand_bn", f"{name}expand_activation")
    if stride > 1:
        x = layers.ZeroPadding2D(stride_padding(x, kernel), name=f"{name}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="valid" if stride > 1 else "same",
        use_bias=False,
        depthwise_initializer=KERNELS,
        name=f"{name}dwconv",
    )(x)
    x = _normalized(x, axis, f"{name}bn", f"{name}activation")
    x = excited(x, axis, max(1, channels // 4), name)
    x = layers.Conv2D(
        filters, 1, padding="same", use_bias=False, kernel_initializer=KERNELS, name=f"{name}project_conv"
    )(x)
    x = _normalized(x, axis, f"{name}project_bn")
    if stride > 1 or filters != channels:
        return x
    if drop_rate > 0:
        x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, before])


#: Of each model: width, depth, size of a picture, dropout, hashes of the files.
_MODELS = {
    "B0": (1.0, 1.0, 224, 0.2, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d")),
    "B1": (1.0, 1.1, 240, 0.2, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432")),
    "B2": (1.1, 1.2, 260, 0.3, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39")),
    "B3": (1.2, 1.4, 300, 0.3, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226")),
    "B4": (1.4, 1.8, 380, 0.4, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba")),
    "B5": (1.6, 2.2, 456, 0.4, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f")),
    "B6": (1.8, 2.6, 528, 0.5, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743")),
    "B7": (2.0, 3.1, 600, 0.5, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a")),
}


def _variant(size: str) -> Any:
    name = f"efficientnet{size.lower()}"
    return variant(f"EfficientNet{size}", name, _efficientnet(name, *_MODELS[size]), __name__)


EfficientNetB0 = _variant("B0")
EfficientNetB1 = _variant("B1")
EfficientNetB2 = _variant("B2")
EfficientNetB3 = _variant("B3")
EfficientNetB4 = _variant("B4")
EfficientNetB5 = _variant("B5")
EfficientNetB6 = _variant("B6")
EfficientNetB7 = _variant("B7")
preprocess_input = preprocessor(None)
