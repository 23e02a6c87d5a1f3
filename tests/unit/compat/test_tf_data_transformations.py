"""`tf.data.experimental`'s functions for `ds.apply`, beside the methods that they stand for."""

import threading

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.parity.tensorflow.ours import tf
from torchkeras_shim.core import device
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.data.pipeline import Dataset

experimental = tf.data.experimental
NUMBERS = Dataset.range(5)

PAIRS = {
    "map_and_batch": (experimental.map_and_batch(lambda x: x * 2, 2), lambda d: d.map(lambda x: x * 2).batch(2)),
    "enumerate_dataset": (experimental.enumerate_dataset(5), lambda d: d.enumerate(5)),
    "unique": (experimental.unique(), lambda d: d.unique()),
    "take_while": (experimental.take_while(lambda x: x < 2), lambda d: d.take_while(lambda x: x < 2)),
    "scan": (
        experimental.scan(np.int64(0), lambda s, x: (s + x, s)),
        lambda d: d.scan(np.int64(0), lambda s, x: (s + x, s)),
    ),
    "shuffle_and_repeat": (experimental.shuffle_and_repeat(9, 2, seed=1), lambda d: d.shuffle(9, 1).repeat(2)),
    "parallel_interleave": (
        experimental.parallel_interleave(lambda x: Dataset.from_tensors(x).repeat(2), 2),
        lambda d: d.interleave(lambda x: Dataset.from_tensors(x).repeat(2), 2, 1),
    ),
    "ignore_errors": (experimental.ignore_errors(), lambda d: d),
    "copy_to_device": (experimental.copy_to_device("/cpu:0"), lambda d: d),
}


def plain(dataset):
    return [[np.asarray(part).tolist() for part in (one if isinstance(one, tuple) else (one,))] for one in dataset]


@pytest.mark.parametrize("name", PAIRS)
def test_stands_for_a_method(name):
    transformation, method = PAIRS[name]
    assert plain(NUMBERS.apply(transformation)) == plain(method(NUMBERS))


def test_dense_to_ragged_and_to_sparse_batch():
    rows = Dataset.range(3).map(torch.arange)
    (ragged,) = rows.apply(experimental.dense_to_ragged_batch(3))
    assert isinstance(ragged, RaggedTensor)
    assert ragged.to_list() == [[], [0], [0, 1]]
    (sparse,) = rows.apply(experimental.dense_to_sparse_batch(3, [4]))
    assert (sparse.indices.tolist(), tuple(sparse.shape)) == ([[1, 0], [2, 0], [2, 1]], (3, 4))


def test_batched_features(tmp_path):
    path = str(tmp_path / "records")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(3):
            feature = {"x": tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))}
            feature["y"] = tf.train.Feature(float_list=tf.train.FloatList(value=[number / 2]))
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    features = {"x": tf.io.FixedLenFeature([], tf.int64), "y": tf.io.FixedLenFeature([], tf.float32)}
    made = experimental.make_batched_features_dataset(path, 2, features, label_key="y", num_epochs=1, shuffle=False)
    assert [(x["x"].tolist(), y.tolist()) for x, y in made] == [([0, 1], [0.0, 0.5]), ([2], [1.0])]
    with pytest.raises(ValueError, match="label_key"):
        experimental.make_batched_features_dataset(path, 2, features, label_key="z", num_epochs=1, shuffle=False)


def test_errors_of_other_parts_are_not_ignored():
    def numbers():
        yield 1
        raise RuntimeError("the source is broken")

    made = Dataset.from_generator(numbers, output_types="int64").map(lambda x: x).ignore_errors()
    with pytest.raises(RuntimeError, match="broken"):
        list(made)


