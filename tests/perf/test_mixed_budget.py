"""What a steady training step may cost in Python calls under a mixed dtype policy."""

from __future__ import annotations

import pytest

import torchkeras_shim as keras
from tests.perf.test_step_budget import mlp, per_step


@pytest.fixture(params=[("mixed_bfloat16", 32), ("mixed_float16", 45)])
def budget(request):
    policy, calls = request.param
    keras.config.set_dtype_policy(policy)
    yield calls
    keras.config.set_dtype_policy("float32")


def test_calls_of_a_steady_step(budget):
    files, calls = per_step(mlp())
    assert calls <= budget, files
