"""Names, keywords and methods of older versions in the zero-change mode, one row after the other."""

import importlib

import numpy as np
import pytest

from torchkeras_shim import compat
from torchkeras_shim.compat.legacy import grafts

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]

# An old name, and the name of today that it is.
NAMES = [
    ("losses.mse", "losses.mean_squared_error"),
    ("losses.KLD", "losses.kl_divergence"),
    ("losses.kullback_leibler_divergence", "losses.kl_divergence"),
    ("losses.cosine_proximity", "losses.cosine_similarity"),
    ("losses.cosine", "losses.cosine_similarity"),
    ("losses.CosineProximity", "losses.CosineSimilarity"),
    ("losses.logcosh", "losses.log_cosh"),
    ("metrics.mse", "losses.mean_squared_error"),
    ("metrics.CosineProximity", "metrics.CosineSimilarity"),
    ("objectives.mean_squared_error", "losses.mean_squared_error"),
    ("objectives.mse", "losses.mean_squared_error"),
    ("initializers.normal", "initializers.RandomNormal"),
    ("initializers.uniform", "initializers.RandomUniform"),
    ("initializers.zero", "initializers.Zeros"),
    ("initializers.one", "initializers.Ones"),
    ("constraints.maxnorm", "constraints.MaxNorm"),
    ("constraints.nonneg", "constraints.NonNeg"),
    ("constraints.unitnorm", "constraints.UnitNorm"),
    ("regularizers.l1l2", "regularizers.L1L2"),
    ("regularizers.activity_l2", "regularizers.L2"),
    ("engine.topology.Container", "models.Model"),
    ("engine.topology.get_source_inputs", "utils.get_source_inputs"),
    ("engine.saving.load_model", "models.load_model"),
    ("engine.keras_tensor.KerasTensor", "KerasTensor"),
    ("optimizer_v2.gradient_descent.SGD", "optimizers.SGD"),
    ("mixed_precision.experimental.set_policy", "mixed_precision.set_global_policy"),
    ("layers.normalization.batch_normalization.BatchNormalization", "layers.BatchNormalization"),
    ("layers.preprocessing.image_preprocessing.RandomFlip", "layers.RandomFlip"),
    ("utils.vis_utils.plot_model", "utils.plot_model"),
    ("utils.visualize_util.plot", "utils.plot_model"),
]


def at(path, root="keras"):
    module, _, name = f"{root}.{path}".rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("old", "new"), NAMES)
def test_a_name_is_that_of_today(old, new):
    assert at(old) is at(old, "tensorflow.keras") is at(new)


@pytest.mark.parametrize("name", ["losses.mse", "metrics.kld", "optimizers.Adam", "initializers.uniform"])
def test_tensorflow_has_its_own_names_for_the_modules(name):
    import tensorflow as tf

    value = tf
    for part in name.split("."):
        value = getattr(value, part)
    assert value is at(name) is at(name, "tensorflow.compat.v2.keras") is at(name, "tensorflow.compat.v1.keras")


GONE = [
    ("models.model_from_yaml", "model_from_json"),
    ("models.Graph", r"keras\.Model\(inputs, outputs\)"),
    ("utils.multi_gpu_model", "torchrun"),
    ("utils.training_utils.multi_gpu_model", "torchrun"),
    ("utils.HDF5Matrix", r"h5py\.File"),
    ("utils.io_utils.HDF5Matrix", r"h5py\.File"),
    ("utils.SidecarEvaluator", "validation_data="),
    ("utils.experimental.DatasetCreator", "data set itself"),
    ("utils.data_utils.GeneratorEnqueuer", "PyDataset"),
    ("utils.layer_utils.print_summary", r"model\.summary"),
    ("estimator.model_to_estimator", r"model\.fit"),
    ("premade.LinearModel", "Dense"),
    ("experimental.WideDeepModel", "functional model"),
    ("dtensor.experimental", "torchrun"),
    ("layers.DenseFeatures", "FeatureSpace"),
    ("layers.recurrent.Recurrent", "RNN"),
    ("layers.containers.Sequential", r"keras\.models"),
    ("metrics.fbeta_score", "FBetaScore"),
    ("legacy.interfaces", "old keywords"),
]


