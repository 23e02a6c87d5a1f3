"""Operators of traced graphs under the names that people write."""

from __future__ import annotations

from collections.abc import Sequence

from torchkeras_shim.export.source.text import Call

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "mm": "@", "bmm": "@", "matmul": "@", "ne": "!=",
    "eq": "==", "ge": ">=", "gt": ">", "le": "<=", "lt": "<", "bitwise_and": "&", "bitwise_or": "|",
}  # fmt: skip
_RENAMED = {"view": "reshape", "_unsafe_view": "reshape", "sym_size": "size", "sym_numel": "numel", "_to_copy": "to"}
#: Methods of tensors with the operator's own arguments.
_METHODS = {
    "abs", "amax", "amin", "any", "argmax", "ceil", "clamp", "clamp_min", "clamp_max", "cos", "cumsum", "exp", "expand",
    "flip", "floor", "gather", "index_select", "log", "mean", "neg", "permute", "relu", "repeat", "round", "rsqrt",
    "select", "sigmoid", "sign", "sin", "softmax", "sqrt", "squeeze", "sum", "t", "tanh", "transpose", "unfold",
    "unsqueeze", "cumprod", "bitwise_not", "logical_not", "numel", "size", "reshape",
}  # fmt: skip
_FUNCTIONS = {"cat", "stack", "where", "maximum", "minimum", "atan2", "logical_and", "logical_or", "stft"}


def plainly(name: str, args: Sequence[str | Call], named: Sequence[str | Call]) -> str | Call | None:
    """Returns the call of `torch.ops.aten.<name>` as one would write it, or `None`.

    Example:
        >>> print(plainly("add", ["x", "1.0"], []), plainly("view", ["x", "(2, 3)"], []), plainly("erfinv", ["x"], []))
        x + 1.0 x.reshape((2, 3)) None
    """
    if name in _INFIX and len(args) == 2 and not named:
        return f"{args[0]}**{args[1]}" if name == "pow" else f"{args[0]} {_INFIX[name]} {args[1]}"
    if name == "clone":
        return Call(f"{args[0]}.clone", list(named))
    name = _RENAMED.get(name, name)
    if name == "to" or name in _METHODS:
        return Call(f"{args[0]}.{name}", [*args[1:], *named])
    return Call(f"torch.{name}", [*args, *named]) if name in _FUNCTIONS else None
