"""What processes over which the weights are cut must compute as one does, and what they check of themselves."""

from __future__ import annotations

import contextlib
import copy
import os
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import torchkeras_shim as keras
from tests.distributed.cases import Crash, OwnStep, classifier, data, fitted, overwritten, raises
from torchkeras_shim import layers

CASES: dict[str, Callable[[], Any]] = {}
TOGETHER: dict[str, Callable[[], Any]] = {}
WORLDS: dict[str, tuple[int, ...]] = {"checkpoint_folder": (1, 2, 4)}


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a case under its name, run with the weights cut."""

    def run() -> Any:
        keras.distribution.set_distribution(keras.distribution.FullySharded())
        try:
            return function()
        finally:
            keras.distribution.set_distribution(keras.distribution.DataParallel())

    CASES[function.__name__] = run
    return run


def together(function: Callable[[], Any]) -> Callable[[], Any]:
    """Enters a check that 2 processes run."""
    case(function)
    TOGETHER[function.__name__] = CASES.pop(function.__name__)
    return function


def folder_of(name: str) -> str:
    """Returns a folder that all processes of one run share."""
    run = os.environ.get("MASTER_PORT", "alone")
    return os.path.join(tempfile.gettempdir(), f"torchkeras-{name}-{os.getppid()}-{run}")


def rank() -> int:
    """Returns which process this is."""
    return int(os.environ.get("RANK", 0))


LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@case
def plain() -> Any:
    x, y = data()
    model = classifier(metrics=["accuracy"])
    result = fitted(model, x, y, validation_split=0.3)
    return {
        **result,
        "evaluated": model.evaluate(x, y, batch_size=9, verbose=0),
        "all rows": model.predict(x, verbose=0),
    }


@case
def probabilities() -> Any:
    """Cross-entropies go back through the logits behind a softmax or sigmoid, past the outputs."""
    x, y = data()
    results = []
    for head, loss in (
        ([layers.Dense(3, activation="softmax")], "sparse_categorical_crossentropy"),
        ([layers.Dense(3), layers.Activation("softmax")], "sparse_categorical_crossentropy"),
        ([layers.Dense(1, activation="sigmoid")], "binary_crossentropy"),
        ([layers.Dense(3, activation="softmax")], "mse"),
    ):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), *head])
        model.compile("adam", loss)
        targets = np.eye(3, dtype="float32")[y] if loss == "mse" else (y > 1 if loss.startswith("bin") else y)
        results.append(fitted(model, x, targets, epochs=1))
    return results


OPTIMIZERS = [
    keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.05),
    keras.optimizers.Adam(0.05, global_clipnorm=0.1, gradient_accumulation_steps=3),
    keras.optimizers.AdamW(0.05, weight_decay=0.1, clipvalue=0.01, use_ema=True, ema_overwrite_frequency=3),
    keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    keras.optimizers.Lamb(0.05),
    keras.optimizers.Adafactor(0.05),
    keras.optimizers.Muon(0.05),
    keras.optimizers.Ftrl(0.05),
    keras.optimizers.Adagrad(0.05),
    keras.optimizers.Lion(0.01),
    keras.optimizers.ScheduleFreeAdamW(0.05),
    keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05), initial_scale=64.0),
]


@case
def optimizers() -> Any:
    results = {}
    for optimizer in OPTIMIZERS:
        optimizer = type(optimizer).from_config(optimizer.get_config())
        model = classifier(optimizer=optimizer)
        results[type(optimizer).__name__] = fitted(model, *data(), epochs=1, batch_size=14)
    return results


@case
def images() -> Any:
    keras.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(21, 6, 6, 3)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(8, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(momentum=0.5),
            layers.SeparableConv2D(4, 3),
            layers.BatchNormalization(synchronized=True, trainable=False),
            layers.Flatten(),
            layers.Dense(3, kernel_constraint=keras.constraints.MaxNorm(0.5)),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), LOSS, metrics=["accuracy"])
    return fitted(model, x, data(21)[1], sample_weight=np.linspace(0, 2, 21).astype("float32"))


class Block(keras.layers.Layer):
    """A transformer block."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.attention = layers.MultiHeadAttention(2, 4)
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
        self.inner, self.outer = layers.Dense(16, activation="gelu"), layers.Dense(8)

    def call(self, x: Any) -> Any:
        x = x + self.attention(self.norms[0](x), x)
        return x + self.outer(self.inner(self.norms[1](x)))


