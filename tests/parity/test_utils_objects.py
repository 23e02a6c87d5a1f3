"""`Config` and `get_source_inputs`."""

import copy
import pickle

import pytest

import torchkeras_shim
from tests.parity.oracle import kept, keras
from torchkeras_shim import layers, models, utils


def use(library, steps):
    """What each step with a config gives: a value or the kind of an error."""
    config = library.utils.Config(a=1, b=[2])
    found = []
    for step in steps:
        try:
            found.append(step(config))
        except (AttributeError, KeyError, ValueError) as error:
            found.append([type(error).__name__, str(error).partition(".")[0]])
    return [*found, repr(config), len(config), list(config), config.to_json(), config.frozen]


STEPS = {
    "read": [lambda c: c.a, lambda c: c["b"], lambda c: c.get("x", 5), lambda c: "a" in c, lambda c: c.as_dict()],
    "write": [lambda c: setattr(c, "z", 1), lambda c: c.update({"a": 2}, y=3), lambda c: c.__setitem__("b", 0)],
    "remove": [lambda c: c.pop("a"), lambda c: c.pop("a", 7), lambda c: c.__delitem__("b")],
    "errors": [lambda c: c.missing, lambda c: c["missing"], lambda c: c.pop("missing"), lambda c: c.b2],
    "frozen": [
        lambda c: c.freeze(),
        lambda c: setattr(c, "a", 3),
        lambda c: c.update(a=3),
        lambda c: c.pop("a"),
        lambda c: c.__delitem__("a"),
        lambda c: c.unfreeze(),
        lambda c: setattr(c, "a", 3),
        lambda c: c.freeze(),
    ],
    "views": [lambda c: [*c.keys()], lambda c: [*c.values()], lambda c: [list(i) for i in c.items()]],
}


@pytest.mark.parametrize("name", STEPS)
def test_config(name):
    def run(library, name):
        return use(library, STEPS[name])

    assert run(torchkeras_shim, name) == kept(run, keras, name)


def test_config_is_copied_and_pickled():
    config = utils.Config(a=[1])
    for other in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other.as_dict() == {"a": [1]}
        assert other.frozen is False
    with pytest.raises(AttributeError, match=r"Unknown attribute: 'learning_rat'. Did you mean 'learning_rate'\?"):
        _ = utils.Config(learning_rate=1).learning_rat
    with pytest.raises(AttributeError, match="under the name of its own attribute 'keys'"):
        config.keys = 3


def names(library):
    a, b, c = (library.Input((3,), name=name) for name in "abc")
    y = library.layers.Dense(3)(a) + b * 2
    z = library.layers.Concatenate()([y, c, b, a])
    inner = library.Model(a, library.layers.Dense(2)(a))
    tensors = (z, y, b, inner(c), library.ops.stack([c, a, c]))
    return [[source.name for source in library.utils.get_source_inputs(tensor)] for tensor in tensors]


def test_source_inputs():
    assert names(torchkeras_shim) == kept(names, keras)
    assert utils.get_source_inputs(3) == 3
    free = torchkeras_shim.KerasTensor((2,))
    assert utils.get_source_inputs(free) is free


def test_source_inputs_of_deep_graphs():
    x = inputs = layers.Input((2,))
    for _ in range(3000):
        x = x + inputs
    assert utils.get_source_inputs(x) == [inputs]
    assert models.Model(inputs, x).inputs == [inputs]


def square(x):
    return x * x


def legacy(library, name):
    """An object in the form of Keras 2, and what comes of that again."""
    module = library.utils.legacy
    things = {
        "regularizer": lambda: library.regularizers.L1L2(0.1, 0.2),
        "initializer": lambda: library.initializers.Orthogonal(gain=2.0, seed=3),
        "loss": lambda: library.losses.Huber(delta=2.0),
        "function": lambda: square,
        "none": lambda: None,
        "number": lambda: 3,
    }
    try:
        config = module.serialize_keras_object(things[name]())
    except ValueError as error:
        return str(error)[:20]
    objects = {**vars(library.regularizers), **vars(library.initializers), **vars(library.losses)}
    again = module.deserialize_keras_object(config, module_objects=objects, custom_objects={"square": square})
    return [config, module.serialize_keras_object(again)]


@pytest.mark.parametrize("name", ["regularizer", "initializer", "loss", "function", "none", "number"])
def test_legacy_objects(name):
    ours, theirs = legacy(torchkeras_shim, name), kept(legacy, keras, name)
    if name == "loss":  # which config a loss has is not the question here
        ours, theirs = [[one["class_name"] for one in both] for both in (ours, theirs)]
    assert ours == theirs


def nested(library):
    module = library.utils.legacy
    layer = library.layers.Dense(3, kernel_regularizer=library.regularizers.L2(0.5), activation="relu", name="relu")
    config = module.serialize_keras_object(layer)
    objects = {**vars(library.layers), "relu": library.activations.relu}
    again = module.deserialize_keras_object(config, module_objects=objects)
    return [again.name, again.units, float(again.kernel_regularizer.l2), config["class_name"]]


def test_legacy_layers():
    assert nested(torchkeras_shim) == kept(nested, keras)


@pytest.mark.parametrize("identifier", [{"class_name": "Dense"}, {"class_name": "Missing", "config": {}}, 3, ["Dense"]])
def test_legacy_errors(identifier):
    with pytest.raises(ValueError) as theirs:
        keras.utils.legacy.deserialize_keras_object(identifier, module_objects={})
    with pytest.raises(ValueError) as ours:
        utils.legacy.deserialize_keras_object(identifier, module_objects={})
    assert str(ours.value)[:25] == str(theirs.value)[:25]


def test_legacy_names():
    objects = {"Dense": layers.Dense, "square": square}  # Keras itself fails on any name that is not in custom_objects
    assert utils.legacy.deserialize_keras_object("square", objects) is square
    with pytest.raises(ValueError, match=r"Unknown layer: 'Dence'.*Did you mean 'Dense'\?"):
        utils.legacy.deserialize_keras_object("Dence", objects, printable_module_name="layer")
