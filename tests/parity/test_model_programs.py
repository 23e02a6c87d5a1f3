"""Small programs around models, run by real Keras and here: structures of inputs, stacks, clones, errors and warnings.

A program notes what it saw; the notes of both sides are one list of plain values each.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import torchkeras_shim as tks
from tests.parity.oracle import kept, keras

ONES = np.ones((2, 2), "float32")


class Notes:
    """What a program saw, in plain values."""

    def __init__(self, k):
        self.k, self.lines = k, []

    def plain(self, value):
        if isinstance(value, dict):
            return {key: self.plain(value[key]) for key in sorted(value)}
        if isinstance(value, (list, tuple)):
            return [type(value).__name__, *map(self.plain, value)]
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, self.k.KerasTensor):
            return ["KerasTensor", list(value.shape), value.dtype]
        return np.round(np.asarray(self.k.ops.convert_to_numpy(value), "float64"), 3).tolist()

    def see(self, call, says=""):
        """Notes what a call returns, or that it raises an error, of which class, and whether it has some words."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.lines.append(self.plain(call()))
            except Exception as error:
                self.lines.append([type(error).__name__, says in str(error)])
        mismatches = [one for one in caught if "structure of `inputs` doesn't match" in str(one.message)]
        self.lines.append(len(mismatches))


def dense(k, units, **kwargs):
    return k.layers.Dense(units, kernel_initializer="ones", **kwargs)


def pair(k):
    return k.Input((2,), name="a"), k.Input((2,), name="b")


def structures_of_inputs(k, notes):
    given = [
        [ONES, 3 * ONES],
        (ONES, 3 * ONES),
        {"a": ONES, "b": 3 * ONES},
        {"a": ONES, "b": 3 * ONES, "c": ONES},
        [{"a": ONES}, 3 * ONES],
        {"x": [ONES, 3 * ONES]},
    ]
    accepted = {"list": range(5), "tuple": range(5), "dict": range(5), "unsorted": (2, 3), "nested": (0, 1, 4)}
    accepted["deep"] = (0, 1, 5)
    for declared, numbers in accepted.items():
        a, b = pair(k)
        structure = {
            "list": [a, b],
            "tuple": (a, b),
            "dict": {"a": a, "b": b},
            "unsorted": {"b": b, "a": a},
            "nested": [{"a": a}, b],
            "deep": {"x": [a, b]},
        }[declared]
        for number in numbers:
            model = k.Model(structure, a + 2 * b)
            notes.see(lambda model=model, number=number: model(given[number]))
    a, b = pair(k)
    model = k.Model({"b": b, "a": a}, a + 2 * b)
    notes.see(lambda: model([ONES, ONES]), "structure of `inputs` doesn't match the expected structure")


def missing_inputs(k, notes):
    a, b = pair(k)
    model = k.Model([a, b], a + b)
    says = "The input 'a' is not optional, but None was passed. Please provide a valid tensor"
    notes.see(lambda: model([None, ONES]), says)
    notes.see(lambda: model({"a": None, "b": ONES}), says)
    notes.see(lambda: model({"b": ONES}), 'Missing data for input "a"')


def ranks(k, notes):
    inputs = k.Input((3,), name="foo")
    model = k.Model(inputs, dense(k, 2)(inputs))
    for shape in ((2, 3, 4), (3,), ()):
        says = f"with name 'foo' and path ''. Expected shape (None, 3), but input has incompatible shape {shape}"
        notes.see(lambda shape=shape: model(np.ones(shape)), says)
    notes.see(lambda: model(np.ones((2, 3, 1))))
    notes.see(lambda: model(np.ones((2, 5))), "expected shape=(None, 3), found shape=(2, 5)")
    nested = [{"foo": k.Input((3,), name="own")}]
    model = k.Model(nested, dense(k, 2)(nested[0]["foo"]))
    notes.see(lambda: model([{"foo": np.ones((2, 3, 4))}]), "with name 'own' and path '0.foo'. Expected shape")
    stack = k.Sequential([k.Input((2,)), dense(k, 2)])
    notes.see(lambda: stack(np.ones((1, 2, 3))), "Expected shape (None, 2), but input has incompatible shape (1, 2, 3)")


