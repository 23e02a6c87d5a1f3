"""`model.to_torch()`: the same network in plain torch modules."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

import torchkeras_shim as keras
from tests.unit.export.cases import CASES, example, flat, randomized

L = keras.layers


def run(model: Any, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Returns the model's outputs in a flat list."""
    return flat(model(inputs if len(inputs) > 1 else inputs[0]))


def assert_same(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    """Compares tensors one by one."""
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_the_same_and_nothing_of_the_library_is_left(name: str) -> None:
    model = randomized(CASES[name]())
    inputs = example(model)
    expected = run(model, inputs)
    for copy in (False, True):
        module = model.to_torch(copy=copy)
        assert_same(flat(module(*inputs)), expected)
        assert not [child for child in module.modules() if type(child).__module__.startswith("torchkeras_shim")]
        assert {type(parameter) for parameter in module.parameters()} <= {torch.nn.Parameter}
        assert {type(buffer) for buffer in module.buffers()} <= {torch.Tensor}
    module.train()  # the copy: the statistics of the other one would move
    assert [tuple(one.shape) for one in flat(module(*inputs))] == [tuple(one.shape) for one in expected]


@pytest.mark.parametrize("name", CASES)
def test_weights_are_shared_or_copied(name: str) -> None:
    model = randomized(CASES[name]())
    inputs = example(model)
    shared, copied = model.to_torch(), model.to_torch(copy=True)
    before = flat(copied(*inputs))
    ours = {weight.untyped_storage().data_ptr() for weight in model.weights}
    theirs = {p.untyped_storage().data_ptr() for p in shared.parameters() if p.requires_grad}
    assert theirs <= ours
    assert ours.isdisjoint({p.untyped_storage().data_ptr() for p in copied.parameters()})
    with torch.no_grad():
        for parameter in shared.parameters():
            if parameter.requires_grad:
                parameter.mul_(1.5)
    assert_same(flat(shared(*inputs)), run(model, inputs))
    assert_same(flat(copied(*inputs)), before)


@pytest.mark.parametrize("name", ["forward", "train", "training", "half", "graph", "append", "__class__", "state_dict"])
def test_a_layer_may_be_called_as_a_method_of_modules(name: str) -> None:
    inputs = keras.Input((4,))
    branched = keras.Model(inputs, [L.Dense(3, name=name)(inputs), inputs])
    for model in (keras.Sequential([keras.Input((4,)), L.Dense(3, name=name)]), branched):
        x = torch.randn(2, 4)
        module = model.to_torch().train().eval()
        assert_same(flat(module(x)), flat(model(x)))
        assert len(module.state_dict()) == 2
        assert model.to_torch_source()


def test_training_one_trains_the_other() -> None:
    torch.manual_seed(0)
    model = keras.Sequential(
        [
            keras.Input((5, 4)),
            L.Conv1D(3, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.GRU(3, return_sequences=True),
            L.LSTM(3),
            L.Dense(1),
        ]
    )
    module = model.to_torch()
    x, y = torch.randn(16, 5, 4), torch.randn(16, 1)
    start = model(x)
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], 0.01)
    module.train()
    for _ in range(3):
        optimizer.zero_grad()
        ((module(x) - y) ** 2).mean().backward()
        optimizer.step()
    module.eval()
    assert (model(x) - start).abs().max() > 0.01
    torch.testing.assert_close(module(x), model(x))
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    torch.testing.assert_close(module.eval()(x), model(x))


def test_gradients_are_the_same_in_training_mode() -> None:
    model = randomized(
        keras.Sequential([keras.Input((6, 6, 2)), L.Conv2D(3, 3, padding="same"), L.BatchNormalization(), L.ReLU()])
    )
    module = model.to_torch(copy=True).train()
    x = torch.randn(4, 6, 6, 2)
    model(x, training=True).square().sum().backward()
    module(x).square().sum().backward()
    kernel, weight = model.layers[0].kernel.grad, dict(module.named_parameters())["conv2d.conv2d.weight"].grad
    torch.testing.assert_close(weight.permute(2, 3, 1, 0), kernel, rtol=1e-3, atol=1e-3)


