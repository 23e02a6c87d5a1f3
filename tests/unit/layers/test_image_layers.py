"""Image layers in models, loops and on single images: modes, seeds, devices, dicts, what is refused."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import torchkeras_shim as keras
from torchkeras_shim import layers
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.data.pipeline import Dataset

IMAGES = torch.arange(2 * 3 * 3).reshape(2, 3, 3, 1).float()


def varies(call):
    """Whether ten calls give different results."""
    return len({tuple(torch.as_tensor(call()).detach().flatten().tolist()) for _ in range(10)}) > 1


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.RandomFlip()
        self.others = [layers.RandomFlip("horizontal")]

    def call(self, x):
        return self.others[0](self.first(x))


def functional():
    inputs = keras.Input((3, 3, 1))
    return keras.Model(inputs, layers.RandomFlip()(inputs))


MODELS = {
    "layer": lambda: keras.Sequential([layers.RandomFlip()]),
    "nested": lambda: keras.Sequential([keras.Input((3, 3, 1)), keras.Sequential([layers.RandomFlip()])]),
    "functional": functional,
    "subclassed": Subclassed,
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_bare_call_augments_as_in_keras_and_predict_does_not(make):
    model = make()
    assert varies(lambda: model(IMAGES))
    assert not varies(lambda: model(IMAGES, training=False))
    assert varies(lambda: model(IMAGES, training=True))
    assert not varies(lambda: model.predict(IMAGES, verbose=0))
    assert varies(lambda: model(IMAGES))
    model.eval()
    assert not varies(lambda: model(IMAGES))


def test_a_bare_call_between_two_batches_of_fit_augments():
    flip = layers.RandomFlip()
    model = keras.Sequential([keras.Input((3, 3, 1)), flip, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((varies(lambda: flip(IMAGES)), varies(lambda: model(IMAGES, training=False)), flip.training))

    model.fit(IMAGES, torch.zeros(2, 1), batch_size=1, verbose=0, callbacks=[Watch()])
    assert [one[:2] for one in seen] == [(True, False)] * 2
    assert varies(lambda: model(IMAGES))
    assert not varies(lambda: model.predict(IMAGES, verbose=0))


def test_seeds_repeat_and_the_global_one_holds_otherwise():
    assert torch.equal(layers.RandomFlip(seed=5)(IMAGES), layers.RandomFlip(seed=5)(IMAGES))
    flip = layers.RandomFlip()
    keras.utils.set_random_seed(3)
    first = [flip(IMAGES) for _ in range(6)]
    keras.utils.set_random_seed(3)
    assert all(torch.equal(one, flip(IMAGES)) for one in first)


def test_a_dict_keeps_what_it_does_not_know_and_is_not_changed():
    data = {"images": IMAGES.numpy().astype("uint8"), "labels": np.array([3, 4]), "other": "name"}
    out = layers.RandomFlip()(data)
    assert out["other"] == "name"
    assert out["labels"].tolist() == [3, 4]
    assert out["images"].dtype == torch.float32
    assert isinstance(data["images"], np.ndarray)
    with pytest.raises(ValueError, match="with the key 'images'"):
        layers.RandomFlip()({"image": IMAGES})
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        layers.RandomFlip()({"images": IMAGES, "bounding_boxes": {"boxes": torch.zeros(2, 1, 4), "labels": [[0], [0]]}})
    with pytest.raises(ValueError, match=r"rank 3 \(single image\)"):
        layers.RandomFlip()(torch.zeros(2, 3))


RANDOM = {
    "flip": lambda **more: layers.RandomFlip(**more),
    "rotation": lambda **more: layers.RandomRotation(0.1, **more),
    "translation": lambda **more: layers.RandomTranslation(0.3, (0.1, 0.4), **more),
    "zoom": lambda **more: layers.RandomZoom(0.4, (-0.2, 0.1), **more),
    "shear": lambda **more: layers.RandomShear(0.3, (0.1, 0.2), **more),
    "perspective": lambda **more: layers.RandomPerspective(**more),
    "elastic": lambda **more: layers.RandomElasticTransform(**more),
    "erasing": lambda **more: layers.RandomErasing(fill_value=7, **more),
    "crop": lambda **more: layers.RandomCrop(4, 5, **more),
}
PIXELS = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (3, 6, 7, 2)).astype("float32"))
every_random_layer = pytest.mark.parametrize("make", RANDOM.values(), ids=RANDOM)


@every_random_layer
def test_each_image_has_its_own_draw_and_a_seed_repeats_all(make):
    one, two = make(seed=3), make(seed=3)
    for _ in range(3):
        assert torch.equal(one(PIXELS), two(PIXELS))
    assert varies(lambda: one(PIXELS))
    assert torch.equal(one(PIXELS, training=False), PIXELS)
    drawn = [make().get_random_transformation(PIXELS, seed=7) for _ in range(2)]
    drawn = [list(each.values()) if isinstance(each, dict) else list(each) for each in drawn]
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(*drawn, strict=True))


@every_random_layer
def test_all_that_is_drawn_is_on_the_device_of_the_images(make):
    drawn = make(seed=1).get_random_transformation(PIXELS.to("meta"))
    for value in drawn.values() if isinstance(drawn, dict) else drawn:
        assert not isinstance(value, torch.Tensor) or value.is_meta
    assert make()(PIXELS.to("meta")).is_meta


@every_random_layer
@pytest.mark.parametrize("policy", ["float64", "mixed_float16", "bfloat16"])
def test_other_types(make, policy):
    layer = make(dtype=policy)
    kind = getattr(torch, layer.compute_dtype)
    assert layer(PIXELS).dtype is kind
    assert layer(PIXELS.to(torch.uint8)).dtype is kind
    assert layer(PIXELS[0].numpy()).dtype is kind


@every_random_layer
def test_channels_first_is_the_same_picture(make):
    last = make(seed=5, data_format="channels_last")(PIXELS)
    first = make(seed=5, data_format="channels_first")(PIXELS.permute(0, 3, 1, 2))
    torch.testing.assert_close(first.permute(0, 2, 3, 1), last, rtol=1e-4, atol=1e-2)


#: What is drawn, and between which numbers it is spread evenly.
RANGES = [
    ("RandomRotation", {"factor": 0.1}, lambda t: t["angle"], -36.0, 36.0),
    ("RandomRotation", {"factor": (0.25, 0.5)}, lambda t: t["angle"], 90.0, 180.0),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.1}, lambda t: t["translations"][:, 0], -2.0, 2.0),
    ("RandomTranslation", {"height_factor": (0.1, 0.3), "width_factor": 0}, lambda t: t["translations"][:, 1], 1, 3),
    ("RandomZoom", {"height_factor": 0.4}, lambda t: t["height_zoom"], 0.6, 1.4),
    ("RandomZoom", {"height_factor": 0.4, "width_factor": (0.1, 0.9)}, lambda t: t["width_zoom"], 1.1, 1.9),
    ("RandomShear", {"x_factor": (0.2, 0.4)}, lambda t: t["shear_factor"][:, 0].abs(), 0.2, 0.4),
    ("RandomShear", {"y_factor": 0.3}, lambda t: t["shear_factor"][:, 1], -0.3, 0.3),
    ("RandomElasticTransform", {"scale": (0.3, 0.5)}, lambda t: t["distortion_factor"], 0.3, 0.5),
]


@pytest.mark.parametrize(("name", "arguments", "pick", "low", "high"), RANGES)
def test_draws_are_spread_over_the_range(name, arguments, pick, low, high):
    keras.utils.set_random_seed(1)
    values = pick(getattr(layers, name)(**arguments).get_random_transformation(torch.empty(2000, 10, 20, 1))).flatten()
    assert low <= float(values.min())
    assert float(values.max()) <= high
    if len(values) > 1:
        shares = torch.histc((values - low) / (high - low), 4, 0.0, 1.0) / len(values)
        torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("name", "factor", "key", "expected"),
    [
        ("RandomErasing", 1.0, "apply_erasing", 0.5),
        ("RandomErasing", (1.0, 1.0), "apply_erasing", 1.0),
        ("RandomPerspective", (0.2, 0.4), "apply_perspective", 0.3),
        ("RandomElasticTransform", 0.0001, "apply_transform", 0.0),
    ],
)
def test_how_many_images_are_changed(name, factor, key, expected):
    keras.utils.set_random_seed(2)
    chosen = getattr(layers, name)(factor).get_random_transformation(torch.empty(2000, 2, 2, 1))[key]
    assert abs(float(chosen.float().mean()) - expected) < 0.04


def test_half_of_the_images_are_flipped_both_ways_or_not_at_all():
    keras.utils.set_random_seed(2)
    images = IMAGES[:1].expand(2000, -1, -1, -1)
    flipped = layers.RandomFlip()(images)
    both = (flipped == images.flip(1, 2)).flatten(1).all(1)
    assert (both | (flipped == images).flatten(1).all(1)).all()
    assert abs(float(both.float().mean()) - 0.5) < 0.04


def test_a_crop_can_begin_everywhere():
    keras.utils.set_random_seed(2)
    crop = layers.RandomCrop(4, 5)
    starts = {tuple(int(one) for one in crop.get_random_transformation(PIXELS)) for _ in range(120)}
    assert starts == {(row, column) for row in range(3) for column in range(3)}


def boxes_of(layer, boxes, transformation=None, images=PIXELS[:1]):
    data = {"boxes": torch.tensor([boxes], dtype=torch.float32), "labels": torch.ones(1, len(boxes))}
    transformation = layer.get_random_transformation(images) if transformation is None else transformation
    return layer.transform_bounding_boxes(data, transformation)


def test_boxes_of_a_rotation_are_in_the_format_that_they_came_in():
    angle = (0.25, 0.25)
    corners = boxes_of(layers.RandomRotation(angle, bounding_box_format="xyxy"), [[1, 1, 4, 3]])["boxes"]
    sizes = boxes_of(layers.RandomRotation(angle, bounding_box_format="xywh"), [[1, 1, 3, 2]])["boxes"]
    torch.testing.assert_close(sizes, keras.utils.bounding_boxes.convert_format(corners, "xyxy", "xywh"))


def test_boxes_of_a_perspective_are_in_the_format_that_they_came_in():
    drawn = layers.RandomPerspective((1, 1), 0.3, seed=2).get_random_transformation(PIXELS[:1])
    corners = boxes_of(layers.RandomPerspective(bounding_box_format="xyxy"), [[1, 1, 4, 3]], drawn)["boxes"]
    sizes = boxes_of(layers.RandomPerspective(bounding_box_format="xywh"), [[1, 1, 3, 2]], drawn)["boxes"]
    torch.testing.assert_close(sizes, keras.utils.bounding_boxes.convert_format(corners, "xyxy", "xywh"))


def test_boxes_are_where_their_objects_are_in_a_crop():
    layer = layers.RandomCrop(4, 5, seed=1, bounding_box_format="xyxy")
    start = (torch.tensor(2), torch.tensor(1))
    found = boxes_of(layer, [[2, 3, 4, 5], [0, 0, 9, 9], [6, 0, 7, 1]], start)
    assert found["boxes"].tolist() == [[[1, 1, 3, 3], [0, 0, 5, 4], [5, 0, 5, 0]]]
    assert found["labels"].tolist() == [[1, 1, -1]]
    larger = layers.RandomCrop(12, 14, bounding_box_format="rel_xyxy")
    assert boxes_of(larger, [[0.5, 0.25, 1.0, 0.5]])["boxes"].tolist() == [[[0.5, 0.25, 1.0, 0.5]]]


def test_masks_are_distorted_with_their_images():
    layer = layers.RandomElasticTransform((1, 1), (1, 1), interpolation="nearest", seed=1, value_range=(-9, 99))
    classes = torch.arange(42).reshape(1, 6, 7, 1)
    out = layer({"images": classes.float(), "segmentation_masks": classes.to(torch.uint8)})
    assert out["segmentation_masks"].dtype is torch.uint8
    assert torch.equal(out["images"], out["segmentation_masks"].float())
    assert not torch.equal(out["images"], classes.float())


def test_boxes_of_unequal_number_and_lists_are_filled_up():
    layer = layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
    lists = {"boxes": [[[0, 0, 1, 1]], []], "labels": [[5], []]}
    out = layer({"images": IMAGES, "bounding_boxes": lists})["bounding_boxes"]
    assert out["labels"].tolist() == [[5, -1, -1], [-1, -1, -1]]
    rows = {"boxes": torch.tensor([[0.0, 0, 1, 1]]), "labels": torch.tensor([5])}
    ragged = {key: RaggedTensor.from_row_lengths(each, [1, 0]) for key, each in rows.items()}
    again = layer({"images": IMAGES, "bounding_boxes": ragged})["bounding_boxes"]
    assert all(torch.equal(again[key].float(), out[key].float()) for key in out)
    one = layer({"images": IMAGES[0], "bounding_boxes": {"boxes": [[0, 0, 1, 1]], "labels": [5]}})["bounding_boxes"]
    assert one["boxes"].tolist() == [[0, 0, 1, 1], [-1] * 4, [-1] * 4]
    with pytest.raises(ValueError, match="must also be a list"):
        layer({"images": IMAGES, "bounding_boxes": {"boxes": [[[0, 0, 1, 1]]] * 2, "labels": torch.zeros(2, 1)}})
    with pytest.raises(ValueError, match="same length"):
        layer({"images": IMAGES, "bounding_boxes": {"boxes": [[[0, 0, 1, 1]]] * 2, "labels": [[1]]}})
    with pytest.raises(ValueError, match="dict with keys 'boxes' and 'labels'"):
        layer({"images": IMAGES, "bounding_boxes": torch.zeros(2, 1, 4)})


def test_single_images_in_threads_as_a_data_set_maps_them():
    layer = layers.RandomRotation(0.5, seed=1)
    with ThreadPoolExecutor(4) as pool:
        turned = list(pool.map(lambda _: layer(PIXELS[0].numpy(), training=True), range(40)))
    assert len({float(image.sum()) for image in turned}) == 40


def test_symbolic_dicts_and_open_sizes():
    flip = layers.RandomCrop(3, 4)({"images": keras.Input((6, 6, 3)), "labels": keras.Input((1,))})
    assert (flip["images"].shape, flip["labels"].shape) == ((None, 3, 4, 3), (None, 1))
    boxes = {"boxes": keras.Input((3, 4)), "labels": keras.Input((3,))}
    layer = layers.MaxNumBoundingBoxes(5, bounding_box_format="xyxy")
    assert layer({"images": keras.Input((6, 6, 3)), "bounding_boxes": boxes})["bounding_boxes"]["boxes"].shape == (
        None,
        5,
        4,
    )
    for layer in (layers.RandomFlip(), layers.RandomZoom(0.1), layers.RandomErasing()):
        assert layer(keras.Input((None, None, 3))).shape == (None, None, None, 3)


def test_keras_configs_of_a_shear_can_be_read():
    config = {"x_factor": [-0.2, 0.2], "y_factor": [-0.0, 0.0], "fill_mode": "reflect"}
    layer = layers.RandomShear.from_config(config)
    assert (layer.x_factor, layer.y_factor) == ((-0.2, 0.2), (0.0, 0.0))
    assert layer.get_config()["x_factor"] == 0.2


def test_augmentation_cannot_become_plain_torch_but_is_exported_as_nothing(tmp_path):
    model = keras.Sequential([keras.Input((6, 7, 2)), layers.RandomFlip(), layers.Resizing(4, 4), layers.Flatten()])
    with pytest.raises(ValueError, match=r"drawn by chance.*dataset\.map"):
        keras.export.to_torch(model)


def test_a_data_set_maps_single_images_batches_and_dicts():
    augment = keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)])
    data = Dataset.from_tensor_slices((PIXELS.numpy(), np.arange(3)))
    single = list(data.map(lambda image, label: (augment(image, training=True), label), num_parallel_calls=2).batch(2))
    assert [image.shape for image, _ in single] == [(2, 6, 7, 2), (1, 6, 7, 2)]
    assert [label.tolist() for _, label in single] == [[0, 1], [2]]
    dicts = data.map(lambda image, label: {"images": image, "labels": label}).batch(3).map(layers.RandomZoom(0.1))
    assert [one["images"].shape for one in dicts] == [(3, 6, 7, 2)]
