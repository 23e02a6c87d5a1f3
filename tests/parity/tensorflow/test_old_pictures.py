"""`ImageDataGenerator`, compared with that of Keras 2: the same draws of numpy's generator, the same pictures."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from torchkeras_shim.compat.legacy import pictures
from torchkeras_shim.preprocessing import image

pytest.importorskip("scipy", reason="pictures are turned by SciPy")
image2 = imported("tf_keras.src.preprocessing.image")

X = (np.random.RandomState(0).rand(5, 4, 5, 3) * 255).round().astype("float32")
CASES = [
    {},
    {"rotation_range": 30},
    {"width_shift_range": 0.2, "height_shift_range": 0.3, "fill_mode": "reflect"},
    {"width_shift_range": 2, "height_shift_range": [1, 2], "fill_mode": "wrap"},
    {"shear_range": 20, "zoom_range": 0.3, "fill_mode": "constant", "cval": 7.0},
    {"zoom_range": [0.5, 2.0], "horizontal_flip": True, "vertical_flip": True, "rescale": 1 / 255},
    {"channel_shift_range": 30.0, "samplewise_center": True, "samplewise_std_normalization": True},
    {"rotation_range": 20, "width_shift_range": 0.1, "shear_range": 5, "zoom_range": 0.1, "interpolation_order": 0},
    {"featurewise_center": True, "featurewise_std_normalization": True},
    {"zca_whitening": True, "zca_epsilon": 0.1},
    {"data_format": "channels_first", "rotation_range": 30},
]


def _batches(module, kwargs):
    first = kwargs.get("data_format") == "channels_first"
    x = X.transpose(0, 3, 1, 2).copy() if first else X.copy()
    generator = module.ImageDataGenerator(**kwargs)
    generator.fit(x / 255 if "zca_whitening" in kwargs else x)
    flow = generator.flow(x, np.arange(5), batch_size=2, seed=3)
    found = [next(flow) for _ in range(4)] + [flow[1]]
    return [np.asarray(a).round(4) for a, _ in found[:2]], [np.asarray(b).tolist() for _, b in found]


@pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies:UserWarning")
@pytest.mark.parametrize("kwargs", CASES, ids=str)
def test_flow(kwargs):
    state = np.random.get_state()
    try:
        theirs, their_rows = kept(_batches, image2, kwargs)
        ours, our_rows = _batches(pictures, kwargs)
    finally:
        np.random.set_state(state)
    assert our_rows == [list(rows) for rows in their_rows]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-2)


def test_folder(tmp_path):
    for name, value in (("a", 10), ("b", 200), ("b2", 90)):
        (tmp_path / name).mkdir()
        for number in range(4):
            image.save_img(tmp_path / name / f"{number}.png", np.full((4, 4, 3), value + number), scale=False)
    generator = pictures.ImageDataGenerator(rescale=0.5, validation_split=0.25)
    flow = generator.flow_from_directory(tmp_path, (3, 2), batch_size=4, shuffle=False, subset="training")
    x, y = flow[0]
    assert x.shape == (4, 3, 2, 3)
    np.testing.assert_array_equal(x[:, 0, 0, 0], [5.5, 6.0, 6.5, 100.5])
    np.testing.assert_array_equal(y.argmax(-1), [0, 0, 0, 1])
    assert (len(flow), flow.samples, flow.class_indices) == (3, 9, {"a": 0, "b": 1, "b2": 2})
    held = generator.flow_from_directory(tmp_path, (3, 2), class_mode="sparse", shuffle=False, subset="validation")
    np.testing.assert_array_equal(held[0][1], [0, 1, 2])


def test_what_is_refused():
    with pytest.raises(ValueError, match="RandomBrightness"):
        pictures.ImageDataGenerator(brightness_range=(0.5, 1.5))
    with pytest.raises(ValueError, match=r"generator.fit\(pictures\)"):
        next(pictures.ImageDataGenerator(featurewise_center=True).flow(X))
