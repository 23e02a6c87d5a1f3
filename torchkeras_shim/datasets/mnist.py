"""MNIST: handwritten digits."""

from __future__ import annotations

import os

import numpy as np

from torchkeras_shim.datasets import idx, npz, store

__all__ = ["load_data"]

_DEFAULT_PATH = "mnist.npz"


def load_data(path: str = _DEFAULT_PATH) -> idx.Images:
    """Loads 60,000 training and 10,000 test images of handwritten digits, 28x28 pixels in gray.

    They are downloaded once into the folder that the environment variable `TORCHKERAS_SHIM_DATA` names, by default
    Keras's `~/.keras/datasets`.

    Args:
        path: A `.npz` file in Keras's form, relative to that folder, which is read if it exists. If it does not and the
            name is not the default one, the images are also written there.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as `uint8` of shape `(n, 28, 28)`, digits as `uint8` of shape
        `(n,)`.

    Raises:
        FileNotFoundError: If the images are not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape, y_test.shape  # doctest: +SKIP
        ((60000, 28, 28), (10000,))
    """
    file = store.data_root() / path
    if file.is_file():
        arrays = npz.read(file)
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    (x_train, y_train), (x_test, y_test) = idx.load("MNIST")
    if path != _DEFAULT_PATH:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.{os.getpid()}.npz")
        np.savez(unfinished, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        unfinished.replace(file)
    return (x_train, y_train), (x_test, y_test)