class Transformer(keras.Model):
    """Has its blocks in a list, one of them twice, and a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = layers.Embedding(11, 8, mask_zero=True)
        self.blocks = [Block(), Block()]
        self.head = keras.Sequential([layers.Dense(8), torch.nn.Linear(8, 3)])
        self.scale = self.add_weight(shape=(8,), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        x = self.embedding(x)
        for block in (*self.blocks, self.blocks[0]):
            x = block(x)
        return self.head(layers.GlobalAveragePooling1D()(x) * self.scale)


def transformer() -> Any:
    """Returns a compiled transformer."""
    keras.utils.set_random_seed(3)
    model = Transformer()
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), LOSS, metrics=["accuracy"])
    return model


def sentences() -> Any:
    """Returns rows of tokens, some of them padded."""
    x = np.random.default_rng(3).integers(1, 11, (21, 6))
    x[::3, 4:] = 0
    return x, data(21)[1]


@case
def text() -> Any:
    model = transformer()
    result = fitted(model, *sentences())
    return {**result, "all rows": model.predict(sentences()[0], batch_size=5, verbose=0)}


@case
def functional_and_shared() -> Any:
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation="tanh"), layers.Dense(4)])
    inputs = keras.Input((6,))
    shared = layers.Dense(4)
    x = shared(inputs)
    x = layers.Add()([inner(x), shared(layers.Dense(6, trainable=False)(x)), inner(layers.Dropout(0.0)(x))])
    model = keras.Model(inputs, layers.Dense(3)(x))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOSS)
    first = fitted(model, *data(20), epochs=1)
    inner.layers[0].trainable = False
    model.compile("adam", LOSS)
    return {"first": first, **fitted(model, *data(20), epochs=1)}


@case
def mixed_precision() -> Any:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = classifier(layers.Dense(8), optimizer=keras.optimizers.SGD(0.01))
        losses = fitted(model, *data(), epochs=1)["history"]["loss"]
        return {"loss": np.round(losses, 1), "types": [int(w.dtype == torch.float32) for w in model.weights]}
    finally:
        keras.config.set_dtype_policy("float32")


@case
def own_steps_and_torch() -> Any:
    keras.utils.set_random_seed(1)
    own = OwnStep()
    own.compile("sgd", LOSS)
    x, y = data(40)
    mine = fitted(own, x, y)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh())
    model = keras.Sequential([keras.Input((6,)), net, layers.Dense(3)])
    model.compile(torch.optim.Adam(model.parameters(), lr=0.01), torch.nn.CrossEntropyLoss())
    return {"own": mine, "torch": fitted(model, *data())}


@case
def variables_overwritten_with_gradients() -> Any:
    return [overwritten(), overwritten(own=True)["weights"]]


def small(path: str | None = None) -> Any:
    """Returns a model whose initializers draw in several ways, with weights in a list and a smaller one."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5, kernel_initializer="orthogonal"), Odd(), Odd()])
    model.compile("adam", LOSS)
    if path is not None:
        model.load_weights(path)
    return model


@case
def made_in_parts() -> Any:
    """The weights of a model are there, and can be used, before the first `fit` tells layers to gather them."""
    path = os.path.join(folder_of("parts"), "w.weights.h5")
    if rank() == 0:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    model, x = small(), data()[0]
    first, called = model.get_weights(), model(x)
    penalties = [weight.regularizer(weight) for weight in model.weights if weight.regularizer]
    changed = [weight + 0.1 for weight in first]
    model.set_weights(changed)
    model.weights[0].assign_add(np.ones((6, 5)))
    model.save_weights(path)
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    read = small(path)
    return {
        "values": [first, called.detach().numpy(), [penalty.detach().numpy() for penalty in penalties]],
        "written": [model.get_weights(), copied.get_weights(), read.get_weights(), model.count_params()],
        "trained": fitted(read, *data(20), epochs=1),
    }


