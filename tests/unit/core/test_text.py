"""`StringTensor`: what it is made from, and how it behaves."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas
import pytest
import torch

from torchkeras_shim.core.text import StringTensor, as_strings, is_text

SOURCES = {
    "str": ("é", (), "é".encode()),
    "bytes": (b"\xff", (), b"\xff"),
    "list": (["a", b"b"], (2,), [b"a", b"b"]),
    "tuple": (("a",), (1,), [b"a"]),
    "nested": ([["a", "b"], ["c", "d"]], (2, 2), [[b"a", b"b"], [b"c", b"d"]]),
    "numpy U": (np.array(["é", "bc"]), (2,), ["é".encode(), b"bc"]),
    "numpy S": (np.array([[b"a"], [b"bc"]]), (2, 1), [[b"a"], [b"bc"]]),
    "numpy O": (np.array(["x\0", b"y"], dtype=object), (2,), [b"x\0", b"y"]),
    "scalar of numpy": (np.str_("a"), (), b"a"),
    "array of no dimension": (np.array("a"), (), b"a"),
    "Series": (pandas.Series(["a", "b"], index=[7, 3]), (2,), [b"a", b"b"]),
    "Series of pandas's strings": (pandas.Series(["a"], dtype="string"), (1,), [b"a"]),
    "categories": (pandas.Series(["a", "b", "a"], dtype="category"), (3,), [b"a", b"b", b"a"]),
    "Index": (pandas.Index(["a"]), (1,), [b"a"]),
    "StringTensor": (StringTensor(["a"]), (1,), [b"a"]),
    "list of scalars": ([StringTensor("a"), StringTensor("b")], (2,), [b"a", b"b"]),
    "empty": (np.array([], dtype="U1"), (0,), []),
}


@pytest.mark.parametrize("name", SOURCES)
def test_made_from(name):
    value, shape, items = SOURCES[name]
    texts = as_strings(value)
    assert type(texts) is StringTensor
    assert texts.shape == shape
    assert isinstance(texts.shape, torch.Size)
    assert texts.tolist() == items
    assert texts.dtype == "string"
    assert all(type(item) is bytes for item in np.asarray(texts).reshape(-1))
    assert is_text(value)


@pytest.mark.parametrize("value", [1, [1], [], None, np.zeros(2), torch.zeros(2), np.array([1, "a"], dtype=object), {}])
def test_is_not_text(value):
    assert not is_text(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a", 1], r"Failed to convert .* \(Unsupported object type int\).*Received: 1"),
        (["a", None], "Unsupported object type NoneType"),
        (pandas.Series(["a", np.nan], dtype=object), r"Unsupported object type float.*fillna\(''\)"),
        ([["a"], ["b", "c"]], "non-rectangular Python sequence.*from_rows"),
        (["\ud800"], "Error converting unicode string"),
    ],
)
def test_refused(value, message):
    with pytest.raises(ValueError, match=message):
        StringTensor(value)


def test_indexing_and_iteration():
    texts = StringTensor([["a", "b"], ["c", "d"], ["e", "f"]])
    assert texts[1].tolist() == [b"c", b"d"]
    assert texts[1, 0].numpy() == b"c"
    assert texts[..., 1].tolist() == [b"b", b"d", b"f"]
    assert texts[torch.tensor([2, 0])].tolist() == [[b"e", b"f"], [b"a", b"b"]]
    assert texts[torch.tensor([True, False, False])].tolist() == [[b"a", b"b"]]
    assert texts[:, torch.tensor(1)].tolist() == [b"b", b"d", b"f"]
    assert [row.tolist() for row in texts][-1] == [b"e", b"f"]
    assert len(texts) == 3
    assert texts.reshape(-1).shape == (6,)
    assert texts.reshape((2, 3)).shape == (2, 3)
    with pytest.raises(TypeError, match="Scalar tensor has no"):
        len(StringTensor("a"))
    with pytest.raises(TypeError, match="Cannot iterate over a scalar tensor"):
        iter(StringTensor("a"))


def test_operators():
    texts = StringTensor(["a", "b"])
    for other in ("a", b"a", StringTensor("a"), np.array("a")):
        assert (texts == other).tolist() == [True, False]
        assert (other == texts).tolist() == [True, False]
        assert (texts != other).tolist() == [False, True]
    assert (np.array(["a", "c"]) == texts).tolist() == [True, False]
    assert isinstance(texts == "a", torch.Tensor)
    assert (texts == ["a", "b", "c"]).item() is False
    assert (texts != ["a", "b", "c"]).item() is True
    assert texts is not None
    assert (texts == None) is False  # noqa: E711
    assert ("x" + texts + np.array(["1", "2"])).tolist() == [b"xa1", b"xb2"]
    assert (StringTensor("a") + "b").numpy() == b"ab"
    assert bool(StringTensor("a"))
    assert not StringTensor("")
    with pytest.raises(ValueError, match="ambiguous"):
        bool(texts)
    with pytest.raises(TypeError, match="unsupported operand"):
        texts + 1
    with pytest.raises(TypeError, match="unhashable"):
        hash(texts)


def test_copies():
    texts = StringTensor([["a"], ["b"]])
    for other in (pickle.loads(pickle.dumps(texts)), copy.deepcopy(texts)):
        assert (other == texts).all()
    assert repr(StringTensor(["a"])) == "StringTensor([b'a'], shape=(1,))"
    assert repr(StringTensor("a")) == "StringTensor(b'a', shape=())"
    assert StringTensor([["é"]]).decode() == [["é"]]
