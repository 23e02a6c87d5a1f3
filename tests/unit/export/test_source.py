"""`model.to_torch_source()`: the network as a file of plain PyTorch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import torchkeras_shim as keras
from tests.unit.export.cases import CASES, example, flat, randomized

L = keras.layers

#: Runs in a Python that never sees the library: each file is loaded with its weights and asked for its outputs.
_FRESH = """
import importlib.util, json, pathlib, sys, torch

def flat(x):
    if isinstance(x, dict):
        x = [x[key] for key in sorted(x)]
    return [x] if isinstance(x, torch.Tensor) else [leaf for item in x for leaf in flat(item)]

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    case = torch.load(path.with_suffix(".case"), weights_only=True)
    network = [value for value in vars(module).values() if isinstance(value, type)][-1]()
    network.load_state_dict(torch.load(path.with_suffix(".pt"), weights_only=True))
    network.eval()
    for one, other in zip(flat(network(*case["inputs"])), case["outputs"], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=lambda text: f"{path.stem}: {text}")
    network.train()
    assert len(flat(network(*case["inputs"]))) == len(case["outputs"])
assert not [name for name in sys.modules if name.partition(".")[0] in ("torchkeras_shim", "keras")]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file, the weights, and the expected outputs of each model of the table."""
    found = tmp_path_factory.mktemp("sources")
    for name, make in CASES.items():
        model = randomized(make())
        inputs = example(model)
        model.to_torch_source(found / f"{name}.py", weights=found / f"{name}.pt")
        outputs = flat(model(inputs if len(inputs) > 1 else inputs[0]))
        torch.save({"inputs": inputs, "outputs": [one.detach() for one in outputs]}, found / f"{name}.case")
    return found


def test_files_run_without_the_library_and_give_the_same(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FRESH, str(folder)], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_files_are_formatted_and_clean(folder: Path) -> None:
    for command in (["format", "--check"], ["check", "--no-cache"]):
        done = subprocess.run(["ruff", *command, "--isolated", str(folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]


def _residual() -> Any:
    inputs = keras.Input((8, 8, 3))
    first = L.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(first))
    x = L.ReLU()(L.Add()([x, first]))
    return keras.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(x)))


def _loaded(text: str, model: Any, tmp_path: Path, **options: Any) -> Any:
    assert model.to_torch_source(weights=tmp_path / "weights.pt", **options) == text
    space: dict[str, Any] = {}
    exec(compile(text, "network", "exec"), space)
    network = [value for value in space.values() if isinstance(value, type)][-1]()
    network.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    return network.eval()


def test_channels_are_moved_once_at_each_edge() -> None:
    lines = _residual().to_torch_source().splitlines()
    assert [line.strip() for line in lines if "permute" in line] == ["x = inputs.permute(0, 3, 1, 2)"]


def test_images_come_in_with_channels_first_if_asked_for(tmp_path: Path) -> None:
    model = randomized(_residual())
    text = model.to_torch_source(channels_first=True)
    assert "permute" not in text
    x = torch.randn(2, 8, 8, 3)
    network = _loaded(text, model, tmp_path, channels_first=True)
    torch.testing.assert_close(network(x.permute(0, 3, 1, 2)), model(x), rtol=1e-4, atol=1e-5)


def test_safetensors_hold_the_same_weights(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    model = _residual()
    model.to_torch_source(weights=tmp_path / "weights.safetensors")
    model.to_torch_source(weights=tmp_path / "weights.pt")
    one, other = safetensors.load_file(tmp_path / "weights.safetensors"), torch.load(tmp_path / "weights.pt")
    assert sorted(one) == sorted(other)
    assert all(torch.equal(one[key], other[key]) for key in one)
