"""`import tensorflow` in the zero-change mode: what scripts do with tensors, variables and numpy together."""

import importlib

import numpy as np
import pytest
import torch

from tests import warm
from torchkeras_shim import compat
from torchkeras_shim.compat.tf import grafts
from torchkeras_shim.core.variable import observers_of_writes


@pytest.fixture
def tf():
    compat.install()
    import tensorflow

    yield tensorflow
    compat.uninstall()


def test_torch_is_as_before_after_uninstall():
    before = dict(torch.Tensor.__dict__)
    compat.install()
    import tensorflow

    assert torch.Tensor.numpy is grafts._numpy
    assert tensorflow.ones(2).set_shape([2]) is None
    compat.uninstall()
    assert dict(torch.Tensor.__dict__) == before
    assert not hasattr(torch.Tensor, "set_shape")
    assert not hasattr(torch.Size([2]), "as_list")


def test_shapes_answer_to_the_names_of_tensorflow(tf):
    shape = tf.ones((2, 3)).shape
    assert (shape.as_list(), shape.rank, shape.ndims, shape.dims, shape.is_fully_defined()) == (
        [2, 3],
        2,
        2,
        [2, 3],
        True,
    )
    assert type(shape) is torch.Size


def test_scalars_give_numbers_of_numpy(tf):
    label = tf.argmax([0.0, 3.0, 1.0])
    assert {1: "cat"}[label.numpy()] == "cat"
    assert type(tf.reduce_sum([1.0]).numpy()) is np.float32
    assert type(tf.constant([1.0]).numpy()) is np.ndarray
    assert torch.nn.Linear(1, 1)(tf.ones((1, 1))).mean().__array__().shape == ()


