"""The models of `keras.applications`, and what the tests ask of them."""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from unittest import mock

import numpy as np

#: Function, arguments, height and width.
CASES = [
    ("DenseNet121", {"include_top": False, "pooling": "max"}, 32),
    ("MobileNet", {"classes": 7, "alpha": 0.5}, 33),
    ("MobileNetV2", {"classes": 7, "alpha": 0.35}, 45),
    ("EfficientNetB0", {"include_top": False, "pooling": "avg"}, 37),
    ("EfficientNetV2B0", {"classes": 7}, 37),
    ("MobileNetV3Small", {"classes": 7}, 37),
]
#: Of models with many weights the ordinary run looks at their layers only.
LARGE_CASES = [
    ("VGG16", {"include_top": False, "pooling": "max"}, 32),
    ("ResNet50", {"classes": 7}, 32),
    ("ResNet50V2", {"include_top": False, "pooling": "avg"}, 33),
    ("Xception", {"include_top": False, "pooling": "avg"}, 71),
    ("InceptionV3", {"include_top": False, "pooling": "max"}, 75),
    ("InceptionResNetV2", {"include_top": False, "pooling": "avg"}, 75),
    ("NASNetMobile", {"include_top": False, "pooling": "max"}, 33),
    ("ConvNeXtTiny", {"include_top": False, "pooling": "max"}, 32),
]
NIGHTLY_CASES = [
    *LARGE_CASES,
    ("MobileNetV3Small", {"include_top": False, "alpha": 0.75, "pooling": "max"}, 64),
    ("MobileNetV3Large", {"classes": 7}, 32),
    ("MobileNetV3Large", {"classes": 7, "minimalistic": True, "include_preprocessing": False, "dropout_rate": 0}, 32),
    ("EfficientNetB0", {"classes": 7}, 32),
    *((f"EfficientNetB{number}", {"classes": 7}, 32) for number in range(1, 8)),
    ("EfficientNetV2B0", {"include_top": False, "include_preprocessing": False, "pooling": "max"}, 32),
    *((f"EfficientNetV2{model}", {"classes": 7}, 32) for model in ("B1", "B2", "B3", "S", "M", "L")),
    ("InceptionV3", {"classes": 7}, 80),
    ("InceptionResNetV2", {"classes": 7}, 80),
    ("NASNetMobile", {"classes": 7}, 37),
    ("NASNetLarge", {"classes": 7}, 32),
    ("ConvNeXtTiny", {"include_top": False, "include_preprocessing": False}, 64),
    *((f"ConvNeXt{model}", {"classes": 7}, 32) for model in ("Tiny", "Small", "Base", "Large", "XLarge")),
    ("DenseNet121", {"classes": 7}, 32),
    ("DenseNet169", {"classes": 7}, 32),
    ("DenseNet201", {"classes": 7}, 32),
    ("MobileNet", {"include_top": False, "depth_multiplier": 2, "alpha": 0.25, "pooling": "max"}, 32),
    ("MobileNet", {"classes": 7, "dropout": 0.3}, 64),
    ("MobileNetV2", {"classes": 7}, 32),
    ("MobileNetV2", {"include_top": False, "alpha": 1.4, "pooling": "max"}, 64),
    ("Xception", {"classes": 7}, 80),
    ("VGG16", {"classes": 7}, 32),
    ("VGG19", {"classes": 7}, 32),
    ("ResNet50", {"include_top": False, "pooling": "max"}, 48),
    ("ResNet101", {"classes": 7}, 32),
    ("ResNet152", {"classes": 7}, 32),
    ("ResNet50V2", {"classes": 7}, 32),
    ("ResNet101V2", {"classes": 7}, 32),
    ("ResNet152V2", {"classes": 7}, 32),
]


def case_name(case):
    function, arguments, size = case
    return f"{function}-{size}" + "".join(f"-{key}={value}" for key, value in arguments.items())


_NUMBERS = np.random.default_rng(0).standard_normal(10007).astype("float32")
_OUTPUTS = 12
#: What says how a layer computes or how its weights begin.
_TOLD = ("activation", "strides", "padding", "momentum", "epsilon", "kernel_initializer", "depthwise_initializer")


def build(library, function, arguments, size):
    """Returns a model without its own first kernels, for drawing them takes longer than all else."""
    channels_last = {"input_shape": (size, size, 3)}
    logits = {} if arguments.get("include_top") is False else {"classifier_activation": None}

    with cheap_weights(library):
        return getattr(library.applications, function)(weights=None, **channels_last, **logits, **arguments)


def cheap_weights(library):
    """Kernels of zeros, while a model is built whose weights come from elsewhere."""

    def zeros(self, shape, dtype=None):
        return library.ops.convert_to_tensor(np.zeros(shape, "float32"))

    return mock.patch.object(library.initializers.VarianceScaling, "__call__", zeros)


def numbers(shape, at):
    """Returns normal numbers by a rule that needs no generator: a long row, entered at another place by each weight."""
    size = int(np.prod(shape))
    return np.resize(np.roll(_NUMBERS, 37 * at), size).reshape(shape)


def fill(model, first=0):
    """Gives a model weights that keep the size of activations about the same through any number of layers."""
    model.set_weights([_weight(weight, at) for at, weight in enumerate(model.weights, start=first)])


def _weight(weight, at):
    name, shape = weight.path.rsplit("/", 1)[-1], tuple(weight.shape)
    noise = numbers(shape, at)
    if name in ("moving_variance", "variance", "gamma"):
        return 1 + 0.1 * np.abs(noise)
    if name in ("kernel", "depthwise_kernel", "pointwise_kernel") and len(shape) > 1:
        inputs = np.prod(shape[:2]) if name == "depthwise_kernel" else np.prod(shape[:-1])
        return noise * np.sqrt(1.6 / inputs)
    return 0.1 * noise


def structure(library, function, arguments, size):
    """Returns the layers, as text that was packed, and the totals."""
    return _structure(build(library, function, arguments, size))


def _structure(model):
    lines = [_line(layer) for layer in model.layers]
    return {
        "name": model.name,
        "layers": base64.b85encode(zlib.compress("\n".join(lines).encode(), 9)).decode(),
        "parameters": model.count_params(),
        "weights": [len(model.weights), len(model.trainable_weights), len(model.non_trainable_weights)],
        "shapes": str(zlib.crc32(json.dumps([list(weight.shape) for weight in model.weights]).encode())),
        "output_shape": list(model.output_shape),
    }


def describe(library, function, arguments, size):
    """Returns what `structure` does, and a few outputs."""
    model = build(library, function, arguments, size)
    fill(model)
    x = np.clip(numbers((2, size, size, 3), 1) * 60 + 120, 0, 255)
    output = np.asarray(model.predict(x, verbose=0))
    return {
        **_structure(model),
        "outputs": np.resize(output.reshape(2, -1)[:, :_OUTPUTS], (2, _OUTPUTS)),
        "scale": float(np.abs(output).max()),
    }


def _line(layer):
    config = layer.get_config()
    told = []
    for key in _TOLD:
        value = config.get(key)
        if isinstance(value, dict):
            options = {name: value for name, value in value["config"].items() if name != "seed" and value is not None}
            value = [value["class_name"], options]
        with contextlib.suppress(TypeError):
            told.append(json.dumps(value, sort_keys=True))
    return " ".join([type(layer).__name__, layer.name, *told])


def unpacked(text):
    return zlib.decompress(base64.b85decode(text)).decode().split("\n")
