"""`model.to_torch_source()`: the network as a file of plain PyTorch."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import torchkeras_shim as keras
from tests.every_layer import EVERY_LAYER, compiled_model
from tests.unit.export.cases import CASES, example, flat, randomized
from tests.unit.export.trained_cases import TRAINED, batches

L = keras.layers

#: Layers that are traced, operator by operator, which takes half a second each.
TRACED = (
    *("stft_spectrogram", "mel_spectrogram", "up_sampling2d_bicubic", "resizing", "resizing_antialias"),
    *("center_crop", "activation_sparsemax", "activation_squareplus", "lambda_python", "keras_ops"),
)

#: Runs in a Python that never sees the library: each file is loaded with its weights and asked for its outputs, or made
#: to train, where the case has targets.
_FRESH = """
import contextlib, importlib.util, io, pathlib, sys, torch
from torch.utils.data import TensorDataset

def flat(x):
    if isinstance(x, dict):
        x = [x[key] for key in sorted(x)]
    return [x] if isinstance(x, torch.Tensor) else [leaf for item in x for leaf in flat(item)]

def check(name, one, other, rtol, atol):
    torch.testing.assert_close(one, other, rtol=rtol, atol=atol, msg=lambda text: f"{name}: {text}")

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    case = torch.load(path.with_suffix(".case"), weights_only=True)
    classes = [value for value in vars(module).values() if isinstance(value, type)]
    network = [value for value in classes if value.__module__ == path.stem][-1]()
    module.load_weights(network, str(path.with_suffix(".pt")))
    if "targets" in case:
        data = TensorDataset(*case["inputs"], *case["targets"])
        with contextlib.redirect_stdout(io.StringIO()):
            history = module.fit(network, data, batch_size=8, shuffle=False, validation_data=data, device="cpu")
        after = torch.load(path.with_suffix(".after"), weights_only=True)
        for key, value in network.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                check(f"{path.stem}: {key}", value, after[key], 2e-4, 1e-4)
        wanted = {key for key in case["history"] if not key.endswith("_loss") or key == "val_loss"}
        assert wanted == set(history), (path.stem, history)
        for key, value in history.items():
            check(f"{path.stem}: {key}", torch.tensor(value), torch.tensor(case["history"][key]), 2e-4, 2e-4)
        continue
    network.eval()
    for one, other in zip(flat(network(*case["inputs"])), case["outputs"], strict=True):
        check(path.stem, one, other, 1e-4, 1e-5)
    network.train()
    assert len(flat(network(*case["inputs"]))) == len(case["outputs"])
assert not [name for name in sys.modules if name.partition(".")[0] in ("torchkeras_shim", "keras")]
"""


def _write_case(folder: Path, name: str) -> None:
    model = randomized(CASES[name]())
    inputs = example(model)
    model.to_torch_source(folder / f"{name}.py", weights=folder / f"{name}.pt")
    outputs = flat(model(inputs if len(inputs) > 1 else inputs[0]))
    torch.save({"inputs": inputs, "outputs": [one.detach() for one in outputs]}, folder / f"{name}.case")


def _write_trained(folder: Path, name: str) -> None:
    keras.utils.set_random_seed(1)
    model = TRAINED[name]()
    inputs, targets = batches(model)
    model.to_torch_source(folder / f"train_{name}.py", weights=folder / f"train_{name}.pt")
    x = inputs if len(inputs) > 1 else inputs[0]
    y: Any = targets if len(targets) > 1 else targets[0]
    if isinstance(model.output, dict):
        y = dict(zip(model.output_names, targets, strict=True))
    history = model.fit(x, y, batch_size=8, shuffle=False, verbose=0, validation_data=(x, y)).history
    model.to_torch_source(weights=folder / f"train_{name}.after")
    torch.save({"inputs": inputs, "targets": targets, "history": history}, folder / f"train_{name}.case")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file, the weights, and what is expected of each model of the tables."""
    found = tmp_path_factory.mktemp("sources")
    for name in CASES:
        if name not in TRACED:
            _write_case(found, name)
    for name in TRAINED:
        _write_trained(found, name)
    return found


def _assert_same(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _FRESH, str(folder)], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]


def test_files_run_without_the_library_and_give_the_same(folder: Path) -> None:
    _assert_same(folder)


@pytest.mark.nightly
def test_traced_layers_give_the_same(tmp_path: Path) -> None:
    for name in TRACED:
        _write_case(tmp_path, name)
    _assert_same(tmp_path)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:Layer 'flatten:UserWarning")