def test_rows_of_a_ragged_tensor_are_gathered(tf):
    rows = tf.ragged.constant([[1, 2], [3], []])
    assert tf.gather(rows, [1, 0]).to_list() == [[3], [1, 2]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in"):
        tf.gather(rows, [3])
    assert tf.gather(rows[:2], [0], axis=1).tolist() == [[1], [3]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in"):
        tf.gather(rows, [0], axis=1)


def test_numbers_of_elements_have_numpy(tf):
    rows = tf.data.Dataset.range(5).batch(2)
    assert rows.cardinality().numpy() == 3
    assert rows.take(rows.cardinality() // 2).cardinality() == 1
    assert tf.data.experimental.cardinality(rows.repeat()).numpy() == tf.data.INFINITE_CARDINALITY


def test_scalars_are_no_sequences_to_torch(tf):
    """As they are to Python, once `__getitem__` is written in Python: torch would then ask for their length."""
    assert torch.as_tensor([(torch.tensor(1),), (torch.tensor(2),)]).tolist() == [[1], [2]]
    assert torch.tensor([torch.tensor(1.0), torch.tensor(2.0)]).tolist() == [1.0, 2.0]


def test_slices_with_negative_steps_beside_other_indices(tf):
    t = torch.arange(24).reshape(2, 3, 4)
    array = t.numpy()
    for index in (
        np.s_[::-1],
        np.s_[..., ::-2],
        np.s_[[1, 0], ::-1],
        np.s_[1, ::-1, None, 3:0:-1],
        np.s_[array[:, 0, 0] > 3, ::-1],
        np.s_[None, ..., ::-1, 0],
        np.s_[:, 0:2:-1],
    ):
        found = t[tuple(torch.as_tensor(one) if isinstance(one, np.ndarray) else one for one in np.index_exp[index])]
        np.testing.assert_array_equal(found, array[index])
    with pytest.raises(ValueError, match="zero"):
        t[::0]
    with pytest.raises(IndexError):
        t[::-1, 5]


def test_classes_made_later_and_weights_of_one_number_are_no_sequences(tf):
    assert torch.as_tensor([(tf.Variable(1.0),)]).tolist() == [[1.0]]
    assert torch.as_tensor([(torch.nn.Parameter(torch.tensor(2.0)),)]).tolist() == [[2.0]]


def test_numbers_of_python_keep_their_digits_in_float64(tf):
    assert tf.constant(1 / 3, tf.float64).numpy() == 1 / 3
    assert (tf.zeros([], tf.float64) + [0.1]).item() == 0.1
    assert tf.add(tf.zeros([], tf.float64), 0.1).numpy() == 0.1
    assert tf.multiply(np.float64(1), 0.1).numpy() == 0.1
    assert tf.constant(2**40 + 1, tf.float64).numpy() == 2**40 + 1


def test_programs_that_import_keras_alone_get_torch_as_it_is():
    code = (
        "import torchkeras_shim.compat as c; c.install()\n"
        "import keras, sys, torch\n"
        "assert not hasattr(torch.Tensor, 'set_shape') and 'torchkeras_shim.compat.tf.api' not in sys.modules"
    )
    done = warm.run("-c", code)
    assert done.returncode == 0, done.stderr


class TestNumpy:
    @pytest.mark.parametrize(
        "function",
        [np.mean, np.sum, np.max, np.argmax, np.std, np.sqrt, np.squeeze, np.array, np.abs, np.log1p],
    )
    @pytest.mark.parametrize("trained", [False, True])
    def test_functions_give_arrays(self, tf, function, trained):
        t = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=trained)
        found = function(t)
        assert not isinstance(found, torch.Tensor)
        np.testing.assert_allclose(found, function(np.array([[1.0, 2.0], [3.0, 4.0]], "float32")))

    def test_functions_of_several(self, tf):
        a, b = tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])
        np.testing.assert_array_equal(np.concatenate([a, b]), [1, 2, 3, 4])
        np.testing.assert_array_equal(np.stack([a, b], axis=1), [[1, 3], [2, 4]])
        assert np.dot(a, b) == 11
        np.testing.assert_array_equal(np.where(a > 1, a, 0), [0, 2])
        assert np.allclose(a, [1, 2])

    @pytest.mark.parametrize("operator", ["+", "-", "*", "/", "**", "//", "%", ">", "<=", "=="])
    def test_operators_with_arrays_and_lists_keep_the_tensors_type(self, tf, operator):
        array, t = np.array([1.0, 4.0]), tf.constant([2.0, 3.0])
        for names in ({"a": array, "b": t}, {"a": t, "b": array}):
            found = eval(f"a {operator} b", names)
            assert isinstance(found, torch.Tensor)
            assert found.dtype in (torch.float32, torch.bool)
            np.testing.assert_allclose(found, eval(f"np.asarray(a) {operator} np.asarray(b)", {"np": np, **names}))

    @pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
    def test_lists_on_either_side(self, tf, operator):
        found = eval(f"[1.0, 4.0] {operator} t", {"t": tf.constant([2.0, 3.0])})
        np.testing.assert_allclose(found, eval(f"np.array([1.0, 4.0]) {operator} np.array([2.0, 3.0])"))
        found = eval(f"v {operator} [1.0, 4.0]", {"v": tf.Variable([2.0, 3.0])})
        np.testing.assert_allclose(found.numpy(), eval(f"np.array([2.0, 3.0]) {operator} np.array([1.0, 4.0])"))

    def test_numbers_of_numpy(self, tf):
        t = tf.constant([1.0, 2.0])
        for number in (np.float32(2), np.float64(2), np.int64(2)):
            assert (number * t).dtype == (t * number).dtype == torch.float32

    def test_scalars(self, tf):
        v = tf.Variable(2.5)
        y = v * 2.0
        assert float(y) == 5.0
        assert int(y) == 5
        assert f"{float(y):.1f} {y.numpy():.1f}" == "5.0 5.0"
        assert np.array(y).dtype == np.float32
        assert y.numpy() == np.float32(5)

    def test_bfloat16(self, tf):
        assert tf.cast([1.5], tf.bfloat16).numpy().dtype == np.float32


class TestInPlace:
    def test_other_names_keep_their_value(self, tf):
        x = tf.constant([1.0, 2.0])
        y = x
        x += 1.0
        assert y.numpy().tolist() == [1.0, 2.0]
        assert x.numpy().tolist() == [2.0, 3.0]

    def test_what_autograd_kept_may_be_changed(self, tf):
        v = tf.Variable([1.0, -2.0])
        with tf.GradientTape() as tape:
            h = tf.nn.relu(v)
            h += v
            h *= 2.0
            y = tf.reduce_sum(h)
        assert tape.gradient(y, v).numpy().tolist() == [4.0, 2.0]

    def test_loops_of_torch_stay_in_place(self, tf):
        w = torch.nn.Parameter(torch.ones(2))
        optimizer = torch.optim.Adam([w], lr=0.1)
        w.sum().backward()
        optimizer.step()
        assert next(iter(optimizer.state.values()))["step"] == 1
        with torch.no_grad():
            same = w
            w -= 0.5 * w.grad
        assert same is w