@pytest.mark.parametrize(("path", "advice"), GONE)
@pytest.mark.parametrize("root", ["keras", "tensorflow.keras"])
def test_what_is_gone_says_what_to_write(root, path, advice):
    with pytest.raises((AttributeError, ImportError), match=advice):
        at(path, root)


@pytest.mark.parametrize(
    ("loss", "today"),
    [
        ("cosine_proximity", "cosine_similarity"),
        ("kullback_leibler_divergence", "kl_divergence"),
        ("logcosh", "log_cosh"),
    ],
)
def test_strings_of_losses_and_metrics(loss, today):
    from keras import layers, models

    x, y = np.ones((4, 2), "float32"), np.full((4, 2), 0.5, "float32")
    found = []
    for name, metric in ((loss, loss), (today, {"log_cosh": "log_cosh_error"}.get(today, today))):
        model = models.Sequential([layers.Dense(2, activation="softmax", kernel_initializer="ones", input_dim=2)])
        model.compile("sgd", name, metrics=[metric])
        found.append(model.evaluate(x, y, verbose=0))
    assert found[0] == found[1]


def test_the_metric_of_the_cosine_grows():
    from keras import metrics

    assert float(metrics.cosine_proximity(np.array([[1.0, 2.0]]), np.array([[2.0, 1.0]]))[0]) == pytest.approx(0.8)


def test_reductions():
    from tensorflow import keras

    from torchkeras_shim import losses

    kind = keras.losses.Reduction
    assert (kind.AUTO, kind.NONE, kind.SUM) == ("sum_over_batch_size", "none", "sum")
    assert keras.losses.MeanSquaredError(reduction=kind.NONE)([[1.0], [3.0]], [[2.0], [1.0]]).tolist() == [1.0, 4.0]
    assert keras.losses.MeanSquaredError is losses.MeanSquaredError
    kind.validate(kind.SUM)
    assert kind.NONE in kind.all()
    with pytest.raises(ValueError, match="mean"):
        kind.validate("mean")


def test_constraints_and_regularizers_of_layers():
    from keras import constraints, layers, regularizers

    layer = layers.Dense(
        2, W_constraint="maxnorm", b_constraint=constraints.maxnorm(m=3), W_regularizer=regularizers.l2(l=0.25)
    )
    assert layer.kernel_constraint.get_config() == {"max_value": 2, "axis": 0}
    assert layer.bias_constraint.max_value == 3
    assert float(layer.kernel_regularizer([1.0, 1.0])) == 0.5
    assert layers.Dense(2, b_constraint="nonneg").bias_constraint.get_config() == {}
    for old in (
        regularizers.WeightRegularizer(l1=0.5),
        regularizers.ActivityRegularizer(0.5),
        regularizers.activity_l1l2(0.5, 0),
    ):
        assert type(old) is regularizers.L1L2
        assert float(old([1.0])) == 0.5


def test_models_by_input_and_output():
    from keras.layers import Dense, Input
    from keras.models import Model

    x = Input((3,))
    y = Dense(2)(x)
    assert Model(input=x, output=y, name="m").output_shape == (None, 2)
    assert Model(input=[x], output=[y]).count_params() == 8

    class Own(Model):
        def __init__(self):
            super().__init__(input=x, output=y)

    assert Own().output_shape == (None, 2)
    with pytest.raises(TypeError, match="`inputs` is missing"):
        Model(inputt=x, outputs=y)


