"""Runs the checks on the stand-in accelerator: `python -m tests.accelerator -k dense`.

Ordinary tests run on it too, if they are named: `python -m tests.accelerator tests/parity/test_ops.py`. What they make
is on the device then.

An ordinary run of the tests does not collect them, because torch has to know the device before the first backward pass
of a process, and from then on takes it for the accelerator of everything. `test_accelerator.py` runs them there, in a
process of their own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.accelerator import device

if __name__ == "__main__":
    given = sys.argv[1:]
    files = [argument for argument in given if argument.split("::")[0].endswith(".py")]
    if any("/test_" in f"/{file}" for file in files):
        os.environ["TORCHKERAS_SHIM_DEVICE"] = str(device.load())
        options = []
    else:
        os.environ["TORCHKERAS_SHIM_DEVICE"] = "cpu"  # the checks ask for the device themselves
        options = ["-o", "python_files=check_*.py"] + ([] if files else [str(Path(__file__).parent)])
    sys.exit(pytest.main([*options, "-p", "no:cacheprovider", *given]))
