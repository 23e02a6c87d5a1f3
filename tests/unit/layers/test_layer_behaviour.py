"""What the layers do beside computing Keras's numbers: memory, modes, randomness, replacing parts, copying."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from torchkeras_shim import activations, layers
from torchkeras_shim.core import config
from torchkeras_shim.core.custom_objects import CustomObjectScope, register_keras_serializable
from torchkeras_shim.core.symbolic import KerasTensor
from torchkeras_shim.initializers import GlorotUniform

COPIES = {"aten.clone", "aten.copy_", "aten.contiguous", "aten._to_copy", "aten.constant_pad_nd"}


class Recorder(TorchDispatchMode):
    """Notes every operation that reaches a kernel."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.operations.append(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


def operations_of(layer, x, training=False):
    layer(x)
    layer.train(training)
    with torch.no_grad(), Recorder() as recorder:
        layer(x)
    return recorder.operations


IMAGE = torch.zeros(2, 8, 8, 4)
STEPS = torch.zeros(2, 8, 4)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (layers.Dense(3), torch.zeros(2, 4)),
        (layers.Dense(3, "relu"), STEPS),
        (layers.Conv2D(3, 3, padding="same"), IMAGE),
        (layers.Conv2D(3, 3, strides=2), IMAGE),
        (layers.Conv2D(3, 3, strides=(1, 3), padding="same"), torch.zeros(2, 8, 9, 4)),
        (layers.Conv2D(3, 3, data_format="channels_first"), torch.zeros(2, 4, 8, 8)),
        (layers.Conv1D(3, 3, padding="same"), STEPS),
        (layers.MaxPooling2D(), IMAGE),
        (layers.MaxPooling2D(3, 2, "same"), IMAGE),
        (layers.AveragePooling2D(2, 1, "same"), IMAGE),
        (layers.MaxPooling1D(2), STEPS),
        (layers.BatchNormalization(), IMAGE),
        (layers.BatchNormalization(), STEPS),
        (layers.LayerNormalization(), STEPS),
        (layers.Flatten(), IMAGE),
        (layers.Reshape((-1,)), IMAGE),
        (layers.Permute((2, 1)), STEPS),
        (layers.GlobalAveragePooling2D(), IMAGE),
        (layers.Dropout(0.5), IMAGE),
    ],
    ids=lambda value: value.name if isinstance(value, layers.Layer) else "",
)
def test_nothing_is_copied(layer, x):
    assert not COPIES & set(operations_of(layer, x))


