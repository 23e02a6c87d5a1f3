"""`python -m torchkeras_shim port script.py` and `python -m torchkeras_shim --modernize script.py`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

#: The words that the command line of this library begins with for these two.
PORT, MODERNIZE = "port", "--modernize"


def main(arguments: Sequence[str]) -> None:
    """The command line of both.

    Args:
        arguments: The words after `python -m torchkeras_shim`; the first is `port` or `--modernize`.

    Raises:
        SystemExit: With status 1 if a script cannot be read, with status 2 if the command line is wrong.
    """
    options = _parser(arguments[0]).parse_args(arguments[1:])
    rewriting = _rewriting()
    try:
        code = Path(options.script).read_bytes()
    except OSError as error:
        _leave(f"can't open file {options.script!r}: {error.strerror}", 2)
    rewrite = rewriting.port if arguments[0] == PORT else rewriting.modernize
    try:
        result = rewrite(code, options.script)
    except ValueError as error:
        _leave(str(error), 1)
    _write(result.code, options.output)
    _report(options.script, result, arguments[0] == PORT)


def _parser(word: str) -> argparse.ArgumentParser:
    what = {
        PORT: "Prints a Keras or TensorFlow script as one that imports torchkeras_shim.",
        MODERNIZE: "Prints a script of Keras 1, Keras 2 or tf.keras with the spellings of Keras 3.",
    }[word]
    parser = argparse.ArgumentParser(
        prog=f"python -m torchkeras_shim {word}",
        description=f"{what} What was changed and what is left for a person to look at is listed on stderr. Nothing of "
        "the script is run.",
    )
    parser.add_argument("script", help="the script")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it into a file instead of printing it")
    return parser


def _rewriting() -> ModuleType:
    try:
        return importlib.import_module("torchkeras_shim.porting.rewriting")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "libcst":
            raise
        _leave('rewriting scripts needs LibCST. Install it: pip install "torchkeras_shim[port]"', 1)


def _write(code: bytes, path: str | None) -> None:
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(code)
        sys.stdout.buffer.flush()
    else:
        Path(path).write_bytes(code)


def _report(script: str, result: Any, to_library: bool) -> None:
    lines = [f"{script}:{note.line}: {note.text}" for note in result.changed]
    if result.left:
        lines += ["", "Left for you to look at:"]
        lines += [f"{script}:{note.line}: {note.text}" for note in result.left]
        if to_library:
            lines += [
                "",
                "With what is left, run it by `python -m torchkeras_shim`, where `keras` and `tensorflow` resolve.",
            ]
    if not lines:
        lines = [f"{script}: nothing to change"]
    sys.stderr.write("\n".join([*lines, ""]))


def _leave(text: str, status: int) -> NoReturn:
    sys.stderr.write(f"torchkeras_shim: {text}\n")
    raise SystemExit(status)
