"""Training steps as CUDA graphs: the numbers of eager steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(100, 8)).astype("float32")
Y = RANDOM.integers(0, 3, 100)
IMAGES = RANDOM.normal(size=(100, 8, 8, 3)).astype("float32")


def mlp(*extra):
    return keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), *extra, layers.Dense(3)])


def images():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


SCHEDULE = keras.optimizers.schedules.CosineDecay(0.01, 60)
CASES = {
    "adam": (mlp, lambda: keras.optimizers.Adam(0.01), X),
    "schedule": (mlp, lambda: keras.optimizers.SGD(SCHEDULE, momentum=0.9), X),
    "clipping": (mlp, lambda: keras.optimizers.AdamW(0.01, global_clipnorm=1.0), X),
    "dropout": (lambda: mlp(layers.Dropout(0.3)), lambda: keras.optimizers.Adam(0.01), X),
    "seeded dropout": (lambda: mlp(layers.Dropout(0.3, seed=1)), lambda: keras.optimizers.Adam(0.01), X),
    "images": (images, lambda: keras.optimizers.Adam(0.01), IMAGES),
}


def train(case, jit_compile):
    make, optimizer, x = CASES[case]
    keras.utils.set_random_seed(2)
    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(), loss, metrics=["accuracy"], jit_compile=jit_compile)
    history = model.fit(x, Y, batch_size=16, epochs=5, shuffle=False, verbose=0).history
    return model, history


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_of_eager_steps(case):
    eager, eager_history = train(case, False)
    model, history = train(case, "cuda_graph")
    assert model._trainer.binding.reports["fit"].strategy == "CUDA graph"
    if case != "dropout":  # the global generator's offsets differ between capture and eager calls
        for name, values in eager_history.items():
            np.testing.assert_allclose(history[name], values, rtol=2e-4, atol=1e-5)
        for one, other in zip(model.get_weights(), eager.get_weights(), strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5)
    assert history["loss"][-1] < history["loss"][0]
    assert int(model.optimizer.iterations) == int(eager.optimizer.iterations)


def test_a_step_without_host_reads_launches_graphs():
    model, _ = train("adam", "cuda_graph")
    torch.cuda.set_sync_debug_mode("error")
    try:
        step = model._trainer.binding.step("fit")
        x, y = torch.tensor(X[:16], device="cuda"), torch.tensor(Y[:16], device="cuda")
        torch.cuda.set_sync_debug_mode("error")
        for _ in range(3):
            step(x, y, None)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_what_no_graph_can_hold_runs_eagerly_after_a_warning():
    make, _, x = CASES["adam"]
    model = make()
    model.compile(
        keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile="cuda_graph",
    )
    with pytest.warns(UserWarning, match="cannot be captured"):
        model.fit(x, Y, batch_size=16, verbose=0)


@pytest.mark.parametrize("case", ["adam", "images"])
def test_captured_steps_are_those_of_eager_steps(case):
    eager, eager_history = train(case, False)
    model, history = train(case, "captured")
    assert model._trainer.binding.reports["fit"].strategy == "captured"
    for name, values in eager_history.items():
        np.testing.assert_allclose(history[name], values, rtol=2e-4, atol=1e-5)
    for one, other in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=2e-5)
