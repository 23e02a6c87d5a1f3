"""MobileNetV3: blocks that a search has found (Howard and others, 2019)."""

from __future__ import annotations

import warnings
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, public
from torchkeras_shim.applications.imagenet_utils import CLASSES, decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import ORIGIN, File, Files
from torchkeras_shim.applications.sizes import check_alpha, divisible, stride_padding
from torchkeras_shim.core import config
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

# As in Keras, the models themselves are names of `keras.applications` only.
__all__ = ["decode_predictions", "preprocess_input"]

#: Of each block: how much wider the inside is, filters, kernel, stride, whether channels are weighed, activation.
_SMALL = (
    (1, 16, 3, 2, True, "relu"),
    (72.0 / 16, 24, 3, 2, False, "relu"),
    (88.0 / 24, 24, 3, 1, False, "relu"),
    (4, 40, 5, 2, True, "hard_swish"),
    (6, 40, 5, 1, True, "hard_swish"),
    (6, 40, 5, 1, True, "hard_swish"),
    (3, 48, 5, 1, True, "hard_swish"),
    (3, 48, 5, 1, True, "hard_swish"),
    (6, 96, 5, 2, True, "hard_swish"),
    (6, 96, 5, 1, True, "hard_swish"),
    (6, 96, 5, 1, True, "hard_swish"),
)
_LARGE = (
    (1, 16, 3, 1, False, "relu"),
    (4, 24, 3, 2, False, "relu"),
    (3, 24, 3, 1, False, "relu"),
    (3, 40, 5, 2, True, "relu"),
    (3, 40, 5, 1, True, "relu"),
    (3, 40, 5, 1, True, "relu"),
    (6, 80, 3, 2, False, "hard_swish"),
    (2.5, 80, 3, 1, False, "hard_swish"),
    (2.3, 80, 3, 1, False, "hard_swish"),
    (2.3, 80, 3, 1, False, "hard_swish"),
    (6, 112, 3, 1, True, "hard_swish"),
    (6, 112, 3, 1, True, "hard_swish"),
    (6, 160, 5, 2, True, "hard_swish"),
    (6, 160, 5, 1, True, "hard_swish"),
    (6, 160, 5, 1, True, "hard_swish"),
)
#: Of each model: its blocks and how many channels its last hidden layer has.
_MODELS: dict[str, tuple[Any, int]] = {"small": (_SMALL, 1024), "large": (_LARGE, 1280)}

_HASHES = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}


def _files(model: str, alpha: float, minimalistic: bool) -> Files:
    kind = f"{model}_minimalistic" if minimalistic else model
    key = f"{kind}_224_{float(alpha)}_float"
    if key not in _HASHES:
        raise ValueError(
            "If imagenet weights are being loaded, alpha can be one of `0.75`, `1.0` for non minimalistic or `1.0` for "
            f"minimalistic only. Received: alpha={alpha}, minimalistic={minimalistic}"
        )
    names = [f"weights_mobilenet_v3_{key}{end}" for end in (".h5", "_no_top_v2.h5")]
    return Files(
        *(File(name, f"{ORIGIN}mobilenet_v3/{name}", one) for name, one in zip(names, _HASHES[key], strict=True))
    )


def _image(frame: Frame) -> KerasTensor:
    """Returns what the model starts from: unlike in other families, a classifier does not fix the size."""
    frame.check_match()
    last = config.image_data_format() == "channels_last"
    if frame.input_shape:
        shape = tuple(frame.input_shape)
    elif frame.input_tensor is not None:
        shape = tuple(frame.input_tensor.shape[1:])
    else:
        shape = (None, None, 3) if last else (3, None, None)
    sizes = shape[:2] if last else shape[1:]
    if len(shape) != 3 or any(size is not None and size < 32 for size in sizes):
        raise ValueError(f"Input size must be at least 32x32; Received `input_shape={shape}`")
    if frame.imagenet and sizes != (224, 224):
        warnings.warn(
            "`input_shape` is undefined or non-square, or `rows` is not 224. Weights for input shape (224, 224) will "
            "be loaded as the default.",
            stacklevel=4,
        )
    image: KerasTensor = layers.Input(shape) if frame.input_tensor is None else frame.input_tensor
    return image


