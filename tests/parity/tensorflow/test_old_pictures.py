"""`ImageDataGenerator`, compared with that of Keras 2: the same draws of numpy's generator, the same pictures."""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from torchkeras_shim import layers, models
from torchkeras_shim.compat.legacy import picture_changes, pictures

pytestmark = [
    pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies:UserWarning"),
]
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


FLOWS = [
    ({"brightness_range": (0.5, 1.5)}, {}),
    ({"brightness_range": [0.2, 0.9], "rescale": 1 / 255, "horizontal_flip": True}, {"save_to_dir": True}),
    ({"validation_split": 0.4}, {"subset": "training", "ignore_class_split": True}),
    ({"validation_split": 0.4, "rotation_range": 20}, {"subset": "validation", "ignore_class_split": True}),
    ({"featurewise_center": True, "rotation_range": 20}, {"augment": True, "rounds": 2}),
    ({"samplewise_center": True, "dtype": "float64"}, {"others": True}),
    ({"zoom_range": 0.2}, {"sample_weight": np.arange(5.0), "shuffle": False}),
    ({"preprocessing_function": np.negative, "vertical_flip": True}, {}),
    ({"rotation_range": 45, "fill_mode": "reflect", "interpolation_order": 3}, {"seed": None}),
]


def _flow(module, generator, options):
    import os
    import tempfile

    options = {"seed": 7, **options}
    fitting = {name: options.pop(name) for name in ("augment", "rounds") if name in options}
    np.random.seed(1)
    generator = module.ImageDataGenerator(**generator)
    if generator.featurewise_center:
        generator.fit(X, seed=5, **fitting)
    x = (X, [np.arange(5), np.arange(10).reshape(5, 2)]) if options.pop("others", False) else X
    with tempfile.TemporaryDirectory() as folder:
        if options.get("save_to_dir"):
            options["save_to_dir"] = folder
        flow = generator.flow(x, np.array([0, 1, 0, 1, 1]), batch_size=2, **options)
        found = [next(flow), flow[len(flow) - 1]]
        flow.on_epoch_end()
        found.append(next(flow))
        names = sorted(os.listdir(folder))
    flat = [part for batch in found for parts in batch for part in (parts if isinstance(parts, list) else [parts])]
    return [np.asarray(part).round(3) for part in flat], [len(flow), flow.n, *names, float(np.random.rand())]


def _same(ours, theirs, levels=2e-2):
    assert ours[1] == list(theirs[1])
    for a, b in zip(ours[0], theirs[0], strict=True):
        assert a.shape == np.shape(b)
        assert a.dtype == np.asarray(b).dtype or a.dtype.kind == "i"
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=levels)


@pytest.fixture
def numpy_state():
    state = np.random.get_state()
    yield
    np.random.set_state(state)


@pytest.mark.usefixtures("numpy_state")
@pytest.mark.parametrize(("generator", "options"), FLOWS, ids=str)
def test_flow_options(generator, options):
    _same(_flow(pictures, generator, options), kept(_flow, image2, generator, options))


FOLDERS = [
    ({}, {}),
    ({"rotation_range": 30, "brightness_range": (0.5, 1.5)}, {"class_mode": "sparse", "save_to_dir": True}),
    ({"validation_split": 0.34}, {"class_mode": "binary", "subset": "training", "shuffle": False}),
    ({"validation_split": 0.34}, {"subset": "validation", "classes": ["b", "a"]}),
    ({"data_format": "channels_first", "rescale": 1 / 255}, {"class_mode": "input", "color_mode": "grayscale"}),
    ({"zoom_range": 0.3}, {"class_mode": None, "color_mode": "rgba", "interpolation": "bilinear"}),
    ({}, {"keep_aspect_ratio": True, "target_size": (3, 2), "interpolation": "bicubic", "save_format": "jpeg"}),
]
TABLES = [
    ({}, {}),
    ({"width_shift_range": 0.3}, {"class_mode": "binary", "save_to_dir": True, "save_prefix": "p"}),
    ({"validation_split": 0.4}, {"class_mode": "sparse", "subset": "training", "shuffle": False}),
    ({"validation_split": 0.4}, {"class_mode": "raw", "y_col": "number", "subset": "validation"}),
    ({}, {"class_mode": "raw", "y_col": ["number", "weight"], "weight_col": "weight"}),
    ({}, {"class_mode": "multi_output", "y_col": ["number", "class"]}),
    ({}, {"class_mode": "input", "weight_col": "weight"}),
    ({"horizontal_flip": True}, {"class_mode": None}),
    ({}, {"y_col": "several", "classes": ["x", "z"]}),
    ({}, {"y_col": "several", "validate_filenames": False}),
    ({}, {"classes": ["a", "b"], "x_col": "some"}),
]


