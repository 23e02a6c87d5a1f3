"""`vectorize`: a function of scalars or small tensors becomes one of whole tensors."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection
from typing import Any

import torch

from torchkeras_shim.core.symbolic import is_symbolic, record
from torchkeras_shim.ops.promotion import as_tensor, device_of

__all__ = ["vectorize"]

_ARGUMENT = r"\([^()]*\)"
_SIGNATURE = re.compile(f"^{_ARGUMENT}(,{_ARGUMENT})*->{_ARGUMENT}(,{_ARGUMENT})*$")


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Collection[int | str] | None = None, signature: str | None = None
) -> Callable[..., Any]:
    """Makes a function that applies another one along all leading axes of its arguments, which broadcast.

    The function is called once, under `torch.vmap`: it must not read values as Python numbers.

    Args:
        pyfunc: A function of scalar tensors, or of tensors as the signature tells.
        excluded: Positions and names of arguments that are passed on as they are.
        signature: The axes that `pyfunc` sees, such as `"(m,n),(n)->(m)"`.

    Raises:
        ValueError: If `pyfunc` is not a function or the signature makes no sense.

    Example:
        >>> vectorize(lambda a, b: a + b)([1, 2, 3], 10)
        tensor([11, 12, 13], dtype=torch.int32)
    """
    if not callable(pyfunc):
        raise ValueError(f"Expected argument `pyfunc` to be a callable. Received: pyfunc={pyfunc!r}")
    left_out = set(excluded or ())
    ins, outs = _parse(signature) if signature is not None else (None, None)

    def run(*args: Any, **kwargs: Any) -> Any:
        mapped: list[Any] = [i for i in range(len(args)) if i not in left_out and args[i] is not None]
        named = [key for key in kwargs if key not in left_out]
        if ins is not None and (named or len(mapped) != len(ins)):
            raise TypeError(
                f"wrong number of positional arguments: expected {len(ins)} for signature={signature!r}, "
                f"got {len(mapped)} and the keywords {named}"
            )
        device = device_of(*args, *kwargs.values())
        tensors = [as_tensor(args[i], device=device) for i in mapped] + [
            as_tensor(kwargs[k], device=device) for k in named
        ]
        core = [len(axes) for axes in ins] if ins is not None else [0] * len(tensors)
        sizes = _core_sizes(tensors, ins) if ins is not None else {}

        def on_slices(*slices: torch.Tensor) -> Any:
            full, extra = list(args), dict(kwargs)
            for place, value in zip([*mapped, *named], slices, strict=True):
                if isinstance(place, int):
                    full[place] = value
                else:
                    extra[place] = value
            result = pyfunc(*full, **extra)
            if outs is not None:
                _check_outputs(result, outs, sizes)
            return result

        batch = torch.broadcast_shapes(  # type: ignore[no-untyped-call]
            *(t.shape[: t.dim() - n] for t, n in zip(tensors, core, strict=True))
        )
        if not batch:
            return on_slices(*tensors)
        flat = [
            t.expand(*batch, *t.shape[t.dim() - n :]).reshape(-1, *t.shape[t.dim() - n :])
            for t, n in zip(tensors, core, strict=True)
        ]
        result = torch.vmap(on_slices, randomness="different")(*flat)
        if isinstance(result, (list, tuple)):
            return tuple(one.reshape(*batch, *one.shape[1:]) for one in result)
        return result.reshape(*batch, *result.shape[1:])

    @functools.wraps(pyfunc)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args) or is_symbolic(kwargs):
            return record(run, args, kwargs)
        return run(*args, **kwargs)

    return call


def _parse(signature: str) -> tuple[list[list[str]], list[list[str]]]:
    compact = signature.replace(" ", "")
    if not _SIGNATURE.match(compact):
        raise ValueError(f"not a valid gufunc signature: {signature!r}. Expected something like '(m,n),(n)->(m)'.")
    sides = [re.findall(_ARGUMENT, side) for side in compact.split("->")]
    ins, outs = ([[axis for axis in one[1:-1].split(",") if axis] for one in side] for side in sides)
    return ins, outs


def _core_sizes(tensors: list[torch.Tensor], ins: list[list[str]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for tensor, axes in zip(tensors, ins, strict=True):
        if tensor.dim() < len(axes):
            raise ValueError(
                f"An argument of shape {tuple(tensor.shape)} lacks some of the axes {axes} of the signature."
            )
        for axis, size in zip(axes, tensor.shape[tensor.dim() - len(axes) :], strict=True):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(f"inconsistent size for core dimension {axis!r}: {size} vs {sizes[axis]}")
    return sizes


def _check_outputs(result: Any, outs: list[list[str]], sizes: dict[str, int]) -> None:
    results = list(result) if isinstance(result, (list, tuple)) else [result]
    if len(results) != len(outs):
        raise TypeError(f"wrong number of output arguments: expected {len(outs)}, got {len(results)}")
    for one, axes in zip(results, outs, strict=True):
        expected = [sizes.get(axis) for axis in axes]
        fits = one.dim() == len(axes) and all(e in (None, n) for e, n in zip(expected, one.shape, strict=True))
        if not fits:
            raise ValueError(f"output shape {tuple(one.shape)} does not match the core dimensions {axes} = {expected}")
