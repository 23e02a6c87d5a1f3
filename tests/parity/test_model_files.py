"""Whole models exchanged with Keras, in both directions and both formats."""

from __future__ import annotations

import json
import os
import zipfile

import h5py
import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, keras

FORMATS = [".keras", ".h5"]
DIRECTIONS = [(keras, torchkeras_shim), (torchkeras_shim, keras)]
IDS = ["from keras", "to keras"]


def perceptron(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((6,)),
            L.Dense(5, activation="relu", kernel_regularizer=k.regularizers.L2(0.01), name="first"),
            L.BatchNormalization(),
            L.Dropout(0.0),
            L.Dense(3, activation="softmax", bias_constraint="max_norm"),
        ]
    )


def image_classifier(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            L.Rescaling(0.5, offset=-1.0),
            L.Conv2D(4, 3, strides=2, padding="same", kernel_initializer="he_normal"),
            L.LeakyReLU(negative_slope=0.2),
            L.MaxPooling2D(),
            L.LayerNormalization(),
            L.Flatten(),
            L.Dense(3),
        ]
    )


def augmented(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((7, 7, 2)),
            L.RandomFlip("horizontal", seed=1),
            L.RandomRotation(0.1),
            L.RandomTranslation(0.1, (-0.1, 0.2)),
            L.RandomZoom(0.1, fill_mode="constant"),
            L.RandomPerspective(0.5),
            L.RandomElasticTransform(value_range=(0, 1)),
            L.RandomErasing(fill_value=0.5),
            L.Resizing(6, 5),
            L.CenterCrop(4, 4),
            L.Flatten(),
            L.Dense(3),
        ]
    )


def text_classifier(k):
    L = k.layers
    return k.Sequential([k.Input((4,), dtype="int32"), L.Embedding(10, 5), L.GlobalAveragePooling1D(), L.Dense(3)])


def nested(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(4, activation="tanh")], name="inner")
    return k.Sequential([k.Input((6,)), inner, k.layers.PReLU(), k.layers.Dense(3, use_bias=False)])


def no_input(k):
    model = k.Sequential([k.layers.Dense(4), k.layers.Activation("gelu"), k.layers.Reshape((2, 2)), k.layers.Flatten()])
    model.build((None, 6))
    return model


def frozen(k):
    model = perceptron(k)
    model.layers[0].trainable = False
    return model


MODELS = [perceptron, image_classifier, augmented, text_classifier, nested, no_input, frozen]


def inputs_of(model):
    shape = (7, *model.input_shape[1:])
    return np.random.default_rng(0).integers(0, 10, shape).astype("float32")


def vary(model):
    """Gives every weight a value that nothing else has."""
    generator = np.random.default_rng(1)
    model.set_weights([generator.uniform(0.1, 1, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def load(k, path, **kwargs):
    return k.saving.load_model(path, **kwargs)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
@pytest.mark.parametrize("make", MODELS)
def test_a_model_predicts_the_same(make, writer, reader, ending, tmp_path):
    path = str(tmp_path / f"model{ending}")
    model = vary(make(writer))
    x = inputs_of(model)
    model.save(path)
    loaded = load(reader, path)
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.name == model.name
    assert [w.shape for w in loaded.get_weights()] == [w.shape for w in model.get_weights()]
    assert len(loaded.trainable_weights) == len(model.trainable_weights)
    assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5)


def plain(config):
    """A config without what differs from run to run, and without the shapes of layers that have no weights."""
    if isinstance(config, dict):
        left_out = ["shared_object_id", "jit_compile"]
        if str(config.get("class_name")).startswith(("Flatten", "Rescaling", "Random", "Resizing", "CenterCrop")):
            left_out.append("build_config")
        return {key: plain(value) for key, value in config.items() if key not in left_out}
    return [plain(item) for item in config] if isinstance(config, (list, tuple)) else config


def compiled(make, k):
    model = make(k)
    if make is perceptron:
        model.pop()
        model.add(k.layers.Dense(3))
    schedule = k.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile(
        optimizer=k.optimizers.Adam(schedule, clipnorm=1.0),
        loss=k.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", k.metrics.SparseTopKCategoricalAccuracy(k=2), k.metrics.sparse_categorical_crossentropy],
        loss_weights=[1.0],
    )
    return model


# Keras turns a first layer without an `Input` into one with it.
@pytest.mark.parametrize("make", [make for make in MODELS if make is not no_input])
def test_the_config_is_keras_own(make, tmp_path):
    configs = []
    for k in (keras, torchkeras_shim):
        keras.utils.clear_session()
        torchkeras_shim.utils.clear_session(free_memory=False)
        path = str(tmp_path / f"{k.__name__}.keras")
        compiled(make, k).save(path)
        with zipfile.ZipFile(path) as file:
            assert file.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
            configs.append(plain(json.loads(file.read("config.json"))))
            assert list(json.loads(file.read("metadata.json"))) == ["keras_version", "date_saved"]
    assert configs[0] == configs[1]


@pytest.mark.parametrize("make", [perceptron, nested])
def test_the_older_format_is_keras_own(make, tmp_path):
    attributes, names = [], []
    for k in (keras, torchkeras_shim):
        keras.utils.clear_session()
        torchkeras_shim.utils.clear_session(free_memory=False)
        path = str(tmp_path / f"{k.__name__}.h5")
        model = compiled(make, k)
        train(model)
        model.save(path)
        with h5py.File(path) as file:
            attributes.append({key: plain(json.loads(file.attrs[f"{key}_config"])) for key in ("model", "training")})
            found = {}
            file.visititems(lambda name, item, found=found: found.update({name: getattr(item, "shape", None)}))
            lists = {name: list(file[name].attrs.get("weight_names", ())) for name in found}
            names.append((found, lists, list(file["model_weights"].attrs["layer_names"])))
    assert attributes[0] == attributes[1]
    assert names[0] == names[1]


# Training goes on ---------------------------------------------------------------------------------------------------


def data():
    generator = np.random.default_rng(2)
    return generator.standard_normal((32, 6)).astype("float32"), generator.integers(0, 3, 32)


def train(model, epochs=2):
    return model.fit(*data(), epochs=epochs, batch_size=8, shuffle=False, verbose=0).history


OPTIMIZERS = {
    "adam": lambda k: k.optimizers.Adam(0.01),
    "schedule": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)),
    "momentum": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "average": lambda k: k.optimizers.RMSprop(0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
    "decay": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5),
    "accumulated": lambda k: k.optimizers.SGD(0.05, momentum=0.9, gradient_accumulation_steps=3),
}


