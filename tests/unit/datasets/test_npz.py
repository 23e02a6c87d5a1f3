"""Data sets in Keras's `.npz` files: how they come here, and what a hostile one can do."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from torchkeras_shim.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    fashion_mnist,
    imdb,
    npz,
    pickles,
    reuters,
    store,
)


class Attack:
    def __init__(self, function, *arguments):
        self.answer = function, arguments

    def __reduce__(self):
        return self.answer


def write_objects(path, content):
    """An array of objects, with any pickle in place of its content."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    stream.write(content if isinstance(content, bytes) else pickle.dumps(content, protocol=2))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", stream.getvalue())
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_lists_and_numbers(tmp_path, protocol):
    array = np.empty(3, dtype=object)
    array[:] = [[1, 2], [], [3]]
    path = write_objects(tmp_path / "x.npz", pickle.dumps(array, protocol=protocol))
    assert npz.read(path) == {"x": [[1, 2], [], [3]]}
    np.savez(tmp_path / "y.npz", a=array, b=np.arange(3.0))
    found = npz.read(tmp_path / "y.npz")
    assert found["a"] == [[1, 2], [], [3]]
    np.testing.assert_array_equal(found["b"], np.arange(3.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Attack(os.mkdir, "attacked"), "it refers to posix.mkdir"),
        (Attack(eval, "1"), "it refers to (builtins|__builtin__).eval"),
        (Attack(np.load, "x"), "it refers to numpy.load"),
        ([[1]], "it holds list in place of an array"),
        (np.arange(3), "it holds numbers where lists of numbers are expected"),
        (b"not a pickle", "is damaged"),
        (b"", "is damaged: Ran out of input"),
        (Attack(np.ndarray, (2**40,), "O"), "is damaged: 'NoneType' object is not callable"),
    ],
)
def test_hostile_objects(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    path = write_objects(tmp_path / "x.npz", content)
    with pytest.raises(ValueError, match=r"x\.npz is damaged.*Delete it") as caught:
        npz.read(path)
    assert caught.match(message)
    assert os.listdir(tmp_path) == ["x.npz"]


def state(*parts):
    """The pickle of an array with a state of one's choice."""
    array = np.arange(3, dtype="uint8")

    class Forged:
        def __reduce__(self):
            return (*array.__reduce__()[:2], parts)

    return pickle.dumps(Forged(), protocol=2)


U1, O8 = np.dtype("u1"), np.dtype("O")


@pytest.mark.parametrize(
    "parts",
    [
        (1, (3,), O8, False, b"\1" * 24),  # addresses of objects
        (1, (2**40,), U1, False, b"abc"),
        (1, (3,), np.dtype([("a", "u1")]), False, b"abc"),
        (1, (3,), "u1", False, b"abc"),
        (1, (3,), U1, False, [1, 2, 3]),
        (1, "abc", U1, False, b"abc"),
        (1,),
    ],
)
def test_forged_arrays(parts):
    with pytest.raises(pickle.UnpicklingError, match="it holds"):
        pickles.load(state(*parts)).array()


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numbers(dtype, order):
    array = np.arange(6).reshape(2, 3).astype(dtype, order=order)
    np.testing.assert_array_equal(pickles.load(pickle.dumps(array, protocol=2)).array(), array)


def test_damaged_files(tmp_path):
    for content in (b"", b"<html>"):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.npz is damaged: File is not a zip file"):
            npz.read(tmp_path / "x.npz")


# From the network ---------------------------------------------------------------------------------------------------


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A folder that is Keras's place on the network, and an empty cache."""
    folder = tmp_path / "origin"
    folder.mkdir()
    monkeypatch.setattr(store, "ORIGIN", folder.as_uri() + "/")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(store.ENVIRONMENT_VARIABLE, raising=False)
    return folder


def provide(folder, name, write, monkeypatch, module, hash_name="_HASH"):
    """Puts a file where data sets are downloaded from, and its hash where the right one is."""
    write(folder / name)
    monkeypatch.setattr(module, hash_name, hashlib.sha256((folder / name).read_bytes()).hexdigest())


def housing(path):
    np.savez(path, x=np.ones((10, 13)), y=np.arange(10.0))


def words(path):
    x = np.empty(4, dtype=object)
    x[:] = [[1], [2, 3], [4], [5]]
    np.savez(path, x=x, y=np.arange(4), x_train=x, x_test=x, y_train=np.arange(4), y_test=np.arange(4))


@pytest.mark.parametrize(
    ("module", "name", "write", "lengths"),
    [
        (boston_housing, "boston_housing.npz", housing, (8, 2)),
        (california_housing, "california_housing.npz", housing, (8, 2)),
        (imdb, "imdb.npz", words, (4, 4)),
        (reuters, "reuters.npz", words, (3, 1)),
    ],
)
def test_files_are_downloaded_once(origin, tmp_path, monkeypatch, capsys, module, name, write, lengths):
    provide(origin, name, write, monkeypatch, module)
    for _ in range(2):
        (x_train, y_train), (x_test, y_test) = module.load_data()
        assert (len(x_train), len(x_test)) == lengths
        assert (len(y_train), len(y_test)) == (len(x_train), len(x_test))
    assert capsys.readouterr().out.count("Downloading") == 1
    assert os.listdir(tmp_path / "home" / "datasets") == [name]
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, str(tmp_path / "elsewhere"))
    module.load_data(path="another.npz")
    assert os.listdir(tmp_path / "elsewhere") == ["another.npz"]


@pytest.mark.parametrize("module", [imdb, reuters])
def test_word_index(origin, monkeypatch, module):
    name = module.__name__.rpartition(".")[2] + "_word_index.json"
    content = json.dumps({"the": 1, "café": 2})
    provide(origin, name, lambda path: path.write_text(content), monkeypatch, module, "_WORDS_HASH")
    assert module.get_word_index() == {"the": 1, "café": 2}


def test_a_file_with_a_wrong_hash_is_not_read(origin, tmp_path):
    write_objects(origin / "imdb.npz", Attack(os.mkdir, str(tmp_path / "attacked")))
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        imdb.load_data()
    assert not (tmp_path / "attacked").exists()


# Where Keras has put them -------------------------------------------------------------------------------------------


def test_files_of_keras_are_read_where_it_keeps_them(tmp_path, monkeypatch):
    import gzip
    import struct

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv(store.ENVIRONMENT_VARIABLE, raising=False)
    folder = tmp_path / "datasets" / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    batch = {b"data": np.arange(3072, dtype=np.uint16).astype(np.uint8)[None], b"labels": [7]}
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (x_train, y_train), (x_test, _) = cifar10.load_data()
    np.testing.assert_array_equal(x_test[0], batch[b"data"].reshape(3, 32, 32).transpose(1, 2, 0))
    assert (x_train.shape, y_train.tolist()) == ((5, 32, 32, 3), [[7]] * 5)
    folder = tmp_path / "datasets" / "fashion-mnist"
    folder.mkdir()
    for part in ("train", "t10k"):
        images = np.full((2, 28, 28), 5, np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">HBB3I", 0, 8, 3, *images.shape) + images.tobytes())
        )
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 2) + b"\1\2"))
    (x_train, y_train), _ = fashion_mnist.load_data()
    assert (x_train.sum(), y_train.tolist()) == (2 * 28 * 28 * 5, [1, 2])
