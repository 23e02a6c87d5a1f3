"""Archives that mean harm, among them each that Keras's `get_file` was once harmed by."""

import gzip
import io
import lzma
import os
import tarfile
import threading
import warnings
import zipfile

import numpy as np
import pytest

from torchkeras_shim.core import archives


@pytest.fixture
def place(tmp_path):
    """A folder to unpack to, inside another one in which nothing may appear."""
    (tmp_path / "outer").mkdir()
    return tmp_path / "outer" / "target"


def write_tar(path, *members, mode="w", **options):
    """Writes members, each a name and bytes, or a `TarInfo`'s fields."""
    with tarfile.open(path, mode, **options) as archive:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return path


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def hard_link(name, target):
    return link(name, target, tarfile.LNKTYPE)


def tree(folder):
    """Everything below a folder, by its relative path: the text of files, the targets of links."""
    found = {}
    for above, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(above, name)
            inside = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[inside] = "-> " + os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[inside] = file.read()
    return found


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_files(tmp_path, place, mode):
    deep = "d" * 60 + "/" + "e" * 60 + "/ünïcode 日本.txt"  # a name that needs headers of its own
    source = write_tar(tmp_path / "any.name", ("a/one.txt", b"1"), ("./two", b""), (deep, b"3"), mode=mode)
    assert archives.unpack(str(source), str(place))
    assert tree(place) == {"a/one.txt": b"1", "two": b"", deep: b"3"}
    assert os.listdir(place.parent) == ["target"]


def test_zip_files(tmp_path, place):
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", "")
        archive.writestr("folder/ünïcode 日本.txt", "3")
        archive.writestr("plain", b"1" * 100)
    assert archives.unpack(str(tmp_path / "x"), str(place))
    assert tree(place) == {"folder/ünïcode 日本.txt": b"3", "plain": b"1" * 100}


def test_executable_files_stay_executable_and_nothing_else_is_kept_of_modes(tmp_path, place):
    infos = []
    for name, mode in (("run", 0o6755), ("text", 0o666), ("hidden", 0)):
        infos.append(tarfile.TarInfo(name))
        infos[-1].mode = mode
    archives.unpack(str(write_tar(tmp_path / "x.tar", *infos)), str(place))
    umask = os.umask(0)
    os.umask(umask)
    modes = {name: os.stat(place / name).st_mode & 0o7777 for name in ("run", "text", "hidden")}
    assert modes == {"run": 0o777 & ~umask, "text": 0o666 & ~umask, "hidden": 0o666 & ~umask}


def test_links_inside_the_folder_are_kept(tmp_path, place):
    source = write_tar(
        tmp_path / "x.tar",
        ("v2/data", b"2"),
        link("latest", "v2"),
        link("v2/self", "../v2/data"),
        link("v2/dangling", "nowhere"),
        hard_link("same", "v2/data"),
    )
    assert archives.unpack(str(source), str(place))
    found = {"latest": "-> v2", "v2/data": b"2", "v2/self": "-> ../v2/data", "v2/dangling": "-> nowhere", "same": b"2"}
    assert tree(place) == found
    assert (place / "latest" / "self").read_bytes() == b"2"