def _folder(module, kind, generator, options):
    import os
    import tempfile
    import warnings

    import pandas
    from PIL import Image

    draw = np.random.RandomState(0)
    np.random.seed(1)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as saved, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = [f"{letter}/{number}.png" for letter in "ab" for number in range(3)]
        for name in [*names, "a/more/4.jpg"]:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            Image.fromarray(draw.randint(0, 256, (5, 4, 3)).astype("uint8")).save(os.path.join(folder, name))
        open(os.path.join(folder, "a", "text.txt"), "w").close()
        options = {"batch_size": 2, "seed": 7, "target_size": (4, 5), **options}
        if options.get("save_to_dir"):
            options["save_to_dir"] = saved
        generator = module.ImageDataGenerator(**generator)
        if kind == "directory":
            flow = generator.flow_from_directory(folder, **options)
        else:
            table = pandas.DataFrame(
                {
                    "filename": names,
                    "some": [*names[:-2], "a/none.png", "a/text.txt"],
                    "class": list("aabbab"),
                    "number": range(6),
                    "weight": np.arange(6) / 4,
                    "several": [["x"], ["y", "x"], ["z"], ["y"], ["x", "z"], ["x", "y", "z"]],
                }
            )
            flow = generator.flow_from_dataframe(table, folder, **options)
        found = [next(flow), flow[len(flow) - 1]]
        written = sorted(os.listdir(saved))
        about = [len(flow), flow.samples, *flow.filenames, *sorted(getattr(flow, "class_indices", {}))]
        about += [*flow.image_shape, *written, float(np.random.rand())]
    batches = [batch if isinstance(batch, tuple) else (batch,) for batch in found]
    flat = [part for batch in batches for parts in batch for part in (parts if isinstance(parts, list) else [parts])]
    arrays = [np.asarray(part) for part in flat]
    return [one.round(3) if one.dtype.kind == "f" else np.unique(one, return_inverse=True)[1] for one in arrays], about


@pytest.mark.usefixtures("numpy_state")
@pytest.mark.parametrize(
    ("kind", "generator", "options"),
    [*(("directory", *case) for case in FOLDERS), *(("dataframe", *case) for case in TABLES)],
    ids=str,
)
def test_files(kind, generator, options):
    levels = 1.1 if "interpolation" in options else 2e-2  # Pillow's versions round one level apart
    _same(_folder(pictures, kind, generator, options), kept(_folder, image2, kind, generator, options), levels)


def _changes(module):
    np.random.seed(3)
    x = X[0]
    axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    first = x.transpose(2, 0, 1)
    found = [
        module.random_rotation(x, 30, **axes),
        module.random_rotation(first, 30),
        module.random_shift(x, 0.2, 0.4, **axes, fill_mode="wrap"),
        module.random_shear(x, 20, **axes, fill_mode="constant", cval=3.0),
        module.random_zoom(x, (0.5, 1.5), **axes, interpolation_order=0),
        module.random_channel_shift(x, 40.0, 2),
        module.random_brightness(x, (0.5, 2.0)),
        module.apply_brightness_shift(x * 2 - 100, 1.4, scale=False),
        module.apply_brightness_shift(x, 0.7, scale=False),
        module.apply_affine_transform(x, 10, 1, 2, 5, 0.9, 1.1, row_axis=1, col_axis=0, channel_axis=2),
        module.apply_channel_shift(x, 20, 2),
    ]
    return [np.asarray(one).round(3) for one in found]


