"""What `import torchkeras_shim` sets for OpenMP, and when it leaves things alone."""

import json
import os
import subprocess
import sys

import pytest

from torchkeras_shim.core import spinning

NAMES = (spinning.SETTING, "OMP_WAIT_POLICY", spinning.SWITCH)


def settings_after(code, **variables):
    """Returns the variables that some code leaves behind in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    code = f"import os, json; {code}; print(json.dumps({{n: os.environ[n] for n in {NAMES} if n in os.environ}}))"
    result = subprocess.run(
        [sys.executable, "-c", code], env={**environment, **variables}, capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


def test_importing_the_package_before_torch_bounds_spinning():
    assert settings_after("import torchkeras_shim") == {spinning.SETTING: spinning.TURNS}


def test_importing_it_after_torch_changes_nothing():
    assert settings_after("import sys; sys.modules['torch'] = sys; import torchkeras_shim") == {}


@pytest.mark.parametrize(
    "variables",
    [
        {spinning.SWITCH: "0"},
        {"GOMP_SPINCOUNT": "17"},
        {"OMP_WAIT_POLICY": "active"},
    ],
    ids=str,
)
def test_what_the_user_has_set_stays(variables):
    assert settings_after("import torchkeras_shim", **variables) == variables


def test_openmp_reads_the_setting():
    """Torch's OpenMP library prints what it has read when it is loaded."""
    code = "import torchkeras_shim, torch; torch.ones(2)"
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    read = [line for line in result.stderr.splitlines() if spinning.SETTING in line]
    assert all(spinning.TURNS in line for line in read), read
    assert read or "GOMP_" not in result.stderr  # only GNU's library knows the setting, and shows it
