"""Fashion-MNIST: small pictures of clothes."""

from __future__ import annotations

from torchkeras_shim.datasets import idx

__all__ = ["load_data"]


def load_data() -> idx.Images:
    """Loads 60,000 training and 10,000 test images of clothes in ten classes, 28x28 pixels in gray.

    The classes are T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag and ankle boot, from 0 to
    9. They are downloaded once into the folder that the environment variable `TORCHKERAS_SHIM_DATA` names, by default
    Keras's `~/.keras/datasets`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images as `uint8` of shape `(n, 28, 28)`, classes as `uint8` of shape
        `(n,)`.

    Raises:
        FileNotFoundError: If the images are not here and cannot be downloaded.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
        >>> x_train.shape, y_test.shape  # doctest: +SKIP
        ((60000, 28, 28), (10000,))
    """
    return idx.load("FashionMNIST", kerases="fashion-mnist")