def test_channels_last_chain_keeps_its_memory():
    x = torch.randn(2, 8, 8, 4)
    for layer in (
        layers.Conv2D(6, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(3, 2, "same"),
        layers.Conv2D(5, 2, strides=2, padding="same"),
        layers.AveragePooling2D(),
    ):
        x = layer(x)
        assert x.is_contiguous(), layer  # NHWC memory: what Flatten and Dense behind it want
    assert layers.Flatten()(x).data_ptr() == x.data_ptr()


@pytest.mark.parametrize(
    ("layer", "torchs", "x", "of_torch"),
    [
        (layers.Dense(3), torch.nn.Linear(4, 3), torch.zeros(2, 4), torch.zeros(2, 4)),
        (layers.MaxPooling2D(), torch.nn.MaxPool2d(2), IMAGE, IMAGE.permute(0, 3, 1, 2)),
        (layers.Conv2D(3, 3), torch.nn.Conv2d(4, 3, 3), IMAGE, IMAGE.permute(0, 3, 1, 2)),
        (layers.BatchNormalization(), torch.nn.BatchNorm2d(4).eval(), IMAGE, IMAGE.permute(0, 3, 1, 2)),
        (layers.LayerNormalization(), torch.nn.LayerNorm(4), STEPS, STEPS),
    ],
)
def test_as_few_kernels_as_torchs_own_module(layer, torchs, x, of_torch):
    views = ("aten.permute", "aten.t", "aten.transpose", "aten.unsqueeze", "aten.squeeze", "aten.view", "aten.detach")
    with torch.no_grad(), Recorder() as recorder:
        torchs(of_torch)
    expected = [name for name in recorder.operations if name not in views]
    assert [name for name in operations_of(layer, x) if name not in views] == expected


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_kernel_memory_is_what_torch_computes_on(data_format):
    layer = layers.Conv2D(6, 3, data_format=data_format)
    layer.build((None, 8, 8, 4) if data_format == "channels_last" else (None, 4, 8, 8))
    assert layer.kernel.shape == (3, 3, 4, 6)
    memory = torch.channels_last if data_format == "channels_last" else torch.contiguous_format

    def right(kernel):
        return kernel.permute(3, 2, 0, 1).is_contiguous(memory_format=memory)

    assert right(layer.kernel)
    assert layer.kernel.is_leaf
    layer.set_weights(layer.get_weights())
    assert right(layer.kernel)
    layer.load_state_dict(layer.state_dict())
    assert right(layer.kernel)
    assert right(copy.deepcopy(layer).kernel)
    assert right(layer.to(torch.float64).kernel)
    assert right(pickle.loads(pickle.dumps(layer)).kernel)


def test_layout_of_the_memory_does_not_change_what_an_initializer_draws():
    """A seeded initializer gives the same logical kernel in both layouts."""
    kernels = []
    for data_format, shape in (("channels_last", (1, 8, 8, 4)), ("channels_first", (1, 4, 8, 8))):
        layer = layers.Conv2D(6, 3, data_format=data_format, kernel_initializer=GlorotUniform(seed=1))
        layer(torch.zeros(shape))
        kernels.append(layer.get_weights()[0])
    np.testing.assert_array_equal(*kernels)


# Modes ----------------------------------------------------------------------------------------------------------------


def test_a_fresh_layer_is_in_inference_mode():
    x = torch.ones(50, 4)
    assert torch.equal(layers.Dropout(0.5)(x), x)
    normalization = layers.BatchNormalization(epsilon=0.0)
    assert torch.equal(normalization(x), x)
    normalization.train()
    assert not torch.equal(normalization(x), x)


def test_dropout_rate_and_scale():
    x = torch.ones(200, 200)
    for layer in (layers.Dropout(0.25), layers.Dropout(0.25, seed=1)):
        y = layer(x, training=True)
        assert y.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
        assert abs((y == 0).float().mean().item() - 0.25) < 0.01
    assert torch.equal(layers.Dropout(0.0)(x, training=True), x)
    assert not layers.Dropout(1.0, seed=1)(x, training=True).any()


def test_dropout_noise_shape_shares_draws():
    y = layers.Dropout(0.5, noise_shape=(None, 1, 3))(torch.ones(40, 7, 3), training=True)
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert 0 < (y == 0).float().mean() < 1


def test_dropout_seed():
    x = torch.ones(30, 30)
    one, two = layers.Dropout(0.5, seed=7), layers.Dropout(0.5, seed=7)
    first = one(x, training=True)
    torch.manual_seed(99)
    assert torch.equal(first, two(x, training=True))
    assert not torch.equal(first, one(x, training=True))
    for copied in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert torch.equal(copied(x, training=True), copy.deepcopy(one)(x, training=True))


def test_batch_normalization_called_twice_before_backward():
    """A layer that is shared in one graph moves its statistics twice, and the gradient still flows."""
    layer = layers.BatchNormalization(momentum=0.5)
    x = torch.randn(8, 3, requires_grad=True)
    layer.build((None, 3))
    layer.train()
    (layer(layer(x) * 2).square() * torch.rand(8, 3)).sum().backward()
    assert x.grad.abs().sum() > 0
    assert layer.gamma.grad.abs().sum() > 0


def test_batch_normalization_with_one_value_per_channel():
    layer = layers.BatchNormalization(momentum=0.5)
    y = layer(torch.tensor([[3.0, 5.0]]), training=True)
    assert torch.equal(y, torch.zeros(1, 2))
    np.testing.assert_allclose(layer.moving_mean.numpy(), [1.5, 2.5])
    np.testing.assert_allclose(layer.moving_variance.numpy(), [0.5, 0.5])


def test_statistics_are_buffers():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    assert [name for name, _ in layer.named_parameters()] == ["gamma", "beta"]
    assert [name for name, _ in layer.named_buffers()] == ["moving_mean", "moving_variance"]


# Parts that may be replaced -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [layers.Dense(3), layers.Conv1D(3, 1)])
def test_activation_may_be_replaced(layer):
    x = torch.randn(2, 5, 4)
    plain = layer(x)
    layer.activation = activations.relu
    assert torch.equal(layer(x), torch.relu(plain))
    layer.activation = activations.linear
    assert torch.equal(layer(x), plain)
    assert layer.get_config()["activation"] == "linear"


def test_torch_functions_and_modules_as_activation():
    x = torch.randn(2, 4)
    slope = torch.nn.PReLU(init=0.1)
    layer = layers.Dense(3, activation=slope)
    y = layer(x)
    assert torch.equal(y, slope(torch.addmm(layer.bias, x, layer.kernel)))
    assert any(parameter is slope.weight for parameter in layer.parameters())
    assert torch.equal(layers.Activation(torch.tanh)(x), torch.tanh(x))
    assert torch.equal(layers.Activation(torch.nn.ReLU())(x), torch.relu(x))
    assert torch.equal(layers.Activation(lambda v: v * 2)(x), x * 2)


def test_softmax_leaves_its_logits_for_the_loss():
    x = torch.randn(2, 4)
    for layer in (layers.Activation("softmax"), layers.Softmax(), layers.Dense(3, activation="softmax")):
        y = layer(x)
        assert torch.allclose(torch.softmax(y._keras_logits, -1), y)


def test_convolution_op_may_be_overridden():
    class Standardized(layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel - kernel.mean((0, 1, 2), keepdim=True))

    x = torch.randn(1, 5, 5, 2)
    layer, plain = Standardized(3, 3, bias_initializer="ones"), layers.Conv2D(3, 3, bias_initializer="ones")
    layer(x)
    plain(x)
    plain.kernel.assign(layer.kernel - layer.kernel.mean((0, 1, 2), keepdim=True))
    assert torch.allclose(layer(x), plain(x), atol=1e-6)


def test_a_subclass_with_its_own_build_is_built():
    class Scaled(layers.Dropout):
        def build(self, input_shape):
            self.factor = self.add_weight(name="factor", shape=input_shape[1:], initializer="ones")

        def call(self, inputs, training=False):
            return super().call(inputs * self.factor, training=training)

    layer = Scaled(0.5)
    assert torch.equal(layer(torch.ones(2, 3)), torch.ones(2, 3))
    assert (layer(torch.ones(2, 99)[:, :3], training=True) != 1).any()
    assert layer.count_params() == 3


def test_kernel_initializer_none_is_keras_default():
    layer = layers.Conv2D(3, 3, kernel_initializer=None)
    layer(torch.zeros(1, 4, 4, 2))
    assert layer.kernel.abs().max() > 0


# Lambda ---------------------------------------------------------------------------------------------------------------


@register_keras_serializable("tests")
def scale_by(x, factor=2.0):
    return x * factor


def test_lambda_layer():
    x = torch.ones(2, 3)
    assert torch.equal(layers.Lambda(scale_by, arguments={"factor": 3.0})(x), x * 3)
    assert torch.equal(layers.Lambda(torch.neg)(x), -x)
    seen = []
    layer = layers.Lambda(lambda x, training: seen.append(training) or x)
    layer(x)
    layer(x, training=True)
    assert seen == [False, True]
    assert layers.Lambda(lambda x: x[:, :2])(KerasTensor((None, 3))).shape == (None, 2)
    assert layers.Lambda(lambda x: x, output_shape=(7,))(KerasTensor((None, 3))).shape == (None, 7)
    assert layers.Lambda(lambda x: x, output_shape=lambda s: (s[0], 9))(KerasTensor((4, 3))).shape == (4, 9)


def test_lambda_config():
    layer = layers.Lambda(scale_by, output_shape=(3,), arguments={"factor": 3.0}, name="scale")
    again = layers.deserialize(layers.serialize(layer))
    assert again.function is scale_by
    assert again.get_config() == layer.get_config()
    assert layers.Lambda(lambda x: x, name="own").get_config()["function"]["config"] == "own"
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}}
    with pytest.raises(ValueError, match="never executed here"):
        layers.Lambda.from_config({"name": "l", "function": code})
    with pytest.raises(ValueError, match="never executed here"):
        layers.deserialize({"class_name": "Lambda", "config": {"name": "l", "function": code}})


