"""Pictures in files and as arrays, and sequences of one length."""

import io

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, kept, keras
from torchkeras_shim import config, preprocessing, utils

RNG = np.random.default_rng(0)
PIXELS = {
    channels: np.arange(5 * 7 * channels, dtype="uint8").reshape(5, 7, channels) * 2 % 251 for channels in (1, 3, 4)
}


def png(mode):
    """The bytes of a small picture."""
    from PIL import Image

    channels = {"L": 1, "P": 3, "RGB": 3, "RGBA": 4, "I;16": 1, "1": 1, "LA": 4, "CMYK": 3}[mode]
    if mode == "I;16":
        image = Image.fromarray(PIXELS[1][..., 0].astype("uint16") * 200)
    else:
        image = Image.fromarray(PIXELS[channels].squeeze()).convert(mode)
    file = io.BytesIO()
    image.save(file, "tiff" if mode == "CMYK" else "png")
    return file.getvalue()


def loaded(load, source, arguments):
    """The mode of the image that is loaded, and its numbers."""
    try:
        image = load(io.BytesIO(source), **arguments)
    except ValueError as error:
        return str(error)[:30]
    return [image.mode, np.asarray(image)]


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16", "1", "LA", "CMYK"])
@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
def test_load_img(mode, color_mode):
    ours = loaded(utils.load_img, png(mode), {"color_mode": color_mode})
    theirs = kept(lambda k, m, c: loaded(k.utils.load_img, png(m), {"color_mode": c}), keras, mode, color_mode)
    assert ours[0] == theirs[0]
    np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize(
    "arguments",
    [
        *({"target_size": (3, 9), "interpolation": n} for n in ("nearest", "bilinear", "bicubic", "lanczos", "box")),
        {"target_size": (3, 3), "interpolation": "hamming", "keep_aspect_ratio": True},
        {"target_size": (8, 2), "keep_aspect_ratio": True},
        {"target_size": (5, 7), "interpolation": "unknown, but the size is right"},
        {"target_size": (3, 3), "interpolation": "area"},
        {"color_mode": "bgr"},
    ],
)
def test_load_img_resizes(arguments):
    ours = loaded(utils.load_img, png("RGB"), arguments)
    theirs = kept(lambda k, a: loaded(k.utils.load_img, png("RGB"), a), keras, arguments)
    if isinstance(theirs, str):
        assert ours == theirs
    else:
        np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("data_format", [None, "channels_first", "channels_last"])
