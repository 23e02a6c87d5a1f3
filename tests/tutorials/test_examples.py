"""The examples of each kind of model run, for few epochs, and do what they say."""

import re

import pytest

from tests.tutorials.conftest import ROOT


def example(run, name, epochs):
    pytest.importorskip("sklearn")
    return run(ROOT / "examples" / name, epochs, timeout=120)


def numbers(pattern, printed):
    return [float(number) for number in re.search(pattern, printed).groups()]


def test_functional_model(run):
    printed = example(run, "functional_model.py", 3)
    assert re.search(r"concatenate.*features\[0\]\[0\]", printed)  # the summary's last column
    (digit,) = numbers(r"'digit_accuracy': ([\d.]+)", printed)
    (nearest,) = numbers(r"32 features: ([\d.]+)", printed)
    assert digit > 0.5
    assert nearest > 0.8


def test_subclassed_model(run):
    printed = example(run, "subclassed_model.py", 3)
    assert "loaded: Reader [64, 64] predicts the same: True" in printed
    assert re.search(r"gated_1 \(Gated\) +│ \(None, 64\)", printed)
    assert numbers(r"\naccuracy ([\d.]+)", printed)[0] > 0.75


def test_vae(run):
    printed = example(run, "vae.py", 5)
    for name in ("loss", "image_loss"):
        first, last = numbers(rf"(?m)^{name}: ([\d.]+) -> ([\d.]+)", printed)
        assert last < 0.8 * first
    assert re.search(r"'image_loss': [\d.]+, 'kl_loss': [\d.]+, 'loss': [\d.]+", printed)


def test_gan(run):
    printed = example(run, "gan.py", 120)
    before, after = numbers(r"ring: ([\d.]+) -> ([\d.]+)", printed)
    assert after < before / 3


def test_plain_torch_module(run):
    printed = example(run, "plain_torch_module.py", 6)
    assert numbers(r"one input: accuracy ([\d.]+)", printed)[0] > 0.8
    assert numbers(r"binary_accuracy': ([\d.]+)", printed)[0] > 0.6


def test_autoencoder(run):
    printed = example(run, "autoencoder.py", 8)
    before, after = numbers(r"noisy images ([\d.]+), of the restored ones ([\d.]+)", printed)
    assert after < 0.9 * before
    assert "codes: (297, 12) drawn: torch.Size([1, 8, 8, 1])" in printed
    assert re.search(r"└ code \(Dense\) +│ \(None, 12\)", printed)


def test_contrastive(run):
    printed = example(run, "contrastive.py", 15)
    untrained, trained = numbers(r"untrained encoder: ([\d.]+)(?:.|\n)* trained encoder: ([\d.]+)", printed)
    assert trained > untrained + 0.04
    first, last = numbers(r"contrastive_loss: ([\d.]+) -> ([\d.]+)", printed)
    assert last < 0.8 * first


def test_images_from_folder(run):
    printed = example(run, "images_from_folder.py", 8)
    assert "Using 60 files for validation.\nclasses: ['cross', 'disc']" in printed
    assert numbers(r"validation: {'accuracy': ([\d.]+)", printed)[0] > 0.9
    shape, disc = re.search(r"(cross|disc): ([\d.]+) that it is a disc", printed).groups()
    assert (float(disc) > 0.5) == (shape == "disc")


def test_time_series(run):
    printed = example(run, "time_series.py", 6)
    assert "a batch: (64, 24, 2) (64,)" in printed
    today, learnt = numbers(r"as today ([\d.]+), learnt ([\d.]+)", printed)
    assert learnt < 0.7 * today


def test_text_classification(run):
    printed = run(ROOT / "examples" / "text_classification.py", 8, timeout=120)
    assert numbers(r"accuracy on new texts: ([\d.]+)", printed)[0] > 0.85
    assert "good: [True, False]" in printed
    assert "loaded predicts the same: True" in printed


def test_structured_data(run):
    printed = run(ROOT / "examples" / "structured_data.py", 8, timeout=120)
    assert numbers(r"accuracy on new rows: ([\d.]+)", printed)[0] > 0.85
    assert "a row becomes (65,)" in printed
    assert "loaded predicts the same: True" in printed
    assert "the space alone, too: True" in printed


@pytest.mark.parametrize("name", ["fine_tune_torchvision.py", "fine_tune_application.py"])
def test_fine_tuning(run, name):
    pytest.importorskip("torchvision")
    printed = example(run, name, 2)
    (head,) = numbers(r"head: 2 weights trained, loss ([\d.]+)", printed)
    trained, tuned = numbers(r"(?m)^last \w+: (\d+) weights trained, loss ([\d.]+)", printed)
    assert trained > 10
    assert tuned < head


def test_images_augmented(run):
    options = ["--train", 320, "--epochs", 3, "--plain", "--precision", "mixed_bfloat16"]
    printed = run(ROOT / "examples" / "images_augmented.py", *options, timeout=120)
    assert "computed in bfloat16, weights in torch.float32" in printed
    first, last = numbers(r"\nloss ([\d.]+) -> ([\d.]+)", printed)
    assert last < 0.95 * first


def test_text_transformer(run):
    printed = run(ROOT / "examples" / "text_transformer.py", "--train", 1500, "--epochs", 3, timeout=120)
    assert numbers(r"accuracy on new texts: ([\d.]+)", printed)[0] > 0.9


def test_small_gpt(run):
    options = ["--epochs", 2, "--steps", 20, "--width", 32, "--context", 32]
    printed = run(ROOT / "examples" / "small_gpt.py", *options, timeout=120)
    before, after, frequencies = numbers(r"text: ([\d.]+) -> ([\d.]+); .*: ([\d.]+)", printed)
    assert after < frequencies < before
    assert len(printed[printed.index("The following ") :]) > 200


def test_recommender(run):
    printed = run(ROOT / "examples" / "recommender.py", "--users", 300, "--epochs", 10, timeout=120)
    popular, recommended = numbers(r"popular ([\d.]+), recommended ([\d.]+)", printed)
    assert recommended > 1.5 * popular


def test_diffusion(run):
    pytest.importorskip("sklearn")
    printed = run(ROOT / "examples" / "diffusion.py", "--epochs", 1, "--steps", 5, "--width", 16, timeout=120)
    noise, drawn = numbers(r"noise ([\d.]+), drawn ([\d.]+)", printed)
    assert drawn < 0.85 * noise


def test_reinforcement_learning(run):
    printed = run(ROOT / "examples" / "reinforcement_learning.py", "--epochs", 8, timeout=120)
    first, last = numbers(r"epoch 0: .* every ([\d.]+)(?:.|\n)* lasts ([\d.]+)", printed)
    assert last > 3 * first
