"""A captured step computes, bit for bit, what the eager one computes."""

from __future__ import annotations

import gc
import shutil
import warnings
import weakref

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests import warm
from tests.perf.test_step_budget import Calls
from torchkeras_shim import layers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(44, 6)).astype("float32")
Y = RANDOM.integers(0, 3, 44)
WORDS = RANDOM.integers(1, 9, (44, 5)) * (np.arange(5) < RANDOM.integers(2, 6, (44, 1)))
IMAGES = RANDOM.normal(size=(44, 6, 6, 2)).astype("float32")


def sparse():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def mlp(*extra):
    return keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), *extra, layers.Dense(3)])


def two_outputs():
    x = keras.Input((6,))
    hidden = layers.Dense(8, activation="tanh")(x)
    return keras.Model(x, {"a": layers.Dense(3, name="a")(hidden), "b": layers.Dense(1, name="b")(hidden)})


def two_inputs():
    a, b = keras.Input((6,)), keras.Input((6,))
    return keras.Model([a, b], layers.Dense(3)(layers.concatenate([layers.Dense(4)(a), b])))


def text(*core):
    return keras.Sequential([keras.Input((5,), dtype="int64"), *core, layers.Dense(3)])


def convolutional():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


class Rows(layers.Layer):
    """Takes rows of a weight and columns of those, by indices."""

    def build(self, shape):
        self.table = self.add_weight(shape=(9, 4))

    def call(self, inputs):
        return self.table[inputs][:, [0, 2]].mean(dim=1)


class Rate(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.1 / (1 + epoch)


class BatchRate(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate.assign(0.01 * (batch + 1))


class DropLess(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[1].rate = 0.5 - 0.2 * epoch


class Freeze(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[0].trainable = epoch != 1


class NewWeights(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([weight * 0.5 for weight in self.model.get_weights()])


def fit_options(**options):
    return {"x": X, "y": Y, "epochs": 3, "batch_size": 8, "shuffle": True, "verbose": 0, **options}


BOTH = {"a": Y, "b": X[:, :1]}
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.1, 12)
CASES = {
    "plain": (mlp, {}, {}),
    "dropout": (lambda: mlp(layers.Dropout(0.4)), {}, {}),
    "seeded dropout": (lambda: mlp(layers.Dropout(0.4, seed=3), layers.GaussianNoise(0.1, seed=4)), {}, {}),
    "probabilities": (
        lambda: keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(3, activation="softmax")]),
        {"loss": "sparse_categorical_crossentropy"},
        {},
    ),
    "batch normalization": (convolutional, {}, {"x": IMAGES}),
    "validation": (mlp, {}, {"validation_split": 0.2}),
    "sample weights": (mlp, {"weighted_metrics": ["accuracy"]}, {"sample_weight": np.linspace(0.1, 1, 44)}),
    "class weights": (mlp, {}, {"class_weight": {0: 0.5, 1: 2.0, 2: 1.0}}),
    "schedule": (mlp, {"optimizer": lambda: keras.optimizers.SGD(SCHEDULE, momentum=0.9)}, {}),
    "accumulation": (mlp, {"optimizer": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3)}, {}),
    "clipping and averages": (
        mlp,
        {"optimizer": lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.5, use_ema=True, weight_decay=0.01)},
        {},
    ),
    "loss scale": (mlp, {"optimizer": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01))}, {}),
    "torch optimizer": (mlp, {"optimizer": lambda: torch.optim.SGD}, {}),
    "regularizers": (
        lambda: mlp(
            layers.Dense(5, kernel_regularizer="l2", activity_regularizer="l1"), layers.ActivityRegularization(0.1)
        ),
        {},
        {},
    ),
    "constraints": (lambda: mlp(layers.Dense(5, kernel_constraint="unit_norm")), {}, {}),
    "two outputs": (
        two_outputs,
        {"loss": {"a": sparse(), "b": "mse"}, "metrics": {"a": ["accuracy"], "b": ["mae"]}, "loss_weights": {"b": 0.3}},
        {"y": BOTH},
    ),
    "two inputs": (two_inputs, {}, {"x": [X, X[::-1].copy()]}),
    "masked text": (
        lambda: text(layers.Embedding(9, 4, mask_zero=True), layers.GlobalAveragePooling1D()),
        {},
        {"x": WORDS},
    ),
    "indices": (lambda: text(Rows()), {}, {"x": WORDS}),
    "lstm": (lambda: text(layers.Embedding(9, 4), layers.LSTM(5)), {}, {"x": WORDS}),
    "bidirectional gru": (
        lambda: text(layers.Embedding(9, 4), layers.Bidirectional(layers.GRU(5))),
        {},
        {"x": WORDS},
    ),
    "attention": (
        lambda: text(layers.Embedding(9, 4), layers.TimeDistributed(layers.LayerNormalization()), layers.Flatten()),
        {},
        {"x": WORDS},
    ),
    "raw torch modules": (
        lambda: keras.Sequential(
            [torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.GELU(), torch.nn.Linear(8, 3)]
        ),
        {},
        {},
    ),
    "rate by epoch": (mlp, {}, {"callbacks": [Rate]}),
    "rate by batch": (mlp, {}, {"callbacks": [BatchRate]}),
    "another setting": (lambda: mlp(layers.Dropout(0.5)), {}, {"callbacks": [DropLess]}),
    "freezing": (mlp, {}, {"callbacks": [Freeze]}),
    "weights set": (mlp, {}, {"callbacks": [NewWeights]}),
    "several steps per execution": (mlp, {"steps_per_execution": 3}, {}),
    "one tensor as both": (
        lambda: keras.Sequential([keras.Input((6,)), layers.Dense(6)]),
        {"loss": "mse", "metrics": ["mae"]},
        {"y": X},
    ),
    "mixed precision": (lambda: mlp(layers.Dense(4, dtype="mixed_bfloat16")), {}, {}),
}