@case
def made_whole() -> Any:
    """A model that was made before its weights are to be cut."""
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    model = small()
    model.optimizer.build(model.trainable_variables)
    keras.distribution.set_distribution(keras.distribution.FullySharded())
    return fitted(model, *data(20), epochs=1)


@case
def files() -> Any:
    folder = folder_of("sharded-files")
    model = classifier(layers.BatchNormalization(), optimizer=keras.optimizers.Adam(0.01))
    checkpoint = keras.callbacks.ModelCheckpoint(
        os.path.join(folder, "best.keras"), monitor="loss", save_best_only=True
    )
    often = keras.callbacks.ModelCheckpoint(
        os.path.join(folder, "{batch}.weights.h5"),
        save_freq=2,
        save_weights_only=True,
        save_best_only=True,
        monitor="loss",
    )
    model.fit(*data(), verbose=0, callbacks=[checkpoint, often])
    other = classifier(layers.BatchNormalization(), optimizer=keras.optimizers.Adam(0.01))
    other.fit(*data(), verbose=0)
    results = {}
    for ending in ("model.keras", "model.h5", "w.weights.h5", "w.safetensors"):
        path = os.path.join(folder, ending)
        (model.save if ending.startswith("model") else model.save_weights)(path)
        other.set_weights([np.zeros(weight.shape, "float32") for weight in other.weights])
        other.load_weights(path)
        results[ending] = other.get_weights()
    keras.distribution.set_distribution(None)
    loaded = keras.saving.load_model(os.path.join(folder, "model.keras"))
    best = keras.saving.load_model(os.path.join(folder, "best.keras"))
    results["loaded"] = [loaded.get_weights(), [v.numpy() for v in loaded.optimizer.variables], best.get_weights()]
    keras.distribution.set_distribution(keras.distribution.FullySharded())
    loaded.fit(*data(), verbose=0)  # with the optimizer's state cut
    return {**results, "went on": loaded.get_weights()}


@case
def interrupted() -> Any:
    folder = folder_of("sharded-backup")

    def start(*more: Any) -> Any:
        model = classifier(optimizer=keras.optimizers.Adam(0.1, gradient_accumulation_steps=4), metrics=["accuracy"])
        backup = keras.callbacks.BackupAndRestore(folder, save_freq=3)
        return fitted(model, *data(), epochs=3, callbacks=[backup, *more])

    with contextlib.suppress(InterruptedError):
        start(Crash())
    return start()