def test_lambda_mask():
    layer = layers.Lambda(lambda x, mask=None: x, mask=lambda x, mask: x[..., 0] > 0)
    assert layer(torch.tensor([[1.0], [0.0]]))._keras_mask.tolist() == [True, False]


# Copies and names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (layers.Dense(3, "relu"), torch.randn(2, 4)),
        (layers.Conv2D(3, 3, activation="softmax"), torch.randn(2, 8, 8, 4)),
        (layers.BatchNormalization(), torch.randn(2, 4)),
        (layers.LayerNormalization(), torch.randn(2, 4)),
        (layers.Embedding(5, 2), torch.tensor([[1, 2]])),
        (layers.Rescaling([1.0, 2.0], [0.5, 0.5]), torch.randn(3, 2)),
        (layers.PReLU(), torch.randn(3, 2)),
    ],
    ids=lambda value: value.name if isinstance(value, layers.Layer) else "",
)
def test_copies_compute_the_same(layer, x):
    expected = layer(x)
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(copied(x), expected)
        assert [w.path for w in copied.weights] == [w.path for w in layer.weights]
    fresh = type(layer).from_config(layer.get_config())
    fresh(x)
    fresh.set_weights(layer.get_weights())
    assert torch.equal(fresh(x), expected)


def test_aliases_and_deserialization_by_name():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    with CustomObjectScope({}):
        made = layers.deserialize({"class_name": "Dense", "config": {"units": 2, "name": "d"}})
    assert isinstance(made, layers.Dense)
    assert made.units == 2


