"""What stands in for symbolic tensors while a call is run to learn its shapes: zeros, or tensors without memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core import dtypes, sharing
from torchkeras_shim.core.text import STRING, StringTensor

Shape = Sequence[int | None]

#: Sizes for unknown dimensions: primes, so that no product or quotient of other sizes is mistaken for them.
SIZES = (509, 521)
#: Sizes for an unknown batch of real zeros.
SMALL_SIZES = (2, 3)
#: Sizes that can be cut into equal parts of most numbers, for calls that fail with the others.
DIVISIBLE_SIZES = (5040, 10080)
SMALL_DIVISIBLE_SIZES = (12, 24)
#: What stands for an unknown dimension in the first run, in which layers are built.
FIRST_SIZES = (SIZES[0], SMALL_SIZES[0], DIVISIBLE_SIZES[0])
#: How many unknown dimensions, and choices of sizes for them, are gone through to find ones that fit.
_MOST_UNKNOWN = 4
_MOST_CHOICES = 200
#: How many elements per sample are few enough for zeros.
_FEW = 150_000
#: How many elements a run on zeros may come to, as far as its arguments say: a file can ask for any size.
_LARGEST = 1 << 27
_LARGEST_AXIS = 8


def tensor(shape: Shape, dtype: Any, device: torch.device | str, size: int = SMALL_SIZES[0]) -> Any:
    """Returns zeros, or on the meta device a tensor without data.

    Args:
        shape: The shape.
        dtype: The type. Texts have `size` words, because what is computed from their length is of no known size.
        device: Where it is.
        size: What stands for unknown dimensions.
    """
    sizes = [size if one is None else one for one in shape]
    if dtype == STRING:
        return StringTensor(np.full(sizes, " ".join(["a"] * size), dtype=object))
    make = torch.empty if str(device) == "meta" else torch.zeros
    return make(sizes, dtype=dtypes.to_torch_dtype(dtype), device=device)


def fitting(shapes: Sequence[Shape], numbers: Sequence[int]) -> Iterator[list[Shape]]:
    """Yields shapes in which some of the unknown dimensions have sizes that occur elsewhere, as few as possible first.

    Args:
        shapes: The shapes of the tensors of a call.
        numbers: Other numbers in the call.

    Example:
        >>> next(fitting([(None, 3), (3, None), (2,)], []))
        [(3, 3), (3, None), (2,)]
    """
    unknown = [(i, axis) for i, shape in enumerate(shapes) for axis, size in enumerate(shape) if size is None]
    known = dict.fromkeys(size for size in (*itertools.chain(*shapes), *numbers) if size and size > 1)
    choices = (
        zip(places, sizes, strict=True)
        for count in range(1, len(unknown) + 1)
        for places in itertools.combinations(unknown, count)
        for sizes in itertools.product(known, repeat=count)
    )
    for choice in itertools.islice(choices, _MOST_CHOICES if len(unknown) <= _MOST_UNKNOWN else 0):
        chosen = dict(choice)
        yield [tuple(chosen.get((i, axis), n) for axis, n in enumerate(shape)) for i, shape in enumerate(shapes)]


def are_cheap(shapes: Sequence[Shape], values: Sequence[Any]) -> bool:
    """Returns whether zeros can stand for tensors: they are small, and only their batch is unknown.

    Args:
        shapes: The shapes of the tensors.
        values: Whatever else the call is given: its numbers may say how large the result is.
    """
    elements = sorted(math.prod(size for size in shape if size is not None) for shape in shapes)
    return (
        all(None not in shape[1:] for shape in shapes)
        and sum(elements) <= _FEW
        and sum(elements) * _growth(values) <= _LARGEST
        # Two tensors make as many products as both have elements. A program of the user's own seldom does, and would
        # wait a second for the meta device.
        and (not sharing.is_reading() or math.prod(elements[-2:]) <= _LARGEST or len(elements) < 2)
    )


def are_few(shapes: Sequence[Shape]) -> bool:
    """Returns whether tensors have few elements even if the largest of the small sizes stands for what is unknown."""
    largest = SMALL_DIVISIBLE_SIZES[-1]
    return sum(math.prod(largest if size is None else size for size in shape) for shape in shapes) <= _FEW


def _growth(values: Sequence[Any]) -> int:
    """Returns by how much a result may be larger than what it is made of: the product of numbers that are no axis."""
    return math.prod(abs(value) for value in values if type(value) is int and abs(value) > _LARGEST_AXIS)
