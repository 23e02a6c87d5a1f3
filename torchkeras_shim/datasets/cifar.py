"""CIFAR's file format: pickled dicts of rows of pixels and lists of labels."""

from __future__ import annotations

import pickle
import tarfile
import zlib
from typing import Any

import numpy as np

from torchkeras_shim.core import config
from torchkeras_shim.datasets import pickles, store
from torchkeras_shim.datasets.idx import Images


def load(name: str, folder: str, archive: str, train: list[str], test: str, label_key: str) -> Images:
    """Returns a data set of CIFAR's form, downloaded if it is missing.

    Args:
        name: The name of torchvision's class.
        folder: The folder of its files.
        archive: The name of the packed file that the folder comes in, which is read in place as well.
        train: The files of the training part.
        test: The file of the test part.
        label_key: Which labels of the files.
    """
    files = [*train, test]
    contents = _read(folder, archive, files)
    if contents is None:
        store.download(name, folder, files, f"; or {archive}, as it is, into {store.data_root()}")
        contents = _read(folder, archive, files)
    if contents is None:
        raise FileNotFoundError(f"{name} was downloaded to {store.data_root() / folder}, but lacks some of: {files}")
    parts = [_parse(contents[file], f"{folder}/{file}", label_key) for file in files]
    x_train = np.concatenate([images for images, _ in parts[:-1]])
    y_train = np.concatenate([labels for _, labels in parts[:-1]])
    return (x_train, y_train), parts[-1]


def _read(folder: str, archive: str, files: list[str]) -> dict[str, bytes] | None:
    """Returns the files' contents, from the folder or out of the archive, or `None` where some are missing."""
    root = store.data_root()
    for place in (root / folder, root / f"{folder}-target" / folder):  # of torchvision, of Keras
        if all((place / file).is_file() for file in files):
            return {file: (place / file).read_bytes() for file in files}
    if not (root / archive).is_file():
        return None
    found = {}
    try:
        with tarfile.open(root / archive) as packed:
            for member in packed:
                file = member.name.removeprefix("./").removeprefix(f"{folder}/")
                stream = packed.extractfile(member) if file in files else None
                if stream is not None:
                    found[file] = stream.read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ValueError(
            f"The file {root / archive} is damaged: {error}. Delete it to have it downloaded again."
        ) from None
    return found if len(found) == len(files) else None


def _parse(content: bytes, file: str, label_key: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    try:
        batch = pickles.load(content, encoding="bytes")
        images = batch[b"data"].array().astype(np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(batch[label_key.encode()], dtype=np.uint8).reshape(len(images), 1)
    except (pickle.UnpicklingError, EOFError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The file {store.data_root() / file} is damaged: {error}. Delete it to have it downloaded again."
        ) from None
    if config.image_data_format() == "channels_last":
        images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return images, labels