SHAPES = [
    ("LSTM(2, input_dim=3, input_length=4)", (None, 4, 3)),
    ("GRU(2, input_dim=3)", (None, None, 3)),
    ("Conv1D(2, 2, input_length=4, input_dim=3)", (None, 4, 3)),
    ("LSTM(2, batch_size=5, input_shape=(4, 3), stateful=True)", (5, 4, 3)),
    ("Dense(2, input_dim=3)", (None, 3)),
    ("Flatten(batch_size=2, input_shape=(4, 3))", (2, 4, 3)),
]


@pytest.mark.parametrize(("source", "shape"), SHAPES)
def test_the_shape_of_a_first_layer(source, shape):
    from keras import layers, models

    assert (
        models.Sequential(
            [eval(source, vars(layers) | {name: getattr(layers, name) for name in layers.__all__})]
        ).input_shape
        == shape
    )


def test_weights_by_name_first():
    from keras import backend as K
    from keras.engine.topology import Layer

    class Old(Layer):
        def build(self, input_shape):
            self.a = self.add_weight("a", (2, 3), "float32", "ones")
            self.b = self.add_weight("b", shape=[3], initializer="zeros", trainable=False)
            self.c = self.add_weight((2,), "ones", "c")
            self.d = self.add_variable("d", [1], initializer="ones")
            self.e = self.add_weight((2,), "ones", "float64")  # as today
            super().build(input_shape)

        def call(self, x):
            self.add_loss(K.sum(x), inputs=x)
            return K.dot(x, self.a) + self.b

    layer = Old()
    assert layer(np.ones((1, 2), "float32")).tolist() == [[2, 2, 2]]
    assert [weight.name for weight in layer.weights[:3]] == ["a", "c", "d"]
    assert [tuple(weight.shape) for weight in layer.weights] == [(2, 3), (2,), (1,), (2,), (3,)]
    assert not layer.b.trainable
    assert layer.e.dtype == "float64" or str(layer.e.dtype) == "torch.float64"
    assert float(layer.losses[0]) == 2.0


class TestDecay:
    @pytest.fixture
    def model(self):
        from keras.layers import Dense
        from keras.models import Sequential
        from keras.optimizers import SGD

        model = Sequential([Dense(1, kernel_initializer="zeros", use_bias=False, input_dim=1)])
        model.compile(SGD(lr=1.0, decay=0.5), lambda y, p: -p)  # each step adds the rate
        return model

    def steps(self, model, count):
        found = []
        for _ in range(count):
            before = model.get_weights()[0].item()
            model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
            found.append(model.get_weights()[0].item() - before)
        return found

    def test_the_rate_can_be_set(self, model):
        from keras import backend as K

        assert self.steps(model, 2) == pytest.approx([1.0, 1 / 1.5])
        K.set_value(model.optimizer.lr, 0.5)
        assert self.steps(model, 2) == pytest.approx([0.5 / 2, 0.5 / 2.5])
        model.optimizer.lr = 2.0
        assert K.get_value(model.optimizer.learning_rate) == 2.0
        assert self.steps(model, 1) == pytest.approx([2.0 / 3])
        assert (K.get_value(model.optimizer.decay), K.get_value(model.optimizer.iterations)) == (0.5, 5)

    def test_callbacks_set_it(self, model):
        from keras.callbacks import LearningRateScheduler, ReduceLROnPlateau

        x = np.ones((2, 1))
        plateau = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, epsilon=1e9)
        history = model.fit(x, x, epochs=3, batch_size=2, verbose=0, callbacks=[plateau]).history
        assert history["lr"] == [1.0, 1.0, 0.5]
        assert float(model.optimizer.lr) == 0.25
        model.fit(x, x, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, lr: lr * 2)])
        assert float(model.optimizer.lr) == 0.5

    def test_files_keep_it(self, model, tmp_path):
        from keras import losses, models

        model.compile(model.optimizer, losses.mean_absolute_error)
        self.steps(model, 2)
        model.optimizer.lr = 4.0
        for name in ("m.keras", "m.h5"):
            model.save(tmp_path / name)
            found = models.load_model(tmp_path / name)
            assert (float(found.optimizer.lr), found.optimizer.decay) == (4.0, 0.5)
            assert int(found.optimizer.iterations) == 2
            found.optimizer.lr = 1.0
            assert float(found.optimizer.lr) == 1.0

    def test_another_schedule_takes_its_place(self, model):
        from keras.optimizers import schedules

        model.optimizer.learning_rate = schedules.ExponentialDecay(0.5, 10, 0.5)
        assert model.optimizer.decay == 0.0
        assert self.steps(model, 1) == [0.5]
        with pytest.raises(TypeError, match="not settable"):
            model.optimizer.lr = 1.0

    def test_a_schedule_of_today_is_not_settable(self):
        from keras.optimizers import SGD, schedules

        optimizer = SGD(schedules.InverseTimeDecay(1.0, 1, 0.5))
        with pytest.raises(TypeError, match="Leave `decay` out"):
            SGD(schedules.InverseTimeDecay(1.0, 1, 0.5), decay=0.1)
        with pytest.raises(TypeError, match="not settable"):
            optimizer.learning_rate = 0.5


