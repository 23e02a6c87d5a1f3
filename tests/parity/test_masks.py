"""Layers of one's own that take, pass on, make or drop masks, against real Keras."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity.oracle import assert_close, kept, keras, to_numpy

X = np.array([[[1, 2], [0, 0], [3, 1]], [[0, 0], [1, 1], [0, 0]]], "float32")
MASK = np.array([[True, True, False], [False, True, False]])


def kinds(k):
    """The classes, by what they do with a mask."""

    class Plain(k.layers.Layer):
        def call(self, x):
            return x * 2.0

    class PassesOn(Plain):
        def compute_mask(self, inputs, mask=None):
            return mask

    class Drops(Plain):
        def compute_mask(self, inputs, mask=None):
            return None

    class Makes(Plain):
        def compute_mask(self, inputs, previous_mask=None):
            return k.ops.any(k.ops.not_equal(inputs, 0.0), axis=-1)

    class SaysNo(PassesOn):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = False

    class SaysYes(Plain):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True

    class Takes(k.layers.Layer):
        def call(self, x, mask=None):
            return x if mask is None else x * k.ops.expand_dims(k.ops.cast(mask, "float32"), -1)

    class TakesAndPassesOn(Takes):
        def compute_mask(self, x, mask=None):
            return mask

    class Same(k.layers.Layer):
        def call(self, x):
            return x

    class SameWithout(Same):
        def compute_mask(self, x, mask=None):
            return None

    return [Plain, PassesOn, Drops, Makes, SaysNo, SaysYes, Takes, TakesAndPassesOn, Same, SameWithout]


def pairs(k):
    """Layers of two inputs that show which masks they were given."""

    class Listed(k.layers.Layer):
        def call(self, inputs, mask=None):
            total = inputs[0] + inputs[1]
            for number, one in enumerate(mask):
                total = (
                    total if one is None else total + (number + 1) * k.ops.expand_dims(k.ops.cast(one, "float32"), -1)
                )
            return total

        def compute_mask(self, inputs, mask=None):
            return mask[0]

    class Nameless(k.layers.Layer):
        def call(self, a, b, mask=None):
            return a + b if mask is None else a + 100.0

        def compute_mask(self, inputs, mask=None):
            return mask

    class Named(k.layers.Layer):
        def call(self, a, b, a_mask=None, b_mask=None):
            total = a + b
            for number, one in enumerate((a_mask, b_mask)):
                total = (
                    total if one is None else total + (number + 1) * k.ops.expand_dims(k.ops.cast(one, "float32"), -1)
                )
            return total

    return [Listed, Nameless, Named]


NAMES = [kind.__name__ for kind in kinds(tks)]
PAIRS = [kind.__name__ for kind in pairs(tks)]


def mask_of(tensor):
    mask = getattr(tensor, "_keras_mask", None)
    return None if mask is None else to_numpy(mask).astype(bool).tolist()


def ways(k, kind):
    """Returns what a layer gives in each place, as (values, mask)."""

    def bare(x):
        return kind()(x)

    def after_other_calls(x):
        layer = kind()
        layer(k.ops.convert_to_tensor(X))
        return layer(x)

    def sequential(x):
        return k.Sequential([kind()])(x)

    def functional(x):
        inputs = k.Input((3, 2))
        return k.Model(inputs, kind()(inputs))(x)

    def nested(x):
        inputs = k.Input((3, 2))
        inner = k.Model(inputs, kind()(inputs))
        return k.Sequential([k.layers.Masking(), inner, kind()])(x)

    def subclassed(x):
        class Net(k.Model):
            def __init__(self):
                super().__init__()
                self.masking, self.inner = k.layers.Masking(), kind()

            def call(self, x):
                return self.inner(self.masking(x))

        return Net()(x)

    def wrapped(x):
        class Around(k.layers.Wrapper):
            def call(self, x):
                return self.layer(x)

        return Around(kind())(x)

    def distributed(x):
        return k.layers.TimeDistributed(kind())(x)

    def before_a_recurrent_layer(x):
        ones = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "return_sequences": True}
        return k.Sequential([kind(), k.layers.Bidirectional(k.layers.LSTM(1, **ones))])(x)

    return [bare, after_other_calls, sequential, functional, nested] + [
        subclassed,
        wrapped,
        distributed,
        before_a_recurrent_layer,
    ]


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_layers_of_ones_own(index):
    ours_kind, theirs_kind = kinds(tks)[index], kinds(keras)[index]
    assert ours_kind().supports_masking == theirs_kind().supports_masking
    for ours, theirs in zip(ways(tks, ours_kind), ways(keras, theirs_kind), strict=True):
        for masked in (False, True):
            start = [k.layers.Masking()(X) if masked else k.ops.convert_to_tensor(X) for k in (tks, keras)]
            a, b = ours(start[0]), theirs(start[1])
            assert_close(a, b, message=ours.__name__)
            assert mask_of(a) == mask_of(b), (ours.__name__, masked)


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("masked", [(0, 0), (0, 1), (1, 0), (1, 1)], ids=str)
@pytest.mark.parametrize("index", range(len(PAIRS)), ids=PAIRS)
def test_two_inputs(index, masked):
    results = []
    for k in (tks, keras):
        inputs = [k.layers.Masking()(X) if one else k.ops.convert_to_tensor(X) for one in masked]
        layer = pairs(k)[index]()
        results.append(layer(inputs) if index == 0 else layer(*inputs))
    assert_close(*results)
    assert mask_of(results[0]) == mask_of(results[1])


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask:UserWarning")
@pytest.mark.parametrize("name", ["Takes", "TakesAndPassesOn"])
def test_a_mask_that_is_given(name):
    index = NAMES.index(name)
    ours, theirs = (
        kinds(k)[index]()(k.ops.convert_to_tensor(X), mask=k.ops.convert_to_tensor(MASK)) for k in (tks, keras)
    )
    assert_close(ours, theirs)
    assert mask_of(ours) == mask_of(theirs)


@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask:UserWarning")  # Keras warns, falsely
@pytest.mark.parametrize("build", ["sequential", "functional"])
def test_a_mask_that_is_given_to_a_model(build):
    results = []
    for k in (tks, keras):
        layer = k.layers.GlobalAveragePooling1D()
        inputs = k.Input((3, 2))
        model = k.Sequential([layer]) if build == "sequential" else k.Model(inputs, layer(inputs))
        x = k.ops.convert_to_tensor(X)
        results.append(model(x, mask=k.ops.convert_to_tensor(MASK)))
        if k is tks:
            assert mask_of(x) is None
    assert_close(*results)


def test_the_loss_sees_the_mask():
    losses = []
    for k in (tks, keras):
        kind = kinds(k)[NAMES.index("PassesOn")]
        model = k.Sequential(
            [k.layers.Input((3, 2)), k.layers.Masking(), kind(), k.layers.Dense(1, kernel_initializer="ones")]
        )
        model.compile("sgd", "mse", metrics=["mae"])
        losses.append(model.evaluate(X, np.ones((2, 3, 1)), verbose=0))
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    np.testing.assert_allclose(losses[0], [27.666666, 5.0], rtol=1e-6)


def seen_while_built(k):
    """Which masks a layer that needs one is given while a functional model is put together, and what is read there."""
    seen = []

    class Needs(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x, mask=None):
            assert mask is not None
            seen.append((mask.ndim, str(mask.dtype).rpartition(".")[2]))
            return x * k.ops.expand_dims(k.ops.cast(mask, x.dtype), -1)

    inputs = k.Input((None,), dtype="int32")
    x = k.layers.Embedding(5, 2, mask_zero=True, embeddings_initializer="ones")(inputs)
    read = [tuple(x._keras_mask.shape)]
    for layer in (k.layers.Activation("relu"), k.layers.Dropout(0.5), k.layers.Dense(2, kernel_initializer="ones")):
        x = layer(x)
        read.append(tuple(x._keras_mask.shape))
    x = Needs()(x)
    read.append(getattr(k.ops.add(x, 1.0), "_keras_mask", None))
    model = k.Model(inputs, x)
    values = to_numpy(model(np.array([[1, 2, 0]]))).tolist()
    return sorted(set(seen)), read, values


def test_masks_are_there_while_a_functional_model_is_built():
    assert seen_while_built(tks) == kept(seen_while_built, keras)


def test_a_symbolic_mask_is_an_input_like_any_other():
    inputs = tks.Input((None,), dtype="int32")
    x = tks.layers.Embedding(5, 2, mask_zero=True)(inputs)
    model = tks.Model(inputs, tks.layers.LSTM(3)(x + 1.0, mask=x._keras_mask))
    whole, short = model(np.array([[1, 2, 0]])), model(np.array([[1, 2]]))
    assert_close(whole, short)
