# ruff: noqa: PT009
"""`tf.test.TestCase`: passes and fails where TensorFlow's does, and with the same kind of error."""

import unittest
from collections import namedtuple

import numpy as np
import pytest

from tests.parity.oracle import imported, kept
from tests.parity.tensorflow.ours import tf as ours

tensorflow = imported("tensorflow")

Pair = namedtuple("Pair", "x y")
NAN = float("nan")
CASES = {
    "numbers": lambda t, tf: t.assertAllClose(1.0, 1.0 + 5e-7),
    "numbers apart": lambda t, tf: t.assertAllClose(1.0, 1.0 + 3e-6),
    "near by rtol of the second": lambda t, tf: t.assertAllClose([100.0], [101.0], rtol=0.0099, atol=0.0),
    "not near by rtol of the first": lambda t, tf: t.assertAllClose([101.0], [100.0], rtol=0.0099, atol=0.0),
    "NaN is near NaN": lambda t, tf: t.assertAllClose([NAN, 1.0], tf.constant([NAN, 1.0])),
    "tensors": lambda t, tf: t.assertAllClose(tf.constant([[1.0, 2.0]]), [[1.0, 2.0]]),
    "a list of tensors": lambda t, tf: t.assertAllClose([tf.ones(2), tf.zeros(2)], np.array([[1, 1], [0, 0]])),
    "a weight": lambda t, tf: t.assertAllClose(tf.Variable([1.0, 2.0]), [1.0, 2.0]),
    "other shapes": lambda t, tf: t.assertAllClose(tf.ones((2, 1)), tf.ones(2)),
    "shapes that would go together": lambda t, tf: t.assertAllClose(tf.ones(2), 1.0),
    "dicts": lambda t, tf: t.assertAllClose(
        {"a": tf.ones(2), "b": [1, {"c": 2.0}]}, {"b": [1, {"c": 2.0}], "a": [1, 1]}
    ),
    "dicts apart": lambda t, tf: t.assertAllClose({"a": {"b": 1.0}}, {"a": {"b": 1.1}}),
    "other keys": lambda t, tf: t.assertAllClose({"a": 1.0}, {"b": 1.0}),
    "a dict beside a list": lambda t, tf: t.assertAllClose([{"a": 1.0}], [[1.0]]),
    "rows of several lengths": lambda t, tf: t.assertAllClose([[1.0], [2.0, 3.0]], [[1.0], [2.0, 3.0]]),
    "rows of other lengths": lambda t, tf: t.assertAllClose([[1.0], [2.0, 3.0]], [[1.0], [2.0, 3.0], [4.0]]),
    "named tuples": lambda t, tf: t.assertAllClose(Pair(1.0, tf.ones(2)), Pair(1.0, [1.0, 1.0])),
    "bfloat16": lambda t, tf: t.assertAllClose(tf.cast([1.5], tf.bfloat16), [1.5]),
    "ragged": lambda t, tf: t.assertAllClose(tf.ragged.constant([[1.0], [2.0, 3.0]]), [[1.0], [2.0, 3.0]]),
    "ragged apart": lambda t, tf: t.assertAllClose(tf.ragged.constant([[1.0], [2.0, 3.0]]), [[1.0], [2.0, 3.1]]),
    "text is not near": lambda t, tf: t.assertAllClose(["a"], ["a"]),
    "half": lambda t, tf: t.assertAllCloseAccordingToType(np.float16([1.0]), np.float16([1.0009765])),
    "half and float": lambda t, tf: t.assertAllCloseAccordingToType(np.float16([1.0]), np.float32([1.0009])),
    "half apart": lambda t, tf: t.assertAllCloseAccordingToType(np.float16([1.0]), np.float32([1.003])),
    "bfloat16 by type": lambda t, tf: t.assertAllCloseAccordingToType(tf.cast([1.0], tf.bfloat16), [1.015]),
    "float by type": lambda t, tf: t.assertAllCloseAccordingToType(tf.constant([1.0]), tf.constant([1.0009])),
    "not near": lambda t, tf: t.assertNotAllClose(tf.ones(2), [1.0, 1.1]),
    "not near but near": lambda t, tf: t.assertNotAllClose(tf.ones(2), [1.0, 1.0]),
    "not near of other shapes": lambda t, tf: t.assertNotAllClose(tf.ones(2), tf.ones(3)),
    "one number": lambda t, tf: t.assertNear(1.0, tf.constant(1.1), 0.2),
    "one number apart": lambda t, tf: t.assertNear(1.0, 1.3, 0.2),
    "infinite": lambda t, tf: t.assertNear(float("inf"), float("inf"), 0.1),
    "a row": lambda t, tf: t.assertArrayNear([1.0, 2.0], [1.1, 2.1], 0.2),
    "a row apart": lambda t, tf: t.assertArrayNear([1.0, 2.0], [1.1, 2.3], 0.2),
    "by the norm": lambda t, tf: t.assertNDArrayNear(np.ones(4), np.ones(4) * 1.1, 0.19),
    "equal": lambda t, tf: t.assertAllEqual(tf.constant([1, 2]), [1, 2]),
    "equal of other types": lambda t, tf: t.assertAllEqual(tf.constant([1.0, 2.0]), np.int64([1, 2])),
    "equal with NaN": lambda t, tf: t.assertAllEqual([NAN, 2.0], [NAN, 2.0]),
    "not equal": lambda t, tf: t.assertAllEqual(tf.constant([1, 2]), [1, 3]),
    "not equal shapes": lambda t, tf: t.assertAllEqual(tf.constant([1, 1]), 1),
    "text": lambda t, tf: t.assertAllEqual(tf.constant(["a", "bc"]), [b"a", b"bc"]),
    "text as str": lambda t, tf: t.assertAllEqual(tf.constant(["a", "é"]), ["a", "é"]),
    "other text": lambda t, tf: t.assertAllEqual(tf.constant(["a", "b"]), ["a", "c"]),
    "one text": lambda t, tf: t.assertAllEqual(tf.constant("a"), "a"),
    "shapes": lambda t, tf: t.assertAllEqual(tf.ones((2, 3)).shape, (2, 3)),
    "ragged equal": lambda t, tf: t.assertAllEqual(tf.ragged.constant([[1], [2, 3]]), [[1], [2, 3]]),
    "ragged not equal": lambda t, tf: t.assertAllEqual(tf.ragged.constant([[1], [2, 3]]), [[1, 2], [3]]),
    "ragged beside dense": lambda t, tf: t.assertAllEqual(tf.ragged.constant([[1], [2]]), tf.constant([[1], [2]])),
    "not all equal": lambda t, tf: t.assertNotAllEqual([1, 2], [1, 3]),
    "not all equal but equal": lambda t, tf: t.assertNotAllEqual([1, 2], tf.constant([1, 2])),
    "dicts equal": lambda t, tf: t.assertDictEqual({"a": tf.ones(2), "b": 1}, {"a": tf.ones(2), "b": 1}),
    "dicts nearly equal": lambda t, tf: t.assertDictEqual({"a": tf.ones(2)}, {"a": np.float32([1.0, 1.0000005])}),
    "dicts not equal": lambda t, tf: t.assertDictEqual({"a": 1}, {"a": 2}),
    "dicts of other keys": lambda t, tf: t.assertDictEqual({"a": 1}, {"b": 1}),
    "dicts of words": lambda t, tf: t.assertDictEqual(
        {"a": "x", "b": None, "c": {"d": 1}}, {"a": "x", "b": None, "c": {"d": 1}}
    ),
    "greater": lambda t, tf: t.assertAllGreater(tf.constant([2, 3]), 1),
    "not greater": lambda t, tf: t.assertAllGreater(tf.constant([2, 3]), 2),
    "less": lambda t, tf: t.assertAllLess([2, 3], 4),
    "not less": lambda t, tf: t.assertAllLess([2, 3], 3),
    "at least": lambda t, tf: t.assertAllGreaterEqual([2, 3], 2),
    "not at least": lambda t, tf: t.assertAllGreaterEqual([2, 3], 3),
    "at most": lambda t, tf: t.assertAllLessEqual([2, 3], 3),
    "not at most": lambda t, tf: t.assertAllLessEqual([2, 3], 2),
    "in a range": lambda t, tf: t.assertAllInRange(tf.constant([1.0, 2.0]), 1.0, 2.0),
    "not in an open range": lambda t, tf: t.assertAllInRange([1.0, 2.0], 1.0, 2.0, open_upper_bound=True),
    "not above an open bound": lambda t, tf: t.assertAllInRange([1.0, 2.0], 1.0, 2.0, open_lower_bound=True),
    "NaN is in no range": lambda t, tf: t.assertAllInRange([NAN], -1.0, 1.0),
    "no order": lambda t, tf: t.assertAllInRange([True], 0, 1),
    "in a set": lambda t, tf: t.assertAllInSet(tf.constant([[1, 2], [2, 1]]), {1, 2, 3}),
    "not in a set": lambda t, tf: t.assertAllInSet([1, 4], (1, 2, 3)),
    "type": lambda t, tf: t.assertDTypeEqual(tf.ones(2), np.float32),
    "type by name": lambda t, tf: t.assertDTypeEqual(tf.ones(2, tf.int64), "int64"),
    "type of TensorFlow's": lambda t, tf: t.assertDTypeEqual(np.ones(2, "uint8"), tf.uint8),
    "type of text": lambda t, tf: t.assertDTypeEqual(tf.constant(["a"]), tf.string),
    "bfloat16 type": lambda t, tf: t.assertDTypeEqual(tf.ones(2, tf.bfloat16), tf.bfloat16),
    "another type": lambda t, tf: t.assertDTypeEqual(tf.ones(2), np.float64),
    "shape": lambda t, tf: t.assertShapeEqual(np.ones((2, 3)), tf.zeros((2, 3))),
    "another shape": lambda t, tf: t.assertShapeEqual(np.ones((2, 3)), tf.zeros((3, 2))),
    "shape of a list": lambda t, tf: t.assertShapeEqual([1.0], np.ones(1)),
    "evaluate": lambda t, tf: t.assertEqual(float(t.evaluate({"a": [tf.constant(2.0)]})["a"][0]), 2.0),
    "evaluate a function": lambda t, tf: t.assertAllEqual(t.evaluate(lambda: tf.constant([2])), np.array([2])),
    "evaluate an array": lambda t, tf: t.evaluate(np.ones(2)),
    "evaluate a number": lambda t, tf: t.evaluate(2.0),
    "evaluate nothing": lambda t, tf: t.assertIsNone(t.evaluate(None)),
    "length": lambda t, tf: (t.assertLen([1, 2], 2), t.assertEmpty([]), t.assertNotEmpty([1])),
    "another length": lambda t, tf: t.assertLen([1, 2], 3),
    "elements": lambda t, tf: (t.assertSameElements([1, 1, 2], [2, 1]), t.assertItemsEqual([1, 2], [2, 1])),
    "other counts": lambda t, tf: t.assertItemsEqual([1, 1, 2], [2, 1]),
    "subset": lambda t, tf: (
        t.assertContainsSubset({1}, [1, 2]),
        t.assertBetween(2, 1, 2),
        t.assertStartsWith("ab", "a"),
    ),
    "no subset": lambda t, tf: t.assertContainsSubset({1, 3}, [1, 2]),
    "not between": lambda t, tf: t.assertBetween(2.1, 1, 2),
    "another start": lambda t, tf: t.assertStartsWith("ab", "b"),
}