LONG = "l" * 200
#: What is left out of each archive, and what is left of it.
ESCAPES = {
    "a name that goes up": ([("../evil", b"x")], ["../evil"], {}),
    "a name that goes in and up": ([("a/../../evil", b"x")], ["a/../../evil"], {}),
    "an absolute name": ([("/outer-evil", b"x")], ["/outer-evil"], {}),
    "a link that goes up": ([link("out", "../..")], ["out"], {}),
    "a link that is absolute": ([link("out", "/etc")], ["out"], {}),
    # CVE-2025-12060: a file is written through a link that the archive has made before.
    "a file through a link": ([link("out", ".."), ("out/evil", b"x")], ["out"], {"out/evil": b"x"}),
    "a file through a link inside": ([link("in", "."), ("in/ok", b"x")], ["in"], {"in/ok": b"x"}),
    # keras-team/keras#23015: a link to the folder itself makes `..` lead out of it.
    "up behind a link": ([link("here", "."), ("here/../../evil", b"x")], ["here/../../evil"], {"here": "-> ."}),
    "up behind a link, inside": ([link("here", "."), ("here/../ok", b"x")], [], {"here": "-> .", "ok": b"x"}),
    "a link up behind a link": ([link("here", "."), link("out", "here/..")], ["out"], {"here": "-> ."}),
    "links that go up together": (
        [link("a", "."), link("a2", "a/."), link("b/c", "../.."), link("b/d", "c/..")],
        ["b/c", "b/d"],
        {"a": "-> .", "a2": "-> a/."},
    ),
    # keras-team/keras#22973: the name of a hard link leads out of the folder.
    "a hard link outside": ([("in", b"x"), hard_link("../evil", "in")], ["../evil"], {"in": b"x"}),
    "a hard link to the outside": ([hard_link("in", "../secret")], ["in"], {}),
    "a hard link through a link": ([link("out", ".."), hard_link("in", "out/secret")], ["in", "out"], {}),
    # CVE-2025-12638: a chain of links so long that the system gives up on it, and with that the test of it.
    "a path that is too long": (
        [link(LONG, "."), link("out", "/".join([LONG] * 30) + "/../.."), ("out/evil", b"x")],
        ["out"],
        {LONG: "-> .", "out/evil": b"x"},
    ),
    "a file below a file": ([("a", b"1"), ("a/b", b"2")], ["a/b"], {"a": b"1"}),
    "a file over a folder": ([("a/b", b"1"), ("a", b"2")], ["a"], {"a/b": b"1"}),
    "the folder itself": ([(".", b"x")], ["."], {}),
    "a link in place of the folder": ([link(".", "/etc")], ["."], {}),
    "a file twice": ([("a", b"1"), ("a", b"22")], [], {"a": b"22"}),
    "a hard link, then a file of its name": (
        [("a", b"1"), hard_link("b", "a"), ("b", b"22")],
        [],
        {"a": b"1", "b": b"22"},
    ),
    "a link, then a file of its name": ([link("a", "b"), ("a", b"1")], [], {"a": b"1"}),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_leaves_the_folder(tmp_path, place, name):
    members, skipped, left = ESCAPES[name]
    (place.parent / "secret").write_text("secret")
    source = write_tar(tmp_path / "x.tar", *members, format=tarfile.GNU_FORMAT)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert archives.unpack(str(source), str(place))
    told = [f"Skipping invalid path during archive extraction: {member!r}." for member in skipped]
    assert [str(warning.message) for warning in caught if warning.category is UserWarning] == told
    assert tree(place) == left
    assert sorted(os.listdir(place.parent)) == ["secret", "target"]
    assert sorted(os.listdir(tmp_path)) == ["outer", "x.tar"]
    for path in left:
        assert os.path.realpath(place / path).startswith(str(place))


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/outer-evil"])
def test_nothing_leaves_the_folder_from_a_zip_file(tmp_path, place, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, "x")
        archive.writestr("good", "1")
    with pytest.warns(UserWarning, match="Skipping invalid path during archive extraction"):
        assert archives.unpack(str(tmp_path / "x.zip"), str(place))
    assert tree(tmp_path / "outer") == {"target/good": b"1"}


def test_a_link_in_a_zip_file_is_a_file(tmp_path, place):
    info = zipfile.ZipInfo("link")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc")
    archives.unpack(str(tmp_path / "x.zip"), str(place))
    assert tree(place) == {"link": b"/etc"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_refused(tmp_path, place, kind):
    source = write_tar(tmp_path / "x.tar", ("before", b"x"), link("special", "", kind))
    with pytest.raises(tarfile.SpecialFileError, match="'special' is a special file"):
        archives.unpack(str(source), str(place))
    assert os.listdir(place.parent) == []


def test_names_with_a_null_are_skipped(tmp_path, place):
    info = tarfile.TarInfo("x")
    info.pax_headers = {"path": "a\0b"}
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        archives.unpack(str(write_tar(tmp_path / "x.tar", info, format=tarfile.PAX_FORMAT)), str(place))
    assert tree(place) == {}


# Bombs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_limit(monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED", 2**20)


def sparse_tar(path):
    """A file of 4 GiB of which the archive holds nothing but the size."""
    info = tarfile.TarInfo("huge")
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**32), "GNU.sparse.name": "huge"}
    return write_tar(path, info, format=tarfile.PAX_FORMAT)


def zip_bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2 * 2**20))
    return path


def tar_bomb(path):
    return write_tar(path, ("zeros", bytes(2 * 2**20)), mode="w:xz")


def skipped_tar_bomb(path):
    """Zeros that are not written but must be unpacked to get past them."""
    return write_tar(path, ("../zeros", bytes(2 * 2**20)), ("x", b"x"), mode="w:gz")


