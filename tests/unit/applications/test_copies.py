"""A fine-tuned application copied, pickled and shared by threads."""

import copy
import pickle
import threading

import numpy as np
import pytest

import torchkeras_shim as keras

X = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype("float32")
Y = np.arange(4) % 2


@pytest.fixture(scope="module")
def model():
    base = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    random = np.random.default_rng(1)
    for weight in base.weights:
        if len(weight.shape) == 4:
            fan = np.prod(weight.shape[:2] if "depthwise" in weight.path else weight.shape[:-1])
            weight.assign(random.normal(0, np.sqrt(2 / fan), tuple(weight.shape)))
    base.trainable = False
    inputs = keras.Input((32, 32, 3))
    features = keras.layers.GlobalAveragePooling2D()(base(inputs, training=False))
    return keras.Model(inputs, keras.layers.Dense(2)(features))


def tuned(model):
    """Trains the last layers of the base with the head; returns the losses."""
    base = model.layers[1]
    base.trainable = True
    for layer in base.layers[:-9]:
        layer.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model.fit(X, Y, batch_size=2, epochs=2, shuffle=False, verbose=0).history["loss"]


def test_a_copy_is_trained_like_the_original_and_leaves_it_alone(model):
    before = model.get_weights()
    losses = tuned(copy.deepcopy(model))
    assert losses[1] < losses[0]
    assert not model.layers[1].trainable
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert tuned(pickle.loads(pickle.dumps(model))) == losses


def test_threads_share_an_application(model):
    expected = [model.predict(X[:size], verbose=0) for size in (1, 2, 3, 4)]
    assert np.ptp(expected[-1], axis=0).min() > 1e-3
    found = {}

    def predict(size):
        found[size] = [model.predict(X[:size], verbose=0) for _ in range(2)]

    threads = [threading.Thread(target=predict, args=(size,)) for size in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for size, rows in zip((1, 2, 3, 4), expected, strict=True):
        assert len(found[size]) == 2
        for result in found[size]:
            np.testing.assert_array_equal(result, rows)
