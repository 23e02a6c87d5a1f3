import io
import pathlib

import numpy as np
import PIL
import pytest
import torch

from torchkeras_shim import utils

PIXELS = np.arange(4 * 6 * 3, dtype="uint8").reshape(4, 6, 3)


@pytest.mark.parametrize("name", ["plain.png", "ünïcode 日本.PNG", ".hidden.bmp", "x.tar.png"])
def test_files_round_trip(tmp_path, name):
    for path in (tmp_path / name, str(tmp_path / name), str(tmp_path / name).encode()):
        if not isinstance(path, bytes):
            utils.save_img(path, PIXELS, scale=False)
        np.testing.assert_array_equal(utils.img_to_array(utils.load_img(path)), PIXELS)


def test_jpeg_has_no_alpha(tmp_path):
    with pytest.warns(UserWarning, match="The JPEG format does not support RGBA images"):
        utils.save_img(tmp_path / "x.jpg", np.zeros((4, 4, 4)), quality=50)
    assert utils.load_img(tmp_path / "x.jpg").format is None
    assert utils.load_img(tmp_path / "x.jpg", "grayscale").mode == "L"


def test_tensors_are_pictures_too():
    image = utils.array_to_img(torch.tensor(PIXELS, dtype=torch.float32, requires_grad=True), scale=False)
    np.testing.assert_array_equal(np.asarray(image), PIXELS)
    np.testing.assert_array_equal(utils.img_to_array(torch.tensor(PIXELS)), PIXELS)


@pytest.mark.parametrize("content", [b"", b"not a picture", "half"])
def test_broken_files_are_named(tmp_path, content):
    if content == "half":
        file = io.BytesIO()
        utils.save_img(file, np.random.rand(50, 50, 3), file_format="png")
        content = file.getvalue()[: len(file.getvalue()) // 2]
    (tmp_path / "brökén.png").write_bytes(content)
    with pytest.raises(OSError, match=r"cannot read an image from .*brökén\.png"):
        utils.load_img(tmp_path / "brökén.png")
    with pytest.raises(OSError, match="cannot read an image from the given bytes"):
        utils.load_img(io.BytesIO(content))


def test_files_that_are_no_pictures_raise_what_scripts_catch(tmp_path):
    (tmp_path / "x").write_bytes(b"text")
    with pytest.raises(PIL.UnidentifiedImageError):
        utils.load_img(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        utils.load_img(tmp_path / "missing")
    with pytest.raises(TypeError, match=r"path should be path-like or io.BytesIO, not <class 'int'>"):
        utils.load_img(3)


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4, 3), (4, 4, 2), (4, 4, 5)])
def test_what_is_no_picture(shape):
    with pytest.raises(ValueError, match=r"Expected image array to have rank 3|Unsupported channel number"):
        utils.array_to_img(np.zeros(shape))


def test_paths_may_be_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    utils.save_img("x.png", PIXELS, scale=False)
    assert utils.load_img(pathlib.Path("x.png")).size == (6, 4)
