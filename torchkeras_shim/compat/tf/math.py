"""`tf.math`, elementwise: on one tensor, and on two of one type."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch

from torchkeras_shim.compat.tf.api import tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.errors import UnimplementedError
from torchkeras_shim.compat.tf.tensors import like, together
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor
from torchkeras_shim.core.text import StringTensor


class _Rounded(torch.autograd.Function):
    """Rounds half to even; no gradient goes through, as in TensorFlow."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> None:
        return None


def _sign(x: torch.Tensor) -> torch.Tensor:
    return torch.sgn(x) if x.is_complex() else torch.sign(x)


#: Functions of one tensor that torch has as TensorFlow does, by their names below `tf`.
_UNARY: dict[tuple[str, ...], Callable[[torch.Tensor], torch.Tensor]] = {
    ("abs", "math.abs"): torch.abs,
    ("negative", "math.negative"): torch.neg,
    ("sign", "math.sign"): _sign,
    ("exp", "math.exp"): torch.exp,
    ("math.expm1",): torch.expm1,
    ("math.log",): torch.log,
    ("math.log1p",): torch.log1p,
    ("sqrt", "math.sqrt"): torch.sqrt,
    ("math.rsqrt",): torch.rsqrt,
    ("square", "math.square"): torch.square,
    ("sin", "math.sin"): torch.sin,
    ("cos", "math.cos"): torch.cos,
    ("tan", "math.tan"): torch.tan,
    ("asin", "math.asin"): torch.asin,
    ("acos", "math.acos"): torch.acos,
    ("atan", "math.atan"): torch.atan,
    ("sinh", "math.sinh"): torch.sinh,
    ("cosh", "math.cosh"): torch.cosh,
    ("asinh", "math.asinh"): torch.asinh,
    ("acosh", "math.acosh"): torch.acosh,
    ("atanh", "math.atanh"): torch.atanh,
    ("floor", "math.floor"): torch.floor,
    ("math.ceil",): torch.ceil,
    ("round", "math.round"): _Rounded.apply,
    ("math.rint",): _Rounded.apply,
    ("math.erf",): torch.erf,
    ("math.erfc",): torch.erfc,
    ("math.erfinv",): torch.erfinv,
    ("math.erfcinv",): lambda x: torch.erfinv(1 - x),
    ("math.ndtri",): torch.special.ndtri,
    ("math.lgamma",): torch.lgamma,
    ("math.digamma",): torch.digamma,
    ("math.reciprocal",): torch.reciprocal,
    ("math.is_nan",): torch.isnan,
    ("math.is_inf",): torch.isinf,
    ("math.is_finite",): torch.isfinite,
    ("math.is_non_decreasing",): lambda x: (x.reshape(-1).diff() >= 0).all(),
    ("math.is_strictly_increasing",): lambda x: (x.reshape(-1).diff() > 0).all(),
    ("logical_not", "math.logical_not"): torch.logical_not,
    ("math.conj",): torch.conj_physical,
    ("math.angle",): torch.angle,
    ("math.reciprocal_no_nan",): lambda x: torch.where(x == 0, torch.zeros_like(x), 1 / x),
    ("math.special.bessel_j0",): torch.special.bessel_j0,
    ("math.special.bessel_j1",): torch.special.bessel_j1,
    ("math.special.bessel_y0",): torch.special.bessel_y0,
    ("math.special.bessel_y1",): torch.special.bessel_y1,
    ("math.special.bessel_k0",): torch.special.modified_bessel_k0,
    ("math.special.bessel_k1",): torch.special.modified_bessel_k1,
    ("math.special.bessel_k0e",): torch.special.scaled_modified_bessel_k0,
    ("math.special.bessel_k1e",): torch.special.scaled_modified_bessel_k1,
    ("math.bessel_i0", "math.special.bessel_i0"): torch.special.i0,
    ("math.bessel_i0e", "math.special.bessel_i0e"): torch.special.i0e,
    ("math.bessel_i1", "math.special.bessel_i1"): torch.special.i1,
    ("math.bessel_i1e", "math.special.bessel_i1e"): torch.special.i1e,
    ("bitwise.invert",): torch.bitwise_not,
}