def outcome(tf, case):
    try:
        case(tf.test.TestCase(), tf)
    except Exception as error:
        return type(error).__name__
    return "passes"


@pytest.mark.parametrize("case", CASES)
def test_passes_and_fails_as_in_tensorflow(case):
    assert outcome(ours, CASES[case]) == kept(outcome, tensorflow, CASES[case])


def run(tf):
    """Runs a class of tests; returns which failed, and the numbers that each began with."""
    drawn = []

    class Test(tf.test.TestCase):
        def setUp(self):
            super().setUp()
            drawn.append((float(np.random.rand()), self.get_temp_dir() == self.get_temp_dir()))

        def test_operation(self):
            with self.assertRaisesIncompatibleShapesError():
                tf.add(tf.ones(2), tf.ones(3))
            with self.assertRaisesOpError("x"):
                tf.debugging.assert_equal(1, 2, message="x")

        def test_another_error(self):
            with self.assertRaisesWithPredicateMatch(ValueError, "x"):
                raise ValueError("y")

        def test_no_error(self):
            with self.assertRaisesWithPredicateMatch(ValueError, lambda error: True):
                pass

        def test_predicate(self):
            with self.assertRaisesWithPredicateMatch(KeyError, lambda error: error.args == ("a",)):
                {}["a"]

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Test).run(result)
    failed = sorted(test.id().rpartition(".")[2] for test, _ in result.failures)
    return [failed, len(result.errors), result.testsRun - len(result.skipped), drawn[0][0], len(set(drawn))]


def test_a_class_of_tests():
    assert run(ours) == kept(run, tensorflow)
