"""Scripts run statement by statement: what each expression gives, what is printed, which error is raised."""

import ast
import contextlib
import os
import sys
import tempfile

import numpy as np
import torch


def run(tf, source):
    """Returns what each statement of a script gives, and prints, if it does, as plain data."""
    names, found = {"tf": tf, "np": np, "__name__": "fragment"}, []
    for statement in ast.parse(source).body:
        with captured() as printed:
            result = _result(tf, statement, names)
        found.append([result, printed[0]] if printed[0] else [result])
    return found


def statements(source):
    """Returns the statements of a script."""
    return [ast.unparse(one) for one in ast.parse(source).body]


def _result(tf, statement, names):
    try:
        if isinstance(statement, ast.Expr):
            return plain(tf, eval(compile(ast.Expression(statement.value), "fragment", "eval"), names))
        exec(compile(ast.Module([statement], []), "fragment", "exec"), names)
    except Exception as error:
        return ["raises", type(error).__name__]


def plain(tf, value):
    """Returns a value as plain data: of a tensor its kind, type, shape and values."""
    if isinstance(value, (tf.DType, torch.dtype)):
        return ["type", tf.as_dtype(value).name]
    if value is None or isinstance(value, (bool, str, bytes)):
        return repr(value)
    if isinstance(value, (tf.TensorShape, torch.Size)):
        return ["shape", None if value.rank is None else [None if one is None else int(one) for one in value]]
    if isinstance(value, (np.ndarray, np.generic)):
        return ["number" if isinstance(value, np.generic) else "array", *_array(value)]
    if hasattr(value, "row_splits"):
        return ["ragged", plain(tf, value.to_list())]
    if hasattr(value, "dense_shape"):
        return ["sparse", *(plain(tf, one) for one in (value.indices, value.values, value.dense_shape))]
    if hasattr(value, "numpy") and hasattr(value, "dtype"):
        array = np.asarray(value.numpy())
        return ["tensor", *_array(array)]
    if isinstance(value, (int, float)):
        return _item(value)
    if isinstance(value, dict):
        return {str(key): plain(tf, one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(tf, one) for one in value]
    return ["object"]


def _array(array):
    array = np.asarray(array)
    values = array.astype(complex if array.dtype.kind == "c" else float if array.dtype.kind in "fV" else array.dtype)
    flat = values.ravel().tolist()
    if array.dtype.kind == "c":
        flat = [[_item(one.real), _item(one.imag)] for one in flat]
    kind = "float32" if array.dtype.name == "bfloat16" else array.dtype.name
    return [kind, list(array.shape), [_item(one) for one in flat]]


def _item(value):
    """Returns an item that can be kept: of a number five digits, which is more than is compared."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (bytes, str)):
        return repr(value)
    return float(f"{value:.5g}") if isinstance(value, float) else value


@contextlib.contextmanager
def captured():
    """What is printed inside the block, by Python or by TensorFlow's own code, as the one item of a list."""
    printed = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        sys.stdout.flush()
        kept = [os.dup(1), os.dup(2)]
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        try:
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                yield printed
        finally:
            for number, old in zip((1, 2), kept, strict=True):
                os.dup2(old, number)
                os.close(old)
            file.seek(0)
            printed.append(file.read())


def assert_same(found, expected, where):
    """Compares plain data: numbers with a tolerance, all else exactly."""
    if isinstance(expected, (list, tuple)):
        assert isinstance(found, (list, tuple)), (where, found, expected)
        assert len(found) == len(expected), (where, found, expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other, where)
    elif isinstance(expected, dict):
        assert list(found) == list(expected), (where, found, expected)
        for key in expected:
            assert_same(found[key], expected[key], where)
    elif isinstance(expected, float) and isinstance(found, (int, float)):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5, err_msg=str(where))
    else:
        assert found == expected, (where, found, expected)
