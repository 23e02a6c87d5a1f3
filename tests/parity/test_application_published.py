"""The files of trained weights: what each model of `keras.applications` asks for is what real Keras asks for."""

import base64
import contextlib
import importlib
import json
import sys
import zlib
from unittest import mock

import torchkeras_shim
from tests.parity.oracle import kept, keras

_ORDINARY = (
    "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny", "ConvNeXtXLarge", "DenseNet121", "DenseNet169",
    "DenseNet201", *(f"EfficientNetB{number}" for number in range(8)), "EfficientNetV2B0", "EfficientNetV2B1",
    "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2L", "EfficientNetV2M", "EfficientNetV2S",
    "InceptionResNetV2", "InceptionV3", "NASNetLarge", "NASNetMobile", "ResNet101", "ResNet101V2", "ResNet152",
    "ResNet152V2", "ResNet50", "ResNet50V2", "VGG16", "VGG19", "Xception",
)  # fmt: skip
#: Function and arguments, with and without the classifier: every width and size that there are weights for.
CASES = [
    (function, {"include_top": top, **arguments})
    for function, every in {
        **{name: [{}] for name in _ORDINARY},
        "MobileNet": [
            {"alpha": alpha, "input_shape": (size, size, 3)}
            for alpha in (0.25, 0.5, 0.75, 1.0)
            for size in (128, 160, 192, 224)
        ],
        "MobileNetV2": [
            {"alpha": alpha, "input_shape": (size, size, 3)}
            for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
            for size in (96, 128, 160, 192, 224)
        ],
        **{
            f"MobileNetV3{model}": [
                {**arguments, "input_shape": (224, 224, 3)}
                for arguments in ({"alpha": 0.75}, {"alpha": 1.0}, {"minimalistic": True})
            ]
            for model in ("Small", "Large")
        },
    }.items()
    for arguments in every
    for top in (True, False)
]  # fmt: skip


class Passing:
    """Stands in for a library's layers: each returns its input, so that a model is a matter of microseconds."""

    def __init__(self, layers):
        self.Input = layers.Input

    def __getattr__(self, name):
        return passing if name[0].isupper() else lambda inputs, **options: inputs[0]


def passing(*arguments, **options):
    return lambda inputs, *others, **options: inputs[0] if isinstance(inputs, list) else inputs


@contextlib.contextmanager
def empty_models(library, package):
    """Models of `keras.applications` have an input and nothing else."""
    library.applications.VGG16  # noqa: B018 (loads all of them)
    with contextlib.ExitStack() as patches:
        for name, module in list(sys.modules.items()):
            if not name.startswith(f"{package}.") or not hasattr(module, "layers"):
                continue
            patches.enter_context(mock.patch.object(module, "layers", Passing(library.layers)))
            for kind in [value for value in vars(module).values() if isinstance(value, type)]:
                if issubclass(kind, library.layers.Layer):
                    stand_in = mock.Mock() if kind.__name__ == "Functional" else passing
                    patches.enter_context(mock.patch.object(module, kind.__name__, stand_in))
        yield


def asked(library):
    """Returns what each case asks `get_file` for, packed."""
    ours = library is torchkeras_shim
    package = "torchkeras_shim.applications" if ours else "keras.src.applications"
    fetching = importlib.import_module(f"{package}.pretrained" if ours else "keras.src.utils.file_utils")
    said = []

    def get_file(fname=None, origin=None, cache_subdir="datasets", file_hash=None, **options):
        said.append([fname, origin, cache_subdir, file_hash])
        return "weights.h5"

    with empty_models(library, package), mock.patch.object(fetching, "get_file", get_file):
        for function, arguments in CASES:
            said.append([function, arguments])
            getattr(library.applications, function)(**arguments)
    text = "\n".join(json.dumps(row) for row in said)
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode()


def test_every_model_asks_for_keras_s_file():
    theirs = zlib.decompress(base64.b85decode(kept(asked, keras))).decode().split("\n")
    ours = zlib.decompress(base64.b85decode(asked(torchkeras_shim))).decode().split("\n")
    assert len(theirs) == 2 * len(CASES)
    assert ours == theirs
