"""Checkpoints, summaries, saved models and strategies of `tf`."""

import functools
import json

import numpy as np
import pytest

from torchkeras_shim import compat


@pytest.fixture
def tf():
    compat.install()
    import tensorflow

    yield tensorflow
    compat.uninstall()


def network(tf):
    return tf.keras.Sequential([tf.keras.layers.Dense(3, activation="relu"), tf.keras.layers.Dense(1)])


def train(tf, model, optimizer, steps):
    x = tf.constant(np.linspace(-1, 1, 8, dtype="float32")[:, None])
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - 2 * x))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))


class TestCheckpoint:
    def test_training_goes_on_as_if_nothing_had_happened(self, tf, tmp_path):
        model, optimizer = network(tf), tf.keras.optimizers.Adam(0.1)
        train(tf, model, optimizer, 3)
        manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(model=model, optimizer=optimizer), tmp_path, max_to_keep=2
        )
        manager.save()
        train(tf, model, optimizer, 2)

        other, again = network(tf), tf.keras.optimizers.Adam(0.1)
        other(tf.zeros((1, 1)))
        checkpoint = tf.train.Checkpoint(model=other, optimizer=again)
        checkpoint.restore(tf.train.latest_checkpoint(tmp_path)).assert_consumed()
        assert again.iterations == 3
        train(tf, other, again, 2)
        for ours, theirs in zip(other.variables, model.variables, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_old_ones_are_deleted(self, tf, tmp_path):
        v = tf.Variable(0.0)
        manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(tmp_path), max_to_keep=2)
        assert manager.latest_checkpoint is None
        assert manager.restore_or_initialize() is None
        paths = [manager.save() for _ in range(4)]
        assert manager.checkpoints == paths[-2:]
        assert sorted(one.name for one in tmp_path.iterdir()) == ["checkpoint", "ckpt-3.tkc", "ckpt-4.tkc"]
        another = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(tmp_path), max_to_keep=2)
        assert another.latest_checkpoint == paths[-1] == tf.train.latest_checkpoint(str(tmp_path))

    def test_structures(self, tf, tmp_path):
        class Net(tf.Module):
            def __init__(self, value):
                super().__init__()
                self.layers = [tf.Variable([value]), {"b": tf.Variable(value + 1)}]

        net, step = Net(1.0), tf.Variable(7)
        path = tf.train.Checkpoint(net=net, step=step).write(str(tmp_path / "x"))
        other, counter = Net(0.0), tf.Variable(0)
        tf.train.Checkpoint(net=other, step=counter).read(path).assert_consumed()
        assert [one.numpy().tolist() for one in other.variables] == [[1.0], 2.0]
        assert counter.numpy() == 7
        assert ("step", []) in tf.train.list_variables(path)

    def test_what_does_not_match_is_said(self, tf, tmp_path):
        path = tf.train.Checkpoint(a=tf.Variable([1.0]), b=tf.Variable(1.0)).write(str(tmp_path / "x"))
        status = tf.train.Checkpoint(a=tf.Variable([0.0]), c=tf.Variable(0.0)).read(path)
        with pytest.raises(AssertionError, match="'b'"):
            status.assert_consumed()
        with pytest.raises(AssertionError, match="'c'"):
            status.assert_existing_objects_matched()
        v = tf.Variable([0.0, 5.0])
        with pytest.raises(ValueError, match="shape"):
            tf.train.Checkpoint(a=v).read(path)
        assert v.numpy().tolist() == [0.0, 5.0]
        with pytest.raises(tf.errors.NotFoundError):
            tf.train.Checkpoint(a=v).restore(str(tmp_path / "nothing"))
        (tmp_path / "real.index").write_bytes(b"")
        with pytest.raises(tf.errors.InvalidArgumentError, match="TensorFlow itself"):
            tf.train.Checkpoint(a=v).restore(str(tmp_path / "real"))

    @pytest.mark.parametrize("kind", ["sequential", "written"])
    @pytest.mark.parametrize("first", ["call", "fit"])
    def test_models_that_are_not_built_get_their_values_in_the_first_call(self, tf, tmp_path, kind, first):
        class Written(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.last, self.first = tf.keras.layers.Dense(1), tf.keras.layers.Dense(3)

            def call(self, x):
                return self.last(self.first(x))

        def new():
            made = network(tf) if kind == "sequential" else Written()
            made.compile("adam", "mse")
            return made

        x = np.ones((4, 1), "float32")
        old = new()
        old.fit(x, x, verbose=0)
        path = tf.train.Checkpoint(model=old, optimizer=old.optimizer).write(str(tmp_path / "x"))
        model = new()
        status = tf.train.Checkpoint(model=model, optimizer=model.optimizer).restore(path)
        with pytest.raises(AssertionError, match="model/variable_0"):
            status.assert_consumed()
        if first == "call":
            np.testing.assert_array_equal(model(x), old(x))
            status.assert_consumed()
        old.fit(x, x, verbose=0)
        model.fit(x, x, verbose=0)
        for ours, theirs in zip(model.optimizer.variables, old.optimizer.variables, strict=True):
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
        np.testing.assert_allclose(model(x), old(x), rtol=1e-6)
        status.assert_consumed()

    def test_a_model_as_the_root_waits_for_its_variables_too(self, tf, tmp_path):
        old, model = network(tf), network(tf)
        old(tf.zeros((1, 1)))
        path = tf.train.Checkpoint(old).save(str(tmp_path / "x"))
        tf.train.Checkpoint(model).restore(path)
        np.testing.assert_array_equal(model(tf.ones((1, 1))), old(tf.ones((1, 1))))

    def test_modules_get_their_values_where_they_make_their_variables(self, tf, tmp_path):
        class Line(tf.Module):
            def __call__(self, x):
                if not hasattr(self, "w"):
                    self.w = tf.Variable(tf.zeros([x.shape[-1]]))
                return tf.reduce_sum(self.w * x)

        class Net(tf.Module):
            def __init__(self):
                self.line = Line()

        old, new = Net(), Net()
        old.line(tf.ones([2]))
        old.line.w.assign([1.0, 2.0])
        path = tf.train.Checkpoint(net=old).write(str(tmp_path / "x"))
        status = tf.train.Checkpoint(net=new).restore(path)
        assert new.line(tf.ones([2])).numpy() == 3.0
        status.assert_consumed()

    @pytest.mark.parametrize("latest", ["../other", 5, None, "missing"])
    def test_the_index_is_not_trusted(self, tf, tmp_path, latest):
        (tmp_path / "checkpoint").write_text(json.dumps({"latest": latest}))
        assert tf.train.latest_checkpoint(tmp_path) is None


def test_summaries_are_read_back(tf, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    writer = tf.summary.create_file_writer(str(tmp_path))
    assert not tf.summary.scalar("loss", 1.0, step=0)
    with writer.as_default():
        for step in range(3):
            tf.summary.scalar("loss", tf.constant(step / 2), step=step)
        tf.summary.histogram("w", tf.Variable([1.0, 2.0]), step=0)
        tf.summary.image("x", tf.zeros([1, 4, 4, 3]), step=0)
        tf.summary.text("t", "hello", step=0)
        with pytest.raises(ValueError, match="step"):
            tf.summary.scalar("loss", 1.0)
    writer.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [one.value for one in events.Scalars("loss")] == [0.0, 0.5, 1.0]
    assert events.Tags()["histograms"] == ["w"]
    assert events.Tags()["images"] == ["x"]


def test_saved_models(tf, tmp_path):
    model = network(tf)
    x = tf.constant([[1.0], [2.0]])
    expected = model(x)
    tf.saved_model.save(model, str(tmp_path / "m"))
    assert tf.saved_model.contains_saved_model(str(tmp_path / "m"))
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    np.testing.assert_array_equal(loaded([[1.0], [2.0]]), expected)
    (answer,) = loaded.signatures["serving_default"](x).values()
    np.testing.assert_array_equal(answer, expected)
    with pytest.raises(ValueError, match="Checkpoint"):
        tf.saved_model.save(tf.Module(), str(tmp_path / "n"))


def test_one_replica(tf):
    strategy = tf.distribute.MirroredStrategy()
    with strategy.scope():
        model = network(tf)
        assert tf.distribute.get_strategy() is strategy
    assert strategy.num_replicas_in_sync == 1
    per_replica = strategy.run(lambda x: model(x), args=(tf.ones((4, 1)),))
    assert strategy.reduce("SUM", per_replica, axis=None).shape == (4, 1)
    assert strategy.reduce(tf.distribute.ReduceOp.MEAN, tf.constant([1.0, 3.0]), axis=0).numpy() == 2.0
    with pytest.raises(AttributeError, match="torchrun"):
        _ = tf.distribute.TPUStrategy


def test_sparse(tf):
    x = tf.SparseTensor([[0, 1], [1, 0]], [1.0, 2.0], [2, 3])
    assert isinstance(x, tf.SparseTensor)
    assert tf.sparse.to_dense(x).numpy().tolist() == [[0, 1, 0], [2, 0, 0]]
    assert tf.sparse.to_dense(x, default_value=-1.0).numpy().tolist() == [[-1, 1, -1], [2, -1, -1]]
    assert tf.sparse.sparse_dense_matmul(x, tf.ones((3, 1))).numpy().tolist() == [[1], [2]]
    assert not isinstance(tf.ones(2), tf.SparseTensor)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("compat.v1.Session", "run at once"),
        ("lite.TFLiteConverter", "export"),
        ("estimator", "fit"),
        ("raw_ops", "torch"),
    ],
)
def test_refusals_name_the_way_out(tf, path, words):
    with pytest.raises(AttributeError, match=words):
        functools.reduce(getattr, path.split("."), tf)


