"""Layers around programs of other frameworks say why they do not exist here, and what to do."""

import pytest

from torchkeras_shim import layers


@pytest.mark.parametrize(
    ("name", "argument", "error", "why"),
    [
        ("JaxLayer", len, ValueError, "a function of JAX.*len.*TorchModuleWrapper"),
        ("FlaxLayer", "my_module", ValueError, "a module of Flax.*my_module.*TorchModuleWrapper"),
        ("TFSMLayer", "saved/model", NotImplementedError, "SavedModel.*saved/model.*load_model.*TorchModuleWrapper"),
    ],
)
def test_construction_says_what_to_do_instead(name, argument, error, why):
    with pytest.raises(error, match=f"{name} runs {'a TensorFlow ' if name == 'TFSMLayer' else ''}{why}"):
        getattr(layers, name)(argument)


def test_a_config_of_such_a_layer_says_so_too():
    config = {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "it"},
        "registered_name": None,
    }
    with pytest.raises(NotImplementedError, match="TFSMLayer runs a TensorFlow SavedModel"):
        layers.deserialize(config)
