"""Files from elsewhere: what `get_file` calls them, and what it makes of archives."""

import os
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras


def make_sources(folder):
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "text.txt").write_text("text")
    with tarfile.open(folder / "pack.tar.gz", "w:gz") as archive:
        archive.add(folder / "inner", "inner")
    with zipfile.ZipFile(folder / "pack.zip", "w") as archive:
        archive.write(folder / "inner" / "text.txt", "inner/text.txt")


def get(library, folder, file, arguments):
    """The path that `get_file` returns, all paths in the cache, and the warnings; or the error."""
    make_sources(Path(folder))
    cache = os.path.join(folder, "cache")
    os.makedirs(cache)  # Keras passes over a folder that is not there
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            path = library.utils.get_file(origin=f"file://{folder}/{file}", cache_dir=cache, **arguments)
        except (ValueError, NotImplementedError) as error:
            return type(error).__name__
    found = sorted(os.path.relpath(os.path.join(a, n), cache) for a, d, f in os.walk(cache) for n in [*d, *f])
    return [os.path.relpath(path, cache), found, [str(w.message) for w in caught if w.category is UserWarning]]


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("inner/text.txt", {}),
        ("inner/text.txt", {"fname": "a.b", "cache_subdir": "x/y"}),
        ("inner/text.txt", {"fname": "a/b"}),
        ("inner/text.txt", {"fname": ""}),
        ("inner/text.txt", {"extract": True}),
        ("inner/text.txt", {"file_hash": "1cb251ec0d568de6a929b520c4aed8d1"}),
        ("inner/text.txt", {"md5_hash": "1cb251ec0d568de6a929b520c4aed8d2"}),
        ("pack.tar.gz", {"extract": True}),
        ("pack.tar.gz", {"untar": True, "fname": "folder"}),
        ("pack.tar.gz", {"untar": True, "fname": "a.tar.gz"}),
        ("pack.tar.gz", {"extract": True, "archive_format": "zip"}),
        ("pack.tar.gz", {"extract": True, "archive_format": None}),
        ("pack.tar.gz", {"extract": True, "archive_format": ["zip", "tar"]}),
        ("pack.tar.gz", {"extract": True, "archive_format": "rar"}),
        ("pack.zip", {"extract": True, "fname": "folder"}),
        ("pack.zip", {"extract": True, "fname": ".x"}),
        ("pack.zip", {"untar": True}),
    ],
)
def test_get_file(tmp_path, file, arguments):
    theirs = kept(get, keras, str(tmp_path / "theirs"), file, arguments)
    assert get(torchkeras_shim, str(tmp_path / "ours"), file, arguments) == theirs