@pytest.mark.filterwarnings("ignore:Skipping invalid path")
@pytest.mark.parametrize("bomb", [sparse_tar, zip_bomb, tar_bomb, skipped_tar_bomb])
def test_bombs_are_refused(tmp_path, place, small_limit, bomb):
    source = bomb(tmp_path / "bomb")
    with pytest.raises(ValueError, match=r"bomb is refused: it unpacks to more than 200 times"):
        archives.unpack(str(source), str(place))
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_huge_headers_are_refused(tmp_path, place, pack):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 64 * 2**20
    (tmp_path / "bomb").write_bytes(pack(info.tobuf(tarfile.GNU_FORMAT) + bytes(2**20)))
    with pytest.raises(ValueError, match=r"refused: one of its headers is 67108864 bytes long"):
        archives.unpack(str(tmp_path / "bomb"), str(place))


def test_large_but_honest_archives_are_unpacked(tmp_path, place, small_limit):
    noise = np.random.default_rng(0).bytes(2**21)
    assert archives.unpack(str(write_tar(tmp_path / "x", ("noise", noise), mode="w:gz")), str(place))
    assert tree(place) == {"noise": noise}


# Damage and interruption --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [600, 1000, 3000])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_truncated_archives(tmp_path, place, mode, cut):
    noise = np.random.default_rng(0).bytes(8000)
    source = write_tar(tmp_path / "x", ("a", noise), ("b", noise), mode=mode)
    source.write_bytes(source.read_bytes()[:cut])
    place.mkdir()
    (place / "mine").write_text("kept")
    with pytest.raises(ValueError, match=r"x is damaged: .*force_download=True"):
        archives.unpack(str(source), str(place))
    assert tree(place) == {"mine": b"kept"}
    assert os.listdir(place.parent) == ["target"]


def test_damaged_zip_files(tmp_path, place):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", b"1" * 100)
    content = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(content.replace(b"1" * 100, b"1" * 99 + b"2"))
    with pytest.raises(ValueError, match="is damaged: Bad CRC-32 for file 'a'"):
        archives.unpack(str(tmp_path / "x"), str(place))
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\3\4", bytes(100)])
def test_other_files_are_no_archives(tmp_path, place, content):
    (tmp_path / "x").write_bytes(content)
    assert not archives.unpack(str(tmp_path / "x"), str(place))
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_formats(tmp_path, place, mode):
    tar = str(write_tar(tmp_path / "x.tar", ("a", b""), mode=mode))
    assert not archives.unpack(tar, str(place), "zip")
    assert not archives.unpack(tar, str(place), None)
    assert not archives.unpack(tar, str(place), [])
    assert archives.unpack(tar, str(place), ["zip", "tar"])
    with pytest.raises(NotImplementedError, match="Received: 'rar'"):
        archives.unpack(tar, str(place), "rar")
    with pytest.raises(FileNotFoundError):
        archives.unpack(tar + "x", str(place))


# Into a folder that is there ----------------------------------------------------------------------------------------


def test_files_of_others_stay(tmp_path, place):
    source = str(write_tar(tmp_path / "x", ("a/one", b"1"), ("b", b"2"), link("c", "b")))
    for _ in range(2):
        archives.unpack(source, str(place))
        (place / "a" / "mine").write_text("kept")
        (place / "b").write_text("changed")
    archives.unpack(source, str(place))
    assert tree(place) == {"a/one": b"1", "a/mine": b"kept", "b": b"2", "c": "-> b"}


def test_links_that_are_there_are_not_followed(tmp_path, place):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    place.mkdir()
    (place / "a").symlink_to(outside)
    (place / "b").symlink_to(outside / "file")
    source = write_tar(tmp_path / "x", ("a/evil", b"1"), ("b", b"2"))
    with pytest.warns(UserWarning, match="Skipping invalid path during archive extraction: 'a'"):
        archives.unpack(str(source), str(place))
    assert tree(outside) == {"file": b"mine"}
    assert (place / "b").read_bytes() == b"2"


def test_threads_unpack_into_one_folder(tmp_path, place):
    source = str(write_tar(tmp_path / "x", *((f"f{n % 5}/{n}", b"x" * n) for n in range(50)), mode="w:gz"))
    errors = []

    def work():
        try:
            for _ in range(3):
                archives.unpack(source, str(place))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert tree(place) == {f"f{n % 5}/{n}": b"x" * n for n in range(50)}
    assert os.listdir(place.parent) == ["target"]
