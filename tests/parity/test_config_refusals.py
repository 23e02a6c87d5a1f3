"""Configs and files that nothing can be made of: the errors are Keras's, in type and first sentence."""

from __future__ import annotations

import numpy as np
import pytest

import torchkeras_shim
from tests.parity.oracle import assert_close, keras

DENSE = {"class_name": "Dense", "module": "keras.layers", "config": {"units": 1}}
FUNCTION = {"class_name": "function", "module": "builtins", "config": "relu"}


def stack(*layers, **config):
    return {"class_name": "Sequential", "module": "keras", "config": {"layers": list(layers), **config}}


#: The config, and what both libraries say.
REFUSED = {
    "a name of the user's for a class of Keras": ({**DENSE, "registered_name": "my_package>MyDense"}, "Keras built-in"),
    "a name to import for a class of Keras": ({**DENSE, "registered_name": "subprocess.Popen"}, "Keras built-in"),
    "a name of the user's for a function of Keras": ({**FUNCTION, "registered_name": "mine"}, "Keras built-in"),
    "a list for a config": ({**DENSE, "config": [1, 2, 3]}, "Expected 'config' to be a dict for Dense"),
    "a list for a function": ({**FUNCTION, "config": ["relu"]}, "Expected 'config' to be a non-null str"),
    "a class of a user's module": (
        {**DENSE, "module": "my_module", "registered_name": "Dense"},
        "Could not locate class 'Dense'",
    ),
    "a class of a program": ({**DENSE, "module": None, "registered_name": "Dense"}, "Could not locate class 'Dense'"),
    "a class that is not there": (
        {**DENSE, "class_name": "MyDense", "module": None},
        "Could not locate class 'MyDense'",
    ),
    "the code of a lambda": (
        {"class_name": "__lambda__", "config": {"value": {"code": "", "defaults": None, "closure": None}}},
        "potential risk of arbitrary code execution",
    ),
    "a type of TensorFlow": ({"class_name": "__typespec__", "config": "x"}, "a list or a tuple"),
    "a stack without a name": (stack(DENSE), "must be a dictionary containing the 'name' and 'layers' keys"),
    "a stack of nothing": (stack(DENSE, {}, name="model"), "Expected a dictionary containing a 'config' key."),
}


def error_of(function, *args):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*args)
    return caught.value


@pytest.mark.parametrize("case", REFUSED)
def test_a_config_is_refused_as_in_keras(case):
    config, sentence = REFUSED[case]
    theirs = error_of(keras.saving.deserialize_keras_object, config)
    ours = error_of(torchkeras_shim.saving.deserialize_keras_object, config)
    assert isinstance(ours, type(theirs))
    assert sentence in str(theirs)
    assert sentence in str(ours)


@pytest.mark.parametrize("name", ["relu", "function", None])
def test_a_function_of_keras_may_have_its_own_name(name):
    config = {**FUNCTION, "registered_name": name}
    assert keras.saving.deserialize_keras_object(config).__name__ == "relu"
    assert torchkeras_shim.saving.deserialize_keras_object(config) is torchkeras_shim.activations.relu


def without_from_config(k):
    class Factor:
        def get_config(self):
            return {"factor": 0.5}

    return k.saving.deserialize_keras_object, {"class_name": "Factor", "config": {"factor": 0.5}}, {"Factor": Factor}


def unlike_its_config(k):
    class Other(k.layers.Layer):
        def __init__(self, size):
            super().__init__()

    return k.saving.deserialize_keras_object, {"class_name": "Other", "config": {"length": 3}}, {"Other": Other}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [(without_from_config, "Unable to reconstruct an instance"), (unlike_its_config, "are explicitly deserialized")],
)
def test_a_class_that_cannot_be_made_from_its_config(make, sentence):
    for k in (keras, torchkeras_shim):
        function, config, custom_objects = make(k)
        error = error_of(function, config, custom_objects)
        assert isinstance(error, TypeError)
        assert sentence in str(error)


