"""The scripts of `examples/tensorflow`, unmodified, in the zero-change mode, to results that are worth something."""

import re

import pytest

from tests.tutorials.conftest import ROOT

SCRIPTS = ROOT / "examples" / "tensorflow"

#: What a script prints, and what must be true of the numbers in it.
EXPECTED = {
    "custom_loop": (r"accuracy: ([\d.]+)\nkept: (\d)", lambda accuracy, kept: accuracy > 0.9 and kept == 2),
    "gan": (r"circle: ([\d.]+) -> ([\d.]+)", lambda before, after: after < before / 2),
    "grad_cam": (
        r"accuracy: ([\d.]+)\nheatmap: \(16, 16\) of (\d+)",
        lambda accuracy, top: accuracy > 0.9 and top == 255,
    ),
    "image_pairs": (r"loss: ([\d.]+) -> ([\d.]+)", lambda before, after: after < before / 2),
    "q_learning": (r"policy: \[(\d), (\d), (\d), (\d), (\d)\]", lambda *actions: sum(actions) >= 4),
    "records": (r"accuracy: ([\d.]+)", lambda accuracy: accuracy > 0.9),
    "style_transfer": (r"loss: ([\d.]+) -> ([\d.]+)", lambda before, after: after < before / 4),
    "table": (r"recall: ([\d.]+); auc: ([\d.]+)", lambda recall, auc: recall > 0.8 and auc > 0.95),
    "text_generation": (r"loss: ([\d.]+) -> ([\d.]+)", lambda before, after: after < before / 3),
    "time_series": (r"mae: ([\d.]+)", lambda mae: mae < 0.2),
    "translation": (r"accuracy: ([\d.]+)", lambda accuracy: accuracy > 0.9),
    "vae": (r"loss: ([\d.]+) -> ([\d.]+)", lambda before, after: after < before / 2),
}


def test_every_script_is_here():
    assert sorted(path.stem for path in SCRIPTS.glob("*.py")) == sorted(EXPECTED)
    assert all("torchkeras_shim" not in path.read_text() for path in SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("name", EXPECTED)
def test_scripts(name, unmodified):
    unmodified(SCRIPTS / f"{name}.py", *EXPECTED[name])


def test_one_as_a_program(run):
    printed = run("-m", "torchkeras_shim", SCRIPTS / "vae.py")
    assert re.search(EXPECTED["vae"][0], printed)
