"""Layers that change the colors of images, or mix them, against Keras's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
import torch._dynamo  # before Keras, see test_layers

import torchkeras_shim
from tests.parity import layer_checks as checks
from tests.parity.layer_cases import CLAHE, COLOR_CASES
from tests.parity.oracle import assert_close, kept, keras, to_numpy
from torchkeras_shim import layers

IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(COLOR_CASES)]
every_case = pytest.mark.parametrize(("name", "arguments", "shape"), COLOR_CASES, ids=IDS)
#: Those that draw nothing, or inside of `transform_images`.
DRAWS_NOTHING = {"AutoContrast", "Equalization", CLAHE, "RandomColorJitter"}


def pictures(arguments, shape, layout="channels_last"):
    """Images in the range of values that a layer is told of."""
    low, high = sorted(arguments.get("value_range", (0, 255)))
    x = low + (high - low) * np.random.RandomState(0).randint(0, 256, shape) / 255
    return (x if layout == "channels_last" else x.transpose(0, 3, 1, 2)).astype("float32")


def pair(name, arguments, layout="channels_last"):
    seed = {"seed": 3} if "seed" in inspect.signature(getattr(layers, name)).parameters else {}
    arguments = {**arguments, **seed, "data_format": layout, "name": "it"}
    return getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)


def drawn(transformation):
    """A transformation as arrays."""
    if isinstance(transformation, dict):
        return {key: to_numpy(value) for key, value in transformation.items()}
    return None if transformation is None else to_numpy(transformation)


@every_case
def test_config(name, arguments, shape):
    checks.check_config(name, arguments, shape)


@every_case
def test_static_shape_and_type(name, arguments, shape):
    checks.check_static_shape_and_type(name, arguments, shape)


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@every_case
def test_the_same_transformation_has_the_same_result(name, arguments, shape, layout):
    if name == "RandomColorJitter" or (name == "AutoContrast" and layout == "channels_first"):
        return  # see below
    ours, theirs = pair(name, arguments, layout)
    x = pictures(arguments, shape, layout)
    transformation = drawn(theirs.get_random_transformation(x)) if name not in DRAWS_NOTHING else None
    close = {"rtol": 1e-5, "atol": 2e-6 * np.ptp(arguments.get("value_range", (0, 255))) + 1e-6}
    assert_close(ours.transform_images(x, transformation), theirs.transform_images(x, transformation), **close)
    same = ours.get_random_transformation(torch.from_numpy(x))
    if isinstance(transformation, dict):
        expected = {key: (value.ndim, value.shape[0]) for key, value in transformation.items()}
        assert {key: (value.ndim, value.shape[0]) for key, value in same.items()} == expected
    single = drawn(theirs.get_random_transformation(x[0])) if name not in DRAWS_NOTHING else None
    expected = theirs.transform_single_image(x[0], single)
    assert_close(ours.transform_single_image(x[0], single), expected, **close)
    if name == "Equalization" or not arguments:
        assert_close(ours(x, training=False), theirs(x, training=False), **close)


def test_jitter_is_the_layers_that_it_names():
    arguments = {"brightness_factor": 0.2, "contrast_factor": 0.5, "saturation_factor": (0.3, 0.6), "hue_factor": 0.4}
    x = pictures({}, (2, 4, 5, 3))
    ours = layers.RandomColorJitter(**arguments, seed=1)
    theirs = [
        getattr(keras.layers, f"Random{name}")(arguments[f"{name.lower()}_factor"], seed=1)
        for name in ("Brightness", "Contrast", "Saturation", "Hue")
    ]
    names = ["brightness", "contrast", "saturation", "hue"]
    transformation = {
        name: drawn(layer.get_random_transformation(x)) for name, layer in zip(names, theirs, strict=True)
    }
    expected = x
    for name, layer in zip(names, theirs, strict=True):
        expected = layer.transform_images(expected, transformation[name])
    assert_close(ours.transform_images(x, transformation), expected, rtol=1e-4, atol=2e-3)
    again = layers.RandomColorJitter(**arguments, seed=1)
    found = ours(x)
    assert torch.equal(found, again.transform_images(x, again.get_random_transformation(torch.from_numpy(x))))
    assert not torch.equal(found, ours(x))


def test_contrast_of_channels_first_is_that_of_each_image():
    """Keras takes height and columns of channels for those of pixels there."""
    x = pictures({}, (2, 4, 5, 3))
    expected = keras.layers.AutoContrast()(x)
    found = layers.AutoContrast(data_format="channels_first")(x.transpose(0, 3, 1, 2).copy())
    assert_close(found.permute(0, 2, 3, 1), expected, rtol=1e-5, atol=1e-4)
    flat = np.full((1, 2, 2, 3), 7.0, "float32")
    assert_close(layers.AutoContrast()(flat), keras.layers.AutoContrast()(flat))


def quantiles(transformation):
    """How the numbers drawn are distributed, by name."""
    values = transformation if isinstance(transformation, dict) else {"": transformation}
    found = {}
    for key, value in values.items():
        value = to_numpy(value)
        if value.dtype.kind == "f":
            found[key] = np.quantile(value.astype("float64"), np.linspace(0, 1, 11))
        elif key not in ("permutation_order", "batch_masks"):
            found[key] = np.bincount(value.astype("int64").ravel(), minlength=9) / value.size
    return found


@every_case
def test_what_is_drawn_is_distributed_as_in_keras(name, arguments, shape):
    if name in DRAWS_NOTHING or (name, arguments) == ("CutMix", {}):  # which draws one number for the whole batch
        return
    many = np.zeros((4000, 1, 1, 3), "float32") if name != "CutMix" else np.zeros((4000, 9, 9, 1), "float32")
    ours, theirs = pair(name, arguments)
    found = quantiles(ours.get_random_transformation(torch.from_numpy(many)))
    expected = kept(lambda keras: quantiles(theirs.get_random_transformation(many)), keras)
    assert found.keys() == expected.keys()
    for key in found:
        if key == "blur_factor":  # two numbers for all images
            low, high = ours.sigma
            assert low <= found[key].min() <= found[key].max() <= high + 1e-5
        elif name != "RandomSaturation":
            near = max(0.06 * np.ptp(expected[key]), 0.03)
            assert_close(found[key], expected[key], rtol=0, atol=near, message=key)
        else:  # its factors have long tails
            assert_close(found[key][1:-1], expected[key][1:-1], rtol=0.2, atol=0.05, message=key)


def test_labels_boxes_and_masks_are_mixed_as_images():
    order, weight = np.array([1, 0]), np.array([0.25, 0.6], "float32")
    drawn = {"mix_weight": weight, "permutation_order": order}
    labels = np.eye(3, dtype="float32")[[0, 2]]
    boxes = {"boxes": np.arange(16, dtype="float32").reshape(2, 2, 4), "labels": np.array([[1, 2], [3, 4]])}
    ours, theirs = (library.MixUp(bounding_box_format="xyxy") for library in (layers, keras.layers))
    assert_close(ours.transform_labels(labels, drawn), theirs.transform_labels(labels, drawn))
    found, expected = (layer.transform_bounding_boxes(boxes, drawn) for layer in (ours, theirs))
    assert_close(found["boxes"], expected["boxes"])
    assert found["labels"].tolist() == [[1, 2, 3, 4], [3, 4, 1, 2]]  # Keras puts them below one another
    masks = np.arange(8, dtype="float32").reshape(2, 2, 2, 1)
    mixed = weight.reshape(2, 1, 1, 1) * masks + (1 - weight.reshape(2, 1, 1, 1)) * masks[order]
    assert_close(ours.transform_segmentation_masks(masks, drawn), mixed)  # Keras fails here, or flattens them
    drawn["batch_masks"] = np.arange(8).reshape(2, 2, 2, 1) % 3 == 0
    ours, theirs = layers.CutMix(), keras.layers.CutMix()
    for method, value in (("transform_labels", labels), ("transform_segmentation_masks", masks)):
        assert_close(getattr(ours, method)(value, drawn), getattr(theirs, method)(value, drawn))
    for layer in (ours, theirs):
        with pytest.raises(NotImplementedError):
            layer.transform_bounding_boxes(boxes, drawn)


def arrays(value):
    """A transformation of several layers, as arrays."""
    if isinstance(value, dict):
        return {key: arrays(one) for key, one in value.items()}
    if isinstance(value, list):
        return [arrays(one) for one in value]
    return value if value is None or isinstance(value, (str, tuple)) else to_numpy(value)


SCENE = {
    "images": pictures({}, (2, 6, 5, 3)),
    "segmentation_masks": np.random.RandomState(1).randint(0, 3, (2, 6, 5, 1)).astype("float32"),
}
BOXES = {
    "boxes": np.array([[[1, 1, 4, 4]], [[0, 2, 5, 5]]], "float32"),
    "labels": np.array([[0], [1]]),
}


def test_rand_augment():
    arguments = {"seed": 3, "factor": 0.4, "bounding_box_format": "xyxy", "name": "it"}
    choices = [[0, 3], [1, 9], [2, 6], [4, 7], [5, 8]]

    def answers(keras):
        theirs = keras.layers.RandAugment(**arguments)
        transformation = arrays(theirs.get_random_transformation(SCENE["images"]))
        results = []
        for choice in choices:
            chosen = {**transformation, "layer_idxes": np.array(choice)}
            images = theirs.transform_images(SCENE["images"], chosen)
            masks = theirs.transform_segmentation_masks(SCENE["segmentation_masks"], chosen)
            boxes = theirs.transform_bounding_boxes(dict(BOXES), chosen)["boxes"]
            results.append([to_numpy(images), to_numpy(masks), to_numpy(boxes)])
        return transformation, results

    transformation, expected = kept(answers, keras)
    ours, theirs = (library.RandAugment(**arguments) for library in (layers, keras.layers))
    assert ours.get_config() == theirs.get_config()
    assert ours.get_config() == type(ours).from_config(theirs.get_config()).get_config()
    for choice, (images, masks, boxes) in zip(choices, expected, strict=True):
        chosen = {**transformation, "layer_idxes": np.array(choice)}
        assert_close(ours.transform_images(SCENE["images"], chosen), images, rtol=1e-4, atol=1e-3)
        assert_close(ours.transform_segmentation_masks(SCENE["segmentation_masks"], chosen), masks)
        tensors = {key: torch.from_numpy(value) for key, value in BOXES.items()}
        assert_close(ours.transform_bounding_boxes(tensors, chosen)["boxes"], boxes, rtol=1e-4, atol=1e-4)
    drawn = ours.get_random_transformation(torch.from_numpy(SCENE["images"]))
    assert set(drawn) == set(transformation)
    for name, own in drawn["transforms"].items():  # each of those that are chosen is drawn as Keras draws it
        assert (own or {}).keys() == (transformation["transforms"][name] or {}).keys()


@pytest.mark.parametrize("all_ops", [True, False])
def test_aug_mix(all_ops):
    arguments = {"seed": 3, "num_chains": 2, "all_ops": all_ops, "name": "it"}
    chains = [["random_rotation", "solarization", "auto_contrast"], ["random_shear", "random_posterization"]]
    chains[1] += ["random_brightness", "random_contrast"] * all_ops

    def answers(keras):
        theirs = keras.layers.AugMix(**arguments)
        transformation = arrays(theirs.get_random_transformation(SCENE["images"]))
        transformation["chain_transforms"] = [
            [
                {
                    "layer_name": name,
                    "transformation": arrays(getattr(theirs, name).get_random_transformation(SCENE["images"])),
                }
                for name in chain
            ]
            for chain in chains
        ]
        images = theirs.transform_images(SCENE["images"], transformation)
        masks = theirs.transform_segmentation_masks(SCENE["segmentation_masks"], transformation)
        return transformation, to_numpy(images), to_numpy(masks)

    transformation, images, masks = kept(answers, keras)
    ours, theirs = (library.AugMix(**arguments) for library in (layers, keras.layers))
    assert ours.get_config() == theirs.get_config()
    assert ours.get_config() == type(ours).from_config(theirs.get_config()).get_config()
    assert_close(ours.transform_images(SCENE["images"], transformation), images, rtol=1e-4, atol=1e-3)
    assert_close(ours.transform_segmentation_masks(SCENE["segmentation_masks"], transformation), masks, rtol=1e-4)
    drawn = ours.get_random_transformation(torch.from_numpy(SCENE["images"]))
    assert {key: np.shape(drawn[key]) for key in ("chain_mixing_weights", "weight_sample")} == {
        key: np.shape(transformation[key]) for key in ("chain_mixing_weights", "weight_sample")
    }


def test_a_model_of_all_of_them_goes_both_ways(tmp_path):
    def model(k):
        several = [k.layers.RandAugment(num_ops=1), k.layers.AugMix(), k.layers.MixUp(), k.layers.CutMix(seed=1)]
        several += [k.layers.RandomColorJitter(brightness_factor=0.2), k.layers.AutoContrast()]
        several += [k.layers.RandomGrayscale(), k.layers.Rescaling(1 / 255), k.layers.Flatten(), k.layers.Dense(2)]
        return k.Sequential([k.Input((6, 5, 3)), *several])

    ours, theirs = model(torchkeras_shim), model(keras)
    ours.save(tmp_path / "ours.keras")
    theirs.save(str(tmp_path / "theirs.keras"))
    x = SCENE["images"]
    back = keras.saving.load_model(str(tmp_path / "ours.keras"))
    assert_close(back.predict(x, verbose=0), ours.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    again = torchkeras_shim.saving.load_model(tmp_path / "theirs.keras")
    assert_close(again.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    assert len(ours.variables) == len(theirs.variables)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("RandomBrightness", {"factor": 1.5}),
        ("RandomBrightness", {"factor": (0.1, 0.2, 0.3)}),
        ("RandomBrightness", {"factor": "0.1"}),
        ("RandomBrightness", {"factor": 0.1, "value_range": 255}),
        ("RandomContrast", {"factor": -0.1}),
        ("RandomHue", {"factor": 2.0}),
        ("RandomSaturation", {"factor": 0.1, "value_range": (0, 1, 2)}),
        ("RandomColorDegeneration", {"factor": -1.5}),
        ("RandomGrayscale", {"factor": 1.5}),
        ("RandomSharpness", {"factor": 1.5}),
        ("RandomPosterization", {"factor": 9}),
        ("RandomPosterization", {"factor": 0}),
        ("RandomInvert", {"factor": 1.5}),
        ("RandomGaussianBlur", {"kernel_size": 4}),
        ("RandomGaussianBlur", {"sigma": 2.0}),
        ("Solarization", {"addition_factor": 1.5}),
        ("Solarization", {"threshold_factor": (0.5, 1.5)}),
        ("AutoContrast", {"value_range": 1}),
        ("CutMix", {"factor": 1.5}),
        ("Equalization", {"data_format": "last"}),
    ],
)
def test_wrong_arguments(name, arguments):
    for library in (layers, keras.layers):
        with pytest.raises(ValueError):
            getattr(library, name)(**arguments)


def test_a_pipeline():
    x = pictures({}, (2, 4, 5, 3))
    arguments = {"addition_factor": (0.0, 0.0), "threshold_factor": (0.5, 0.5)}
    ours, theirs = (
        library.Pipeline([library.AutoContrast(), library.Rescaling(1 / 255, name="scale")], name="it")
        for library in (layers, keras.layers)
    )
    assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    assert layers.serialize(ours)["config"].keys() == keras.layers.serialize(theirs)["config"].keys()
    again = layers.deserialize(keras.layers.serialize(theirs))
    assert [layer.name for layer in again.layers] == [layer.name for layer in theirs.layers]
    assert_close(again(x), theirs(x), rtol=1e-5, atol=1e-6)
    assert keras.layers.Pipeline.from_config(ours.get_config()).layers[1].name == "scale"
    ours, theirs = (library.Pipeline([library.Solarization(**arguments)]) for library in (layers, keras.layers))
    assert_close(ours(x, training=False), x)
    assert_close(theirs(x, training=False), x)
    for library in (layers, keras.layers):
        with pytest.raises(ValueError, match="must contain a `layers` key"):
            library.Pipeline.from_config({"name": "it"})
