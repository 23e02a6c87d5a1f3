"""What whole programs rest on: modes in steps of one's own, text in batches, values from outside of a tape, CTC."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, imported, kept
from tests.parity.tensorflow.ours import tf as ours
from torchkeras_shim.core import tree

tensorflow = imported("tensorflow")
X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)


def library(tf):
    return getattr(tf, "keras", torchkeras_shim)


def steps_with_and_without_training(tf):
    """The statistics that normalization keeps, and what dropout lets pass, by what a `train_step` says."""
    keras = library(tf)

    class Own(keras.Model):
        def __init__(self, said):
            super().__init__()
            self.said = said
            self.norm, self.drop = keras.layers.BatchNormalization(momentum=0.5), keras.layers.Dropout(0.9, seed=1)
            self.dense = keras.layers.Dense(1, kernel_initializer="ones")

        def call(self, x):
            return self.dense(self.drop(self.norm(x)))

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(self(x, **self.said) - y))
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            return {"loss": loss}

    found = []
    for said in ({}, {"training": False}, {"training": True}):
        model = Own(said)
        model.compile("sgd")
        history = model.fit(X, X.sum(1, keepdims=True), batch_size=4, epochs=1, shuffle=False, verbose=0).history
        found.append((model.norm.moving_mean.numpy().tolist(), history["loss"][0] if not said.get("training") else 0.0))
    return found


def values_from_outside(tf):
    """A constant that was computed from the variable before the tapes, as the old policy of PPO."""
    v = tf.Variable([0.5, 1.0])
    old = tf.exp(v) * 2.0
    found = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.exp(v - old) * v)
        gradient = tape.gradient(loss, v)
        v.assign_sub(0.1 * gradient)
        found.append(gradient.numpy().tolist())
    return found


def decorated(tf):
    @tf.numpy_function(Tout=[tf.float32, tf.int32])
    def both(x):
        return x * np.float32(2.0), np.int32(x.shape[0])

    @tf.py_function(Tout=tf.float32)
    def one(x, y):
        return x + y

    doubled, count = both(tf.constant([1.0, 2.0]))
    return doubled.numpy().tolist(), int(count), one(tf.constant(1.0), tf.constant(2.0)).numpy().tolist()


def beams(tf):
    scores = np.random.RandomState(0).normal(size=(7, 3, 4)).astype("float32") * 2
    found = []
    for width, paths in ((1, 1), (5, 2), (20, 3)):
        decoded, probabilities = tf.nn.ctc_beam_search_decoder(
            tf.constant(scores), tf.constant([7, 4, 1]), beam_width=width, top_paths=paths
        )
        found.append([tf.sparse.to_dense(one, default_value=-1).numpy().tolist() for one in decoded])
        found.append(probabilities.numpy().tolist())
    return found


CASES = [steps_with_and_without_training, values_from_outside, decorated, beams]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_as_tensorflow(case):
    found, expected = case(ours), kept(case, tensorflow)
    found, expected = tree.flatten(found), tree.flatten(expected)
    assert [type(one) for one in found] == [type(one) for one in expected]
    assert_close(np.array(found, "float64"), np.array(expected, "float64"), rtol=1e-4, atol=1e-5)


def test_a_tensor_of_a_tape_that_is_used_up_says_what_to_write():
    v = ours.Variable([1.0, 2.0])
    with ours.GradientTape() as tape:
        state = ours.exp(v)
    tape.gradient(state, v)
    with ours.GradientTape() as tape:
        loss = ours.reduce_sum(state * v)
    with pytest.raises(RuntimeError, match="stop_gradient"):
        tape.gradient(loss, v)