def test_every_layer_that_to_torch_takes_gives_the_same(tmp_path: Path) -> None:
    written = 0
    for number, (make, shapes) in enumerate(EVERY_LAYER.values()):
        model, x = compiled_model(make, shapes)
        inputs = [torch.as_tensor(one) for one in (x if isinstance(x, list) else [x])]
        path = tmp_path / f"layer_{number}.py"
        try:
            model.to_torch_source(path, training_loop=False, weights=path.with_suffix(".pt"))
        except ValueError:
            with pytest.raises(ValueError, match="has no counterpart"):
                model.to_torch()
            continue
        written += 1
        outputs = [one.detach() for one in flat(model(inputs if len(inputs) > 1 else inputs[0]))]
        torch.save({"inputs": inputs, "outputs": outputs}, path.with_suffix(".case"))
    assert written > 250
    _assert_same(tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("name", TRAINED)
def test_the_example_at_the_end_of_a_file_runs(name: str) -> None:
    exec(compile(TRAINED[name]().to_torch_source(), name, "exec"), {"__name__": "__main__"})


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


def _executed(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network", "exec"), space)
    return space


def _loaded(text: str, model: Any, tmp_path: Path, **options: Any) -> Any:
    assert model.to_torch_source(weights=tmp_path / "weights.pt", **options) == text
    space = _executed(text)
    classes = [value for value in space.values() if isinstance(value, type) and issubclass(value, torch.nn.Module)]
    network = classes[-1]()
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


_EVIL = "x'); __import__('os').abort(); \"\"\"\n#{é}\\"


class _Custom(L.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs * 2


def _hostile() -> Any:
    first, second = keras.Input((4,), name=_EVIL.replace("/", "")), keras.Input((4,), name="self")
    x = L.Dense(3, name=f"forward {_EVIL}")(first)
    x = L.Dense(3, name="forward")(x)
    x = L.Dense(3, name="class")(x) + L.Dense(3, name="torch")(second)
    inner = keras.Sequential([keras.Input((3,)), L.Dense(3, name=_EVIL)], name="Adam; import os")
    return keras.Model([first, second], {f"a{_EVIL}": inner(x), "import": L.Dense(1, name="nn")(x)}, name=f"M{_EVIL}")


def test_names_and_texts_of_a_model_do_not_become_code(tmp_path: Path) -> None:
    model = _hostile()
    metric = keras.metrics.MeanSquaredError(name=_EVIL)
    loss = dict.fromkeys(model.output, "mse")
    model.compile("adam", loss, metrics={"import": [metric]})
    callbacks = [
        keras.callbacks.ModelCheckpoint(f"{_EVIL.replace('{', '')}.keras", monitor="loss", save_best_only=True),
        keras.callbacks.EarlyStopping(monitor=f"val_import_{_EVIL}", mode="max"),
    ]
    text = model.to_torch_source(callbacks=callbacks)
    tree = ast.parse(text)
    assert text.isascii()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert names.isdisjoint({"__import__", "abort", "os"})
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import) and node.names[0].name == "os"]
    network = _loaded(text, model, tmp_path, callbacks=callbacks)
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    for key, value in model([x, y]).items():
        torch.testing.assert_close(network(x, y)[key], value)


def _with_module(module: torch.nn.Module) -> Any:
    return keras.Sequential([keras.Input((4,)), module])


class _Text(str):
    def __repr__(self) -> str:
        return "evil()"


def test_modules_and_graphs_of_others_do_not_become_code() -> None:
    graph = torch.fx.Graph()
    x = graph.placeholder("x")
    graph.output(graph.call_module("a; evil()", (x,)))
    root = torch.nn.Module()
    root.add_module("a; evil()", torch.nn.Linear(4, 4))
    with pytest.raises(ValueError, match="is not a name"):
        _with_module(torch.fx.GraphModule(root, graph)).to_torch_source()
    linear = torch.nn.Linear(4, 4)
    linear.in_features = _Text("4")  # type: ignore[assignment]
    with pytest.raises(ValueError, match=r"Module 'linear' .* cannot be written: its arguments cannot be told"):
        _with_module(linear).to_torch_source()


def test_modules_with_hooks_are_not_written_without_them() -> None:
    for module in (torch.nn.ReLU(), torch.nn.Linear(4, 4)):
        module.register_forward_hook(lambda module, args, output: output * 2)
        with pytest.raises(ValueError, match="cannot be written"):
            _with_module(module).to_torch_source()


def test_everything_without_counterpart_is_named_at_once() -> None:
    inputs = keras.Input((5, 4))
    x = L.LSTM(3, recurrent_dropout=0.2, return_sequences=True, name="first")(inputs)
    x = L.GRU(3, reset_after=False, name="second")(_Custom(name="third")(x))
    model = keras.Model(inputs, L.Dense(2, bias_constraint="non_neg", name="last")(x))
    model.compile(keras.optimizers.Ftrl(), lambda y, p: (y - p) ** 2, metrics=["AUC"])
    with pytest.raises(ValueError) as raised:
        model.to_torch_source(callbacks=[keras.callbacks.TerminateOnNaN()])
    names = (
        "'first'",
        "'second'",
        "'third'",
        "'last/bias'",
        "Optimizer 'Ftrl'",
        "Loss '",
        "Metric '",
        "'TerminateOnNaN'",
    )
    for name in names:
        assert name in str(raised.value)
    assert str(raised.value).startswith(f"{len(names)} parts of model")


@pytest.mark.parametrize(
    ("optimizer", "loss", "message"),
    [
        ("adam", "ce", "is one or another by the shape of the targets"),
        ("adam", None, "was given no loss"),
        (keras.optimizers.SGD(0.1, clipnorm=1.0), "mse", "are two weights each in torch"),
        (keras.optimizers.Adam(lambda: 0.1), "mse", "The learning rate comes from 'function'"),
        (keras.optimizers.Adam(use_ema=True), "mse", "has `use_ema`"),
        ("adam", keras.losses.MeanSquaredError(reduction="sum"), "its reduction is 'sum'"),
        ("adam", torch.nn.CrossEntropyLoss(weight=torch.ones(3)), "its arguments|whose arguments cannot be told"),
    ],
)
def test_what_the_loop_would_do_otherwise_is_refused(optimizer: Any, loss: Any, message: str) -> None:
    model = keras.Sequential([keras.Input((5, 4)), L.GRU(3)])
    model.compile(optimizer, loss)
    with pytest.raises(ValueError, match=message):
        model.to_torch_source()
    assert "def fit" not in model.to_torch_source(training_loop=False)


def test_weights_in_double_precision_stay_so(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,), dtype="float64"), L.Dense(3, dtype="float64", name="one")])
    x = torch.randn(2, 4, dtype=torch.float64)
    network = _loaded(model.to_torch_source(), model, tmp_path)
    torch.testing.assert_close(network(x), model(x), rtol=0, atol=0)