def lost_outputs(k, notes):
    a, b = pair(k)
    notes.see(lambda: k.Model(a, {"p": a * 2, "q": b * 3}), "Output with path `q` is not connected to `inputs`")
    notes.see(lambda: k.Model(a, [a * 2, [b]]), "Output with path `1.0` is not connected to `inputs`")
    notes.see(lambda: k.Model(a, a + b), "Output with path `` is not connected to `inputs`")
    notes.see(lambda: k.Model([], a), "`inputs` argument cannot be empty")
    notes.see(lambda: k.Model(a, []), "`outputs` argument cannot be empty")
    model = k.Model(a, {"o": dense(k, 2, name="d")(a), "p": dense(k, 1, name="e")(a)})
    notes.see(lambda: list(model.output_names))
    notes.see(lambda: [(spec.shape, spec.name) for spec in model.input_spec])


def stacks_of_several_inputs(k, notes):
    class Both(k.layers.Layer):
        def call(self, x):
            return {"s": x["a"] + x["b"], "d": x["a"] - x["b"]}

    class First(k.layers.Layer):
        def call(self, x):
            return x["s"]

    data = {"a": ONES, "b": ONES}
    notes.see(lambda: k.Sequential([Both()])(data))
    stack = k.Sequential([Both(), First(), dense(k, 1)])
    notes.see(lambda: [stack(data), stack.built, len(stack.weights)])
    stack.compile("sgd", "mse")
    notes.see(lambda: stack.fit(data, ONES[:, :1], verbose=0).history["loss"])
    notes.see(lambda: stack.predict(data, verbose=0))
    added = k.Sequential([k.layers.Add(), dense(k, 2)])
    notes.see(lambda: added([ONES, ONES]))
    notes.see(lambda: added.predict([ONES, 2 * ONES], verbose=0))
    notes.see(lambda: added.input_shape, "has no defined input shape yet")
    notes.see(lambda: k.Sequential.from_config(added.get_config())([ONES, ONES]))
    notes.see(lambda: k.models.clone_model(added)([ONES, ONES]))
    notes.see(lambda: k.Sequential([k.layers.Add()]).build([(2, 2), (2, 2)]))


def stacks(k, notes):
    for wrong in ({}, None, 3, "dense", k.layers.Dense, [dense(k, 2)]):
        notes.see(lambda wrong=wrong: k.Sequential([wrong]), "Only instances of `keras.Layer` can be added to a Seq")
    notes.see(
        lambda: setattr(k.Sequential(), "layers", []), "Use `add()` and `pop()` to change the layers in this model"
    )
    notes.see(lambda: k.Sequential([k.Sequential([k.Input((4,))])]).built)
    inputs = k.Input((4, 2))
    inner = k.Model(inputs, dense(k, 3)(inputs))
    stack = k.Sequential([inner, k.layers.Flatten(), dense(k, 1)])
    notes.see(lambda: [stack.built, stack.input_shape, stack.output_shape, stack(np.ones((1, 4, 2)))])
    twice = dense(k, 2)
    stack = k.Sequential([k.Input((2,)), twice, twice])
    notes.see(lambda: [stack(ONES), len(stack.weights), len(stack.layers)])
    grown = k.Sequential([dense(k, 3)])
    grown(ONES)
    grown.add(dense(k, 5))
    notes.see(lambda: [grown.built, grown.output_shape])

    class Two(k.layers.Layer):
        def call(self, x):
            return x, x * 2

        def compute_output_shape(self, shape):
            return shape, shape

    notes.see(lambda: k.Sequential([k.Input((3,)), Two()]).output_shape)


def members_of_stacks(k, notes):
    class Unknown(k.layers.Layer):
        def call(self, x):
            return x + 1.0

        def compute_output_spec(self, *args, **kwargs):
            raise NotImplementedError

    class NoArgument(k.layers.Layer):
        def call(self):
            return 1

    class Two(k.layers.Layer):
        def call(self, a, b):
            return a

    stack = k.Sequential([Unknown(), dense(k, 1)])
    notes.see(lambda: [stack(ONES), stack.built])
    notes.see(lambda: stack.output_shape, "has no defined output shape yet")
    says = "Layers added to a Sequential model should have a single positional argument"
    notes.see(lambda: k.Sequential([k.Input((2,)), NoArgument()]), says)
    says = "can only have a single required positional argument, the input tensor. Layer Two has multiple required"
    notes.see(lambda: k.Sequential([k.Input((2,)), Two()]), says)


