"""Functions of `keras.backend` of Keras 2 on symbolic tensors: gradients, functions, updates, phases."""

import importlib

import numpy as np
import pytest
import torch

pytestmark = [
    pytest.mark.usefixtures("installed"),
    pytest.mark.filterwarnings("ignore:.*old spelling.*:DeprecationWarning"),
]
X = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, 2.0]], "float32")


@pytest.fixture
def K(installed):
    found = importlib.import_module("keras.backend")
    yield found
    found.clear_session(free_memory=False)


@pytest.fixture
def keras(installed):
    return importlib.import_module("keras")


@pytest.fixture
def model(keras):
    x = keras.Input((3,))
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(x)
    return keras.Model(x, keras.layers.Dense(2, name="out")(hidden))


def _layers(model):
    return model.get_layer("hidden"), model.get_layer("out")


def test_gradients_of_inputs_inner_tensors_and_weights(K, model):
    first, second = _layers(model)
    loss = K.sum(K.square(model.output))
    wanted = [model.input, first.output, first.kernel, second.bias]
    found = K.function([model.input], [loss, *K.gradients(loss, wanted)])([X])

    x = torch.tensor(X, requires_grad=True)
    hidden = first(x)
    total = second(hidden).square().sum()
    expected = torch.autograd.grad(total, [x, hidden, first.kernel, second.bias])
    np.testing.assert_allclose(found[0], total.detach(), rtol=1e-5)
    for ours, theirs in zip(found[1:], expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_gradients_go_on_into_other_functions_and_gradients(K, keras, model):
    gradient = K.gradients(K.sum(model.output**2), model.input)[0]
    assert gradient.shape == (None, 3)
    scaled = gradient / (K.sqrt(K.mean(K.square(gradient))) + 1e-5)
    second = K.gradients(K.sum(K.square(gradient)), model.input)[0]
    scaled, second = K.function([model.input], [scaled, second])([X])

    x = torch.tensor(X, requires_grad=True)
    (first,) = torch.autograd.grad((model(x) ** 2).sum(), x, create_graph=True)
    (expected,) = torch.autograd.grad(first.square().sum(), x)
    np.testing.assert_allclose(second, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scaled, (first / first.square().mean().sqrt()).detach(), rtol=1e-3)
    np.testing.assert_allclose(keras.Model(model.input, gradient).predict(X, verbose=0), first.detach(), rtol=1e-4)


def test_gradients_train_through(K, keras):
    x = keras.Input((3,))
    score = keras.layers.Dense(1, use_bias=False)(x)
    slope = K.gradients(score, x)[0]
    trained = keras.Model(x, slope)
    trained.compile("sgd", "mse")
    before = trained.evaluate(X, np.ones((2, 3)), verbose=0)
    trained.fit(X, np.ones((2, 3)), epochs=20, verbose=0)
    assert trained.evaluate(X, np.ones((2, 3)), verbose=0) < before / 1.2


def test_what_has_no_gradient_is_none(K, keras, model):
    other, unused = keras.Input((3,)), K.variable(1.0)
    assert K.gradients(model.output, [other, unused]) == [None, None]
    found = K.gradients([K.sum(model.output), K.sum(model.input)], [unused, model.input])
    assert found[0] is None
    assert found[1].shape == (None, 3)


def test_gradients_of_values(K):
    v = K.variable([1.0, 2.0])
    (found,) = K.gradients(K.sum(v * v * v), v)
    np.testing.assert_allclose(K.eval(found), [3.0, 12.0])
    with pytest.raises(TypeError, match="GradientTape"):
        K.gradients(K.sum(v), K.placeholder((2,)))
    with pytest.raises(ValueError, match="does not come from variables"):
        K.gradients(K.constant([1.0]), v)


def test_a_variable_of_a_placeholder(K):
    image = K.placeholder((1, 2, 2))
    style = K.constant(np.ones((1, 2, 2)))
    weight = K.variable(2.0)
    loss = weight * K.sum(K.square(K.concatenate([image, style], axis=0)[0] - 3.0))
    gradient, of_weight = K.gradients(loss, [image, weight])
    found = K.function([image], [loss, gradient, of_weight])([np.zeros((1, 2, 2))])
    np.testing.assert_allclose(found[0], 72.0)
    np.testing.assert_allclose(found[1], np.full((1, 2, 2), -12.0))
    np.testing.assert_allclose(found[2], 36.0)


def test_a_function_changes_variables(K, keras, model):
    target, seen = K.placeholder((None, 2)), K.variable(0.0)
    loss = K.mean(K.square(model.output - target))
    weights = model.trainable_weights
    updates = keras.optimizers.SGD(0.1).get_updates(params=weights, loss=loss)
    step = K.function([model.input, target], [loss], updates=[*updates, K.update_add(seen, loss)])
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile(keras.optimizers.SGD(0.1), "mse")
    losses = [float(step([X, np.ones((2, 2))])[0]) for _ in range(3)]
    expected = [float(twin.train_on_batch(X, np.ones((2, 2)))) for _ in range(3)]
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    np.testing.assert_allclose(K.get_value(seen), sum(losses), rtol=1e-5)
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("order", [("params", "constraints", "loss"), ("loss", "params"), ("params", "loss")])
def test_get_updates_in_the_orders_it_had(K, keras, model, order):
    given = {"params": model.trainable_weights, "constraints": [], "loss": K.sum(model.output)}
    updates = keras.optimizers.SGD(0.5).get_updates(*(given[name] for name in order))
    before = model.get_layer("out").get_weights()[1]
    K.function([model.input], [], updates=updates)([X])
    np.testing.assert_allclose(model.get_layer("out").get_weights()[1], before - 1.0, rtol=1e-5)


def test_updates_that_would_do_nothing_are_refused(K, model):
    seen = K.variable(0.0)
    with pytest.raises(ValueError, match="one value"):
        K.function([model.input], [model.output], updates=[(seen, seen + 1)])
    with pytest.raises(ValueError, match="session"):
        K.function([model.input], [model.output], options=None)
    with pytest.raises(ValueError, match="list of 1 arrays"):
        K.function([model.input], [model.output])([X, X])


def test_the_mode_of_a_function(K, keras):
    x = keras.Input((200,))
    dropped = keras.Model(x, keras.layers.Dropout(0.5)(x))
    function = K.function([x, K.learning_phase()], [dropped.output])
    ones = np.ones((1, 200), "float32")
    assert (function([ones, 0])[0] == 1).all()
    assert 50 < (function([ones, 1])[0] == 0).sum() < 150
    plain = K.function([x], dropped.output)
    assert (plain([ones]) == 1).all()
    with K.learning_phase_scope(1):
        assert (plain([ones]) == 0).any()
    K.set_learning_phase(1)
    assert K.learning_phase() == 1
    assert (plain([ones]) == 0).any()
    with pytest.raises(ValueError, match="0 or 1"):
        K.set_learning_phase(2)


def test_the_phase_inside_of_a_layer(K, keras):
    class Noise(keras.layers.Layer):
        def call(self, x):
            return K.in_train_phase(x + 100.0, lambda: x)

    model = keras.Sequential([Noise(), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    model.build((None, 1))
    zeros = np.zeros((2, 1))
    assert model.predict(zeros, verbose=0).sum() == 0.0
    assert model.evaluate(zeros, zeros, verbose=0)[0] == 0.0
    assert model.train_on_batch(zeros, zeros)[0] == 10_000.0
    assert K.learning_phase() == 0


def test_shapes_that_are_known_when_a_model_runs(K, keras):
    x = keras.Input((3,))
    noise = K.random_normal(shape=(K.shape(x)[0], 2), mean=5.0, stddev=0.0)
    assert noise.shape == (None, 2)
    again = K.tile(K.reshape(x, (K.shape(x)[0], 1, -1)), [1, K.shape(x)[0], 1])
    found = K.function([x], [noise, again, K.zeros((K.shape(x)[0], 4)), K.shape(x)[0] * 2])([X])
    assert [one.shape for one in found] == [(2, 2), (2, 2, 3), (2, 4), ()]
    assert (found[0] == 5.0).all()
    assert found[3] == 4
    with pytest.raises(TypeError, match="Lambda"):
        K.zeros((K.shape(x)[0] * 2, 4))


def test_loops_of_symbolic_tensors(K, keras):
    x = keras.Input((4, 3))
    last, outputs, states = K.rnn(lambda i, s: (s[0] + i, [s[0] + i]), x, [K.zeros_like(x[:, 0])])
    picked = K.switch(K.greater(K.sum(x), 0.0), last, -last)
    doubled = K.map_fn(lambda row: row * 2, x)
    values = np.arange(24, dtype="float32").reshape(2, 4, 3) - 30
    found = K.function([x], [last, outputs, states[0], picked, doubled])([values])
    np.testing.assert_array_equal(found[1], values.cumsum(1))
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[3], -values.sum(1))
    np.testing.assert_array_equal(found[4], values * 2)
    assert doubled.shape == (None, 4, 3)


def test_what_lies_between_layers(K, model):
    function = K.function([model.layers[0].input], [model.layers[1].output])
    np.testing.assert_allclose(function([X])[0], _layers(model)[0](torch.tensor(X)).detach(), rtol=1e-6)
    with pytest.raises(ValueError, match=r"K.function\(\[model.input\]"):
        K.eval(model.output)


def test_a_choice_between_numbers(K):
    assert K.eval(K.switch(True, K.constant(1.0), K.constant(2.0))) == 1.0
    assert K.eval(K.switch(K.constant(0.0), lambda: K.constant(1.0), lambda: K.constant(2.0))) == 2.0


@pytest.mark.parametrize(
    ("name", "args", "advice"),
    [
        ("get_session", (), "K.get_value"),
        ("set_session", (None,), "allow_growth"),
    ],
)
def test_sessions_are_refused(K, name, args, advice):
    with pytest.raises(RuntimeError, match=advice):
        getattr(K, name)(*args)


def test_random_numbers(K, keras):
    keras.utils.set_random_seed(0)
    normal = K.eval(K.random_normal((2000,), mean=3.0, stddev=0.5))
    uniform = K.eval(K.random_uniform((2000,), -1.0, 3.0))
    cut = K.eval(K.truncated_normal((2000,), mean=1.0, stddev=2.0))
    bits = K.eval(K.random_binomial((2000,), p=0.3))
    whole = K.eval(K.random_uniform((500,), 2, 5, dtype="int32"))
    np.testing.assert_allclose([normal.mean(), normal.std()], [3.0, 0.5], atol=0.05)
    np.testing.assert_allclose([uniform.min(), uniform.max(), uniform.mean()], [-1, 3, 1], atol=0.1)
    assert abs(cut - 1.0).max() <= 4.0
    assert set(bits) == {0.0, 1.0}
    np.testing.assert_allclose(bits.mean(), 0.3, atol=0.05)
    assert set(whole) == {2, 3, 4}
    assert str(normal.dtype) == str(bits.dtype) == "float32"
    np.testing.assert_array_equal(K.eval(K.random_normal((3,), seed=1)), K.eval(K.random_normal((3,), seed=1)))
    assert K.is_variable(K.random_normal_variable((2, 3), 0.0, 1.0))
    assert K.int_shape(K.random_uniform_variable((2, 3), 0.0, 1.0)) == (2, 3)
    assert 300 < (K.eval(K.dropout(K.ones((1000,)), 0.4)) == 0).sum() < 500


def test_small_questions(K, keras, capsys):
    assert K.placeholder(ndim=2).shape == (None, None)
    x = K.placeholder((None, 1))
    assert K.is_placeholder(x)
    assert not K.is_placeholder(x + 1)
    assert K.is_tensor(x)
    assert K.is_tensor(K.ones((1,)))
    assert not K.is_tensor([1])
    assert not K.is_variable(x)
    K.reset_uids()
    assert [K.get_uid("a"), K.get_uid("a")] == [1, 2]
    K.function([x], K.print_tensor(x, "see:"))([[[1.0]]])
    assert capsys.readouterr().out == "see: [[1.]]\n"
    assert K.image_dim_ordering() == "tf"
    K.set_image_dim_ordering("th")
    assert K.image_data_format() == "channels_first"
    K.set_image_dim_ordering("tf")
    with K.name_scope("here"):
        K.manual_variable_initialization(False)
    assert K.experimental.is_tf_random_generator_enabled()


class TestAddLoss:
    """The figures are those of `tf_keras` 2.21."""

    X = np.array([[1.0, 1.0], [2.0, 1.0]])

    def _model(self, keras):
        x = keras.Input((2,))
        return keras.Model(x, keras.layers.Dense(1, kernel_initializer="ones", name="out")(x))

    def test_beside_a_loss(self, K, keras):
        model = self._model(keras)
        model.add_loss(K.mean(K.square(model.output[:, 0])))
        model.add_metric(K.mean(model.output), name="size", aggregation="mean")
        model.compile("sgd", "mse")
        assert model.evaluate(self.X, np.zeros((2, 1)), verbose=0) == [13.0, 2.5]
        history = model.fit(self.X, np.zeros((2, 1)), batch_size=2, verbose=0).history
        assert history == {"loss": [13.0], "size": [2.5]}
        np.testing.assert_allclose(model.get_weights()[0].ravel(), [0.84, 0.9], rtol=1e-6)
        assert model.predict(self.X, verbose=0).shape == (2, 1)
        assert [layer.name for layer in model.layers][1:2] == ["out"]

    def test_of_several_values_the_mean_is_shown_and_the_sum_lowered(self, K, keras):
        model = self._model(keras)
        model.add_loss(K.square(model.output[:, 0]))
        model.compile("sgd")
        assert model.evaluate(self.X, verbose=0) == 6.5
        model.fit(self.X, batch_size=2, verbose=0)
        np.testing.assert_allclose(model.get_weights()[0].ravel(), [0.84, 0.9], rtol=1e-6)

    def test_outputs_keep_their_names(self, K, keras):
        x = keras.Input((2,))
        outputs = [keras.layers.Dense(1, kernel_initializer="ones", name=name)(x) for name in ("a", "b")]
        model = keras.Model(x, outputs)
        model.add_loss(K.mean(outputs[0]))
        model.add_metric(K.mean(outputs[0]), name="size")
        model.compile("sgd", loss={"a": "mse", "b": "mae"})
        zeros = np.zeros((2, 1))
        history = model.fit(self.X, {"a": zeros, "b": zeros}, verbose=0, batch_size=2).history
        assert history == {"loss": [11.5], "a_loss": [6.5], "b_loss": [2.5], "size": [2.5]}
        assert model.output_names == ["a", "b"]

    def test_inside_of_a_layer(self, K, keras):
        class Own(keras.layers.Layer):
            def call(self, x):
                self.add_loss([K.mean(x)], inputs=x)
                self.add_metric(K.max(x), name="largest")
                return x

        model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones"), Own()])
        model.compile("sgd", "mse")
        assert model.fit(self.X, np.zeros((2, 1)), batch_size=2, verbose=0).history == {"loss": [9.0], "largest": [3.0]}


def test_operators_do_not_change_tensors(K, keras):
    class Attention(keras.layers.Layer):
        def call(self, x, mask=None):
            a = K.exp(x)
            a *= K.cast(x > 0, K.floatx())
            a /= K.sum(a, axis=1, keepdims=True) + K.epsilon()
            return a

    model = keras.Sequential([keras.layers.Dense(3), Attention()])
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, X, verbose=0).history["loss"][0])
    assert K.constant([[1.0]]).get_shape().as_list() == [1, 1]
    assert K.tf.constant(1.0).numpy() == 1.0


