"""`keras.utils.bounding_boxes` against real Keras."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
import torch

from tests.parity.oracle import assert_close, kept, keras
from torchkeras_shim.utils import bounding_boxes

RNG = np.random.default_rng(0)
CORNERS = np.sort(RNG.uniform(0, 20, (2, 3, 2, 2)), axis=2).reshape(2, 3, 4).astype("float32")
OTHERS = np.sort(RNG.uniform(0, 20, (2, 5, 2, 2)), axis=2).reshape(2, 5, 4).astype("float32")
FORMATS = ["xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"]
IMAGE = (24, 30, 3)
LABELS = np.array([[1, 2, 3], [4, -1, 0]], "int32")


def column(*values):
    return np.array(values, "float32")


AFFINE = {
    "angle": column(10, -70),
    "translate_x": column(0.1, -0.2),
    "translate_y": column(0.0, 0.3),
    "scale": column(1.0, 0.8),
    "shear_x": column(0.0, 20.0),
    "shear_y": column(5.0, 0.0),
}
CASES = [
    ("clip_to_image_size", ({"boxes": CORNERS - 4, "labels": LABELS},), {"height": 10, "width": 12}),
    ("clip_to_image_size", ({"boxes": CORNERS / 10},), {"bounding_box_format": "rel_xyxy"}),
    ("affine_transform", (CORNERS,), {**AFFINE, "height": 24, "width": 30}),
    ("affine_transform", (CORNERS,), {**AFFINE, "height": 24, "width": 30, "center_x": 0.2, "center_y": 0.9}),
    ("crop", (CORNERS, 3, 4, 9, 8), {}),
    ("pad", (CORNERS, 3, 4), {"height": 99, "width": 99}),
    ("encode_box_to_deltas", (CORNERS, CORNERS + 1, "xyxy", "xyxy"), {}),
    (
        "encode_box_to_deltas",
        (CORNERS / 24, CORNERS, "rel_xyxy", "yxyx"),
        {"image_shape": IMAGE, "variance": [0.1, 0.1, 0.2, 0.2], "encoding_format": "center_xywh"},
    ),
    ("decode_deltas_to_boxes", (CORNERS, CORNERS / 20, "xyxy", "xywh"), {}),
    (
        "decode_deltas_to_boxes",
        ({"1": CORNERS, "2": OTHERS}, {"1": CORNERS / 30, "2": OTHERS / 40}, "xyxy", "rel_yxyx"),
        {"image_shape": IMAGE, "variance": [0.1, 0.1, 0.2, 0.2], "encoded_format": "center_xywh"},
    ),
    ("compute_iou", (CORNERS, OTHERS, "xyxy"), {}),
    ("compute_iou", (CORNERS[0], OTHERS[0], "center_yxhw"), {}),
    ("compute_iou", (CORNERS, OTHERS[1], "rel_xywh"), {"image_shape": IMAGE}),
    ("compute_iou", (CORNERS[0] * column(1, -1, 1)[:, None] - 1, OTHERS[0], "xyxy"), {"use_masking": True}),
    ("compute_ciou", (CORNERS, CORNERS[:, ::-1].copy(), "xyxy"), {}),
    ("compute_ciou", (CORNERS[0], OTHERS[0, :3], "xywh"), {}),
]


@pytest.mark.parametrize(("name", "arguments", "more"), CASES)
def test_values(name, arguments, more):
    ours = getattr(bounding_boxes, name)(*arguments, **more)
    theirs = kept(answer, keras, name, arguments, more)
    if not isinstance(theirs, dict):
        ours, theirs = {"": ours}, {"": theirs}
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        assert_close(ours[key], value, rtol=1e-4, atol=1e-4, message=key)


def answer(library, name, arguments, more):
    """What Keras returns; it changes the dicts that it is given."""
    given = [dict(one) if isinstance(one, dict) else one for one in arguments]
    result = getattr(library.utils.bounding_boxes, name)(*given, **more)
    return {key: np.asarray(one) for key, one in result.items()} if isinstance(result, dict) else np.asarray(result)


def all_conversions(library, convert, boxes):
    pairs = itertools.product(FORMATS, FORMATS)
    return {f"{a} to {b}": np.asarray(convert(library)(boxes, a, b, height=24, width=30)) for a, b in pairs}


def convert_format(library):
    return library.utils.bounding_boxes.convert_format


def test_every_conversion():
    boxes = CORNERS[0, :2]
    theirs = kept(all_conversions, keras, convert_format, boxes)
    for pair, expected in theirs.items():
        source, _, target = pair.split(" ")
        ours = bounding_boxes.convert_format(boxes, source, target, height=24, width=30)
        assert_close(ours, expected, rtol=1e-5, atol=1e-5, message=pair)


def test_there_and_back():
    for form in FORMATS:
        there = bounding_boxes.convert_format(CORNERS, "xyxy", form, 24, 30)
        assert_close(bounding_boxes.convert_format(there, form, "xyxy", 24, 30), CORNERS, rtol=1e-5, atol=1e-5)
    deltas = bounding_boxes.encode_box_to_deltas(CORNERS, CORNERS + 2, "xyxy", "xywh", variance=[1, 2, 3, 4])
    again = bounding_boxes.decode_deltas_to_boxes(CORNERS, deltas, "xyxy", "xywh", variance=[1, 2, 3, 4])
    assert_close(again, CORNERS + 2, rtol=1e-4, atol=1e-4)


def test_a_dict_stays_as_it_is():
    data = {"boxes": torch.from_numpy(CORNERS), "labels": torch.from_numpy(LABELS)}
    bounding_boxes.convert_format(data, "xyxy", "xywh")
    bounding_boxes.clip_to_image_size(data, 3, 3)
    assert torch.equal(data["boxes"], torch.from_numpy(CORNERS))
    assert torch.equal(data["labels"], torch.from_numpy(LABELS))


REFUSED = [
    ("convert_format", (CORNERS[..., :3], "xyxy", "xywh"), {}),
    ("convert_format", (CORNERS, "xyxy", "abc"), {}),
    ("convert_format", (CORNERS, "xyxy", "rel_xyxy"), {"height": 3}),
    ("clip_to_image_size", ({"boxes": CORNERS},), {"height": 3}),
    ("clip_to_image_size", ({"boxes": CORNERS},), {"bounding_box_format": "xywh"}),
    ("crop", (CORNERS, 1, 1, 1, 1), {"bounding_box_format": "yxyx"}),
    ("pad", (CORNERS, 1, 1), {"bounding_box_format": "yxyx"}),
    ("affine_transform", (CORNERS, *AFFINE.values(), 3, 3), {"bounding_box_format": "yxyx"}),
    ("encode_box_to_deltas", (CORNERS, CORNERS, "xyxy", "xyxy"), {"variance": [1.0]}),
    ("encode_box_to_deltas", (CORNERS, CORNERS, "xyxy", "xyxy"), {"encoding_format": "xyxy"}),
    ("decode_deltas_to_boxes", (CORNERS, CORNERS, "xyxy", "xyxy"), {"encoded_format": "xyxy"}),
    ("compute_iou", (CORNERS, CORNERS, "rel_xyxy"), {}),
    ("compute_iou", (CORNERS[0, 0], CORNERS, "xyxy"), {}),
    ("compute_ciou", (CORNERS, CORNERS, "rel_xyxy"), {}),
]


@pytest.mark.parametrize(("name", "arguments", "more"), REFUSED)
def test_what_keras_refuses(name, arguments, more):
    expected = kept(refusal, getattr(keras.utils.bounding_boxes, name), arguments, more)
    assert expected is not None
    assert refusal(getattr(bounding_boxes, name), arguments, more) == expected


def refusal(function, arguments, more):
    try:
        function(*arguments, **more)
    except Exception as error:
        return type(error).__name__
    return None


def test_signatures():
    for name in bounding_boxes.__all__:
        ours, theirs = (
            {key: one.default for key, one in inspect.signature(getattr(module, name)).parameters.items()}
            for module in (bounding_boxes, keras.utils.bounding_boxes)
        )
        assert ours == theirs, name
    assert set(dir(keras.utils.bounding_boxes)) - set(dir(bounding_boxes)) == set()
