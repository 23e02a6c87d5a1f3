"""A normalization or a sum and the activation behind it run as one, and nobody can tell."""

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

ACTIVATIONS = {
    "relu": lambda: layers.ReLU(),
    "relu6": lambda: layers.ReLU(6.0),
    "leaky": lambda: layers.ReLU(negative_slope=0.1),
    "activation": lambda: layers.Activation("relu"),
    "silu": lambda: layers.Activation("silu"),
    "tanh": lambda: layers.Activation("tanh"),
}
FIRST = {
    "normalization": lambda x: layers.BatchNormalization(name="first")(x),
    "channels first": lambda x: layers.BatchNormalization(axis=1, name="first")(x),
    "sum": lambda x: layers.Add(name="first")([x, layers.Conv2D(4, 1)(x)]),
    "sum of twice the same": lambda x: layers.Add(name="first")([x, x]),
}


def built(first, activation, shape=(5, 6, 4)):
    inputs = keras.Input(shape)
    middle = layers.Conv2D(4, 3, padding="same")(inputs)
    outputs = ACTIVATIONS[activation]()(FIRST[first](middle))
    return keras.Model(inputs, outputs)


def apart(model, x):
    """The same model with a hook, which makes it call layer by layer."""
    handle = model.get_layer("first").register_forward_hook(lambda *_: None)
    try:
        return model(x)
    finally:
        handle.remove()


def gradients(outputs, model):
    loss = (outputs * torch.linspace(-1, 1, outputs.numel()).reshape(outputs.shape)).sum()
    return torch.autograd.grad(loss, list(model.parameters()))


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("first", FIRST)
def test_the_same_numbers_gradients_and_statistics(first, activation, dtype):
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(dtype)
    try:
        model = built(first, activation)
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    x = torch.randn(3, 5, 6, 4, dtype=torch.float64 if dtype == "float64" else torch.float32)
    for training in (True, False):
        for one in (model, twin):
            one.train(training)
        for _ in range(3):  # the first call is not yet the quick one
            joined, plain = model(x), apart(twin, x)
            assert torch.equal(joined, plain)
            for one, other in zip(gradients(joined, model), gradients(plain, twin), strict=True):
                assert torch.equal(one, other)
            with torch.no_grad():
                assert torch.equal(model(x), apart(twin, x))
    for one, other in zip(model.buffers(), twin.buffers(), strict=True):
        assert torch.equal(one, other)


def test_the_pair_is_one_line_unless_somebody_sees_the_middle():
    model = built("normalization", "relu")
    model(torch.zeros(1, 5, 6, 4))
    assert sum("first" in line for line in model._graph.code.splitlines()) == 1
    middle = model.get_layer("first").output
    both = keras.Model(model.inputs, [middle, model.outputs[0]])
    x = torch.randn(2, 5, 6, 4)
    for _ in range(2):
        normalized, activated = both(x)
    assert (normalized < 0).any()
    assert torch.equal(torch.relu(normalized), activated)
    used_twice = keras.Model(model.inputs, layers.Add()([middle, layers.ReLU()(middle)]))
    for _ in range(2):
        assert torch.equal(used_twice(x), normalized + torch.relu(normalized))


@pytest.mark.parametrize("first", FIRST)
def test_hooks_and_replaced_functions_see_what_they_would(first):
    model, x = built(first, "relu"), torch.randn(2, 5, 6, 4)
    model.eval()
    for _ in range(2):
        expected = model(x)
    seen = []
    middle = model.get_layer("first")

    def see(module, _, outputs):
        if module is middle:
            seen.append(outputs.clone())

    for register, hook in (
        (middle.register_forward_hook, see),
        (model.layers[-1].register_forward_pre_hook, lambda _, given: seen.append(given[0].clone())),
        (torch.nn.modules.module.register_module_forward_hook, see),
    ):
        handle = register(hook)
        assert torch.equal(model(x), expected)
        handle.remove()
    assert len(seen) == 3
    assert all(torch.equal(torch.relu(given), expected) and (given < 0).any() for given in seen)
    assert torch.equal(model(x), expected)
    layer = model.layers[-1]
    layer.forward = lambda inputs: inputs + 1
    assert (model(x) < 0).any()
    del layer.forward
    assert torch.equal(model(x), expected)


def test_what_was_given_stays_as_it_is():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.ReLU()(layers.BatchNormalization()(inputs)))
    x = torch.randn(8, 4)
    before = x.clone()
    for training in (True, False):
        model.train(training)
        for _ in range(2):
            with torch.no_grad():
                model(x)
    assert torch.equal(x, before)
    alone = keras.Model(inputs, layers.ReLU()(layers.Add()([inputs, inputs])))
    for _ in range(2):
        alone(x)
    assert torch.equal(x, before)


def test_another_activation_is_heeded():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Activation("relu")(layers.BatchNormalization()(inputs)))
    x = torch.randn(8, 4)
    for _ in range(2):
        model(x)
    model.layers[-1].activation = keras.activations.tanh
    assert (model(x) < 0).any()


