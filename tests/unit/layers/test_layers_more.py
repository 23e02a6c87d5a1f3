"""Noise, views instead of copies, memory of kernels, types, and models of the merging, reshaping and other layers."""

from __future__ import annotations

import copy

import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import Input, Model, layers
from torchkeras_shim.core import config


@pytest.mark.parametrize(
    ("layer", "mean", "stddev"),
    [
        (layers.GaussianNoise(0.5, seed=1), 1.0, 0.5),
        (layers.GaussianDropout(0.2, seed=1), 1.0, 0.5),
        (layers.SpatialDropout1D(0.5, seed=1), 1.0, 1.0),
    ],
)
def test_noise_is_what_it_says(layer, mean, stddev):
    x = torch.ones(40, 3, 1000)
    assert layer(x) is x
    first = layer(x, training=True)
    assert first.mean().item() == pytest.approx(mean, abs=0.02)
    assert first.std().item() == pytest.approx(stddev, abs=0.02)
    assert not torch.equal(first, layer(x, training=True))
    again = type(layer).from_config(layer.get_config())
    assert torch.equal(again(x, training=True), first)


def test_alpha_dropout_keeps_mean_and_variance():
    x = torch.randn(1000, 300)
    y = layers.AlphaDropout(0.3, seed=0)(x, training=True)
    assert y.mean().item() == pytest.approx(0.0, abs=0.02)
    assert y.std().item() == pytest.approx(1.0, abs=0.02)
    rows = layers.AlphaDropout(0.5, noise_shape=(None, 1), seed=0)(x, training=True)
    assert all(row.unique().numel() in (1, 300) for row in rows[:50])


def test_noise_follows_the_global_seed_by_default():
    layer, x = layers.GaussianNoise(0.5), torch.ones(3, 4)
    torch.manual_seed(3)
    first = layer(x, training=True)
    torch.manual_seed(3)
    assert torch.equal(layer(x, training=True), first)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_spatial_dropout_drops_whole_channels(data_format):
    x = torch.ones(8, 5, 5, 5)
    y = layers.SpatialDropout2D(0.5, data_format, seed=0)(x, training=True)
    places = (1, 2) if data_format == "channels_last" else (2, 3)
    assert torch.equal(y.amin(places), y.amax(places))
    assert set(y.unique().tolist()) == {0.0, 2.0}


def test_a_rate_of_one_is_refused_where_it_has_no_result():
    for layer in (layers.GaussianDropout(1.0), layers.AlphaDropout(1.0)):
        with pytest.raises(ValueError, match="rate below 1"):
            layer(torch.ones(2), training=True)
    assert layers.SpatialDropout1D(1.0)(torch.ones(1, 2, 3), training=True).sum() == 0


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(layers.Cropping2D(1), (2, 5, 5, 3)), (layers.RepeatVector(4), (2, 3)), (layers.Cropping1D(1), (2, 5, 3))],
)
def test_views_copy_nothing(layer, shape):
    x = torch.ones(shape)
    assert layer(x).untyped_storage().data_ptr() == x.untyped_storage().data_ptr()


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2DTranspose(6, 3),
        layers.DepthwiseConv2D(3),
        layers.SeparableConv2D(6, 3),
        layers.UpSampling2D(),
        layers.UpSampling2D(interpolation="bilinear"),
        layers.GroupNormalization(2),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_channels_last_images_stay_as_they_are_in_memory(layer):
    assert layer(torch.randn(2, 6, 6, 4)).is_contiguous()