def train(case, jit_compile, samples=None):
    make, compile_options, fit = CASES[case]
    keras.utils.set_random_seed(1)
    model = make()
    options = {"optimizer": lambda: keras.optimizers.Adam(0.01), "loss": sparse(), "metrics": ["accuracy"]}
    options.update(compile_options)
    optimizer = options.pop("optimizer")()
    model.compile(optimizer=optimizer, jit_compile=jit_compile, **options)
    arguments = fit_options(**fit)
    arguments["callbacks"] = [callback() for callback in arguments.get("callbacks", [])]
    history = model.fit(**arguments).history
    results = model.evaluate(arguments["x"], arguments["y"], batch_size=8, verbose=0, return_dict=True)
    return model, history, results


@pytest.mark.parametrize("case", CASES)
def test_it_is_equal_bit_for_bit(case):
    eager, eager_history, eager_results = train(case, False)
    model, history, results = train(case, "captured")
    report = model._trainer.binding.reports["fit"]
    assert report.strategy == "captured", report.reason
    assert history == eager_history
    assert results == eager_results
    for own, expected in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_array_equal(own, expected)
    for own, expected in zip(model.optimizer.variables, eager.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(own.detach()), np.asarray(expected.detach()))


def programs_of(model):
    return model._trainer.binding.reports["fit"].ran.programs


def test_it_really_replays():
    """Python code of a layer runs for the first three batches of each shape only."""
    calls = []

    class Counting(layers.Layer):
        def call(self, inputs):
            calls.append(tuple(inputs.shape))
            return inputs * 2

    model = mlp(Counting())
    model.compile("sgd", sparse(), jit_compile="captured")
    calls.clear()
    model.fit(X, Y, batch_size=8, epochs=6, verbose=0)  # batches of 8, and one of 4
    assert calls.count((8, 8)) == 3
    assert calls.count((4, 8)) == 3


def test_a_replay_calls_no_code_of_the_layers():
    model = mlp()
    model.compile("sgd", sparse(), jit_compile="captured")
    model.fit(X[:40], Y[:40], batch_size=8, epochs=2, verbose=0)
    step, x, y = model._trainer.binding.step("fit"), torch.tensor(X[:8]), torch.tensor(Y[:8])
    model._trainer.binding.objective.checked = True
    with Calls() as calls:
        step(x, y, None)
    assert calls.files
    assert not [file for file in calls.files if "layers" in file or "losses" in file or "metrics" in file]


