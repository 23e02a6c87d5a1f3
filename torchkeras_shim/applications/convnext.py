"""ConvNeXt: convolutions built and trained like vision transformers (Liu and others, 2022)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from torchkeras_shim import initializers, layers
from torchkeras_shim.applications.frame import Frame, public
from torchkeras_shim.applications.imagenet_utils import CLASSES, decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import files
from torchkeras_shim.core import config
from torchkeras_shim.core.registry import Registry
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model, Sequential

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]

#: Of each model: blocks and filters of the stages, hashes of the files.
_MODELS = {
    "tiny": (
        ((3, 96), (3, 192), (9, 384), (3, 768)),
        (
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
    ),
    "small": (
        ((3, 96), (3, 192), (27, 384), (3, 768)),
        (
            "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        ),
    ),
    "base": (
        ((3, 128), (3, 256), (27, 512), (3, 1024)),
        (
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ),
    ),
    "large": (
        ((3, 192), (3, 384), (27, 768), (3, 1536)),
        (
            "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        ),
    ),
    "xlarge": (
        ((3, 256), (3, 512), (27, 1024), (3, 2048)),
        (
            "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        ),
    ),
}
_EPSILON = 1e-6
#: How much of what a block finds is added to its input before training.
_FIRST_SCALE = 1e-6
#: Mean and variance of ImageNet's channels, which go from 0 to 255.
_MEAN = [0.485 * 255, 0.456 * 255, 0.406 * 255]
_VARIANCE = [(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2]

#: Where files of Keras say that this layer is.
_LAYERS = Registry("layer", "keras.src.applications.convnext")


@_LAYERS.register()
class LayerScale(layers.Layer):
    """Multiplies each channel by a number that is learned.

    Args:
        init_values: The numbers before training.
        projection_dim: How many channels there are.
        **kwargs: Arguments of every layer: `name`, `dtype`, `trainable`, ...

    Example:
        >>> LayerScale(0.5, 2)(torch.ones(1, 2)).tolist()
        [[0.5, 0.5]]
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        """Makes the numbers."""
        self.gamma = self.add_weight((self.projection_dim,), initializer=initializers.Constant(self.init_values))

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the inputs, multiplied."""
        return inputs * self.gamma

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "init_values": self.init_values, "projection_dim": self.projection_dim}


def _network(frame: Frame, model: str, include_preprocessing: bool) -> Model:
    if config.image_data_format() == "channels_first":
        raise ValueError(
            "ConvNeXt does not support the `channels_first` image data format. Switch to `channels_last`: "
            "`keras.config.set_image_data_format('channels_last')`."
        )
    stages, hashes = _MODELS[model]
    name = frame.name
    x = image = frame.image(default_size=224, min_size=32)
    if include_preprocessing and image.shape[-1] == 3:
        x = layers.Normalization(mean=_MEAN, variance=_VARIANCE, name=f"{name}_prestem_normalization")(x)
    for stage, (depth, filters) in enumerate(stages):
        x = _smaller(filters, stage, name)(x)
        for block in range(depth):
            x = _block(x, filters, f"{name}_stage_{stage}_block_{block}")
    return frame.model(image, _end(frame, x), files("convnext", f"convnext_{model}", hashes))


def _smaller(filters: int, stage: int, name: str) -> Sequential:
    """Returns what makes the picture smaller before a stage; before the first one it is called the stem."""
    if stage == 0:
        conv = layers.Conv2D(filters, 4, strides=4, name=f"{name}_stem_conv")
        norm = layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_stem_layernorm")
        return Sequential([conv, norm], name=f"{name}_stem")
    number = stage - 1
    norm = layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_downsampling_layernorm_{number}")
    conv = layers.Conv2D(filters, 2, strides=2, name=f"{name}_downsampling_conv_{number}")
    return Sequential([norm, conv], name=f"{name}_downsampling_block_{number}")


def _block(inputs: KerasTensor, filters: int, name: str) -> Any:
    x = layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(inputs)
    x = layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_layernorm")(x)
    x = layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(filters, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(_FIRST_SCALE, filters, name=f"{name}_layer_scale")(x)
    # Where other models of this kind drop whole blocks while training, Keras's do not.
    x = layers.Activation("linear", name=f"{name}_identity")(x)
    return inputs + x


def _end(frame: Frame, x: KerasTensor) -> Any:
    if not frame.include_top:
        return layers.LayerNormalization(epsilon=_EPSILON)(frame.pooled(x))
    x = layers.GlobalAveragePooling2D(name=f"{frame.name}_head_gap")(x)
    x = layers.LayerNormalization(epsilon=_EPSILON, name=f"{frame.name}_head_layernorm")(x)
    return frame.classified(x, name=f"{frame.name}_head_dense")


def _variant(model: str) -> Callable[..., Model]:
    def build(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Any = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: tuple[int | None, ...] | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: Any = "softmax",
        name: str = f"convnext_{model}",
    ) -> Model:
        frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return _network(frame, model, include_preprocessing)

    function = "ConvNeXtXLarge" if model == "xlarge" else f"ConvNeXt{model.capitalize()}"
    more = """
        include_preprocessing: Whether the model takes channels from 0 to 255 and normalizes them."""
    return public(build, function, __name__, more)


ConvNeXtTiny = _variant("tiny")
ConvNeXtSmall = _variant("small")
ConvNeXtBase = _variant("base")
ConvNeXtLarge = _variant("large")
ConvNeXtXLarge = _variant("xlarge")
preprocess_input = preprocessor(None)