# Keras itself cannot train a model that it has loaded from a `.h5` file: its optimizer gets no variables.
TRIPS = [(keras, torchkeras_shim, ".keras"), (torchkeras_shim, keras, ".keras"), (keras, torchkeras_shim, ".h5")]


@pytest.mark.parametrize(("writer", "reader", "ending"), TRIPS, ids=["from keras", "to keras", "from keras h5"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_as_if_nothing_had_happened(optimizer, writer, reader, ending, tmp_path):
    path = str(tmp_path / f"model{ending}")
    model = vary(perceptron(writer))
    model.compile(OPTIMIZERS[optimizer](writer), "sparse_categorical_crossentropy", metrics=["accuracy"])
    train(model)
    if optimizer in ("adam", "momentum"):
        model.optimizer.learning_rate = 0.02  # as a callback would
    model.save(path)
    other = load(reader, path)
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations)
    assert_close(float(other.optimizer.learning_rate), float(model.optimizer.learning_rate))
    if optimizer == "average":
        if ending == ".h5":
            return
        model = load(writer, path)  # Keras on JAX cannot fit twice with averages
    expected, actual = train(model), train(other)
    assert actual.keys() == expected.keys()
    for key in expected:
        assert_close(actual[key], expected[key], rtol=1e-4, atol=1e-4, message=key)
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("ending", FORMATS)
def test_training_goes_on_here(ending, tmp_path):
    path = str(tmp_path / f"model{ending}")
    model = perceptron(torchkeras_shim)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    train(model)
    model.save(path)
    other = load(torchkeras_shim, path)
    assert train(other) == train(model)
    assert all(np.array_equal(a, b) for a, b in zip(other.get_weights(), model.get_weights(), strict=True))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
def test_without_compilation(writer, reader, ending, tmp_path):
    path = str(tmp_path / f"model{ending}")
    compiled(perceptron, writer).save(path)
    model = load(reader, path, compile=False)
    assert not model.compiled
    assert getattr(model, "optimizer", None) is None


@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
def test_a_folder_instead_of_a_file(writer, reader, tmp_path):
    model = vary(perceptron(writer))
    model.save(str(tmp_path / "model"), zipped=False)
    loaded = load(reader, str(tmp_path / "model"))
    assert_close(loaded.predict(inputs_of(model), verbose=0), model.predict(inputs_of(model), verbose=0), atol=1e-5)


# Objects of the user's own ------------------------------------------------------------------------------------------


def own_objects(k):
    class Scale(k.layers.Layer):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, input_shape):
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

        def call(self, inputs):
            return inputs * self.scale * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    def twice(x):
        return x * 2

    def own_loss(y_true, y_pred):
        return k.ops.mean(k.ops.square(y_true - y_pred), axis=-1)

    return {"Scale": Scale, "twice": twice, "own_loss": own_loss}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
