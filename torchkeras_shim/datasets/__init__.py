"""`keras.datasets`: small image collections as numpy arrays, downloaded once."""

from torchkeras_shim.datasets import cifar10, cifar100, fashion_mnist, mnist

__all__ = ["cifar10", "cifar100", "fashion_mnist", "mnist"]
