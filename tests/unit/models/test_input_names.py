"""How given inputs are matched with a model's: by name in every loop, in declared order, or not at all.

The right values are those of Keras 3.15, but for keys that the model does not have: Keras mixes them in.
"""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

import torchkeras_shim as keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:The model does not have any trainable weights"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs` doesn't match"),
]
ONES = np.ones((2, 3), "float32")
GIVEN = {"c": 3 * ONES[:, :2], "a": ONES, "b": 2 * ONES}  # 1 * b + 10 * a + 100 * c
RIGHT = np.full((2, 3), 312.0)


def model(declared="list"):
    b, a, c = (keras.Input((size,), name=name) for name, size in (("b", 3), ("a", 3), ("c", 2)))
    structure = {
        "list": [b, a, c],
        "tuple": (b, a, c),
        "dict": {"b": b, "a": a, "c": c},
        "sorted dict": {"a": a, "b": b, "c": c},
        "ordered dict": OrderedDict(b=b, a=a, c=c),
        "nested": [{"b": b, "a": a}, c],
    }[declared]
    made = keras.Model(structure, b * 1.0 + a * 10.0 + c[:, :1] * 100.0)
    made.compile("sgd", "mse")
    return made


DECLARED = ["list", "tuple", "dict", "sorted dict", "ordered dict", "nested"]
DICTS = {
    "dict": GIVEN,
    "ordered dict": OrderedDict(GIVEN),
    "with others": {"a0": 50 * ONES, **GIVEN, "zz": ONES},
}
MSE = float((RIGHT**2).mean())


