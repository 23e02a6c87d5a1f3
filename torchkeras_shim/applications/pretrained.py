"""Keras's published files: what they are called, where they are and what their hashes are."""

from __future__ import annotations

import os
from dataclasses import dataclass

from torchkeras_shim.core.downloads import cache_folder, get_file, has_hash

_FOLDER = "models"
ORIGIN = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class File:
    """A file that Keras publishes.

    Args:
        name: Its name in the cache.
        origin: Its address.
        file_hash: Its hash, if Keras knows it.
    """

    name: str
    origin: str
    file_hash: str | None = None

    def fetch(self) -> str:
        """Returns the path of the file, downloaded if it is not here.

        Raises:
            FileNotFoundError: If it is not here and cannot be downloaded. The message says where to put it.
        """
        try:
            return get_file(self.name, self.origin, file_hash=self.file_hash, cache_subdir=_FOLDER)
        except OSError as error:
            path = os.path.join(cache_folder(None, _FOLDER), self.name)
            raise FileNotFoundError(
                f"{error}\n{self._state(path)}, and it could not be downloaded. Download {self.origin} on a computer "
                f"that has a network and put it there as {path}"
            ) from error

    def _state(self, path: str) -> str:
        """Returns what is wrong with the file that is here, or that there is none."""
        if os.path.isfile(path) and self.file_hash and not has_hash(path, self.file_hash):
            return f"{path} is incomplete or another file: its hash is not {self.file_hash}"
        return f"{self.name} is not on this computer"

    def explain(self, error: Exception) -> str:
        """Returns what to do about a file that does not fit the model: one without a hash may be anything.

        Args:
            error: What came of it when it was read.
        """
        return (
            f"{error}\nThe file in the cache is not the one that Keras publishes, or not whole. Delete it and run this "
            f"again, or put {self.origin} in its place."
        )


def files(folder: str, stem: str, hashes: tuple[str, str], ends: tuple[str, str] = (".h5", "_notop.h5")) -> Files:
    """Returns a model's two files: with its classifier, and without.

    Args:
        folder: Where they are below Keras's applications.
        stem: What their names begin with.
        hashes: Their hashes.
        ends: What their names end with.
    """
    top, no_top = (
        File(stem + end, f"{ORIGIN}{folder}/{stem}{end}", one) for end, one in zip(ends, hashes, strict=True)
    )
    return Files(top, no_top)


@dataclass(frozen=True)
class Files:
    """The files of one model.

    Args:
        top: The weights with the classifier.
        no_top: The weights without it.
    """

    top: File
    no_top: File

    def choose(self, include_top: bool) -> File:
        """Returns the one that fits."""
        return self.top if include_top else self.no_top


#: What older files are called after the name of the model.
OLDER_ENDS = ("_weights_tf_dim_ordering_tf_kernels.h5", "_weights_tf_dim_ordering_tf_kernels_notop.h5")
