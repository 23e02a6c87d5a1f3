"""Layers that change colors or mix images: seeds, types, what is drawn when, capturing, what is refused."""

import copy

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers

IMAGES = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (4, 8, 7, 3)).astype("uint8"))
EVERY = {
    "RandomBrightness": {"factor": 0.5},
    "RandomContrast": {"factor": (0.5, 0.9)},
    "RandomHue": {"factor": (0.2, 0.9)},
    "RandomSaturation": {"factor": (0.1, 0.4)},
    "RandomColorDegeneration": {"factor": (0.3, 0.9)},
    "RandomGrayscale": {"factor": 0.5},
    "RandomSharpness": {"factor": 0.9},
    "RandomPosterization": {"factor": (1, 6)},
    "RandomInvert": {"factor": (0.4, 0.6)},
    "RandomGaussianBlur": {"factor": (0.8, 1.0)},
    "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.6},
    "RandomColorJitter": {"brightness_factor": 0.3, "hue_factor": 0.3},
    "MixUp": {},
    "CutMix": {"factor": (0.9, 1.0)},
    "RandAugment": {"factor": (0.4, 0.9)},
    "AugMix": {},
}
every_layer = pytest.mark.parametrize("name", EVERY)


def make(name, **common):
    return getattr(layers, name)(**EVERY[name], **common)


@every_layer
def test_a_seed_repeats_and_goes_on(name):
    one, other = make(name, seed=5), make(name, seed=5)
    first = [one(IMAGES) for _ in range(4)]
    assert all(torch.equal(mine, other(IMAGES)) for mine in first)
    assert any(not torch.equal(first[0], later) for later in first[1:])
    assert torch.equal(one(IMAGES), copy.deepcopy(other)(IMAGES))
    keras.utils.set_random_seed(7)
    free = make(name)
    first = [free(IMAGES) for _ in range(3)]
    keras.utils.set_random_seed(7)
    assert all(torch.equal(mine, free(IMAGES)) for mine in first)
    before = torch.get_rng_state()
    one(IMAGES)
    assert torch.equal(before, torch.get_rng_state())  # a layer with a seed leaves the global generator alone


@every_layer
def test_what_is_drawn_for_a_given_seed_is_what_the_layer_does(name):
    layer = make(name)
    for seed in (3, keras.random.SeedGenerator(3), layer.generator):
        drawn = layer.get_random_transformation(IMAGES, seed=seed)
        again = layer.transform_images(IMAGES, drawn)
        assert torch.equal(again, layer.transform_images(IMAGES, drawn))
    first, second = (layer.transform_images(IMAGES, layer.get_random_transformation(IMAGES, seed=3)) for _ in range(2))
    assert torch.equal(first, second)


@every_layer
def test_inference_changes_nothing_and_images_become_floats(name):
    layer = make(name)
    expected = torch.uint8 if name == "RandomGrayscale" else torch.float32
    for training in (True, False):
        assert layer(IMAGES, training=training).dtype is expected
        assert layer(IMAGES[0], training=training).shape == IMAGES[0].shape
    assert torch.equal(layer(IMAGES, training=False), IMAGES.to(expected))
    assert layer.get_random_transformation(IMAGES, training=False) is None
    assert layer.get_config() == type(layer).from_config(layer.get_config()).get_config()


@every_layer
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16", "float64"])
def test_other_types(name, policy):
    plain, other = make(name, seed=2), make(name, seed=2, dtype=policy)
    expected, found = plain(IMAGES.float()), other(IMAGES.float())
    assert str(found.dtype) == "torch." + policy.removeprefix("mixed_")
    assert found.isfinite().all()
    steps = ("RandomPosterization", "Solarization", "RandAugment", "AugMix", "CutMix", "RandomColorJitter")
    if name not in steps:  # where a rounding error goes a long way
        assert (found.float() - expected).abs().max() < 8