def test_functions_of_keras_3_6_are_found_without_their_package():
    config = {"module": "builtins", "class_name": "function", "config": "find_me_again", "registered_name": "function"}
    for k in (keras, torchkeras_shim):

        def find_me_again(x):
            return x

        registered = k.saving.register_keras_serializable(package="refusals")(find_me_again)
        assert k.saving.deserialize_keras_object(config) is registered


def test_two_packages_with_one_function_are_asked_about():
    config = {**FUNCTION, "config": "one_of_two", "registered_name": "function"}
    for package in ("refusals_a", "refusals_b"):

        def one_of_two(x):
            return x

        torchkeras_shim.saving.register_keras_serializable(package=package)(one_of_two)
    assert "Could not locate function 'one_of_two'" in str(
        error_of(torchkeras_shim.saving.deserialize_keras_object, config)
    )


FILES = {
    "a model of another ending": lambda k, model: k.saving.load_model("model.pkl"),
    "a folder that is not there": lambda k, model: k.saving.load_model("some/folder"),
    "weights of another ending": lambda k, model: model.load_weights("weights.pkl"),
    "a keyword that does not exist": lambda k, model: model.load_weights("m.weights.h5", wrong=1),
    "a folder with the ending of a file": lambda k, model: model.save("model.keras", zipped=False),
}
SENTENCES = ["File format not supported"] * 3 + ["Invalid keyword arguments: {'wrong': 1}", "should not end in"]


@pytest.mark.parametrize(("case", "sentence"), list(zip(FILES, SENTENCES, strict=True)))
def test_a_path_is_refused_as_in_keras(case, sentence):
    for k in (keras, torchkeras_shim):
        model = k.Sequential([k.Input((2,)), k.layers.Dense(1)])
        assert sentence in str(error_of(FILES[case], k, model))


def small_graph(k):
    inputs = k.Input((4,))
    return k.Model(inputs, k.layers.Dense(1, name="second")(k.layers.Dense(3, name="first")(inputs)))


def small_graph_of_a_class(k):
    class WithAttribute(k.Model):
        def __init__(self):
            inputs = k.Input((4,))
            first = k.layers.Dense(3, name="first")
            super().__init__(inputs, k.layers.Dense(1, name="second")(first(inputs)))
            self.a_layer = first

    return WithAttribute()


@pytest.mark.parametrize("writer", [small_graph, small_graph_of_a_class])
@pytest.mark.parametrize("reader", [small_graph, small_graph_of_a_class])
@pytest.mark.parametrize(("source", "target"), [(keras, torchkeras_shim), (torchkeras_shim, keras)])
def test_attributes_of_a_functional_model_do_not_move_its_weights(source, target, writer, reader, tmp_path):
    path = str(tmp_path / "m.weights.h5")
    model, other = writer(source), reader(target)
    weights = [np.linspace(-1, 1, w.size, dtype="float32").reshape(w.shape) for w in model.get_weights()]
    model.set_weights(weights)
    model.save_weights(path)
    other.load_weights(path)
    for one, two in zip(other.get_weights(), weights, strict=True):
        assert_close(one, two)


def test_the_editor_counts_an_object_once(tmp_path):
    path = str(tmp_path / "m.weights.h5")
    results = []
    for k in (keras, torchkeras_shim):
        k.Sequential([k.Input((2,)), k.layers.Dense(3), k.layers.Dense(3)]).save_weights(path)
        editor = k.saving.KerasFileEditor(path)
        target = k.Sequential([k.Input((2,))] + [k.layers.Dense(3) for _ in range(3)])
        counts = [editor.compare(target)["error_count"]]
        editor.add_object("layers/dense_3", weights={"0": np.ones((3, 3))})
        counts.append(editor.compare(target)["error_count"])
        editor.rename_object("dense_3", "dense_2")
        counts.append(editor.compare(target)["error_count"])
        results.append(counts)
    assert results[1] == results[0] == [1, 2, 1]