def test_modules_load_where_the_library_is_not_installed(tmp_path: Any) -> None:
    for name, make in CASES.items():
        model = randomized(make())
        inputs = example(model)
        torch.save((model.to_torch(), inputs, run(model, inputs)), tmp_path / f"{name}.pt")
    code = f"""
import pathlib, sys, torch
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torchkeras_shim", "keras"):
            raise ImportError(name)
sys.meta_path.insert(0, Hidden())
def flat(x):
    return [x] if isinstance(x, torch.Tensor) else [leaf for item in x for leaf in flat(item)]
for path in sorted(pathlib.Path({str(tmp_path)!r}).glob("*.pt")):
    module, inputs, expected = torch.load(path, weights_only=False)
    for one, other in zip(flat(module(*inputs)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=path.name)
    print(path.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == len(CASES)


@pytest.mark.parametrize(
    "name", ["conv2d_same_strides", "lstm", "gru", "batch_norm", "rescaling", "keras_ops", "masking"]
)
def test_the_result_is_where_the_model_is(name: str, device: torch.device) -> None:
    with keras.device(str(device)):
        model = randomized(CASES[name]())
    inputs = [x.to(device) for x in example(model)]
    module = model.to_torch()
    assert {tensor.device.type for tensor in (*module.parameters(), *module.buffers())} <= {device.type}
    assert_same(flat(module(*inputs)), run(model, inputs))


def test_a_sequential_is_a_sequential_with_the_names_of_the_layers() -> None:
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu", name="hidden"), L.Dense(2, name="out")])
    module = model.to_torch()
    assert type(module) is torch.nn.Sequential
    assert [(name, type(child)) for name, child in module.named_children()] == [
        ("hidden", torch.nn.Linear),
        ("hidden_activation", torch.nn.ReLU),
        ("out", torch.nn.Linear),
    ]
    assert list(module.state_dict()) == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    fresh = keras.Sequential([keras.Input((4,)), L.Dense(3, activation="relu", name="hidden"), L.Dense(2, name="out")])
    fresh.to_torch().load_state_dict(module.state_dict())
    torch.testing.assert_close(fresh(torch.ones(1, 4)), model(torch.ones(1, 4)))


def _siamese() -> Any:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    tower = keras.Sequential([keras.Input((4,)), L.Dense(3), L.BatchNormalization()], name="tower")
    return keras.Model({"b": b, "a": a}, {"difference": L.Subtract()([tower(a), tower(b)]), "first": tower(a)})


def test_nested_and_shared_layers_stay_one() -> None:
    model = randomized(_siamese())
    module = model.to_torch()
    x = {"a": torch.randn(3, 4), "b": torch.randn(3, 4)}
    found, expected = module(**x), model(x)
    assert list(found) == list(expected)
    assert_same(list(found.values()), list(expected.values()))
    assert len(list(module.parameters())) == 4
    assert_same([module.tower(x["a"])], [expected["first"]])


def test_a_frozen_base_stays_in_inference_mode() -> None:
    base = keras.Sequential([keras.Input((4,)), L.Dense(8), L.BatchNormalization(), L.Dropout(0.5)], name="base")
    inputs = keras.Input((4,))
    model = randomized(keras.Model(inputs, L.Dense(2)(base(inputs, training=False))))
    module = model.to_torch().train()
    x = torch.randn(5, 4)
    assert_same([module(x)], [model(x)])
    assert_same([module(x)], [model(x)])  # the statistics have not moved


def test_dropout_with_a_fixed_mode_drops_in_both() -> None:
    inputs = keras.Input((100,))
    module = keras.Model(inputs, L.Dropout(0.5)(inputs, training=True)).to_torch().eval()
    assert (module(torch.ones(1, 100)) == 0).any()


@pytest.mark.parametrize("name", ["dropout", "spatial_dropout", "gaussian_noise", "gaussian_dropout", "alpha_dropout"])
def test_noise_is_there_in_training_only(name: str) -> None:
    model = CASES[name]()
    module = model.to_torch()
    x = example(model)[0]
    torch.testing.assert_close(module.eval()(x), x)
    changed = module.train()(x)
    assert (changed - x).abs().max() > 0.1
    if name == "spatial_dropout":
        kept = changed != 0
        assert (kept == kept[:, :1, :1]).all()


def test_masks_of_any_form_are_obeyed() -> None:
    inputs = keras.Input((None,), dtype="int32")
    hidden = L.Embedding(5, 4, mask_zero=True)(inputs)
    hidden = L.Bidirectional(L.LSTM(3, return_sequences=True))(hidden)
    model = randomized(keras.Model(inputs, [hidden, L.GRU(2)(hidden)]))
    tokens = torch.tensor([[1, 2, 0, 0], [0, 0, 3, 4], [1, 0, 2, 0], [0, 0, 0, 0]], dtype=torch.int32)
    assert_same(model.to_torch()(tokens), model(tokens))


class _Mine(L.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs * 2


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = L.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


def _lstm_with_state() -> Any:
    inputs = keras.Input((6,), dtype="int32")
    return keras.Model(inputs, L.LSTM(3, return_state=True)(L.Embedding(5, 4, mask_zero=True)(inputs)))


def _called() -> Any:
    model = _Subclassed()
    model(torch.ones(1, 3))
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_called, "of type _Subclassed. .*subclassed model"),
        (lambda: keras.Sequential([L.Dense(2)]), "has not been built"),
        (lambda: keras.Sequential([keras.Input((5, 4)), L.LSTM(3, recurrent_dropout=0.2, name="r")]), "'r' .*cell"),
        (lambda: keras.Sequential([keras.Input((5, 4)), L.GRU(3, reset_after=False, name="r")]), "reset_after"),
        (lambda: keras.Sequential([keras.Input((5, 4), batch_size=2), L.LSTM(3, stateful=True)]), "stateful"),
        (lambda: keras.Sequential([keras.Input((4,)), L.SpectralNormalization(L.Dense(3))]), "SpectralNorm.*no module"),
        (lambda: keras.Sequential([keras.Input((4,)), L.BatchNormalization(renorm=True)]), "renorm"),
        (lambda: keras.Sequential([keras.Input((4,)), L.Dense(3, dtype="mixed_float16", name="d")]), "'d'.*autocast"),
        (lambda: keras.Sequential([keras.Input((4,)), _Mine(name="mine")]), "'mine' .of type _Mine.*torch.nn.Module"),
        (_lstm_with_state, "return_state"),
        (
            lambda: keras.Sequential([keras.Input((4,)), torch.nn.Sequential(_Mine(name="inner"))]),
            "'inner'.*inside the torch module",
        ),
    ],
)
def test_what_has_no_counterpart_is_named(make: Any, message: str) -> None:
    model = make()
    with pytest.raises(ValueError, match=message):
        model.to_torch()
