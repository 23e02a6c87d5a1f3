"""Cases of `ModelParallel`: by one process, by a mesh of (1, 2) and by one of (2, 2); see `cases.py`."""

from __future__ import annotations

import copy
import functools
import os
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

import torchkeras_shim as keras
from tests.distributed.cases import data, fitted, raises
from torchkeras_shim import layers

CASES: dict[str, Callable[[], Any]] = {}
TOGETHER: dict[str, Callable[[], Any]] = {}
WORLDS: dict[str, tuple[int, ...]] = {"transformer": (1, 2, 4)}

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a case under its name."""
    CASES[function.__name__] = function
    return function


def together(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a check that 2 processes run."""
    TOGETHER[function.__name__] = function
    return function


@functools.cache
def mesh(*shape: int) -> Any:
    """Returns a mesh, made once: each one is a number of new groups of processes."""
    return keras.distribution.DeviceMesh(shape, ["batch", "model"])


def cut(rules: dict[str, Any], shape: tuple[int, int] | None = None) -> Any:
    """Returns a scope in which models are laid out by rules; with one process, one that does nothing."""
    world = int(os.environ.get("WORLD_SIZE", 1))
    keras.utils.set_random_seed(1)
    if world == 1:
        return nullcontext()
    distribution = keras.distribution
    distribution.initialize()
    layouts = distribution.LayoutMap(mesh(*(shape or (world // 2, 2))))
    for path, axes in rules.items():
        layouts[f"(.*/)?{path}"] = axes  # a `Sequential` is part of the path
    return distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope()


COLUMNS_THEN_ROWS = {
    "up/kernel": (None, "model"),
    "up/bias": ("model",),
    "down/kernel": ("model", None),
}

TRANSFORMER = {
    **COLUMNS_THEN_ROWS,
    "table/embeddings": ("model", None),
    "attend/(query|key|value)/kernel": (None, "model", None),
    "attend/(query|key|value)/bias": ("model", None),
    "attend/attention_output/kernel": ("model", None, None),
    "head/kernel": (None, "model"),
}


def perceptron_of(*between: Any, optimizer: Any = None, **options: Any) -> Any:
    """Returns a compiled model whose first two layers are cut."""
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="gelu", name="up", **options),
            *between,
            layers.Dense(4, name="down", **options),
            layers.Dense(3, name="last"),
        ],
        name="perceptron",
    )
    model.compile(optimizer or keras.optimizers.Adam(0.05), LOSS, metrics=["accuracy"])
    return model


def transformer_of(dropout: float = 0.0, **options: Any) -> Any:
    """Returns a functional model with a block of a transformer."""
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(12, 8, name="table")(inputs)
    attended = layers.MultiHeadAttention(4, 2, dropout=dropout, name="attend", **options)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(x + attended)
    hidden = layers.Dropout(dropout)(layers.Dense(16, activation="relu", name="up")(x))
    x = layers.LayerNormalization()(x + layers.Dense(8, name="down")(hidden))
    outputs = layers.Dense(4, name="head")(layers.GlobalAveragePooling1D()(x))
    model = keras.Model(inputs, outputs)
    model.compile("adam", LOSS, metrics=["accuracy"])
    return model


def tokens() -> tuple[np.ndarray, np.ndarray]:
    """Returns sequences of integers and their classes."""
    generator = np.random.default_rng(0)
    return generator.integers(0, 12, (11, 5)), generator.integers(0, 4, 11)


@case
def perceptron() -> Any:
    x, y = data(20)
    with cut(COLUMNS_THEN_ROWS):
        model = perceptron_of()
        found = fitted(model, x, y, validation_split=0.4)
        return {**found, "rows": model.predict(x, batch_size=8, verbose=0), "a call": np.asarray(model(x[:8]).detach())}


@case
def transformer() -> Any:
    x, y = tokens()
    with cut(TRANSFORMER):
        model = transformer_of()
        found = fitted(model, x, y, batch_size=4, epochs=1)
        evaluated = model.evaluate(
            x[:5], y[:5], batch_size=4, verbose=0
        )  # the last batch has fewer rows than processes
        return {**found, "evaluated": evaluated, "rows": model.predict(x, batch_size=4, verbose=0)}


@case
def convolutions() -> Any:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(6, 8, 8, 2)).astype("float32"), generator.integers(0, 3, 6)
    rules = {
        "outer/kernel": (None, None, None, "model"),
        "outer/bias": ("model",),
        "norm/gamma": ("model",),
        "norm/moving_mean": ("model",),
        "inner/kernel": (None, None, "model", None),
        "depth/kernel": (None, None, "model", None),
    }
    with cut(rules):
        model = keras.Sequential(
            [
                layers.Conv2D(4, 3, activation="relu", name="outer"),
                layers.BatchNormalization(momentum=0.5, name="norm"),
                layers.Conv2D(4, 3, padding="same", name="inner"),
                layers.MaxPooling2D(),
                layers.DepthwiseConv2D(2, name="depth"),
                layers.Flatten(),
                layers.Dense(3),
            ]
        )
        model.compile("sgd", LOSS)
        return {**fitted(model, x, y, batch_size=4), "rows": model.predict(x, verbose=0)}


