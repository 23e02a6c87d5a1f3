"""Spellings of Keras 1, Keras 2 and tf.keras in the zero-change mode."""

import importlib
import sys
import warnings
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import torchkeras_shim
from torchkeras_shim.compat.legacy import modules

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]

# What a script says, and the configuration of today that it means.
LAYERS = [
    ("Dense(output_dim=3, init='uniform', bias=False)",
     "Dense(3, kernel_initializer='random_uniform', use_bias=False)"),
    ("Dense(3, W_regularizer='l2', b_constraint='max_norm')",
     "Dense(3, kernel_regularizer='l2', bias_constraint='max_norm')"),
    ("Convolution2D(4, 3, 3, border_mode='same')", "Conv2D(4, (3, 3), padding='same')"),
    ("Convolution2D(4, 3, 2, 'uniform', 'relu')",
     "Conv2D(4, (3, 2), kernel_initializer='random_uniform', activation='relu')"),
    ("Convolution2D(4, (3, 3), subsample=(2, 2))", "Conv2D(4, (3, 3), strides=(2, 2))"),
    ("Convolution2D(4, 3)", "Conv2D(4, 3)"),
    ("Conv2D(nb_filter=4, nb_row=3, nb_col=2)", "Conv2D(4, (3, 2))"),
    ("Conv2D(4, 3, dim_ordering='th')", "Conv2D(4, 3, data_format='channels_first')"),
    ("Convolution1D(nb_filter=4, filter_length=3, subsample_length=2)", "Conv1D(4, 3, strides=2)"),
    ("AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2))", "Conv2D(4, (3, 3), dilation_rate=(2, 2))"),
    ("Convolution3D(4, 3, 3, 2)", "Conv3D(4, (3, 3, 2))"),
    ("MaxPooling2D((2, 2), border_mode='same')", "MaxPooling2D((2, 2), padding='same')"),
    ("MaxPooling1D(pool_length=3, stride=1)", "MaxPooling1D(3, strides=1)"),
    ("UpSampling2D((2, 2), dim_ordering='tf')", "UpSampling2D((2, 2), data_format='channels_last')"),
    ("LSTM(4, inner_init='orthogonal', dropout_W=0.1, dropout_U=0.2, consume_less='gpu')",
     "LSTM(4, recurrent_initializer='orthogonal', dropout=0.1, recurrent_dropout=0.2)"),
    ("LSTM(4, inner_activation='hard_sigmoid')", "LSTM(4, recurrent_activation='legacy_hard_sigmoid')"),
    ("LSTM(4, time_major=False)", "LSTM(4)"),
    ("GRU(4, time_major=False)", "GRU(4)"),
    ("GRU(4, inner_activation='sigmoid')", "GRU(4, recurrent_activation='sigmoid', reset_after=False)"),
    ("CuDNNGRU(4)", "GRU(4)"),
    ("CuDNNLSTM(4)", "LSTM(4)"),
    ("Embedding(5, 4, init='uniform')", "Embedding(5, 4, embeddings_initializer='random_uniform')"),
    ("Dropout(p=0.3)", "Dropout(0.3)"),
    ("GaussianNoise(sigma=0.3)", "GaussianNoise(0.3)"),
    ("BatchNormalization(mode=0, beta_init='one', fused=None)", "BatchNormalization(beta_initializer='ones')"),
    ("ThresholdedReLU(0.5)", "ReLU(threshold=0.5)"),
    ("TimeDistributedDense(3)", "Dense(3)"),
]  # fmt: skip


def _config(source):
    layer = eval(source, dict(vars(importlib.import_module("keras.layers")), **_names()))
    return type(layer), {key: value for key, value in layer.get_config().items() if key != "name"}


def _names():
    layers = importlib.import_module("keras.layers")
    return {name: getattr(layers, name) for name in layers.__all__}


@pytest.mark.parametrize(("old", "new"), LAYERS, ids=[old for old, _ in LAYERS])
def test_a_layer_means_what_it_meant(old, new):
    assert _config(old) == _config(new)