class TestTensors:
    def test_types(self, tf):
        x, v = tf.constant([1.0]), tf.Variable([1.0])
        assert isinstance(x, tf.Tensor)
        assert not isinstance(v, tf.Tensor)
        assert isinstance(v, tf.Variable)
        assert isinstance(tf.keras.layers.Dense(1).add_weight((2,)), tf.Variable)
        assert tf.is_tensor(x)
        assert not tf.is_tensor([1.0])
        assert x.dtype == tf.float32
        assert tf.float32 == x.dtype
        assert tf.float32 == "float32"
        assert tf.float32 in (np.float32, "x")
        assert tf.as_dtype("float16").size == 2
        assert np.zeros(2, tf.int32.as_numpy_dtype).dtype == np.int32

    def test_a_type_of_tensorflows_is_one_of_keras(self, tf):
        layer = tf.keras.layers.Dense(2, dtype=tf.float64)
        assert layer(tf.ones((1, 3), tf.float64)).dtype == torch.float64
        assert tf.keras.Input((3,), dtype=tf.int32).dtype == "int32"
        assert tf.keras.layers.deserialize(tf.keras.layers.serialize(layer)).compute_dtype == "float64"

    def test_shapes_compute(self, tf):
        x = tf.zeros([2, 6, 3])
        assert tf.reshape(x, [tf.shape(x)[0], -1]).shape == (2, 18)
        assert tf.reshape(x, tf.concat([tf.shape(x)[:1], [9, 2]], axis=0)).shape == (2, 9, 2)
        assert tf.zeros(tf.shape(x)[:-1] * 2).shape == (4, 12)
        assert tf.random.normal(tf.shape(x)).shape == x.shape
        assert (tf.cast(tf.shape(x)[1], tf.float32) / 4.0).numpy() == 1.5
        assert tf.TensorShape([None, 3]).is_compatible_with([2, 3])
        assert x.get_shape().as_list() == [2, 6, 3]
        batch, *_ = tf.shape(x)
        assert batch == 2
        with pytest.raises(ValueError, match="not compatible"):
            x.set_shape([2, 5, 3])

    def test_symbolic_tensors(self, tf):
        inputs = tf.keras.Input((4,))
        x = tf.concat([inputs, tf.square(inputs)], axis=-1)
        model = tf.keras.Model(inputs, tf.reduce_sum(tf.nn.relu(x), axis=1, keepdims=True))
        assert model.output_shape == (None, 1)
        np.testing.assert_allclose(model(tf.constant([[1.0, -2.0, 0.0, 3.0]])), [[18.0]])

    def test_unknown_names_say_what_to_write(self, tf):
        for path, words in {
            "Session": "sessions are not supported",
            "contrib": "tf.keras.layers",
            "logdet": "keras.ops",
            "reduce_summ": "tf.reduce_sum",
        }.items():
            with pytest.raises(AttributeError, match=words):
                getattr(tf, path)
        with pytest.raises(AttributeError, match=r"tf\.math\.add"):
            _ = tf.math.ad
        with pytest.raises(ModuleNotFoundError):
            import tensorflow.lite  # noqa: F401


