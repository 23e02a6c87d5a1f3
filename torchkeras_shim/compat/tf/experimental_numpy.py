"""`tf.experimental.numpy`: numpy's functions on tensors, with numpy's types and promotion, and with gradients."""

# ruff: noqa: SIM905 - long lists of names read better as words
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import NAMES, refuse, tf_op
from torchkeras_shim.compat.tf.dtypes import DType, as_dtype
from torchkeras_shim.compat.tf.shapes import Shape, TensorShape, as_sizes
from torchkeras_shim.core.device import default_device
from torchkeras_shim.core.dtypes import standardize_dtype

_PREFIX = "experimental.numpy"


def _array(value: Any, dtype: Any = None) -> Any:
    """Returns a value as a tensor of numpy's type for it: Python's floats are float64, its integers int64."""
    if not isinstance(value, torch.Tensor):
        if isinstance(value, (Shape, TensorShape)):
            value = as_sizes(value)
        if isinstance(value, (list, tuple)) and any(isinstance(one, torch.Tensor) for one in value):
            value = torch.stack(_together(*value))
        else:
            value = torch.from_numpy(np.array(value)).to(default_device())
    return value if dtype is None else value.to(as_dtype(dtype).torch_dtype)


def _together(*values: Any) -> Any:
    """Returns operands as tensors of the type to which numpy promotes them."""
    tensors = [_array(one) for one in values]
    wanted = np.result_type(*(standardize_dtype(one.dtype) for one in tensors))
    return [one.to(as_dtype(wanted).torch_dtype) for one in tensors]


def _float(value: Any) -> Any:
    x = _array(value)
    return x if x.is_floating_point() or x.is_complex() else x.to(torch.float64)


def _define(name: str, function: Callable[..., Any]) -> None:
    tf_op(f"{_PREFIX}.{name}")(function)


def _axes(axis: Any) -> Any:
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


#: Functions of one tensor by what they do to integers: they become floats, or stay.
_OF_FLOATS = (
    "sin cos tan sinh cosh tanh sqrt exp exp2 expm1 log log2 log10 log1p deg2rad rad2deg sinc reciprocal "
).split()
_ALIASES = {
    "arcsin": torch.asin,
    "arccos": torch.acos,
    "arctan": torch.atan,
    "arcsinh": torch.asinh,
    "arccosh": torch.acosh,
    "arctanh": torch.atanh,
}
_OF_ANY = {
    **{
        name: getattr(torch, name)
        for name in ("abs negative positive square sign isnan isinf isfinite isposinf ").split()
    },
    **{name: getattr(torch, name) for name in ("isneginf signbit logical_not bitwise_not trace ravel ").split()},
    "absolute": torch.abs,
    "fabs": lambda x: _float(x).abs(),
    "cbrt": lambda x: _float(x).sign() * _float(x).abs().pow(1 / 3),
    "ceil": lambda x: _float(x).ceil(),
    "floor": lambda x: _float(x).floor(),
    "fix": lambda x: _float(x).trunc(),
    "real": lambda x: x.real if x.is_complex() else x,
    "imag": lambda x: x.imag if x.is_complex() else torch.zeros_like(x),
    "conj": torch.conj_physical,
    "flipud": torch.flipud,
    "fliplr": torch.fliplr,
    "atleast_1d": torch.atleast_1d,
    "atleast_2d": torch.atleast_2d,
}
_OF_TWO = {
    name: getattr(torch, name)
    for name in (
        "add subtract multiply maximum minimum remainder floor_divide outer kron less less_equal greater greater_equal "
        "not_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor gcd lcm "
    ).split()
} | {
    "outer": lambda a, b: torch.outer(a.reshape(-1), b.reshape(-1)),
    "equal": torch.eq,
    "mod": torch.remainder,
    "power": torch.pow,
    "matmul": torch.matmul,
    "divide": torch.true_divide,
    "true_divide": torch.true_divide,
    "arctan2": torch.atan2,
    "hypot": torch.hypot,
    "logaddexp": torch.logaddexp,
    "heaviside": torch.heaviside,
    "float_power": torch.pow,
}
_TO_FLOATS = ("divide", "true_divide", "arctan2", "hypot", "logaddexp", "heaviside", "float_power")


