"""Runs a script or module in the zero-change mode, as `python script.py` and `python -m module` would run it."""

from __future__ import annotations

import builtins
import io
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType, TracebackType
from typing import NoReturn

import torchkeras_shim
from torchkeras_shim.compat.finder import install

#: Tells children of multiprocessing which script their parent runs.
SCRIPT_VARIABLE = "TORCHKERAS_SHIM_SCRIPT"

_USAGE = """\
usage: python -m torchkeras_shim script.py [arguments]
       python -m torchkeras_shim -m module [arguments]
       python -m torchkeras_shim port script.py [-o out.py]
       python -m torchkeras_shim --modernize script.py [-o out.py]

Runs a program written for Keras or TensorFlow on PyTorch, unchanged: `import keras`, `import tensorflow as tf` and
everything below them resolve to torchkeras_shim. Arguments, exit code and tracebacks are those of plain Python.
`port` prints a script as one that imports torchkeras_shim, `--modernize` with the spellings of Keras 3.

options:
  -m module      run a module or package instead of a script
  -h, --help     show this help
  -V, --version  show the version
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of `python -m torchkeras_shim`.

    Args:
        arguments: The words after the command; those of the process by default.

    Raises:
        SystemExit: with status 2 where the command line is wrong, and whatever the program itself raises.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ("-h", "--help"):
        print(_USAGE, end="")
        return
    if words and words[0] in ("-V", "--version"):
        print(f"torchkeras_shim {torchkeras_shim.__version__}")
        return
    if not words or (words[0] == "-m" and len(words) < 2):
        _leave(_USAGE)
    if words[0].startswith("-") and words[0] != "-m":
        _leave(f"torchkeras_shim: unknown option {words[0]}\n{_USAGE}")
    install()
    if words[0] == "-m":
        run_module(words[1], words[2:])
    else:
        run_script(words[0], words[1:])


def _leave(text: str) -> NoReturn:
    sys.stderr.write(text)
    raise SystemExit(2)


def run_module(name: str, arguments: Sequence[str] = ()) -> None:
    """Runs a module or package as `python -m name` does."""
    sys.argv = [name, *arguments]
    _guarded(lambda: runpy.run_module(name, run_name="__main__", alter_sys=True))


def run_script(path: str, arguments: Sequence[str] = ()) -> None:
    """Runs a script, or a folder or zip file with a `__main__.py`, as `python path` does."""
    if not os.path.exists(path):
        _leave(f"torchkeras_shim: can't open file {os.path.abspath(path)!r}: no such file\n")
    sys.argv = [path, *arguments]
    if not _is_script(path):
        _guarded(lambda: runpy.run_path(path, run_name="__main__"))
        return
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    full_path = os.path.abspath(path)
    os.environ[SCRIPT_VARIABLE] = full_path
    module = new_main(full_path)
    replaced, sys.modules["__main__"] = sys.modules.get("__main__"), module
    _guarded(lambda: execute(full_path, module))
    del replaced  # kept alive until here: a module that is dropped loses its globals


def new_main(path: str) -> ModuleType:
    """Returns an empty `__main__` for a script.

    Its spec is not `None`, as a script's usually is: multiprocessing's children import their `__main__` by that name,
    and must come through `spawned` to find the stand-ins too.
    """
    module = ModuleType("__main__")
    module.__dict__.update(
        __file__=path,
        __builtins__=builtins,
        __cached__=None,
        __package__=None,
        __loader__=SourceFileLoader("__main__", path),
        __spec__=ModuleSpec("torchkeras_shim.compat.spawned", None, origin=path),
    )
    return module


def execute(path: str, module: ModuleType) -> None:
    """Runs a script's code in a module's namespace."""
    with io.open_code(path) as file:
        source = file.read()
    exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)


def _is_script(path: str) -> bool:
    if os.path.isdir(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) != b"PK\x03\x04"


def _guarded(run: Callable[[], object]) -> None:
    """Calls `run`; an exception leaves as it came, but its traceback is shown without the frames of this file."""
    try:
        run()
    except SystemExit:
        raise
    except BaseException as error:
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
            traceback = traceback.tb_next
        _show_from(traceback)
        raise


def _show_from(traceback: TracebackType | None) -> None:
    hook = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, _: TracebackType | None) -> None:
        sys.excepthook = hook
        error.__traceback__ = traceback
        hook(kind, error, traceback)

    sys.excepthook = show