@case
def outputs_by_rules() -> Any:
    """Rules on outputs, of layers without weights too; einsums, penalties, and weights that are cut both ways."""
    x, y = data(10)
    rules = {
        "wide/kernel": (None, "model", None),
        "wide/output": ("batch", None, "model"),
        "narrow/kernel": (None, "model", None),
        "tidy/output": ("batch", "model"),
        "ruled/output": (None, None),
    }
    with cut(rules):
        model = keras.Sequential(
            [
                keras.Input((6,)),
                layers.EinsumDense("ab,bcd->acd", (4, 2), name="wide", kernel_regularizer="l2"),
                layers.EinsumDense("acd,cde->ae", 4, name="narrow", bias_axes="e", kernel_constraint="max_norm"),
                layers.Activation("tanh", name="tidy"),
                layers.LayerNormalization(),
                layers.Dense(3),
            ],
            name="ruled",
        )
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
        return {**fitted(model, x, y), "rows": model.predict(x, verbose=0)}


@case
def clipped_accumulated_averaged() -> Any:
    x, y = data(20)
    optimizer = keras.optimizers.Adafactor(
        0.05, gradient_accumulation_steps=2, global_clipnorm=0.2, use_ema=True, ema_overwrite_frequency=2
    )
    with cut(COLUMNS_THEN_ROWS):
        return fitted(perceptron_of(optimizer=optimizer), x, y)


@case
def an_optimizer_of_torch() -> Any:
    x, y = data(16)
    with cut(COLUMNS_THEN_ROWS):
        model = perceptron_of()
        model.compile(torch.optim.AdamW(model.parameters(), 0.05), LOSS)
        return fitted(model, x, y)


@case
def frozen_and_unfrozen() -> Any:
    x, y = data(12)
    with cut(COLUMNS_THEN_ROWS):
        model = perceptron_of(optimizer="sgd")
        model.layers[0].trainable = False
        first = fitted(model, x, y, epochs=1)
        model.layers[0].trainable = True
        model.compile("sgd", LOSS)
        return [first, fitted(model, x, y, epochs=1)]


