"""Strings and ragged rows as TensorFlow has them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor

tf = imported("tensorflow")

ROWS = [[1, 2], [], [3]]
WORDS = [["a"], ["b", "é"], []]


def plain(value):
    """Lists of numbers and bytes, with the name of the type."""
    dtype = str(getattr(value.dtype, "name", value.dtype)).removeprefix("torch.")
    return dtype, value.to_list() if hasattr(value, "to_list") else np.asarray(value.numpy()).tolist()


RAGGED = {
    "rows": lambda r: r,
    "row": lambda r: r[-1],
    "item": lambda r: r[0, 0],
    "rows of a slice": lambda r: r[1:],
    "columns": lambda r: r[:, :1],
    "to_tensor": lambda r: r.to_tensor(),
    "to_tensor of a shape": lambda r: r.to_tensor(shape=[2, 1]),
    "to_tensor of a width": lambda r: r.to_tensor(shape=[None, 5]),
    "row_lengths": lambda r: r.row_lengths(),
    "row_splits": lambda r: r.row_splits,
    "value_rowids": lambda r: r.value_rowids(),
    "row_starts": lambda r: r.row_starts(),
    "row_limits": lambda r: r.row_limits(),
    "values": lambda r: r.values,
    "flat_values": lambda r: r.flat_values,
}
NUMBERS = {
    "padded with another number": lambda r: r.to_tensor(default_value=-1),
    "sum": lambda r: r + 1,
    "product": lambda r: r * r,
    "column": lambda r: r + np.array([[1], [2], [3]], "int32"),
    "reflected": lambda r: 1 - r,
    "floor": lambda r: r // 2,
    "remainder": lambda r: r % 2,
    "power": lambda r: r**2,
    "negative": lambda r: -r,
    "absolute": lambda r: abs(-r),
    "greater": lambda r: r > 1,
    "not greater": lambda r: r <= 2,
}
TEXTS = {
    "padded with another text": lambda r: r.to_tensor(default_value="-"),
    "joined": lambda r: r + "x",
}
CASES = [("numbers", name, f) for name, f in {**RAGGED, **NUMBERS}.items()]
CASES += [("texts", name, f) for name, f in {**RAGGED, **TEXTS}.items()]


@pytest.mark.parametrize(("kind", "name", "function"), CASES, ids=[f"{kind}-{name}" for kind, name, _ in CASES])
def test_ragged(kind, name, function):
    rows = ROWS if kind == "numbers" else WORDS
    theirs = kept(lambda module: plain(function(module.ragged.constant(rows))), tf)
    assert plain(function(RaggedTensor.from_rows(rows))) == tuple(theirs)


@pytest.mark.parametrize("rows", [ROWS, WORDS, [[1, 2], [3, 4]]], ids=["numbers", "texts", "equal"])
def test_ragged_numpy(rows):
    def form(array):
        return array.shape, str(array.dtype), [np.asarray(row).tolist() for row in array]

    assert form(RaggedTensor.from_rows(rows).numpy()) == tuple(
        kept(lambda m: form(m.ragged.constant(rows).numpy()), tf)
    )


def test_ragged_from_parts():
    def made(cls):
        return [
            plain(cls.from_row_splits(np.array([[1, 2], [3, 4]]), [0, 2, 2])),
            plain(cls.from_row_lengths(np.array([1, 2, 3]), [1, 2])),
            plain(cls.from_tensor(np.array([[1, 2, 0], [3, 0, 0], [0, 0, 0], [0, 5, 0]]), padding=0)),
            plain(cls.from_tensor(np.array([[1, 2, 0], [3, 0, 0]]), lengths=[2, 0])),
            plain(cls.from_tensor(np.array([[1, 2], [3, 0]]))),
        ]

    theirs = kept(lambda module: made(module.RaggedTensor), tf)
    assert made(RaggedTensor) == [tuple(one) for one in theirs]


STRINGS = {
    "str": "é",
    "list": ["a", "x\0"],
    "nested": [["a", b"b"], ["c", "d"]],
    "numpy U": np.array(["é", "bc"]),
    "numpy S": np.array([b"a", b"bc"]),
    "numpy O": np.array(["x\0", "y"], dtype=object),
}


@pytest.mark.parametrize("name", STRINGS)
def test_strings(name):
    value = STRINGS[name]

    def answers(texts):
        flat = texts.numpy()
        return (
            flat.tolist() if isinstance(flat, np.ndarray) else flat,
            list(texts.shape),
            np.asarray((texts == "a").numpy()).tolist(),
            np.asarray((texts != b"a").numpy()).tolist(),
            np.asarray((texts + "x").numpy()).tolist(),
            np.asarray(("x" + texts).numpy()).tolist(),
        )

    assert answers(StringTensor(value)) == tuple(kept(lambda module: answers(module.constant(value)), tf))


MADE = {
    "rowids": ("from_value_rowids", [1, 2, 3], [0, 0, 2]),
    "rowids and rows": ("from_value_rowids", ["a", "b"], [1, 1], 4),
    "no rowids": ("from_value_rowids", [1.5][:0], np.array([], "int64"), 2),
    "rowids that fall": ("from_value_rowids", [1, 2], [1, 0]),
    "rowids beyond": ("from_value_rowids", [1, 2], [0, 5], 3),
    "starts": ("from_row_starts", [1, 2, 3], [0, 2, 2]),
    "starts that fall": ("from_row_starts", [1, 2, 3], [0, 3, 1]),
    "starts not from 0": ("from_row_starts", [1, 2, 3], [1, 2]),
    "limits": ("from_row_limits", ["a", "b", "c"], [2, 2, 3]),
    "limits too small": ("from_row_limits", [1, 2, 3], [1, 2]),
}


def made(cls, case):
    name, *given = MADE[case]
    try:
        return getattr(cls, name)(*given).to_list()
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("case", MADE)
def test_made_of_values(case):
    assert made(RaggedTensor, case) == kept(made, tf.RaggedTensor, case)


def test_what_there_is_not_says_what_to_write():
    with pytest.raises(AttributeError, match=r"no attribute 'repeat'.*to_tensor"):
        RaggedTensor.from_rows(ROWS).repeat(2)
