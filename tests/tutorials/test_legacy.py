"""The scripts of `examples/legacy`, of Keras 1 and 2, in the zero-change mode, to results that are worth something."""

import pytest

from tests.tutorials.conftest import ROOT

SCRIPTS = ROOT / "examples" / "legacy"

#: What a script prints, and what must be true of the numbers in it.
EXPECTED = {
    "custom_layer": (
        r"accuracy: ([\d.]+) after (\d+) epochs of at most 25\n(?:.*\n)*difference: ([\d.]+)",
        lambda accuracy, epochs, difference: accuracy > 0.95 and epochs < 25 and difference < 1e-5,
    ),
    "deep_dream": (r"loss: ([\d.]+) -> ([\d.]+)\ndream: \(1, 20, 20, 3\)", lambda a, b: b > 20 * a),
    "grid_search": (
        r"Best: ([\d.]+) using 24 units\n(?:.*\n)*score: -([\d.]+), predicted \(3,\)",
        lambda accuracy, loss: accuracy > 0.62 and loss < 0.05,
    ),
    "keras1_cnn": (
        r"validation: ([\d.]+)\naccuracy: ([\d.]+)\nclasses right: ([\d.]+)",
        lambda validation, accuracy, right: validation == accuracy == right > 0.9,
    ),
    "keras1_merge": (
        r"functional: ([\d.]+)\n(?:.*\n)*branches: ([\d.]+)\nmerged: \(None, 16\)",
        lambda a, b: a > 0.85 and b > 0.85,
    ),
    "keras22_stateful": (
        r"loss: ([\d.]+) -> ([\d.]+)\n(?:.*\n)*carried: ([\d.]+), again: ([\d.]+)",
        lambda first, last, carried, again: last < first / 4 and carried > 0.01 and again < 1e-5,
    ),
    "keras22_text": (
        r"Found 20 unique tokens.\naccuracy: ([\d.]+), validation: ([\d.]+)\n(?:.*\n)*predicted: \[1, 0\]\n"
        r"bag of words: (\d)",
        lambda accuracy, validation, words: accuracy > 0.95 and validation > 0.95 and words == 3,
    ),
    "keras22_vae": (
        r"loss: ([\d.]+) -> ([\d.]+)\nvalidation: ([\d.]+)\n(?:.*\n)*latent: \(600, 2\)",
        lambda first, last, validation: last < first / 2 and validation < first / 2,
    ),
    "keras23_generator": (
        r"accuracy: ([\d.]+)\nepochs: 6, last: ([\d.]+)\n(?:.*\n)*leaf: ([\d.]+)",
        lambda accuracy, last, leaf: accuracy > 0.9 and last > 0.9 and leaf > 0.5,
    ),
    "policy_gradient": (
        r"reward: (-[\d.]+) -> (-[\d.]+)\n(?:.*\n)*moves: \[2, 2, 1, 0, 0\]",
        lambda first, last: last > first / 2,
    ),
    "siamese": (r"accuracy: ([\d.]+)", lambda accuracy: accuracy > 0.95),
    "tfkeras1": (r"r2: ([\d.]+)\n(?:.*\n)*difference: ([\d.]+)", lambda r2, difference: r2 > 0.9 and difference < 1e-5),
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning")


def test_every_script_is_here():
    assert sorted(path.stem for path in SCRIPTS.glob("*.py")) == sorted(EXPECTED)
    assert all("torchkeras_shim" not in path.read_text() for path in SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("name", EXPECTED)
def test_scripts(name, unmodified):
    unmodified(SCRIPTS / f"{name}.py", *EXPECTED[name])