@pytest.mark.parametrize("dtype", [None, "uint8", "float64"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_img_to_array(shape, dtype, data_format):
    image = np.arange(np.prod(shape), dtype="uint8").reshape(shape)
    theirs = keras.utils.img_to_array(image, data_format, dtype)
    ours = utils.img_to_array(image, data_format, dtype)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype
    with pytest.raises(ValueError, match="Unsupported image shape"):
        utils.img_to_array(image.reshape(-1))


ARRAYS = {
    "rgb": (RNG.normal(size=(3, 4, 3)), {}),
    "rgba": (RNG.normal(size=(3, 4, 4)).astype("float32"), {}),
    "gray": (RNG.normal(size=(3, 4, 1)), {"dtype": "float64"}),
    "constant": (np.full((2, 2, 3), 7.0), {}),
    "not scaled": (RNG.uniform(0, 255, size=(3, 4, 3)), {"scale": False}),
    "deep gray": (RNG.uniform(0, 60000, size=(3, 4, 1)), {"scale": False}),
    "channels first": (RNG.normal(size=(3, 4, 5)), {"data_format": "channels_first"}),
    "integers": (np.arange(12).reshape(2, 2, 3), {"dtype": "int32", "scale": False}),
    "list": ([[[0.0, 0.5, 1.0]]], {}),
}


def pixels(library, x, arguments):
    image = library.utils.array_to_img(x, **arguments)
    return [image.mode, np.asarray(image)]


@pytest.mark.parametrize("name", ARRAYS)
def test_array_to_img(name):
    x, arguments = ARRAYS[name]
    theirs = kept(pixels, keras, x, arguments)
    image = utils.array_to_img(x, **arguments)
    assert image.mode == theirs[0]
    np.testing.assert_array_equal(np.asarray(image), theirs[1])


def saved(library, arguments):
    file = io.BytesIO()
    library.utils.save_img(file, PIXELS[3].astype("float32"), **arguments)
    return file.getvalue()


@pytest.mark.parametrize("arguments", [{"file_format": "png"}, {"file_format": "bmp", "scale": False}])
def test_save_img(arguments):
    assert saved(torchkeras_shim, arguments) == kept(saved, keras, arguments)


@pytest.mark.parametrize("size", [(4, 4), (3, 9), (12, 5)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_smart_resize(size, interpolation, data_format):
    shape = (2, 6, 9, 3) if data_format == "channels_last" else (3, 6, 9)
    x = np.random.default_rng(1).uniform(0, 255, shape).astype("float32")
    ours = preprocessing.image.smart_resize(x, size, interpolation, data_format)
    theirs = keras.preprocessing.image.smart_resize(x, size, interpolation, data_format)
    assert isinstance(ours, np.ndarray)
    assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


SEQUENCES = {
    "lists": [[1], [2, 3], [4, 5, 6], []],
    "floats": [[0.5], [1.5, 2.5]],
    "vectors": [np.ones((2, 3)), np.zeros((1, 3)), []],
    "arrays": [np.arange(3), np.arange(5)],
    "object array": np.array([[1, 2], [3]], dtype=object),
    "tuples": ((1, 2), (3,)),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"maxlen": 2},
        {"maxlen": 4, "padding": "post", "value": 9},
        {"maxlen": 1, "truncating": "post"},
        {"dtype": "float32", "value": -1.5},
        {"padding": "post", "truncating": "post", "dtype": "int64"},
    ],
)
def test_pad_sequences(name, arguments):
    ours = utils.pad_sequences(SEQUENCES[name], **arguments)
    theirs = keras.utils.pad_sequences(SEQUENCES[name], **arguments)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


def padded_words(library, dtype, value):
    return library.utils.pad_sequences([["a", "bcd"], ["e"]], dtype=dtype, value=value).tolist()


@pytest.mark.parametrize(("dtype", "value"), [("O", "pad"), ("U3", "-"), ("S2", b"")])
def test_pad_sequences_of_strings(dtype, value):
    dtype = object if dtype == "O" else dtype
    assert padded_words(torchkeras_shim, dtype, value) == kept(padded_words, keras, dtype, value)


@pytest.mark.parametrize(
    ("sequences", "arguments"),
    [
        (5, {}),
        ([1, 2], {}),
        ([[1], [2, 3]], {"padding": "middle"}),
        ([[1], [2, 3]], {"truncating": "middle"}),
        ([[1], [2, 3]], {"value": "x"}),
        ([np.ones((2, 3)), np.ones((2, 4))], {}),
    ],
)
def test_pad_sequences_refuses(sequences, arguments):
    with pytest.raises(ValueError) as theirs:
        keras.utils.pad_sequences(sequences, **arguments)
    with pytest.raises(ValueError) as ours:
        utils.pad_sequences(sequences, **arguments)
    assert str(ours.value)[:29] == str(theirs.value)[:29]


def test_global_settings():
    config.set_image_data_format("channels_first")
    config.set_floatx("float64")
    try:
        array = utils.img_to_array(PIXELS[3])
        image = utils.array_to_img(array, scale=False)
    finally:
        config.set_image_data_format("channels_last")
        config.set_floatx("float32")
    assert (array.shape, array.dtype) == ((3, 5, 7), np.float64)
    np.testing.assert_array_equal(np.asarray(image), PIXELS[3])