class TestVariables:
    def test_assignments_return_the_variable(self, tf):
        v = tf.Variable([1.0, 2.0], name="w")
        assert v.assign_add([1.0, 1.0]).assign_sub([0.5, 0.5]) is v
        assert v.name == "w:0"
        assert v.numpy().tolist() == [1.5, 2.5]
        assert v.value().numpy().tolist() == v.read_value().numpy().tolist() == [1.5, 2.5]
        with pytest.raises(ValueError, match="must match"):
            v.assign(1.0)

    def test_parts(self, tf):
        v = tf.Variable([[1, 2], [3, 4]])
        v[0].assign([7, 8])
        v[1, 1].assign(9)
        v.scatter_nd_update([[1, 0]], [5])
        assert v.numpy().tolist() == [[7, 8], [5, 9]]
        assert v.dtype == tf.int32

    def test_it_trains_in_an_optimizer(self, tf):
        v = tf.Variable([1.0, 2.0])
        optimizer = tf.keras.optimizers.SGD(0.5)
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(v * v)
            optimizer.apply_gradients(zip(tape.gradient(loss, [v]), [v], strict=True))
        assert v.numpy().tolist() == [0.0, 0.0]

    def test_modules(self, tf):
        class Layer(tf.Module):
            def __init__(self, name=None):
                super().__init__(name=name)
                self.w = tf.Variable([1.0])
                self.steps = tf.Variable(0, trainable=False)

        class Net(tf.Module):
            def __init__(self):
                super().__init__()
                self.layers = [Layer(), Layer()]
                self.extra = {"b": tf.Variable([0.0])}

        net = Net()
        assert len(net.variables) == 5
        assert len(net.trainable_variables) == 3
        assert len(net.submodules) == 2
        assert net.name == "net"

    def test_a_layer_of_the_users_keeps_a_variable(self, tf):
        class Scale(tf.keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.scale = tf.Variable(2.0, trainable=True)

            def call(self, x):
                return x * self.scale

        layer = Scale()
        assert layer(tf.ones((1, 2))).numpy().tolist() == [[2.0, 2.0]]
        assert len(layer.trainable_variables) == 1


class TestRandom:
    def test_seeds(self, tf):
        def draws():
            tf.random.set_seed(3)
            return [tf.random.uniform([2], seed=1).numpy().tolist() for _ in range(2)]

        first = draws()
        assert first == draws()
        assert first[0] != first[1]

    def test_a_seed_of_a_function_repeats_in_every_process(self, tf, monkeypatch):
        from torchkeras_shim.compat.tf import random

        monkeypatch.setattr(random, "_global_seed", [87654321])  # as it is before a script sets one
        monkeypatch.setattr(random, "_generators", {})
        drawn = tf.random.uniform([2], seed=1)
        np.testing.assert_allclose(drawn, [0.6511114240, 0.8504309654], rtol=1e-6)

    def test_ranges(self, tf):
        x = tf.random.uniform([1000], 2, 5, dtype=tf.int32)
        assert set(x.numpy().tolist()) == {2, 3, 4}
        x = tf.random.truncated_normal([2000], stddev=2.0)
        assert float(tf.reduce_max(tf.abs(x))) <= 4.0
        assert abs(float(tf.math.reduce_std(x)) - 2 * 0.8796) < 0.06
        with pytest.raises(ValueError, match="maxval"):
            tf.random.uniform([2], dtype=tf.int32)

    def test_stateless(self, tf):
        a, b = tf.random.stateless_normal([3], [1, 2]), tf.random.stateless_normal([3], [1, 2])
        assert a.numpy().tolist() == b.numpy().tolist()


class TestTape:
    def test_watching_leaves_no_trace(self, tf):
        x = tf.constant([1.0])
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        tape.gradient(y, x)
        assert not x.requires_grad

    def test_a_tape_of_another_thread_is_not_around_this_one(self, tf):
        from concurrent.futures import ThreadPoolExecutor

        def first_order():
            v = tf.Variable(3.0)
            with tf.GradientTape() as tape:
                y = v * v * v
            return tape.gradient(y, v)

        with tf.GradientTape(), ThreadPoolExecutor(1) as pool:
            grad = pool.submit(first_order).result()
        assert not grad.requires_grad  # nothing was recorded for a second order that nobody asks for

    def test_grad_mode_is_as_before(self, tf):
        with torch.no_grad():
            with tf.GradientTape():
                assert torch.is_grad_enabled()
            assert not torch.is_grad_enabled()

    def test_a_change_without_notice_is_refused(self, tf):
        v = tf.Variable([1.0])
        with tf.GradientTape(persistent=True) as tape:
            y = v * v
        with torch.no_grad():
            v.mul_(2.0)
        with pytest.raises(RuntimeError, match="changed in place"):
            tape.gradient(y, v)

    def test_nothing_is_kept_without_a_reason(self, tf):
        from torchkeras_shim.compat.tf import kept_weights

        v = tf.Variable([1.0])
        with tf.GradientTape() as tape:
            y = v * v
        assert not any(last() for last in kept_weights._kept.values())
        tape.gradient(y, v)
        with tf.GradientTape(persistent=True) as tape:
            y = v * v
        assert any(last() for last in kept_weights._kept.values())
        assert observers_of_writes
        del tape, y
        assert not observers_of_writes
        assert not any(last() for last in kept_weights._kept.values())

    def test_a_train_step_written_with_a_tape(self, tf):
        class Model(tf.keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = tf.keras.layers.Dense(1, kernel_initializer="zeros")

            def call(self, x):
                return self.dense(x)

            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(tf.square(self(x, training=True) - y))
                grads = tape.gradient(loss, self.trainable_variables)
                self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
                return {"loss": loss}

        model = Model()
        model.compile(optimizer=tf.keras.optimizers.SGD(0.1))
        x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
        losses = model.fit(x, 3 * x + 1, epochs=20, verbose=0).history["loss"]
        assert losses[-1] < 0.05 < losses[0]


def test_printing_goes_to_the_error_stream(tf, capsys):
    tf.print("loss:", tf.constant([1.0, 2.5]), tf.constant(3), {"a": tf.constant(1)}, tf.constant("text"))
    assert capsys.readouterr().err == "loss: [1 2.5] 3 {'a': 1} \"text\"\n"


def test_functions_keep_their_name_and_bind(tf):
    class Counter:
        def __init__(self):
            self.n = tf.Variable(0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def add(self, x):
            """Adds."""
            self.n.assign_add(1)
            return tf.reduce_sum(x)

    counter = Counter()
    assert counter.add([1.0, 2.0]).numpy() == 3.0
    assert counter.n.numpy() == 1
    assert Counter.add.__doc__ == "Adds."
    with pytest.raises(TypeError, match="can not cast"):
        counter.add([[1.0]])


def test_debugging(tf):
    tf.debugging.assert_equal(tf.shape(tf.zeros([2, 3])), [2, 3])
    for check in (
        lambda: tf.debugging.assert_equal(1, 2, message="no"),
        lambda: tf.debugging.assert_greater([1.0], [2.0]),
        lambda: tf.debugging.check_numerics(tf.constant([float("nan")]), "bad"),
        lambda: tf.debugging.assert_non_negative([-1]),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError):
            check()
    with pytest.raises(tf.errors.OpError):
        tf.reshape(tf.zeros([3]), [2])


def test_a_tape_costs_little_beside_autograd(tf):
    """Counted, not timed: one call of autograd for one gradient."""
    calls = []
    original = torch.autograd.grad
    v = tf.Variable([1.0])
    try:
        torch.autograd.grad = lambda *a, **k: (calls.append(1), original(*a, **k))[1]
        with tf.GradientTape() as tape:
            y = v * v
        tape.gradient(y, v)
    finally:
        torch.autograd.grad = original
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["GRU", "LSTM", "SimpleRNN"])
def test_recurrent_layers_need_no_old_spelling(tf, name):
    layer = getattr(tf.keras.layers, name)(2, return_sequences=True)
    assert layer(tf.zeros((1, 3, 2))).shape == (1, 3, 2)


def test_packages_save_and_restore_the_random_state_inside_of_tensorflow(tf):
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config

    assert context.executing_eagerly()
    try:
        tf.random.set_seed(3)
        assert context.global_seed() == 3
        first = float(tf.random.uniform([]))
        tf.random.set_seed(3)
        assert float(tf.random.uniform([])) == first
        tf.random.set_seed(None)
        assert context.global_seed() is None
        assert float(tf.random.uniform([])) != first
        before = config.is_op_determinism_enabled()
        config.enable_op_determinism()
        assert config.is_op_determinism_enabled()
        config.disable_op_determinism()
        assert (before, config.is_op_determinism_enabled()) == (False, False)
    finally:
        config.disable_op_determinism()
        tf.random.set_seed(None)


def test_tensors_as_protocol_buffers(installed):
    pytest.importorskip("tensorboard")
    tf = importlib.import_module("tensorflow")
    values = np.array([[1.5, 2.0]], "float32")
    for given in (values, tf.constant(values)):
        proto = tf.make_tensor_proto(given)
        assert [axis.size for axis in proto.tensor_shape.dim] == [1, 2]
        np.testing.assert_array_equal(tf.make_ndarray(proto), values)
    assert tf.make_ndarray(tf.make_tensor_proto([1, 2], dtype=tf.float32)).dtype == np.float32
