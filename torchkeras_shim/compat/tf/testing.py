"""`tf.test.TestCase` and `tf.test.main`: unit tests that compare tensors, arrays and structures of them."""

# ruff: noqa: PT009
from __future__ import annotations

import random
import re
import tempfile
import unittest
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.random import DEFAULT_SEED, set_seed
from torchkeras_shim.core import tree
from torchkeras_shim.core.dtypes import standardize_dtype
from torchkeras_shim.core.errors import InvalidArgumentError, OpError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor

_SHAPES = "Incompatible shapes|Dimensions must be equal|required broadcastable shapes|must match the size of tensor"


def as_array(value: Any) -> np.ndarray:
    """Returns a tensor, a number or nested lists of them as an array; bfloat16 as float32, ragged lists as objects.

    Example:
        >>> as_array([torch.ones(2, requires_grad=True), torch.zeros(2)])
        array([[1., 1.],
               [0., 0.]], dtype=float32)
    """
    value = _on_host(value)
    try:
        return np.asarray(value)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        return np.array(value, dtype=object)


def _on_host(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return np.asarray(value.float() if value.dtype == torch.bfloat16 else value)
    if isinstance(value, StringTensor):
        return np.asarray(value.numpy(), dtype=object)
    return [_on_host(one) for one in value] if isinstance(value, (list, tuple)) else value


def _type(value: Any) -> str:
    """Returns the name of a tensor's or an array's type."""
    return str(standardize_dtype(value.dtype) if isinstance(value, torch.Tensor) else as_array(value).dtype)


def _rows(value: Any) -> Any:
    if isinstance(value, RaggedTensor):
        return value.to_list()
    return np.array(_on_host(value), dtype=object).tolist()


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """Returns an array of text as one of bytes, which text of tensors is."""
    if array.dtype.kind not in "USO":
        return array
    encoded = np.empty(array.shape, dtype=object)
    encoded.ravel()[:] = [one.encode() if isinstance(one, str) else one for one in array.flat]
    return encoded


@public("test.TestCase")
class TestCase(unittest.TestCase):
    """A test case that compares tensors; each test starts from the same seeds.

    Example:
        >>> TestCase().assertAllClose({"a": torch.ones(2)}, {"a": [1.0, 1.0]})
    """

    _folder: str | None = None

    def setUp(self) -> None:
        """Starts each test from the same random numbers."""
        super().setUp()
        random.seed(DEFAULT_SEED)
        np.random.seed(DEFAULT_SEED)
        set_seed(DEFAULT_SEED)

    def get_temp_dir(self) -> str:
        """Returns a folder that is there for this test only, and is removed after it."""
        if self._folder is None:
            folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            self.addCleanup(folder.cleanup)
            self._folder = folder.name
        return self._folder

    def evaluate(self, tensors: Any) -> Any:
        """Returns the values of tensors, or of functions that return them, as arrays and numbers of numpy's.

        Raises:
            ValueError: If there is something else among them.
        """
        return tree.map_structure(self._value, tensors)

    def _value(self, tensor: Any) -> Any:
        if tensor is None:
            return None
        if isinstance(tensor, torch.Tensor):
            return as_array(tensor)[()]
        if isinstance(tensor, RaggedTensor):
            raise ValueError("A RaggedTensor has no value of numpy's. Write x.to_list(), or x.values and x.row_splits.")
        if callable(tensor):
            return self.evaluate(tensor())
        if not callable(getattr(tensor, "numpy", None)):
            raise ValueError(f"Unsupported type {type(tensor).__name__!r}. Pass tensors.")
        return tensor.numpy()

    # Values that are near.

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Fails unless numbers are near, in dicts and lists as well: `|a - b| <= atol + rtol * |b|`."""
        self._close(a, b, rtol, atol, "", msg or "")

    def _close(self, a: Any, b: Any, rtol: float, atol: float, path: str, msg: Any) -> None:
        if isinstance(a, RaggedTensor) or isinstance(b, RaggedTensor):
            self._close_rows(_rows(a), _rows(b), rtol, atol, path, msg)
            self._same_rank(a, b, msg)
            return
        a, b = (one._asdict() if hasattr(one, "_asdict") else one for one in (a, b))
        if isinstance(a, Mapping) != isinstance(b, Mapping):
            raise ValueError(f"Can't compare dict to non-dict, a{path} vs b{path}. {msg}")
        if isinstance(a, Mapping):
            self.assertCountEqual(a, b, f"mismatched keys: a{path} has keys {[*a]}, but b{path} has {[*b]}. {msg}")
            for key in a:
                self._close(a[key], b[key], rtol, atol, f"{path}[{key}]", msg)
            return
        text = f"Mismatched value: a{path} is different from b{path}. {msg}"
        if not isinstance(a, (list, tuple)):
            self._close_arrays(as_array(a), as_array(b), rtol, atol, text)
            return
        try:
            self._close_arrays(as_array(a), as_array(b), rtol, atol, text)
        except (ValueError, TypeError, NotImplementedError):  # they are not one array: dicts, rows of several lengths
            if len(a) != len(b):
                raise ValueError(
                    f"Mismatched length: a{path} has {len(a)} items, but b{path} has {len(b)} items. {msg}"
                ) from None
            for index, (one, other) in enumerate(zip(a, b, strict=True)):
                self._close(one, other, rtol, atol, f"{path}[{index}]", msg)

    def _close_arrays(self, a: np.ndarray, b: np.ndarray, rtol: float, atol: float, msg: Any) -> None:
        self.assertEqual(a.shape, b.shape, f"Shape mismatch: expected {a.shape}, got {b.shape}. {msg}")
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=msg, equal_nan=True)

    def _close_rows(self, a: Any, b: Any, rtol: float, atol: float, path: str, msg: Any) -> None:
        self.assertEqual(type(a), type(b), msg)
        if not isinstance(a, list):
            self._close(a, b, rtol, atol, path, msg)
            return
        self.assertEqual(len(a), len(b), f"Length differs for a{path}. {msg}")
        for index, (one, other) in enumerate(zip(a, b, strict=True)):
            self._close_rows(one, other, rtol, atol, f"{path}[{index}]", msg)

    def _same_rank(self, a: Any, b: Any, msg: Any) -> None:
        if not isinstance(a, (list, tuple)) and not isinstance(b, (list, tuple)):
            self.assertEqual(getattr(a, "ragged_rank", 0), getattr(b, "ragged_rank", 0), msg)

    def assertAllCloseAccordingToType(
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: Any = None,
    ) -> None:
        """`assertAllClose` with tolerances for the types of both."""
        types = {_type(a), _type(b)}
        for wanted, relative, absolute in (
            ({"float32", "complex64"}, float_rtol, float_atol),
            ({"float16"}, half_rtol, half_atol),
            ({"bfloat16"}, bfloat16_rtol, bfloat16_atol),
        ):
            if types & wanted:
                rtol, atol = max(rtol, relative), max(atol, absolute)
        self.assertAllClose(as_array(a), as_array(b), rtol=rtol, atol=atol, msg=msg)

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: Any = None) -> None:
        """Fails if numbers are near, all of them."""
        try:
            self.assertAllClose(a, b, rtol=rtol, atol=atol)
        except AssertionError:
            return
        raise AssertionError(f"The two values are close at all elements. {msg or ''}")

    def assertNear(self, f1: Any, f2: Any, err: float, msg: Any = None) -> None:
        """Fails unless two numbers differ by at most `err`."""
        f1, f2 = float(np.squeeze(as_array(f1))), float(np.squeeze(as_array(f2)))
        difference = abs(f1 - f2)
        self.assertTrue(
            f1 == f2 or difference <= err, f"{f1} != {f2} +/- {err} (difference: {difference}). {msg or ''}"
        )

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float, msg: Any = None) -> None:
        """Fails unless each number of two rows differs by at most `err`."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for one, other in zip(farray1, farray2, strict=True):
            self.assertNear(one, other, err, msg)

    def assertNDArrayNear(self, ndarray1: Any, ndarray2: Any, err: float, msg: Any = None) -> None:
        """Fails unless the norm of the difference is less than `err`."""
        self.assertTrue(np.linalg.norm(as_array(ndarray1) - as_array(ndarray2)) < err, msg)

    # Values that are the same.

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Fails unless shapes and values are the same; NaN is the same as NaN, text as its bytes."""
        if isinstance(a, RaggedTensor) or isinstance(b, RaggedTensor):
            self.assertEqual(_rows(a), _rows(b), msg)
            self._same_rank(a, b, msg)
            return
        a, b = as_array(a), as_array(b)
        self.assertEqual(a.shape, b.shape, f"Shape mismatch: expected {a.shape}, got {b.shape}. {msg or ''}")
        if a.dtype.kind != b.dtype.kind:
            a, b = _as_bytes(a), _as_bytes(b)
        np.testing.assert_array_equal(a, b, err_msg=str(msg or ""))

    def assertNotAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Fails if shapes and all values are the same."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        raise AssertionError(f"The two values are equal at all elements. {msg or ''}")

    def assertDictEqual(self, d1: Any, d2: Any, msg: Any = None) -> None:
        """Fails unless dicts have the same keys, and the same values or, of floats, near ones."""
        try:
            super().assertDictEqual(d1, d2, msg)
            return
        except Exception:  # they differ, or have tensors of several numbers, which are not true or false
            self.assertSameElements(d1, d2, msg)
        for key, value in d1.items():
            near = np.issubdtype(as_array(value).dtype, np.floating)
            (self.assertAllClose if near else self.assertAllEqual)(value, d2[key], msg=key)

    # What values are.

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """Fails unless all numbers are greater."""
        self.assertGreater(np.min(as_array(a)), comparison_target)

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """Fails unless all numbers are less."""
        self.assertLess(np.max(as_array(a)), comparison_target)

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """Fails unless all numbers are at least that."""
        self.assertGreaterEqual(np.min(as_array(a)), comparison_target)

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """Fails unless all numbers are at most that."""
        self.assertLessEqual(np.max(as_array(a)), comparison_target)

    def assertAllInRange(
        self,
        target: Any,
        lower_bound: Any,
        upper_bound: Any,
        open_lower_bound: bool = False,
        open_upper_bound: bool = False,
    ) -> None:
        """Fails unless all numbers lie between two, which belong to the range unless it is open."""
        target = as_array(target)
        if target.dtype.kind not in "iuf":
            raise AssertionError(f"The value of {target} does not have an ordered numeric type: {target.dtype}")
        above = target > lower_bound if open_lower_bound else target >= lower_bound
        below = target < upper_bound if open_upper_bound else target <= upper_bound
        outside = target[~(above & below)]  # NaN is neither above nor below
        bounds = f"{'(['[not open_lower_bound]}{lower_bound}, {upper_bound}{')]'[not open_upper_bound]}"
        self.assertFalse(outside.size, f"{outside.size} of {target.size} elements are outside {bounds}: {outside[:10]}")

    def assertAllInSet(self, target: Any, expected_set: Collection[Any]) -> None:
        """Fails unless all values are among those."""
        others = np.setdiff1d(as_array(target).flatten(), list(expected_set))
        self.assertFalse(others.size, f"{others.size} values are not in {expected_set}: {others[:10]}")

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """Fails unless values are of a type, given as a name or as numpy's or TensorFlow's."""
        expected = as_dtype(expected_dtype).name
        self.assertEqual(_type(target), "object" if expected == "string" else expected)

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: Any = None) -> None:
        """Fails unless two arrays or tensors have the same shape.

        Raises:
            TypeError: If something else is given.
        """
        for name, value in (("input_a", input_a), ("input_b", input_b)):
            if not isinstance(value, (np.ndarray, np.generic, torch.Tensor, StringTensor)):
                raise TypeError(f"{name} must be a Numpy ndarray, Numpy scalar, or a Tensor. Received {type(value)}")
        self.assertEqual(tuple(input_a.shape), tuple(input_b.shape), msg)

    # Errors.

    @contextmanager
    def assertRaisesWithPredicateMatch(
        self, exception_type: type[BaseException], expected_err_re_or_predicate: str | Callable[[Any], Any]
    ) -> Iterator[None]:
        """Fails unless an error is raised that a pattern is found in, or that a function accepts."""
        wanted = expected_err_re_or_predicate
        try:
            yield
        except Exception as error:
            found = wanted(error) if callable(wanted) else re.search(wanted, str(error))
            if not isinstance(error, exception_type) or not found:
                raise AssertionError(f"Exception of type {type(error)}: {error}") from error
        else:
            self.fail(f"{exception_type.__name__} not raised")

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Any:
        """Fails unless an operation raises an error that a pattern is found in, or that a function accepts."""
        return self.assertRaisesWithPredicateMatch(OpError, expected_err_re_or_predicate)

    def assertRaisesIncompatibleShapesError(self, exception_type: type[BaseException] = InvalidArgumentError) -> Any:
        """Fails unless an operation refuses shapes that do not go together."""
        return self.assertRaisesWithPredicateMatch(exception_type, _SHAPES)

    # What absl's test cases have, on which TensorFlow's are built.

    assertItemsEqual = unittest.TestCase.assertCountEqual
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex

    def assertStartsWith(self, actual: Any, expected_start: Any, msg: Any = None) -> None:
        """Fails unless text starts so."""
        self.assertTrue(actual.startswith(expected_start), f"{actual!r} does not start with {expected_start!r}. {msg}")

    def assertLen(self, container: Any, expected_len: int, msg: Any = None) -> None:
        """Fails unless a container has so many items."""
        self.assertEqual(len(container), expected_len, msg)

    def assertEmpty(self, container: Any, msg: Any = None) -> None:
        """Fails unless a container has no items."""
        self.assertEqual(len(container), 0, msg)

    def assertNotEmpty(self, container: Any, msg: Any = None) -> None:
        """Fails unless a container has items."""
        self.assertGreater(len(container), 0, msg)

    def assertBetween(self, value: Any, minv: Any, maxv: Any, msg: Any = None) -> None:
        """Fails unless a value lies between two, or is one of them."""
        self.assertTrue(minv <= value <= maxv, f"{value!r} is not between {minv!r} and {maxv!r}. {msg or ''}")

    def assertSameElements(self, expected_seq: Any, actual_seq: Any, msg: Any = None) -> None:
        """Fails unless two containers have the same items, however often."""
        self.assertEqual(set(expected_seq), set(actual_seq), msg)

    def assertContainsSubset(self, expected_subset: Any, actual_set: Any, msg: Any = None) -> None:
        """Fails unless all of some items are there."""
        absent = set(expected_subset) - set(actual_set)
        self.assertFalse(
            absent, f"Missing elements {absent}\nExpected: {expected_subset}\nActual: {actual_set} {msg or ''}"
        )


@public("test.main")
def main(argv: list[str] | None = None) -> None:
    """Runs the test cases of the script, and ends it."""
    unittest.main(argv=argv)
