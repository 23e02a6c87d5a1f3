"""Every layer on a device of its own memory: the CPU's numbers, and steps that neither wait nor copy."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from tests.accelerator.device import Steady
from tests.every_layer import EVERY_LAYER, LABELS, compiled_model
from torchkeras_shim.core.device import device as placed_on
from torchkeras_shim.layers.seeding import own_generators

pytestmark = pytest.mark.filterwarnings("ignore:Layer .flatten.*was passed an input with a mask")


def first_two_of_each():
    """The names of two models with each layer: enough to see a tensor on the wrong device."""
    seen = collections.Counter()
    for name in EVERY_LAYER:
        kind = name.split(" ", 1)[1] if name[0].isdigit() else name
        seen[kind] += 1
        if seen[kind] <= 2:
            yield name


def numbers(case, device, jit_compile, weights=None, callbacks=()):
    """Everything that training, evaluating and predicting gives."""
    with placed_on(device):
        keras.utils.set_random_seed(1)
        model, x = compiled_model(*EVERY_LAYER[case], jit_compile, keras.optimizers.SGD(0.1, 0.9))
        if weights is not None:
            model.set_weights(weights)
        first = model.get_weights()
        before = torch.get_rng_state()
        history = model.fit(
            x, LABELS, batch_size=7, epochs=2, shuffle=False, verbose=0, callbacks=list(callbacks)
        ).history
        drew = not torch.equal(before, torch.get_rng_state()) or bool(own_generators(model, torch.device(device)))
        values = [*history.values(), *model.evaluate(x, LABELS, verbose=0), model.predict(x, verbose=0)]
    return model, first, [*values, *model.get_weights()], drew


@pytest.mark.parametrize("case", list(first_two_of_each()))
def test_it_trains_as_on_the_cpu(accelerator, case):
    reference, weights, expected, random = numbers(case, "cpu", False)
    steady = Steady()
    model, _, got, _ = numbers(case, accelerator, False, weights, [steady])
    steady.check()
    assert all(tensor.device == accelerator for tensor in [*model.parameters(), *model.buffers()])
    if random:  # devices draw other numbers: what was learned from them must mean the same
        reference.set_weights(model.get_weights())
        _, x = compiled_model(*EVERY_LAYER[case])
        got, expected = [model.predict(x, verbose=0)], [reference.predict(x, verbose=0)]
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)
