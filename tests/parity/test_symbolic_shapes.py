"""Operations on symbolic tensors of several unknown sizes, and the paths of weights, against real Keras."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras

PAIRS = [
    ((None, 3), (2, None)),
    ((None, 3), (2, 3)),
    ((None, None, 8), (1, 10, 8)),
    ((None, None, 3), (4, 1)),
    ((None, 1, 3), (5, None, 3)),
]
REFUSED = [((2, 3), (2, 3, 4)), ((None, 3), (2, 4)), ((None, 2, 3), (None, 4, 3))]
NAMES = ["add", "multiply", "maximum", "logical_and", "less_equal", "divide_no_nan", "arctan2"]


def shape_of(module, name, shapes):
    return getattr(module.ops, name)(*(module.KerasTensor(shape) for shape in shapes)).shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shapes", PAIRS, ids=str)
def test_unknown_sizes_are_broadcast(name, shapes):
    assert tuple(shape_of(torchkeras_shim, name, shapes)) == tuple(shape_of(keras, name, shapes))


@pytest.mark.parametrize("name", NAMES[:3])
@pytest.mark.parametrize("shapes", REFUSED, ids=str)
def test_shapes_that_do_not_fit_are_a_value_error(name, shapes):
    for module in (keras, torchkeras_shim):
        with pytest.raises(ValueError):
            shape_of(module, name, shapes)


def test_the_error_names_function_and_shapes():
    with pytest.raises(
        ValueError, match=r"`add\w*` cannot be computed of symbolic tensors of the shapes \(2, 3\), \(4,\)"
    ):
        _ = torchkeras_shim.KerasTensor((2, 3)) + torchkeras_shim.KerasTensor((4,))


def test_a_model_adds_a_table_to_sequences_of_any_length():
    inputs = torchkeras_shim.Input((None, 2))
    outputs = inputs + torchkeras_shim.Input((3, 2))
    assert outputs.shape == (None, 3, 2)
    model = torchkeras_shim.Model(outputs._keras_history.operation._inbound_nodes[0].input_tensors, outputs)
    assert model([np.ones((2, 3, 2), "float32"), np.ones((2, 3, 2), "float32")]).shape == (2, 3, 2)


def own_paths(module):
    """The paths of weights that layers make in `__init__` and in `build`."""

    class Inner(module.layers.Layer):
        def __init__(self):
            super().__init__(name="inner")
            self.w = self.add_weight(shape=(1,), name="w")

        def build(self, _):
            self.v = self.add_variable(shape=(1,), initializer="zeros", name="v", trainable=False)
            self.built = True

    class Outer(module.layers.Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.x = self.add_weight(shape=(1,), name="x")
            self.inner = Inner()

        def build(self, _):
            self.inner.build(None)
            self.late = Inner()
            self.built = True

    layer = Outer()
    layer.build(None)
    return [weight.path for weight in layer.weights]


def test_weights_made_in_init_have_the_layer_in_their_path():
    assert own_paths(torchkeras_shim) == kept(own_paths, keras)


FOUND = {
    "inner": (lambda k: k.ops.inner(k.KerasTensor((5, None)), k.KerasTensor((4, 3))), (5, 4)),
    "vstack": (lambda k: k.ops.vstack([k.KerasTensor((None, 3)), k.KerasTensor((None, None))]), (None, 3)),
    "reshape": (lambda k: k.ops.reshape(k.KerasTensor((None, 4)), (-1, 8)), (None, 8)),
    "split": (lambda k: k.ops.split(k.KerasTensor((None, 3)), 2)[0], (None, 3)),
    "array_split": (lambda k: k.ops.array_split(k.KerasTensor((None, 4)), 3)[0], (None, 4)),
    "space_to_depth": (lambda k: k.ops.space_to_depth(k.KerasTensor((None, None, None, 3)), 2), (None, None, None, 12)),
    "item": (lambda k: k.KerasTensor((None, 3))[5], (3,)),
    "remainder": (lambda k: k.ops.mod(k.KerasTensor((2,), "int32"), k.KerasTensor((2,), "int32")), (2,)),
    "diagonal": (lambda k: k.ops.diag(k.KerasTensor((None, 3)), -3), (None,)),
    "segments": (lambda k: k.ops.segment_sum(k.KerasTensor((None, 4)), k.KerasTensor((None,), "int32")), (None, 4)),
    "unstack": (lambda k: k.ops.unstack(k.KerasTensor((2, None, 3)), 3, axis=1)[2], (2, 3)),
    "spectrogram": (lambda k: k.layers.MelSpectrogram(fft_length=2048)(k.KerasTensor((None, None))), (None, 128, None)),
}


@pytest.mark.parametrize("name", FOUND)
def test_sizes_that_fit_are_found(name):
    call, shape = FOUND[name]
    assert call(torchkeras_shim).shape == shape


@pytest.mark.parametrize("axis", [1, 5])
def test_an_unknown_number_of_slices_is_refused(axis):
    with pytest.raises(ValueError, match=r"Cannot infer argument `num`|out of bounds"):
        torchkeras_shim.ops.unstack(torchkeras_shim.KerasTensor((2, None)), axis=axis)
