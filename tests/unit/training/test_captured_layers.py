"""Every layer trains to the same bits when its steps are replayed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.every_layer import EVERY_LAYER, LABELS, compiled_model, names_without_a_model


def trained(make, shapes, jit_compile):
    """All numbers of a model after seven steps of each of two shapes."""
    keras.utils.set_random_seed(1)
    model, x = compiled_model(make, shapes, jit_compile)
    history = model.fit(x, LABELS, batch_size=8, epochs=7, verbose=0).history
    return model, [history, *model.get_weights(), *(buffer.numpy() for buffer in model.buffers()), torch.rand(1)]


@pytest.mark.parametrize("case", EVERY_LAYER)
@pytest.mark.filterwarnings("ignore:Layer .flatten.*was passed an input with a mask")
def test_it_trains_to_the_same_bits(case):
    make, shapes = EVERY_LAYER[case]
    _, expected = trained(make, shapes, False)
    model, got = trained(make, shapes, "captured")
    captured = model._trainer.binding.reports["fit"].ran
    assert captured.refusal is None
    assert captured.replayed >= 6  # a layer that adds its first loss has the step made again
    assert got[0] == expected[0]
    for one, other in zip(got[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_layer_is_left_out():
    assert names_without_a_model() == set()
