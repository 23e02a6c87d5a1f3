"""Data sets of the files in a folder, against Keras on TensorFlow."""

import contextlib
import io
import os
import tempfile
import wave
from pathlib import Path

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras


def picture(seed, height=9, width=12, channels=3):
    """Pixels that change from block to block, and within them."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 220, (3, 4, channels)), np.ones((4, 4, 1)))[:height, :width]
    return (blocks + rng.integers(0, 30, (height, width, channels))).astype("uint8")


def write_pictures(folder, ending="png"):
    from PIL import Image

    sizes = {"a/x1": (9, 12), "a/x2": (12, 7), "b/y1": (5, 12), "b/deep/y2": (12, 12), "c/z1": (8, 16), "b/y3": (9, 9)}
    for number, (name, size) in enumerate(sizes.items()):
        path = folder / f"{name}.{ending if number % 2 else ending.upper()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number, *size)).save(path, {"jpg": "jpeg"}.get(ending, ending))
    (folder / "empty").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "a" / "notes.txt").write_text("not a picture")


def write_texts(folder):
    texts = {"a/1": "first", "a/2": "sécond, with ünicode", "b/1": "third\nof two lines", "b/2": "", "c/x": "x" * 40}
    for name, text in texts.items():
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    (folder / "a" / "picture.png").write_text("not a text")


def write_sounds(folder):
    lengths = {"a/1": (5, 1), "a/2": (8, 1), "b/1": (3, 1)}
    for number, (name, (length, channels)) in enumerate(lengths.items()):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(number).integers(-(2**15), 2**15, length * channels).astype("<i2")
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(samples.tobytes())


def plain(part):
    """A part of an element as a list with its type and shape."""
    if hasattr(part, "to_list"):
        return ["ragged", part.to_list()]
    array = part.numpy()
    if not isinstance(array, (bytes, np.ndarray, np.generic)):
        array = np.asarray(array)
    if isinstance(array, bytes) or array.dtype == object:
        return ["string", list(np.shape(array)), np.asarray(array, dtype=object).tolist()]
    return [array.dtype.name, list(array.shape), array]


def elements(dataset):
    return [[plain(part) for part in (one if isinstance(one, tuple) else (one,))] for one in dataset]


FUNCTIONS = {"image": write_pictures, "text": write_texts, "audio": write_sounds}


def load(library, kind, arguments, ending=None):
    """What a data set holds, its attributes, and what was printed; or the error."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        FUNCTIONS[kind](root) if ending is None else FUNCTIONS[kind](root, ending)
        output = io.StringIO()
        function = getattr(library.utils, f"{kind}_dataset_from_directory")
        try:
            with contextlib.redirect_stdout(output):
                found = function(folder, **arguments)
        except (ValueError, ImportError) as error:
            return [type(error).__name__, str(error).replace(folder, "<tmp>")[:40]]
        parts = list(found) if isinstance(found, (list, tuple)) else [found]
        result = [type(found).__name__ if len(parts) > 1 else "one", output.getvalue()]
        for part in parts:
            paths = [os.path.relpath(path, folder) for path in getattr(part, "file_paths", [])]
            values = len(part) if arguments.get("shuffle", True) else elements(part)
            result.append([part.class_names, paths, values])
        return result


def check(ours, theirs, tolerance=1e-3):
    if isinstance(theirs, np.ndarray):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=tolerance)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), (ours, theirs)
        for one, other in zip(ours, theirs, strict=True):
            check(one, other, tolerance)
    else:
        assert ours == theirs


