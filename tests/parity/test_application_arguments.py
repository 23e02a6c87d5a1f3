"""The arguments of `keras.applications`: what models become of them, and which are refused."""

import warnings
import zlib

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.application_cases import cheap_weights, fill, numbers
from tests.parity.oracle import kept, keras

NO_TOP = {"include_top": False, "weights": None}
SMALL = {**NO_TOP, "input_shape": (32, 32, 3)}
FIRST = {**NO_TOP, "input_shape": (3, 32, 32)}
TINY = {**SMALL, "alpha": 0.25}

#: What a model becomes.
BUILT = {
    "a size that is open": ("MobileNet", {**NO_TOP, "alpha": 0.25}),
    "one size that is open": ("MobileNet", {**NO_TOP, "alpha": 0.25, "input_shape": (None, 40, 3), "pooling": "max"}),
    "one channel": ("MobileNetV2", {**NO_TOP, "alpha": 0.35, "input_shape": (32, 33, 1)}),
    "four channels": ("MobileNet", {**TINY, "input_shape": (32, 32, 4)}),
    "a pooling": ("MobileNetV2", {**NO_TOP, "alpha": 0.35, "input_shape": (32, 32, 3), "pooling": "avg"}),
    "a classifier": ("MobileNet", {"weights": None, "alpha": 0.25, "classes": 3, "classifier_activation": "sigmoid"}),
    "a classifier of another size": (
        "MobileNet",
        {"weights": None, "alpha": 0.25, "classes": 3, "input_shape": (40, 32, 3), "classifier_activation": None},
    ),
    "a classifier of any size": ("MobileNetV3Small", {"weights": None, "alpha": 0.35, "classes": 3}),
    "minimalistic": ("MobileNetV3Small", {**SMALL, "minimalistic": True, "include_preprocessing": False}),
    "no dropout": ("MobileNetV3Small", {"weights": None, "alpha": 0.5, "classes": 3, "dropout_rate": 0}),
    "a multiplier": ("MobileNet", {**TINY, "depth_multiplier": 2, "name": "mine"}),
    "no preprocessing": ("EfficientNetV2B0", {**SMALL, "include_preprocessing": False}),
    "one channel, prepared in one way": ("EfficientNetV2B0", {**NO_TOP, "input_shape": (32, 32, 1)}),
    "a tensor": ("MobileNetV2", {**NO_TOP, "alpha": 0.35, "input_tensor": (32, 32, 3)}),
    "a tensor and its shape": (
        "MobileNetV2",
        {**NO_TOP, "alpha": 0.35, "input_tensor": (32, 40, 3), "input_shape": (32, 40, 3)},
    ),
    "a tensor below a classifier": (
        "MobileNetV2",
        {"weights": None, "alpha": 0.35, "classes": 3, "input_tensor": (96, 96, 3)},
    ),
    "a tensor that is smaller than allowed": ("MobileNetV2", {**NO_TOP, "alpha": 0.35, "input_tensor": (20, 20, 3)}),
    "a tensor, MobileNetV3": ("MobileNetV3Small", {**NO_TOP, "alpha": 0.35, "input_tensor": (32, 33, 1)}),
    "one channel, which is not prepared": ("ConvNeXtTiny", {**NO_TOP, "input_shape": (32, 32, 1), "name": "mine"}),
}
CHANNELS_FIRST = {
    "VGG16": ("VGG16", {**FIRST, "pooling": "avg"}),
    "ResNet50": ("ResNet50", FIRST),
    "ResNet50V2": ("ResNet50V2", FIRST),
    "MobileNet": ("MobileNet", {**FIRST, "alpha": 0.25}),
    "MobileNet with a classifier": ("MobileNet", {"weights": None, "alpha": 0.25, "classes": 3}),
    "MobileNetV2": ("MobileNetV2", {**FIRST, "alpha": 0.35}),
    "MobileNetV3Small": ("MobileNetV3Small", {"weights": None, "alpha": 0.35, "classes": 3}),
    "EfficientNetB0": ("EfficientNetB0", FIRST),
    "EfficientNetV2B0": ("EfficientNetV2B0", FIRST),
    "EfficientNetV2S": ("EfficientNetV2S", {**FIRST, "pooling": "max"}),
    "Xception": ("Xception", {**NO_TOP, "input_shape": (3, 71, 71)}),
    "InceptionV3": ("InceptionV3", {**NO_TOP, "input_shape": (3, 75, 75)}),
    "InceptionResNetV2": ("InceptionResNetV2", {**NO_TOP, "input_shape": (3, 75, 75)}),
}
#: What is refused, in words that begin like Keras's.
REFUSED = {
    "a file that is not there": ("VGG16", {"weights": "no-such-file.h5"}),
    "other classes than ImageNet's": ("VGG16", {"classes": 5}),
    "an activation that ImageNet's scores do not have": ("VGG16", {"classifier_activation": "relu"}),
    "a size that ImageNet's classifier does not have": ("ResNet50", {"input_shape": (64, 64, 3)}),
    "channels that ImageNet's pictures do not have": ("VGG16", {"include_top": False, "input_shape": (64, 64, 1)}),
    "two dimensions": ("VGG16", {"weights": None, "input_shape": (224, 224)}),
    "too small": ("Xception", {**NO_TOP, "input_shape": (70, 71, 3)}),
    "too small, InceptionV3": ("InceptionV3", {**NO_TOP, "input_shape": (75, 74, 3)}),
    "too small, MobileNetV3": ("MobileNetV3Large", {**NO_TOP, "input_shape": (31, 32, 3)}),
    "too small a tensor, MobileNetV3": ("MobileNetV3Large", {**NO_TOP, "input_tensor": (31, 32, 3)}),
    "a tensor of another size": (
        "MobileNetV2",
        {**NO_TOP, "input_tensor": (32, 32, 3), "input_shape": (48, 48, 3)},
    ),
    "too small, NASNet": ("NASNetMobile", {**NO_TOP, "input_shape": (31, 32, 3)}),
    "too small, ConvNeXt": ("ConvNeXtTiny", {**NO_TOP, "input_shape": (31, 32, 3)}),
    "a classifier without a size": ("VGG16", {"weights": None, "input_shape": (None, None, 3)}),
    "MobileNet's alpha": ("MobileNet", {"alpha": 0.3}),
    "MobileNet's multiplier": ("MobileNet", {"depth_multiplier": 2}),
    "MobileNetV2's alpha": ("MobileNetV2", {"alpha": 0.3}),
    "MobileNetV3's alpha": ("MobileNetV3Small", {"alpha": 0.3}),
    "minimalistic with an alpha": ("MobileNetV3Small", {"alpha": 0.75, "minimalistic": True}),
    "NASNet of an open size": ("NASNetMobile", {"include_top": False, "input_shape": (None, None, 3)}),
}