def test_auto_tries_and_tells():
    model = mlp()
    model.compile("adam", sparse(), metrics=["accuracy"])
    model.fit(X, Y, batch_size=8, epochs=12, verbose=0)
    report = model._trainer.binding.reports["fit"]
    assert report.strategy in ("captured", "eager")
    assert report.eager_ms > 0
    assert report.captured_ms > 0


def test_auto_gives_the_same_numbers():
    def run(jit_compile):
        keras.utils.set_random_seed(3)
        model = mlp(layers.Dropout(0.3))
        model.compile("adam", sparse(), metrics=["accuracy"], jit_compile=jit_compile)
        history = model.fit(X, Y, batch_size=8, epochs=12, verbose=0, validation_split=0.2).history
        return history, model.get_weights()

    (history, weights), (auto_history, auto_weights) = run(False), run("auto")
    assert history == auto_history
    for one, other in zip(weights, auto_weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_short_run_is_not_tried_on():
    model = mlp()
    model.compile("adam", sparse())
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert "not worth" in model._trainer.binding.reports["fit"].reason


@pytest.mark.parametrize(
    ("make", "options", "what"),
    [
        (lambda: mlp(layers.Lambda(lambda x: x + 1)), {}, "function of your own"),
        (mlp, {"loss": lambda y_true, y_pred: torch.mean(y_pred**2, -1)}, "function of your own"),
        (mlp, {"metrics": [lambda y_true, y_pred: torch.mean(y_pred, -1)]}, "function of your own"),
        (lambda: type("Mine", (layers.Layer,), {"call": lambda self, x: x})(), {}, "class of your own"),
    ],
)
def test_auto_leaves_the_users_own_code_alone(make, options, what):
    model = make()
    if not isinstance(model, keras.Model):
        model = mlp(model)
    model.compile(**{"optimizer": "sgd", "loss": sparse(), **options})
    model.fit(X, Y, batch_size=4, epochs=6, verbose=0)
    report = model._trainer.binding.reports["fit"]
    assert report.strategy == "eager"
    assert what in report.reason


def test_auto_leaves_hooked_models_alone():
    seen = []
    model = mlp()
    model.compile("sgd", sparse())
    model.layers[0].register_forward_hook(lambda *_: seen.append(1))
    model.fit(X, Y, batch_size=4, epochs=6, verbose=0)
    assert len(seen) == 66
    assert "has hooks" in model._trainer.binding.reports["fit"].reason


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
def test_anomaly_detection_sees_every_step():
    model = mlp()
    model.compile("sgd", sparse(), jit_compile="captured")
    with torch.autograd.detect_anomaly():
        model.fit(X, Y, batch_size=4, epochs=6, verbose=0)
    assert "anomaly detection" in model._trainer.binding.reports["fit"].reason


def test_hooks_of_weights_are_called_in_every_step():
    seen = []
    model = mlp()
    model.compile("sgd", sparse(), jit_compile="captured")
    model.weights[0].register_hook(lambda grad: seen.append(1))
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert len(seen) == 22


def reading(inputs):
    return inputs * inputs.detach().sum().item()


def drawing(inputs):
    return inputs + keras.random.normal(tuple(inputs.shape), seed=SEEDS)


SEEDS = keras.random.SeedGenerator(1)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (reading, r"reads a device value on the host at .*test_captured.py:\d+"),
        (drawing, "draws on the host: from a SeedGenerator"),
    ],
)
def test_what_cannot_be_captured_runs_eagerly_after_one_warning(function, reason):
    def run(jit_compile):
        keras.utils.set_random_seed(3)
        SEEDS.state = torch.tensor([1, 0])
        model = mlp(layers.Lambda(function))
        model.compile("sgd", sparse(), jit_compile=jit_compile)
        model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
        return model.get_weights()

    expected = run(False)
    with pytest.warns(UserWarning, match=reason) as caught:
        weights = run("captured")
    assert len(caught) == 1
    for one, other in zip(expected, weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_wrong_labels_in_a_replayed_batch_are_explained():
    labels = Y.copy()
    labels[30] = 7
    model = mlp()
    model.compile("sgd", sparse(), jit_compile="captured")
    with pytest.raises((ValueError, IndexError), match="7"):
        model.fit(X, labels, batch_size=8, epochs=1, shuffle=False, verbose=0)


def test_data_of_ever_new_shapes_runs_as_it_is_written():
    def batches():
        for size in range(1, 40):
            yield X[:size], Y[:size]

    model = mlp()
    model.compile("sgd", sparse(), jit_compile="captured")
    model.fit(batches(), verbose=0)
    assert len(programs_of(model)) <= 8


def test_programs_outlive_a_fit_and_not_a_change():
    model = mlp(layers.Dropout(0.5))
    model.compile("sgd", sparse(), jit_compile="captured")
    model.fit(X, Y, batch_size=8, verbose=0)
    step = model._trainer.binding.step("fit")
    model.fit(X, Y, batch_size=8, verbose=0)
    assert model._trainer.binding.step("fit") is step
    model.layers[1].rate = 0.1
    model.fit(X, Y, batch_size=8, verbose=0)
    assert model._trainer.binding.step("fit") is not step


def test_no_warning_where_auto_finds_a_host_read_in_known_code():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = text(layers.Embedding(9, 4, mask_zero=True), layers.LSTM(5))
        model.compile("sgd", sparse())
        model.fit(WORDS, Y, batch_size=4, epochs=5, verbose=0)
    assert model._trainer.binding.reports["fit"].strategy in ("eager", "captured")


@pytest.mark.parametrize("make", [mlp, two_outputs, convolutional], ids=["one", "two", "images"])
@pytest.mark.parametrize("jit_compile", ["auto", "captured"])
def test_predictions_are_the_same(make, jit_compile):
    model = make()
    x = np.tile(IMAGES if make is convolutional else X, (8, *[1] * (3 if make is convolutional else 1)))
    model.compile("sgd", "mse", jit_compile=False)
    expected = model.predict(x, batch_size=8, verbose=0)
    model.compile("sgd", "mse", jit_compile=jit_compile)
    got = model.predict(x, batch_size=8, verbose=0)
    for one, other in zip(keras.tree.flatten(got), keras.tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    report = model._trainer.binding.reports["predict"]
    assert report.strategy == "captured" if jit_compile == "captured" else report.captured_ms is not None


def test_a_step_of_very_large_tensors_is_not_kept_alive(monkeypatch):
    monkeypatch.setattr("torchkeras_shim.training.capture.recording.MOST_BYTES", 1000)
    model = mlp()
    model.compile("sgd", sparse(), jit_compile="captured")
    with pytest.warns(UserWarning, match="a replay would save next to nothing"):
        model.fit(X, Y, batch_size=8, verbose=0)


def test_several_steps_per_execution_call_back_once_per_execution():
    seen = []

    class Note(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_train_batch_end(self, batch, logs=None):
            seen.append(("end", batch))

    model = mlp()
    model.compile("sgd", sparse(), steps_per_execution=4)
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[Note()])
    assert seen == [("begin", 0), ("end", 3), ("begin", 4), ("end", 5)]


def test_capturing_does_not_import_torchs_compiler():
    code = (
        "import sys, numpy as np, torchkeras_shim as keras\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "model = keras.Sequential([keras.layers.Dense(3)])\n"
        "model.compile('adam', 'mse', jit_compile='captured')\n"
        "model.fit(np.ones((40, 2)), np.ones((40, 3)), batch_size=4, verbose=0)\n"
        "assert model._trainer.binding.reports['fit'].strategy == 'captured'\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = warm.run("-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="is for machines without CUDA")
def test_a_cuda_graph_needs_cuda():
    model = mlp()
    model.compile("sgd", sparse(), jit_compile="cuda_graph")
    with pytest.raises(ValueError, match="needs a model on a CUDA device; 'sequential' lives on cpu"):
        model.fit(X, Y, verbose=0)


def test_options_of_torch_compile_are_checked_by_name():
    with pytest.raises(TypeError, match=r"does not know: \['mod'\]"):
        mlp().compile("sgd", "mse", jit_compile={"mod": "max-autotune"})


def test_options_reach_torch_compile(monkeypatch):
    seen = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: seen.append(options) or function)
    model = mlp()
    model.compile("sgd", sparse(), jit_compile={"mode": "reduce-overhead", "dynamic": False})
    model.fit(X, Y, verbose=0)
    assert seen == [{"mode": "reduce-overhead", "dynamic": False}]
    assert model._trainer.binding.reports["fit"].strategy == "torch.compile"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.skipif(torch.__version__.startswith("2.6."), reason="cannot compile parameters of a class of their own")
@pytest.mark.filterwarnings("default")
def test_torch_compile_trains_to_the_same_numbers():
    def run(jit_compile):
        keras.utils.set_random_seed(3)
        model = mlp()
        model.compile("adam", sparse(), metrics=["accuracy"], jit_compile=jit_compile)
        history = model.fit(X, Y, batch_size=11, epochs=3, verbose=0, class_weight={0: 1.0, 1: 2.0, 2: 0.5}).history
        return history, model.get_weights()

    (history, weights), (compiled_history, compiled_weights) = run(False), run({"fullgraph": True, "dynamic": False})
    np.testing.assert_allclose(history["loss"], compiled_history["loss"], rtol=1e-5)
    for one, other in zip(weights, compiled_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (reading, r"reads a device value on the host at .*test_captured.py:\d+"),
        (lambda x: x + 0 * x[x > 0].sum(), r"depends on the data at .*test_captured.py:\d+"),
    ],
)
def test_auto_warns_once_of_what_slows_the_users_own_code_down(function, reason):
    model = mlp(layers.Lambda(function))
    model.compile("sgd", sparse())
    with pytest.warns(UserWarning, match=reason) as caught:
        model.fit(X, Y, batch_size=4, epochs=6, verbose=0)
    assert len(caught) == 1
    model.compile("sgd", sparse(), jit_compile=False)
    model.fit(X, Y, batch_size=4, epochs=6, verbose=0)