def test_custom_objects(writer, reader, ending, tmp_path):
    path = str(tmp_path / f"model{ending}")
    own, other = own_objects(writer), own_objects(reader)
    model = writer.Sequential(
        [writer.Input((6,)), own["Scale"](3.0), writer.layers.Dense(2, activation=own["twice"], name="out")]
    )
    vary(model).compile("sgd", own["own_loss"], metrics=[own["own_loss"]])
    x = inputs_of(model)
    model.fit(x, np.ones((7, 2)), verbose=0)
    model.save(path)
    loaded = load(reader, path, custom_objects=other)
    assert loaded.layers[0].factor == 3.0
    assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    expected = model.evaluate(x, np.ones((7, 2)), verbose=0)
    assert_close(loaded.evaluate(x, np.ones((7, 2)), verbose=0), expected, rtol=1e-4)
    with pytest.raises((ValueError, TypeError), match="Scale"):
        load(torchkeras_shim, path)


def registered(k):
    @k.saving.register_keras_serializable(package="parity")
    class Net(k.Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.hidden = k.layers.Dense(units, activation="relu")
            self.out = k.layers.Dense(3)

        def call(self, inputs):
            return self.out(self.hidden(inputs))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Net


@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
def test_registered_subclasses(writer, reader, tmp_path):
    path = str(tmp_path / "model.keras")
    registered(reader)
    model = registered(writer)(4)
    model.compile("adam", writer.losses.SparseCategoricalCrossentropy(from_logits=True))
    train(model)
    model.save(path)
    loaded = load(reader, path)
    assert loaded.units == 4
    x, _ = data()
    assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    assert_close(train(loaded)["loss"], train(model)["loss"], rtol=1e-4)


# Weights alone ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
def test_weights_out_of_whole_models(writer, reader, by_name, tmp_path):
    model, other = vary(frozen(writer)), perceptron(reader)
    for source, target in zip(model.layers, other.layers, strict=True):
        target.name = source.name
    other.layers[0].trainable = False
    model.save(tmp_path / "model.h5")
    model.save(tmp_path / "model.keras")
    other.load_weights(str(tmp_path / "model.h5"), **({"by_name": True} if by_name else {}))
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        assert_close(ours, theirs)
    if not by_name:
        fresh = perceptron(reader)
        fresh.load_weights(str(tmp_path / "model.keras"))
        for ours, theirs in zip(fresh.get_weights(), model.get_weights(), strict=True):
            assert_close(ours, theirs)


def test_older_weights_files_open_in_keras(tmp_path):
    path = str(tmp_path / "weights.h5")
    model, other = vary(perceptron(torchkeras_shim)), perceptron(keras)
    model.save_weights(path)
    other.load_weights(path)
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("ending", "kwargs"), [(".weights.h5", {"by_name": True}), (".keras", {"by_name": False}), (".bin", {})]
)
def test_what_keras_refuses_to_load(ending, kwargs, tmp_path):
    path = str(tmp_path / f"model{ending}")
    for library in (keras, torchkeras_shim):
        with pytest.raises(ValueError, match=r"by_name|format not supported|must end in"):
            perceptron(library).load_weights(path, **kwargs)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda k, path: perceptron(k).save(path / "model"), "Invalid filepath extension for saving"),
        (lambda k, path: perceptron(k).save(path / "m.keras", other=1), "argument.s. are not supported: .'other'"),
        (lambda k, path: perceptron(k).save(path / "m.tf", save_format="tf"), "The `save_format` argument is deprec"),
        (lambda k, path: k.saving.load_model(path / "none.keras"), "File not found: filepath="),
        (lambda k, path: k.saving.load_model(str(path)), "File format not supported"),
    ],
)
def test_messages(action, message, tmp_path):
    for library in (keras, torchkeras_shim):
        with pytest.raises(ValueError, match=message):
            action(library, tmp_path)


def test_json():
    ours, theirs = perceptron(torchkeras_shim), perceptron(keras)
    assert plain(json.loads(ours.to_json()))["config"].keys() == plain(json.loads(theirs.to_json()))["config"].keys()
    assert torchkeras_shim.models.model_from_json(theirs.to_json()).output_shape == (None, 3)
    assert keras.models.model_from_json(ours.to_json(indent=1)).output_shape == (None, 3)


# Functional models --------------------------------------------------------------------------------------------------


def branches(k):
    L = k.layers
    inputs = k.Input((6,), name="start")
    a, b = L.Dense(4, activation="relu", name="a")(inputs), L.Dense(4, name="b")(inputs)
    return k.Model(inputs, L.Dense(2, name="end")(L.Add()([a, b])), name="branches")


def shared_layer(k):
    L = k.layers
    first, second = k.Input((6,), name="first"), k.Input((6,), name="second")
    both = L.Dense(4, name="both")
    joined = L.Concatenate()([both(first), both(second)])
    return k.Model([first, second], [L.Dense(2, name="one")(joined), L.Dense(1, name="two")(joined)], name="shared")


