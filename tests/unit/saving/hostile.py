"""What the tests of hostile and damaged files share: a good file to spoil, and an eye on what loading does."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zipfile

import numpy as np

import torchkeras_shim as keras
from torchkeras_shim import layers

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
_seen: list[tuple[str, object]] | None = None
_FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "socket.getaddrinfo",
    "marshal.loads",
    "pickle.find_class",
    "exec",
    "import",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.symlink",
    "shutil.move",
    "ctypes.dlopen",
)


def _hook(event: str, args: tuple[object, ...]) -> None:
    if _seen is not None and (event == "open" or event in _FORBIDDEN):
        _seen.append((event, args[0] if args else None))


sys.addaudithook(_hook)


@contextlib.contextmanager
def watched(path: str):
    """Fails where the block opens another file than `path`, or runs, imports, moves or connects to anything."""
    global _seen
    _seen = []
    try:
        yield
    finally:
        seen, _seen = _seen, None
        allowed = {os.path.realpath(path), os.path.abspath(path), path}
        # Python opens the source of a module to show a line of it in a warning or a traceback.
        found = [
            (event, target)
            for event, target in seen
            if not (event == "open" and (target in allowed or str(target).endswith(".py")))
        ]
        assert not found, f"Loading touched more than the file: {found}"


def model_of(*units, inputs=3):
    return keras.Sequential([keras.Input((inputs,)), *(layers.Dense(n) for n in units)])


def trained():
    """A compiled model with the state of an optimizer."""
    model = model_of(4, 2)
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0)
    return model


def warm_up(tmp_path):
    """Loads a good file of each format once, so that all modules are there before anybody is watched."""
    with contextlib.suppress(ValueError):
        keras.saving.deserialize_keras_object({"class_name": "nobody knows", "config": {}})
    for ending in (".keras", ".h5"):
        path = str(tmp_path / f"warm{ending}")
        trained().save(path)
        keras.saving.load_model(path)
        os.remove(path)


def rewrite(path, change=None, members=None, compression=zipfile.ZIP_STORED):
    """Changes the config of a `.keras` file by a function, and adds or replaces members."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    if change is not None:
        config = json.loads(contents[CONFIG])
        change(config)
        contents[CONFIG] = json.dumps(config).encode()
    contents.update(members or {})
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            if data is not None:
                archive.writestr(name, data)