@tf_op("ragged.map_flat_values")
def on_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function makes of the values of ragged tensors, in the same rows."""
    ragged = [one for one in (*args, *kwargs.values()) if isinstance(one, RaggedTensor)]
    if not ragged:
        return op(*args, **kwargs)

    def flat(value: Any) -> Any:
        return value.flat_values if isinstance(value, RaggedTensor) else value

    values = op(*map(flat, args), **{key: flat(value) for key, value in kwargs.items()})
    return ragged[0].with_flat_values(values)


#: Functions of one tensor that TensorFlow has for sparse ones, too: they leave zeros zero.
_OF_SPARSE = ("abs", "negative", "sign", "square", "sqrt", "sin", "tan", "tanh", "round", "expm1", "log1p", "asinh")


def _unary(names: tuple[str, ...], function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    def call(x: Any) -> Any:
        x = like(x)
        if isinstance(x, SparseTensor) and call.__name__ in _OF_SPARSE:
            return x.with_values(function(x.values))
        return on_flat_values(function, x) if isinstance(x, RaggedTensor) else function(x)

    call.__name__ = names[0].rpartition(".")[2]
    call.__doc__ = f"TensorFlow's `tf.{names[0]}`, elementwise."
    tf_op(*names)(call)


for _names, _function in _UNARY.items():
    _unary(_names, _function)


def _real_part(x: Any) -> Any:
    x = like(x)
    return x.real if x.is_complex() else x


tf_op("math.real")(_real_part)


@tf_op("math.imag")
def imag(input: Any) -> Any:
    """The imaginary part; zeros of a real tensor."""
    x = like(input)
    return x.imag if x.is_complex() else torch.zeros_like(x)


def _divide(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """TensorFlow's `/`: of integers it is float64, of the smallest ones float32."""
    if x.is_floating_point() or x.is_complex():
        return torch.true_divide(x, y)
    wanted = torch.float32 if x.dtype in (torch.int8, torch.int16, torch.uint8, torch.uint16) else torch.float64
    return torch.true_divide(x.to(wanted), y.to(wanted))