def test_what_scripts_say_to_tensorflow_itself(tf):
    tf.get_logger().setLevel("ERROR")
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    tf.autograph.set_verbosity(0)
    assert tf.compat.v1.nn.relu is tf.nn.relu
    assert tf.compat.as_str_any(b"x") == "x"
    assert tf.__version__ == tf.version.VERSION


class TestData:
    def test_a_pipeline_of_a_tutorial(self, tf):
        def prepare(x, y):
            x = tf.reshape(tf.cast(x, tf.float32) / 10.0, [1])
            return tf.concat([x, x * 2], 0), tf.one_hot(y % 2, 2)

        arrays = np.arange(10, dtype="float32"), np.arange(10)
        dataset = tf.data.Dataset.from_tensor_slices(arrays).map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
        dataset = dataset.cache().shuffle(10, seed=1).batch(4).prefetch(tf.data.AUTOTUNE)
        assert dataset.element_spec[0] == tf.TensorSpec([None, 2], tf.float32)
        assert tf.data.experimental.cardinality(dataset) == 3
        model = tf.keras.Sequential([tf.keras.layers.Dense(2, activation="softmax")])
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(dataset, epochs=2, verbose=0, validation_data=dataset).history
        assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}

    def test_generators_take_specs(self, tf):
        spec = (tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.string))
        dataset = tf.data.Dataset.from_generator(lambda: iter([(1, ["a"]), (2, ["b", "c"])]), output_signature=spec)
        rows = [(int(number), texts.numpy().tolist()) for number, texts in dataset]
        assert rows == [(1, [b"a"]), (2, [b"b", b"c"])]

    def test_records(self, tf, tmp_path):
        path = str(tmp_path / "x.tfrecord")
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(b"one")
            writer.write(tf.constant("two"))
        assert list(tf.compat.v1.io.tf_record_iterator(path)) == [b"one", b"two"]