def test_the_state_of_an_optimizer():
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(1, input_dim=2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((1, 2)), np.ones((1, 1)))
    state = model.optimizer.get_weights()
    assert sorted(value.shape for value in state) == [(), (1,), (1,), (2, 1), (2, 1)]
    assert int(state[0]) == 1
    model.train_on_batch(np.ones((1, 2)), np.ones((1, 1)))
    model.optimizer.set_weights(state)
    assert int(model.optimizer.iterations) == 1
    for ours, given in zip(model.optimizer.get_weights(), state, strict=True):
        np.testing.assert_array_equal(ours, given)
    assert float(model.optimizer.lr) == pytest.approx(0.001)
    with pytest.raises(TypeError, match="to_json"):
        model.to_yaml()


def test_keywords_of_training():
    from keras.callbacks import ProgbarLogger, TensorBoard
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse", sample_weight_mode=None, target_tensors=None)
    with pytest.raises(TypeError, match="Give `fit` the targets"):
        model.compile("sgd", "mse", target_tensors=[np.ones(2)])
    x = np.ones((4, 2), "float32")
    history = model.fit(x, x[:, :1], nb_epoch=2, verbose=0, callbacks=[ProgbarLogger("samples")])
    assert len(history.history["loss"]) == 2
    board = TensorBoard("logs", write_grads=True, batch_size=32, embeddings_layer_names=None, embeddings_data=None)
    assert board.log_dir == "logs"


def test_words_of_a_data_set(monkeypatch):
    from keras.datasets import imdb

    from torchkeras_shim.datasets import npz, store

    rows = np.empty(2, object)
    rows[:] = [[1, 9], [5]]
    found = {"x_train": rows, "y_train": np.arange(2), "x_test": rows, "y_test": np.arange(2)}
    monkeypatch.setattr(store, "fetch", lambda *args: "")
    monkeypatch.setattr(npz, "read", lambda path: found)
    (x, _), _ = imdb.load_data(nb_words=10)
    assert sorted(map(list, x)) == sorted(map(list, imdb.load_data(num_words=10)[0][0])) == [[1, 4, 2], [1, 8]]


def test_metrics_and_recurrent_layers_start_over():
    from keras.layers import LSTM, InputLayer
    from keras.metrics import Mean
    from keras.models import Sequential

    mean = Mean()
    mean.update_state(3.0)
    mean.reset_states()
    assert float(mean.result()) == 0.0
    model = Sequential([InputLayer(batch_input_shape=(1, 2, 3)), LSTM(2, stateful=True)])
    x = np.ones((1, 2, 3), "float32")
    first = model.predict(x, verbose=0)
    assert not np.allclose(model.predict(x, verbose=0), first)
    model.reset_states()
    np.testing.assert_allclose(model.predict(x, verbose=0), first, rtol=1e-6)
    model.layers[-1].reset_states()
    np.testing.assert_allclose(model.predict(x, verbose=0), first, rtol=1e-6)