def nested_graph(k):
    inputs = k.Input((6,))
    return k.Model(inputs, k.layers.Dense(3, name="out")(branches(k)(inputs)))


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
@pytest.mark.parametrize("make", [branches, shared_layer, nested_graph])
def test_functional_models(make, writer, reader, ending, tmp_path):
    path = str(tmp_path / f"model{ending}")
    model = vary(make(writer))
    x = [np.random.default_rng(0).standard_normal((5, 6)).astype("float32") for _ in model.inputs]
    x = x if len(x) > 1 else x[0]
    model.compile("adam", "mse")
    expected = model.predict(x, verbose=0)
    model.fit(x, expected, verbose=0)
    expected = model.predict(x, verbose=0)
    model.save(path)
    loaded = load(reader, path)
    actual = loaded.predict(x, verbose=0)
    for ours, theirs in zip(
        *((value if isinstance(value, list) else [value]) for value in (actual, expected)), strict=True
    ):
        assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert int(loaded.optimizer.iterations) == 1


def computed(k):
    inputs = k.Input((6,))
    x = k.layers.Dense(4)(inputs)
    x = k.ops.concatenate([1 - x * (k.layers.ReLU(6.0)(x + 3.0) / 6), inputs[:, 2:4]], axis=1)
    x = k.layers.Average()([x, k.ops.expand_dims(k.ops.average(x, axis=1), 1)])
    return k.Model(inputs, -k.ops.reshape(k.ops.maximum(x, k.ops.leaky_relu(x, 0.3)), (-1, 2, 3)))


def test_operations_in_an_older_file_which_keras_itself_cannot_read(tmp_path):
    model = vary(computed(keras))
    x = np.random.default_rng(0).standard_normal((5, 6)).astype("float32")
    model.save(tmp_path / "model.h5")
    with pytest.raises((TypeError, ValueError)):
        load(keras, str(tmp_path / "model.h5"))
    loaded = load(torchkeras_shim, str(tmp_path / "model.h5"))
    assert_close(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_layer_of_one_s_own_in_an_older_file_that_is_called_like_an_operation(tmp_path):
    class Flip(torchkeras_shim.layers.Layer):
        def call(self, inputs):
            return inputs * 2

        def get_config(self):
            return {"name": self.name}

    inputs = torchkeras_shim.Input((6,))
    torchkeras_shim.Model(inputs, Flip()(inputs)).save(tmp_path / "model.h5")
    loaded = torchkeras_shim.saving.load_model(tmp_path / "model.h5", custom_objects={"Flip": Flip})
    assert isinstance(loaded.layers[-1], Flip)


def with_assets(k):
    class Words(k.layers.Layer):
        words = ()

        def call(self, inputs):
            return inputs * len(self.words)

        def save_assets(self, folder):
            with open(os.path.join(folder, "words.txt"), "w") as file:
                file.write(" ".join(self.words))

        def load_assets(self, folder):
            with open(os.path.join(folder, "words.txt")) as file:
                self.words = tuple(file.read().split())

    return Words


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(("writer", "reader"), DIRECTIONS, ids=IDS)
def test_assets_of_layers(writer, reader, zipped, tmp_path):
    words = with_assets(writer)()
    words.words = ("a", "b", "c")
    inner = writer.Sequential([writer.Input((2,)), words])
    model = writer.Sequential([writer.Input((2,)), inner, writer.layers.Dense(3)])
    path = str(tmp_path / ("m.keras" if zipped else "m"))
    model.save(path, zipped=zipped)
    loaded = reader.models.load_model(path, custom_objects={"Words": with_assets(reader)})
    assert loaded.layers[0].layers[0].words == ("a", "b", "c")
    assert_close(loaded.predict(np.ones((2, 2)), verbose=0), model.predict(np.ones((2, 2)), verbose=0), rtol=1e-4)


def test_a_layer_shared_by_two_models_is_one_in_keras_too(tmp_path):
    k = torchkeras_shim
    shared = k.layers.Dense(3, name="shared")
    inputs = k.Input((3,))
    stacks = [k.Sequential([k.Input((3,)), shared, k.layers.Dense(2)], name=name) for name in ("one", "two")]
    model = k.Model(inputs, [stack(inputs) for stack in stacks])
    model.save(str(tmp_path / "m.keras"))
    loaded = keras.models.load_model(str(tmp_path / "m.keras"))
    assert loaded.get_layer("one").layers[0] is loaded.get_layer("two").layers[0]
    x = np.ones((2, 3), "float32")
    for theirs, ours in zip(loaded.predict(x, verbose=0), model.predict(x, verbose=0), strict=True):
        assert_close(ours, theirs, rtol=1e-4)
