"""fit, evaluate, predict: arguments, callbacks, interruption, overrides, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.callbacks import Callback


def data(samples=64):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, samples)
    return (rng.normal(size=(samples, 4)) + y[:, None]).astype("float32"), y


def classifier(last="softmax", **compile_arguments):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(3, activation=last)])
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**arguments, **compile_arguments})
    return model


def test_history_and_return_values():
    x, y = data()
    model = classifier()
    history = model.fit(x, y, epochs=3, validation_split=0.25, verbose=0)
    assert history is model.history
    assert history.epoch == [0, 1, 2]
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(type(v) is float for values in history.history.values() for v in values)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"accuracy": accuracy, "loss": loss}
    assert model.metrics_names == ["loss", "accuracy"]
    predictions = model.predict(x, verbose=0)
    assert isinstance(predictions, np.ndarray)
    assert predictions.shape == (64, 3)
    assert predictions.dtype == np.float32


@pytest.mark.parametrize("kind", ["numpy", "tensor", "dataset", "loader", "generator", "lists"])
def test_kinds_of_data_train_alike(kind):
    x, y = data()
    xt, yt = torch.from_numpy(x), torch.from_numpy(y)
    dataset = torch.utils.data.TensorDataset(xt, yt)

    def generator():
        while True:
            for start in range(0, 64, 16):
                yield x[start : start + 16], y[start : start + 16]

    given = {
        "numpy": {"x": x, "y": y, "batch_size": 16, "shuffle": False},
        "tensor": {"x": xt, "y": yt, "batch_size": 16, "shuffle": False},
        "lists": {"x": x.tolist(), "y": y.tolist(), "batch_size": 16, "shuffle": False},
        "dataset": {"x": dataset, "batch_size": 16, "shuffle": False},
        "loader": {"x": torch.utils.data.DataLoader(dataset, batch_size=16)},
        "generator": {"x": generator(), "steps_per_epoch": 4},
    }[kind]
    keras.utils.set_random_seed(3)
    model = classifier()
    try:
        history = model.fit(**given, epochs=2, verbose=0).history
    except (ValueError, TypeError):
        if kind != "lists":
            raise
        pytest.skip("nested Python lists are structures in Keras")
    keras.utils.set_random_seed(3)
    expected = classifier().fit(x, y, batch_size=16, shuffle=False, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-5)


def test_batches_of_text_count_by_their_rows():
    texts = np.array(["a", "b", "c"], dtype=object)
    model = keras.Sequential([layers.StringLookup(vocabulary=["a", "b", "c"]), layers.Embedding(4, 1, "zeros")])
    model.compile("sgd", "mse")
    y = np.array([[1.0], [1.0], [4.0]], "float32")
    assert model.evaluate(texts, y, batch_size=2, verbose=0) == pytest.approx(6.0)


def test_seeds_make_runs_equal_and_shuffling_differ():
    x, y = data()

    def run(seed, **kwargs):
        keras.utils.set_random_seed(seed)
        return classifier().fit(x, y, verbose=0, epochs=2, **kwargs).history["loss"]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert run(1, shuffle=False) == run(1, shuffle=False)


class Recorder(Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append((batch, dict(logs)))


def test_batch_logs_are_running_means_and_plain_floats():
    x, y = data()
    model = classifier()
    recorder = Recorder()
    history = model.fit(x, y, batch_size=16, verbose=0, callbacks=[recorder])
    assert [batch for batch, _ in recorder.calls] == [0, 1, 2, 3]
    assert all(type(value) is float for _, logs in recorder.calls for value in logs.values())
    assert recorder.calls[-1][1]["loss"] == history.history["loss"][0]


def test_steps_per_execution_calls_back_less_often():
    x, y = data()
    recorder = Recorder()
    classifier(steps_per_execution=3).fit(x, y, batch_size=16, verbose=0, callbacks=[recorder])
    assert [batch for batch, _ in recorder.calls] == [2, 3]


def test_stop_training_ends_the_epoch_at_once():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    x, y = data()
    recorder = Recorder()
    history = classifier().fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[Stop(), recorder])
    assert len(recorder.calls) == 2
    assert history.epoch == [0]


def test_interruption_leaves_a_usable_model():
    class Interrupt(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    x, y = data()
    model = classifier()
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=16, verbose=0, callbacks=[Interrupt()])
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert np.isfinite(model.predict(x, verbose=0)).all()
    model.fit(x, y, verbose=0)


def test_recompiling_keeps_the_weights():
    x, y = data()
    model = classifier()
    model.fit(x, y, verbose=0)
    weights = model.get_weights()
    model.compile("sgd", "sparse_categorical_crossentropy")
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert model.evaluate(x, y, verbose=0) > 0
    model.fit(x, y, verbose=0)


def test_prediction_needs_no_compile():
    model = keras.Sequential([layers.Dense(2)])
    assert model.predict(np.ones((3, 4)), verbose=0).shape == (3, 2)


def test_freezing_between_epochs_takes_effect():
    x, y = data()
    model = classifier()

    class Freeze(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.model.layers[0].trainable = False
                self.frozen = self.model.layers[0].get_weights()

    freeze = Freeze()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0, callbacks=[freeze])
    for before, after in zip(freeze.frozen, model.layers[0].get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


FORMS = {
    "names": ("adam", "sparse_categorical_crossentropy", "sparse_categorical_accuracy"),
    "classes": (
        keras.optimizers.Adam,
        keras.losses.SparseCategoricalCrossentropy,
        keras.metrics.SparseCategoricalAccuracy,
    ),
    "configs": (
        keras.optimizers.serialize(keras.optimizers.Adam()),
        keras.losses.serialize(keras.losses.SparseCategoricalCrossentropy()),
        keras.metrics.serialize(keras.metrics.SparseCategoricalAccuracy()),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_names_classes_and_configs_mean_the_same(form):
    x, y = data()
    optimizer, loss, metric = FORMS[form]
    keras.utils.set_random_seed(1)
    history = classifier(optimizer=optimizer, loss=loss, metrics=[metric]).fit(x, y, verbose=0).history
    keras.utils.set_random_seed(1)
    expected = classifier(metrics=["sparse_categorical_accuracy"]).fit(x, y, verbose=0).history
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-6)


TORCH_OPTIMIZERS = {
    "class": lambda model: torch.optim.SGD,
    "instance": lambda model: torch.optim.Adam(model.parameters(), lr=0.01),
}


@pytest.mark.parametrize("kind", TORCH_OPTIMIZERS)
@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.CrossEntropyLoss, nn.functional.cross_entropy])
def test_torch_optimizers_and_losses(kind, loss):
    x, y = data()
    model = classifier(last=None)
    model.compile(TORCH_OPTIMIZERS[kind](model), loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_torch_scheduler_through_a_callback():
    x, y = data()
    model = classifier(last=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    model.compile(optimizer, nn.CrossEntropyLoss())
    model.fit(x, y, epochs=2, verbose=0, callbacks=[keras.callbacks.TorchLRScheduler(scheduler)])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_own_functions_as_loss_and_metric():
    x, y = data()

    def absolute(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", loss=absolute, metrics=[absolute, "mae"])
    history = model.fit(x, y.astype("float32"), verbose=0).history
    assert set(history) == {"loss", "absolute", "mae"}


class OwnStep(keras.Model):
    """Keras's guide to a custom `train_step`, in the torch style."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)
        self.steps = 0

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        trainable_weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable_weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        self.steps += 1
        return {m.name: m.result() for m in self.metrics}


