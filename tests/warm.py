"""Runs Python programs in processes of their own that need not load torch first: `run("-c", "print(1)")`.

A server, `python -m tests.warm`, has loaded what nearly every program needs, and forks a child for each. It is for
tests of what a program does, not of how it starts: a fresh interpreter costs two seconds of work, a child some
milliseconds.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOADED = ("torch", "torchkeras_shim", "h5py", "torchkeras_shim.saving", "tests.unit.saving.killing")

_server: subprocess.Popen[str] | None = None


def run(*arguments, cwd=None, env=None, timeout=120):
    """Runs Python with command-line arguments: a script, `-m module` or `-c code`, and what they are given.

    Args:
        arguments: What would stand behind `python`.
        cwd: The folder to run in.
        env: What differs from the environment of the tests.
        timeout: After how many seconds the program is killed.

    Returns:
        A `subprocess.CompletedProcess` with texts.
    """
    arguments = [str(argument) for argument in arguments]
    env = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", **(env or {})}
    if not sys.platform.startswith("linux"):  # a fork is not safe everywhere
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**os.environ, **env},
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
        )
    with tempfile.TemporaryDirectory() as folder:
        out, err = os.path.join(folder, "out"), os.path.join(folder, "err")
        server = _started()
        request = {"arguments": arguments, "cwd": str(cwd or ROOT), "env": env, "out": out, "err": err}
        print(json.dumps(request | {"timeout": timeout}), file=server.stdin, flush=True)
        answer = server.stdout.readline()
        assert answer, "the server of tests/warm.py has ended"
        texts = [Path(path).read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return subprocess.CompletedProcess([sys.executable, *arguments], int(answer), *texts)


def _started():
    global _server
    if _server is None or _server.poll() is not None:
        _server = subprocess.Popen(
            [sys.executable, "-m", "tests.warm"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(_end, _server)
    return _server


def _end(server):
    with server:  # closes the pipes, at which it ends, and waits
        pass


# In the server ------------------------------------------------------------------------------------------------------


def serve():
    """Forks a child for each line of the standard input, and prints its return code."""
    for name in LOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(_program(**request))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _program(arguments, cwd, env, out, err, timeout):
    """Becomes the program. Returns its exit code."""
    signal.alarm(int(timeout))
    os.environ.update(env)
    os.chdir(cwd)
    for path, descriptor in ((os.devnull, 0), (out, 1), (err, 2)):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    atexit._clear()
    code = 0
    try:
        _execute(arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return code


def _execute(arguments):
    first, *rest = arguments
    if first == "-c":
        code, *rest = rest
        sys.argv = ["-c", *rest]
        main = type(sys)("__main__")
        sys.modules["__main__"] = main
        exec(compile(code, "<string>", "exec"), main.__dict__)
    elif first == "-m":
        name, *rest = rest
        sys.argv = [name, *rest]
        sys.modules.pop(name, None)
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        sys.path.insert(0, os.path.dirname(os.path.abspath(first)))
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    serve()