@pytest.mark.usefixtures("numpy_state")
def test_functions_of_one_picture():
    ours = SimpleNamespace(**picture_changes.NAMES)
    for a, b in zip(_changes(ours), kept(_changes, image2), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-2)


def test_training_on_pictures_by_threads():
    generator = pictures.ImageDataGenerator(rotation_range=10)
    flow = generator.flow(X, np.arange(5), batch_size=2, shuffle=False)
    again = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(next(again)[1], [0, 1])
    flow.workers = 4
    model = models.Sequential([layers.Input((4, 5, 3)), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    assert len(model.fit(flow, epochs=2, verbose=0).history["loss"]) == 2
    assert model.predict(generator.flow(X, batch_size=2, shuffle=False), verbose=0).shape == (5, 1)


def test_what_is_refused():
    generator = pictures.ImageDataGenerator(validation_split=0.4)
    with pytest.raises(ValueError, match="different number of classes"):
        generator.flow(X, np.array([0, 0, 1, 1, 1]), subset="training")
    with pytest.raises(ValueError, match='expected "training"'):
        generator.flow(X, subset="test")
    with pytest.raises(ValueError, match="two floats"):
        pictures.ImageDataGenerator(brightness_range=0.5)
    with pytest.raises(ValueError, match="same length"):
        generator.flow(X, np.arange(4))
    with pytest.raises(ValueError, match="same length"):
        generator.flow((X, np.arange(4)))
    with pytest.raises(ValueError, match="rank 4"):
        generator.flow(X[0])
    with pytest.raises(ValueError, match="length 3"):
        generator.flow(X, batch_size=2)[3]
    with pytest.raises(ValueError, match="must be distinct"):
        picture_changes.random_rotation(X[0], 3, row_axis=0)
    with pytest.raises(ValueError, match="Invalid class_mode"):
        generator.flow_from_directory(".", class_mode="raw")
    with pytest.warns(UserWarning, match="hasn't been fit"):
        next(pictures.ImageDataGenerator(featurewise_center=True).flow(X))
    with pytest.warns(UserWarning, match="1, 3, or 4 channels"):
        generator.flow(np.zeros((2, 3, 3, 2)))


def test_what_a_table_may_not_have():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"filename": ["a.png"], "class": [1], "w": ["x"]})
    generator = pictures.ImageDataGenerator()
    with pytest.raises(TypeError, match=r"astype\(str\)"):
        generator.flow_from_dataframe(table)
    with pytest.raises(TypeError, match="must be a list"):
        generator.flow_from_dataframe(table, class_mode="multi_output")
    with pytest.raises(TypeError, match="must be numeric"):
        generator.flow_from_dataframe(table, class_mode="raw", weight_col="w")
    with pytest.raises(TypeError, match="must be strings"):
        generator.flow_from_dataframe(table, x_col="class", class_mode="raw")
    with pytest.raises(TypeError, match="unexpected keyword"):
        generator.flow_from_dataframe(table, batch=3)
    with pytest.raises(ValueError, match="2 classes"):
        generator.flow_from_dataframe(table.astype(str), class_mode="binary")
    with pytest.warns(UserWarning, match="1 invalid image filename"):
        assert len(generator.flow_from_dataframe(table, class_mode=None)) == 0


def test_pictures_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    flow = pictures.ImageDataGenerator(horizontal_flip=True, rescale=2.0).flow(X, batch_size=5, shuffle=False)
    assert next(flow).shape == X.shape
    with pytest.raises(ImportError, match="pip install scipy"):
        next(pictures.ImageDataGenerator(rotation_range=30).flow(X))
