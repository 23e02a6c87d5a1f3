"""Callbacks that need a real training, beside Keras's."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, kept, keras

LIBRARIES = (keras, torchkeras_shim)
X = np.random.default_rng(0).standard_normal((32, 3)).astype("float32")
Y = X @ np.ones((3, 2), "float32")


def make(k, optimizer=None):
    model = k.Sequential([k.Input((3,)), k.layers.Dense(4, name="a"), k.layers.Dense(2, name="b")], name="model")
    model.set_weights([np.full(w.shape, 0.1, "float32") for w in model.get_weights()])
    model.compile(k.optimizers.SGD(0.05) if optimizer is None else optimizer(k), "mse", metrics=["mae"])
    return model


def fit(model, callbacks, **kwargs):
    arguments = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, **kwargs}
    return model.fit(X, Y, callbacks=callbacks, **arguments)


# TensorBoard --------------------------------------------------------------------------------------------------------


def events_of(folder):
    """Everything in a folder of events: kind and steps by tag, and the values of scalars."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tensor_util = pytest.importorskip("tensorboard.util.tensor_util")
    events = accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "histograms": 0})
    events.Reload()
    steps, values = {}, {}
    for tag in events.Tags()["tensors"]:
        found = events.Tensors(tag)
        steps[tag] = [event.step for event in found]
        if events.summary_metadata[tag].plugin_data.plugin_name == "scalars":
            values[tag] = [float(tensor_util.make_ndarray(event.tensor_proto)) for event in found]
    # Keras writes histograms and images as tensors, torch in the older form; TensorBoard shows both alike.
    for kind in ("histograms", "images"):
        for tag in events.Tags()[kind]:
            steps[tag] = [event.step for event in getattr(events, kind.capitalize())(tag)]
    return steps, values


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"write_graph": False, "update_freq": 2},  # at other frequencies Keras loses results of epochs
        {"update_freq": "batch", "write_steps_per_second": True},
        {"histogram_freq": 2, "write_images": True, "write_graph": False},
    ],
)
def test_tensorboard(kwargs, tmp_path):
    pytest.importorskip("tensorflow.summary", reason="Keras writes event files by TensorFlow")
    found = []
    for k in LIBRARIES:
        folder = tmp_path / k.__name__
        fit(make(k), [k.callbacks.TensorBoard(str(folder), **kwargs)], validation_data=(X, Y))
        found.append([events_of(folder / part) for part in ("train", "validation")])
    for (theirs_steps, theirs), (ours_steps, ours) in zip(*found, strict=True):
        assert ours_steps == theirs_steps
        for tag, values in theirs.items():
            if "per_second" not in tag:
                assert_close(ours[tag], values, rtol=1e-4, message=tag)


# SwapEMAWeights -----------------------------------------------------------------------------------------------------


def averaging(k):
    return k.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.7)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_swap_ema_weights(swap_on_epoch):
    def trained(k):
        model = make(k, averaging)
        noted = []
        note = k.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: noted.append(model.get_weights()[0]))
        history = fit(model, [k.callbacks.SwapEMAWeights(swap_on_epoch), note], validation_data=(X, Y)).history
        return history, model.get_weights(), noted

    (expected, *their_weights), (history, *our_weights) = kept(trained, keras), trained(torchkeras_shim)
    for name, values in expected.items():
        assert_close(history[name], values, rtol=1e-4, message=name)
    for theirs, ours in zip(their_weights, our_weights, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert_close(one, other, rtol=1e-4)


def test_swap_ema_weights_needs_averages():
    for k in LIBRARIES:
        with pytest.raises(ValueError, match="SwapEMAWeights must be used when `use_ema=True` is set on the optimizer"):
            fit(make(k), [k.callbacks.SwapEMAWeights()], validation_data=(X, Y))


# RemoteMonitor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("send_as_json", [False, True])
def test_remote_monitor(send_as_json):
    pytest.importorskip("requests")
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            data = json.loads(body if send_as_json else urllib.parse.parse_qs(body)["x"][0])
            received.append((self.path, self.headers["Content-Type"], self.headers["X-Key"], data))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()

        def sent(k):
            root = f"http://127.0.0.1:{server.server_port}"
            monitor = k.callbacks.RemoteMonitor(root, "/p", "x", {"X-Key": "1"}, send_as_json)
            monitor.on_epoch_end(2, {"loss": np.float32(0.5), "n": np.array(3)})
            return received.pop()

        expected, actual = kept(sent, keras), sent(torchkeras_shim)
        server.shutdown()
        thread.join()
    assert actual == expected


# BackupAndRestore ---------------------------------------------------------------------------------------------------


class Stop(Exception):
    pass


@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_backup_and_restore_calls_the_same_epochs(save_freq, tmp_path):
    def interrupt(epoch, logs):
        if epoch == 1:
            raise Stop

    def called(k):
        folder = str(tmp_path / k.__name__)
        stop = k.callbacks.LambdaCallback(on_epoch_end=interrupt)
        backup = k.callbacks.BackupAndRestore(folder, save_freq)
        with pytest.raises(Stop):
            fit(make(k), [backup, stop], epochs=4)
        epochs = []
        note = k.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs, epochs=epochs: epochs.append(epoch))
        model = make(k)
        fit(model, [k.callbacks.BackupAndRestore(folder, save_freq), note], epochs=4)
        return epochs if save_freq == "epoch" else epochs[-2:], int(model.optimizer.iterations)

    expected, actual = kept(called, keras), called(torchkeras_shim)
    if save_freq == "epoch":
        assert actual == expected
    # Within an epoch Keras starts the epoch over, and makes some updates twice.
    assert actual[1] == 16


@pytest.mark.parametrize(("arguments", "message"), [(("",), "Empty `backup_dir`"), (("x", "batch"), "Invalid value")])
def test_backup_and_restore_refuses(arguments, message):
    for k in LIBRARIES:
        with pytest.raises(ValueError, match=message):
            k.callbacks.BackupAndRestore(*arguments)
