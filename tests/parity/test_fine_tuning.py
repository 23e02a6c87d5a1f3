"""Fine-tuning as it is taught: a head on a frozen base, then its last layers. Losses and weights are Keras's."""

import contextlib
import functools

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras


@contextlib.contextmanager
def without_rounding(library):
    """Lets a library compute in float64.

    Adam divides gradients by their size: those that are nothing but rounding make whole steps, too. In float32 VGG16's
    losses are 3e-4 from those in float64 after nine epochs, here as in Keras.
    """
    x64 = contextlib.nullcontext()
    if library is not torchkeras_shim:
        import jax

        x64 = jax.enable_x64(True)
    library.config.set_floatx("float64")
    try:
        with x64:
            yield
    finally:
        library.config.set_floatx("float32")


def precise(function):
    """Returns a function that lets its library compute without rounding."""

    @functools.wraps(function)
    def in_float64(library, *arguments, **options):
        with without_rounding(library):
            return function(library, *arguments, **options)

    return in_float64


def base_of(library, function, size, **arguments):
    return getattr(library.applications, function)(
        input_shape=(size, size, 3), include_top=False, weights=None, **arguments
    )


def given_weights(model):
    """Weights that any library can make, of a size that lets signals through."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if weight.path.split("/")[0].startswith("normalization"):  # what Rescaling has divided by 255 is as it was
            weight.assign(np.full(shape, 255.0**-2 if weight.name == "variance" else 0.0))
        elif len(shape) < 2:  # scales and variances around 1, shifts and means around 0
            middle = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
            weight.assign((middle + rng.uniform(-0.1, 0.1, shape)).astype("float32"))
        else:
            depthwise = "depthwise" in weight.path
            reach = np.sqrt(6.0 / np.prod(shape[:2] if depthwise else shape[:-1]))
            weight.assign(rng.uniform(-reach, reach, shape).astype("float32"))


def write_weights(path, function, size, arguments):
    """Writes weights for whose statistics signals neither vanish nor explode, however many layers they go through."""
    base = base_of(torchkeras_shim, function, size, **arguments)
    given_weights(base)
    for layer in base.layers:
        if isinstance(layer, torchkeras_shim.layers.BatchNormalization):
            layer.momentum = 0.0
    base(data(size)[0], training=True)
    np.savez(path, *base.get_weights())


def data(size):
    rng = np.random.default_rng(1)
    y = np.arange(12) % 3
    return (rng.uniform(-1, 1, (12, size, size, 3)) + 0.3 * y[:, None, None, None]).astype("float32"), y


def fine_tune(library, function, size, thawed, epochs, arguments, saved=None, weights=None):
    """Returns what fine-tuning comes to; with `saved` the model is written to it before the last epochs."""
    layers, optimizers = library.layers, library.optimizers
    base = base_of(library, function, size, **arguments)
    base.trainable = False
    inputs = library.Input((size, size, 3))
    outputs = layers.GlobalAveragePooling2D()(base(inputs, training=False))
    outputs = layers.Dense(3, kernel_initializer="zeros")(outputs)
    model = library.Model(inputs, outputs)
    if weights is None:
        given_weights(base)
    else:
        with np.load(weights) as arrays:
            base.set_weights(list(arrays.values()))
    for layer in base.layers:  # Keras drops in them although the base is called with `training=False`
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0
    before = [np.array(weight) for weight in base.get_weights()]

    def compiled(rate):
        loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizers.Adam(rate), loss, metrics=["accuracy"])

    compiled(0.01)
    head = trained(model, size, epochs)
    counts, slots = [len(model.trainable_weights)], [slots_of(model)]
    base.trainable = True
    for place, layer in enumerate(base.layers):
        if place < len(base.layers) - thawed or isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    compiled(1e-4)
    counts.append(len(model.trainable_weights))
    tuned = trained(model, size, epochs)
    slots.append(slots_of(model))
    if saved:
        model.save(saved)
    continued = trained(model, size, epochs)
    after = base.get_weights()
    moved = [float(np.abs(new - old).max()) for new, old in zip(after, before, strict=True)]
    return {
        "losses": [head["loss"], tuned["loss"], continued["loss"]],
        "accuracies": [head["accuracy"], tuned["accuracy"], continued["accuracy"]],
        "counts": counts,
        "slots": slots,
        "moved": [step > 0 for step in moved],
        "head": [np.array(weight) for weight in model.get_weights()[-2:]],
        "last": [np.array(after[-5]).reshape(-1)[:50], *(np.array(weight)[:50] for weight in after[-4:])],
        "predictions": np.array(model.predict(data(size)[0], verbose=0)),
    }


def trained(model, size, epochs):
    x, y = data(size)
    return model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history


def slots_of(model):
    return [list(variable.shape) for variable in model.optimizer.variables]


def continued(library, path, size, epochs):
    """Returns what the last epochs come to for a model that was read from a file."""
    model = library.saving.load_model(path)
    counts, slots = len(model.trainable_weights), slots_of(model)
    history = trained(model, size, epochs)
    predictions = np.array(model.predict(data(size)[0], verbose=0))
    return {"counts": counts, "slots": slots, "losses": history["loss"], "predictions": predictions}


def check(ours, theirs, tolerance):
    for name in ("counts", "slots", "moved"):
        assert ours[name] == theirs[name], name
    for name in ("losses", "accuracies", "predictions"):
        check_numbers(ours[name], theirs[name], tolerance, name)
    for name in ("head", "last"):
        for one, other in zip(ours[name], theirs[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=name)


def check_continued(found, whole, tolerance):
    assert found["counts"] == whole["counts"][-1]
    assert found["slots"] == whole["slots"][-1]
    check_numbers(found["losses"], whole["losses"][-1], tolerance, "losses")
    check_numbers(found["predictions"], whole["predictions"], tolerance, "predictions")


def check_numbers(ours, theirs, tolerance, name):
    """Compares numbers by the size of their largest."""
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max(), err_msg=name)


def test_a_small_base(tmp_path):
    case = ("MobileNetV2", 32, 9, 2, {"alpha": 0.35})
    ours = fine_tune(torchkeras_shim, *case, saved=tmp_path / "ours.keras")
    check(ours, kept(fine_tune, keras, *case), tolerance=1e-3)
    check_continued(continued(torchkeras_shim, tmp_path / "ours.keras", 32, 2), ours, tolerance=1e-6)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("function", "size", "thawed", "arguments"),
    [
        pytest.param("ResNet50V2", 32, 12, {}, id="ResNet50V2"),
        pytest.param("DenseNet121", 32, 14, {}, id="DenseNet121"),
        pytest.param(
            "MobileNetV3Small", 32, 14, {"alpha": 0.75, "include_preprocessing": False}, id="MobileNetV3Small"
        ),
        pytest.param("VGG16", 32, 4, {}, id="VGG16"),
        pytest.param("MobileNet", 32, 14, {"alpha": 0.25}, id="MobileNet"),
    ],
)
def test_a_family(function, size, thawed, arguments, tmp_path):
    # In float64, too, Keras's BatchNormalization rounds to float32, by 6e-8 in each layer.
    tolerance = 1e-6 if function == "VGG16" else 1e-4
    case = (function, size, thawed, 3, arguments)
    ours_file, theirs_file = tmp_path / "ours.keras", tmp_path / "theirs.keras"
    weights = tmp_path / "weights.npz"
    write_weights(weights, function, size, arguments)
    theirs = kept(precise(fine_tune), keras, *case, saved=theirs_file, weights=weights)
    ours = precise(fine_tune)(torchkeras_shim, *case, saved=ours_file, weights=weights)
    assert np.ptp(ours["predictions"], axis=0).min() > 1e-3
    check(ours, theirs, tolerance)
    check_continued(precise(continued)(torchkeras_shim, ours_file, size, 3), ours, tolerance=1e-9)
    check_continued(precise(continued)(torchkeras_shim, theirs_file, size, 3), theirs, tolerance)
    check_continued(kept(precise(continued), keras, ours_file, size, 3), ours, tolerance)