def _network(frame: Frame, model: str, alpha: float, minimalistic: bool, dropout: float, prepared: bool) -> Model:
    check_alpha(alpha)
    weights = _files(model, alpha, minimalistic) if frame.imagenet else _NO_FILES
    blocks, last = _MODELS[model]
    axis = 1 if frame.axis == 1 else -1
    activation = "relu" if minimalistic else "hard_swish"
    x = image = _image(frame)
    if prepared:
        x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
    x = _activated(_normalized(x, axis, "conv_bn"), activation)
    for number, (expansion, filters, kernel, stride, weighed, own_activation) in enumerate(blocks):
        x = _block(
            x,
            axis,
            name=f"expanded_conv_{number}_" if number else "expanded_conv_",
            expansion=expansion,
            filters=divisible(filters * alpha, 8),
            kernel=3 if minimalistic else kernel,
            stride=stride,
            weighed=weighed and not minimalistic,
            activation="relu" if minimalistic else own_activation,
            widened=number > 0,
        )
    channels = x.shape[axis]
    assert channels is not None
    x = layers.Conv2D(divisible(channels * 6, 8), 1, padding="same", use_bias=False, name="conv_1")(x)
    x = _activated(_normalized(x, axis, "conv_1_bn"), activation)
    if not frame.include_top:
        return frame.model(image, frame.pooled(x, avg="avg_pool", max="max_pool"), weights)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(divisible(last * max(alpha, 1.0), 8), 1, padding="same", name="conv_2")(x)
    x = _activated(x, activation)
    if dropout > 0:
        x = layers.Dropout(dropout)(x)
    x = layers.Conv2D(frame.classes, 1, padding="same", name="logits")(x)
    x = layers.Activation(frame.classifier_activation, name="predictions")(layers.Flatten()(x))
    return frame.model(image, x, weights)


_NO_FILES = Files(File("", ""), File("", ""))


def _normalized(x: KerasTensor, axis: int, name: str) -> Any:
    return layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.999, name=name)(x)


def _activated(x: KerasTensor, activation: str) -> Any:
    return layers.ReLU()(x) if activation == "relu" else layers.Activation(activation)(x)


def _block(
    x: KerasTensor,
    axis: int,
    name: str,
    expansion: float,
    filters: int,
    kernel: int,
    stride: int,
    weighed: bool,
    activation: str,
    widened: bool,
) -> Any:
    before, channels = x, x.shape[axis]
    assert channels is not None
    inside = divisible(channels * expansion, 8)
    if widened:
        x = layers.Conv2D(inside, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = _activated(_normalized(x, axis, f"{name}expand_bn"), activation)
    if stride == 2:
        x = layers.ZeroPadding2D(stride_padding(x, kernel), name=f"{name}depthwise_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(kernel, strides=stride, padding=padding, use_bias=False, name=f"{name}depthwise")(x)
    x = _activated(_normalized(x, axis, f"{name}depthwise_bn"), activation)
    if weighed:
        x = _excited(x, inside, name)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = _normalized(x, axis, f"{name}project_bn")
    return layers.Add(name=f"{name}add")([before, x]) if stride == 1 and channels == filters else x


def _excited(x: KerasTensor, channels: int, name: str) -> Any:
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}squeeze_excite_avg_pool")(x)
    reduced = divisible(channels * 0.25, 8)
    weights = layers.Conv2D(reduced, 1, padding="same", name=f"{name}squeeze_excite_conv")(weights)
    weights = layers.ReLU(name=f"{name}squeeze_excite_relu")(weights)
    weights = layers.Conv2D(channels, 1, padding="same", name=f"{name}squeeze_excite_conv_1")(weights)
    weights = layers.ReLU(6.0)(weights + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}squeeze_excite_mul")([x, weights])


def _variant(model: str) -> Any:
    function = f"MobileNetV3{model.capitalize()}"

    def build(
        input_shape: tuple[int | None, ...] | None = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: KerasTensor | None = None,
        classes: int = CLASSES,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str = function,
    ) -> Model:
        frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return _network(frame, model, alpha, minimalistic, dropout_rate, include_preprocessing)

    more = """
        alpha: How wide the model is: the filters of each layer are multiplied by it.
        minimalistic: Whether to leave out what some devices are slow at: 5x5 kernels, weighed channels, hard swish.
        dropout_rate: The share that the dropout before the classifier leaves out.
        include_preprocessing: Whether the model takes channels from 0 to 255 and rescales them."""
    return public(build, function, __name__, more)


MobileNetV3Small = _variant("small")
MobileNetV3Large = _variant("large")
preprocess_input = preprocessor(None)
