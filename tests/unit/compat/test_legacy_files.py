"""Files under the names that older versions gave them, in the zero-change mode."""

import os
import pathlib

import numpy as np
import pytest

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]
X = np.ones((4, 3), "float32")


@pytest.fixture
def model():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(2, input_dim=3, bias_initializer="uniform")])
    model.compile("sgd", "mse")
    return model


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def files():
    return sorted(str(path) for path in pathlib.Path().rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("path", "kwargs", "written"),
    [
        ("saved", {}, "saved/model.keras"),
        ("saved/", {"save_format": "tf"}, "saved/model.keras"),
        ("a/1", {"options": None, "signatures": None, "save_traces": True}, "a/1/model.keras"),
        (pathlib.Path("a"), {}, "a/model.keras"),
        ("a", {"include_optimizer": False}, "a/model.h5"),
        ("a.h5", {"save_format": "tf"}, "a.h5/model.keras"),
        ("a", {"save_format": "h5"}, "a"),
        ("a/b.dat", {"save_format": "h5"}, "a/b.dat"),
        ("a.h5", {"save_format": "h5", "include_optimizer": False}, "a.h5"),
        ("a.hdf5", {"overwrite": True, "include_optimizer": True}, "a.hdf5"),
        ("a.keras", {"save_format": "keras"}, "a.keras"),
        ("a.keras", {}, "a.keras"),
    ],
)
def test_whole_models(model, path, kwargs, written):
    from tensorflow import keras

    model.save(path, **kwargs)
    assert files() == [written]
    found = keras.models.load_model(path, compile=True, options=None)
    np.testing.assert_array_equal(found.get_weights()[0], model.get_weights()[0])
    assert found.compiled == kwargs.get("include_optimizer", True)
    keras.models.save_model(found, path, **kwargs)
    assert files() == [written]


def test_the_third_argument_was_about_the_optimizer(model):
    from keras.models import load_model

    model.save("a.h5", True, False)
    assert not load_model("a.h5").compiled


def test_another_kind_in_the_same_folder(model):
    from keras.models import load_model

    model.save("a")
    model.save("a", include_optimizer=False)
    assert files() == ["a/model.h5"]
    assert not load_model("a").compiled


def test_signatures_are_refused(model):
    with pytest.raises(TypeError, match=r"model\.export"):
        model.save("a", signatures={})


@pytest.mark.parametrize(
    ("path", "kwargs", "written"),
    [
        ("ckpt/mine", {}, ["ckpt/checkpoint", "ckpt/mine.weights.h5"]),
        ("w", {"save_format": "tf", "options": None}, ["checkpoint", "w.weights.h5"]),
        ("w.ckpt", {"overwrite": True}, ["checkpoint", "w.ckpt.weights.h5"]),
        ("w", {"save_format": "h5"}, ["w"]),
        ("w.h5", {}, ["w.h5"]),
        ("w.hdf5", {"save_format": "h5"}, ["w.hdf5"]),
        ("w.keras", {}, ["w.keras"]),
        ("w.weights.h5", {}, ["w.weights.h5"]),
    ],
)
def test_weights(model, path, kwargs, written):
    before = model.get_weights()
    model.save_weights(path, **kwargs)
    assert files() == written
    model.set_weights([weight * 0 for weight in before])
    status = model.load_weights(path, by_name=False)
    if "checkpoint" in " ".join(written):
        status.expect_partial().assert_consumed()
    np.testing.assert_array_equal(model.get_weights()[1], before[1])


def test_weights_by_name(model):
    from keras.layers import Dense
    from keras.models import Sequential

    model.layers[0].name = "shared"
    other = Sequential([Dense(5, input_dim=3), Dense(2, name="other")])
    other.add(Dense(3))
    other.layers[2].name = "shared"
    other.save_weights("w.h5")
    with pytest.raises(ValueError, match="Shape mismatch"):
        model.load_weights("w.h5", True)  # the second argument was by_name
    with pytest.warns(UserWarning, match="mismatch in shape"):
        model.load_weights("w.h5", True, True)
    model.save_weights("w.weights.h5")
    with pytest.raises(ValueError, match="`by_name` only supports"):
        model.load_weights("w.weights.h5", by_name=True)


