import gzip
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from torchkeras_shim import config
from torchkeras_shim.datasets import cifar10, cifar100, fashion_mnist, mnist, store


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, str(tmp_path))
    return tmp_path


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder, packed, train=5, test=3):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, train, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, test, dtype=np.uint8),
    }
    for name, array in arrays.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))
    return list(arrays.values())


def write_cifar(folder, files, keys, classes):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    batches = []
    for file in files:
        batch = {b"data": rng.integers(0, 256, (4, 3072), dtype=np.uint8), b"batch_label": b"text"}
        for key in keys:
            batch[key.encode()] = rng.integers(0, classes, 4).tolist()
        (folder / file).write_bytes(pickle.dumps(batch, protocol=2))
        batches.append(batch)
    return batches


CIFAR10_FILES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("module", "name"), [(mnist, "MNIST"), (fashion_mnist, "FashionMNIST")])
def test_idx_files_are_read_in_place(root, module, name, packed):
    expected = write_mnist(root / name / "raw", packed)
    before = sorted(path.name for path in root.rglob("*"))
    for folder in (root, root / name, root / name / "raw"):
        folder.chmod(0o555)  # nothing may be written
    try:
        (x_train, y_train), (x_test, y_test) = module.load_data()
    finally:
        for folder in (root, root / name, root / name / "raw"):
            folder.chmod(0o755)
    for got, want in zip((x_train, y_train, x_test, y_test), expected, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == np.uint8
        assert got.flags.writeable
    assert sorted(path.name for path in root.rglob("*")) == before


def test_torchvision_reads_the_same_files(root):
    import torchvision

    expected = write_mnist(root / "MNIST" / "raw", packed=False)
    theirs = torchvision.datasets.MNIST(root, train=False, download=False)
    np.testing.assert_array_equal(theirs.data.numpy(), expected[2])
    np.testing.assert_array_equal(mnist.load_data()[1][0], theirs.data.numpy())


def test_mnist_path_names_an_npz_file(root):
    expected = write_mnist(root / "MNIST" / "raw", packed=True)
    first = mnist.load_data("mine/digits.npz")
    with np.load(root / "mine" / "digits.npz") as saved:
        assert sorted(saved.files) == ["x_test", "x_train", "y_test", "y_train"]
    for path in (root / "MNIST" / "raw").iterdir():
        path.unlink()
    again = mnist.load_data(path="mine/digits.npz")
    np.testing.assert_array_equal(first[0][0], again[0][0])
    np.testing.assert_array_equal(again[1][1], expected[3])
    assert os.listdir(root / "mine") == ["digits.npz"]


@pytest.mark.parametrize("damage", ["short", "magic", "not gzip"])
def test_damaged_idx_file_is_named(root, damage):
    folder = root / "MNIST" / "raw"
    write_mnist(folder, packed=True)
    file = folder / "t10k-labels-idx1-ubyte.gz"
    content = gzip.decompress(file.read_bytes())
    file.write_bytes(
        {"short": gzip.compress(content[:-1]), "magic": gzip.compress(b"\1" + content[1:]), "not gzip": b"<html>"}[
            damage
        ]
    )
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz is damaged.*Delete it"):
        mnist.load_data()


def test_images_and_labels_of_different_sets_are_refused(root):
    folder = root / "MNIST" / "raw"
    write_mnist(folder, packed=False)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(4, np.uint8)))
    with pytest.raises(ValueError, match="5 images but 4 labels in the train part"):
        mnist.load_data()


