"""`GradientTape`: the gradients, the `None`s and the errors of TensorFlow's."""

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.ours import tf as ours

tensorflow = imported("tensorflow")
X = np.array([[0.5, -1.25, 2.0], [3.5, 0.0, -0.75]], dtype="float32")


def of(function, *values):
    """A case: the gradient of a function of watched tensors."""

    def case(tf):
        xs = [tf.constant(value) for value in values]
        with tf.GradientTape() as tape:
            for x in xs:
                tape.watch(x)
            y = function(tf, *xs)
        return tape.gradient(y, xs)

    return case


def variable_and_watched(tf):
    v, x = tf.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = v * x
    return tape.gradient(y, [v, x])


def unwatched(tf):
    v, x = tf.Variable([1.0]), tf.constant([3.0])
    with tf.GradientTape() as tape:
        y = v * x
    return tape.gradient(y, {"v": v, "x": x})


def intermediate(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        h = v * v
        y = h * h
    return tape.gradient(y, [h, v])


def features_of_a_frozen_model(tf):
    keras = getattr(tf, "keras", torchkeras_shim)
    layers = keras.layers
    inputs = keras.Input((3,))
    features = layers.Dense(2, kernel_initializer="ones")(inputs)
    hidden = layers.BatchNormalization()(features * features)
    scores = layers.Dense(1, kernel_initializer="ones")(layers.Activation("relu")(hidden))
    model = keras.Model(inputs, {"features": features, "hidden": hidden, "scores": scores})
    model.trainable = False
    with tf.GradientTape(persistent=True) as tape:
        found = model(X)
    sources = [found["features"], found["hidden"]]
    return [tape.gradient(found["scores"], sources), tape.gradient(found["hidden"], sources)]


def several_targets(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        ys = [v * v, v * 2.0]
    return tape.gradient(ys, v)


def weighted(tf):
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = v * v
    return tape.gradient(y, v, output_gradients=tf.constant([1.0, 10.0]))


def persistent(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        h = v * v
        y = h * h
    return [tape.gradient(y, v), tape.gradient(h, v)]


def nested(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = v * v * v
        first = inner.gradient(y, v)
    return [first, outer.gradient(first, v)]


def third_order(tf):
    x = tf.constant(2.0)
    with tf.GradientTape() as a:
        a.watch(x)
        with tf.GradientTape() as b:
            b.watch(x)
            with tf.GradientTape() as c:
                c.watch(x)
                y = x**4.0
            first = c.gradient(y, x)
        second = b.gradient(first, x)
    return a.gradient(second, x)


def assigned_between(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    first = tape.gradient(y, v)
    v.assign(10.0)
    return [first, tape.gradient(y, v)]


def updated_between_two_tapes(tf):
    """A GAN's step: one network is updated before the gradient of the other is taken."""
    g, d = tf.Variable([0.5, 0.25]), tf.Variable([2.0, 3.0])
    with tf.GradientTape() as tape_g, tf.GradientTape() as tape_d:
        fake = g * 3.0
        loss_g = tf.reduce_sum(d * fake)
        loss_d = tf.reduce_sum(d * d * fake)
    grad_d = tape_d.gradient(loss_d, d)
    d.assign_sub(0.1 * grad_d)
    grad_g = tape_g.gradient(loss_g, g)
    return [grad_d, grad_g, d]


def not_accessed(tf):
    v, w = tf.Variable(3.0), tf.Variable(2.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * w
    return tape.gradient(y, [v, w])


def unconnected(tf):
    v, w = tf.Variable([3.0, 1.0]), tf.Variable([2.0])
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    return [tape.gradient(y, w), tape.gradient(y, w, unconnected_gradients=tf.UnconnectedGradients.ZERO)]


def twice(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    return tape.gradient(y, v)


def stopped(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
        with tape.stop_recording():
            z = v * 5.0
        y = y + z
    return tape.gradient(y, v)


def frozen(tf):
    v, w = tf.Variable(3.0, trainable=False), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * w
    return tape.gradient(y, [v, w])


def integers(tf):
    v = tf.Variable(3)
    with tf.GradientTape() as tape:
        y = v * 2
    return tape.gradient(y, v)


def jacobian(tf):
    x = tf.constant([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.stack([x[0] * x[1], tf.reduce_sum(x * x)])
    return tape.jacobian(y, x)


def batch_jacobian(tf):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x + tf.reverse(x, [1])
    return tape.batch_jacobian(y, x)


def custom(tf):
    @tf.custom_gradient
    def clipped(x):
        def grad(upstream):
            return tf.clip_by_value(upstream, -0.5, 0.5)

        return tf.identity(x), grad

    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = clipped(v) * tf.constant([0.1, 10.0])
    return tape.gradient(y, v)


def gradient_penalty(tf):
    """The penalty of a Wasserstein GAN: a gradient inside of a loss."""
    w, x = tf.Variable([[1.0, 2.0], [0.5, -1.0]]), tf.constant([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
            inner.watch(x)
            score = tf.reduce_sum(tf.tanh(tf.matmul(x, w)))
        grads = inner.gradient(score, [x])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(grads), axis=[1]))
        penalty = tf.reduce_mean((norm - 1.0) ** 2)
    return tape.gradient(penalty, w)


def rewatched(tf):
    """Style transfer: the image is updated and watched again."""
    x = tf.constant([2.0, 3.0])
    found = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(x * x)
        grad = tape.gradient(y, x)
        x = x - 0.1 * grad
        found.append(grad)
    return found


def in_a_function(tf):
    v = tf.Variable(2.0)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            y = v * v * x
        grad = tape.gradient(y, v)
        v.assign_sub(0.1 * grad)
        return y

    return [step(tf.constant(1.0)), step(tf.constant(2.0)), v]


def target_before(tf):
    v = tf.Variable(3.0)
    y = v * v
    with tf.GradientTape() as tape:
        pass
    return tape.gradient(y, v)


def target_after(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
    return tape.gradient(y * 2.0, v)


def source_before(tf):
    v = tf.Variable(3.0)
    h = v * v
    with tf.GradientTape() as tape:
        y = h * h
    return tape.gradient(y, [h, v])


def partly_before(tf):
    """Only the way that the tape has seen counts."""
    v = tf.Variable([3.0, 4.0])
    h = v * v
    with tf.GradientTape(persistent=True) as tape:
        y = h * v + tf.reduce_sum(h)
    return [tape.gradient(y, v), tape.jacobian(y, v), tape.batch_jacobian(y[:, None], v[:, None])]


def watched_from_before(tf):
    v = tf.Variable(3.0)
    h = v * v
    with tf.GradientTape() as tape:
        tape.watch(h)
        y = h * h * v
    return tape.gradient(y, [h, v])


def jacobian_outside(tf):
    v = tf.Variable([3.0, 4.0])
    h = v * v
    with tf.GradientTape(persistent=True) as tape:
        y = h * 2.0
    return [tape.jacobian(h, v), tape.jacobian(y, v), tape.jacobian(y * v, v)]


def between_two_blocks(tf):
    v = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = v * v
    z = v * 5.0
    with tape:
        w = y * v + z
    return [tape.gradient(w, v), tape.gradient(z, v), tape.gradient(w, z)]


def stopped_for_one(tf):
    """The other tape goes on."""
    v = tf.Variable(3.0)
    with tf.GradientTape() as outer, tf.GradientTape() as inner:
        y = v * v
        with inner.stop_recording():
            z = y * v
        w = y + z
    return [inner.gradient(w, v), outer.gradient(w, v)]


def not_stopped(tf):
    with tf.GradientTape() as tape:
        pass
    with tape.stop_recording():
        pass


def reset(tf):
    v, x = tf.Variable(3.0), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = v * x
        tape.reset()
        z = y * v * x
    return tape.gradient(z, [v, x, y])


def reset_of_none(tf):
    tape = tf.GradientTape()
    tape.reset()


def inner_before_outer(tf):
    v = tf.Variable(2.0)
    with tf.GradientTape() as first:
        y = v * v * v
    grad = first.gradient(y, v)
    with tf.GradientTape() as second:
        z = grad * v
    return second.gradient(z, v)


def used_variables(tf):
    a, b, c = tf.Variable(2.0), tf.Variable(3.0), tf.Variable(4.0, trainable=False)
    d, e = tf.Variable(5.0), tf.Variable(6.0)
    before = d * 2.0
    with tf.GradientTape(persistent=True) as tape:
        y = a * b * c + before
    assert e * y is not None
    return [tape.gradient(y, v) for v in tape.watched_variables()] + [tf.constant(len(tape.watched_variables()))]


def used_but_not_accessed(tf):
    a, b = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(b)
        y = a * b
    return [tape.gradient(y, tape.watched_variables())]


CASES = {
    "a target from before": target_before,
    "a target from after": target_after,
    "a source from before": source_before,
    "partly before": partly_before,
    "watched from before": watched_from_before,
    "a Jacobian of what is outside": jacobian_outside,
    "between two blocks": between_two_blocks,
    "stopped for one of two": stopped_for_one,
    "stopped outside": not_stopped,
    "reset": reset,
    "reset outside": reset_of_none,
    "a gradient from before": inner_before_outer,
    "used variables": used_variables,
    "used but not accessed": used_but_not_accessed,
    "a variable and a watched tensor": variable_and_watched,
    "an unwatched tensor": unwatched,
    "what was computed on the way": intermediate,
    "features of a frozen model": features_of_a_frozen_model,
    "several targets": several_targets,
    "weighted targets": weighted,
    "persistent": persistent,
    "nested": nested,
    "third order": third_order,
    "assigned between two gradients": assigned_between,
    "updated between two tapes": updated_between_two_tapes,
    "not accessed": not_accessed,
    "unconnected": unconnected,
    "a second call": twice,
    "stopped": stopped,
    "frozen": frozen,
    "integers": integers,
    "jacobian": jacobian,
    "batch jacobian": batch_jacobian,
    "custom": custom,
    "gradient penalty": gradient_penalty,
    "watched again": rewatched,
    "in a function": in_a_function,
    "ties of reduce_max": of(lambda tf, x: tf.reduce_max(x), np.array([2.0, 2.0, 1.0], "float32")),
    "maximum at 0": of(lambda tf, x: tf.maximum(x, 0.0), X),
    "minimum of two": of(lambda tf, x, y: tf.minimum(x, y), X, X),
    "relu": of(lambda tf, x: tf.nn.relu(x), X),
    "abs": of(lambda tf, x: tf.abs(x), X),
    "round": of(lambda tf, x: tf.round(x), X),
    "cast": of(lambda tf, x: tf.cast(tf.cast(x, tf.int32), tf.float32), X),
    "stop_gradient": of(lambda tf, x: x * tf.stop_gradient(x), X),
    "clip on a bound": of(lambda tf, x: tf.clip_by_value(x, -1.25, 2.0), X),
    "clip_by_norm": of(lambda tf, x: tf.clip_by_norm(x, 2.0), X),
    "l2_normalize": of(lambda tf, x: tf.nn.l2_normalize(x, 1), X),
    "moments": of(lambda tf, x: tf.nn.moments(x, [0])[1], X),
    "softmax loss": of(lambda tf, x: tf.nn.sparse_softmax_cross_entropy_with_logits([0, 2], x), X),
    "sigmoid loss": of(lambda tf, x: tf.nn.sigmoid_cross_entropy_with_logits(tf.ones_like(x), x), X),
    "where": of(lambda tf, x: tf.where(x > 0, x * 2.0, x), X),
    "divide_no_nan": of(lambda tf, x, y: tf.math.divide_no_nan(x, y), X, X),
    "multiply_no_nan": of(lambda tf, x, y: tf.math.multiply_no_nan(x, y), X, X),
    "xlogy": of(lambda tf, x: tf.math.xlogy(x, x), np.abs(X) + 1),
    "norm": of(lambda tf, x: tf.norm(x, axis=1), X),
    "std": of(lambda tf, x: tf.math.reduce_std(x, axis=1), X),
    "prod": of(lambda tf, x: tf.reduce_prod(x, axis=1), X),
    "logsumexp": of(lambda tf, x: tf.reduce_logsumexp(x), X),
    "cumsum": of(lambda tf, x: tf.cumsum(x, 1, exclusive=True) * x, X),
    "top_k": of(lambda tf, x: tf.math.top_k(x, 2).values, X),
    "sort": of(lambda tf, x: tf.sort(x) * tf.constant([1.0, 2.0, 3.0]), X),
    "pow": of(lambda tf, x: tf.pow(x, 2.0), X),
    "segments": of(lambda tf, x: tf.math.unsorted_segment_max(x, [0, 0], 2), X),
    "pad": of(lambda tf, x: tf.pad(x, [[1, 1], [2, 2]], "REFLECT"), np.concatenate([X, X])),
    "resized": of(lambda tf, x: tf.tile(tf.transpose(tf.reshape(x, [3, 2])), [2, 2]) ** 2.0, X),
    "convolution": of(
        lambda tf, x, w: tf.nn.conv2d(x, w, 2, "SAME") ** 2.0,
        np.linspace(-1, 1, 30, dtype="float32").reshape(1, 5, 3, 2),
        np.linspace(-1, 1, 16, dtype="float32").reshape(2, 2, 2, 2),
    ),
    "gather_nd": of(lambda tf, x: tf.gather_nd(x, [[0, 1], [0, 1]]), X),
    "scatter": of(lambda tf, x: tf.tensor_scatter_nd_update(x, [[0]], [[1.0, 2.0, 3.0]]) ** 2.0, X),
    "loop": of(lambda tf, x: tf.foldl(lambda a, b: a * b, x), X),
    "svd": of(lambda tf, x: tf.linalg.svd(x, compute_uv=False), X),
    "inverse": of(lambda tf, x: tf.linalg.inv(x), np.array([[2.0, 1.0], [0.5, 3.0]], "float32")),
}


def plain(value):
    if value is None:
        return [["none", 0]]
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in plain(value[key])]
    if isinstance(value, (list, tuple)):
        return [one for item in value for one in plain(item)]
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else value.numpy()
    return [[array.dtype.name, array]]


def answer(tf, case):
    try:
        return plain(CASES[case](tf))
    except Exception as error:
        return [["raises", type(error).__name__]]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:The dtype of the watched tensor")
def test_gradients(case):
    theirs = kept(answer, tensorflow, case)
    found = answer(ours, case)
    assert [kind for kind, _ in found] == [kind for kind, _ in theirs], (found, theirs)
    for (kind, value), (_, expected) in zip(found, theirs, strict=True):
        if kind == "raises":
            assert value == expected
        elif kind != "none":
            np.testing.assert_allclose(value, expected, rtol=2e-5, atol=2e-6)
