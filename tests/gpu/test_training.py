"""Training on a GPU, in each way that a step can run: the numbers of eager steps, and no waiting for the device."""

from __future__ import annotations

import contextlib
import gc

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.benchmarks.workloads import WORKLOADS
from torchkeras_shim import layers
from torchkeras_shim.core.device import has_graphs

pytestmark = pytest.mark.gpu

WAYS = ["captured", "cuda_graph"]
STRATEGY = {"captured": "captured", "cuda_graph": "CUDA graph"}
BATCH = 16
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(5 * BATCH + 7, 8)).astype("float32")  # the last batch is ragged
Y = RANDOM.integers(0, 3, len(X))


@pytest.fixture(params=WAYS)
def way(request, gpu):
    if request.param == "cuda_graph" and not has_graphs(gpu):
        pytest.skip("needs CUDA graphs")
    return request.param


def compiled(model, jit_compile, optimizer=None, **options):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = optimizer or keras.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=jit_compile, **options)
    return model


def mlp(*extra):
    return keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), *extra, layers.Dense(3)])


def train(jit_compile, make=mlp, optimizer=None, epochs=4, x=X, y=Y, weights=None, **options):
    keras.utils.set_random_seed(1)
    model = compiled(make(), jit_compile, None if optimizer is None else optimizer())
    if weights is not None:
        model.set_weights(weights)
    keras.utils.set_random_seed(2)
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **options}
    history = model.fit(x, y, epochs=epochs, **options).history
    return model, history


def assert_same(one, other, rtol=2e-3, atol=1e-4):
    (model, history), (expected, expected_history) = one, other
    for name, values in expected_history.items():
        np.testing.assert_allclose(history[name], values, rtol=rtol, atol=atol)
    for got, weights in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(got, weights, rtol=rtol, atol=atol)


def assert_ran(model, way):
    report = model._trainer.binding.reports["fit"]
    assert report.strategy == STRATEGY[way], report
    assert report.ran.refusal is None
    assert report.ran.replayed > 0


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_benchmark_models(way, name):
    workload = WORKLOADS[name]
    x, y = workload.data(4 * 8)
    options = {"make": lambda: workload.keras_model(keras), "x": x, "y": y, "batch_size": 8, "epochs": 4}
    eager, other = train(False, **options), train(way, **options)
    assert_ran(other[0], way)
    if not any(isinstance(layer, layers.Dropout) for layer in eager[0].modules()):
        assert_same(other, eager, rtol=2e-2, atol=2e-3)  # kernels of the same step may be chosen differently
    assert other[1]["loss"][-1] < other[1]["loss"][0]


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 20), momentum=0.9),
    "clipping": lambda: keras.optimizers.AdamW(0.01, global_clipnorm=0.5),
    "averages": lambda: keras.optimizers.Adam(0.01, use_ema=True),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_and_ragged_batches(way, name):
    eager, other = train(False, optimizer=OPTIMIZERS[name]), train(way, optimizer=OPTIMIZERS[name])
    assert_ran(other[0], way)
    assert_same(other, eager)
    assert int(other[0].optimizer.iterations) == int(eager[0].optimizer.iterations) == 24


def test_dropout_with_a_seed_of_its_own(way):
    make = lambda: mlp(layers.Dropout(0.4, seed=3))  # noqa: E731
    assert_same(train(way, make), train(False, make))


def test_dropout_draws_other_numbers_in_every_step(way):
    """With the same batch in every step and no learning, losses differ only by what dropout draws."""
    x, y = X[:BATCH], Y[:BATCH]
    options = {"x": x, "y": y, "optimizer": lambda: keras.optimizers.SGD(0.0), "epochs": 12}
    _, history = train(way, lambda: mlp(layers.Dropout(0.5)), **options)
    assert len(set(history["loss"])) == 12


