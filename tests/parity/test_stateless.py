"""The stateless methods of layers, metrics and optimizers, and the state tree of models: as in Keras on JAX."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim as ours
from tests.parity.oracle import kept, keras
from torchkeras_shim.core import tree

X = np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4)
Y = (np.arange(6) % 2).astype("float32").reshape(6, 1)


def _value(library, value):
    return tree.map_structure(lambda leaf: np.array(library.ops.convert_to_numpy(leaf)), value)


def _weights(variables):
    count = iter(range(100))
    return [
        np.linspace(0.1, 0.9, int(np.prod(v.shape)), dtype="float32").reshape(v.shape) + next(count) for v in variables
    ]


LAYERS = {
    "dense": lambda k: k.layers.Dense(3, activation="tanh", kernel_regularizer="l2"),
    "normalized": lambda k: k.layers.BatchNormalization(),
    "model": lambda k: k.Sequential(
        [k.Input((4,)), k.layers.Dense(3, activity_regularizer="l2"), k.layers.BatchNormalization(), k.layers.Dense(1)]
    ),
}


def _layer(library, name, training):
    layer = LAYERS[name](library)
    layer.build((None, 4))
    before = _value(library, layer.get_weights())
    trained, others = _weights(layer.trainable_variables), _weights(layer.non_trainable_variables)
    outputs, after, losses = layer.stateless_call(
        trained, others, library.ops.convert_to_tensor(X), training=training, return_losses=True
    )
    unchanged = all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    return _value(library, outputs), _value(library, list(after)), float(sum(losses)), unchanged


METRICS = {
    "mean": (lambda k: k.metrics.Mean(), (X,)),
    "accuracy": (lambda k: k.metrics.BinaryAccuracy(), (Y, X[:, 1:2])),
    "auc": (lambda k: k.metrics.AUC(num_thresholds=5), (Y, np.abs(X[:, 1:2]))),
}


def _metric(library, name):
    make, batch = METRICS[name]
    metric = make(library)
    metric.update_state(*batch)
    own = _value(library, [variable.value for variable in metric.variables])
    start = metric.stateless_reset_state()
    once = metric.stateless_update_state(start, *batch)
    twice = metric.stateless_update_state(once, *batch)
    result = metric.stateless_result(twice)
    after = _value(library, [variable.value for variable in metric.variables])
    unchanged = all(np.array_equal(a, b) for a, b in zip(own, after, strict=True))
    return _value(library, [start, once, twice]), float(result), unchanged


OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda k: k.optimizers.Adam(0.1, use_ema=True),
    "adamw": lambda k: k.optimizers.AdamW(0.1, clipnorm=1.0),
    "scheduled": lambda k: k.optimizers.RMSprop(k.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)),
}


def _optimizer(library, name):
    weights = [library.Variable(X), library.Variable(X[0])]
    optimizer = OPTIMIZERS[name](library)
    optimizer.build(weights)
    grads = [library.ops.convert_to_tensor(X * 2 + 1), library.ops.convert_to_tensor(X[1])]
    values = [library.ops.convert_to_tensor(one) for one in (X + 1, X[0] - 1)]
    state = [variable.value for variable in optimizer.variables]
    for _ in range(2):
        values, state = optimizer.stateless_apply(state, grads, values)
    unchanged = np.array_equal(weights[0].numpy(), X) and int(optimizer.iterations) == 0
    return _value(library, list(values)), _value(library, list(state)), bool(unchanged)


def _tree(library):
    model = library.Sequential([library.Input((4,)), library.layers.Dense(1, name="out")], name="net")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    found = model.get_state_tree("numpy_array")
    found["trainable_variables"]["net"]["out"]["kernel"] = np.full((4, 1), 2.0, "float32")
    model.set_state_tree({"trainable_variables": found["trainable_variables"], "metrics_variables": {"none": {"x": 1}}})
    shapes = {
        key: sorted(("/".join(map(str, path)), list(np.shape(leaf))) for path, leaf in tree.flatten_with_path(value))
        for key, value in found.items()
    }
    return sorted(shapes), shapes["trainable_variables"], shapes["optimizer_variables"], model.get_weights()[0]


def _same(mine, theirs):
    for own, other in zip(tree.flatten(mine), tree.flatten(theirs), strict=True):
        if isinstance(other, (float, np.ndarray)):
            np.testing.assert_allclose(own, other, rtol=2e-5, atol=1e-5)
        else:
            assert own == other


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, training):
    _same(_layer(ours, name, training), kept(_layer, keras, name, training))


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    _same(_metric(ours, name), kept(_metric, keras, name))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    _same(_optimizer(ours, name), kept(_optimizer, keras, name))


def test_the_state_tree():
    _same(_tree(ours), kept(_tree, keras))


def test_gradients_flow_to_what_is_given():
    layer = ours.layers.Dense(1, activation="tanh")
    layer.build((None, 4))
    given = [weight.detach().clone() + 0.5 for weight in layer.trainable_variables]
    x = torch.from_numpy(X)

    def loss(weights):
        return layer.stateless_call(weights, [], x)[0].square().sum()

    found = torch.func.grad(loss)(given)
    layer.set_weights(given)
    layer(x).square().sum().backward()
    for one, weight in zip(found, layer.weights, strict=True):
        torch.testing.assert_close(one, weight.grad)


def test_the_same_state_drops_the_same():
    layer = ours.layers.Dropout(0.5)
    layer.build((None, 4))
    state, x = [torch.tensor([3, 0])], torch.ones(8, 4)
    before = layer.variables[0].numpy().tolist()
    one, after = layer.stateless_call([], state, x, training=True)
    two, _ = layer.stateless_call([], state, x, training=True)
    other, _ = layer.stateless_call([], after, x, training=True)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert layer.variables[0].numpy().tolist() == before


def test_refusals():
    layer = ours.layers.Dense(1)
    with pytest.raises(ValueError, match="must be built"):
        layer.stateless_call([], [], X)
    layer.build((None, 4))
    with pytest.raises(ValueError, match="Received list with length 1, but expected 2"):
        layer.stateless_call([X], [], X)
    with pytest.raises(ValueError, match="of shape"):
        layer.stateless_call([X, X], [], X)
    with pytest.raises(ValueError, match="must be built"):
        ours.optimizers.SGD().stateless_apply([], [], [])
    model = ours.Sequential([layer])
    with pytest.raises(ValueError, match="Unknown variable name: weights"):
        model.set_state_tree({"weights": {}})
    with pytest.raises(ValueError, match="Invalid `value_format`"):
        model.get_state_tree("list")
