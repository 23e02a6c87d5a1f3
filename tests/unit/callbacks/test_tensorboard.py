"""`TensorBoard`: the files are read back by the package tensorboard itself."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

import torchkeras_shim as keras
from tests import warm
from torchkeras_shim import layers
from torchkeras_shim.callbacks import TensorBoard

pytest.importorskip("tensorboard")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

X, Y = np.ones((64, 3), "float32"), np.ones((64, 2), "float32")


def train(callback, *, model=None, epochs=2, **kwargs):
    model = model or keras.Sequential([keras.Input((3,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")])
    model.compile(keras.optimizers.SGD(0.25), "mse", metrics=["mae"])
    history = model.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, callbacks=[callback], **kwargs)
    return model, history.history


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "histograms": 0})
    events.Reload()
    return events


def values(events, tag):
    from tensorboard.util import tensor_util

    return {event.step: float(tensor_util.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)}


def test_results_of_epochs(tmp_path):
    _, history = train(TensorBoard(tmp_path), validation_data=(X, Y))
    events = read(tmp_path / "train")
    assert sorted(events.Tags()["tensors"]) == ["epoch_learning_rate", "epoch_loss", "epoch_mae", "keras"]
    assert values(events, "epoch_loss") == pytest.approx(dict(enumerate(history["loss"])))
    assert values(events, "epoch_learning_rate") == {0: 0.25, 1: 0.25}
    events = read(tmp_path / "validation")
    names = ["epoch_loss", "epoch_mae", "evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations"]
    assert sorted(events.Tags()["tensors"]) == names
    assert values(events, "epoch_mae") == pytest.approx(dict(enumerate(history["val_mae"])))
    assert list(values(events, "evaluation_loss_vs_iterations")) == [8, 16]
    assert events.summary_metadata["epoch_loss"].plugin_data.plugin_name == "scalars"


def test_the_graph_is_the_config(tmp_path):
    train(TensorBoard(tmp_path))
    events = read(tmp_path / "train")
    (event,) = events.Tensors("keras")
    assert events.summary_metadata["keras"].plugin_data.plugin_name == "graph_keras_model"
    config = json.loads(event.tensor_proto.string_val[0])
    assert [layer["config"]["name"] for layer in config["config"]["layers"][1:]] == ["a", "b"]


def test_tensorboard_itself_draws_the_graph(tmp_path):
    from tensorboard.plugins.graph import keras_util

    train(TensorBoard(tmp_path))
    (event,) = read(tmp_path / "train").Tensors("keras")
    graph = keras_util.keras_model_to_graph_def(json.loads(event.tensor_proto.string_val[0]))
    assert {node.name.split("/")[-1] for node in graph.node} >= {"a", "b"}


def test_a_model_without_a_config_has_no_graph(tmp_path):
    import torch

    model = keras.Sequential([torch.nn.Linear(3, 2)])
    with pytest.warns(UserWarning, match="Model failed to serialize as JSON"):
        train(TensorBoard(tmp_path, histogram_freq=1), model=model)
    events = read(tmp_path / "train")
    assert "keras" not in events.Tags()["tensors"]
    assert events.Tags()["histograms"] == ["linear/weight/histogram", "linear/bias/histogram"]


@pytest.mark.parametrize(("freq", "steps"), [("batch", range(1, 17)), (1, range(1, 17)), (6, [6, 12])])
def test_results_of_batches(tmp_path, freq, steps):
    train(TensorBoard(tmp_path, update_freq=freq, write_steps_per_second=True, write_graph=False))
    events = read(tmp_path / "train")
    for tag in ("batch_loss", "batch_mae", "batch_steps_per_second"):
        assert list(values(events, tag)) == list(steps)
    assert all(value > 0 for value in values(events, "epoch_steps_per_second").values())


def test_batches_cost_nothing_where_nobody_wants_them():
    callback = TensorBoard("never_made")
    run = keras.callbacks.CallbackList([callback])
    assert not run.wants_train_batch_begin
    assert not run.wants_train_batch_end
    assert not run.wants_test_batch_end


def test_weights(tmp_path):
    model, _ = train(TensorBoard(tmp_path, histogram_freq=2, write_images=True), epochs=3)
    events = read(tmp_path / "train")
    paths = [weight.path for weight in model.weights]
    assert events.Tags()["histograms"] == [f"{path}/histogram" for path in paths]
    assert events.Tags()["images"] == [f"{path}/image" for path in paths]
    assert [event.step for event in events.Histograms(f"{paths[0]}/histogram")] == [0, 2]
    last = events.Histograms(f"{paths[0]}/histogram")[-1].histogram_value
    assert last.num == 12
    image = events.Images(f"{paths[0]}/image")[0]
    assert (image.height, image.width) == (3, 4)


def test_embeddings(tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"word {index}" for index in range(5)))

    def make():
        return keras.Sequential(
            [keras.Input((3,)), layers.Embedding(5, 2, name="words/x"), layers.Flatten(), layers.Dense(2)]
        )

    train(
        TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words/x": str(labels)}), model=make(), epochs=1
    )
    folder = tmp_path / "train" / "00000" / "words_x"
    table = np.loadtxt(folder / "tensors.tsv")
    assert table.shape == (5, 2)
    assert (folder / "metadata.tsv").read_text().split("\n")[1] == "word 1"
    with pytest.raises(ValueError, match=r"Unrecognized `Embedding` layer names.*other"):
        train(TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"other": "x"}), model=make())


def test_names_of_an_embedding_lie_beside_the_logs_or_come_later(tmp_path):
    (tmp_path / "names.tsv").write_text("\n".join("abcde"))
    model = keras.Sequential(
        [keras.Input((3,)), layers.Embedding(5, 2, name="words"), layers.Flatten(), layers.Dense(2)]
    )
    train(TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata="names.tsv"), model=model, epochs=1)
    assert (tmp_path / "train" / "00000" / "words" / "metadata.tsv").read_text().split() == list("abcde")
    with pytest.warns(UserWarning, match="'missing.tsv', which is neither here nor in"):
        train(TensorBoard(tmp_path / "b", embeddings_freq=1, embeddings_metadata="missing.tsv"), model=model, epochs=1)
    assert (tmp_path / "b" / "train" / "00000" / "words" / "tensors.tsv").exists()


def test_weights_that_are_lost_do_not_end_the_training(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="a")])
    model.layers[0].kernel.assign(np.full((3, 2), np.nan))
    train(TensorBoard(tmp_path, histogram_freq=1), model=model, epochs=1)
    assert "epoch_loss" in read(tmp_path / "train").Tags()["tensors"]


def test_evaluation_alone(tmp_path):
    model, _ = train(keras.callbacks.History())
    model.evaluate(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    assert list(values(read(tmp_path / "validation"), "evaluation_loss_vs_iterations")) == [16]


PROFILE = """
import sys
import numpy as np
import torchkeras_shim as keras
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
model.compile("sgd", "mse")
callback = keras.callbacks.TensorBoard(sys.argv[1], profile_batch=(2, 4), write_graph=False)
model.fit(np.ones((64, 3)), np.ones((64, 2)), batch_size=8, verbose=0, callbacks=[callback])
print("tensorflow" in sys.modules)
"""


def test_profiles_without_tensorflow(tmp_path):
    done = warm.run("-c", PROFILE, tmp_path)
    assert done.stdout == "False\n", done.stderr
    (name,) = os.listdir(tmp_path / "train" / "plugins" / "profile")
    with open(tmp_path / "train" / "plugins" / "profile" / name) as file:
        assert any("addmm" in event.get("name", "") for event in json.load(file)["traceEvents"])


@pytest.mark.parametrize("batch", [-1, (3, 2), (1, 2, 3), 1.5, None])
def test_what_is_refused(batch):
    with pytest.raises(ValueError, match="profile_batch must be a non-negative integer or 2-tuple"):
        TensorBoard(profile_batch=batch)
    for freq in (0, "step"):
        with pytest.raises(ValueError, match="`update_freq` must be"):
            TensorBoard(update_freq=freq)


def test_the_older_way_to_name_batches():
    assert TensorBoard(profile_batch="2,5")._stop_batch == 5
    assert TensorBoard(profile_batch="2")._stop_batch == 2


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        train(TensorBoard(tmp_path))
