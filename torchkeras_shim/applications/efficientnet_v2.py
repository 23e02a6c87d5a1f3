"""EfficientNetV2: whole convolutions in the first blocks, which are faster there (Tan and Le, 2021)."""

from __future__ import annotations

import math
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.excitation import KERNELS, LAST_KERNEL, excited
from torchkeras_shim.applications.frame import Frame, public
from torchkeras_shim.applications.imagenet_utils import CLASSES, decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import files
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]

#: Of each stage: blocks, filters, how much wider the inside is, the first block's stride. The first three are fused.
_B = ((1, 16, 1, 1), (2, 32, 4, 2), (2, 48, 4, 2), (3, 96, 4, 2), (5, 112, 6, 1), (8, 192, 6, 2))
_S = ((2, 24, 1, 1), (4, 48, 4, 2), (4, 64, 4, 2), (6, 128, 4, 2), (9, 160, 6, 1), (15, 256, 6, 2))
_M = (
    (3, 24, 1, 1),
    (5, 48, 4, 2),
    (5, 80, 4, 2),
    (7, 160, 4, 2),
    (14, 176, 6, 1),
    (18, 304, 6, 2),
    (5, 512, 6, 1),
)
_L = (
    (4, 32, 1, 1),
    (7, 64, 4, 2),
    (7, 96, 4, 2),
    (10, 192, 4, 2),
    (19, 224, 6, 1),
    (25, 384, 6, 2),
    (7, 640, 6, 1),
)
_FUSED = 3
#: Keras's configs name this in the place of `zeros`.
_ZERO = {"class_name": "Constant", "config": {"value": 0.0}}
_DROP_RATE = 0.2
_DROPOUT = 0.2
_MEAN, _STDDEV = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: Of each model: stages, first filters, width, depth, size of a picture, hashes of the files.
_MODELS = {
    "B0": (_B, 32, 1.0, 1.0, 224, ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff")),
    "B1": (_B, 32, 1.0, 1.1, 240, ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37")),
    "B2": (_B, 32, 1.1, 1.2, 260, ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb")),
    "B3": (_B, 32, 1.2, 1.4, 300, ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856")),
    "S": (_S, 24, 1.0, 1.0, 384, ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070")),
    "M": (_M, 24, 1.0, 1.0, 480, ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342")),
    "L": (_L, 32, 1.0, 1.0, 480, ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615")),
}


def _network(frame: Frame, model: str, include_preprocessing: bool) -> Model:
    stages, first, width, depth, size, hashes = _MODELS[model]
    axis = frame.axis
    x = image = frame.image(default_size=size, min_size=32)
    if include_preprocessing:
        x = _prepared(image, axis, by_channel=model.startswith("B") and image.shape[axis] == 3)
    x = _conv(x, _rounded(first * width), 3, "stem_conv", stride=2)
    x = _normalized(x, axis, "stem_bn", "stem_activation")
    number, total = 0, sum(stage[0] for stage in stages)
    for stage, (repeats, filters, expansion, first_stride) in enumerate(stages, start=1):
        block_of = _fused_block if stage <= _FUSED else _block
        for block in range(math.ceil(depth * repeats)):
            name, stride = f"block{stage}{chr(ord('a') + block)}_", first_stride if block == 0 else 1
            before, channels = x, _rounded(filters * width)
            x = block_of(x, axis, name, channels, stride, expansion)
            if stride == 1 and before.shape[axis] == channels:
                x = _added(x, before, name, _DROP_RATE * number / total)
            number += 1
    x = _conv(x, _rounded(1280 * width), 1, "top_conv")
    x = _normalized(x, axis, "top_bn", "top_activation")
    if frame.include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(_DROPOUT, name="top_dropout")(x)
        x = frame.classified(x, kernel_initializer=LAST_KERNEL, bias_initializer=_ZERO)
    else:
        x = frame.averaged_and_classified(x)
    stem = f"efficientnetv2-{model.lower()}"
    return frame.model(image, x, files("efficientnet_v2", stem, hashes))


def _rounded(filters: float) -> int:
    """Returns the nearest multiple of eight: unlike the first EfficientNet's, it may be more than 10 % lower."""
    return max(8, int(filters + 4) // 8 * 8)


def _prepared(image: KerasTensor, axis: int, by_channel: bool) -> Any:
    if not by_channel:
        return layers.Rescaling(scale=1.0 / 128.0, offset=-1)(image)
    x = layers.Rescaling(scale=1.0 / 255)(image)
    return layers.Normalization(mean=list(_MEAN), variance=[value**2 for value in _STDDEV], axis=axis)(x)


def _conv(x: KerasTensor, filters: int, kernel: int, name: str, stride: int = 1) -> Any:
    return layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, kernel_initializer=KERNELS, name=name
    )(x)


def _normalized(x: KerasTensor, axis: int, name: str, activation: str | None = None) -> Any:
    x = layers.BatchNormalization(axis=axis, momentum=0.9, name=name)(x)
    return layers.Activation("swish", name=activation)(x) if activation else x


def _block(x: KerasTensor, axis: int, name: str, filters: int, stride: int, expansion: int) -> Any:
    channels = x.shape[axis]
    assert channels is not None
    x = _conv(x, channels * expansion, 1, f"{name}expand_conv")
    x = _normalized(x, axis, f"{name}expand_bn", f"{name}expand_activation")
    x = layers.DepthwiseConv2D(
        3, strides=stride, padding="same", use_bias=False, depthwise_initializer=KERNELS, name=f"{name}dwconv2"
    )(x)
    x = _normalized(x, axis, f"{name}bn", f"{name}activation")
    x = excited(x, axis, max(1, channels // 4), name)
    x = _conv(x, filters, 1, f"{name}project_conv")
    return _normalized(x, axis, f"{name}project_bn")


def _fused_block(x: KerasTensor, axis: int, name: str, filters: int, stride: int, expansion: int) -> Any:
    channels = x.shape[axis]
    assert channels is not None
    if expansion == 1:
        x = _conv(x, filters, 3, f"{name}project_conv", stride=stride)
        return _normalized(x, axis, f"{name}project_bn", f"{name}project_activation")
    x = _conv(x, channels * expansion, 3, f"{name}expand_conv", stride=stride)
    x = _normalized(x, axis, f"{name}expand_bn", f"{name}expand_activation")
    x = _conv(x, filters, 1, f"{name}project_conv")
    return _normalized(x, axis, f"{name}project_bn")


def _added(x: KerasTensor, before: KerasTensor, name: str, drop_rate: float) -> Any:
    if drop_rate > 0:
        x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, before])


def _variant(model: str) -> Any:
    def build(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = f"efficientnetv2-{model.lower()}",
    ) -> Model:
        frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return _network(frame, model, include_preprocessing)

    more = """
        include_preprocessing: Whether the model takes channels from 0 to 255 and rescales them."""
    return public(build, f"EfficientNetV2{model}", __name__, more)


EfficientNetV2B0 = _variant("B0")
EfficientNetV2B1 = _variant("B1")
EfficientNetV2B2 = _variant("B2")
EfficientNetV2B3 = _variant("B3")
EfficientNetV2S = _variant("S")
EfficientNetV2M = _variant("M")
EfficientNetV2L = _variant("L")
preprocess_input = preprocessor(None)