def test_an_ignored_error_is_told_of():
    with pytest.warns(UserWarning, match="left out"):
        assert len(list(NUMBERS.map(lambda x: 6 // int(x)).ignore_errors(log_warning=True))) == 4


def test_optimizer_restored_without_its_model(tmp_path):
    def steps(optimizer, variable, count):
        for _ in range(count):
            optimizer.apply_gradients([(torch.tensor([1.0, -2.0]), variable)])
        return variable.numpy().tolist()

    first, weight = keras.optimizers.Adam(0.1), tf.Variable([1.0, 2.0])
    steps(first, weight, 2)
    path = tf.train.Checkpoint(optimizer=first).save(str(tmp_path / "ckpt"))
    second, other = keras.optimizers.Adam(0.5), tf.Variable(weight.numpy())
    tf.train.Checkpoint(optimizer=second).restore(path)
    assert int(second.iterations) == 2
    assert steps(second, other, 2) == pytest.approx(steps(first, weight, 2))
    assert int(second.iterations) == 4


@pytest.mark.parametrize(
    "options", [{"dct_method": "INTEGER_FAST"}, {"fancy_upscaling": False}, {"ratio": 2}, {"dct_method": "other"}]
)
def test_options_of_decode_jpeg_are_heeded_or_refused(options):
    data = tf.io.encode_jpeg(torch.zeros(4, 4, 3, dtype=torch.uint8))
    assert tf.io.decode_jpeg(data, dct_method="INTEGER_ACCURATE").shape == (4, 4, 3)
    with pytest.raises((NotImplementedError, ValueError), match=r"decode_jpeg|dct_method"):
        tf.io.decode_jpeg(data, **options)


def test_a_part_of_a_jpeg_file():
    data = tf.io.encode_jpeg(torch.arange(64 * 3, dtype=torch.uint8).reshape(8, 8, 3))
    whole = tf.io.decode_jpeg(data)
    assert torch.equal(tf.io.decode_and_crop_jpeg(data, [1, 2, 3, 4]), whole[1:4, 2:6])
    with pytest.raises(ValueError, match="crop window"):
        tf.io.decode_and_crop_jpeg(data, [6, 0, 3, 4])


def test_gpus_can_be_hidden(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(device, "_default", torch.device("cuda"))
    tf.config.set_visible_devices([], "GPU")
    assert device.default_device() == torch.device("cpu")


def test_rows_that_do_not_fit_are_left_out(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,2\nbad,3\n4\n5,6\n")
    options = {"label_name": "y", "num_epochs": 1, "shuffle": False, "column_defaults": [0, 0]}
    made = experimental.make_csv_dataset(str(path), 5, ignore_errors=True, **options)
    assert [(x["x"].tolist(), y.tolist()) for x, y in made] == [([1, 5], [2, 6])]
    with pytest.raises(ValueError, match="not a valid"):
        list(experimental.make_csv_dataset(str(path), 5, **options))
    rows = experimental.CsvDataset(str(path), [0, 0], header=True).ignore_errors()
    assert [(int(x), int(y)) for x, y in rows] == [(1, 2), (5, 6)]


def test_state_of_checkpoints(tmp_path):
    assert tf.train.get_checkpoint_state(str(tmp_path)) is None
    checkpoint = tf.train.Checkpoint(v=tf.Variable(1.0))
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=2)
    paths = [manager.save() for _ in range(3)]
    found = tf.train.get_checkpoint_state(str(tmp_path))
    assert found.model_checkpoint_path == paths[2]
    assert found.all_model_checkpoint_paths == paths[1:]


def test_a_queue_waits_for_room_and_for_elements():
    line = tf.queue.FIFOQueue(1, tf.int32)
    taken = []
    consumer = threading.Thread(target=lambda: taken.extend(int(line.dequeue()) for _ in range(5)))
    consumer.start()
    for number in range(5):
        line.enqueue(number)  # waits while the one before is inside
    consumer.join(10)
    assert taken == [0, 1, 2, 3, 4]
    line.close()
    with pytest.raises(tf.errors.OutOfRangeError):
        line.dequeue()