def _no_nan(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    safe = torch.where(y == 0, torch.ones_like(y), y)
    return torch.where(y == 0, torch.zeros_like(x), x / safe)


def _multiply_no_nan(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.where(y == 0, torch.zeros_like(x), torch.where(y == 0, torch.zeros_like(x), x) * y)


#: Functions of two tensors of one type: TensorFlow's name of the operation, then torch's function.
_BINARY: dict[tuple[str, ...], tuple[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = {
    ("subtract", "math.subtract"): ("Sub", torch.subtract),
    ("multiply", "math.multiply"): ("Mul", torch.multiply),
    ("divide", "math.divide", "truediv", "math.truediv", "realdiv"): ("RealDiv", _divide),
    ("math.floordiv", "floordiv"): ("FloorDiv", torch.floor_divide),
    ("math.mod", "math.floormod"): ("FloorMod", torch.remainder),
    ("truncatediv",): ("TruncateDiv", lambda x, y: torch.div(x, y, rounding_mode="trunc")),
    ("truncatemod",): ("TruncateMod", torch.fmod),
    ("pow", "math.pow"): ("Pow", torch.pow),
    ("math.atan2", "atan2"): ("Atan2", torch.atan2),
    ("math.squared_difference",): ("SquaredDifference", lambda x, y: torch.square(x - y)),
    ("math.divide_no_nan",): ("DivNoNan", _no_nan),
    ("math.multiply_no_nan",): ("MulNoNan", _multiply_no_nan),
    ("math.xdivy",): ("Xdivy", lambda x, y: torch.where(x == 0, torch.zeros_like(x), x / y)),
    ("math.xlogy",): ("Xlogy", torch.special.xlogy),
    ("math.xlog1py",): ("Xlog1py", torch.special.xlog1py),
    ("math.nextafter",): ("NextAfter", torch.nextafter),
    ("math.zeta",): ("Zeta", torch.special.zeta),
    ("math.polygamma",): ("Polygamma", lambda a, x: torch.special.polygamma(int(a.reshape(-1)[0]), x)),
    ("math.igamma",): ("Igamma", torch.special.gammainc),
    ("math.igammac",): ("Igammac", torch.special.gammaincc),
    ("less", "math.less"): ("Less", torch.lt),
    ("less_equal", "math.less_equal"): ("LessEqual", torch.le),
    ("greater", "math.greater"): ("Greater", torch.gt),
    ("greater_equal", "math.greater_equal"): ("GreaterEqual", torch.ge),
    ("logical_and", "math.logical_and"): ("LogicalAnd", torch.logical_and),
    ("logical_or", "math.logical_or"): ("LogicalOr", torch.logical_or),
    ("math.logical_xor",): ("LogicalXor", torch.logical_xor),
    ("bitwise.bitwise_and",): ("BitwiseAnd", torch.bitwise_and),
    ("bitwise.bitwise_or",): ("BitwiseOr", torch.bitwise_or),
    ("bitwise.bitwise_xor",): ("BitwiseXor", torch.bitwise_xor),
    ("bitwise.left_shift",): ("LeftShift", torch.bitwise_left_shift),
    ("bitwise.right_shift",): ("RightShift", torch.bitwise_right_shift),
}


def _binary(names: tuple[str, ...], operation: str, function: Callable[..., torch.Tensor]) -> None:
    def call(x: Any, y: Any) -> Any:
        return function(*together(operation, x, y))

    call.__name__ = names[0].rpartition(".")[2]
    call.__doc__ = f"TensorFlow's `tf.{names[0]}`, elementwise on two tensors of one type."
    tf_op(*names)(call)


for _names, (_operation, _of_two) in _BINARY.items():
    _binary(_names, _operation, _of_two)


@tf_op("add", "math.add")
def add(x: Any, y: Any) -> Any:
    """The sum of two tensors of one type; strings are joined."""
    x, y = together("AddV2", x, y)
    return x + y


@tf_op("maximum", "math.maximum")
def maximum(x: Any, y: Any) -> Any:
    """The larger of two tensors, elementwise; where they are equal, the first one gets the gradient."""
    x, y = together("Maximum", x, y)
    if not x.is_floating_point():
        return torch.maximum(x, y)
    return torch.where((x >= y) | torch.isnan(x), x, y)


@tf_op("minimum", "math.minimum")
def minimum(x: Any, y: Any) -> Any:
    """The smaller of two tensors, elementwise; where they are equal, the first one gets the gradient."""
    x, y = together("Minimum", x, y)
    if not x.is_floating_point():
        return torch.minimum(x, y)
    return torch.where((x <= y) | torch.isnan(x), x, y)


def _equality(operation: str, x: Any, y: Any, function: Callable[..., Any]) -> Any:
    x, y = together(operation, x, y)
    return function(x, y)


@tf_op("equal", "math.equal")
def equal(x: Any, y: Any) -> Any:
    """Whether two tensors of one type are equal, elementwise."""
    return _equality("Equal", x, y, operator.eq)


@tf_op("not_equal", "math.not_equal")
def not_equal(x: Any, y: Any) -> Any:
    """Whether two tensors of one type differ, elementwise."""
    return _equality("NotEqual", x, y, operator.ne)


@tf_op("cast", "dtypes.cast")
def cast(x: Any, dtype: Any) -> Any:
    """A tensor in another type: floats are cut to integers toward zero.

    Raises:
        UnimplementedError: For strings; `tf.strings.to_number` reads them.
    """
    wanted = as_dtype(dtype)
    x = like(x)
    if isinstance(x, RaggedTensor):
        return on_flat_values(lambda values: cast(values, wanted), x)
    if isinstance(x, SparseTensor):
        return x.with_values(cast(x.values, wanted))
    if isinstance(x, StringTensor):
        if wanted == "string":
            return x
        raise UnimplementedError("Cast string to numbers is not supported. Write tf.strings.to_number(x).")
    if x.is_floating_point() and wanted.is_integer and wanted.size < 4:
        return x.to(torch.int32).to(wanted.torch_dtype)  # wraps, as TensorFlow does
    return x.to(wanted.torch_dtype)


@tf_op("saturate_cast", "dtypes.saturate_cast")
def saturate_cast(value: Any, dtype: Any) -> Any:
    """A tensor in another type, with what it cannot hold at its limits."""
    x, wanted = like(value), as_dtype(dtype)
    low, high = wanted.min, wanted.max
    return torch.clamp(
        x, min=low.item() if hasattr(low, "item") else low, max=high.item() if hasattr(high, "item") else high
    ).to(wanted.torch_dtype)


@tf_op("complex", "dtypes.complex")
def complex(real: Any, imag: Any) -> Any:
    """The complex tensor of a real and an imaginary part."""
    return torch.complex(*together("Complex", real, imag))


@tf_op("bitcast")
def bitcast(input: Any, type: Any) -> Any:
    """The same bits as another type."""
    return like(input).view(as_dtype(type).torch_dtype)


@tf_op("add_n", "math.add_n", "math.accumulate_n")
def add_n(inputs: Sequence[Any]) -> Any:
    """The sum of a list of tensors of one type and shape."""
    if isinstance(inputs, torch.Tensor):
        return inputs
    tensors = together("AddN", *inputs)
    if any(one.shape != tensors[0].shape for one in tensors):
        raise InvalidArgumentError(
            f"Inputs to operation AddN must have the same size and shape: {[tuple(one.shape) for one in tensors]}"
        )
    total = tensors[0]
    for one in tensors[1:]:
        total = total + one
    return total


@tf_op("scalar_mul", "math.scalar_mul")
def scalar_mul(scalar: Any, x: Any) -> Any:
    """A tensor times a number."""
    x, scalar = together("Mul", x, scalar)
    return scalar * x


@tf_op("clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    """A tensor with what lies outside two bounds set to them."""
    t, low, high = together("ClipByValue", like(t), clip_value_min, clip_value_max)
    # Not torch.clamp, whose gradient on a bound that is a tensor is shared with the bound.
    return torch.where(t < low, low, torch.where(t > high, high, t))


@tf_op("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Any:
    """A tensor scaled down to a norm, along axes or as a whole."""
    t = like(t)
    axis = None if axes is None else tuple(axes) if isinstance(axes, (list, tuple)) else (axes,)
    squares = torch.sum(t * t, dim=axis if axis is not None else tuple(range(t.ndim)), keepdim=True)
    norm = torch.where(squares > 0, torch.sqrt(torch.where(squares > 0, squares, torch.ones_like(squares))), squares)
    return t * clip_norm / torch.clamp(norm, min=float(clip_norm))


@tf_op("linalg.global_norm")
def global_norm(t_list: Sequence[Any]) -> Any:
    """The norm of all tensors of a list together; `None`s are left out."""
    squares = [torch.sum(like(t) * like(t)) for t in t_list if t is not None]
    return torch.sqrt(torch.stack(squares).sum())


@tf_op("clip_by_global_norm")
def clip_by_global_norm(t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None) -> Any:
    """All tensors of a list scaled by one factor, so that together they have at most a norm; and that norm."""
    norm = global_norm(t_list) if use_norm is None else like(use_norm)
    clip = torch.as_tensor(clip_norm, dtype=norm.dtype, device=norm.device)
    scale = clip * torch.minimum(1.0 / norm, 1.0 / clip)
    scale = torch.where(torch.isfinite(norm), scale, torch.full_like(scale, float("nan")))
    return [None if t is None else like(t) * scale for t in t_list], norm


@tf_op("math.polyval")
def polyval(coeffs: Sequence[Any], x: Any) -> Any:
    """A polynomial, the highest power first."""
    x = like(x)
    result = torch.zeros_like(x)
    for one in coeffs:
        result = result * x + like(one).to(x.dtype)
    return result


@tf_op("math.lbeta")
def lbeta(x: Any) -> Any:
    """The logarithm of the beta function along the last axis."""
    x = like(x)
    return torch.lgamma(x).sum(-1) - torch.lgamma(x.sum(-1))
