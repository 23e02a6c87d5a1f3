"""`get_file`: files from the network, kept in Keras's cache."""

from __future__ import annotations

import hashlib
import http.client
import os
import stat
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

from torchkeras_shim.core import archives, atomic
from torchkeras_shim.core.config import keras_home
from torchkeras_shim.core.console import is_interactive_logging_enabled, print_msg

_PIECE = 2**20
_SECONDS_OF_SILENCE = 60


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str | os.PathLike[str] = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Returns the path of a file from a URL, which is downloaded if it is not in the cache yet.

    The file is kept as `<cache_dir>/<cache_subdir>/<fname>`, by default in `~/.keras/datasets`, where Keras keeps it
    too. It comes under that name when it is complete and its hash is right; a download that fails or is interrupted
    leaves nothing, and never costs a file that was there.

    Archives are unpacked at each call, as in Keras; files that others have put beside theirs stay. What would be
    written outside the folder is left out with a warning, and devices and archives that unpack to absurd sizes are
    refused. Download only from sources that you trust, and give the hash if you know it.

    Args:
        fname: The file's name in the cache; by default the name in the URL. If an archive is unpacked, a name without
            an ending is that of the folder.
        origin: The URL.
        untar: Unpacks the file as a tar archive; `extract` is the newer way.
        md5_hash: The file's MD5 hash; `file_hash` is the newer way.
        file_hash: The file's hash. A file in the cache that has another one is downloaded again.
        cache_subdir: The folder below `cache_dir`, or an absolute path.
        hash_algorithm: `"md5"`, `"sha256"`, or `"auto"`, which tells them apart by their length.
        extract: Whether to unpack the file.
        archive_format: What the archive may be: `"tar"` (as it is, or packed by gzip, bzip2 or xz), `"zip"`, a list of
            these, `"auto"` for both, `None` for none.
        cache_dir: The folder of the cache: the one that the environment variable `KERAS_HOME` names, or `~/.keras`.
            If it cannot be written, a folder of temporary files takes its place.
        force_download: Whether to download the file even if it is in the cache.

    Returns:
        The path of the file, or of the folder that it was unpacked into.

    Raises:
        ValueError: If there is no `origin` or no name, the name is a path, the hash is wrong, or the archive damaged.
        OSError: If the file cannot be downloaded or written.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "source.txt").write_text("hello")
        >>> path = get_file("copy.txt", origin=(folder / "source.txt").as_uri(), cache_dir=folder)
        Downloading data from file:///...source.txt
        >>> pathlib.Path(path).relative_to(folder).as_posix()
        'datasets/copy.txt'
    """
    if origin is None:
        raise ValueError(
            'Please specify the "origin" argument (URL of the file to download), as in '
            "`get_file(origin='https://example.com/data.zip')`."
        )
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = cache_folder(cache_dir, cache_subdir)
    name = _file_name(fname, origin)
    unpacked = None
    if extract or untar:
        stem, dot, _ = name.partition(".") if fname else (name, "", "")
        unpacked = os.path.join(folder, f"{stem}_extracted" if dot else name)
        name = name if dot else f"{name}_archive"
    path = os.path.join(folder, name)
    if force_download or not _is_cached(path, file_hash, hash_algorithm):
        print_msg(f"Downloading data from {origin}")
        with atomic.replacing(path) as temporary:
            _download(origin, temporary)
            if file_hash is not None and not has_hash(temporary, file_hash, hash_algorithm):
                raise ValueError(
                    f"Incomplete or corrupted file detected. The {hash_algorithm} file hash does not match the "
                    f"provided value of {file_hash}. Received from {origin}: a file whose SHA256 hash is "
                    f"{_hash(temporary, 'sha256')}. Nothing was kept."
                )
    if unpacked is None:
        return path
    if not archives.unpack(path, unpacked, "tar" if untar else archive_format):
        warnings.warn("Could not extract archive.", stacklevel=2)
    return unpacked


# Names --------------------------------------------------------------------------------------------------------------


def _file_name(fname: str | os.PathLike[str] | None, origin: str) -> str:
    name = os.fspath(fname) if fname else ""
    if os.sep in name:
        raise ValueError(
            "Paths are no longer accepted as the `fname` argument. To specify the file's parent directory, use the "
            f"`cache_dir` argument. Received: fname={name}"
        )
    name = name or os.path.basename(urllib.parse.urlsplit(origin).path)
    if name in ("", ".", ".."):
        raise ValueError(
            f"Can't parse the file name from the origin provided: '{origin}'. Please specify the `fname` argument."
        )
    return name


def cache_folder(cache_dir: str | os.PathLike[str] | None, subfolder: str | os.PathLike[str]) -> str:
    """Returns the folder of a cached file, which exists.

    Args:
        cache_dir: What `get_file` takes.
        subfolder: What it takes as `cache_subdir`.
    """
    base = keras_home() if cache_dir is None else os.path.expanduser(os.fspath(cache_dir))
    if not os.path.isabs(subfolder) and not _can_write(base):
        base = _temporary_home()
    folder = os.path.join(base, subfolder)
    os.makedirs(folder, exist_ok=True)
    return folder


def _can_write(folder: str) -> bool:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _temporary_home() -> str:
    """Returns Keras's folder among the temporary files, or one of the user's own if that belongs to somebody else."""
    above = "/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir()
    user = os.getuid() if hasattr(os, "getuid") else None
    for folder in (os.path.join(above, ".keras"), os.path.join(above, f".keras-{user}")):
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            found = os.lstat(folder)
        except OSError:
            continue
        if stat.S_ISDIR(found.st_mode) and user in (None, found.st_uid) and os.access(folder, os.W_OK):
            return folder
    return tempfile.mkdtemp(prefix=".keras-")


# The file's content -------------------------------------------------------------------------------------------------


def _is_cached(path: str, file_hash: str | None, algorithm: str) -> bool:
    if not os.path.exists(path):
        return False
    if file_hash is None or has_hash(path, file_hash, algorithm):
        return True
    print_msg(
        "A local file was found, but it seems to be incomplete or outdated because the "
        f"{algorithm} file hash does not match the original value of {file_hash} so we will re-download the data."
    )
    return False


def has_hash(path: str, file_hash: str, algorithm: str = "auto") -> bool:
    """Returns whether a file has a hash.

    Args:
        path: The file.
        file_hash: The hash, in hexadecimal digits.
        algorithm: `"md5"`, `"sha256"`, or `"auto"`, which tells them apart by their length.

    Raises:
        ValueError: If the algorithm is another one.
    """
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    return _hash(path, algorithm) == str(file_hash).lower()


def _hash(path: str, algorithm: str) -> str:
    if algorithm not in ("md5", "sha256"):
        raise ValueError(
            f"Unknown `hash_algorithm`. Expected 'auto', 'md5' or 'sha256'. Received: hash_algorithm={algorithm!r}"
        )
    hasher: Any = hashlib.new(algorithm, usedforsecurity=algorithm != "md5")
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return str(hasher.hexdigest())


def _download(origin: str, path: str) -> None:
    """Writes what a URL gives into a file.

    Raises:
        OSError: If it does not give all of it.
    """
    try:
        with urllib.request.urlopen(origin, timeout=_SECONDS_OF_SILENCE) as source, open(path, "wb") as target:
            _copy(source, target)
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"URL fetch failure on {origin}: {error.code} -- {error.msg}") from None
    except urllib.error.URLError as error:
        raise OSError(f"URL fetch failure on {origin}: {error.errno} -- {error.reason}") from None
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise OSError(f"URL fetch failure on {origin}: None -- {error or type(error).__name__}") from error


def _copy(source: Any, target: Any) -> None:
    from tqdm.auto import tqdm  # where a file is downloaded only

    length = source.headers.get("Content-Length")
    size = int(length) if length and length.isdigit() else None
    hidden = not is_interactive_logging_enabled()
    with tqdm(total=size, unit="B", unit_scale=True, unit_divisor=1024, disable=hidden) as bar:
        while piece := source.read(_PIECE):
            target.write(piece)
            bar.update(len(piece))
    if size is not None and target.tell() < size:
        raise urllib.error.ContentTooShortError(
            f"retrieval incomplete: got only {target.tell()} out of {size} bytes",
            None,  # type: ignore[arg-type]
        )
