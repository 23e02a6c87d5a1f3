"""Where data sets lie on disk, and how they get there.

The folder is Keras's. What torchvision downloads lies there in torchvision's layout, so that its own data set classes
read the same files: `root/MNIST/raw/...`, `root/cifar-10-batches-py/...`. What Keras has downloaded is read as well.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import tempfile
from pathlib import Path

from torchkeras_shim.core import config
from torchkeras_shim.core.downloads import get_file

#: Names the folder that holds the data sets, torchvision's `root`.
ENVIRONMENT_VARIABLE = "TORCHKERAS_SHIM_DATA"
#: Where Keras's data sets are.
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def data_root() -> Path:
    """Returns the folder that holds the data sets."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(named).expanduser() if named else Path(config.keras_home()) / "datasets"


def fetch(path: str, name: str, file_hash: str) -> str:
    """Returns the path of a file of Keras's, downloaded if it is not here.

    Args:
        path: The name that it has here.
        name: The name that it has where Keras's data sets are.
        file_hash: Its hash.
    """
    folder = data_root() if os.environ.get(ENVIRONMENT_VARIABLE) else "datasets"  # relative: see `get_file`
    return get_file(path, origin=ORIGIN + name, file_hash=file_hash, cache_subdir=folder)


def download(name: str, folder: str, files: list[str], archives: str) -> None:
    """Downloads a data set through torchvision, which checks its checksums.

    Files come into place only when all of them are complete, and never over one that is there already.

    Args:
        name: The name of torchvision's class.
        folder: The folder below the root that the files go to.
        files: The names of the files that are wanted there.
        archives: Says in the error message in which other form the files may come.

    Raises:
        FileNotFoundError: If that is not possible; the message says where the files would go.
    """
    root = data_root()
    try:
        _download(name, root, folder)
        return
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
    raise FileNotFoundError(
        f"The {name} data set is not on this computer, and it could not be downloaded: {reason[-1]}\n"
        f"It belongs into: {root / folder}\n"
        f"Needed there: {', '.join(files)}{archives}\n"
        f"Copy these files there from a computer that has them (`torchvision.datasets.{name}(root, download=True)` "
        f"makes them), or let the environment variable {ENVIRONMENT_VARIABLE} name another folder with '{folder}'."
    )


def _download(name: str, root: Path, folder: str) -> None:
    import torchvision  # heavy, and needed only where something is missing

    root.mkdir(parents=True, exist_ok=True)
    print(f"Downloading {name} to {root / folder}")
    with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as staging:
        with contextlib.redirect_stdout(io.StringIO()):  # torchvision tells of every mirror that it tries
            getattr(torchvision.datasets, name)(staging, download=True)
        for path in sorted((Path(staging) / folder).iterdir()):
            target = root / folder / path.name
            if path.suffix != ".gz" and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