def test_shared_and_frozen_weights_stay_shared_and_frozen(tmp_path: Path) -> None:
    shared = L.Dense(4, name="shared")
    tower = keras.Sequential([keras.Input((4,)), shared, torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())])
    tower.layers[-1][0].bias.requires_grad_(False)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, L.Dense(1, trainable=False, name="head")(tower(shared(inputs))))
    network = _loaded(model.to_torch_source(), model, tmp_path)
    assert len(list(network.parameters())) == len(model.weights)
    still = [name for name, parameter in network.named_parameters() if not parameter.requires_grad]
    assert len(still) == 3
    x = torch.randn(2, 4)
    torch.testing.assert_close(network(x), model(x))


def test_callbacks_end_training_as_they_do_in_fit(tmp_path: Path) -> None:
    x, y = torch.randn(24, 4), torch.randn(24, 1)
    for callbacks in (
        [keras.callbacks.EarlyStopping(monitor="loss", min_delta=0.05, patience=2, restore_best_weights=True)],
        [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", min_delta=0.2, patience=1, factor=0.5, cooldown=1)],
        [keras.callbacks.EarlyStopping(baseline=0.1, start_from_epoch=2)],
    ):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((4,)), L.Dense(8, activation="relu"), L.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=["mae"])
        space = _executed(model.to_torch_source(weights=tmp_path / "weights.pt", callbacks=callbacks))
        network = space["Network"]()
        space["load_weights"](network, str(tmp_path / "weights.pt"))
        data = torch.utils.data.TensorDataset(x, y)
        options = {"epochs": 12, "batch_size": 8, "shuffle": False}
        found = space["fit"](network, data, validation_data=data, device="cpu", **options)
        history = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=callbacks, **options).history
        assert len(found["loss"]) == len(history["loss"])
        torch.testing.assert_close(
            torch.tensor(found["val_mae"]), torch.tensor(history["val_mae"]), rtol=1e-3, atol=1e-4
        )
        torch.testing.assert_close(network.eval()(x), model(x), rtol=1e-3, atol=1e-4)