def test_kernels_lie_in_torchs_order():
    transposed = layers.Conv2DTranspose(6, 3)
    transposed(torch.randn(2, 6, 6, 4))
    weight = transposed.kernel.permute(3, 2, 0, 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=2)
    depthwise(torch.randn(2, 6, 6, 4))
    assert depthwise.kernel.permute(2, 3, 0, 1).is_contiguous()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda dtype: layers.EinsumDense("abc,cd->abd", (3, 5), bias_axes="d", dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.GroupNormalization(2, dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.RMSNormalization(dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.UnitNormalization(dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.SeparableConv1D(4, 2, dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.Conv1DTranspose(4, 2, dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.AdaptiveAveragePooling1D(2, dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.UpSampling1D(2, dtype=dtype), (2, 3, 4)),
        (lambda dtype: layers.GaussianNoise(0.1, dtype=dtype), (2, 3, 4)),
    ],
)
@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16"])
def test_half_precision(layer, shape, dtype):
    torch.manual_seed(0)
    x = torch.randn(shape)
    narrow, wide = layer(dtype), layer("float32")
    output = narrow(x)
    assert output.dtype == torch.bfloat16
    wide(x)
    wide.set_weights([w.float() for w in narrow.weights])
    assert torch.allclose(output.float(), wide(x), rtol=0.05, atol=0.05)
    narrow(x.requires_grad_(), training=True).float().sum().backward()
    assert x.grad.shape == x.shape


def test_integers_become_floats_where_weights_are():
    x = torch.arange(24).reshape(2, 3, 4)
    for layer in (layers.GroupNormalization(2), layers.SeparableConv1D(2, 2), layers.RMSNormalization()):
        assert layer(x).dtype == torch.float32
    assert layers.UpSampling2D()(torch.ones(1, 2, 2, 3, dtype=torch.int32)).dtype == torch.int32
    assert layers.ZeroPadding1D(1)(x).dtype == torch.int64


def test_a_residual_model_with_masks():
    inputs = Input((4, 3))
    masked = layers.Masking()(inputs)
    x = layers.Add()([masked, layers.Dense(3)(masked)])
    model = Model(inputs, layers.GlobalAveragePooling1D()(layers.concatenate([x, masked])))
    data = torch.randn(2, 4, 3)
    data[:, 2:] = 0
    short = model(data[:, :2].repeat(1, 2, 1))
    assert torch.allclose(model(data), short, atol=1e-6)
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert torch.allclose(again(data), short, atol=1e-6)


def test_spectral_normalization_shares_the_kernel_and_copies_with_it():
    layer = layers.SpectralNormalization(layers.Conv2D(3, 2))
    layer(torch.randn(1, 4, 4, 2), training=True)
    assert layer.kernel is layer.layer.kernel
    twin = copy.deepcopy(layer)
    assert twin.kernel is twin.layer.kernel
    assert twin.kernel is not layer.kernel
    assert len(list(layer.parameters())) == 2
    state = layer.state_dict()
    assert list(state) == ["vector_u", "layer.kernel", "layer.bias"]  # each tensor once
    with torch.no_grad():
        twin.kernel.zero_()
    twin.load_state_dict(state)
    assert torch.equal(twin.kernel, layer.kernel)
    assert twin.kernel is twin.layer.kernel


@pytest.mark.parametrize(
    ("equation", "output_shape", "shape", "bias", "message"),
    [
        ("ab,bc>ac", 3, (2, 4), None, "invalid einsum equation"),
        ("ab,bc->ac", 3, (2, 4, 5), None, "does not fit inputs of rank 3"),
        ("abc,cd->abd", (9, 3), (2, 4, 5), None, "do not match at shared dimension 'b'"),
        ("ab,bc->acd", (3, 3), (2, 4), None, "no corresponding dim"),
        ("ab,bcz->ac", 3, (2, 4), None, "did not have a match"),
        ("ab,bc->ac", 3, (2, 4), "z", "is not part of the output"),
        ("ab,bc->ac", (3, 4), (2, 4), None, "one size for each"),
    ],
)
def test_einsum_dense_says_what_does_not_fit(equation, output_shape, shape, bias, message):
    with pytest.raises(ValueError, match=message):
        layers.EinsumDense(equation, output_shape, bias_axes=bias)(torch.ones(shape))


@pytest.mark.parametrize("name", ["BatchNormalization", "LayerNormalization", "GroupNormalization"])
def test_what_replaces_scale_and_shift_is_what_counts(name):
    arguments = {"groups": 2} if name == "GroupNormalization" else {}
    layer, x = getattr(layers, name)(**arguments), torch.randn(3, 5, 4)
    expected = layer(x, training=True).detach()
    values = {"gamma": torch.full((4,), 2.0), "beta": torch.ones(4)}
    assert torch.allclose(
        torch.func.functional_call(layer, values, (x,), {"training": True}), 2 * expected + 1, atol=1e-5
    )
    torch.nn.utils.parametrize.register_parametrization(layer, "gamma", torch.nn.Softplus())
    assert torch.allclose(layer(x, training=True), expected * torch.nn.functional.softplus(torch.ones(())), atol=1e-5)

    class Fixed(getattr(layers, name)):
        @property
        def beta(self):
            return torch.full((4,), 3.0)

    fixed = Fixed(center=False, **arguments)
    assert torch.allclose(fixed(x, training=True), expected + 3, atol=1e-5)


@pytest.mark.parametrize("name", ["MultiHeadAttention", "GroupQueryAttention"])
def test_the_flash_kernel_can_be_forbidden_for_all(name):
    sizes = (2, 4) if name == "MultiHeadAttention" else (4, 2, 2)
    x = torch.randn(2, 5, 4)

    def kernels(layer):
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            layer(x, x)
        return " ".join(event.key for event in profile.key_averages())

    assert keras.config.is_flash_attention_enabled() is None
    try:
        keras.config.disable_flash_attention()
        assert keras.config.is_flash_attention_enabled() is False
        assert "flash" not in kernels(getattr(layers, name)(*sizes))
        keras.config.enable_flash_attention()
        assert keras.config.is_flash_attention_enabled() is True
        assert "flash" in kernels(getattr(layers, name)(*sizes))
    finally:
        config._flash_attention = None
