"""Files of `keras.applications` that real Keras writes and reads, and what it computes beside them."""

from __future__ import annotations

import importlib

import numpy as np

from tests.parity.application_cases import build, cheap_weights, fill, numbers

#: How many numbers of each gradient are compared.
_PLACES = 5


def pictures(size):
    return np.clip(numbers((2, size, size, 3), 1) * 60 + 120, 0, 255)


def configs(model):
    """What each layer's config says, apart from what only one of the libraries has."""
    return [(layer.name, dict(_flat(layer.get_config()))) for layer in model.layers]


def _flat(value, key=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("registered_name", "module", "build_config", "seed", "dtype"):
                yield from _flat(inner, f"{key}.{name}")
    elif isinstance(value, (list, tuple)):
        # A model within the model notes what it was called on in one of the libraries only.
        value = [inner for inner in value if not (isinstance(inner, dict) and inner.get("class_name") == "InputLayer")]
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{key}.{number}")
    else:
        yield key, value


def write(library, function, arguments, size, folder, whole, gradients):
    """Returns outputs, configs and gradients of a model of real Keras that was written in every format."""
    model = build(library, function, arguments, size)
    fill(model)
    model.save_weights(folder / "theirs.weights.h5")
    _write_legacy(model, folder / "theirs.h5")
    if whole:
        model.save(folder / "theirs.keras")
    return {
        "configs": configs(model),
        "outputs": np.asarray(model.predict(pictures(size), verbose=0)),
        "trainable": model_counts(model),
        "gradients": _gradients(model, size) if gradients else [],
    }


def model_counts(model):
    return {
        "all": model.count_params(),
        "trainable": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "names": [weight.path for weight in model.trainable_weights],
    }


def _write_legacy(model, path):
    """Writes weights alone, in the format of the files that Keras publishes."""
    import h5py

    legacy = importlib.import_module("keras.src.legacy.saving.legacy_h5_format")
    with h5py.File(path, "w") as file:
        legacy.save_weights_to_hdf5_group(file, model)


def _gradients(model, size):
    import jax

    variables = [variable.value for variable in model.trainable_variables]
    others = [variable.value for variable in model.non_trainable_variables]

    def loss(values):
        outputs, _ = model.stateless_call(values, others, pictures(size), training=False)
        return (outputs * numbers(outputs.shape, 3)).sum()

    return [sample(np.asarray(gradient)) for gradient in jax.jit(jax.grad(loss))(variables)]


def sample(gradient):
    """Returns a few numbers of an array, and the size of its largest."""
    places = np.linspace(0, gradient.size - 1, _PLACES).astype(int)
    return np.append(gradient.ravel()[places], np.abs(gradient).max())


def read(library, function, arguments, size, folder):
    """Returns whether real Keras finds in our files what we wrote: the weights of each, as sums."""
    model = build(library, function, arguments, size)
    found = []
    for name in ("ours.weights.h5", "ours.h5"):
        model.set_weights([np.zeros(weight.shape, "float32") for weight in model.weights])
        model.load_weights(folder / name)
        found.append(sums(model))
    if (folder / "ours.keras").exists():
        with cheap_weights(library):
            found.append(sums(library.saving.load_model(folder / "ours.keras")))
    return found


def sums(model):
    return np.array([np.abs(weight).sum(dtype="float64") for weight in model.get_weights()])