@pytest.mark.parametrize("path", sorted(path for path, today in modules.TODAY.items() if "compat." not in today))
@pytest.mark.parametrize("root", ["keras", "tensorflow.keras", "tensorflow.python.keras", "keras.src"])
def test_an_old_module_has_the_names_of_today(root, path):
    old = importlib.import_module(f"{root}.{path}")
    today = importlib.import_module(f"keras.{modules.TODAY[path]}")
    assert old.__all__ == today.__all__
    for name in today.__all__:
        value = getattr(today, name)
        assert isinstance(value, ModuleType) or getattr(old, name) is value


def test_merge_is_a_function_and_a_module():
    from keras import layers
    from keras.layers.merge import concatenate

    a, b = layers.Input((3,)), layers.Input((3,))
    assert layers.merge([a, b], mode="concat").shape == concatenate([a, b]).shape == (None, 6)
    assert layers.merge([a, b], mode="sum").shape == (None, 3)
    assert layers.merge([a, b], mode="dot", dot_axes=1).shape == (None, 1)
    assert layers.merge([a, b], mode=lambda x: x[0] - x[1], output_shape=(3,)).shape == (None, 3)
    with pytest.raises(ValueError, match="'dif'"):
        layers.merge([a, b], mode="dif")


def test_a_spelling_is_warned_about_once_at_the_line_of_the_script():
    from keras import layers

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layers.Dropout(p=0.1)
        layers.Dropout(p=0.2)
    assert [str(one.message) for one in caught] == [
        "`Dropout(p=)` is an old spelling, accepted here: today it is `Dropout(rate=)`."
    ]
    assert caught[0].filename == __file__


def test_words_that_no_version_knew_are_still_refused():
    from keras import layers, optimizers

    with pytest.raises((TypeError, ValueError), match="outputdim"):
        layers.Dense(3, outputdim=3)
    with pytest.raises(TypeError, match="'units' twice"):
        layers.Dense(units=3, output_dim=3)
    with pytest.raises(ValueError, match="learningrate"):
        optimizers.Adam(learningrate=3)


def test_without_the_stand_ins_nothing_old_is_accepted():
    from keras import layers

    layers.Dropout(p=0.1)
    torchkeras_shim.compat.uninstall()
    with pytest.raises(TypeError):
        torchkeras_shim.layers.Dropout(p=0.1)
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        torchkeras_shim.optimizers.SGD(lr=0.1)
    assert not hasattr(torchkeras_shim.Model, "fit_generator")


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"])
def test_an_optimizer_takes_lr_and_epsilon_none(name):
    from keras import optimizers

    kwargs = {} if name == "SGD" else {"epsilon": None}
    optimizer = getattr(optimizers, name)(lr=0.25, **kwargs)
    assert optimizer.get_config() == {**getattr(optimizers, name)(0.25).get_config(), "name": optimizer.name}
    assert float(optimizer.lr) == 0.25
    optimizer.lr = 0.5
    assert float(optimizer.learning_rate) == 0.5


