"""The door for notebooks: `%load_ext torchkeras_shim` installs the zero-change mode, `%unload_ext` undoes it."""

from __future__ import annotations

from typing import Any

from torchkeras_shim.compat.finder import install, uninstall


def load_ipython_extension(ipython: Any) -> None:
    """Makes `import keras` and `import tensorflow` of the cells that follow mean this library.

    Args:
        ipython: The shell, which IPython hands over. Nothing of it is used, so that IPython is not needed.

    Raises:
        RuntimeError: If a cell has already imported the real Keras or TensorFlow: restart the kernel.
    """
    install()


def unload_ipython_extension(ipython: Any) -> None:
    """Gives the names back to the real packages, for later imports."""
    uninstall()
