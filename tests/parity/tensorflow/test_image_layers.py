"""Layers that resize and move images: the same transformation gives what Keras gives, for all parts of the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import kept, keras

FIRST = {"data_format": "channels_first"}
BOXES = np.array(
    [[[1, 2, 5, 6], [0, 0, 9, 8], [3, 3, 4, 5]], [[2, 1, 7, 3], [-1, -1, -1, -1], [0, 0, 0, 0]]], "float32"
)

#: Class, arguments, height and width.
CASES = [
    ("Resizing", {"height": 4, "width": 5}, (8, 9)),
    ("Resizing", {"height": 12, "width": 6, "interpolation": "nearest", **FIRST}, (8, 9)),
    ("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True}, (8, 11)),
    ("Resizing", {"height": 6, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 3}, (9, 10)),
    ("Resizing", {"height": 4, "width": 5, "antialias": True, "interpolation": "bicubic"}, (9, 10)),
    ("Resizing", {"height": 4, "width": 5, "bounding_box_format": "center_xywh"}, (8, 9)),
    ("CenterCrop", {"height": 5, "width": 4}, (8, 9)),
    ("CenterCrop", {"height": 5, "width": 4, **FIRST}, (8, 9)),
    ("CenterCrop", {"height": 10, "width": 4}, (8, 9)),
    ("RandomFlip", {"seed": 1}, (8, 9)),
    ("RandomFlip", {"mode": "horizontal", "seed": 2, **FIRST}, (8, 9)),
    ("RandomFlip", {"mode": "vertical", "seed": 3}, (8, 9)),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": (-0.1, 0.4), "seed": 1}, (8, 9)),
    (
        "RandomTranslation",
        {"height_factor": 0.3, "width_factor": 0.9, "seed": 1, "fill_mode": "constant", "fill_value": 7.0, **FIRST},
        (8, 9),
    ),
    ("RandomRotation", {"factor": 0.2, "seed": 1}, (8, 9)),
    ("RandomRotation", {"factor": (0.1, 0.4), "seed": 1, "fill_mode": "wrap", **FIRST}, (8, 9)),
    ("RandomRotation", {"factor": 0.5, "seed": 5, "interpolation": "nearest", "fill_mode": "nearest"}, (9, 9)),
    ("RandomZoom", {"height_factor": 0.4, "seed": 1}, (8, 9)),
    ("RandomZoom", {"height_factor": (-0.5, -0.1), "width_factor": (0.1, 0.9), "seed": 1, **FIRST}, (8, 9)),
    ("RandomZoom", {"height_factor": (0.5, 1.0), "seed": 1, "fill_mode": "constant", "fill_value": 2.0}, (8, 9)),
    ("RandomShear", {"x_factor": 0.4, "y_factor": (0.1, 0.3), "seed": 1}, (9, 9)),
    ("RandomShear", {"x_factor": (0.5, 0.9), "seed": 1, "fill_mode": "constant", **FIRST}, (8, 9)),
    ("RandomPerspective", {"scale": 0.5, "seed": 1}, (8, 9)),
    ("RandomPerspective", {"factor": (1.0, 1.0), "scale": 0.3, "seed": 2, "fill_value": 9.0, **FIRST}, (8, 9)),
    ("RandomErasing", {"factor": (1.0, 1.0), "seed": 1}, (8, 9)),
    ("RandomErasing", {"fill_value": [1, 2, 3], "scale": 0.6, "seed": 3}, (8, 9)),
    ("RandomErasing", {"fill_value": 300, "factor": (1.0, 1.0), "value_range": (0, 1), "seed": 1, **FIRST}, (8, 9)),
    ("RandomFlip", {"seed": 1, "bounding_box_format": "xywh"}, (8, 9)),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2, "bounding_box_format": "yxyx"}, (8, 9)),
    ("RandomZoom", {"height_factor": 0.4, "width_factor": 0.2, "bounding_box_format": "center_yxhw"}, (8, 9)),
    ("RandomShear", {"x_factor": 0.4, "y_factor": 0.2, "bounding_box_format": "xywh"}, (9, 9)),
    ("CenterCrop", {"height": 10, "width": 4, "bounding_box_format": "xywh"}, (8, 9)),
    ("MaxNumBoundingBoxes", {"max_number": 2}, (8, 9)),
    ("MaxNumBoundingBoxes", {"max_number": 5, "fill_value": 0}, (8, 9)),
]
IDS = [f"{name}-{index}" for index, (name, _, _) in enumerate(CASES)]
every_case = pytest.mark.parametrize(("name", "arguments", "size"), CASES, ids=IDS)


def inputs(arguments, size):
    channels = 3 if isinstance(arguments.get("fill_value"), list) else 1
    shape = (2, channels, *size) if "data_format" in arguments else (2, *size, channels)
    images = np.random.default_rng(1).uniform(0, 255, shape).astype("float32")
    return {
        "images": images,
        "labels": np.array([[1.0, 0.0], [0.0, 1.0]], "float32"),
        "bounding_boxes": {"boxes": BOXES, "labels": np.array([[1, 2, 3], [4, -1, -1]], "int32")},
        "segmentation_masks": (images > 128).astype("uint8"),
    }


def plain(value):
    """Nested tensors as arrays."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key != "seed"}
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return [plain(one) for one in value]
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def parts(layer, data, transformation, training=True):
    """What a layer makes of each part of the data by a transformation."""
    results = {}
    for key, value in data.items():
        value = dict(value) if isinstance(value, dict) else value
        transform = getattr(layer, f"transform_{key}")
        results[key] = plain(transform(value, transformation, training=training))
    return results