def test_decay_is_done():
    from keras import optimizers

    weight = torchkeras_shim.Variable(np.zeros(1, "float32"))
    optimizer = optimizers.SGD(lr=1.0, decay=0.5)
    seen = []
    for _ in range(3):
        before = float(weight.numpy()[0])
        optimizer.apply([torchkeras_shim.ops.ones(1)], [weight])
        seen.append(before - float(weight.numpy()[0]))
    np.testing.assert_allclose(seen, [1.0, 1 / 1.5, 1 / 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape", "weights"),
    [
        ("Dense(3, weights={})", (2,), [(2, 3), (3,)]),
        ("Conv2D(2, (3, 3), weights={})", (4, 4, 1), [(3, 3, 1, 2), (2,)]),
        ("BatchNormalization(weights={})", (3,), [(3,)] * 4),
        ("LSTM(2, weights={})", (4, 3), [(3, 8), (2, 8), (8,)]),
        ("Bidirectional(LSTM(2), weights={})", (4, 3), [(3, 8), (2, 8), (8,)] * 2),
        ("Embedding(3, 2, weights={})", (4,), [(3, 2)]),
    ],
)
def test_initial_weights_of_a_layer(layer, shape, weights, tmp_path):
    from keras.layers import InputLayer
    from keras.models import Sequential, load_model

    given = [np.random.rand(*size).astype("float32") for size in weights]
    made = eval(layer.format("given"), {**_names(), "given": given})
    model = Sequential([InputLayer(shape), made])
    model.save(tmp_path / "model.keras")  # they are no part of the config
    for found in (model, load_model(tmp_path / "model.keras")):
        for ours, wanted in zip(found.get_weights(), given, strict=False):
            np.testing.assert_array_equal(ours, wanted)


class TestTraining:
    @pytest.fixture
    def model(self):
        from keras.layers import Dense
        from keras.models import Sequential

        model = Sequential([Dense(3, activation="softmax", input_dim=2)])
        model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"], sample_weight_mode=None)
        return model

    @pytest.fixture
    def data(self):
        from keras.utils import np_utils

        return np.ones((8, 2), "float32"), np_utils.to_categorical(np.arange(8) % 3, nb_classes=3)

    def test_fit_and_its_history(self, model, data):
        from keras.callbacks import EarlyStopping

        stop = EarlyStopping(monitor="val_acc", patience=0, mode="max")
        history = model.fit(*data, nb_epoch=5, validation_data=data, verbose=0, callbacks=[stop], workers=2).history
        assert history["acc"] is history["accuracy"]
        assert history["val_acc"] == history["val_accuracy"]
        assert sorted(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
        assert len(history["loss"]) < 5  # stopped: the accuracy of equal samples stays
        with pytest.raises(KeyError, match="precision"):
            history["precision"]

    def test_generators(self, model, data):
        def batches():
            while True:
                yield data

        history = model.fit_generator(batches(), steps_per_epoch=3, epochs=2, verbose=0, max_queue_size=4)
        assert len(history.history["loss"]) == 2
        assert model.evaluate_generator(batches(), steps=1) == pytest.approx(model.evaluate(*data, verbose=0))
        predicted = model.predict_generator(batches(), steps=2, workers=1)
        np.testing.assert_allclose(predicted[:8], model.predict(data[0], verbose=0), rtol=1e-6)
        assert len(predicted) == 16
        seen = []
        counted = (seen.append(1) or batch for batch in batches())
        history = model.fit_generator(counted, samples_per_epoch=20, nb_epoch=2, nb_val_samples=9, verbose=0,
                                      validation_data=batches(), nb_worker=1, max_q_size=2)  # fmt: skip
        assert len(history.history["val_loss"]) == 2
        assert 6 <= len(seen) <= 9  # three batches of 8 for 20 samples, twice; some more are read ahead
        assert len(model.predict_generator(batches(), val_samples=9)) == 16
        with pytest.raises(ValueError, match="has no batches"):
            model.fit_generator(iter([]), samples_per_epoch=8, nb_epoch=1)

    def test_classes_and_probabilities(self, model, data):
        probabilities = model.predict_proba(data[0])
        np.testing.assert_array_equal(model.predict_classes(data[0]), probabilities.argmax(-1))


class TestBackend:
    def test_both_roots_have_the_same(self):
        from keras import backend as K
        from tensorflow.keras import backend

        assert K.__all__ == backend.__all__
        assert {"mean", "function", "learning_phase", "ctc_batch_cost"} <= set(K.__all__)
        assert K.sum is backend.sum

    def test_a_function_of_the_outputs_of_layers(self):
        from keras import backend as K
        from keras.layers import Dropout, Input
        from keras.models import Model

        entry = Input((3,))
        model = Model(entry, Dropout(0.5)(entry) * 2.0)
        function = K.function([model.input, K.learning_phase()], [model.layers[-1].output, model.output])
        values = np.ones((50, 3), "float32")
        np.testing.assert_array_equal(function([values, 0])[1], 2 * values)
        assert (function([values, 1])[1] == 0).any()

    def test_the_phase(self):
        from keras import backend as K

        assert K.in_train_phase(1, 2) == 2
        K.set_learning_phase(1)
        try:
            assert K.learning_phase() == 1
            assert K.in_train_phase(1, 2) == 1
        finally:
            K.clear_session()
        assert K.learning_phase() == 0

    def test_variables(self):
        from keras import backend as K
        from keras.optimizers import SGD

        variable = K.variable([1.0, 2.0])
        K.set_value(variable, [3.0, 4.0])
        K.update_add(variable, 1.0)
        np.testing.assert_array_equal(K.get_value(variable), [4.0, 5.0])
        optimizer = SGD(lr=0.5)
        K.set_value(optimizer.lr, 0.25)
        assert K.get_value(optimizer.learning_rate) == 0.25
        decayed = SGD(lr=0.5, decay=0.1)
        K.set_value(decayed.lr, 0.25)
        assert K.get_value(decayed.lr) == 0.25

    def test_gradients_of_values(self):
        from keras import backend as K

        variable = K.variable([1.0, 2.0])
        np.testing.assert_array_equal(K.eval(K.gradients(K.sum(K.square(variable)), variable)[0]), [2.0, 4.0])

    def test_a_variational_autoencoder_of_keras_2(self):
        from keras import backend as K
        from keras.engine.topology import Layer
        from keras.layers import Dense, Input, Lambda
        from keras.models import Model
        from keras.optimizers import Adam
        from keras.utils import set_random_seed

        set_random_seed(0)

        def sampling(args):
            mean, log_var = args
            epsilon = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]), mean=0.0, stddev=1.0)
            return mean + K.exp(0.5 * log_var) * epsilon

        class Divergence(Layer):
            def call(self, inputs):
                mean, log_var = inputs
                self.add_loss(-0.5 * K.mean(1 + log_var - K.square(mean) - K.exp(log_var)))
                return inputs

        x = Input(shape=(6,))
        mean, log_var = Dense(2)(x), Dense(2)(x)
        z = Lambda(sampling, output_shape=(2,))(Divergence()([mean, log_var]))
        model = Model(x, Dense(6, activation="sigmoid")(z))

        def reconstruction(y_true, y_pred):
            return K.sum(K.binary_crossentropy(y_true, y_pred), axis=-1)

        model.compile(optimizer=Adam(lr=0.1), loss=reconstruction)
        data = np.full((32, 6), 0.9, "float32")
        losses = model.fit(data, data, epochs=6, batch_size=8, verbose=0).history["loss"]
        assert losses[-1] < 0.9 * losses[0]