#: What takes long runs nightly.
NIGHTLY = {
    "no preprocessing", "one channel, which is not prepared", "VGG16", "ResNet50", "ResNet50V2", "EfficientNetV2B0",
    "EfficientNetV2S", "InceptionResNetV2", "Xception", "InceptionV3", "DenseNet121", "one channel",
    "a classifier of any size", "one channel, prepared in one way", "a tensor and its shape",
    "a tensor that is smaller than allowed", "a tensor, MobileNetV3",
}  # fmt: skip
NIGHTLY_LAYOUTS = {*NIGHTLY, "EfficientNetB0", "MobileNetV2", "MobileNetV3Small"}


def named(cases, nightly=NIGHTLY):
    return [
        pytest.param(*case, id=name, marks=pytest.mark.nightly if name in nightly else ())
        for name, case in cases.items()
    ]


def outcome(library, layout, function, arguments):
    before = library.config.image_data_format()
    if "input_tensor" in arguments:
        arguments = {**arguments, "input_tensor": library.Input(arguments["input_tensor"])}
    library.config.set_image_data_format(layout)
    try:
        with warnings.catch_warnings(), cheap_weights(library):
            warnings.simplefilter("ignore")
            model = getattr(library.applications, function)(**arguments)
    except (TypeError, ValueError) as error:
        return [type(error).__name__, str(error)]
    finally:
        library.config.set_image_data_format(before)
    names = "\n".join(layer.name for layer in model.layers[1:])
    shapes = [list(model.input_shape), list(model.output_shape)]
    return [model.name, *shapes, model.count_params(), zlib.crc32(names.encode())]


