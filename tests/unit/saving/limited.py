"""Loads files in processes with little memory and time: `python -m tests.unit.saving.limited path...`.

Prints one line per file: what loading ended with.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import warnings

import torchkeras_shim as keras
from tests.unit.saving.hostile import model_of, trained

SECONDS, BYTES = 20, 600 << 20


def load(path: str) -> str:
    """Reads a file in every way that its name allows. Returns the errors."""
    ways = []
    if not path.endswith((".weights.h5", ".weights.json", ".safetensors")):
        ways.append(lambda: keras.saving.load_model(path))
    ways.append(lambda: model_of(4, 2).load_weights(path))
    if path.endswith(".h5") and not path.endswith(".weights.h5"):
        ways.append(lambda: model_of(4, 2).load_weights(path, by_name=True, skip_mismatch=True))
    if path.endswith((".keras", ".weights.h5")):
        ways.append(lambda: keras.saving.KerasFileEditor(path))
    errors = []
    for way in ways:
        try:
            way()
        except (ValueError, OSError) as error:
            errors.append(error)
            if os.path.basename(path) not in str(error):
                raise RuntimeError(f"The error does not name the file: {error!r}") from error
    return " | ".join(f"{type(error).__name__}: {str(error)[:400]}" for error in errors) or "loaded"


def outcome(path: str) -> str:
    """Returns what loading in a process of its own ended with."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, used + BYTES))
        try:
            text = load(path)
        except BaseException as error:
            text = f"FAILED: {error!r}"
        os.write(writing, text.replace("\n", " ").encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        text = file.read().decode()
    _, status = os.waitpid(child, 0)
    return text or f"FAILED: killed by signal {os.WTERMSIG(status)}"


def main(paths: list[str]) -> None:
    warnings.simplefilter("ignore")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - what the editor prints
    trained()
    for path in paths:
        print(os.path.basename(path), outcome(path), file=sys.__stdout__)


if __name__ == "__main__":
    main(sys.argv[1:])