RETIRED = [
    ("Highway(activation='tanh', W_regularizer='l2', bias=False)", (3,)),
    ("MaxoutDense(output_dim=2, nb_feature=3, init='uniform')", (3,)),
    ("SReLU(shared_axes=[1])", (4, 3)),
    ("ParametricSoftplus(alpha_init=0.5)", (3,)),
    ("LocallyConnected1D(4, 3, init='uniform', border_mode='valid')", (6, 2)),
    ("LocallyConnected1D(nb_filter=4, filter_length=3, subsample_length=2)", (6, 2)),
    ("LocallyConnected2D(4, (3, 3), strides=(2, 2))", (6, 5, 2)),
    ("LocallyConnected2D(nb_filter=4, nb_row=3, nb_col=2, dim_ordering='th')", (2, 6, 5)),
]


@pytest.mark.parametrize(("source", "shape"), RETIRED)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_layers_that_are_gone(source, shape, ending, tmp_path):
    from keras import layers
    from keras.models import Sequential, load_model, model_from_json

    layer = eval(source, {name: getattr(layers, name) for name in layers.__all__})
    model = Sequential([layers.InputLayer(shape), layer])
    model.compile("sgd", "mse")
    x = np.random.rand(4, *shape).astype("float32")
    before = model.predict(x, verbose=0)
    model.save(tmp_path / f"m{ending}")
    np.testing.assert_allclose(load_model(tmp_path / f"m{ending}").predict(x, verbose=0), before, rtol=1e-6)
    assert model_from_json(model.to_json()).output_shape == model.output_shape == (None, *before.shape[1:])
    weights = model.get_weights()
    model.fit(x, before * 0, verbose=0)
    assert any((old != new).any() for old, new in zip(weights, model.get_weights(), strict=True))


def test_places_are_one_size_and_one_way():
    from keras.layers import LocallyConnected1D, LocallyConnected2D

    with pytest.raises(ValueError, match="ZeroPadding2D"):
        LocallyConnected2D(4, (3, 3), padding="same")
    with pytest.raises(ValueError, match="implementation=1"):
        LocallyConnected1D(4, 3, implementation=2)
    with pytest.raises(ValueError, match="smaller `kernel_size`"):
        LocallyConnected2D(4, (9, 9)).build((None, 4, 4, 1))


def test_a_merge_in_front_of_a_stack(tmp_path):
    from keras.layers import Dense, Input, Merge
    from keras.models import Model, Sequential, load_model

    def branch(width):
        return Sequential([Dense(2, input_dim=width)])

    model = Sequential()
    model.add(Merge([branch(3), branch(4)], mode="concat", concat_axis=1))
    model.add(Dense(1, name="last"))
    model.compile("sgd", "mse")
    x = [np.ones((4, 3), "float32"), np.ones((4, 4), "float32")]
    assert len(model.fit(x, np.ones((4, 1)), nb_epoch=2, verbose=0).history["loss"]) == 2
    (w1, b1, w2, b2, w, b) = model.get_weights()
    expected = np.concatenate([x[0] @ w1 + b1, x[1] @ w2 + b2], 1) @ w + b
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    assert model.layers[-1].name == "last"
    model.save(tmp_path / "m.keras")
    np.testing.assert_allclose(load_model(tmp_path / "m.keras").predict(x, verbose=0), expected, rtol=1e-5)

    twice = Sequential([Merge([model, branch(5)], mode="mul"), Dense(3)])
    assert twice.output_shape == (None, 3)
    assert [tensor.shape for tensor in twice.inputs] == [(None, 3), (None, 4), (None, 5)]
    a, b = Input((3,)), Input((3,))
    assert Model([a, b], Merge(mode="sum")([a, b])).output_shape == (None, 3)
    with pytest.raises(ValueError, match="'dif'"):
        Merge([branch(3), branch(3)], mode="dif")


