"""`keras.visualization`: what is drawn into pictures, and galleries of them."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import keras

V = torchkeras_shim.visualization
PICTURES = (np.arange(2 * 6 * 7 * 3).reshape(2, 6, 7, 3) % 251).astype("uint8")
MASKS = (np.arange(2 * 6 * 7).reshape(2, 6, 7, 1) % 4).astype("int32")
COLORS = {0: (1, 2, 3), 1: (200, 0, 0), 2: (0, 200, 0), 3: (9, 9, 9)}
BOXES = {"boxes": np.array([[[1.0, 1, 5, 4], [0, 0, 3, 3]]] * 2), "labels": np.array([[0, 1], [1, -1]])}


@pytest.fixture(autouse=True)
def without_a_screen():
    with mpl.rc_context():
        mpl.use("agg", force=True)
        yield


@pytest.mark.parametrize(
    "options",
    [
        {"num_classes": 4},
        {"num_classes": 4, "alpha": 0.3, "ignore_index": 0},
        {"num_classes": 3, "color_mapping": COLORS},
        {"num_classes": 4, "blend": False},
    ],
)
def test_masks_are_keras_s(options):
    theirs = np.asarray(keras.visualization.draw_segmentation_masks(PICTURES, MASKS, **options))
    ours = V.draw_segmentation_masks(PICTURES, MASKS, **options)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert np.abs(ours.astype(float) - theirs.astype(float)).max() <= 1  # numbers are cut to integers


def test_masks_of_other_forms():
    expected = V.draw_segmentation_masks(PICTURES, MASKS)
    assert np.array_equal(V.draw_segmentation_masks(PICTURES, MASKS[..., 0]), expected)
    first = V.draw_segmentation_masks(
        PICTURES.transpose(0, 3, 1, 2), MASKS.transpose(0, 3, 1, 2), data_format="channels_first"
    )
    assert np.array_equal(first.transpose(0, 2, 3, 1), expected)


def test_boxes():
    drawn = V.draw_bounding_boxes(PICTURES, BOXES, "xyxy", color=(250, 0, 0), line_thickness=1)
    assert (drawn[1, 1, 1:6] == (250, 0, 0)).all()
    assert (drawn[1, 2:4, 2:5] == PICTURES[1, 2:4, 2:5]).all()
    red = (drawn[1] == (250, 0, 0)).all(-1).sum()
    assert red == 2 * 5 + 2 * 2
    thick = V.draw_bounding_boxes(PICTURES, BOXES, "xyxy", color=(250, 0, 0), line_thickness=3)
    assert (thick[1, 0:3, 0:7] == (250, 0, 0)).all()
    floats = V.draw_bounding_boxes(PICTURES / 255.0, BOXES, "xyxy", color=(250, 0, 0), line_thickness=1)
    assert np.abs(floats.astype(int) - drawn).max() <= 1
    first = V.draw_bounding_boxes(
        PICTURES.transpose(0, 3, 1, 2),
        BOXES,
        "xyxy",
        color=(250, 0, 0),
        line_thickness=1,
        data_format="channels_first",
    )
    assert np.array_equal(first.transpose(0, 2, 3, 1), drawn)


def test_boxes_that_reach_out_of_the_picture_are_cut():
    boxes = {"boxes": np.array([[[-20.0, -20, 90, 90], [-9, -9, -5, -5]]] * 2), "labels": np.zeros((2, 2))}
    assert np.array_equal(V.draw_bounding_boxes(PICTURES, boxes, "xyxy"), PICTURES)


def test_names_are_written():
    pictures = np.zeros((1, 60, 90, 3), dtype="uint8")
    boxes = {"boxes": [[[5.0, 40, 60, 55]]], "labels": [[3]], "confidences": [[0.5]]}
    without = V.draw_bounding_boxes(pictures, boxes, "xyxy", color=(7, 8, 9))
    drawn = V.draw_bounding_boxes(pictures, boxes, "xyxy", class_mapping={3: "cat"}, color=(7, 8, 9), font_scale=0.6)
    letters = (drawn != without).any(-1)[0]
    assert 20 < letters.sum() < 1500
    assert letters[:38].sum() == letters.sum()  # above the box
    assert (drawn[0][letters] == (7, 8, 9)).all()


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda v: v.draw_segmentation_masks(PICTURES[0], MASKS), ValueError, "`images` must be batched 4D tensor."),
        (lambda v: v.draw_segmentation_masks(PICTURES, MASKS / 1.0), TypeError, "must be in integer dtype."),
        (lambda v: v.plot_image_gallery(PICTURES, path="x", show=True), ValueError, "expects either `path`"),
        (lambda v: v.plot_image_gallery(PICTURES, y_true=[0, 1]), ValueError, "a `label_map` must also be"),
    ],
)
def test_it_is_refused_as_in_keras(call, error, sentence):
    for k in (keras, torchkeras_shim):
        with pytest.raises(error, match=sentence):
            call(k.visualization)


def test_boxes_of_another_form_are_refused():
    with pytest.raises(TypeError, match="should be a dict"):
        V.draw_bounding_boxes(PICTURES, [1], "xyxy")
    with pytest.raises(ValueError, match="'boxes' and 'labels' keys"):
        V.draw_bounding_boxes(PICTURES, {"boxes": []}, "xyxy")


def test_galleries(tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    seen = []

    def look(figure, *args, **kwargs):
        axes = figure.axes
        seen.append([[axis.get_title() for axis in axes], [np.asarray(i.get_array()) for a in axes for i in a.images]])

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", look)
    V.plot_image_gallery(PICTURES / 255.0, [0, 1], [1, 5], {0: "cat", 1: "dog"}, value_range=(0, 1), path="x")
    V.plot_bounding_box_gallery(PICTURES, "xyxy", BOXES, BOXES, line_thickness=1, legend=True, path="x")
    V.plot_segmentation_mask_gallery(PICTURES, 4, y_true=MASKS, y_pred=MASKS[..., 0], path="x")
    assert not plt.get_fignums()
    (titles, pictures), (_, boxes), (_, masks) = seen
    assert titles == ["Label: cat  Pred: dog", "Label: dog  Pred: Unknown"]
    assert np.abs(np.stack(pictures).astype(int) - PICTURES).max() <= 1
    assert np.array_equal(
        boxes[0], V.draw_bounding_boxes(PICTURES, BOXES, "xyxy", color=(255, 235, 59), line_thickness=1)[0]
    )
    drawn = V.draw_segmentation_masks(PICTURES, MASKS, 4)
    assert [np.array_equal(one, two) for one, two in zip(masks, (PICTURES[0], drawn[0], drawn[0]), strict=False)] == [
        True
    ] * 3
    with pytest.raises(ValueError, match="`legend` OR `legend_handles`"):
        V.plot_bounding_box_gallery(PICTURES, "xyxy", legend=True, legend_handles=[1])
