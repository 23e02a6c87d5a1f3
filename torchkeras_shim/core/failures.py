"""What is done if torch refuses a call: it is computed in a wider type, or gets an error of the type that Keras has."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes, tree
from torchkeras_shim.core.errors import AxisError, TensorError

#: Unsigned integers of more than 8 bits have next to no arithmetic; half precision has no linear algebra.
_WIDER = {
    torch.uint16: torch.int64,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
}
#: What torch says if a kernel is missing, beside its `NotImplementedError`s.
_MISSING = ("Promotion for uint16", "Low precision dtypes not supported")
#: What torch says of an axis that a tensor does not have.
_NO_SUCH_AXIS = re.compile(r"Dimension out of range \(expected to be in range of \[-\d+, (-?\d+)\], but got (-?\d+)\)")
_NO_AXES = re.compile(r"Dimension specified as (-?\d+) but tensor has no dimensions")


def recover(function: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> Any:
    """Returns what a function that failed returns in a wider type, or raises the error that says what was wrong.

    Args:
        function: A function of tensors.
        args: Its arguments.
        kwargs: Its keyword arguments.
        error: What it raised, an IndexError or RuntimeError.

    Raises:
        InvalidArgumentError: If torch says that the arguments do not fit.
        Exception: If it is anything else, as it was.

    Example:
        >>> x = torch.tensor([1, 2], dtype=torch.uint16)
        >>> recover(torch.sort, (x,), {"descending": True}, NotImplementedError()).values
        tensor([2, 1], dtype=torch.uint16)
    """
    types = _narrow_types(args, kwargs) if _says_missing(error) else ()
    if not types or any(map(_is_too_large, tree.flatten([args, kwargs]))):
        explained = of_arguments(error)
        if explained is error:
            raise error
        raise explained from None

    narrow, wide = types[-1], _WIDER[types[-1]]

    def widened(leaf: Any) -> Any:
        if _type_of(leaf) not in types:
            return leaf
        return leaf.to(wide) if isinstance(leaf, torch.Tensor) else leaf.astype(dtypes.NAMES[wide])

    def narrowed(leaf: Any) -> Any:
        return leaf.to(narrow) if isinstance(leaf, torch.Tensor) and leaf.dtype == wide else leaf

    wide_args, wide_kwargs = tree.map_structure(widened, [list(args), kwargs])
    return tree.map_structure(narrowed, function(*wide_args, **wide_kwargs))


def of_arguments(error: Exception) -> Exception:
    """Returns the error for arguments that do not fit, or the given one if it is about anything else.

    Example:
        >>> of_arguments(IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 3)"))
        AxisError('axis 3 is out of bounds for an array with dimension 1. Expected an axis from -1 to 0.')
    """
    if type(error) is IndexError:
        found = _NO_SUCH_AXIS.match(str(error))
        if found is not None:
            last, axis = (int(group) for group in found.groups())
            return AxisError(
                f"axis {axis} is out of bounds for an array with dimension {last + 1}. "
                f"Expected an axis from {-last - 1} to {last}."
            )
        found = _NO_AXES.match(str(error))
        return error if found is None else AxisError(f"axis {found[1]} is out of bounds for a scalar.")
    if type(error) is RuntimeError and _is_torch_s(error):
        return TensorError(*error.args).with_traceback(error.__traceback__)
    return error


def _says_missing(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or any(text in str(error) for text in _MISSING)


def _narrow_types(args: Any, kwargs: Any) -> Sequence[torch.dtype]:
    """Returns the types among the arguments for which one wider type can stand, the widest of them last."""
    types = {_type_of(leaf) for leaf in tree.flatten([args, kwargs])}
    narrow = sorted((dtype for dtype in _WIDER if dtype in types), key=lambda dtype: dtype.itemsize)
    wide = {_WIDER[dtype] for dtype in narrow}
    return narrow if len(wide) == 1 and not wide & types else ()


def _is_too_large(leaf: Any) -> bool:
    """Returns whether an unsigned tensor of 64 bits has values that no signed one holds."""
    if _type_of(leaf) is not torch.uint64:
        return False
    return bool((torch.as_tensor(leaf).view(torch.int64) < 0).any())


def _type_of(leaf: Any) -> torch.dtype | None:
    if isinstance(leaf, torch.Tensor):
        return leaf.dtype
    return dtypes.TORCH_DTYPES.get(leaf.dtype.name) if isinstance(leaf, (np.ndarray, np.generic)) else None


def _is_torch_s(error: Exception) -> bool:
    """Returns whether torch itself raised an error about arguments, not a function of the user's or a device."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    module = "" if place is None else str(place.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in ("torch", "torchkeras_shim") and not str(error).startswith(("CUDA", "cuDNN"))
