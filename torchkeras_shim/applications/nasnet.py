"""NASNet: two kinds of cells that a search has found (Zoph and others, 2017)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torchkeras_shim import layers
from torchkeras_shim.applications.frame import Frame, public
from torchkeras_shim.applications.imagenet_utils import CLASSES, decode_predictions, preprocessor
from torchkeras_shim.applications.pretrained import ORIGIN, File, Files
from torchkeras_shim.applications.sizes import stride_padding
from torchkeras_shim.core import config
from torchkeras_shim.core.naming import name_scope
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.models import Model

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

#: One side of a sum: what is done, to which features, the size of its kernel, its stride, its name. The features are
#: the cell's input `h`, the input of the cell before it `p`, `h` with a padding, and sums of the same cell.
_Side = tuple[str, str, int, int, str]
#: The sums of a cell: their names, left and right.
_Cell = tuple[tuple[str, _Side, _Side], ...]

_NORMAL: _Cell = (
    ("add_1", ("separable", "h", 5, 1, "left1"), ("separable", "p", 3, 1, "right1")),
    ("add_2", ("separable", "p", 5, 1, "left2"), ("separable", "p", 3, 1, "right2")),
    ("add_3", ("average", "h", 3, 1, "left3"), ("itself", "p", 0, 1, "")),
    ("add_4", ("average", "p", 3, 1, "left4"), ("average", "p", 3, 1, "right4")),
    ("add_5", ("separable", "h", 3, 1, "left5"), ("itself", "h", 0, 1, "")),
)
_REDUCTION: _Cell = (
    ("add_1", ("separable", "h", 5, 2, "left1"), ("separable", "p", 7, 2, "right1")),
    ("add_2", ("max", "padded", 3, 2, "left2"), ("separable", "p", 7, 2, "right2")),
    ("add3", ("average", "padded", 3, 2, "left3"), ("separable", "p", 5, 2, "right3")),
    ("", ("itself", "add_2", 0, 1, ""), ("average", "add_1", 3, 1, "left4")),
    ("add4", ("separable", "add_1", 3, 1, "left4"), ("max", "padded", 3, 2, "right5")),
)

#: Of each model: filters before the classifier, cells between two reductions, filters of the first convolution, whether
#: the cell after a reduction looks one cell further back, size of a picture, hashes of the files.
_MODELS = {
    "mobile": (1056, 4, 32, False, 224, ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63")),
    "large": (4032, 6, 96, True, 331, ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5")),
}


def _files(model: str, hashes: tuple[str, str]) -> Files:
    ends = (("", ""), ("_no_top", "-no-top"))
    return Files(
        *(
            File(f"nasnet_{model}{end}.h5", f"{ORIGIN}nasnet/NASNet-{model}{origin_end}.h5", one)
            for (end, origin_end), one in zip(ends, hashes, strict=True)
        )
    )


def _image(frame: Frame, size: int) -> KerasTensor:
    """Returns what the model starts from: unlike in other families, of a size that is known."""
    if config.image_data_format() == "channels_first":
        raise ValueError(
            "NASNet does not support the `channels_first` image data format. Switch to `channels_last`: "
            "`keras.config.set_image_data_format('channels_last')`."
        )
    default = (size, size, 3)
    image = replace(frame, input_shape=frame.input_shape or default).image(default_size=size, min_size=32)
    if None in image.shape[1:]:
        # Keras refuses it if the weights are ImageNet's. Without them it builds cells whose sums do not fit.
        raise ValueError(
            "When specifying the input shape of a NASNet and loading `ImageNet` weights, the input_shape argument must "
            f"be static (no None entries), and so it must with any others. Received: a shape of {image.shape[1:]}. "
            f"Write for example input_shape={default}."
        )
    return image


def _network(frame: Frame, model: str) -> Model:
    last_filters, cells, stem_filters, skips, size, hashes = _MODELS[model]
    filters = last_filters // 24
    image = _image(frame, size)
    x = layers.Conv2D(stem_filters, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1")(
        image
    )
    x = _normalized(x, "stem_bn1")
    before = x
    for number, share in ((1, 4), (2, 2)):
        x, before = _reduction_cell(x, before, filters // share, f"stem_{number}"), x
    for stage in range(3):
        if stage > 0:
            reduced = _reduction_cell(x, before, filters * 2**stage, f"reduce_{stage * cells}")
            x, before = reduced, before if skips else x
        for number in range(cells):
            first = stage * cells + (1 if stage > 0 else 0)
            x, before = _normal_cell(x, before, filters * 2**stage, str(first + number)), x
    x = layers.Activation("relu")(x)
    if frame.include_top:
        x = frame.classified(layers.GlobalAveragePooling2D()(x))
    else:
        x = frame.pooled(x)
    return frame.model(image, x, _files(model, hashes))


def _normalized(x: KerasTensor, name: str) -> Any:
    return layers.BatchNormalization(axis=-1, momentum=0.9997, epsilon=1e-3, name=name)(x)


def _conv(x: KerasTensor, filters: int, name: str) -> Any:
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)


def _normal_cell(x: KerasTensor, before: KerasTensor, filters: int, cell: str) -> Any:
    with name_scope(f"normal_A_block_{cell}"):
        before, x = _cell_inputs(x, before, filters, "normal", cell)
        sums = _sums(_NORMAL, {"h": x, "p": before}, filters, "normal", cell)
        return layers.Concatenate(axis=-1, name=f"normal_concat_{cell}")([before, *sums])


def _reduction_cell(x: KerasTensor, before: KerasTensor, filters: int, cell: str) -> Any:
    with name_scope(f"reduction_A_block_{cell}"):
        before, x = _cell_inputs(x, before, filters, "reduction", cell)
        padded = layers.ZeroPadding2D(stride_padding(x, 3), name=f"reduction_pad_1_{cell}")(x)
        sums = _sums(_REDUCTION, {"h": x, "p": before, "padded": padded}, filters, "reduction", cell)
        return layers.Concatenate(axis=-1, name=f"reduction_concat_{cell}")(sums[1:])


def _cell_inputs(x: KerasTensor, before: KerasTensor, filters: int, kind: str, cell: str) -> tuple[Any, Any]:
    if before is not x:
        with name_scope("adjust_block"):
            before = _adjusted(before, x, filters, cell)
    x = _conv(layers.Activation("relu")(x), filters, f"{kind}_conv_1_{cell}")
    return before, _normalized(x, f"{kind}_bn_1_{cell}")


def _adjusted(before: KerasTensor, x: KerasTensor, filters: int, cell: str) -> Any:
    """Brings the input of the cell before to the size and the channels of this one."""
    if before.shape[2] != x.shape[2]:
        with name_scope(f"adjust_reduction_block_{cell}"):
            return _halved(layers.Activation("relu", name=f"adjust_relu_1_{cell}")(before), filters, cell)
    if before.shape[-1] != filters:
        with name_scope(f"adjust_projection_block_{cell}"):
            before = _conv(layers.Activation("relu")(before), filters, f"adjust_conv_projection_{cell}")
            return _normalized(before, f"adjust_bn_{cell}")
    return before


def _halved(x: KerasTensor, filters: int, cell: str) -> Any:
    """Halves height and width: one half of the channels sees the pixels that the other one leaves out."""
    moved = layers.Cropping2D(((1, 0), (1, 0)))(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    halves = []
    for number, half in ((1, x), (2, moved)):
        half = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{number}_{cell}")(half)
        halves.append(_conv(half, filters // 2, f"adjust_conv_{number}_{cell}"))
    return _normalized(layers.Concatenate(axis=-1)(halves), f"adjust_bn_{cell}")


def _sums(sums: _Cell, features: dict[str, KerasTensor], filters: int, kind: str, cell: str) -> list[Any]:
    found = []
    for number, (name, *sides) in enumerate(sums, start=1):
        with name_scope(f"block_{number}"):
            parts = [_side(features, side, filters, kind, cell) for side in sides]
        features[name] = layers.Add(name=f"{kind}_{name}_{cell}" if name else None)(parts)
        found.append(features[name])
    return found


def _side(features: dict[str, KerasTensor], side: _Side, filters: int, kind: str, cell: str) -> Any:
    what, source, kernel, stride, name = side
    x, name = features[source], f"{kind}_{name}_{cell}"
    if what == "itself":
        return x
    if what == "separable":
        with name_scope(f"separable_conv_block_{name}"):
            return _separable(x, filters, kernel, stride, name)
    padding = "same" if stride == 1 else "valid"
    return _POOLING[what](kernel, strides=stride, padding=padding, name=name)(x)


_POOLING = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}


def _separable(x: KerasTensor, filters: int, kernel: int, stride: int, name: str) -> Any:
    """Two separable convolutions, of which the first may have a stride."""
    for number in (1, 2):
        x = layers.Activation("relu")(x)
        padding = "same"
        if number == 1 and stride == 2:
            padding = "valid"
            x = layers.ZeroPadding2D(stride_padding(x, kernel), name=f"separable_conv_1_pad_{name}")(x)
        x = layers.SeparableConv2D(
            filters,
            kernel,
            strides=stride if number == 1 else 1,
            padding=padding,
            use_bias=False,
            name=f"separable_conv_{number}_{name}",
        )(x)
        x = _normalized(x, f"separable_conv_{number}_bn_{name}")
    return x


def _variant(model: str) -> Callable[..., Model]:
    def build(
        input_shape: tuple[int | None, ...] | None = None,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: KerasTensor | None = None,
        pooling: str | None = None,
        classes: int = CLASSES,
        classifier_activation: Any = "softmax",
        name: str = f"nasnet_{model}",
    ) -> Model:
        frame = Frame(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
        return _network(frame, model)

    return public(build, f"NASNet{model.capitalize()}", __name__)


NASNetMobile = _variant("mobile")
NASNetLarge = _variant("large")
preprocess_input = preprocessor("tf")