def both(layout, function, arguments):
    theirs = kept(outcome, keras, layout, function, arguments)
    return outcome(torchkeras_shim, layout, function, arguments), theirs


@pytest.mark.parametrize(("function", "arguments"), named(BUILT))
def test_a_model_from_arguments(function, arguments):
    ours, theirs = both("channels_last", function, arguments)
    assert ours == theirs


@pytest.mark.parametrize(("function", "arguments"), named(CHANNELS_FIRST))
def test_a_model_with_channels_first(function, arguments):
    ours, theirs = both("channels_first", function, arguments)
    assert ours == theirs


@pytest.mark.parametrize(("function", "arguments"), named(REFUSED))
def test_arguments_that_are_refused(function, arguments):
    ours, theirs = both("channels_last", function, arguments)
    assert ours[0] == theirs[0]
    assert first_words(ours[1]) == first_words(theirs[1])


def first_words(message):
    return message.split("eceived")[0].replace("`", "").replace(" ", "")[:38]


@pytest.mark.parametrize("function", ["NASNetMobile", "ConvNeXtTiny"])
def test_families_that_need_channels_last(function):
    ours, theirs = both("channels_first", function, NO_TOP)
    assert ours[0] == theirs[0]
    assert ours[1].split(" Switch")[0] == theirs[1].split(" Switch")[0]


#: DenseNet is refused by Keras in this layout, and is none the worse for it here.
LAYOUTS = {
    "DenseNet121": ("DenseNet121", {**NO_TOP, "pooling": "max"}, 32),
    "MobileNet": ("MobileNet", {"weights": None, "alpha": 0.25, "classes": 3}, 33),
    "MobileNetV2": ("MobileNetV2", {"weights": None, "alpha": 0.35, "classes": 3}, 45),
    "MobileNetV3Small": ("MobileNetV3Small", {"weights": None, "alpha": 0.35, "classes": 3}, 37),
    "EfficientNetV2B0": ("EfficientNetV2B0", {**NO_TOP, "pooling": "avg"}, 37),
    "VGG16": ("VGG16", {"weights": None, "classes": 3}, 32),
    "ResNet50": ("ResNet50", {**NO_TOP, "pooling": "avg"}, 33),
    "ResNet50V2": ("ResNet50V2", {**NO_TOP, "pooling": "avg"}, 33),
    "EfficientNetB0": ("EfficientNetB0", {**NO_TOP, "pooling": "avg"}, 37),
    "EfficientNetV2S": ("EfficientNetV2S", {**NO_TOP, "pooling": "avg"}, 37),
    "Xception": ("Xception", {**NO_TOP, "pooling": "avg"}, 71),
    "InceptionV3": ("InceptionV3", {**NO_TOP, "pooling": "avg"}, 75),
    "InceptionResNetV2": ("InceptionResNetV2", {**NO_TOP, "pooling": "avg"}, 75),
}


@pytest.mark.parametrize(("function", "arguments", "size"), named(LAYOUTS, NIGHTLY_LAYOUTS))
def test_both_layouts_compute_the_same_from_the_same_weights(function, arguments, size):
    pictures = numbers((2, size, size, 3), 1)
    results = []
    for layout in ("channels_last", "channels_first"):
        torchkeras_shim.config.set_image_data_format(layout)
        shape = (size, size, 3) if layout == "channels_last" else (3, size, size)
        try:
            with cheap_weights(torchkeras_shim):
                model = getattr(torchkeras_shim.applications, function)(**arguments, input_shape=shape)
        finally:
            torchkeras_shim.config.set_image_data_format("channels_last")
        fill(model)
        x = torch.from_numpy(pictures)
        with torch.no_grad():
            results.append(model(x if layout == "channels_last" else x.permute(0, 3, 1, 2).contiguous()).numpy())
    last, first = results
    assert np.ptp(last) > 1e-2 * np.abs(last).max() > 0
    np.testing.assert_allclose(first, last, rtol=1e-4, atol=1e-4 * np.abs(last).max())
