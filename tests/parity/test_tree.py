"""Nested structures against real Keras."""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from tests.parity.oracle import kept, keras
from torchkeras_shim import tree

P, Q = namedtuple("P", ["x", "y"]), namedtuple("Q", ["x", "y"])
ORDERED = OrderedDict([("b", 1), ("a", 2)])
DEFAULT = defaultdict(int, {"b": 1, "a": 2})
DEQUE = deque([1, [2]], maxlen=5)
NESTED = {"b": [1, {"z": P(3, 4)}], "a": None, "c": (5, ())}
STRUCTURES = [NESTED, ORDERED, DEFAULT, DEQUE, P(1, [2]), [], (), {}, 7, None, "text", [None, 1], {1: 1, "a": 2}]


def pair(x, y):
    return (x, y)


def tuples(x):
    return tuple(x) if isinstance(x, list) else None


#: Calls of one module, and of the other.
CALLS = {
    **{f"flatten-{i}": lambda t, s=s: t.flatten(s) for i, s in enumerate(STRUCTURES)},
    **{f"paths-{i}": lambda t, s=s: t.flatten_with_path(s) for i, s in enumerate(STRUCTURES)},
    **{f"nested-{i}": lambda t, s=s: t.is_nested(s) for i, s in enumerate([*STRUCTURES, {1}, range(3)])},
    **{f"map-{i}": lambda t, s=s: t.map_structure(repr, s) for i, s in enumerate(STRUCTURES)},
    **{f"pack-{i}": lambda t, s=s: t.pack_sequence_as(s, range(len(t.flatten(s)))) for i, s in enumerate(STRUCTURES)},
    **{f"tuples-{i}": lambda t, s=s: t.lists_to_tuples(s) for i, s in enumerate(STRUCTURES)},
    "map two": lambda t: t.map_structure(pair, ORDERED, {"a": 3, "b": 4}),
    "map two the other way": lambda t: t.map_structure(pair, {"a": 3, "b": 4}, ORDERED),
    "map None": lambda t: t.map_structure(lambda x: x is None, [1, None]),
    "map without None": lambda t: t.map_structure(lambda x: x * 2, [1, None], none_is_leaf=False),
    "map two without None": lambda t: t.map_structure(pair, [1, None], [2, None], none_is_leaf=False),
    "map None with something": lambda t: t.map_structure(pair, [1, None], [2, 3], none_is_leaf=False),
    "map something with None": lambda t: t.map_structure(pair, [1, 3], [2, None], none_is_leaf=False),
    "map nothing": lambda t: t.map_structure(repr),
    "map no function": lambda t: t.map_structure(3, [1]),
    "map lengths": lambda t: t.map_structure(pair, [1], [1, 2]),
    "map kinds": lambda t: t.map_structure(pair, [1], (1,)),
    "map depths": lambda t: t.map_structure(pair, [1], [[1]]),
    "map keys": lambda t: t.map_structure(pair, {"a": 1}, {"b": 1}),
    "map named tuples": lambda t: t.map_structure(pair, P(1, 2), Q(3, 4)),
    "map a named tuple and a tuple": lambda t: t.map_structure(pair, P(1, 2), (3, 4)),
    "up to": lambda t: t.map_structure_up_to({"a": 0}, pair, {"a": [1]}, {"a": 2}),
    "up to something shallower": lambda t: t.map_structure_up_to([[1]], repr, [2]),
    "up to nothing": lambda t: t.map_structure_up_to([1], repr),
    "up to another length": lambda t: t.map_structure_up_to([1, 2], repr, [1]),
    "up to another kind": lambda t: t.map_structure_up_to((0, 0), repr, [1, 2]),
    "up to other keys": lambda t: t.map_structure_up_to({"a": 0}, repr, {"a": 1, "b": 2}),
    "up to no function": lambda t: t.map_structure_up_to([1], 3, [1]),
    "same": lambda t: t.assert_same_structure([(0, 1), {"a": 1}], [(2, 3), OrderedDict(a=2)]),
    "same None": lambda t: t.assert_same_structure([None], [1]),
    "not the same kind": lambda t: t.assert_same_structure([0], (0,)),
    "not the same names": lambda t: t.assert_same_structure(P(0, 1), Q(2, 3)),
    "not the same length": lambda t: t.assert_same_structure([0, 1], [0]),
    "not the same depth": lambda t: t.assert_same_structure([0], [[1]]),
    "not the same depth at the top": lambda t: t.assert_same_structure(1, [1]),
    "not the same keys": lambda t: t.assert_same_structure({"a": 1}, {"a": 1, "b": 2}),
    "same paths": lambda t: t.assert_same_paths([0, P(1, 2)], (2, [3, 4])),
    "not the same paths": lambda t: t.assert_same_paths({"a": 1}, [1]),
    "too few": lambda t: t.pack_sequence_as([0, 0], [1]),
    "too many": lambda t: t.pack_sequence_as([0], [1, 2]),
    "no sequence": lambda t: t.pack_sequence_as([0], 5),
    "shapes": lambda t: t.map_shape_structure(tuple, {"a": (None, 2), "b": [(1,), [2, 3]]}),
    "shapes and others": lambda t: t.map_shape_structure(repr, [(1, 2), None, 3, ()]),
    "traverse": lambda t: t.traverse(tuples, [[1], [2, [3]]]),
    "traverse upwards": lambda t: t.traverse(tuples, [[1], [2, [3]]], top_down=False),
    "traverse to None": lambda t: t.traverse(lambda x: t.MAP_TO_NONE if x == 1 else None, [1, 2]),
    "traverse no function": lambda t: t.traverse(3, [1]),
    "traverse in order": lambda t: [seen := [], t.traverse(seen.append, [(1, 2), [3], {"b": 4, "a": 5}])],
    "traverse upwards in order": lambda t: [seen := [], t.traverse(seen.append, [(1, 2), {"a": 4}], top_down=False)],
}


def outcome(call, module):
    try:
        return repr(call(module))
    except Exception as error:
        return repr(type(error))


@pytest.mark.parametrize("what", CALLS)
def test_results_and_errors(what):
    assert outcome(CALLS[what], tree) == kept(outcome, CALLS[what], keras.tree)


def test_up_to_none_as_documented():
    """Keras's own example, which fails on some of its backends."""
    assert tree.map_structure_up_to([None, None], len, [[1, 1], [2, 2]]) == [2, 2]
    assert tree.map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]]) == ["[1, 1]", ["2", "2"]]


@pytest.mark.parametrize("value", [True, False])
def test_check_types_is_deprecated(value):
    for module in (tree, keras.tree):
        with pytest.warns(DeprecationWarning, match="check_types"):
            module.assert_same_structure([1], [2], check_types=value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree.assert_same_structure([1], [2])


def test_messages_show_both_structures():
    with pytest.raises(ValueError, match=r"a=\[1\] \(of type list\)\nb=\(1,\) \(of type tuple\)"):
        tree.assert_same_structure([1], (1,))
    with pytest.raises(ValueError, match=r"missing in `b`:\n\{\('a',\)\}"):
        tree.assert_same_paths({"a": 1}, [1])