def test_the_format_was_the_third_argument(model):
    model.save_weights("w", True, "h5")
    assert files() == ["w"]


@pytest.mark.parametrize(("ending", "advice"), [(".index", "TensorFlow itself"), (".tkc", r"tf\.train\.Checkpoint")])
def test_checkpoints_of_others_are_explained(model, ending, advice):
    pathlib.Path(f"w{ending}").touch()
    with pytest.raises(ValueError, match=advice):
        model.load_weights("w")


def test_urls_and_missing_files_leave_nothing_behind(model):
    with pytest.raises(ValueError, match="Only local files"):
        model.save("gs://bucket/model")
    with pytest.raises(ValueError, match="Only local files"):
        model.save_weights("gs://bucket/model")
    with pytest.raises(FileNotFoundError, match="no such weights file"):
        model.load_weights("missing")
    assert not list(pathlib.Path().iterdir())


def test_an_unbuilt_model_and_existing_files(monkeypatch):
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(2)])
    with pytest.raises(ValueError, match="not yet been built"):
        model.save_weights("w", save_format="h5")
    model.build((None, 3))
    pathlib.Path("w").write_bytes(b"mine")
    monkeypatch.setattr("builtins.input", lambda question: "n")
    model.save_weights("w", overwrite=False, save_format="h5")
    model.save("w", overwrite=False, save_format="h5")
    assert pathlib.Path("w").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("path", "kwargs", "written"),
    [
        ("c.hdf5", {}, ["c.hdf5"]),
        ("c.h5", {"save_weights_only": True}, ["c.h5"]),
        ("best", {"save_best_only": True, "monitor": "loss"}, ["best/model.keras"]),
        ("d/cp-{epoch:04d}.ckpt", {"save_weights_only": True, "verbose": 0, "period": 2},
         ["d/checkpoint", "d/cp-0002.ckpt.weights.h5", "d/cp-0004.ckpt.weights.h5"]),
        ("w.{epoch}-{val_acc:.2f}.hdf5", {"monitor": "val_acc", "mode": "max", "save_best_only": True},
         ["w.1-1.00.hdf5"]),
        ("m{epoch}.h5", {"period": 3}, ["m3.h5"]),
        ("m{epoch}.keras", {"options": None}, ["m1.keras", "m2.keras", "m3.keras", "m4.keras", "m5.keras"]),
    ],
)  # fmt: skip
def test_checkpoints_of_a_training(model, path, kwargs, written):
    from keras.callbacks import ModelCheckpoint

    model.compile("sgd", "mse", metrics=["accuracy"])
    y = model.predict(X, verbose=0)
    model.fit(X, y, validation_data=(X, y), epochs=5, verbose=0, callbacks=[ModelCheckpoint(path, **kwargs)])
    assert files() == written


def test_period_by_position(model):
    from keras.callbacks import ModelCheckpoint

    model.fit(
        X, X[:, :2], epochs=4, verbose=0, callbacks=[ModelCheckpoint("m{epoch}.h5", "loss", 0, False, False, "auto", 3)]
    )
    assert files() == ["m3.h5"]


def test_the_latest_checkpoint_of_a_training():
    import tensorflow as tf

    model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse")
    path = "training/cp-{epoch:04d}.ckpt"
    model.save_weights(path.format(epoch=0))
    saver = tf.keras.callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq="epoch")
    model.fit(X, X[:, :2], epochs=2, verbose=0, callbacks=[saver])
    latest = tf.train.latest_checkpoint(os.path.dirname(path))
    assert latest == "training/cp-0002.ckpt"
    before = model.get_weights()[0]
    model.set_weights([weight * 0 for weight in model.get_weights()])
    model.load_weights(latest)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_without_the_stand_ins_names_are_those_of_keras_3(model):
    import torchkeras_shim as keras

    keras.compat.uninstall()
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        model.save("folder")
    with pytest.raises(ValueError, match="must end in"):
        model.save_weights("prefix")
    with pytest.raises(ValueError, match="must end in"):
        keras.callbacks.ModelCheckpoint("folder")
