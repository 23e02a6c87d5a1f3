"""Keras's API, written natively on PyTorch."""

__version__ = "0.1.0"