def _make_elementwise() -> None:
    for name, function in {**{one: getattr(torch, one) for one in _OF_FLOATS}, **_ALIASES}.items():

        def of_floats(x: Any, _function: Any = function) -> Any:
            return _function(_float(x))

        _define(name, of_floats)
    for name, function in _OF_ANY.items():

        def of_any(x: Any, _function: Any = function) -> Any:
            return _function(_array(x))

        _define(name, of_any)
    for name, function in _OF_TWO.items():

        def of_two(x1: Any, x2: Any, _function: Any = function, _floats: bool = name in _TO_FLOATS) -> Any:
            a, b = _together(x1, x2)
            if _floats and not (a.is_floating_point() or a.is_complex()):
                a, b = a.to(torch.float64), b.to(torch.float64)
            return _function(a, b)

        _define(name, of_two)


_make_elementwise()


def _make_reductions() -> None:
    def whole(x: torch.Tensor) -> torch.Tensor:
        """Integers are summed in int64, as numpy does."""
        return x if x.is_floating_point() or x.is_complex() else x.long()

    functions: dict[str, Callable[..., Any]] = {
        "sum": lambda x, axes: whole(x).sum(axes),
        "mean": lambda x, axes: _float(x).mean(axes),
        "max": lambda x, axes: x.amax(axes),
        "min": lambda x, axes: x.amin(axes),
        "std": lambda x, axes: _float(x).std(axes, correction=0),
        "var": lambda x, axes: _float(x).var(axes, correction=0),
        "all": lambda x, axes: x.bool().all(axes),
        "any": lambda x, axes: x.bool().any(axes),
        "nansum": lambda x, axes: torch.nansum(whole(x), axes),
        "nanmean": lambda x, axes: torch.nanmean(_float(x), axes),
        "count_nonzero": lambda x, axes: (x != 0).sum(axes),
        "ptp": lambda x, axes: x.amax(axes) - x.amin(axes),
    }
    functions["amax"], functions["amin"] = functions["max"], functions["min"]
    for name, function in functions.items():

        def reduce(a: Any, axis: Any = None, keepdims: bool = False, _function: Any = function) -> Any:
            x = _array(a)
            axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
            result = _function(x, axes) if axes else _function(x.reshape(1), (0,))
            if keepdims:
                for one in sorted(at % x.ndim for at in axes):
                    result = result.unsqueeze(one)
            return result

        _define(name, reduce)


_make_reductions()


