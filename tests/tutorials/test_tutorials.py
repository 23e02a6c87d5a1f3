"""The scripts of `examples/tutorials`, unmodified, in the zero-change mode."""

import re

import pytest

from tests.tutorials.conftest import ROOT

TUTORIALS = ROOT / "examples" / "tutorials"


def tutorial(run, name):
    return run("-m", "torchkeras_shim", TUTORIALS / name)


def test_clothes(run):
    printed = tutorial(run, "01_clothes.py")
    assert re.findall(r"Epoch \d/5", printed) == [f"Epoch {number}/5" for number in range(1, 6)]
    test_accuracy = float(re.search(r"test accuracy: ([\d.]+)", printed).group(1))
    assert test_accuracy > 0.9
    guess, label = re.search(r"guess: (\d) label: (\d)", printed).groups()
    assert guess == label == "0"


def test_summary(run):
    printed = tutorial(run, "02_summary.py")
    rows = [line for line in printed.splitlines() if re.search(r"\((Flatten|Dense)\)", line)]
    assert len(rows) == 3
    assert [re.findall(r"[\d,]+(?= *│$)", row) for row in rows] == [["0"], ["200,960"], ["2,570"]]
    assert re.search(r"Total params: 203,530 \(795\.04 KB\)", printed)
    assert re.search(r"Trainable params: 203,530", printed)
    assert "\nNone\n" in printed  # print(model.summary()): the summary prints itself and returns nothing


def test_deeper(run):
    printed = tutorial(run, "03_deeper.py")
    total = int(re.search(r"Total params: ([\d,]+)", printed).group(1).replace(",", ""))
    assert total == 535_818
    assert total > 500_000
    history = re.search(r"accuracy after each epoch: \[([\d.]+), ([\d.]+)\]", printed)
    assert float(history.group(2)) > 0.5


def test_they_import_what_the_originals_import():
    for path in sorted(TUTORIALS.glob("*.py")):
        code = "\n".join(line for line in path.read_text().splitlines() if "python -m" not in line)
        assert "import tensorflow as tf" in code
        assert "torchkeras_shim" not in code


@pytest.mark.parametrize(
    ("name", "pattern", "least"),
    [
        ("custom_training_loop.py", r"epoch 5: .*accuracy ([\d.]+)", 0.9),
        ("torch_modules.py", r"accuracy: ([\d.]+)(?!.*accuracy)", 0.8),
        ("quickstart.py", r"accuracy ([\d.]+)%", 93),
    ],
)
def test_examples(run, tmp_path, name, pattern, least):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    printed = run(ROOT / "examples" / name)
    assert float(re.search(pattern, printed, re.DOTALL).group(1)) >= least
    if name == "quickstart.py":
        assert (tmp_path / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
        assert re.search(r"predicted:( \d){8}", printed)
