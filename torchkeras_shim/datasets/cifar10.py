"""CIFAR-10: small colour pictures in ten classes."""

from __future__ import annotations

from torchkeras_shim.datasets import cifar
from torchkeras_shim.datasets.idx import Images

__all__ = ["load_data"]


def load_data() -> Images:
    """Loads 50,000 training and 10,000 test images in ten classes, 32x32 pixels in colour.

    The classes are airplane, automobile, bird, cat, deer, dog, frog, horse, ship and truck, from 0 to 9. They are
    downloaded once into the folder that the environment variable `TORCHKERAS_SHIM_DATA` names, by default
    Keras's `~/.keras/datasets`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as `uint8` of shape `(n, 32, 32, 3)`, or `(n, 3, 32, 32)` where
        `keras.config.image_data_format()` is `"channels_first"`; classes as `uint8` of shape `(n, 1)`.

    Raises:
        FileNotFoundError: If the images are not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape, y_test.shape  # doctest: +SKIP
        ((50000, 32, 32, 3), (10000, 1))
    """
    return cifar.load(
        "CIFAR10",
        folder="cifar-10-batches-py",
        archive="cifar-10-python.tar.gz",
        train=[f"data_batch_{number}" for number in range(1, 6)],
        test="test_batch",
        label_key="labels",
    )
