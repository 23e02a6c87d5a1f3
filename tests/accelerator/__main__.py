"""Runs the checks on the stand-in accelerator: `python -m tests.accelerator -k dense`.

An ordinary run of the tests does not collect them, because torch has to know the device before the first backward pass
of a process, and from then on takes it for the accelerator of everything. `test_accelerator.py` runs them there, in a
process of their own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

os.environ["TORCHKERAS_SHIM_DEVICE"] = "cpu"  # the device is asked for by the checks

if __name__ == "__main__":
    given = sys.argv[1:]
    named = [argument for argument in given if argument.split("::")[0].endswith(".py")]
    folder = [] if named else [str(Path(__file__).parent)]
    sys.exit(pytest.main(["-o", "python_files=check_*.py", "-p", "no:cacheprovider", *folder, *given]))