def test_estimators_say_what_scikit_learn_asks(keras):
    pytest.importorskip("sklearn")
    base = importlib.import_module("sklearn.base")
    wrappers = importlib.import_module("keras.wrappers.scikit_learn")
    classifier = wrappers.KerasClassifier(lambda units=2: None, units=3, epochs=2)
    assert base.is_classifier(classifier)
    assert base.is_regressor(wrappers.KerasRegressor(lambda: None))
    assert base.clone(classifier).get_params()["units"] == 3


def test_predict_generator_takes_bare_inputs(keras):
    image = importlib.import_module("keras.preprocessing.image")
    pictures = np.arange(60.0).reshape(5, 2, 2, 3)
    model = keras.Sequential([keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    expected = model.predict(pictures, verbose=0)
    flow = image.ImageDataGenerator().flow(pictures, batch_size=2, shuffle=False)
    np.testing.assert_allclose(model.predict_generator(flow, steps=3), expected, rtol=1e-5)
    halves = (pictures[start : start + 3] for start in (0, 3))
    np.testing.assert_allclose(model.predict_generator(halves, steps=2), expected, rtol=1e-5)


class TestLossesOfSymbolicTensors:
    def _model(self, K, keras):
        x = keras.Input((3,))
        mean = keras.layers.Dense(2)(x)
        return mean, keras.Model(x, keras.layers.Dense(3)(mean))

    def test_their_shape_is_known(self, K, keras):
        mean, model = self._model(K, keras)

        def scaled(y_true, y_pred):
            return K.int_shape(mean)[1] * K.mean(K.square(y_true - y_pred), axis=-1)

        model.compile("sgd", loss=scaled)
        assert model.loss.__name__ == "scaled"
        np.testing.assert_allclose(
            model.evaluate(X, X, verbose=0), 2 * np.square(X - model.predict(X, verbose=0)).mean(), rtol=1e-5
        )
