"""`torch.compile` may fail at any time: training goes on as it is written, and nothing happens twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.core.random_state import RandomState
from torchkeras_shim.training.capture.torch_compiled import TorchCompiled

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 6, 6, 2)).astype("float32")
Y = RANDOM.integers(0, 3, 20)


def images(jit_compile):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dropout(0.3, seed=4),
            layers.Dense(3),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], jit_compile=jit_compile)
    return model


def run(jit_compile):
    """All numbers of a training with a smaller last batch, its evaluation and its predictions."""
    model = images(jit_compile)
    history = model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history
    results = [model.evaluate(X, Y, batch_size=8, verbose=0), model.train_on_batch(X[:5], Y[:5])]
    results += [model.test_on_batch(X[:5], Y[:5]), model.predict(X, batch_size=8, verbose=0).tolist()]
    results += [model.predict_on_batch(X[:5]).tolist(), *(weight.tolist() for weight in model.get_weights())]
    return model, [history, *results, RandomState().to_config()]


def failing(place, size=4):
    """What stands for `torch.compile`: it fails for batches of one size, after it has done half of its work."""

    class Fails(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise TypeError("cannot determine truth value of Relational\nand more")

    def compile_(function, **options):
        if place == "at once":
            raise RuntimeError("not supported on this Python")

        def compiled(x):
            result = function(x)
            if len(x) != size:
                return result
            if place == "backward" and torch.is_grad_enabled():
                return Fails.apply(result)
            raise TypeError("cannot determine truth value of Relational\nand more")

        return compiled

    return compile_


@pytest.mark.parametrize("place", ["at once", "forward", "backward"])
def test_a_compiler_that_fails_ends_no_training_and_repeats_nothing(monkeypatch, place):
    _, expected = run(False)
    monkeypatch.setattr(torch, "compile", failing(place))
    reason = "not supported on this Python" if place == "at once" else "TypeError: cannot determine truth value"
    with pytest.warns(UserWarning, match=f"jit_compile=True, because torch.compile failed with .*{reason}") as caught:
        model, got = run(True)
    assert got == expected
    assert len(caught) == 1
    lines = []
    model.explain_step(lines.append)
    assert "truth value" in "\n".join(lines) or "not supported" in "\n".join(lines)


class Counting(layers.Layer):
    """Writes to a weight in its call, and adds a loss."""

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.factor = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        self.calls.assign_add(1)
        self.add_loss(0.01 * self.factor**2)
        return x * self.factor


#: What a step writes besides its weights, and what its gradients go through.
FEATURES = {
    "clipping": (lambda: layers.LSTM(3), lambda: keras.optimizers.Adam(clipnorm=0.1)),
    "accumulation": (layers.BatchNormalization, lambda: keras.optimizers.Adam(gradient_accumulation_steps=2)),
    "loss scaling": (
        lambda: layers.GRU(3, dropout=0.2),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01)),
    ),
    "added losses": (Counting, keras.optimizers.Adam),
    "states": (lambda: layers.LSTM(3, stateful=True), keras.optimizers.Adam),
}


def trained_with(feature, jit_compile):
    make_layer, make_optimizer = FEATURES[feature]
    keras.backend.clear_session(free_memory=False)  # the states of random generators depend on the names of layers
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(batch_shape=(4, 5, 4)), make_layer(), layers.Flatten(), layers.Dense(1)])
    model.compile(make_optimizer(), "mse", metrics=["mae"], jit_compile=jit_compile)
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(12, 5, 4)).astype("float32"), random.uniform(size=12)
    history = model.fit(x, x[:, 0, :1], sample_weight=weights, batch_size=4, epochs=3, verbose=0).history
    return [history, *(variable.numpy().tolist() for variable in (*model.variables, *model.optimizer.variables))]


@pytest.mark.parametrize("place", ["forward", "backward"])
@pytest.mark.parametrize("feature", FEATURES)
def test_whatever_a_step_writes_is_written_once(monkeypatch, feature, place):
    expected = trained_with(feature, False)
    monkeypatch.setattr(torch, "compile", failing(place))
    with pytest.warns(UserWarning, match="torch.compile failed with") as caught:
        assert trained_with(feature, True) == expected
    assert len(caught) == 1


def test_what_the_data_is_to_blame_for_is_not_put_on_the_compiler(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    model = images(True)
    model.fit(X, Y, batch_size=8, verbose=0)
    labels = Y.copy()
    labels[3] = 7
    with pytest.raises((ValueError, IndexError), match="7") as raised:
        model.fit(X, labels, batch_size=8, verbose=0, shuffle=False)
    assert raised.value.__context__ is None
    assert model._trainer.binding.reports["fit"].ran.refusal is None
    model.fit(X, Y, batch_size=8, verbose=0)


def test_each_shape_is_compiled_by_itself_unless_asked_otherwise(monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: seen.append(options) or function)
    images(True).fit(X, Y, batch_size=8, verbose=0)
    images({"dynamic": None}).fit(X, Y, batch_size=8, verbose=0)
    assert seen == [{"dynamic": False}, {"dynamic": None}]


def test_more_shapes_than_are_worth_it_run_as_they_are_written():
    compiled = TorchCompiled(lambda x: x + 1, lambda x: x + 1)
    for size in range(1, 12):
        compiled(torch.ones(size))
    assert (compiled.replayed, compiled.written, compiled.refusal) == (8, 3, None)
    assert "another shape than the first 8" in compiled.obstacle


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_real_compiler_that_fails_is_told_by_name():
    def backend(graph, inputs):
        raise OSError("no C++ compiler was found")

    _, expected = run(False)
    with pytest.warns(UserWarning, match=r"torch.compile failed with BackendCompilerFailed.*no C\+\+ compiler") as told:
        _, got = run({"backend": backend})
    assert got == expected
    assert sum("jit_compile" in str(warning.message) for warning in told) == 1


def test_a_shape_too_many_is_told_once(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    model = images(True)
    for size in range(1, 9):
        model.test_on_batch(X[:size], Y[:size])
    with pytest.warns(UserWarning, match="its batch has another shape than the first 8") as caught:
        model.test_on_batch(X[:9], Y[:9])
    model.test_on_batch(X[:10], Y[:10])
    assert len(caught) == 1
    strategy, reason = model._trainer.binding.reports["evaluate"].told()
    assert strategy == "torch.compile"
    assert "run compiled 8 times, run as written 2 times" in reason


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_real_compiler_trains_with_a_smaller_last_batch():
    def trained(jit_compile):
        keras.utils.set_random_seed(1)
        model = keras.Sequential(
            [
                keras.Input((6, 6, 2)),
                layers.Conv2D(3, 3),
                layers.BatchNormalization(),
                layers.Flatten(),
                layers.Dense(3),
            ]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, metrics=["accuracy"], jit_compile=jit_compile)
        history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history
        return model, [*history["loss"], *model.evaluate(X, Y, batch_size=8, verbose=0)], model.get_weights()

    _, expected, weights = trained(False)
    model, got, compiled_weights = trained(True)
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    for one, other in zip(compiled_weights, weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    strategy, reason = model._trainer.binding.reports["fit"].told()
    assert strategy == "torch.compile", reason
    assert "run compiled 6 times, run as written 0 times" in reason
