"""Configs of objects and functions, and back."""

import pytest

from torchkeras_shim import losses, metrics
from torchkeras_shim.core import tables
from torchkeras_shim.core.serialization import deserialize_keras_object, serialize_keras_object


@pytest.mark.parametrize("first", ["keras.losses", "keras.metrics"])
@pytest.mark.parametrize("function", [losses.mean_squared_error, losses.hinge, losses.kl_divergence])
def test_a_function_is_not_taken_for_the_metric_of_its_name(function, first, monkeypatch):
    """Whichever was imported first: the order of the tables is that of imports."""
    assert metrics.MeanSquaredError
    ordered = dict(sorted(tables.TABLES.items(), key=lambda item: item[0] != first))
    monkeypatch.setattr("torchkeras_shim.core.serialization.TABLES", ordered)
    assert deserialize_keras_object(serialize_keras_object(function)) is function