def layer_of(library, name, arguments):
    """A layer with a format of boxes."""
    return getattr(library.layers, name)(**{"bounding_box_format": "xyxy", **arguments})


def drawn_by(library, name, arguments, data):
    library.utils.set_random_seed(1)
    layer = layer_of(library, name, arguments)
    transformation = layer.get_random_transformation(data, training=True)
    return {"transformation": plain(transformation), "parts": parts(layer, data, transformation)}


def as_given(transformation):
    """A kept transformation in the structure that layers take."""
    if not isinstance(transformation, dict):
        return None if transformation is None else tuple(int(one) for one in transformation)
    known = dict(transformation)
    if "input_shape" in known:
        known["input_shape"] = tuple(int(one) for one in known["input_shape"])
    for key in ("image_height", "image_width"):
        if key in known:
            known[key] = int(known[key])
    return known


def assert_same(ours, theirs, path="", atol=2e-3):
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), path
        for key, value in theirs.items():
            assert_same(ours[key], value, f"{path}/{key}", atol)
        return
    assert ours.dtype == theirs.dtype or not path.endswith(("images", "boxes", "masks")), (path, ours.dtype)
    atol = 1 if theirs.dtype == np.uint8 else atol  # halves are rounded up or down, as the sums before them turn out
    np.testing.assert_allclose(ours.astype("float32"), theirs.astype("float32"), rtol=1e-5, atol=atol, err_msg=path)


@every_case
def test_the_same_transformation(name, arguments, size):
    data = inputs(arguments, size)
    answer = kept(drawn_by, keras, name, arguments, data)
    layer = layer_of(torchkeras_shim, name, arguments)
    assert_same(parts(layer, data, as_given(answer["transformation"])), answer["parts"])


@every_case
def test_what_is_drawn_has_the_structure_of_keras(name, arguments, size):
    data = inputs(arguments, size)
    expected = kept(structure_of, keras, name, arguments, data)
    assert structure_of(torchkeras_shim, name, arguments, data) == expected


def structure_of(library, name, arguments, data):
    """Names and shapes of what a layer draws for a batch and for one image."""
    layer = layer_of(library, name, arguments)
    found = []
    for images in (data["images"], data["images"][0]):
        drawn = plain(layer.get_random_transformation(images, training=True))
        items = drawn.items() if isinstance(drawn, dict) else enumerate(drawn or ())
        found.append({str(key): list(np.shape(value)) for key, value in items})
    return found


#: Both ends of each range are the same, so that nothing is left to chance.
FIXED = [
    ("Resizing", {"height": 4, "width": 5}),
    ("CenterCrop", {"height": 4, "width": 5}),
    ("RandomTranslation", {"height_factor": (0.2, 0.2), "width_factor": (-0.3, -0.3)}),
    ("RandomRotation", {"factor": (0.1, 0.1), **FIRST}),
    ("RandomZoom", {"height_factor": (0.3, 0.3), "width_factor": (-0.3, -0.3)}),
    ("RandomPerspective", {"factor": 0.0}),
    ("RandomElasticTransform", {"factor": 0.0}),
    ("RandomErasing", {"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_value": 3}),
    ("MaxNumBoundingBoxes", {"max_number": 2}),
]


def called(library, name, arguments, data):
    """Whole calls: in training, in inference, on one image, and their types."""
    layer = layer_of(library, name, arguments)
    if name == "RandomElasticTransform":
        data = {key: value for key, value in data.items() if key != "bounding_boxes"}
    one = {key: value[0] for key, value in data.items() if key != "bounding_boxes"}
    if "bounding_boxes" in data:
        one["bounding_boxes"] = {key: value[0] for key, value in data["bounding_boxes"].items()}
    bytes_in = data["images"].astype("uint8")
    answers = {
        "training": layer(copied(data), training=True),
        "one": layer(copied(one), training=True),
        "inference": layer(copied(data), training=False)["images"],
        "bytes_images": layer(bytes_in, training=True),
        "bytes_in_inference_images": layer(bytes_in, training=False),
    }
    return plain(answers)


