"""Saves that are killed, fail, or meet one another: the path always holds one whole file, the old or a new one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from tests import warm
from tests.unit.saving import killing
from torchkeras_shim.core import atomic

NAMES = ["m.keras", "m.h5", "m.weights.h5", "m.safetensors", "m.weights.json", "folder"]
FILES = NAMES[:4]


@pytest.fixture(scope="module")
def models():
    return {value: killing.model_of(value) for value in (1.0, 2.0)}


def run(*arguments):
    result = warm.run(*arguments)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_save_leaves_a_whole_file(name, tmp_path):
    printed = run("-m", "tests.unit.saving.killing", str(tmp_path / name))
    assert int(printed.split()[2]) > 8, printed


def test_a_killed_save_where_folders_cannot_be_exchanged(tmp_path):
    run("-m", "tests.unit.saving.killing", str(tmp_path / "folder"), "--without-exchange")


@pytest.mark.parametrize("name", NAMES)
def test_threads_that_save_to_one_path(name, tmp_path, models):
    path = str(tmp_path / name)
    failures = []

    def save(value):
        try:
            for _ in range(4):
                killing.save(models[value], path)
        except BaseException as error:
            failures.append(error)

    killing.save(models[1.0], path)
    clean = len(os.listdir(tmp_path))
    threads = [threading.Thread(target=save, args=(value,)) for value in (1.0, 2.0) * 3]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert killing.load(path) in (1.0, 2.0)
    assert not failures
    assert len(os.listdir(tmp_path)) == clean


@pytest.mark.parametrize("name", ["m.keras", "m.weights.json", "folder"])
def test_processes_that_save_to_one_path(name, tmp_path):
    path = str(tmp_path / name)
    program = textwrap.dedent(f"""
        import os
        from tests.unit.saving import killing
        models = [killing.model_of(value) for value in (1.0, 2.0)]
        killing.save(models[0], {path!r})
        children = []
        for index in range(4):
            child = os.fork()
            if not child:
                for _ in range(5):
                    killing.save(models[index % 2], {path!r})
                    assert killing.load({path!r}) in (1.0, 2.0)
                os._exit(0)
            children.append(child)
        print([os.waitpid(child, 0)[1] for child in children], killing.load({path!r}))
    """)
    assert run("-c", program).startswith("[0, 0, 0, 0]")
    assert len(os.listdir(tmp_path)) == (4 if name == "m.weights.json" else 1)


# What is left behind -------------------------------------------------------------------------------------------------


def process_that_ended():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_only_what_nobody_writes_any_more_is_removed(tmp_path, models):
    here, gone, elsewhere = atomic._place(), process_that_ended(), "00000000"
    stale = [f".m.keras.{here}-{gone}-0123abcd.tmp", f".m.keras.{here}-{gone}-0123abcd.tmp.weights"]
    stale += [f".m.keras.{here}-{os.getpid()}-0123abcd.tmp"]  # an earlier process of the same number
    live = [f".m.keras.{here}-{os.getppid()}-0123abcd.tmp", f".m.keras.{elsewhere}-{gone}-0123abcd.tmp"]
    others = [f".m.keras.{gone}.tmp", "m.keras.tmp", f"m.{here}-{gone}-0123abcd.tmp"]
    for name in (*stale, *live, *others):
        (tmp_path / name).write_text("x")
    hidden = tmp_path / f".f.{here}-{gone}-01234567.tmp.folder"  # as around what safetensors writes
    hidden.mkdir()
    (hidden / ".tmpAbCdEf").write_text("x")
    models[1.0].save(tmp_path / "m.keras")
    assert sorted(os.listdir(tmp_path)) == sorted([*live, *others, "m.keras"])
    long_ago = time.time() - 2 * 24 * 60 * 60
    for name in live:
        os.utime(tmp_path / name, (long_ago, long_ago))
    models[1.0].save(tmp_path / "m.keras")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "m.keras"])


def test_shards_of_others_stay(tmp_path, models):
    mine = ["m_00000.weights.h5", "m_0123abcd.weights.h5", "m_0123abcd_best.weights.h5", "mm_0123abcd_00000.weights.h5"]
    for name in mine:
        (tmp_path / name).write_text("x")
    for _ in range(2):
        killing.save(models[1.0], str(tmp_path / "m.weights.json"))
    assert len(os.listdir(tmp_path)) == len(mine) + 3
    assert set(mine) < set(os.listdir(tmp_path))


# Failures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk(name, tmp_path):
    """A limit on the size of files stands in for it."""
    path = str(tmp_path / name)
    program = textwrap.dedent(f"""
        import os, resource
        from tests.unit.saving import killing
        killing.save(killing.model_of(1.0), {path!r})
        before = sorted(os.listdir({str(tmp_path)!r}))
        model = killing.model_of(2.0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        try:
            killing.save(model, {path!r})
        except Exception as error:
            print(type(error).__name__, error)
        assert sorted(os.listdir({str(tmp_path)!r})) == before
        print(killing.load({path!r}))
    """)
    lines = run("-c", program).splitlines()
    assert lines[0].startswith(f"OSError [Errno 27] File too large: '{path.partition('.')[0]}")
    assert ".tmp" not in lines[0]
    assert lines[-1] == "1.0"


@pytest.mark.parametrize("name", FILES)
def test_a_folder_at_the_path(name, tmp_path, models):
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=name) as caught:
        killing.save(models[1.0], str(tmp_path / name))
    assert caught.value.filename == str(tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    assert os.listdir(tmp_path / name) == []


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "m.safetensors", "m.weights.json"])
def test_a_folder_that_is_missing(name, tmp_path, models):
    path = str(tmp_path / "missing" / name)
    with pytest.raises(FileNotFoundError) as caught:
        killing.save(models[1.0], path)
    assert str(caught.value) == f"[Errno 2] No such file or directory: '{path}'"


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5"])
def test_what_is_not_a_file_is_never_replaced(name, tmp_path, models):
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="Not a regular file"):
        killing.save(models[1.0], str(tmp_path / name))
    assert stat.S_ISFIFO(os.stat(tmp_path / name).st_mode)


def test_a_file_that_must_not_be_written(tmp_path, models, monkeypatch):
    path = str(tmp_path / "m.keras")
    killing.save(models[1.0], path)
    monkeypatch.setattr(os, "access", lambda place, kind: False)  # the user of the tests may write everything
    with pytest.raises(PermissionError, match=r"m\.keras"):
        killing.save(models[2.0], path)
    assert killing.load(path) == 1.0


@pytest.mark.parametrize("name", FILES)
def test_permissions_are_kept(name, tmp_path, models):
    path = str(tmp_path / name)
    killing.save(models[1.0], path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666 & ~umask()
    os.chmod(path, 0o640)
    killing.save(models[2.0], path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


@pytest.mark.parametrize("name", FILES)
def test_a_link_is_followed(name, tmp_path, models):
    (tmp_path / "other").mkdir()
    os.symlink(tmp_path / "other" / name, tmp_path / name)
    killing.save(models[1.0], str(tmp_path / name))
    assert os.path.islink(tmp_path / name)
    assert os.listdir(tmp_path / "other") == [name]
    assert killing.load(str(tmp_path / name)) == 1.0


def test_a_long_name(tmp_path, models):
    path = str(tmp_path / ("ö" * 124 + ".keras"))
    killing.save(models[1.0], path)
    assert killing.load(path) == 1.0