@tf_op(f"{_PREFIX}.prod")
def prod(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The product, along one axis or of everything."""
    x = _array(a)
    return torch.prod(x) if axis is None else torch.prod(x, axis, keepdims)


@tf_op(f"{_PREFIX}.array")
def array(val: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0) -> Any:
    """A value as a tensor."""
    x = _array(val, dtype)
    if copy and x is val:
        x = x.clone()
    return x.reshape([1] * max(ndmin - x.ndim, 0) + list(x.shape))


@tf_op(f"{_PREFIX}.asarray", f"{_PREFIX}.asanyarray", f"{_PREFIX}.ascontiguousarray")
def asarray(a: Any, dtype: Any = None) -> Any:
    """A value as a tensor."""
    return _array(a, dtype)


@tf_op(f"{_PREFIX}.copy")
def copy(a: Any) -> Any:
    """A tensor of its own."""
    return _array(a).clone()


def _made(*names: str) -> None:
    """Enters functions of numpy that make an array from no array: what they give becomes a tensor."""
    for name in names:
        numpys = getattr(np, name)

        def make(*args: Any, _numpys: Any = numpys, dtype: Any = None, **kwargs: Any) -> Any:
            plain = [as_sizes(one) if isinstance(one, (Shape, TensorShape)) else one for one in args]
            plain = [one.tolist() if isinstance(one, torch.Tensor) else one for one in plain]
            plain = [one.as_numpy_dtype if isinstance(one, DType) else one for one in plain]
            return _array(_numpys(*plain, **kwargs), dtype)

        _define(name, make)


_made("zeros", "ones", "empty", "eye", "identity", "arange", "linspace", "logspace", "geomspace", "tri")


@tf_op(f"{_PREFIX}.full")
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor with one value."""
    value = _array(fill_value, dtype)
    return value.broadcast_to(as_sizes(shape)).clone()


def _make_likes() -> None:
    for name in ("zeros_like", "ones_like", "empty_like"):
        function = getattr(torch, name)

        def like(a: Any, dtype: Any = None, _function: Any = function) -> Any:
            return _function(_array(a, dtype))

        _define(name, like)


_make_likes()


@tf_op(f"{_PREFIX}.full_like")
def full_like(a: Any, fill_value: Any, dtype: Any = None) -> Any:
    """A tensor of the shape and type of another, with one value."""
    x = _array(a, dtype)
    return _array(fill_value).to(x.dtype).broadcast_to(x.shape).clone()


def _make_arrays() -> None:
    functions: dict[str, Callable[..., Any]] = {
        "reshape": lambda a, newshape, order="C": _array(a).reshape(as_sizes(newshape)),
        "transpose": lambda a, axes=None: _array(a).permute(axes or tuple(range(_array(a).ndim))[::-1]),
        "expand_dims": lambda a, axis: _array(a).unsqueeze(axis),
        "squeeze": lambda a, axis=None: _array(a).squeeze() if axis is None else _array(a).squeeze(axis),
        "swapaxes": lambda a, axis1, axis2: _array(a).swapaxes(axis1, axis2),
        "moveaxis": lambda a, source, destination: torch.movedim(_array(a), source, destination),
        "broadcast_to": lambda array, shape: _array(array).broadcast_to(as_sizes(shape)),
        "flip": lambda m, axis=None: torch.flip(
            _array(m), (axis,) if isinstance(axis, int) else tuple(axis or range(_array(m).ndim))
        ),
        "roll": lambda a, shift, axis=None: torch.roll(_array(a), shift, axis),
        "rot90": lambda m, k=1, axes=(0, 1): torch.rot90(_array(m), k, axes),
        "tile": lambda a, reps: torch.tile(_array(a), (reps,) if isinstance(reps, int) else tuple(reps)),
        "repeat": lambda a, repeats, axis=None: torch.repeat_interleave(
            _array(a), repeats if isinstance(repeats, int) else _array(repeats), axis
        ),
        "diag": lambda v, k=0: torch.diag(_array(v), k),
        "diagonal": lambda a, offset=0, axis1=0, axis2=1: torch.diagonal(_array(a), offset, axis1, axis2),
        "tril": lambda m, k=0: torch.tril(_array(m), k),
        "triu": lambda m, k=0: torch.triu(_array(m), k),
        "concatenate": lambda arys, axis=0: torch.cat(_together(*arys), axis),
        "stack": lambda arrays, axis=0: torch.stack(_together(*arrays), axis),
        "vstack": lambda tup: torch.vstack(_together(*tup)),
        "hstack": lambda tup: torch.hstack(_together(*tup)),
        "dstack": lambda tup: torch.dstack(_together(*tup)),
        "append": lambda arr, values, axis=None: torch.cat(
            [one.reshape(-1) for one in _together(arr, values)] if axis is None else _together(arr, values), axis or 0
        ),
        "split": lambda ary, indices_or_sections, axis=0: list(
            torch.tensor_split(_array(ary), indices_or_sections, axis)
        ),
        "take": lambda a, indices, axis=None: (
            _array(a).reshape(-1)[_array(indices).long()]
            if axis is None
            else torch.movedim(torch.movedim(_array(a), axis, 0)[_array(indices).long()], 0, axis)
        ),
        "take_along_axis": lambda arr, indices, axis: torch.take_along_dim(_array(arr), _array(indices).long(), axis),
        "where": _where,
        "clip": lambda a, a_min, a_max: torch.clamp(_array(a), a_min, a_max),
        "nonzero": lambda a: torch.nonzero(_array(a), as_tuple=True),
        "argmax": lambda a, axis=None: torch.argmax(_array(a), axis),
        "argmin": lambda a, axis=None: torch.argmin(_array(a), axis),
        "argsort": lambda a, axis=-1: torch.argsort(_array(a), dim=axis, stable=True),
        "sort": lambda a, axis=-1: torch.sort(_array(a), dim=axis, stable=True).values,
        "cumsum": lambda a, axis=None: torch.cumsum(
            *((_array(a).reshape(-1), 0) if axis is None else (_array(a), axis))
        ),
        "cumprod": lambda a, axis=None: torch.cumprod(
            *((_array(a).reshape(-1), 0) if axis is None else (_array(a), axis))
        ),
        "diff": lambda a, n=1, axis=-1: torch.diff(_array(a), n, axis),
        "dot": _dot,
        "inner": lambda a, b: torch.inner(*_together(a, b)),
        "vdot": lambda a, b: torch.vdot(*(one.reshape(-1) for one in _together(a, b))),
        "tensordot": _tensordot,
        "einsum": lambda subscripts, *operands: torch.einsum(subscripts, *_together(*operands)),
        "meshgrid": lambda *xi, indexing="xy": list(torch.meshgrid(*map(_array, xi), indexing=indexing)),
        "round": lambda a, decimals=0: torch.round(_array(a), decimals=decimals),
        "around": lambda a, decimals=0: torch.round(_array(a), decimals=decimals),
        "isclose": _isclose,
        "allclose": lambda a, b, rtol=1e-5, atol=1e-8: _isclose(a, b, rtol, atol).all(),
        "array_equal": lambda a1, a2: torch.tensor(torch.equal(*_together(a1, a2))),
        "shape": lambda a: tuple(_array(a).shape),
        "ndim": lambda a: _array(a).ndim,
        "size": lambda x, axis=None: _array(x).numel() if axis is None else _array(x).shape[axis],
        "average": _average,
        "pad": _pad,
        "cross": lambda a, b, axis=-1: torch.linalg.cross(*_together(a, b), dim=axis),
    }
    for name, function in functions.items():
        _define(name, function)


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return torch.nonzero(_array(condition), as_tuple=True)
    return torch.where(_array(condition).bool(), *_together(x, y))


def _dot(a: Any, b: Any) -> Any:
    a, b = _together(a, b)
    if not a.ndim or not b.ndim:
        return a * b
    return torch.tensordot(a, b, dims=([-1], [-1 if b.ndim == 1 else -2]))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = _together(a, b)
    return torch.tensordot(a, b, dims=axes)


def _isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    a, b = _together(a, b)
    return torch.isclose(a, b, rtol=rtol, atol=atol)


def _average(a: Any, axis: int | None = None, weights: Any = None) -> Any:
    x = _float(a)
    if weights is None:
        return x.mean() if axis is None else x.mean(axis)
    x, w = _together(x, weights)
    if axis is not None and w.ndim == 1 and x.ndim > 1:
        w = w.reshape([-1 if at == axis % x.ndim else 1 for at in range(x.ndim)]).expand_as(x)
    return (x * w).sum() / w.sum() if axis is None else (x * w).sum(axis) / w.sum(axis)


def _pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    pad: Any = NAMES["pad"]
    x = _array(array)
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    return pad(x, widths, mode.upper(), constant_values)


_make_arrays()

NAMES[f"{_PREFIX}.ndarray"] = NAMES["Tensor"]
for _name in ("pi", "e", "inf", "newaxis", "finfo", "iinfo", "issubdtype", "isscalar", "promote_types"):
    NAMES[f"{_PREFIX}.{_name}"] = getattr(np, _name)
for _name in ("bool_", "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "complex64"):
    NAMES[f"{_PREFIX}.{_name}"] = getattr(np, _name)


@tf_op(f"{_PREFIX}.random.seed")
def seed(s: int) -> None:
    """Starts the random numbers from a seed."""
    NAMES["random.set_seed"](s)


def _make_random() -> None:
    def drawn(kind: str) -> Callable[..., Any]:
        def draw(*shape: Any) -> Any:
            sizes = [int(one) for one in shape]
            return NAMES[f"random.{kind}"](sizes, dtype="float64")

        return draw

    _define("random.rand", drawn("uniform"))
    _define("random.randn", drawn("normal"))
    _define("random.random", lambda size=(): NAMES["random.uniform"](_sizes(size), dtype="float64"))
    _define("random.standard_normal", lambda size=(): NAMES["random.normal"](_sizes(size), dtype="float64"))
    _define(
        "random.uniform",
        lambda low=0.0, high=1.0, size=(): NAMES["random.uniform"](_sizes(size), low, high, dtype="float64"),
    )
    _define(
        "random.randint",
        lambda low, high=None, size=(): NAMES["random.uniform"](
            _sizes(size), *((0, low) if high is None else (low, high)), dtype="int64"
        ),
    )


def _sizes(size: Any) -> list[int]:
    return [size] if isinstance(size, int) else list(size or ())


_make_random()

refuse(
    "Delete the line: tensors have torch's methods (`x.reshape`, `x.T`, `x.sum`), and operators promote types.",
    f"{_PREFIX}.experimental_enable_numpy_behavior",
)
refuse("Write the function of torch or of `keras.ops` for it.", _PREFIX)
