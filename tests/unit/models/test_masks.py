"""Masks: who makes them, who hands them on, and what they do to losses, metrics and pooling. Judged by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

TOKENS = np.array([[3, 1, 0, 0], [2, 2, 2, 0], [1, 1, 1, 1]])
COUNTS = TOKENS != 0


def sequences():
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    x[~COUNTS] = 0.0
    return x


def test_masking_and_embedding_make_masks():
    assert layers.Masking()(sequences())._keras_mask.tolist() == COUNTS.tolist()
    assert layers.Embedding(5, 2, mask_zero=True)(TOKENS)._keras_mask.tolist() == COUNTS.tolist()
    assert not hasattr(layers.Embedding(5, 2)(TOKENS), "_keras_mask")
    assert layers.Embedding(5, 2, mask_zero=True).compute_mask(torch.tensor(TOKENS)).tolist() == COUNTS.tolist()
    assert layers.Embedding(5, 2).compute_mask(torch.tensor(TOKENS)) is None


@pytest.mark.parametrize(
    "layer", [layers.Dropout(0.5), layers.Activation("relu"), layers.Dense(3), layers.LayerNormalization()]
)
def test_layers_by_step_hand_masks_on(layer):
    masked = layers.Masking()(sequences())
    for _ in range(2):  # the first call and a steady one
        assert layer(masked)._keras_mask.tolist() == COUNTS.tolist()


def test_a_call_with_a_mask_leaves_no_trace_in_one_without():
    dense, plain = layers.Dense(3), torch.ones(3, 4, 2)
    assert not hasattr(dense(plain), "_keras_mask")
    assert hasattr(dense(layers.Masking()(sequences())), "_keras_mask")
    assert not hasattr(dense(plain), "_keras_mask")


def test_a_layer_that_knows_no_masks_says_that_it_drops_them():
    class Doubles(layers.Layer):
        def call(self, inputs):
            return inputs * 2

    with pytest.warns(UserWarning, match="does not support masking"):
        outputs = Doubles()(layers.Masking()(sequences()))
    assert not hasattr(outputs, "_keras_mask")


def test_an_own_compute_mask_is_used():
    class Halves(layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, inputs):
            return inputs[:, ::2]

        def compute_mask(self, inputs, mask=None):
            return None if mask is None else mask[:, ::2]

    outputs = Halves()(layers.Masking()(sequences()))
    assert outputs._keras_mask.tolist() == COUNTS[:, ::2].tolist()


def test_pooling_takes_the_mean_of_what_counts():
    x = sequences() + 0.0
    expected = np.stack([row[counts].mean(axis=0) for row, counts in zip(x, COUNTS, strict=True)])
    pooled = layers.GlobalAveragePooling1D()(layers.Masking()(x))
    np.testing.assert_allclose(pooled.numpy(), expected, rtol=1e-6)
    explicit = layers.GlobalAveragePooling1D()(x, mask=torch.tensor(COUNTS))
    np.testing.assert_allclose(explicit.numpy(), expected, rtol=1e-6)


def graph():
    tokens = keras.Input((4,), dtype="int32")
    x = layers.Embedding(5, 6, mask_zero=True)(tokens)
    return keras.Model(tokens, layers.Dense(1)(x))


def stack():
    return keras.Sequential([layers.Embedding(5, 6, mask_zero=True), layers.Dense(1)])


class Written(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding, self.out = layers.Embedding(5, 6, mask_zero=True), layers.Dense(1)

    def call(self, inputs):
        return self.out(self.embedding(inputs))


@pytest.mark.parametrize("make", [graph, stack, Written])
def test_masked_steps_count_neither_in_the_loss_nor_in_metrics(make):
    model = make()
    y = np.random.default_rng(1).normal(size=(3, 4, 1)).astype("float32")
    model.compile(keras.optimizers.SGD(0.0), "mse", weighted_metrics=["mae"])
    predicted = model.predict(TOKENS, verbose=0)
    # Keras divides the masked sum by the number of steps that count.
    error = (predicted - y)[..., 0][COUNTS]
    for loss, mae in (
        model.evaluate(TOKENS, y, verbose=0),
        [model.fit(TOKENS, y, verbose=0).history[name][0] for name in ("loss", "mae")],
    ):
        assert loss == pytest.approx((error**2).mean(), rel=1e-5)
        assert mae == pytest.approx(np.abs(error).mean(), rel=1e-5)


def test_targets_of_masked_steps_do_not_matter_to_training():
    y = np.random.default_rng(1).normal(size=(3, 4, 1)).astype("float32")
    other = np.where(COUNTS[..., None], y, 1e3).astype("float32")
    weights = []
    for targets in (y, other):
        keras.utils.set_random_seed(0)
        model = stack()
        model.compile("sgd", "mse")
        model.fit(TOKENS, targets, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
