"""LoRA: layers whose kernel is frozen while a low-rank addition to it is trained."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras_shim
from tests.parity.oracle import assert_close, keras

#: How a layer is made, and the shape of its inputs.
LAYERS = {
    "Dense": (lambda k, **kwargs: k.layers.Dense(6, activation="tanh", **kwargs), (3, 8)),
    "Dense of sequences": (lambda k, **kwargs: k.layers.Dense(6, use_bias=False, **kwargs), (2, 3, 8)),
    "EinsumDense": (
        lambda k, **kwargs: k.layers.EinsumDense("abc,cde->abde", (3, 4, 5), bias_axes="e", **kwargs),
        (2, 3, 6),
    ),
    "Embedding": (lambda k, **kwargs: k.layers.Embedding(9, 5, **kwargs), (2, 4)),
    "Conv1D": (lambda k, **kwargs: k.layers.Conv1D(4, 3, padding="same", **kwargs), (2, 6, 3)),
    "Conv2D": (lambda k, **kwargs: k.layers.Conv2D(4, 3, activation="relu", **kwargs), (2, 5, 5, 3)),
    "Conv2D in groups": (lambda k, **kwargs: k.layers.Conv2D(4, 3, groups=2, use_bias=False, **kwargs), (2, 5, 5, 4)),
    "Conv3D": (lambda k, **kwargs: k.layers.Conv3D(3, 2, **kwargs), (1, 3, 3, 3, 2)),
}
LORA = {"lora_rank": 2, "lora_alpha": 2}


def inputs_of(case):
    shape = LAYERS[case][1]
    if case == "Embedding":
        return np.arange(8, dtype="int32").reshape(shape)
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def model_of(k, case, **kwargs):
    make, shape = LAYERS[case]
    dtype = "int32" if case == "Embedding" else None
    return k.Sequential([k.Input(shape[1:], dtype=dtype), make(k, **kwargs), k.layers.Flatten(), k.layers.Dense(1)])


def values_for(model, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.normal(0, 0.4, size=weight.shape).astype("float32") for weight in model.weights]


def described(weights):
    return [(weight.path.split("/")[-1], tuple(weight.shape)) for weight in weights]


@pytest.mark.parametrize("case", LAYERS)
def test_weights_values_and_training(case):
    models = [model_of(k, case, **LORA) for k in (keras, torchkeras_shim)]
    theirs, ours = models
    assert described(ours.weights) == described(theirs.weights)
    assert described(ours.trainable_weights) == described(theirs.trainable_weights)
    assert described(ours.layers[0].non_trainable_weights) == described(theirs.layers[0].non_trainable_weights)
    values = values_for(theirs)
    x, y = inputs_of(case), np.linspace(-1, 1, LAYERS[case][1][0], dtype="float32")[:, None]
    losses = []
    for model in models:
        model.set_weights(values)
        model.compile("sgd", "mse")
        losses.append([float(model.train_on_batch(x, y)) for _ in range(3)])
    assert_close(losses[1], losses[0], rtol=1e-4)
    for one, two in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert_close(one, two, rtol=1e-3, atol=1e-5)
    assert_close(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ["Dense", "EinsumDense", "Embedding", "Conv2D in groups"])
@pytest.mark.parametrize(("source", "target"), [(keras, torchkeras_shim), (torchkeras_shim, keras)])
def test_files_hold_the_sum(source, target, case, tmp_path):
    model = model_of(source, case, **LORA)
    model.set_weights(values_for(model))
    expected = model.predict(inputs_of(case), verbose=0)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    whole = target.saving.load_model(str(tmp_path / "m.keras"))
    assert whole.layers[0].lora_enabled
    assert described(whole.weights) == described(model.weights)
    plain, with_adapter = model_of(target, case), model_of(target, case, **LORA)
    for other in (plain, with_adapter):
        other.load_weights(str(tmp_path / "m.weights.h5"))
    for other in (whole, plain, with_adapter):
        assert_close(other.predict(inputs_of(case), verbose=0), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ["Dense", "Embedding", "EinsumDense", "Conv2D"])
def test_it_is_enabled_afterwards_with_a_strength(case):
    models = [model_of(k, case) for k in (keras, torchkeras_shim)]
    layers = [model.layers[0] for model in models]
    for layer in layers:
        layer.enable_lora(3, lora_alpha=6, a_initializer="ones", b_initializer="ones")
    values = values_for(models[0])
    for model in models:
        model.set_weights(values)
    theirs, ours = (layer.get_config() for layer in layers)
    assert (ours["lora_rank"], ours["lora_alpha"]) == (theirs["lora_rank"], theirs["lora_alpha"]) == (3, 6)
    outputs = [np.asarray(layer(inputs_of(case))) for layer in layers[:1]]
    assert_close(layers[1](inputs_of(case)), outputs[0], rtol=1e-3, atol=1e-4)


def built(k, **kwargs):
    layer = k.layers.Dense(4, **kwargs)
    layer.build((None, 3))
    return layer


REFUSED = {
    "not built": lambda k: k.layers.Dense(2).enable_lora(2),
    "twice": lambda k: [layer.enable_lora(2) for layer in [built(k)] * 2],
    "constraint": lambda k: built(k, kernel_constraint="max_norm").enable_lora(2),
    "constraint from the start": lambda k: built(k, kernel_constraint="max_norm", lora_rank=2),
}
SENTENCES = [
    "Cannot enable lora on a layer that isn't yet built.",
    "lora is already enabled. This can only be done once per layer.",
    "Lora is incompatible with kernel constraints.",
    "Lora is incompatible with kernel constraints.",
]


@pytest.mark.parametrize(("case", "sentence"), list(zip(REFUSED, SENTENCES, strict=True)))
def test_it_is_refused_as_in_keras(case, sentence):
    for k in (keras, torchkeras_shim):
        with pytest.raises(ValueError, match=sentence):
            REFUSED[case](k)


@pytest.mark.parametrize("rank", [0, -1, 1.5, "2"])
def test_a_rank_is_a_positive_integer(rank):
    with pytest.raises(ValueError, match="`lora_rank` must be a positive integer"):
        torchkeras_shim.layers.Dense(2, lora_rank=rank)


@pytest.mark.parametrize("alpha", ["2", True, [1]])
def test_a_strength_is_a_number(alpha):
    with pytest.raises(ValueError, match="`lora_alpha` must be a number"):
        torchkeras_shim.layers.Dense(2, lora_rank=1, lora_alpha=alpha)


def test_mixed_precision():
    layers = [built(k, lora_rank=2, dtype="mixed_bfloat16") for k in (keras, torchkeras_shim)]
    values = values_for(layers[0])
    x = np.random.default_rng(2).normal(size=(2, 3)).astype("float32")
    results = []
    for k, layer in zip((keras, torchkeras_shim), layers, strict=True):
        layer.set_weights(values)
        outputs = layer(x)
        assert k.backend.standardize_dtype(outputs.dtype) == "bfloat16"
        results.append(np.asarray(k.ops.convert_to_numpy(k.ops.cast(outputs, "float32"))))
    assert_close(results[1], results[0], rtol=0.03, atol=0.03)


def test_the_strength_of_the_constructor_counts():
    layer = built(torchkeras_shim, lora_rank=2, lora_alpha=6)
    layer.set_weights([np.zeros((3, 4)), np.zeros(4), np.ones((3, 2)), np.ones((2, 4))])
    assert_close(layer.kernel, np.full((3, 4), 6.0))


def test_what_is_loaded_can_be_trained_on():
    source, target = built(torchkeras_shim), built(torchkeras_shim, lora_rank=2)
    store = {}
    source.save_own_variables(store)
    target.load_own_variables(store)
    assert_close(target.kernel, source.kernel)
    target(torch.ones(1, 3)).sum().backward()
    assert target.lora_kernel_b.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="expected 2 variables"):
        target.load_own_variables({"0": store["0"]})
    with pytest.raises(ValueError, match="must match"):
        target.load_own_variables({"0": store["1"], "1": store["1"]})
    assert_close(target.kernel, source.kernel)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_are_layers_of_the_same_kind(again):
    layer = built(torchkeras_shim, lora_rank=2)
    layer.set_weights(values_for(layer))
    other = again(layer)
    assert isinstance(other, torchkeras_shim.layers.Dense)
    assert other.lora_enabled
    assert other.kernel is not layer.kernel
    assert_close(other.kernel, layer.kernel)
    assert torchkeras_shim.saving.serialize_keras_object(other)["class_name"] == "Dense"
    assert torchkeras_shim.saving.serialize_keras_object(other)["module"] == "keras.layers"


def test_models_with_adapters_become_plain_torch_models():
    model = model_of(torchkeras_shim, "Conv2D", **LORA)
    model.set_weights(values_for(model))
    x = inputs_of("Conv2D")
    expected = model.predict(x, verbose=0)
    plain = model.to_torch(copy=True)
    assert_close(plain(torch.as_tensor(x)), expected, atol=1e-5)
    clone = torchkeras_shim.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_close(clone.predict(x, verbose=0), expected, atol=1e-5)


def test_layers_are_made_from_those_with_adapters():
    layer = built(torchkeras_shim, lora_rank=2)
    for other in (type(layer).from_config(layer.get_config()), type(layer)(4, lora_rank=2), type(layer)(4)):
        assert not hasattr(other, "kernel")
        assert other(torch.ones(1, 3)).shape == (1, 4)
        if not other.lora_enabled:
            assert_close(other.kernel, other._parameters["kernel"])
            other.enable_lora(2)
        assert len(other.weights) == 4
        assert type(other) is type(layer)


def test_freezing_and_state_dicts():
    model = model_of(torchkeras_shim, "Dense", **LORA)
    model.trainable = False
    assert not model.trainable_weights
    model.trainable = True
    assert not model.layers[0]._parameters["kernel"].requires_grad
    plain = model_of(torchkeras_shim, "Dense")
    missing = model.load_state_dict(plain.state_dict(), strict=False)
    assert [key.split(".")[-1] for key in missing.missing_keys] == ["lora_kernel_a", "lora_kernel_b"]
    assert not missing.unexpected_keys


def test_the_adapter_of_a_layer_of_ones_own():
    class Own(torchkeras_shim.layers.Dense):
        def call(self, inputs):
            return super().call(inputs) * 2

    layer = Own(3, lora_rank=1)
    layer.build((None, 2))
    layer.set_weights([np.ones((2, 3)), np.zeros(3), np.ones((2, 1)), np.ones((1, 3))])
    assert_close(layer(torch.ones(1, 2)), np.full((1, 3), 8.0))
    assert isinstance(layer, Own)
    assert type(layer).__name__ == "Own"


def test_several_epochs_of_fit():
    model = model_of(torchkeras_shim, "Dense", **LORA)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    frozen = model.get_weights()[0]
    history = model.fit(x, x[:, :1], epochs=4, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert np.array_equal(model.get_weights()[0], frozen)
    model.layers[-1].enable_lora(1)
    model.compile("adam", "mse")
    model.fit(x, x[:, :1], epochs=2, batch_size=8, verbose=0)
