"""One call compared with real Keras's: values, shape and type of every result."""

from __future__ import annotations

import numpy as np
import torch

from tests.parity.oracle import assert_close, keras, to_numpy
from torchkeras_shim import ops
from torchkeras_shim.core import dtypes, symbolic
from torchkeras_shim.core.symbolic import KerasTensor, is_symbolic

NAN, INF = float("nan"), float("inf")
#: JAX has no 64-bit types by default; TensorFlow has, and then types must be equal.
NARROW = {"int64": "int32", "float64": "float32", "uint64": "uint32"} if keras.backend.backend() != "tensorflow" else {}
ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def f(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def a(values, dtype):
    return np.array(values, dtype=dtype)


def first_of_each(cases):
    """Tells which cases to compare with real Keras: all on TensorFlow, the first two of each function on JAX.

    JAX compiles seconds for every case of some functions. The others are checked symbolically there, and on TensorFlow.
    """
    seen, chosen = {}, []
    for name, *_ in cases:
        seen[name] = seen.get(name, 0) + 1
        chosen.append(ON_TENSORFLOW or seen[name] <= 2)
    return chosen


def leaves(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


def find(name, module):
    for part in name.split("."):
        module = getattr(module, part)
    return module


def check(name, *args, rtol=2e-5, atol=2e-6, **kwargs):
    ours = leaves(find(name, ops)(*args, **kwargs))
    theirs = leaves(find(name, keras.ops)(*args, **kwargs))
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs, strict=True):
        if not isinstance(mine, torch.Tensor):
            assert mine == expected
            continue
        assert tuple(mine.shape) == tuple(expected.shape)
        our_dtype, their_dtype = dtypes.standardize_dtype(mine.dtype), keras.backend.standardize_dtype(expected.dtype)
        assert NARROW.get(our_dtype, our_dtype) == NARROW.get(their_dtype, their_dtype)
        half = their_dtype in ("float16", "bfloat16")
        assert_close(
            to_numpy(mine.float() if half else mine),
            np.asarray(expected, dtype="float32" if half else None),
            rtol=1e-2 if half else rtol,
            atol=atol,
        )


def check_symbolic(name, *args, **kwargs):
    """Compares a symbolic result with a real one, both from zeros and from torch's meta device.

    On the meta device it also finds arguments left on the CPU, which would not be allowed there.
    """

    def spec(value):
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], np.ndarray):
            return type(value)(spec(item) for item in value)
        return KerasTensor(value.shape, value.dtype.name) if isinstance(value, np.ndarray) and value.ndim else value

    arguments = [spec(value) for value in args]
    assert is_symbolic(arguments)
    function = find(name, ops)
    real = leaves(function(*args, **kwargs))
    on_meta = symbolic.infer(function.__wrapped__, tuple(arguments), kwargs, device="meta")
    for static in (leaves(function(*arguments, **kwargs)), leaves(on_meta)):
        for expected, mine in zip(real, static, strict=True):
            assert (tuple(expected.shape), dtypes.standardize_dtype(expected.dtype)) == (mine.shape, mine.dtype)
