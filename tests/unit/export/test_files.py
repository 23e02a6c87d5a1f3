"""`model.export(path, format=...)`: files that other programs run."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

import torchkeras_shim as keras
from tests.unit.export.cases import randomized
from torchkeras_shim.export import files

L = keras.layers


def cnn() -> Any:
    """An image classifier for images of any size."""
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            L.Rescaling(0.5),
            L.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(2, padding="same"),
            L.GlobalAveragePooling2D(),
            L.Dropout(0.5),
            L.Dense(3, activation="softmax"),
        ]
    )


def text() -> Any:
    """Two inputs, two outputs, a mask, a nested model."""
    words, extra = keras.Input((8,), dtype="int32", name="words"), keras.Input((4,), name="extra")
    hidden = L.Bidirectional(L.LSTM(3))(L.Embedding(20, 5, mask_zero=True)(words))
    head = keras.Sequential([keras.Input((10,)), L.Dense(6, activation="gelu"), L.LayerNormalization()], name="head")
    merged = head(L.Concatenate()([hidden, extra]))
    return keras.Model([words, extra], [L.Dense(1, name="score")(merged), merged])


def inputs_of(kind: Any, batch: int) -> list[torch.Tensor]:
    """Returns inputs for one of the models."""
    torch.manual_seed(0)
    if kind is cnn:
        return [torch.randn(batch, 17, 14, 3)]
    return [torch.randint(0, 20, (batch, 8), dtype=torch.int32), torch.randn(batch, 4)]


def outputs_of(model: Any, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Returns the model's outputs in a flat list."""
    return keras.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0]))


@pytest.mark.parametrize("kind", [cnn, text])
def test_a_torch_program_loads_without_the_library(kind: Any, tmp_path: Any, capsys: Any) -> None:
    model = randomized(kind())
    path = tmp_path / "model.pt2"
    model.export(path, format="torch")
    assert capsys.readouterr().out == f"Saved PyTorch ExportedProgram at '{path}'.\n"
    batches = [inputs_of(kind, batch) for batch in (2, 5)]
    torch.save([(inputs, outputs_of(model, inputs)) for inputs in batches], tmp_path / "expected.pt")
    code = """
import sys, torch
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torchkeras_shim", "keras"):
            raise ImportError(name)
sys.meta_path.insert(0, Hidden())
module = torch.export.load("model.pt2").module()
for inputs, expected in torch.load("expected.pt"):
    found = module(*inputs)
    for one, other in zip(found if isinstance(found, (list, tuple)) else [found], expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob(".*")) == []  # no temporary file is left


@pytest.mark.parametrize("kind", [cnn, text])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_an_onnx_file_computes_the_same(kind: Any, tmp_path: Any, capsys: Any) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model = randomized(kind())
    path = str(tmp_path / "model.onnx")
    model.export(path, format="onnx")
    assert capsys.readouterr().out == f"Saved artifact at '{path}'.\n"
    session = runtime.InferenceSession(path)
    names = [spec.name for spec in session.get_inputs()]
    assert names == (["words", "extra"] if kind is text else [model.inputs[0].name])
    for batch in (2, 5):
        inputs = inputs_of(kind, batch)
        found = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
        for one, other in zip(found, outputs_of(model, inputs), strict=True):
            torch.testing.assert_close(torch.from_numpy(one), other, rtol=1e-3, atol=1e-4)


def test_exporting_leaves_the_model_as_it_was(tmp_path: Any) -> None:
    model = keras.Sequential([keras.Input((4,)), torch.nn.Linear(4, 3), torch.nn.Dropout(0.5)])
    model.train()
    model.export(tmp_path / "model.pt2", format="torch", verbose=False)
    assert all(module.training for module in model.modules())


@pytest.mark.filterwarnings("ignore:The given buffer is not writable")  # torch 2.11's own, of what it loads
def test_a_signature_fixes_sizes(tmp_path: Any) -> None:
    model = cnn()
    path = tmp_path / "model.pt2"
    model.export(path, "torch", False, [keras.InputSpec(shape=(1, 8, 8, 3), dtype="float32")])
    module = torch.export.load(path).module()
    assert module(torch.zeros(1, 8, 8, 3)).shape == (1, 3)
    with pytest.raises((RuntimeError, AssertionError)):
        module(torch.zeros(2, 8, 8, 3))
    with pytest.raises(ValueError, match="1 input"):
        model.export(path, "torch", input_signature=[keras.InputSpec(shape=(1, 2))] * 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "format='tf_saved_model' is not supported here: use 'torch' or 'onnx'"),
        ({"format": "openvino"}, "reads ONNX"),
        ({"format": "litert"}, "not supported here"),
        ({"format": "pickle"}, "Unrecognized format=pickle"),
        ({"format": "torch"}, "end with '.pt2'"),
        ({"format": "onnx", "opset": 17}, "Unsupported arguments.*opset"),
    ],
)
def test_other_formats_say_what_to_use(arguments: dict[str, Any], message: str, tmp_path: Any) -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(2)])
    with pytest.raises(ValueError, match=message):
        model.export(tmp_path / "model", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_missing_packages_are_named(monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    model = keras.Sequential([keras.Input((4,)), L.Dense(2)])
    with pytest.raises(ImportError, match=r"onnx and onnxscript.*pip install torchkeras_shim\[onnx\]"):
        model.export(tmp_path / "model.onnx", format="onnx")


def test_a_program_that_computes_something_else_is_not_written(monkeypatch: Any, tmp_path: Any) -> None:
    model = randomized(keras.Sequential([keras.Input((4,)), L.Dense(2)]))
    other = randomized(keras.Sequential([keras.Input((4,)), L.Dense(2, activation="tanh")])).to_torch()
    real = torch.export.export
    monkeypatch.setattr(torch.export, "export", lambda module, *args, **kwargs: real(other, *args, **kwargs))
    with pytest.raises(RuntimeError, match="does not compute what the model does"):
        model.export(tmp_path / "model.pt2", format="torch")
    assert list(tmp_path.iterdir()) == []


class _Gate(L.Layer):
    def build(self, input_shape: Any) -> None:
        self.gate = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gate")

    def call(self, inputs: Any) -> Any:
        return inputs * self.gate


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.gate_, self.out = L.LSTM(3, recurrent_dropout=0.2), _Gate(), L.Dense(2)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        return self.out(self.gate_(self.rnn(inputs)))


def test_a_model_without_counterpart_is_exported_as_it_runs(tmp_path: Any) -> None:
    model = _Subclassed()
    x = torch.randn(4, 6, 3)
    expected = randomized(model)(x)
    path = tmp_path / "model.pt2"
    model.export(path, format="torch", verbose=False)
    torch.testing.assert_close(torch.export.load(path).module()(x), model(x))
    assert expected.shape == (4, 2)
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    graph = randomized(keras.Model({"a": a, "b": b}, _Gate()(L.Subtract()([a, b]))))
    graph.export(path, format="torch", verbose=False)
    one, other = torch.randn(3, 4), torch.randn(3, 4)
    torch.testing.assert_close(torch.export.load(path).module()(one, other), graph({"a": one, "b": other}))
