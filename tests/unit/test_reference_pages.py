"""The reference describes every public class and function of the package, each once."""

import importlib
import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

import torchkeras_shim as keras

SOURCE = Path(__file__).parents[2] / "docs" / "reference" / "generate_pages.py"


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("generate_pages", SOURCE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_pages"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["generate_pages"]


def test_every_public_class_and_function_is_described_once(generator):
    paths = Counter(path for page in generator.pages() for path in page.described.values())
    assert set(paths.values()) == {1}
    for namespace in (keras.layers, keras.losses, keras.metrics, keras.optimizers, keras.callbacks, keras.ops):
        for name in namespace.__all__:
            path = generator.definition(getattr(namespace, name))
            assert path is None or path in paths, name
    assert len(paths) > 900


def test_names_lead_to_what_they_name(generator):
    for page in generator.pages():
        for name, path in {**page.described, **page.linked}.items():
            value = keras if name.startswith("keras.") else importlib.import_module(page.title)
            for part in name.split(".")[1:] if name.startswith("keras.") else [name.rpartition(".")[2]]:
                value = getattr(value, part)
            assert generator.definition(value) == path


def test_layers_stand_in_the_rooms_that_they_are_defined_in(generator):
    titles = {name: page.title for page in generator.pages() for name in page.described}
    assert titles["keras.layers.Conv2D"] == "keras.layers: convolutional"
    assert titles["keras.layers.RandomFlip"] == "keras.layers: preprocessing images"
    assert titles["keras.layers.Layer"] == "keras.layers"


def test_a_second_name_is_a_link(generator):
    page = next(page for page in generator.pages() if page.title == "keras.layers: convolutional")
    path = page.described["keras.layers.Conv2D"]
    assert page.linked["keras.layers.Convolution2D"] == path
    assert f"- `keras.layers.Convolution2D` is [Conv2D][{path}]." in page.markdown()


def test_every_page_is_in_the_navigation(generator):
    def sources(entries):
        for entry in entries:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else sources(value)

    assert sorted(sources(generator.navigation())) == sorted(page.source for page in generator.pages())
