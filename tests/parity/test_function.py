"""`keras.Function`, compared with Keras."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as ours
from tests.parity.oracle import kept, keras
from torchkeras_shim.core import tree

X = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)


def _one(k):
    x = k.KerasTensor((None, 3))
    return k.Function(x, k.ops.tanh(x) * 2), X


def _listed(k):
    x = k.KerasTensor((None, 3))
    return k.Function([x], [x + 1]), [X]


def _dict(k):
    a, b = k.KerasTensor((None, 3)), k.KerasTensor((2, 3))
    return k.Function({"a": a, "b": b}, {"sum": a + b, "rest": (a - b,)}), {"a": X, "b": 2 * X}


def _between(k):
    x = k.Input((3,))
    hidden = k.layers.Dense(3, kernel_initializer="ones")(x)
    return k.Function(hidden, k.layers.Activation("relu")(hidden)), X


CASES = {"one": _one, "listed": _listed, "dict": _dict, "between": _between}


def _called(library, case):
    function, given = CASES[case](library)
    given = tree.map_structure(library.ops.convert_to_tensor, given)
    found = tree.map_structure(lambda leaf: np.array(library.ops.convert_to_numpy(leaf)), function(given))
    shapes = tree.map_structure(lambda leaf: list(leaf.shape), function.compute_output_spec(_specs(library, given)))
    return found, shapes, len(function.inputs), len(function.outputs)


def _specs(library, given):
    return tree.map_structure(lambda leaf: library.KerasTensor(tuple(leaf.shape), "float32"), given)


def _refused(library, kind):
    function, _ = _one(library)
    x = library.KerasTensor((None, 3))
    calls = {
        "rank": lambda: function(library.ops.ones((3,))),
        "size": lambda: function(library.ops.ones((2, 4))),
        "structure": lambda: function([library.ops.ones((2, 3))]),
        "empty": lambda: library.Function([], x),
        "disconnected": lambda: library.Function(x, library.KerasTensor((None, 3)) + 1),
    }
    try:
        calls[kind]()
    except ValueError as error:
        parts = ("expected shape", "invalid input structure", "cannot be empty")
        return [part for part in parts if part in str(error)]
    return "nothing"


@pytest.mark.parametrize("case", CASES)
def test_calls(case):
    mine, theirs = _called(ours, case), kept(_called, keras, case)
    for own, other in zip(tree.flatten(mine), tree.flatten(theirs), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6)


@pytest.mark.parametrize("kind", ["rank", "size", "structure", "empty"])
def test_refusals(kind):
    assert _refused(ours, kind) == kept(_refused, keras, kind)


def test_what_is_not_connected_is_refused():
    assert _refused(ours, "disconnected") != "nothing"