def test_a_frozen_layer_is_noticed(way):
    model, _ = train(way)
    before = model.layers[0].get_weights()
    model.layers[0].trainable = False
    compiled(model, way)
    model.fit(X, Y, batch_size=BATCH, epochs=3, verbose=0)
    for one, other in zip(model.layers[0].get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert_ran(model, way)


def test_a_changed_rate_is_noticed(way):
    model, _ = train(way, optimizer=lambda: keras.optimizers.SGD(0.05))
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.fit(X, Y, batch_size=BATCH, epochs=3, verbose=0)
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradient_accumulation_runs_as_it_can(gpu):
    accumulating = lambda: keras.optimizers.SGD(0.05, gradient_accumulation_steps=2)  # noqa: E731
    assert_same(train("captured", optimizer=accumulating), train(False, optimizer=accumulating))


@pytest.mark.parametrize("jit_compile", [False, *WAYS])
def test_a_steady_step_does_not_wait(gpu, no_waiting, jit_compile):
    if jit_compile == "cuda_graph" and not has_graphs(gpu):
        pytest.skip("needs CUDA graphs")

    class Watch(keras.callbacks.Callback):
        watched = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_begin(self, batch, logs=None):
            self.block = contextlib.ExitStack()
            if self.epoch >= 2:  # by then shapes have been seen and steps recorded
                self.block.enter_context(no_waiting())
                self.watched += 1

        def on_train_batch_end(self, batch, logs=None):
            self.block.close()

    watch = Watch()
    train(jit_compile, epochs=5, callbacks=[watch], x=X[: 5 * BATCH], y=Y[: 5 * BATCH])
    assert watch.watched == 15


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_mixed_precision(gpu, policy, jit_compile):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model, history = train(jit_compile, optimizer=lambda: keras.optimizers.Adam(0.01), epochs=8)
        outputs = model.layers[0](torch.from_numpy(X).to(gpu))
    finally:
        keras.config.set_dtype_policy(before)
    assert outputs.dtype == (torch.float16 if policy == "mixed_float16" else torch.bfloat16)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert history["loss"][-1] < history["loss"][0]
    plain, _ = train(False, epochs=1)
    plain.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=5e-2, atol=5e-2)


def test_loss_scaling_leaves_out_what_overflows(gpu):
    scaled = lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.05), initial_scale=2.0**10)  # noqa: E731
    model, _ = train(False, optimizer=scaled, epochs=1)
    weights, scale = model.get_weights(), float(model.optimizer.dynamic_scale)
    x = np.full_like(X[:BATCH], np.inf)
    model.fit(x, Y[:BATCH], batch_size=BATCH, verbose=0)
    for one, other in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert float(model.optimizer.dynamic_scale) == scale / 2


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@needs_cuda
def test_what_no_graph_can_hold_runs_eagerly_after_a_warning(gpu):
    with pytest.warns(UserWarning, match="cannot be captured"):
        train("cuda_graph", optimizer=lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2))


@needs_cuda
def test_memory_of_graphs_is_given_back(gpu):
    def used():
        gc.collect()
        torch.cuda.empty_cache()
        return torch.cuda.memory_allocated()

    train("cuda_graph")  # workspaces of libraries stay
    before = used()
    for _ in range(3):
        train("cuda_graph")
    assert used() <= before + (1 << 20)


@needs_cuda
def test_tensor_float_32(gpu):
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("this GPU has no TF32")
    x = torch.randn(512, 512, dtype=torch.float64, device=gpu)
    exact = x @ x

    def error(enabled):
        keras.config.enable_tensor_float_32(enabled)
        return float(((x.float() @ x.float()).double() - exact).abs().max())

    assert error(False) * 20 < error(True)
    error(False)


@needs_cuda
def test_model_moves_to_the_gpu_and_goes_on(gpu):
    with keras.device("cpu"):
        model, _ = train(False, optimizer=lambda: keras.optimizers.Adam(0.01))
    model.to(gpu)
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    assert {weight.device for weight in model.parameters()} == {gpu}