class OwnStep(keras.Model):
    """Makes its update itself, of members that get their weights in the first call."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = layers.Dense(8, name="up", activation="relu"), layers.Dense(3, name="down")

    def call(self, x: Any) -> Any:
        hidden = self.up(x)
        return self.down(hidden * torch.linspace(0, 1, 8) + torch.ones(x.shape[0], 1))

    def train_step(self, data: Any) -> Any:
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([weight.grad for weight in weights], weights)
        self.zero_grad()
        return {"loss": loss.detach()}


@case
def a_step_of_its_own() -> Any:
    x, y = data(16)
    with cut(COLUMNS_THEN_ROWS):
        model = OwnStep()
        model.compile("adam", LOSS)
        return fitted(model, x, y)


@case
def shared_table() -> Any:
    """A table that reads tokens and writes them."""
    x, _ = tokens()
    with cut({"tied/embeddings": ("model", None)}):
        table = layers.ReversibleEmbedding(12, 8, name="tied")
        inputs = keras.Input((5,), dtype="int32")
        model = keras.Model(inputs, table(layers.Dense(8, activation="tanh")(table(inputs)), reverse=True))
        model.compile("adam", LOSS)
        return fitted(model, x, x)


# What 2 processes check of themselves -------------------------------------------------------------------------------


def _rank() -> int:
    return int(os.environ["RANK"])


@together
def each_has_its_part() -> None:
    """Of a cut weight a process holds a part, in memory of its own; all know its whole shape and values."""
    with cut({}):
        right = perceptron_of().get_weights()
    with cut(COLUMNS_THEN_ROWS):
        model = perceptron_of()
        kernel, bias = model.layers[0].kernel, model.layers[0].bias
        assert tuple(kernel.shape) == (6, 8), kernel
        assert kernel.path == "perceptron/up/kernel"
        part = kernel.to_local()
        assert tuple(part.shape) == (6, 4)
        assert part.untyped_storage().nbytes() == 6 * 4 * 4
        for found, expected in zip(model.get_weights(), right, strict=True):
            np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(part.detach(), right[0][:, 4 * _rank() :][:, :4])
        kernel.assign(np.arange(48.0).reshape(6, 8))
        np.testing.assert_array_equal(kernel.numpy(), np.arange(48.0).reshape(6, 8))
        hidden = model.layers[0](torch.ones(2, 6))
        assert tuple(hidden.shape) == (2, 8)
        assert tuple(hidden.to_local().shape) == (2, 4)
        assert type(model(torch.ones(2, 6))) is torch.Tensor
        assert bias.numpy().shape == (8,)
        with raises(NotImplementedError, "'perceptron/up/kernel'", "cut over processes", "float64"):
            model.double()
        assert model.to("cpu").layers[0].kernel is kernel
        assert model.count_params() == 6 * 8 + 8 + 8 * 4 + 4 + 4 * 3 + 3


@together
def what_cannot_be_cut() -> None:
    for rules, texts in (
        ({"d/kernel": (None, "model")}, ("weight 'd/kernel'", "2 parts along axis 1", "3 is not divisible")),
        ({"d/kernel": (None, None, "model")}, ("weight 'd/kernel'", "at most one entry")),
        ({"d/kernel": ("model", "model")}, ("weight 'd/kernel'", "each axis of the mesh once")),
        ({"d/output": ("batch", "model")}, ("output 'd/output'", "3 is not divisible")),
    ):
        with cut(rules), raises(ValueError, *texts):
            layers.Dense(3, name="d")(torch.ones(2, 4))
    with cut({".*heads/.*kernel": (None, "model", None)}), raises(ValueError, "heads/query/kernel", "3 is not"):
        layers.MultiHeadAttention(3, 2, name="heads")(torch.ones(2, 4, 6), torch.ones(2, 4, 6))
    with cut({"d/kernel": ("batch", "model")}, (2, 1)):
        assert type(layers.Dense(3, name="d")(torch.ones(2, 4))) is torch.Tensor  # nothing but batches is cut
    with cut({"table/embeddings": ("model", None)}), raises(IndexError, "12 rows", "0 to 12"):
        layers.Embedding(12, 4, name="table")(torch.tensor([0, 12]))


@together
def copies_with_rules_on_outputs() -> None:
    """Rules on outputs hold for copies too, by what is in force when they run."""
    x = torch.ones(2, 6)
    with cut({"up/output": ("batch", "model")}):
        model = perceptron_of()
        right = model(x)
        assert tuple(model.layers[0](x).to_local().shape) == (2, 4)
        copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        for one in copies:
            assert tuple(one.layers[0](x).to_local().shape) == (2, 4)
            torch.testing.assert_close(one(x), right)
    for one in (model, *copies):
        assert type(one.layers[0](x)) is torch.Tensor
        torch.testing.assert_close(one(x), right)


@together
def other_distributions() -> None:
    """A model that is cut runs under what it is cut for, and no other: rows would differ between parts of a weight."""
    x, y = data(16)
    with cut(COLUMNS_THEN_ROWS):
        model = perceptron_of()
        right = model.evaluate(x, y, verbose=0)
    distribution = keras.distribution
    for other in (distribution.DataParallel(), distribution.FullySharded()):
        with other.scope(), raises(ValueError, "'perceptron/up/kernel'", "under that `ModelParallel` only"):
            model.fit(x, y, verbose=0)
    with cut({}):  # which puts back what was in force
        distribution.set_distribution(None)
        with raises(ValueError, "'perceptron/up/kernel'", "Received: None"):
            model.predict(x, verbose=0)
    with cut(COLUMNS_THEN_ROWS):  # another object that says the same
        np.testing.assert_allclose(model.evaluate(x, y, verbose=0), right, rtol=1e-6)


@together
def given_parts() -> None:
    """Along the model axis processes are given the same part; another one is refused."""
    x, y = data(12)
    with cut(COLUMNS_THEN_ROWS):
        distribution = keras.distribution.distribution()
        assert distribution.data_shard_id == 0
        distribution.auto_shard_dataset = False
        model = perceptron_of()
        own = x + _rank()
        with raises(ValueError, "were given different data", "data_shard_id"):
            model.fit(((own[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)), verbose=0)
        found = model.evaluate(((x[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)), verbose=0)
        distribution.auto_shard_dataset = True
        np.testing.assert_allclose(found, model.evaluate(x, y, batch_size=4, verbose=0), rtol=1e-6)


@together
def noise() -> None:
    """What is whole is dropped alike in all processes of the model axis, what is cut by parts of one mask."""
    processes = keras.distribution.processes.known()
    with cut(COLUMNS_THEN_ROWS):
        up, drop = layers.Dense(64, name="up"), layers.Dropout(0.5)
        for x in (torch.ones(8, 6), up(torch.ones(8, 6))):
            dropped = drop(x, training=True)
            shown = np.asarray(dropped.detach() if type(dropped) is torch.Tensor else dropped.full_tensor().detach())
            one, other = processes.from_all(shown)
            np.testing.assert_array_equal(one, other)
            assert 0.3 < (shown == 0).mean() < 0.7
        halves = np.split(shown == 0, 2, axis=1)
        assert (halves[0] != halves[1]).any()
        x, y = tokens()
        model = transformer_of(dropout=0.3)
        model.fit(x[:4], y[:4], verbose=0)
        for weights in zip(*processes.from_all(model.get_weights()), strict=True):
            np.testing.assert_array_equal(*weights)


@together
def half_types() -> None:
    """A mixed policy computes as one process does, to its precision."""
    x, y = data(16)
    with cut({}):
        right = fitted(perceptron_of(optimizer="sgd", dtype="mixed_bfloat16"), x, y)
    with cut(COLUMNS_THEN_ROWS):
        model = perceptron_of(optimizer="sgd", dtype="mixed_bfloat16")
        found = fitted(model, x, y)
        assert model.layers[0].kernel.dtype is torch.float32
        assert model.layers[0](x).dtype is torch.bfloat16
    for one, other in zip(found["weights"], right["weights"], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=2e-2)


@together
def unseeded() -> None:
    """Processes that draw other numbers agree on the weights."""
    processes = keras.distribution.processes.known()
    with cut(COLUMNS_THEN_ROWS):
        torch.manual_seed(1000 + _rank())
        model = perceptron_of()
        model.fit(*data(), verbose=0)
        for weights in zip(*processes.from_all(model.get_weights()), strict=True):
            np.testing.assert_array_equal(*weights)