def symbols(k, notes):
    for dtype in ("int32", "float32", "bool"):
        x = k.KerasTensor((2, 3), dtype)
        notes.see(lambda x=x: [x & x, x | x, x ^ x, ~x, True & x, x != x, x != 1])
    x = k.KerasTensor((2, 3))
    for call in (float, int):
        notes.see(lambda call=call: call(x), "A KerasTensor is symbolic")
    notes.see(lambda: list(x), "Iterating over a symbolic KerasTensor is not supported")
    notes.see(lambda: x.numpy())
    notes.see(lambda: round(x))
    inputs = k.Input((2,), dtype="int32")
    notes.see(lambda: k.Model(inputs, [inputs & 2, inputs | 0, ~inputs, inputs != 5])(np.array([[0, 5]])))


def slices(k, notes):
    inputs, data = k.Input((3, 4)), np.arange(24.0).reshape(2, 3, 4)
    indices = [
        np.s_[:, ::-1],
        np.s_[..., ::-2],
        np.s_[:, 2:0:-1, None, 1],
        np.s_[:, -1, 3::-3],
        np.s_[:, 0:2:-1],
        np.s_[:, ::-1, ::-1],
    ]
    for index in indices:
        model = k.Model(inputs, inputs[index] + 1)
        notes.see(lambda model=model: [model.output_shape, model(data)])
        notes.see(lambda model=model: k.Model.from_config(model.get_config())(data))


def clones(k, notes):
    inputs, shared = k.Input((2,)), dense(k, 2)
    inner = k.Model(inputs, shared(inputs))
    stack = k.Sequential([inner])
    model = k.Model(inputs, stack(shared(inner(inputs))))
    notes.see(lambda: [len(k.models.clone_model(model, recursive=flag).weights) for flag in (True, False)])

    class Own(k.Model):
        def __init__(self, *args, param=1, **kwargs):
            super().__init__(*args, **kwargs)
            self.param = param

        def get_config(self):
            return {**super().get_config(), "param": self.param}

    class Units(k.Model):
        def __init__(self, units=3, **kwargs):
            start = k.Input((2,))
            super().__init__(start, dense(k, units)(start), **kwargs)
            self.units = units

        def get_config(self):
            return {"units": self.units}

    own = Own(inputs=inputs, outputs=dense(k, 2)(inputs), param=3)
    notes.see(lambda: Own.from_config(own.get_config()).param)
    notes.see(lambda: Units.from_config(Units(5).get_config()).output_shape)


def configs(k, notes):
    def config(first, second):
        start = {"batch_input_shape": [None, 10], "dtype": "float32", "name": "i"}
        layers = [{"class_name": "InputLayer", "name": "i", "config": start, "inbound_nodes": []}]
        for name, source in (("a", first), ("b", second)):
            node = [[[source, 0, 0, {}]]]
            own = {"units": 10, "name": name}
            layers.append({"class_name": "Dense", "name": name, "config": own, "inbound_nodes": node})
        return {"name": "m", "layers": layers, "input_layers": [["i", 0, 0]], "output_layers": [["b", 0, 0]]}

    says = "The graph of the Functional model either has loops or disconnected nodes"
    notes.see(lambda: k.Model.from_config(config("b", "a")), says)
    notes.see(lambda: k.Model.from_config(config("i", "c")), "Invalid Functional model configuration. Missing node: c")


def several_losses_of_one_output(k, notes):
    inputs = k.Input((2,))
    model = k.Model(inputs, [dense(k, 1, name="a")(inputs), dense(k, 1, name="b")(inputs)])
    for loss in (["mse", ["mse", "mae"]], {"a": ["mse", "mae"], "b": "mse"}):
        model.compile("sgd", loss)
        notes.see(lambda: model.evaluate(ONES, [3 * ONES[:, :1], ONES[:, :1]], verbose=0, return_dict=True)["loss"])
    model.compile("sgd", ["mse", ["mse", "mae"]], loss_weights=[1.0, [2.0, 5.0]])
    notes.see(lambda: model.evaluate(ONES, [ONES[:, :1], 3 * ONES[:, :1]], verbose=0, return_dict=True)["loss"])
    model.compile("sgd", {"a": "mse", "b": "mae"})
    for y in ({"a": ONES[:, :1], "b": ONES[:, :1]}, [ONES[:, :1], ONES[:, :1]]):  # one after the other
        notes.see(lambda y=y: model.evaluate(ONES, y, verbose=0, return_dict=True))


