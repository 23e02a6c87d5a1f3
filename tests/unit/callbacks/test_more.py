"""`RemoteMonitor`, `SwapEMAWeights`, checkpoints of whole models and learning curves."""

from __future__ import annotations

import http.server
import json
import sys
import threading
import types
import urllib.parse

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import callbacks, layers

X, Y = np.ones((16, 3), "float32"), np.arange(32, dtype="float32").reshape(16, 2)


def model_with(optimizer="sgd"):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


# RemoteMonitor ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, dict(self.headers), body))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()
        thread.join()


def test_results_are_sent_as_a_form(server):
    root, received = server
    history = model_with().fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.RemoteMonitor(root)]).history
    assert [path for path, _, _ in received] == ["/publish/epoch/end/"] * 2
    sent = [json.loads(urllib.parse.parse_qs(body)["data"][0]) for _, _, body in received]
    assert sent == [{"epoch": i, "loss": history["loss"][i], "mae": history["mae"][i]} for i in range(2)]


def test_results_are_sent_as_json(server):
    root, received = server
    callback = callbacks.RemoteMonitor(root, path="/x", headers={"X-Key": "1"}, send_as_json=True)
    callback.on_epoch_end(3, {"loss": np.float32(0.5), "n": np.array(2)})
    ((path, headers, body),) = received
    assert (path, headers["Content-Type"], headers["X-Key"]) == ("/x", "application/json", "1")
    assert json.loads(body) == {"epoch": 3, "loss": 0.5, "n": 2}


def test_what_the_server_answers_is_its_own_affair(server):
    root, received = server
    callbacks.RemoteMonitor(root, path="/broken").on_epoch_end(0, {})
    assert len(received) == 1


def test_a_server_that_is_not_there():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        callbacks.RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0, {"loss": 1.0})
    with pytest.raises(ValueError, match="must be the address of a server"):
        callbacks.RemoteMonitor("file:///etc/passwd")


# SwapEMAWeights -----------------------------------------------------------------------------------------------------


class Watch(callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def note(self, where):
        self.seen.setdefault(where, []).append(self.model.get_weights()[0].copy())

    def on_test_batch_end(self, batch, logs=None):
        self.note("test")

    def on_predict_batch_end(self, batch, logs=None):
        self.note("predict")

    def on_train_batch_end(self, batch, logs=None):
        self.note("train")

    def on_epoch_end(self, epoch, logs=None):
        self.note("epoch")


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averages_are_in_the_model_when_they_should(swap_on_epoch):
    model = model_with(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    watch = Watch()
    swap = callbacks.SwapEMAWeights(swap_on_epoch)
    start = model.get_weights()[0].copy()
    model.fit(X, Y, epochs=3, batch_size=8, verbose=0, validation_data=(X, Y), callbacks=[swap, watch])
    average = np.zeros_like(start)
    first = True
    for index, weights in enumerate(watch.seen["train"]):
        momentum = 0.0 if first else 0.5
        average, first = momentum * average + (1 - momentum) * weights, False
        if index % 2:
            epoch = index // 2
            np.testing.assert_allclose(watch.seen["test"][2 * epoch], average, rtol=1e-5)
            at_end = average if swap_on_epoch else weights
            np.testing.assert_allclose(watch.seen["epoch"][epoch], at_end, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-5)  # as `fit` ends with averages


def test_prediction_gives_the_weights_back():
    model = model_with(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=None))
    for _ in range(3):
        model.train_on_batch(X, Y)
    before, watch = model.get_weights()[0].copy(), Watch()
    model.predict(X, verbose=0, callbacks=[callbacks.SwapEMAWeights(), watch])
    assert not np.allclose(watch.seen["predict"][0], before)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_averages_must_be_kept():
    with pytest.raises(ValueError, match=r"SwapEMAWeights must be used when `use_ema=True`.*Received: use_ema=False"):
        model_with().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[callbacks.SwapEMAWeights()])


# ModelCheckpoint ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_checkpoints_of_whole_models(tmp_path, ending):
    path = str(tmp_path / ("m_{epoch:02d}_{loss:.2f}" + ending))
    model = model_with("adam")
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ModelCheckpoint(path)]).history
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [f"m_{epoch + 1:02d}_{history['loss'][epoch]:.2f}{ending}" for epoch in range(2)]
    loaded = keras.saving.load_model(str(tmp_path / names[-1]))
    assert loaded.optimizer.iterations == 2
    for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Learning curves ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_history_draws_its_curves(pyplot):
    history = model_with().fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y), initial_epoch=1)
    figure = history.plot()
    assert [axes.get_title() for axes in figure.axes] == ["loss", "mae"]
    training, validation = figure.axes[0].get_lines()
    assert list(training.get_xdata()) == [2, 3, 4]
    assert list(training.get_ydata()) == history.history["loss"]
    assert list(validation.get_ydata()) == history.history["val_loss"]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["training", "validation"]
    same = history.plot(["mae"], figure=figure)
    assert same is figure
    assert [axes.get_title() for axes in figure.axes] == ["mae"]


def test_what_cannot_be_drawn(pyplot, monkeypatch):
    history = model_with().fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"There is no 'los' in the history\. Did you mean 'loss'"):
        history.plot(["los"])
    with pytest.raises(ValueError, match="nothing to draw"):
        callbacks.History().plot()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    with pytest.raises(ImportError, match="pip install matplotlib"):
        history.plot()


def test_curves_while_training(pyplot, tmp_path):
    path = str(tmp_path / "curves.png")
    live = callbacks.LivePlot(filename=path)
    model_with().fit(X, Y, epochs=3, verbose=0, callbacks=[live])
    assert len(live.figure.axes[0].get_lines()[0].get_xdata()) == 3
    assert pyplot.imread(path).shape[2] == 4


def test_curves_in_a_notebook(pyplot, monkeypatch):
    shown = []
    handle = types.SimpleNamespace(update=lambda figure: shown.append(("update", figure)))
    module = types.ModuleType("IPython.display")
    module.display = lambda figure, display_id: shown.append(("display", figure)) or handle
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    live = callbacks.LivePlot(["loss"])
    model_with().fit(X, Y, epochs=3, verbose=0, callbacks=[live])
    assert [kind for kind, _ in shown] == ["display", "update", "update"]
    assert all(figure is live.figure for _, figure in shown)