class Tied(keras.Model):
    """Computes its outputs with the weight of a layer that it does not call for that."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.dense = layers.Embedding(11, 8), layers.Dense(8)

    def call(self, x: Any) -> Any:
        return self.dense(self.embedding(x)).mean(1) @ self.embedding.embeddings.T


def tied(units: Any = None) -> Any:
    """Trains a model that uses a weight twice."""
    keras.distribution.set_distribution(keras.distribution.FullySharded(units=units))
    keras.utils.set_random_seed(1)
    model = Tied()
    model.compile("adam", LOSS)
    return fitted(model, *sentences(), epochs=1)


@case
def tied_weights() -> Any:
    return tied(lambda layer: isinstance(layer, layers.Dense))


class Odd(keras.layers.Layer):
    """Has weights in a list, a number, and one that is smaller than the number of processes."""

    def build(self, input_shape: Any) -> None:
        self.pair = [self.add_weight((input_shape[-1], 5), name="a"), self.add_weight((5, 3), name="b")]
        self.factor = self.add_weight((), initializer="ones", name="factor")
        self.offset = self.add_weight((1, 3), name="offset", regularizer="l1")

    def call(self, x: Any) -> Any:
        return x @ self.pair[0] @ self.pair[1] * self.factor + self.offset


@case
def odd_weights() -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), Odd()])
    model.compile("adam", LOSS)
    return fitted(model, *data())


@case
def a_part_before_the_whole() -> Any:
    keras.utils.set_random_seed(1)
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(8), layers.Dense(3)])
    inner.compile("adam", LOSS)
    first = fitted(inner, *data(), epochs=1)
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(3)(inner(inputs)))
    model.compile("adam", LOSS)
    return first, fitted(model, *data(), epochs=1), fitted(inner, *data(), epochs=1)


@together
def refusals() -> None:
    model = classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile("sgd", LOSS, jit_compile="captured")
        model.fit(*data(), verbose=0)
    assert "layer by layer" in model._trainer.binding.reports["fit"].reason
    with raises(RuntimeError, "FullySharded(units="):
        tied()
    for move in (lambda: copy.deepcopy(model), model.double):
        with raises(NotImplementedError, "cut over processes"):
            move()
    for other in (keras.distribution.DataParallel(), None):
        keras.distribution.set_distribution(other)
        with raises(RuntimeError, "cut over processes, by `FullySharded`"):
            model.fit(*data(), verbose=0)
    with raises(Exception, "/proc/nothing" if rank() == 0 else "first of the processes failed"):
        model.save("/proc/nothing/model.keras")


@together
def one_whole_weight_at_a_time() -> None:
    """While a file is written, one process has one whole weight at a time, and the others none."""
    model = classifier(layers.Dense(512), layers.Dense(512), optimizer="adam")
    model.fit(*data(), verbose=0)
    alive: list[Any] = []
    sizes: list[int] = []
    largest = 512 * 512 * 4
    limit = (3.2 if rank() == 0 else 1.1) * largest  # of the parts, the sum and the file's, two are there at once

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            if type(result) is torch.Tensor:
                alive.append(weakref.ref(result))
                size = size_of_alive()
                if size > limit:  # a thread of gloo's has yet to let go of what was exchanged
                    time.sleep(0.2)
                    size = size_of_alive()
                sizes.append(size)
            return result

    def size_of_alive() -> int:
        tensors = [one for one in (reference() for reference in alive) if one is not None]
        alive[:] = map(weakref.ref, tensors)
        memory = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in tensors}
        return sum(memory.values())

    path = os.path.join(folder_of("copies"), "w.weights.h5")
    if rank() == 0:
        os.makedirs(os.path.dirname(path))
    with Watch():
        model.save_weights(path)
    assert max(sizes) < limit, max(sizes) / largest


@case
def checkpoint_folder() -> Any:
    """Each number of processes reads what the one before has written: 2 that of 1, and 4 that of 2."""
    folder, count = folder_of("checkpoint").rpartition("-")[0], int(os.environ.get("WORLD_SIZE", 1))
    model, other = (
        classifier(layers.BatchNormalization(), layers.Dense(7), optimizer=keras.optimizers.Adam(0.01))
        for _ in range(2)
    )
    model.fit(*data(20), verbose=0)
    if count > 1:
        model.load_weights(os.path.join(folder, f"{count // 2}.dcp"))
    path = os.path.join(folder, f"{count}.dcp")
    model.save_weights(path)
    before = model.get_weights()
    other.load_weights(path)  # whole, with the optimizer's state, and cut after that
    return {
        "before": before,
        "other": other.get_weights(),
        "went on": fitted(other, *data(20), shuffle=False, epochs=1),
    }


@together
def a_process_has_its_part() -> None:
    model = classifier(layers.Dense(16), optimizer="adam")
    for weight in model.weights:
        storage = weight.to_local().untyped_storage().nbytes()
        assert storage * 2 == weight.nbytes or weight.shape[0] == 3, weight.path
    model.fit(*data(), verbose=0)
    for weight in model.weights:
        assert isinstance(weight, keras.Variable)
        assert weight.to_local().numel() * 2 == weight.numel() or weight.shape[0] == 3, weight.path
    for slot in model.optimizer.variables[2:]:
        assert slot.to_local().numel() * 2 == slot.numel() or slot.shape[0] == 3, slot.path
    assert all(weight.grad is None for weight in model.weights)
    assert type(model) is keras.Sequential
    assert type(model.layers[0]) is layers.Dense