def copied(data):
    """The same dicts of the same arrays, which Keras may change."""
    return {key: dict(value) if isinstance(value, dict) else value for key, value in data.items()}


@pytest.mark.parametrize(("name", "arguments"), FIXED, ids=lambda value: value if isinstance(value, str) else "")
def test_calls(name, arguments):
    data = inputs(arguments, (8, 9))
    assert_same(called(torchkeras_shim, name, arguments, data), kept(called, keras, name, arguments, data))


def described(library, name, arguments, size):
    """Config and static shapes."""
    layer = layer_of(library, name, arguments)
    left_out = ("name", "dtype", "seed", "x_factor", "y_factor")  # the latter Keras writes as it cannot read them
    config = {key: value for key, value in layer.get_config().items() if key not in left_out}
    shape = (None, 3, *size) if "data_format" in arguments else (None, *size, 3)
    return {
        "config": {key: list(value) if isinstance(value, (tuple, list)) else value for key, value in config.items()},
        "shapes": [list(layer.compute_output_shape(one)) for one in (shape, (2, *shape[1:]), shape[1:])],
        "symbolic": list(layer(library.KerasTensor(shape, "float32")).shape),
    }


@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [*CASES, ("RandomCrop", {"height": 3, "width": 4}, (8, 9)), ("RandomElasticTransform", {"scale": 0.5}, (8, 9))],
)
def test_configs_and_static_shapes(name, arguments, size):
    if arguments.get("fill_value") == 0:
        arguments = {"max_number": 5}  # Keras leaves the other argument out of the config
    assert described(torchkeras_shim, name, arguments, size) == kept(described, keras, name, arguments, size)
    layer = layer_of(torchkeras_shim, name, arguments)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


CROPS = [((8, 9), (4, 5)), ((8, 9), (8, 5)), ((8, 5), (4, 4)), ((5, 9), (6, 4)), ((4, 4), (6, 6))]


def cropped(library, size, target, start, training=True):
    layer = library.layers.RandomCrop(*target)
    images = np.arange(2 * size[0] * size[1], dtype="float32").reshape(2, *size, 1)
    start = layer.get_random_transformation(images[0], training=False) if start is None else start
    return [plain(layer.transform_images(images, start, training=training)), [int(one) for one in start]]


@pytest.mark.parametrize(("size", "target"), CROPS)
def test_random_crop(size, target):
    start = (2, 3) if target == (4, 5) else None
    for training in (True, False):
        ours = cropped(torchkeras_shim, size, target, start, training)
        theirs = kept(cropped, keras, size, target, start, training)
        np.testing.assert_allclose(ours[0], theirs[0], atol=1e-4)
        assert ours[1] == theirs[1]


#: What Keras refuses, too.
REFUSED = [
    ("RandomRotation", {"factor": 1.5}),
    ("RandomRotation", {"factor": (0.1, 0.2, 0.3)}),
    ("RandomRotation", {"factor": "a"}),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "black"}),
    ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}),
    ("RandomTranslation", {"height_factor": 2.0, "width_factor": 0.0}),
    ("RandomTranslation", {"height_factor": 0.0, "width_factor": (0.1,)}),
    ("RandomTranslation", {"height_factor": 0.0, "width_factor": 0.1, "fill_mode": "mirror"}),
    ("RandomZoom", {"height_factor": -1.0}),
    ("RandomZoom", {"height_factor": 0.0, "width_factor": (0.1, 1.2)}),
    ("RandomShear", {"x_factor": -0.1}),
    ("RandomShear", {"y_factor": (0.1, 1.1)}),
    ("RandomPerspective", {"scale": 1.1}),
    ("RandomPerspective", {"factor": 1.1}),
    ("RandomElasticTransform", {"fill_mode": "edge"}),
    ("RandomElasticTransform", {"scale": 2.0}),
    ("RandomErasing", {"scale": (0.1,)}),
    ("Resizing", {"height": 4, "width": 4, "factor": 0.5}),
    ("CenterCrop", {"height": 4, "width": 4, "data_format": "nhwc"}),
]


def refusal(library, name, arguments):
    try:
        getattr(library.layers, name)(**arguments)
    except Exception as error:
        return type(error).__name__
    return None


@pytest.mark.parametrize(("name", "arguments"), REFUSED)
def test_refused_arguments(name, arguments):
    expected = kept(refusal, keras, name, arguments)
    assert expected is not None
    assert refusal(torchkeras_shim, name, arguments) == expected
