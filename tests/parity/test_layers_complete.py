"""No public layer is left out: each has several argument sets in the tables that are compared with Keras."""

from __future__ import annotations

import inspect
from collections import Counter

import pytest
import torch._dynamo  # noqa: F401  before Keras, see test_layers

from tests.parity import test_attention, test_conv_lstm, test_layer_wrappers, test_rnn
from tests.parity.layer_cases import AUDIO_CASES, CASES, COLOR_CASES, MERGES, MORE_CASES
from tests.parity.oracle import keras
from torchkeras_shim import layers

TABLES = [
    CASES,
    MORE_CASES,
    AUDIO_CASES,
    COLOR_CASES,
    MERGES,
    test_attention.HEADS,
    test_attention.LISTS,
    test_rnn.CASES,
    test_rnn.CELLS,
    [(f"ConvLSTM{rank}D",) for rank, _, _ in test_conv_lstm.CASES],
    test_layer_wrappers.CASES,
]
ENTRIES = Counter(name for table in TABLES for name, *_ in table)

#: Public classes that a table of arguments and inputs does not fit, with the test that looks after each.
BY_THEMSELVES = {
    "AugMix": "parity/test_color_layers.py::test_aug_mix",
    "Discretization": "parity/tensorflow/test_categories.py",
    "FlaxLayer": "unit/layers/test_foreign_layers.py",
    "HashedCrossing": "parity/tensorflow/test_categories.py",
    "Hashing": "parity/tensorflow/test_categories.py",
    "IntegerLookup": "parity/tensorflow/test_lookups.py",
    "InputLayer": "parity/test_layer_wrappers.py::test_an_input_layer",
    "InputSpec": "unit/layers/test_layer_errors.py",
    "JaxLayer": "unit/layers/test_foreign_layers.py",
    "Layer": "parity/test_subclassing.py",
    "Pipeline": "parity/test_color_layers.py::test_a_pipeline",
    "RandAugment": "parity/test_color_layers.py::test_rand_augment",
    "RandomCrop": "parity/tensorflow/test_image_layers.py",
    "RandomElasticTransform": "parity/tensorflow/test_image_layers.py",
    "RandomErasing": "parity/tensorflow/test_image_layers.py",
    "RandomFlip": "parity/tensorflow/test_image_layers.py",
    "RandomPerspective": "parity/tensorflow/test_image_layers.py",
    "RandomRotation": "parity/tensorflow/test_image_layers.py",
    "RandomShear": "parity/tensorflow/test_image_layers.py",
    "RandomTranslation": "parity/tensorflow/test_image_layers.py",
    "RandomZoom": "parity/tensorflow/test_image_layers.py",
    "ReversibleEmbedding": "parity/test_layers_more.py::test_reversible_embedding",
    "StringLookup": "parity/tensorflow/test_lookups.py",
    "TFSMLayer": "unit/layers/test_foreign_layers.py",
    "TextVectorization": "parity/tensorflow/test_lookups.py",
    "TorchModuleWrapper": "unit/models/test_functional.py; real Keras has it on its torch backend only",
    "Wrapper": "parity/test_layers_more.py::test_wrapper",
}
#: Where a constructor takes more than Keras 3's: older code leaves these out.
MORE_DEFAULTS = {"AveragePooling2D": {"pool_size"}, "AveragePooling3D": {"pool_size"}}


def classes(library):
    """The public classes by their public name; of several names of one class, the class's own or the first."""
    found = {}
    for name in dir(library):
        value = getattr(library, name)
        if inspect.isclass(value) and (value not in found.values() or name == value.__name__):
            found = {key: one for key, one in found.items() if one is not value} | {name: value}
    return found


@pytest.mark.parametrize("name", sorted(classes(layers)))
def test_every_class_has_several_entries(name):
    aliases = [key for key in layers.__all__ if getattr(layers, key) is getattr(layers, name)]
    count = sum(ENTRIES[key] for key in aliases)
    assert count >= 2 or name in BY_THEMSELVES, f"{name} has {count} entries in the tables of parity tests"
    assert not (count and name in BY_THEMSELVES)


@pytest.mark.parametrize("name", sorted(set(classes(layers)) - {"InputSpec"}))
def test_constructor_signature(name):
    ours, theirs = (
        {key: one.default for key, one in inspect.signature(getattr(library, name)).parameters.items()}
        for library in (layers, keras.layers)
    )
    for parameters in (ours, theirs):
        parameters.pop("kwargs", None)
        parameters.pop("args", None)  # Python 3.10 shows those of `__new__`
    assert list(ours) == list(theirs)
    different = {key for key in ours if ours[key] is not theirs[key] and ours[key] != theirs[key]}
    assert different == MORE_DEFAULTS.get(name, set())


def test_nothing_of_keras_is_missing_but_preprocessing():
    wanted = {name for name, value in classes(keras.layers).items() if ".preprocessing" not in value.__module__}
    assert len(wanted) > 100
    assert wanted - set(dir(layers)) == set()


def test_functions_are_here():
    functions = {name for name in dir(keras.layers) if inspect.isfunction(getattr(keras.layers, name))}
    assert functions - set(dir(layers)) == set()
    for name in functions - {"serialize", "deserialize", "Input"}:
        assert list(inspect.signature(getattr(layers, name)).parameters) == list(
            inspect.signature(getattr(keras.layers, name)).parameters
        )
