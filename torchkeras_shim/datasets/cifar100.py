"""CIFAR-100: small colour pictures in a hundred classes."""

from __future__ import annotations

from torchkeras_shim.datasets import cifar
from torchkeras_shim.datasets.idx import Images

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> Images:
    """Loads 50,000 training and 10,000 test images in 100 classes, which form 20 groups, 32x32 pixels in colour.

    They are downloaded once into the folder that the environment variable `TORCHKERAS_SHIM_DATA` names, by default
    Keras's `~/.keras/datasets`.

    Args:
        label_mode: `"fine"` for the classes, `"coarse"` for the groups.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as `uint8` of shape `(n, 32, 32, 3)`, or `(n, 3, 32, 32)` where
        `keras.config.image_data_format()` is `"channels_first"`; classes as `uint8` of shape `(n, 1)`.

    Raises:
        FileNotFoundError: If the images are not here and cannot be downloaded.
        ValueError: If the `label_mode` is anything else.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape, y_test.shape  # doctest: +SKIP
        ((50000, 32, 32, 3), (10000, 1))
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f'`label_mode` must be one of `"fine"`, `"coarse"`. Received: label_mode={label_mode}.')
    return cifar.load(
        "CIFAR100",
        folder="cifar-100-python",
        archive="cifar-100-python.tar.gz",
        train=["train"],
        test="test",
        label_key=f"{label_mode}_labels",
    )