def _regularized(step=None):
    from keras.layers import Dense
    from keras.models import Sequential

    class Own(Sequential):
        if step:
            train_step = step

    model = Own([Dense(2, kernel_initializer="ones", kernel_regularizer="l2", input_dim=3)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


@pytest.mark.parametrize("with_losses", [True, False])
def test_a_train_step_of_tf_keras(with_losses):
    import tensorflow as tf

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            added = self.losses if with_losses else None
            loss = self.compiled_loss(y, y_pred, regularization_losses=added)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    x, y = np.ones((8, 3), "float32"), np.zeros((8, 2), "float32")
    history = _regularized(train_step).fit(x, y, batch_size=4, epochs=2, verbose=0).history
    plain = _regularized()
    if not with_losses:
        plain.layers[0].kernel_regularizer = None
        plain.layers[0].kernel._regularizer = None
    expected = plain.fit(x, y, batch_size=4, epochs=2, verbose=0).history
    assert history["loss"] == pytest.approx(expected["loss"])
    assert next(history[name] for name in history if name != "loss") == pytest.approx(expected["mae"])


def test_minimize():
    import tensorflow as tf
    from keras.optimizers.legacy import SGD

    variable = tf.Variable(3.0)
    optimizer = SGD(lr=0.25)
    assert optimizer.minimize(lambda: variable**2, [variable]) == 1
    assert float(variable) == 1.5
    with pytest.raises(ValueError, match="`tape` is required"):
        optimizer.minimize(variable**2, [variable])


class TestScikitLearn:
    def test_classifier(self):
        from keras.layers import Dense
        from keras.models import Sequential
        from keras.wrappers.scikit_learn import KerasClassifier

        def build(units=4, rate=0.1):
            model = Sequential([Dense(units, activation="relu", input_dim=2), Dense(2, activation="softmax")])
            model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
            return model

        estimator = KerasClassifier(build_fn=build, units=8, nb_epoch=3, batch_size=4, verbose=0)
        assert estimator.get_params() == {"units": 8, "nb_epoch": 3, "batch_size": 4, "verbose": 0, "build_fn": build}
        x, y = np.array([[0, 0], [1, 1]] * 8, "float32"), np.array(["no", "yes"] * 8)
        assert len(estimator.fit(x, y).history["loss"]) == 3
        assert estimator.model.layers[0].units == 8
        probabilities = estimator.predict_proba(x)
        labels = estimator.predict(x)
        np.testing.assert_array_equal(labels, np.array(["no", "yes"])[probabilities.argmax(-1)])
        assert estimator.score(x, y) == pytest.approx(np.mean(labels == y))
        with pytest.raises(ValueError, match="unit is not a legal parameter"):
            estimator.set_params(unit=3)

    def test_regressor(self):
        from keras.layers import Dense
        from keras.models import Sequential
        from tensorflow.keras.wrappers.scikit_learn import KerasRegressor

        def build():
            model = Sequential([Dense(1, input_dim=2)])
            model.compile("sgd", "mse")
            return model

        estimator = KerasRegressor(build)
        x, y = np.ones((8, 2), "float32"), np.ones(8, "float32")
        estimator.fit(x, y, epochs=2, verbose=0)
        found = estimator.predict(x, verbose=0)
        assert found.shape == (8,)
        assert estimator.score(x, y) == pytest.approx(-np.mean((found - y) ** 2), rel=1e-5)


class TestSearch:
    @staticmethod
    def build(units=2):
        from keras.layers import Dense
        from keras.models import Sequential

        model = Sequential([Dense(units, activation="relu", input_dim=2), Dense(1, activation="sigmoid")])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model

    def test_what_scikit_learn_asks_about_an_estimator(self, monkeypatch):
        from keras.wrappers import scikit_learn

        kinds = ("ClassifierTags", "RegressorTags", "Tags", "TargetTags")
        asked = SimpleNamespace(**{kind: lambda kind=kind, **kwargs: (kind, kwargs) for kind in kinds})
        monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace(utils=asked))
        monkeypatch.setitem(sys.modules, "sklearn.utils", asked)
        _, tags = scikit_learn.KerasClassifier(self.build).__sklearn_tags__()
        assert tags["estimator_type"] == "classifier"
        assert tags["classifier_tags"] == ("ClassifierTags", {})
        assert tags["regressor_tags"] is None
        assert scikit_learn.KerasRegressor(self.build).__sklearn_tags__()[1]["estimator_type"] == "regressor"
        assert not scikit_learn.KerasRegressor(self.build).__sklearn_is_fitted__()

    @pytest.mark.nightly  # the import alone takes two seconds
    def test_a_grid_search(self):
        search = pytest.importorskip("sklearn.model_selection")
        from keras.wrappers.scikit_learn import KerasClassifier

        x, y = np.array([[0, 0], [1, 1]] * 8, "float32"), np.array([0, 1] * 8)
        grid = search.GridSearchCV(KerasClassifier(self.build, verbose=0), {"units": [1, 2], "epochs": [1]}, cv=2)
        found = grid.fit(x, y)
        assert found.best_params_["units"] in (1, 2)
        assert found.predict(x).shape[0] == 16


def test_generators_of_pictures_train_a_model():
    from keras.layers import Convolution2D, Dense, Flatten
    from keras.models import Sequential
    from keras.preprocessing.image import ImageDataGenerator

    model = Sequential([Convolution2D(2, 3, 3, input_shape=(4, 4, 1)), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    generator = ImageDataGenerator(horizontal_flip=True, rescale=0.5)
    flow = generator.flow(np.ones((6, 4, 4, 1)), np.ones(6), batch_size=4)
    assert len(model.fit_generator(flow, steps_per_epoch=3, epochs=2, verbose=0).history["loss"]) == 2
    assert len(model.predict_generator(generator.flow(np.ones((6, 4, 4, 1)), batch_size=4, shuffle=False))) == 6