def weights(k, notes):
    layer = dense(k, 2)
    layer.build((None, 3))
    notes.see(lambda: layer.build((None, 4)), "You cannot add new elements of state (variables or sub-layers) to a")
    layer.trainable = False
    notes.see(lambda: [weight.trainable for weight in layer.weights])
    layer.trainable = True
    notes.see(lambda: [weight.trainable for weight in layer.weights])
    notes.see(lambda: k.layers.Layer().add_weight(shape=(None, 2)), "must be fully-defined (no `None` dimensions)")
    notes.see(lambda: layer.quantize("int7"), "Invalid quantization mode. Expected one of")
    notes.see(lambda: layer.symbolic_call(k.KerasTensor((5, 3))))
    variable = k.Variable([1.0, 2.0])
    notes.see(lambda: [variable < np.array([2.0, 2.0]), variable >= np.array([2.0, 2.0]), round(variable)])
    notes.see(lambda: np.ones((2, 2), "float32") @ variable)


def builds(k, notes):
    class Keywords(k.layers.Layer):
        def build(self, input_shape, **kwargs):
            self.seen = [list(input_shape), kwargs]

        def call(self, x):
            return x

    class Two(k.layers.Layer):
        def build(self, a_shape, b_shape=None):
            self.seen = [list(a_shape), None if b_shape is None else list(b_shape)]

        def call(self, a, b=None):
            return a

    class Other(k.layers.Layer):
        def build(self, shape, units=2):
            pass

        def call(self, x):
            return x

    for layer, inputs in ((Keywords(), [ONES]), (Two(), [ONES]), (Two(), [ONES, ONES[:, :1]])):
        notes.see(lambda layer=layer, inputs=inputs: layer(*inputs))
        notes.see(lambda layer=layer: layer.seen)
    notes.see(lambda: Other()(ONES), "all arguments should have a `_shape` suffix and match an argument from `call()`")


def masks(k, notes):
    class Marks(k.layers.Layer):
        def compute_mask(self, x, mask=None):
            return x[:, :, 0] > 0

        def call(self, x):
            return x

    class Shows(k.layers.Layer):
        supports_masking = True

        def call(self, x, mask=None):
            return x if mask is None else x + k.ops.cast(mask, "float32")[..., None]

    inputs, data = k.Input((3, 1)), np.array([[[1.0], [0.0], [2.0]]], "float32")
    for between in (None, dense(k, 1), k.layers.Conv1D(1, 1, kernel_initializer="ones")):
        marked = Marks()(inputs)
        with warnings.catch_warnings():  # the convolution's: it does not hand masks on
            warnings.simplefilter("ignore")
            model = k.Model(inputs, Shows()(marked if between is None else between(marked)))
        notes.see(lambda model=model: model(data))
    notes.see(lambda: [layer.supports_masking for layer in (Marks(), Shows(), k.layers.Layer())])
    stack = k.Sequential([Marks(), Shows(), Shows()])
    notes.see(lambda: stack(data))
    notes.see(lambda: k.Sequential([Shows()])(data, mask=np.array([[True, False, False]])))


PROGRAMS = {
    function.__name__: function
    for function in (
        structures_of_inputs,
        missing_inputs,
        ranks,
        lost_outputs,
        stacks_of_several_inputs,
        stacks,
        members_of_stacks,
        symbols,
        slices,
        clones,
        configs,
        several_losses_of_one_output,
        weights,
        masks,
        builds,
    )
}


def run(k, name):
    notes = Notes(k)
    k.utils.clear_session()
    PROGRAMS[name](k, notes)
    return notes.lines


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_sees_what_it_sees_in_keras(name):
    theirs = kept(run, keras, name)
    for number, (ours, expected) in enumerate(zip(run(tks, name), theirs, strict=True)):
        assert ours == expected, f"note {number}"
