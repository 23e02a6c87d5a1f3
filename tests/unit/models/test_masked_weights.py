"""Sample weights of masked sequences: what fits, and what says why it does not."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as keras
from torchkeras_shim import layers


def masked():
    tokens = keras.Input((4,), dtype="int32")
    outputs = layers.Dense(1)(layers.Embedding(5, 6, mask_zero=True)(tokens))
    model = keras.Model(tokens, outputs)
    model.compile(keras.optimizers.SGD(0.0), "mse", weighted_metrics=["mae"])
    return model


def batch():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 5, (9, 4))
    tokens[:, 0] = 1
    return tokens, rng.normal(size=(9, 4, 1)).astype("float32")


def test_masked_steps_weigh_nothing_in_weighted_metrics():
    tokens, y = batch()
    model = masked()
    mask = tokens != 0
    errors = np.abs(model.predict(tokens, verbose=0) - y)[..., 0]
    by_step = np.random.default_rng(1).uniform(0.2, 2, (9, 4)).astype("float32")
    for weights, expected in (
        (None, errors[mask].mean()),
        (by_step, (errors * by_step)[mask].sum() / by_step[mask].sum()),
        (by_step[:, :1], (errors * by_step[:, :1])[mask].sum() / (mask * by_step[:, :1]).sum()),
    ):
        fitted = model.fit(tokens, y, batch_size=9, sample_weight=weights, verbose=0).history
        found = model.evaluate(tokens, y, sample_weight=weights, batch_size=4, verbose=0, return_dict=True)
        name = next(key for key in found if key != "loss")
        np.testing.assert_allclose([fitted[name][0], found[name]], expected, rtol=1e-5)


def test_weights_of_the_wrong_rank_say_what_to_write():
    tokens, y = batch()
    with pytest.raises(ValueError, match=r"of shape \(9,\) does not fit the mask .*\(9, 4\)(.|\n)*weights\[:, None\]"):
        masked().fit(tokens, y, batch_size=9, sample_weight=np.ones(9, "float32"), verbose=0)