@pytest.mark.parametrize("jit_compile", [False, "captured"])
def test_fit_gives_the_same_weights(jit_compile):
    model = built("normalization", "relu6")
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.get_layer("first").register_forward_hook(lambda *_: None)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(20, 5, 6, 4)).astype("float32"), generator.normal(size=(20, 5, 6, 4))
    for one, how in ((model, jit_compile), (twin, False)):
        one.compile("adam", "mse", jit_compile=how)
        one.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


CONVOLUTIONS = {
    "channel by channel": lambda **given: layers.DepthwiseConv2D(given.pop("kernel_size", 3), name="second", **given),
    "two kernels for each channel": lambda **given: layers.DepthwiseConv2D(
        given.pop("kernel_size", 3), depth_multiplier=2, activation="relu", name="second", **given
    ),
    "in groups": lambda **given: layers.Conv2D(4, given.pop("kernel_size", 3), groups=2, name="second", **given),
    "of all channels": lambda **given: layers.Conv2D(
        3, given.pop("kernel_size", 3), use_bias=False, name="second", **given
    ),
}
AMOUNTS = {
    "one row after": (((0, 1), (0, 1)), {"strides": 2}),
    "more after": (((1, 2), (1, 2)), {"strides": 2, "kernel_size": 5}),
    "less after": (((2, 1), (3, 0)), {"strides": 3}),
    "much after": (((0, 7), (1, 5)), {"strides": 2}),
    "apart": (((0, 1), (2, 2)), {"dilation_rate": 2}),
    "step by step": (((0, 1), (1, 0)), {}),
    "the same": (((1, 1), (2, 2)), {"strides": 2}),
}


def padded(convolution, amounts, shape=(6, 7, 4), behind=None, **given):
    amounts, settings = AMOUNTS[amounts]
    inputs = keras.Input(shape)
    x = layers.ZeroPadding2D(amounts, name="first", **given)(inputs)
    x = CONVOLUTIONS[convolution](**settings, **given)(x)
    behind = behind or layers.BatchNormalization(axis=1 if given.get("data_format") == "channels_first" else -1)
    return keras.Model(inputs, behind(x))


@pytest.mark.parametrize("layout", [{}, {"data_format": "channels_first"}])
@pytest.mark.parametrize("amounts", AMOUNTS)
@pytest.mark.parametrize("convolution", CONVOLUTIONS)
def test_a_convolution_that_pads_by_itself_computes_the_same(convolution, amounts, layout):
    shape = (6, 7, 4) if not layout else (4, 6, 7)
    model = padded(convolution, amounts, shape, **layout)
    for weight in model.weights:
        weight.assign(torch.rand(weight.shape))
    for _ in range(2):  # the first call is not yet the quick one
        x = torch.randn(2, *shape, requires_grad=True)
        for training in (True, False):
            model.train(training)
            joined, plain = model(x), apart(model, x)
            torch.testing.assert_close(joined, plain)
            for one, other in zip(gradients(joined, model), gradients(plain, model), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
        with torch.no_grad():
            torch.testing.assert_close(model(x), apart(model, x))


def test_it_is_one_line_and_makes_no_copy_of_the_inputs(monkeypatch):
    calls = []
    pad = torch.nn.functional.pad
    monkeypatch.setattr(torch.nn.functional, "pad", lambda *given: calls.append(1) or pad(*given))
    model, x = padded("channel by channel", "one row after"), torch.randn(2, 6, 7, 4)
    calls.clear()
    with torch.no_grad():
        outputs = [model(x) for _ in range(3)]
        assert not calls
        assert "first_second" in model._graph.code
        assert all(torch.equal(one, apart(model, x)) for one in outputs)
    with torch.enable_grad():
        calls.clear()
        model(x)
    assert calls, "the gradients of a part take more than a copy"


def test_outputs_have_no_gaps_where_the_users_code_may_see_them():
    seen = []
    model = padded("channel by channel", "one row after", behind=layers.Lambda(lambda x: seen.append(x) or x))
    x = torch.randn(2, 6, 7, 4)
    with torch.no_grad():
        outputs = [model(x) for _ in range(2)]
    assert all(one.is_contiguous() for one in (*outputs, *seen[-2:]))
    assert "first_second" not in model._graph.code


def test_hooks_see_what_is_padded():
    model, seen = padded("of all channels", "the same"), []
    x = torch.randn(2, 6, 7, 4)
    model(x)
    handle = model.get_layer("second").register_forward_pre_hook(lambda layer, given: seen.append(given[0].shape))
    model(x)
    handle.remove()
    model(x)
    assert seen == [(2, 8, 11, 4)]


@pytest.mark.parametrize("convolution", ["channel by channel", "of all channels"])
def test_an_error_is_that_of_the_layer(convolution):
    model = padded(convolution, "one row after", (None, None, 4))
    with torch.no_grad():
        model(torch.zeros(1, 6, 6, 4))
        with pytest.raises(ValueError, match="Layer 'second': Computed output size would be zero or negative"):
            model(torch.zeros(1, 1, 6, 4))


def test_subclasses_of_the_users_are_called():
    class Own(layers.Conv2D):
        def call(self, inputs):
            return super().call(inputs) * 2

    inputs = keras.Input((6, 6, 4))
    model = keras.Model(inputs, Own(3, 3, name="second")(layers.ZeroPadding2D(1, name="first")(inputs)))
    model(torch.zeros(1, 6, 6, 4))
    assert "first_second" not in model._graph.code