def test_integer_pooling_keeps_integers():
    x = torch.arange(16, dtype=torch.int32).reshape(1, 4, 4, 1)
    y = layers.MaxPooling2D()(x)
    assert y.dtype == torch.int32
    assert y.flatten().tolist() == [5, 7, 13, 15]


def test_rescaling_follows_the_global_layout_for_arrays():
    config.set_image_data_format("channels_first")
    try:
        y = layers.Rescaling([1.0, 2.0])(torch.ones(1, 2, 3, 3))
    finally:
        config.set_image_data_format("channels_last")
    assert y[0, 0].eq(1).all()
    assert y[0, 1].eq(2).all()


def test_on_each_device(device):
    for layer, x in (
        (layers.Conv2D(3, 3, strides=2, padding="same"), torch.randn(2, 8, 8, 4)),
        (layers.BatchNormalization(), torch.randn(2, 8, 4)),
        (layers.Dropout(0.5, seed=1), torch.randn(2, 4)),
        (layers.Rescaling([1.0, 2.0]), torch.randn(2, 2)),
        (layers.AveragePooling2D(3, 2, "same"), torch.randn(2, 7, 7, 4)),
    ):
        expected = layer.cpu()(x)
        assert torch.allclose(layer.to(device)(x.to(device)).cpu(), expected, atol=1e-5)
        layer(x.to(device), training=True)
