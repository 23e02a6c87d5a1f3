"""Fine-tuning as it is taught: a head on a frozen base, then its last layers. Losses and weights are Keras's."""

import numpy as np

import torchkeras_shim
from tests.parity.oracle import kept, keras


def base_of(library, function, size, **arguments):
    return getattr(library.applications, function)(
        input_shape=(size, size, 3), include_top=False, weights=None, **arguments
    )


def given_weights(model):
    """Weights that any library can make, of a size that lets signals through."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        shape = tuple(weight.shape)
        if len(shape) < 2:  # scales and variances around 1, shifts and means around 0
            middle = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
            weight.assign((middle + rng.uniform(-0.1, 0.1, shape)).astype("float32"))
        else:
            depthwise = "depthwise" in weight.path
            reach = np.sqrt(6.0 / np.prod(shape[:2] if depthwise else shape[:-1]))
            weight.assign(rng.uniform(-reach, reach, shape).astype("float32"))


def fine_tune(library, function, size, thawed, epochs, arguments):
    layers, optimizers = library.layers, library.optimizers
    rng = np.random.default_rng(1)
    y = np.arange(12) % 3
    x = (rng.uniform(-1, 1, (12, size, size, 3)) + 0.3 * y[:, None, None, None]).astype("float32")

    base = base_of(library, function, size, **arguments)
    base.trainable = False
    inputs = library.Input((size, size, 3))
    outputs = layers.GlobalAveragePooling2D()(base(inputs, training=False))
    outputs = layers.Dense(3, kernel_initializer="zeros")(outputs)
    model = library.Model(inputs, outputs)
    given_weights(base)
    before = [np.array(weight) for weight in base.get_weights()]

    def compiled(rate):
        loss = library.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizers.Adam(rate), loss, metrics=["accuracy"])

    def trained():
        return model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history

    compiled(0.01)
    head = trained()
    counts = [len(model.trainable_weights)]
    base.trainable = True
    for place, layer in enumerate(base.layers):
        if place < len(base.layers) - thawed or isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    compiled(1e-4)
    counts.append(len(model.trainable_weights))
    tuned = trained()
    after = base.get_weights()
    moved = [float(np.abs(new - old).max()) for new, old in zip(after, before, strict=True)]
    return {
        "losses": [head["loss"], tuned["loss"]],
        "accuracies": [head["accuracy"], tuned["accuracy"]],
        "counts": counts,
        "moved": [step > 0 for step in moved],
        "head": [np.array(weight) for weight in model.get_weights()[-2:]],
        "last": [np.array(after[-5]).reshape(-1)[:50], *(np.array(weight)[:50] for weight in after[-4:])],
        "predictions": np.array(model.predict(x, verbose=0)),
    }


def check(function, size, thawed, epochs, tolerance, **arguments):
    theirs = kept(fine_tune, keras, function, size, thawed, epochs, arguments)
    ours = fine_tune(torchkeras_shim, function, size, thawed, epochs, arguments)
    assert ours["counts"] == theirs["counts"]
    assert ours["moved"] == theirs["moved"]
    for name in ("losses", "accuracies", "predictions"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=tolerance, atol=tolerance, err_msg=name)
    for name in ("head", "last"):
        for one, other in zip(ours[name], theirs[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance, err_msg=name)


def test_a_small_base():
    check("MobileNetV2", 32, thawed=9, epochs=2, tolerance=1e-3, alpha=0.35)
