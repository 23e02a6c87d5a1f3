"""`get_file`, from a server of the test's own and from files."""

import contextlib
import hashlib
import http.server
import os
import pathlib
import stat
import tarfile
import tempfile
import threading
import zipfile

import pytest

from torchkeras_shim import utils
from torchkeras_shim.core import config, downloads

CONTENT = b"the content of a file" * 1000
MD5, SHA256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the path: a whole file, less than was promised, or an error."""

    def do_GET(self):
        self.server.asked.append(self.path)
        name = self.path.partition("?")[0]
        if name == "/missing":
            self.send_error(404)
            return
        if name == "/moved":
            self.send_response(302)
            self.send_header("Location", self.server.target)
            self.end_headers()
            return
        self.send_response(200)
        if name != "/unknown-length":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:100] if name in ("/short", "/stuck") else CONTENT)
        if name == "/stuck":
            self.server.release.wait(10)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.release = [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_a_file_is_downloaded_once(server, home, capsys):
    for _ in range(2):
        path = utils.get_file("name.txt", f"{server.url}/file")
        assert path == str(home / "datasets" / "name.txt")
        assert pathlib.Path(path).read_bytes() == CONTENT
    assert server.asked == ["/file"]
    assert capsys.readouterr().out == f"Downloading data from {server.url}/file\n"
    assert os.listdir(home / "datasets") == ["name.txt"]


def test_the_bar_counts_bytes(server, home, capsys):
    utils.get_file("x", f"{server.url}/file")
    assert "20.5k/20.5k" in capsys.readouterr().err
    utils.disable_interactive_logging()
    try:
        utils.get_file("x", f"{server.url}/file", force_download=True)
    finally:
        utils.enable_interactive_logging()
    assert capsys.readouterr() == ("", "")


def test_names_and_folders(server, home, tmp_path):
    assert utils.get_file(origin=f"{server.url}/a/b.bin?c=d/e#f") == str(home / "datasets" / "b.bin")
    assert utils.get_file(pathlib.Path("p"), f"{server.url}/a", cache_subdir="s/t") == str(home / "s" / "t" / "p")
    assert utils.get_file("n", f"{server.url}/a", cache_dir=tmp_path / "new") == str(tmp_path / "new/datasets/n")
    assert utils.get_file("n", f"{server.url}/a", cache_subdir=tmp_path / "abs") == str(tmp_path / "abs" / "n")
    assert len(server.asked) == 4


def test_force_download(server, home):
    path = pathlib.Path(utils.get_file("x", f"{server.url}/file"))
    path.write_text("changed")
    utils.get_file("x", f"{server.url}/file")
    assert path.read_text() == "changed"
    utils.get_file("x", f"{server.url}/file", force_download=True)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "hashes",
    [
        {"md5_hash": MD5},
        {"file_hash": MD5},
        {"file_hash": SHA256},
        {"file_hash": SHA256.upper(), "hash_algorithm": "sha256"},
        {"file_hash": MD5, "hash_algorithm": "md5"},
        {"file_hash": SHA256, "md5_hash": "ignored beside file_hash"},
    ],
)
def test_hashes(server, home, hashes, capsys):
    path = pathlib.Path(utils.get_file("x", f"{server.url}/file", **hashes))
    utils.get_file("x", f"{server.url}/file", **hashes)
    assert server.asked == ["/file"]
    path.write_text("outdated")
    utils.get_file("x", f"{server.url}/file", **hashes)
    assert path.read_bytes() == CONTENT
    assert "A local file was found, but it seems to be incomplete or outdated" in capsys.readouterr().out


def test_a_wrong_hash_keeps_nothing_and_costs_nothing(server, home):
    path = home / "datasets" / "x"
    with pytest.raises(ValueError, match=f"Incomplete or corrupted file detected.*SHA256 hash is {SHA256}"):
        utils.get_file("x", f"{server.url}/file", file_hash="0" * 64)
    assert os.listdir(path.parent) == []
    path.write_text("earlier")
    with pytest.raises(ValueError, match="The auto file hash does not match the provided value of 1234"):
        utils.get_file("x", f"{server.url}/file", file_hash="1234")
    assert path.read_text() == "earlier"
    with pytest.raises(ValueError, match=r"Expected 'auto', 'md5' or 'sha256'. Received: hash_algorithm='sha1'"):
        utils.get_file("x", f"{server.url}/file", file_hash="1234", hash_algorithm="sha1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "URL fetch failure on .*/missing: 404 -- Not Found"),
        ("short", "URL fetch failure on .*/short: None -- retrieval incomplete: got only 100 out of 21000 bytes"),
    ],
)
def test_failures_leave_nothing(server, home, name, message):
    with pytest.raises(OSError, match=message):
        utils.get_file("x", f"{server.url}/{name}")
    (home / "datasets" / "x").write_text("earlier")
    with pytest.raises(OSError, match=message):
        utils.get_file("x", f"{server.url}/{name}", force_download=True)
    assert {name: (home / "datasets" / name).read_text() for name in os.listdir(home / "datasets")} == {"x": "earlier"}


def test_a_server_that_is_not_there(home):
    with pytest.raises(OSError, match=r"URL fetch failure on http://127.0.0.1:1/x: None -- .*refused"):
        utils.get_file("x", "http://127.0.0.1:1/x")


def test_a_server_that_falls_silent(server, home, monkeypatch):
    monkeypatch.setattr(downloads, "_SECONDS_OF_SILENCE", 0.1)
    with pytest.raises(OSError, match=r"URL fetch failure on .*timed out"):
        utils.get_file("x", f"{server.url}/stuck")
    assert os.listdir(home / "datasets") == []


def test_an_interrupted_download_leaves_nothing(server, home, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        utils.get_file("x", f"{server.url}/file")
    assert os.listdir(home / "datasets") == []


def test_what_a_killed_download_left_is_removed_by_the_next(server, home):
    (home / "datasets").mkdir(parents=True)
    left = home / "datasets" / f".x.{downloads.atomic._place()}-{2**22 + 1}-00000000.tmp"
    left.write_bytes(CONTENT[:10])
    utils.get_file("x", f"{server.url}/file")
    assert os.listdir(home / "datasets") == ["x"]


def test_a_file_of_unknown_length(server, home):
    assert pathlib.Path(utils.get_file("x", f"{server.url}/unknown-length")).read_bytes() == CONTENT


def test_a_server_cannot_point_to_files(server, home, tmp_path):
    (tmp_path / "secret").write_text("secret")
    server.target = (tmp_path / "secret").as_uri()
    with pytest.raises(OSError, match="URL fetch failure"):
        utils.get_file("x", f"{server.url}/moved")
    server.target = f"{server.url}/file"
    assert pathlib.Path(utils.get_file("x", f"{server.url}/moved")).read_bytes() == CONTENT


def test_wrong_arguments(home):
    with pytest.raises(ValueError, match='Please specify the "origin" argument'):
        utils.get_file("x")
    with pytest.raises(ValueError, match=r"Paths are no longer accepted as the `fname` argument.*fname=a/b"):
        utils.get_file("a/b", "http://x/y")
    for origin in ("http://x/", "http://x", "http://x/a/..", "http://x/."):
        with pytest.raises(ValueError, match="Can't parse the file name from the origin provided"):
            utils.get_file(origin=origin)
    with pytest.raises(ValueError, match="unknown url type"):
        utils.get_file("x", "/a/path")


def test_threads_download_one_file(server, home):
    errors = []

    def work():
        try:
            assert pathlib.Path(utils.get_file("x", f"{server.url}/file", file_hash=SHA256)).read_bytes() == CONTENT
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert os.listdir(home / "datasets") == ["x"]


# Archives -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def archives(tmp_path):
    (tmp_path / "ünï").write_text("text")
    with tarfile.open(tmp_path / "pack.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "ünï", "inner/ünï")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.write(tmp_path / "ünï", "inner/ünï")
    return tmp_path


@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
@pytest.mark.parametrize(
    ("fname", "folder", "file"),
    [
        (None, "pack.{}", "pack.{}_archive"),
        ("mine", "mine", "mine_archive"),
        ("mine.{}", "mine_extracted", "mine.{}"),
        (".hidden", "_extracted", ".hidden"),
    ],
)
def test_unpacking(archives, home, ending, fname, folder, file):
    origin = (archives / f"pack.{ending}").as_uri()
    for _ in range(2):
        path = utils.get_file(fname and fname.format(ending), origin, extract=True)
        assert path == str(home / "datasets" / folder.format(ending))
        assert pathlib.Path(path, "inner", "ünï").read_text() == "text"
    assert sorted(os.listdir(home / "datasets")) == sorted((folder.format(ending), file.format(ending)))


def test_untar_takes_tar_files_only(archives, home):
    assert os.listdir(utils.get_file("a", (archives / "pack.tar.gz").as_uri(), untar=True)) == ["inner"]
    with pytest.warns(UserWarning, match="Could not extract archive"):
        path = utils.get_file("b", (archives / "pack.zip").as_uri(), untar=True)
    assert path == str(home / "datasets" / "b")
    assert not os.path.exists(path)
    with pytest.warns(UserWarning, match="Could not extract archive"):
        utils.get_file("a", (archives / "pack.tar.gz").as_uri(), extract=True, archive_format=None)


# Where the cache is -------------------------------------------------------------------------------------------------


def test_the_default_cache_is_that_of_keras(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.keras_home() == str(tmp_path / ".keras")
    monkeypatch.setenv("KERAS_HOME", "~/other")
    assert config.keras_home() == str(tmp_path / "other")


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """A home that cannot be written, and a folder for temporary files."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "temporary").mkdir()
    real = os.path.isdir
    monkeypatch.setattr(os.path, "isdir", lambda path: path != "/tmp" and real(path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(tmp_path / "home") and access(path, mode))
    return tmp_path / "temporary"


def test_temporary_files_replace_a_home_that_cannot_be_written(server, unwritable):
    path = utils.get_file("x", f"{server.url}/file")
    assert path == str(unwritable / ".keras" / "datasets" / "x")
    assert stat.S_IMODE((unwritable / ".keras").stat().st_mode) == 0o700


@pytest.mark.parametrize("planted", ["link", "folder of another user"])
def test_what_others_planted_among_temporary_files_is_not_used(server, unwritable, tmp_path, planted, monkeypatch):
    if planted == "link":
        (unwritable / ".keras").symlink_to(tmp_path)
    else:
        (unwritable / ".keras").mkdir()
        real = os.lstat
        other = list(os.lstat(unwritable))
        other[4] += 1
        monkeypatch.setattr(
            os, "lstat", lambda path: os.stat_result(other) if str(path).endswith(".keras") else real(path)
        )
    path = utils.get_file("x", f"{server.url}/file")
    assert path == str(unwritable / f".keras-{os.getuid()}" / "datasets" / "x")
    with contextlib.suppress(FileNotFoundError):
        assert os.listdir(unwritable / ".keras" / "datasets") == []