class Penalty(keras.regularizers.Regularizer):
    def __init__(self):
        self.strength = 0.1

    def __call__(self, x):
        return self.strength * x.abs().sum()


def test_auto_leaves_activity_regularizers_of_the_users_own_alone():
    model = mlp(layers.Dense(4, activity_regularizer=Penalty()))
    model.compile("sgd", sparse())
    model.fit(X, Y, batch_size=4, epochs=6, verbose=0)
    assert "Penalty" in model._trainer.binding.reports["fit"].reason


def test_a_changed_activity_regularizer_makes_a_new_recording():
    model = mlp(layers.Dense(4, activity_regularizer=keras.regularizers.L2(0.1)))
    model.compile("sgd", sparse(), jit_compile="captured")
    model.fit(X, Y, batch_size=8, verbose=0)
    step = model._trainer.binding.step("fit")
    model.layers[1].activity_regularizer.l2 = 0.5
    model.fit(X, Y, batch_size=8, verbose=0)
    assert model._trainer.binding.step("fit") is not step


@pytest.mark.parametrize("jit_compile", ["captured", {"mode": "default"}])
def test_keras_can_read_what_a_model_was_compiled_with(jit_compile):
    model = mlp()
    model.compile("sgd", "mse", jit_compile=jit_compile)
    assert model.get_compile_config()["jit_compile"] == "auto"


def test_the_data_is_let_go_after_a_loop():
    x = np.ones((64, 6), "float32")
    alive = weakref.ref(x)
    model = mlp()
    model.compile("sgd", sparse())
    model.fit(x, np.zeros(64, "int64"), shuffle=False, verbose=0)
    model.evaluate(x, np.zeros(64, "int64"), verbose=0)
    del x
    gc.collect()
    assert alive() is None


def test_results_of_any_stride_are_compared():
    from torchkeras_shim.training.capture.checking import _same

    one = torch.ones(()).expand(1)  # of stride 0
    assert _same(one, torch.ones(1))
    assert not _same(one, torch.zeros(1))
    assert _same(torch.ones(3, 2).T, torch.ones(2, 3))
