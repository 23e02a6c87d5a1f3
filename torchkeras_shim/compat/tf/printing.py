"""`tf.print`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor


@public("print")
def print_(
    *inputs: Any,
    output_stream: Any = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    name: str | None = None,
) -> None:
    """Prints values as TensorFlow does: on the standard error stream, large tensors in part."""
    alone = inputs[0] if len(inputs) == 1 else None
    text = (
        alone.decode()
        if isinstance(alone, StringTensor) and not alone.ndim
        else sep.join(one if isinstance(one, str) and type(one) is str else as_text(one, summarize) for one in inputs)
    )
    if isinstance(output_stream, str) and output_stream.startswith("file://"):
        with open(output_stream[7:], "a", encoding="utf-8") as file:
            file.write(text + end)
        return
    print(text, end=end, file=output_stream or sys.stderr)


print_.__name__ = "print"


def as_text(value: Any, summarize: int) -> str:
    """Returns what TensorFlow prints of a value: tensors without commas, what is none as Python writes it.

    Args:
        value: A tensor, anything else, or a list, tuple or dict of such.
        summarize: How many items stay at either end of each dimension; -1 for all.
    """
    if isinstance(value, torch.Tensor):
        return _of_tensor(value, summarize)
    if isinstance(value, StringTensor):
        return str(value.decode()).replace("'", '"').replace(", ", " ") if value.ndim else f'"{value.decode()}"'
    if isinstance(value, RaggedTensor):
        return _of_rows(value.to_list(), summarize)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {as_text(one, summarize)}" for key, one in value.items()) + "}"
    if type(value) is list or type(value) is tuple:
        inside = ", ".join(as_text(one, summarize) for one in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return repr(value)


def _of_tensor(value: torch.Tensor, summarize: int) -> str:
    tensor = (value.to_dense() if value.layout == torch.sparse_coo else value).detach().cpu()
    array = (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()
    if not array.ndim:
        return _number(array[()])
    edge = int(array.size) if summarize == -1 else summarize
    threshold = 0 if array.size > 2 * edge else array.size + 1
    with np.printoptions(threshold=threshold, edgeitems=max(edge, 1)):
        return np.array2string(array, separator=" ", formatter={"all": _number})


def _of_rows(rows: Sequence[Any], summarize: int) -> str:
    items = [_of_rows(one, summarize) if isinstance(one, list) else _of_item(one) for one in rows]
    if summarize != -1 and len(items) > 2 * summarize:
        items = [*items[:summarize], "...", *items[-summarize:]]
    return f"[{', '.join(items)}]"


def _of_item(value: Any) -> str:
    return (
        repr(value.decode())
        if isinstance(value, bytes)
        else _number(np.float32(value))
        if isinstance(value, float)
        else str(value)
    )


def _number(value: Any) -> str:
    """Returns a number as TensorFlow writes it: with six digits, or as many as tell it from its neighbours."""
    if isinstance(value, np.bool_):
        return str(int(value))
    if not isinstance(value, np.floating):
        return str(value)
    return next(
        (text for text in (f"{value:.{digits}g}" for digits in (6, 9, 15, 17)) if type(value)(text) == value),
        str(value),
    )