ORDERED = {"shuffle": False}
IMAGES = [
    {},
    {"label_mode": "categorical"},
    {"label_mode": None, "batch_size": None},
    {"label_mode": "binary", "class_names": ["c", "a"]},
    {"class_names": ["b", "empty"], "batch_size": 2},
    {"labels": None},
    {"labels": [5, 4, 3, 2, 1, 0], "label_mode": "int"},
    {"labels": [0, 1, 0, 1, 1, 0], "label_mode": "binary"},
    {"labels": [0, 2, 1, 1, 1, 0], "label_mode": "categorical"},
    {"color_mode": "grayscale", "class_names": ["a", "b"]},
    {"color_mode": "rgba", "class_names": ["b", "c"]},
    {"image_size": 5},
    {"image_size": [2, 7], "data_format": "channels_first"},
    {"crop_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True},
    {"pad_to_aspect_ratio": True, "image_size": (7, 3), "interpolation": "nearest"},
    {"crop_to_aspect_ratio": True, "image_size": (7, 3), "interpolation": "nearest"},
    {"crop_to_aspect_ratio": True, "image_size": (3, 7), "data_format": "channels_first"},
    {"verbose": False, "image_size": (20, 20), "class_names": ["a"]},
    {"validation_split": 0.4, "subset": "training"},
    {"validation_split": 0.4, "subset": "validation"},
    {"validation_split": 0.5, "subset": "both", "batch_size": 2},
    *(
        {"interpolation": name, "class_names": ["a"]}
        for name in ("nearest", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
    ),
    *(
        {"interpolation": name, "image_size": (15, 4), "class_names": ["a"]}
        for name in ("bicubic", "area", "gaussian", "Bilinear")
    ),
]


@pytest.mark.parametrize("arguments", IMAGES)
def test_images(arguments):
    arguments = {"image_size": (4, 6), "batch_size": 4, **ORDERED, **arguments}
    theirs = kept(load, keras, "image", arguments)
    # TensorFlow reads bicubic weights from a table of 1024, and libpng rounds gray differently from PIL
    tolerance = {"bicubic": 0.5}.get(arguments.get("interpolation"), 1 if "color_mode" in arguments else 2e-3)
    check(load(torchkeras_shim, "image", arguments), theirs, tolerance)


@pytest.mark.parametrize("ending", ["jpg", "jpeg", "bmp", "gif"])
def test_formats_of_images(ending):
    arguments = {"image_size": (12, 12), **ORDERED, "class_names": ["a"]}
    theirs = kept(load, keras, "image", arguments, ending)
    # TensorFlow's quick cosine transform is off by some levels
    check(load(torchkeras_shim, "image", arguments, ending), theirs, tolerance=8 if ending.startswith("jp") else 2e-3)


@pytest.mark.parametrize("kind", ["image", "text", "audio"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"seed": 3},
        {"seed": 3, "validation_split": 0.4, "subset": "both"},
        {"seed": 9, "validation_split": 0.4, "subset": "validation", "batch_size": 1},
        {"seed": 9, "labels": None},
    ],
)
def test_seeds_give_the_same_orders_of_files(kind, arguments):
    ours, theirs = load(torchkeras_shim, kind, arguments), kept(load, keras, kind, arguments)
    assert ours[:2] == theirs[:2]
    for one, other in zip(ours[2:], theirs[2:], strict=True):
        assert (one[0], one[2]) == (other[0], other[2])
        assert one[1] == other[1] or kind != "image"  # Keras keeps the paths of images only


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_length": 7, "label_mode": "categorical"},
        {"batch_size": None, "label_mode": None},
        {"class_names": ["b", "a"], "label_mode": "binary", "batch_size": 3},
        {"labels": [1, 0, 1, 0, 2], "validation_split": 0.4, "subset": "both"},
    ],
)
def test_texts(arguments):
    ours, theirs = (
        load(torchkeras_shim, "text", {**ORDERED, **arguments}),
        kept(load, keras, "text", {**ORDERED, **arguments}),
    )
    assert [part.pop(1) for part in ours[2:]]
    assert [part.pop(1) for part in theirs[2:]]
    check(ours, theirs)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"output_sequence_length": 6, "label_mode": "binary"},
        {"batch_size": None, "label_mode": "categorical"},
        {"ragged": True, "labels": None},
        {"validation_split": 0.4, "subset": "both", "batch_size": 2},
    ],
)
def test_sounds(arguments):
    ours, theirs = (
        load(torchkeras_shim, "audio", {**ORDERED, **arguments}),
        kept(load, keras, "audio", {**ORDERED, **arguments}),
    )
    for part in (*ours[2:], *theirs[2:]):
        del part[1]
    check(ours, theirs)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Keras leaves its threads behind
@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        *((kind, {"labels": "guessed"}) for kind in FUNCTIONS),
        *((kind, {"label_mode": "sparse"}) for kind in FUNCTIONS),
        ("image", {"labels": [1, 2]}),
        ("image", {"labels": [1] * 6, "class_names": ["a"]}),
        ("image", {"labels": None, "class_names": ["a"]}),
        ("image", {"class_names": ["a", "x"]}),
        ("image", {"label_mode": "binary"}),
        ("image", {"color_mode": "bgr"}),
        ("image", {"image_size": (1, 2, 3)}),
        ("image", {"image_size": "4"}),
        ("image", {"interpolation": "quadratic"}),
        ("image", {"format": "torch"}),
        ("image", {"validation_split": 2, "subset": "both", "seed": 1}),
        ("image", {"validation_split": 0.5, "seed": 1}),
        ("image", {"subset": "training", "seed": 1}),
        ("image", {"validation_split": 0.5, "subset": "test", "seed": 1}),
        ("image", {"validation_split": 0.5, "subset": "both"}),
        ("image", {"class_names": ["empty"]}),
        ("audio", {"ragged": True, "output_sequence_length": 5}),
        ("audio", {"sampling_rate": 0.5}),
        ("audio", {"sampling_rate": 0}),
    ],
)
def test_wrong_arguments(kind, arguments):
    ours, theirs = load(torchkeras_shim, kind, arguments), kept(load, keras, kind, arguments)
    assert ours[0] == theirs[0] == "ValueError"
    if "labels" not in arguments and arguments != {"class_names": ["empty"]}:
        assert ours[1] == theirs[1]