@every_layer
def test_both_layouts_do_the_same(name):
    last, first = (make(name, seed=4, data_format=layout) for layout in ("channels_last", "channels_first"))
    channels_first = IMAGES.permute(0, 3, 1, 2)
    torch.testing.assert_close(first(channels_first).permute(0, 2, 3, 1), last(IMAGES), rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(first(channels_first[0]).permute(1, 2, 0), last(IMAGES[0]), rtol=1e-4, atol=1e-3)


@every_layer
def test_what_belongs_to_images_goes_with_them(name):
    layer = make(name, seed=1)
    data = {
        "images": IMAGES,
        "labels": torch.eye(4),
        "segmentation_masks": torch.zeros(4, 8, 7, 1),
        "path": ["a", "b", "c", "d"],
    }
    out = layer(data)
    assert (out["labels"].shape, out["segmentation_masks"].shape) == ((4, 4), (4, 8, 7, 1))
    assert out["path"] == data["path"]
    assert data["images"] is IMAGES
    assert torch.equal(out["images"], make(name, seed=1)(IMAGES))
    single = layer({key: value[0] for key, value in data.items()})
    assert (single["images"].shape, single["labels"].shape) == ((8, 7, 3), (4,))


@every_layer
def test_a_model_trains_with_it_and_predicts_without(name):
    model = keras.Sequential([keras.Input((8, 7, 3)), make(name), layers.Flatten(), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(IMAGES.float() / 255, torch.zeros(4, 2), batch_size=2, epochs=2, verbose=0)
    x = IMAGES.float()
    expected = model.layers[-1](model.layers[-2](x))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["RandAugment", "AugMix"])
def test_a_step_that_chooses_on_the_host_is_not_captured(name):
    model = keras.Sequential([keras.Input((8, 7, 3)), make(name), layers.Flatten(), layers.Dense(2)])
    model.compile("sgd", "mse", jit_compile="captured")
    with pytest.warns(UserWarning, match="it draws on the host: .* which layers to apply"):
        model.fit(IMAGES.float() / 255, torch.zeros(4, 2), batch_size=2, verbose=0)


def test_only_what_is_chosen_is_computed(monkeypatch):
    layer = layers.RandAugment(num_ops=2, seed=1)
    ran = []
    for name in ("random_shear", "random_translation", "random_rotation", "solarization", "equalization"):
        member = getattr(layer, name)
        call = type(member).transform_images
        monkeypatch.setattr(
            type(member), "transform_images", lambda self, *args, call=call: (ran.append(1), call(self, *args))[1]
        )
    for _ in range(5):
        layer(IMAGES)
    assert len(ran) <= 10


def test_labels_that_cannot_be_mixed_are_refused():
    for layer in (layers.MixUp(), layers.CutMix()):
        with pytest.raises(ValueError, match=r"one number per class.*one_hot\(labels"):
            layer({"images": IMAGES, "labels": torch.tensor([0, 1, 2, 3])})


def test_values_beyond_the_range_do_not_wrap():
    wild = torch.tensor([[[300.0, -20.0, 255.0]]])
    assert layers.RandomPosterization((8, 8))(wild).tolist() == [[[255.0, 0.0, 255.0]]]
    assert layers.Equalization()(wild).isfinite().all()
    assert layers.Solarization()(wild).tolist() == [[[0.0, 255.0, 0.0]]]


def test_what_is_not_a_number_does_not_lead_out_of_a_table():
    hole = IMAGES.float().clone()
    hole[0, 0, 0] = float("nan")
    hole[0, 0, 1] = float("inf")
    for layer in (layers.Equalization(), layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))):
        assert layer(hole)[1:].isfinite().all()


def test_a_changed_setting_counts_in_captured_steps():
    brighter = layers.RandomBrightness((0.0, 0.0))
    sums = layers.Dense(1, kernel_initializer="ones", use_bias=False)
    model = keras.Sequential([keras.Input((4, 4, 3)), brighter, layers.Flatten(), sums])
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile="captured")
    data = torch.full((8, 4, 4, 3), 100.0), torch.zeros(8, 1)
    assert model.fit(*data, batch_size=4, epochs=2, verbose=0).history["loss"] == [(48 * 100.0) ** 2] * 2
    brighter.factor = (1.0, 1.0)
    assert model.fit(*data, batch_size=4, epochs=2, verbose=0).history["loss"] == [(48 * 255.0) ** 2] * 2


@every_layer
@pytest.mark.parametrize("shape", [(0, 8, 7, 3), (1, 2, 2, 3)])
def test_small_batches(name, shape):
    assert make(name)(torch.rand(shape)).shape == shape


@every_layer
def test_gradients_reach_the_images(name):
    images = torch.rand(4, 8, 7, 3).mul(255).requires_grad_()
    out = make(name)(images)
    if out.requires_grad:  # not where bits are cut off
        out.sum().backward()
        assert images.grad.isfinite().all()


def test_a_pipeline_hands_on_modes_and_dicts():
    pipeline = layers.Pipeline([layers.RandomInvert((1.0, 1.0), (0, 1)), layers.Dropout(1.0)])
    data = {"images": torch.zeros(1, 2, 2, 3), "labels": torch.ones(1)}
    only_images = layers.Pipeline([layers.RandomInvert((1.0, 1.0), (0, 1)), layers.RandomFlip()])
    assert only_images(data)["images"].unique().tolist() == [1.0]
    assert pipeline(data["images"]).unique().tolist() == [0.0]  # dropped
    assert pipeline(1 - data["images"], training=False).unique().tolist() == [1.0]
    with pytest.raises(ValueError, match="takes a list of layers"):
        layers.Pipeline(layers.RandomFlip())