@pytest.mark.parametrize(("mode", "value"), [("sum", 8), ("mul", 12), ("ave", 4), ("max", 6), ("dot", 36), ("cos", 1)])
def test_ways_to_merge(mode, value):
    from keras.layers import merge

    a, b = np.full((1, 3), 2, "float32"), np.full((1, 3), 6, "float32")
    found = merge([a, b], mode=mode, dot_axes=1)
    assert found.shape == {"dot": (1, 1), "cos": (1, 1, 1)}.get(mode, (1, 3))
    np.testing.assert_allclose(found, value, rtol=1e-6)


def test_losses_and_metrics_in_a_call_and_of_a_model(tmp_path):
    from keras import backend as K
    from keras.layers import Dense, Input, Layer
    from keras.models import Model, load_model

    class Sized(Layer):
        def call(self, x):
            self.add_loss(K.mean(x), inputs=x)
            self.add_metric(K.mean(x), name="size", aggregation="mean")
            return x

    x = Input((3,))
    hidden = Sized()(Dense(2, kernel_initializer="ones")(x))
    model = Model(x, hidden)
    model.compile("sgd")
    data = np.ones((8, 3), "float32")
    history = model.fit(data, epochs=2, verbose=0, batch_size=8).history
    assert history["size"] == history["loss"] == pytest.approx([3.0, 3.0 - 0.01 * 2.0])

    model = Model(x, Dense(1, name="last")(hidden))
    model.add_loss([K.sum(K.square(hidden)), lambda: 0.0])
    model.add_metric(hidden, name="hidden")
    model.compile("sgd", "mse")
    values = model.evaluate(data, np.ones((8, 1)), verbose=0, return_dict=True)
    assert set(values) == {"loss", "hidden", "size"}
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", custom_objects={"Sized": Sized})
    found = again.evaluate(data, np.ones((8, 1)), verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(values["loss"])
    with pytest.raises(ValueError, match="provide a name"):
        model.add_metric(hidden)
    with pytest.raises(ValueError, match="aggregation=`sum`"):
        model.add_metric(hidden, name="b", aggregation="sum")
    with pytest.raises(ValueError, match="functional model"):
        Dense(2).add_loss(K.sum(hidden))
    two = Model(x, [Dense(1, name="a")(x), Dense(1, name="b")(x)])
    two.add_loss(K.sum(x) * 0 + 2.0)
    two.compile("sgd", "mse")
    values = two.evaluate(data, [data[:, :1]] * 2, verbose=0, return_dict=True)
    assert values["loss"] == pytest.approx(2.0 + sum(value for name, value in values.items() if name != "loss"))


def test_shapes_and_tensors_of_layers():
    from keras.layers import Dense, Input, Layer, add
    from keras.models import Sequential

    shared, a, b = Dense(2), Input((3,)), Input((3,))
    first, second = shared(a), shared(b)
    assert (shared.input_shape, shared.output_shape) == ((None, 3), (None, 2))
    assert shared.get_output_at(1) is second
    assert shared.get_input_at(0) is a
    assert shared.get_output_shape_at(0) == (None, 2)
    assert shared.get_input_shape_at(1) == (None, 3)
    with pytest.raises(ValueError, match="only 2 inbound nodes"):
        shared.get_output_at(2)
    assert add([first, second])._keras_history.operation.input_shape == [(None, 2), (None, 2)]
    model = Sequential([Dense(4, input_dim=3)])
    assert (model.layers[0].input_shape, model.layers[-1].output_shape) == ((None, 3), (None, 4))

    class Own(Layer):
        def __init__(self):
            super().__init__()
            self.output_shape = "mine"

    assert Own().output_shape == "mine"


def test_a_layer_of_keras_1():
    from keras import backend as K
    from keras import initializations
    from keras.engine.topology import Layer
    from keras.models import Sequential

    class Old(Layer):
        def __init__(self, output_dim, init="glorot_uniform", **kwargs):
            self.output_dim = output_dim
            self.init = initializations.get(init)
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.W = self.init((input_shape[1], self.output_dim), name=f"{self.name}_W")
            self.b = K.zeros((self.output_dim,), name=f"{self.name}_b")
            self.g = self.add_weight((self.output_dim,), initializer=initializations.get("one"), name="g")
            self.trainable_weights = [self.W, self.b, self.g]
            self.built = True

        def call(self, x, mask=None):
            return (K.dot(x, self.W) + self.b) * self.g

        def get_output_shape_for(self, input_shape):
            return input_shape[0], self.output_dim

    model = Sequential([Old(2, input_shape=(3,)), Old(2, init="normal")])
    assert [tuple(weight.shape) for weight in model.trainable_weights] == [(3, 2), (2,), (2,), (2, 2), (2,), (2,)]
    assert model.layers[1].init.__name__ == "normal"
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), nb_epoch=1, verbose=0)
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
    assert float(abs(initializations.normal((50, 50), scale=0.5)).mean()) == pytest.approx(0.4, rel=0.1)
    uniform = initializations.uniform((50, 50), scale=3.0)
    assert -3 < float(uniform.min()) < -2.5 < 2.5 < float(uniform.max()) < 3
    with pytest.raises(ValueError, match="trainable_weights"):
        model.layers[0].trainable_weights = [np.ones(3)]