def test_own_train_step():
    x, y = data()
    model = OwnStep()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    history = model.fit(x, y, epochs=2, verbose=0, batch_size=16).history
    assert model.steps == 8
    assert set(history) == {"loss", "accuracy"}
    assert len(model.evaluate(x, y, verbose=0)) == 2


def test_a_step_that_only_returns_its_loss_is_believed():
    class Bare(OwnStep):
        def train_step(self, data):
            return {"loss": self.compute_loss(y=data[1], y_pred=self(data[0])).detach() * 0 + 7.0}

    x, y = data()
    model = Bare()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert model.fit(x, y, verbose=0).history == {"loss": [7.0]}


def test_a_model_without_trainable_weights_is_measured():
    x, y = data()
    model = classifier()
    model.trainable = False
    before = model.get_weights()
    with pytest.warns(UserWarning, match="does not have any trainable weights"):
        history = model.fit(x, y, verbose=0).history
    assert history["loss"][0] == pytest.approx(model.evaluate(x, y, verbose=0)[0], rel=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_run_eagerly_gives_the_same_numbers():
    x, y = data()
    histories = []
    for eager in (False, True):
        keras.utils.set_random_seed(1)
        histories.append(classifier(run_eagerly=eager).fit(x, y, epochs=2, verbose=0, validation_split=0.2).history)
    for name in histories[0]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-6)


def test_own_compute_loss_is_called():
    class Doubled(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight)

    x, y = data()
    losses = []
    for cls in (keras.Sequential, Doubled):
        keras.utils.set_random_seed(1)
        model = cls([layers.Dense(3, activation="softmax")])
        model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
        losses.append(model.fit(x, y, verbose=0).history["loss"][0])
    assert losses[1] == pytest.approx(2 * losses[0], rel=1e-6)


def test_hand_written_loop():
    x, y = data()
    model = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(3)])
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.01)
    inputs, targets = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    losses = []
    for _ in range(20):
        loss = loss_fn(targets, model(inputs, training=True))
        model.zero_grad()
        loss.backward()
        variables = model.trainable_variables
        optimizer.apply_gradients(zip([v.grad for v in variables], variables, strict=True))
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] * 0.9
    assert isinstance(keras.ops.convert_to_numpy(loss), np.ndarray)