@pytest.mark.parametrize("packed", [False, True])
def test_cifar10(root, packed):
    folder = root / "cifar-10-batches-py"
    batches = write_cifar(folder, CIFAR10_FILES, ["labels"], 10)
    if packed:
        with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
            archive.add(folder, "cifar-10-batches-py")
        for path in folder.iterdir():
            path.unlink()
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert (x_train.shape, y_train.shape) == ((20, 32, 32, 3), (20, 1))
    assert (x_test.shape, y_test.shape) == ((4, 32, 32, 3), (4, 1))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    np.testing.assert_array_equal(x_train[4:8], batches[1][b"data"].reshape(4, 3, 32, 32).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(y_test[:, 0], batches[-1][b"labels"])


def test_cifar100_label_modes_and_image_layout(root, monkeypatch):
    batches = write_cifar(root / "cifar-100-python", ["train", "test"], ["fine_labels", "coarse_labels"], 100)
    (_, fine), _ = cifar100.load_data()
    (_, coarse), _ = cifar100.load_data(label_mode="coarse")
    np.testing.assert_array_equal(fine[:, 0], batches[0][b"fine_labels"])
    np.testing.assert_array_equal(coarse[:, 0], batches[0][b"coarse_labels"])
    config.set_image_data_format("channels_first")
    try:
        (images, _), _ = cifar100.load_data()
    finally:
        config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(images, batches[0][b"data"].reshape(4, 3, 32, 32))
    with pytest.raises(ValueError, match="Received: label_mode=medium"):
        cifar100.load_data("medium")


def test_a_cifar_file_cannot_run_code(root):
    folder = root / "cifar-100-python"
    write_cifar(folder, ["train", "test"], ["fine_labels"], 100)

    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(root / "attacked"),)

    (folder / "train").write_bytes(pickle.dumps({b"data": Attack(), b"fine_labels": [1]}, protocol=2))
    with pytest.raises(ValueError, match="cifar-100-python/train is damaged: it refers to"):
        cifar100.load_data()
    assert not (root / "attacked").exists()


@pytest.mark.parametrize(
    ("module", "name", "folder", "file"),
    [
        (mnist, "MNIST", "MNIST/raw", "t10k-labels-idx1-ubyte"),
        (fashion_mnist, "FashionMNIST", "FashionMNIST/raw", "train-images-idx3-ubyte"),
        (cifar10, "CIFAR10", "cifar-10-batches-py", "data_batch_5"),
        (cifar100, "CIFAR100", "cifar-100-python", "train"),
    ],
)
def test_without_network_one_error_says_where_files_go(root, monkeypatch, module, name, folder, file):
    import torchvision

    def broken(root, download):
        os.makedirs(os.path.join(root, folder))
        with open(os.path.join(root, folder, "half"), "w") as partial:
            partial.write("partial")
        raise RuntimeError("Tried this\nTried that\n<urlopen error no network>")

    monkeypatch.setattr(torchvision.datasets, name, broken)
    with pytest.raises(FileNotFoundError) as caught:
        module.load_data()
    message = str(caught.value)
    for part in (name, str(root / folder), file, store.ENVIRONMENT_VARIABLE, "no network"):
        assert part in message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert list(root.iterdir()) == []  # no partial files


def test_a_download_comes_into_place_whole_and_is_kept(root, monkeypatch, capsys):
    import torchvision

    calls = []

    class Fake:
        def __init__(self, root, download):
            calls.append(root)
            print("torchvision's chatter")
            from pathlib import Path

            write_mnist(Path(root) / "MNIST" / "raw", packed=False)
            (Path(root) / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").write_bytes(b"the packed original")

    monkeypatch.setattr(torchvision.datasets, "MNIST", Fake)
    first = mnist.load_data()
    again = mnist.load_data()
    assert len(calls) == 1
    np.testing.assert_array_equal(first[0][0], again[0][0])
    assert len(list((root / "MNIST" / "raw").iterdir())) == 4
    assert [path.name for path in root.iterdir()] == ["MNIST"]
    assert capsys.readouterr().out == f"Downloading MNIST to {root / 'MNIST' / 'raw'}\n"


def test_default_root_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(store.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert store.data_root() == tmp_path / ".keras" / "datasets"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert store.data_root() == tmp_path / "keras" / "datasets"
    monkeypatch.setenv(store.ENVIRONMENT_VARIABLE, "~/elsewhere")
    assert store.data_root() == tmp_path / "elsewhere"