def test_inputs_by_a_type_are_refused():
    import keras
    from keras.layers import Input

    assert Input is keras.Input
    assert Input((3,), type_spec=None).shape == (None, 3)
    with pytest.raises(TypeError, match=r"type_spec=\.\.\.\) is not supported. Write `shape` and `dtype`"):
        Input(type_spec=object())


def test_uninstalling_leaves_nothing_behind():
    import keras

    assert keras.layers.Dense  # the first name that is looked up changes the classes
    changed = [(owner, name, value) for owner, name, value in grafts._before]
    first = {}
    for owner, name, value in changed:
        first.setdefault((id(owner), name), (owner, name, value))
    assert len(first) > 100
    compat.uninstall()
    for owner, name, value in first.values():
        assert vars(owner).get(name, grafts._MISSING) is value, (owner, name)


@pytest.mark.parametrize(("monitor", "epochs"), [("val_acc", 3), ("acc", 3), ("size", 6), ("loss", 6)])
def test_what_is_monitored_without_a_mode(monitor, epochs):
    from keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
    from keras.layers import Dense
    from keras.models import Sequential

    def size(y_true, y_pred):
        return y_pred[:, 0] * 0 + next(sizes)

    sizes = iter(np.arange(100.0, 0.0, -1.0).tolist())
    model = Sequential([Dense(2, input_dim=2, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["accuracy"])
    x = np.ones((4, 2), "float32")
    stop = EarlyStopping(monitor=monitor, patience=2)
    if monitor == "size":
        model.compile("sgd", "mse", metrics=[size], run_eagerly=True)
    saver = ModelCheckpoint("unused.h5", monitor=monitor)
    model.fit(x, x, validation_data=(x, x), epochs=6, batch_size=4, verbose=0, callbacks=[stop])
    assert (stop.stopped_epoch or 5) + 1 == epochs  # the accuracy stays, size and loss fall
    saver.set_model(model)
    assert saver._find_direction()(2, 1) == (epochs == 3)
    assert ReduceLROnPlateau(monitor=monitor).monitor == monitor


@pytest.mark.parametrize("source", ["BatchNormalization(mode=1)", "Convolution2D(3, 3, 3, border_mode='full')"])
def test_what_layers_cannot_do_any_more(source):
    from keras import layers

    with pytest.raises(ValueError, match="has no counterpart today"):
        eval(source, {name: getattr(layers, name) for name in layers.__all__})
