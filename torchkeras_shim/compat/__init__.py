"""The zero-change mode: scripts written for `keras` or `tensorflow.keras` run on this library as they are.

Three doors lead in: `python -m torchkeras_shim script.py`, `%load_ext torchkeras_shim` in a notebook, and `install()`
at the start of a program::

    import torchkeras_shim.compat
    torchkeras_shim.compat.install()

    import tensorflow as tf              # both are stand-ins from here on
    from keras import layers
"""

from __future__ import annotations

from torchkeras_shim.compat.finder import install, is_installed, uninstall
from torchkeras_shim.compat.stand_ins import KERAS_VERSION, TENSORFLOW_VERSION

__all__ = ["KERAS_VERSION", "TENSORFLOW_VERSION", "install", "is_installed", "uninstall"]