def test_added_losses_and_weight_regularizers_are_counted_once():
    class Penalty(layers.Layer):
        def call(self, inputs):
            self.add_loss(torch.ones(()) * 3.0)
            return inputs

    x, y = data()
    model = keras.Sequential([layers.Dense(3, activation="softmax"), Penalty()])
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    plain = keras.Sequential([model.layers[0]])
    plain.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    expected = plain.evaluate(x, y, verbose=0) + 3.0
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-6)
    assert model.fit(x, y, verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-6)
    assert len(model.losses) == 1


# Errors that teach ------------------------------------------------------------------------------------------------


def test_before_compile_the_line_to_write_is_shown():
    model = keras.Sequential([layers.Dense(3)])
    x, y = data()
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match=r"(?s)You must call `compile\(\)`.*model\.compile\(optimizer="):
            call(x, y)


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda m, x, y: m.fit(x, y, epoch=2), "epochs"),
        (lambda m, x, y: m.fit(x, y, batchsize=2), "batch_size"),
        (lambda m, x, y: m.compile(optimiser="adam"), "optimizer"),
        (lambda m, x, y: m.evaluate(x, y, batchsize=2), "batch_size"),
        (lambda m, x, y: m.predict(x, batchsize=2), "batch_size"),
    ],
)
def test_misspelt_arguments(call, nearest):
    x, y = data()
    with pytest.raises(TypeError, match=f"Did you mean '{nearest}'"):
        call(classifier(), x, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"optimizer": "adamm"}, "Did you mean 'Adam'"),
        ({"loss": "sparse_categorical_crossentropi"}, "sparse_categorical_crossentropy"),
        ({"loss_weights": "a"}, "loss_weights"),
        ({"metrics": "accuracy"}, r"metrics=\['accuracy'\]"),
        ({"jit_compile": "yes"}, "jit_compile"),
        ({"steps_per_execution": 0}, "steps_per_execution"),
    ],
)
def test_wrong_compile_arguments(arguments, message):
    x, y = data()
    with pytest.raises((ValueError, TypeError), match=message):
        classifier(**arguments).fit(x, y, verbose=0)


def test_unknown_metric_is_answered_with_the_nearest():
    x, y = data()
    with pytest.raises(ValueError, match="Did you mean"):
        classifier(metrics=["sparse_categorical_acuracy"]).fit(x, y, verbose=0)


@pytest.mark.parametrize(
    ("loss", "last", "targets", "message"),
    [
        ("categorical_crossentropy", "softmax", lambda y: y, "sparse_categorical_crossentropy"),
        ("sparse_categorical_crossentropy", "softmax", lambda y: np.eye(3)[y], "categorical_crossentropy"),
        ("sparse_categorical_crossentropy", "softmax", lambda y: y + 1, "3"),
    ],
)
def test_labels_that_do_not_fit_the_loss(loss, last, targets, message):
    x, y = data()
    with pytest.raises(ValueError, match=message):
        classifier(last=last, loss=loss, metrics=[]).fit(x, targets(y), verbose=0)


def test_probabilities_and_logits_mixed_up_are_warned_of_once():
    x, y = data()
    from_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match="from_logits") as caught:
        classifier(loss=from_logits).fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert len([w for w in caught if "from_logits" in str(w.message)]) == 1
    with pytest.warns(UserWarning, match="from_logits") as caught:
        classifier(last=None).fit(x, y, epochs=2, batch_size=16, verbose=0)
    assert len([w for w in caught if "from_logits" in str(w.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier(last=None, loss=from_logits).fit(x, y, verbose=0)


def test_data_that_do_not_fit():
    x, y = data()
    with pytest.raises(ValueError, match=r"(?s)64.*63"):
        classifier().fit(x, y[:-1], verbose=0)
    with pytest.raises(ValueError, match=r"empty|no samples|at least|no batch"):
        classifier().fit(x[:0], y[:0], verbose=0)
    with pytest.raises(ValueError, match=r"layer 'sequential.*expected shape=.*found shape="):
        classifier().fit(x[:, :3], y, verbose=0)
    with pytest.raises(ValueError, match="targets"):
        classifier().fit(x, verbose=0)


def test_column_against_vector_is_aligned():
    x, y = data()
    model = keras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    vector = model.evaluate(x, y.astype("float32"), verbose=0)
    column = model.evaluate(x, y.astype("float32")[:, None], verbose=0)
    assert vector == pytest.approx(column)
    assert vector == pytest.approx(float(np.mean((model.predict(x, verbose=0)[:, 0] - y) ** 2)), rel=1e-5)


def test_nan_loss_ends_training_through_the_callback(capsys):
    x, y = data()
    x = x.copy()
    x[0, 0] = np.nan
    model = classifier()
    history = model.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1


def test_unsupported_torch_compile_keywords_go_to_torch():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(backend="eager")
    assert model(torch.ones(2, 4)).shape == (2, 3)
    assert not model.compiled


def test_metrics_in_the_place_of_loss_weights_are_explained():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", ["accuracy"])
    with pytest.raises(ValueError, match=r"write `metrics=\['accuracy'\]`"):
        model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