class Batches(keras.utils.PyDataset):
    def __init__(self, *batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("given", DICTS.values(), ids=DICTS)
class TestDicts:
    def test_a_call_and_predictions_go_by_name(self, declared, given):
        made = model(declared)
        np.testing.assert_array_equal(made(given), RIGHT)
        np.testing.assert_array_equal(made.predict(given, verbose=0), RIGHT)
        np.testing.assert_array_equal(made.predict_on_batch(given), RIGHT)
        np.testing.assert_array_equal(made.predict(Batches(given), verbose=0), RIGHT)

    def test_every_loop_goes_by_name(self, declared, given):
        zeros = np.zeros((2, 3), "float32")
        data = [dict(zip(given, values, strict=True)) for values in zip(*given.values(), strict=True)]
        loader = torch.utils.data.DataLoader([(one, zeros[0]) for one in data], batch_size=2)
        for x in ((given, zeros), (((given, zeros) for _ in range(1)),), (Batches(given, zeros),), (loader,)):
            made = model(declared)
            history = made.fit(*x, validation_data=(given, zeros), verbose=0).history
            assert history["loss"] == history["val_loss"] == [MSE]
        made = model(declared)
        assert made.evaluate(given, zeros, verbose=0) == MSE
        assert made.train_on_batch(given, zeros) == made.test_on_batch(given, zeros) == MSE

    def test_a_symbolic_call_goes_by_name(self, declared, given):
        symbols = {name: keras.Input(value.shape[1:], name=name) for name, value in given.items()}
        whole = keras.Model(symbols, model(declared)(symbols))
        np.testing.assert_array_equal(whole.predict(given, verbose=0), RIGHT)

    def test_copies_go_by_name(self, declared, given):
        made = model(declared)
        copies = [copy.deepcopy(made), pickle.loads(pickle.dumps(made)), keras.models.clone_model(made)]
        for one in [*copies, keras.Model.from_config(made.get_config())]:
            np.testing.assert_array_equal(one.predict(given, verbose=0), RIGHT)


@pytest.mark.parametrize("declared", ["list", "tuple"])
def test_lists_go_in_declared_order(declared):
    given = [GIVEN["b"], GIVEN["a"], GIVEN["c"]]
    np.testing.assert_array_equal(model(declared).predict(given, verbose=0), RIGHT)
    np.testing.assert_array_equal(model(declared)(tuple(given)), RIGHT)


def test_a_list_for_a_dict_goes_in_sorted_order_where_that_was_declared():
    given = [GIVEN["a"], GIVEN["b"], GIVEN["c"]]
    np.testing.assert_array_equal(model("sorted dict").predict(given, verbose=0), RIGHT)


@pytest.mark.parametrize("declared", ["dict", "ordered dict"])
@pytest.mark.parametrize("order", ["bac", "abc"])
def test_a_list_for_a_dict_is_never_guessed(declared, order):
    made, given = model(declared), [GIVEN[name] for name in order]
    calls = [
        lambda: made(given),
        lambda: made.predict(given, verbose=0),
        lambda: made.evaluate(given, RIGHT, verbose=0),
        lambda: made.fit(given, RIGHT, verbose=0),
        lambda: made.train_on_batch(given, RIGHT),
    ]
    for call in calls:
        with pytest.raises(
            ValueError, match=r"(?s)structure of `inputs` doesn't match.*Pass the named input\(s\) with keys: {'b'"
        ):
            call()


def test_a_missing_key_is_named():
    with pytest.raises(ValueError, match='Missing data for input "c"') as caught:
        model("list").predict({"a": ONES, "b": ONES, "C": ONES}, verbose=0)
    assert "['a', 'b', 'C']" in str(caught.value)
    assert "['b', 'a', 'c']" in str(caught.value)


SINGLE = {
    "x, [y]": lambda x, y: (x, [y]),
    "[x], y": lambda x, y: ([x], y),
    "[x], [y]": lambda x, y: ([x], [y]),
    "(x,), (y,)": lambda x, y: ((x,), (y,)),
}


@pytest.mark.parametrize("structures", SINGLE.values(), ids=SINGLE)
class TestOneInputAndOutput:
    def made(self, structures):
        x = keras.Input((3,), name="x")
        return keras.Model(*structures(x, x * 2.0))

    def test_data_come_out_as_one_array(self, structures):
        made = self.made(structures)
        for given in (ONES, [ONES], (ONES,), {"x": ONES}, {"x": ONES, "other": ONES}):
            for outputs in (made(given), made.predict(given, verbose=0), made.predict_on_batch(given)):
                assert outputs.shape == (2, 3)
                np.testing.assert_array_equal(outputs, 2 * ONES)

    def test_symbolic_outputs_keep_their_structure(self, structures):
        made = self.made(structures)
        _, declared = structures(1, 2)
        for outputs in (made.output, made(keras.Input((3,))), made.compute_output_spec(keras.KerasTensor((4, 3)))):
            assert type(outputs) is (type(declared) if declared != 2 else keras.KerasTensor)
        assert len(made.outputs) == len(made.inputs) == 1
        assert made.output_shape == (None, 3)

    def test_it_trains_inside_and_outside_another_model(self, structures):
        inner, x = self.made(structures), keras.Input((3,))
        outer = keras.Model(x, inner(inner(x)))
        outer.compile("sgd", "mse", metrics=["mae"])
        for y in (4 * ONES, [4 * ONES]):
            assert outer.evaluate(ONES, y, verbose=0) == [0, 0]
        inner.compile("sgd", "mse", metrics=["mae"])
        assert inner.evaluate([ONES], 2 * ONES, verbose=0) == [0, 0]
        assert inner.fit({"x": ONES}, 2 * ONES, verbose=0).history == {"loss": [0], "mae": [0]}

    def test_copies_and_torch_have_the_same_outputs(self, structures):
        made = self.made(structures)
        rebuilt = [keras.Model.from_config(made.get_config()), keras.models.clone_model(made), made.to_torch()]
        for one in rebuilt:
            np.testing.assert_array_equal(one(torch.from_numpy(ONES)), 2 * ONES)


def test_only_a_list_or_tuple_of_one_is_unpacked():
    x = keras.Input((3,))
    made = keras.Model(x, {"y": x * 2.0})
    np.testing.assert_array_equal(made.predict(ONES, verbose=0)["y"], 2 * ONES)
    (nested,) = keras.Model(x, [[x * 2.0]]).predict(ONES, verbose=0)
    np.testing.assert_array_equal(nested, 2 * ONES)
