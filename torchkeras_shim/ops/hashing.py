"""Hashes of texts and integers: the same numbers as TensorFlow's, on any device.

Texts are rows of a matrix of bytes. All arithmetic is that of unsigned 64-bit integers, written with torch's signed
ones: sums and products wrap round alike, and only shifts to the right and remainders differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.core.text import StringTensor

Tensor = torch.Tensor
#: A function from rows of bytes and their lengths to 64 bits each.
_Hash = Callable[[Tensor, Tensor], Tensor]


def _signed(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


_K0, _K1, _K2 = map(_signed, (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
_MURMUR = _signed(0xC6A4A7935BD1E995)
#: As many bytes are hashed in one go; longer texts are hashed block by block.
_BLOCK = 64
#: What an int64 needs, with its sign.
_DIGITS = 20


def fingerprint(values: Any) -> Tensor:
    """Returns FarmHash's fingerprint of each text or integer, as the 64 bits of an int64.

    Args:
        values: A `StringTensor`, or a tensor of integers or bools, which are hashed as they are written.

    Example:
        >>> fingerprint(StringTensor(["keras", "torch"])).shape
        torch.Size([2])
        >>> bool((fingerprint(torch.tensor([12])) == fingerprint(StringTensor(["12"]))).all())
        True
    """
    return _hashed(values, _farmhash)


def keyed_hash(values: Any, key: Sequence[int]) -> Tensor:
    """Returns the SipHash of each text or integer under a key of two numbers, as the 64 bits of an int64.

    Example:
        >>> one, other = (keyed_hash(StringTensor(["keras"]), key) for key in [(1, 2), (1, 3)])
        >>> bool((one == other).any())
        False
    """
    return _hashed(values, lambda rows, lengths: _siphash(rows, lengths, key))


def buckets(hashes: Tensor, count: int) -> Tensor:
    """Returns the remainder of hashes, read as unsigned numbers.

    Example:
        >>> buckets(torch.tensor([-1]), 10)  # the largest number of 64 bits ends in 5
        tensor([5])
    """
    if not 0 < count < 2**62:
        raise ValueError(f"There must be between 1 and 2**62 buckets. Received: {count}")
    return (((hashes >> 1) & (2**63 - 1)) % count * 2 + (hashes & 1)) % count


def combined(first: Any, second: Any) -> Tensor:
    """Returns a hash of two hashes in their order.

    Example:
        >>> one, other = torch.tensor([1]), torch.tensor([2])
        >>> bool((combined(one, other) == combined(other, one)).any())
        False
    """
    result = (first ^ _MURMUR) ^ (_mix(second * _MURMUR) * _MURMUR)
    return _mix(_mix(result * _MURMUR) * _MURMUR)


# Rows of bytes ------------------------------------------------------------------------------------------------------


def _hashed(values: Any, function: _Hash) -> Tensor:
    if isinstance(values, StringTensor):
        hashes = torch.zeros(values.shape, dtype=torch.int64).reshape(-1)
        for places, rows, lengths in _groups(np.asarray(values).reshape(-1)):
            hashes[places] = function(rows, lengths)
        return hashes.reshape(values.shape)
    if values.dtype is torch.bool:
        false, true = _hashed(StringTensor(["false", "true"]), function).to(values.device)
        return torch.where(values, true, false)
    rows, lengths = _written(values.reshape(-1).to(torch.int64))
    return function(rows, lengths).reshape(values.shape)


def _groups(texts: np.ndarray[Any, Any]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yields the places, bytes and lengths of texts that are about as long, so that none is padded much."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    sizes = np.maximum(lengths - 1, 0) // _BLOCK
    for size in np.unique(sizes):
        places = np.flatnonzero(sizes == size)
        width = _BLOCK * (int(size) + 1)
        rows = np.array(texts[places], dtype=f"S{width}").view(np.uint8).reshape(len(places), width)
        yield torch.from_numpy(places), torch.from_numpy(rows), torch.from_numpy(lengths[places])


def _written(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Returns integers in decimal, as rows of bytes with zeros behind them, and their lengths."""
    digits, rest = [], numbers
    for _ in range(_DIGITS - 1):
        quotient = rest.div(10, rounding_mode="trunc")
        digits.append((rest - quotient * 10).abs())
        rest = quotient
    backwards = torch.stack(digits, dim=1)  # the last digit first
    places = torch.arange(_DIGITS, device=numbers.device)
    count = torch.where(backwards != 0, places[1:], 1).amax(dim=1)
    negative = (numbers < 0).to(torch.int64)
    lengths = count + negative
    source = (lengths[:, None] - 1 - places).clamp(0, _DIGITS - 2)
    characters = backwards.gather(1, source) + ord("0")
    characters = torch.where((places == 0) & (negative[:, None] == 1), ord("-"), characters)
    return torch.where(places < lengths[:, None], characters, 0).to(torch.uint8), lengths


def _fetch(rows: Tensor, offset: Any, size: int = 8) -> Tensor:
    """Returns the integer of some bytes of each row; what lies outside of a row is not to be relied on."""
    places = torch.arange(size, device=rows.device)
    offset = offset[:, None] if isinstance(offset, torch.Tensor) else offset
    places = (places + offset).clamp(0, rows.shape[1] - 1).expand(len(rows), size)
    found: Tensor = rows.gather(1, places).view(torch.int64 if size == 8 else torch.int32)
    return found.squeeze(1).to(torch.int64)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """The shift to the right of an unsigned number."""
    return x.bitwise_right_shift(bits).bitwise_and(2 ** (64 - bits) - 1)


def _rotated(x: Tensor, bits: int) -> Tensor:
    return _shifted(x, bits) | (x << (64 - bits))


# FarmHash -----------------------------------------------------------------------------------------------------------


def _mix(x: Tensor) -> Tensor:
    return x ^ _shifted(x, 47)


def _pair(u: Tensor, v: Tensor, multiplier: Any) -> Tensor:
    a = _mix((u ^ v) * multiplier)
    return _mix((v ^ a) * multiplier).mul(multiplier)


def _farmhash(rows: Tensor, lengths: Tensor) -> Tensor:
    """The hash of rows that are all of one block, or all of the same number of blocks."""
    if rows.shape[1] > _BLOCK:
        return _of_blocks(rows, lengths)
    result = torch.where(lengths > 0, _up_to_3(rows, lengths), _K2)
    for least, function in ((4, _up_to_7), (8, _up_to_16), (17, _up_to_32), (33, _up_to_64)):
        if rows.shape[1] >= least:
            result = torch.where(lengths >= least, function(rows, lengths), result)
    return result


def _up_to_3(rows: Tensor, lengths: Tensor) -> Tensor:
    columns = torch.stack([torch.zeros_like(lengths), lengths >> 1, (lengths - 1).clamp(0)], dim=1)
    a, b, c = rows.gather(1, columns.clamp(max=rows.shape[1] - 1)).to(torch.int64).unbind(dim=1)
    return _mix((a + (b << 8)) * _K2 ^ (lengths + (c << 2)) * _K0) * _K2


def _up_to_7(rows: Tensor, lengths: Tensor) -> Tensor:
    low, high = (_fetch(rows, offset, 4) & 0xFFFFFFFF for offset in (0, lengths - 4))
    return _pair(lengths + (low << 3), high, lengths * 2 + _K2)


def _up_to_16(rows: Tensor, lengths: Tensor) -> Tensor:
    multiplier = lengths * 2 + _K2
    a, b = _fetch(rows, 0) + _K2, _fetch(rows, lengths - 8)
    return _pair(_rotated(b, 37) * multiplier + a, (_rotated(a, 25) + b) * multiplier, multiplier)


def _up_to_32(rows: Tensor, lengths: Tensor) -> Tensor:
    multiplier = lengths * 2 + _K2
    a, b = _fetch(rows, 0) * _K1, _fetch(rows, 8)
    c, d = _fetch(rows, lengths - 8) * multiplier, _fetch(rows, lengths - 16) * _K2
    return _pair(_rotated(a + b, 43) + _rotated(c, 30) + d, a + _rotated(b + _K2, 18) + c, multiplier)


def _up_to_64(rows: Tensor, lengths: Tensor) -> Tensor:
    multiplier = lengths * 2 + _K2
    a, b = _fetch(rows, 0) * _K2, _fetch(rows, 8)
    c, d = _fetch(rows, lengths - 8) * multiplier, _fetch(rows, lengths - 16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _pair(y, a + _rotated(b + _K2, 18) + c, multiplier)
    e, f = _fetch(rows, 16) * multiplier, _fetch(rows, 24)
    g, h = (y + _fetch(rows, lengths - 32)) * multiplier, (z + _fetch(rows, lengths - 24)) * multiplier
    return _pair(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, multiplier)


def _of_blocks(rows: Tensor, lengths: Tensor) -> Tensor:
    start = torch.zeros_like(lengths)
    x, y = start + 81, start + _signed(81 * _K1 + 113)
    z = _mix(y * _K2 + 113) * _K2
    v = w = (start, start)
    x = x * _K2 + _fetch(rows, 0)
    for block in range(rows.shape[1] // _BLOCK - 1):
        x, y, z, v, w = _round(rows, block * _BLOCK, x, y, z, v, w, _K1, last=False)
    multiplier = ((z & 0xFF) << 1) + _K1
    tail = w[0] + ((lengths - 1) & 63)
    v = (v[0] + tail, v[1])
    w = (tail + v[0], w[1])
    x, y, z, v, w = _round(rows, lengths - _BLOCK, x, y, z, v, w, multiplier, last=True)
    return _pair(_pair(v[0], w[0], multiplier) + _mix(y) * _K0 + z, _pair(v[1], w[1], multiplier) + x, multiplier)


def _round(
    rows: Tensor, at: Any, x: Tensor, y: Tensor, z: Tensor, v: Any, w: Any, multiplier: Any, *, last: bool
) -> tuple[Tensor, Tensor, Tensor, Any, Any]:
    """Takes one block in; the last one counts some of the state nine times."""
    times = 9 if last else 1
    x = _rotated(x + y + v[0] + _fetch(rows, at + 8), 37) * multiplier
    y = _rotated(y + v[1] + _fetch(rows, at + 48), 42) * multiplier
    x = x ^ (w[1] * times)
    y = y + v[0] * times + _fetch(rows, at + 40)
    z = _rotated(z + w[0], 33) * multiplier
    v = _weak(rows, at, v[1] * multiplier, x + w[0])
    w = _weak(rows, at + 32, z + w[1], y + _fetch(rows, at + 16))
    return z, y, x, v, w


def _weak(rows: Tensor, at: Any, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    first, second, third, fourth = (_fetch(rows, at + offset) for offset in (0, 8, 16, 24))
    a = a + first
    b = _rotated(b + a + fourth, 21)
    total = a + second + third
    return total + fourth, b + _rotated(total, 44) + a


# SipHash ------------------------------------------------------------------------------------------------------------


def _siphash(rows: Tensor, lengths: Tensor, key: Sequence[int]) -> Tensor:
    zero = torch.zeros_like(lengths)
    seeds = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = [zero + _signed(seed ^ (key[index % 2] & (2**64 - 1))) for index, seed in enumerate(seeds)]
    words = lengths >> 3
    padded = torch.nn.functional.pad(rows, (0, -rows.shape[1] % 8 + 8))
    for index in range(rows.shape[1] // 8):
        taken = _absorbed(state, _fetch(padded, index * 8))
        state = [torch.where(index < words, new, old) for new, old in zip(taken, state, strict=True)]
    state = _absorbed(state, _fetch(padded, words << 3) | (lengths << 56))
    state[2] = state[2] ^ 0xFF
    for _ in range(4):
        state = _sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _absorbed(state: list[Tensor], word: Tensor) -> list[Tensor]:
    state = [*state[:3], state[3] ^ word]
    for _ in range(2):
        state = _sip_round(*state)
    return [state[0] ^ word, *state[1:]]


def _sip_round(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> list[Tensor]:
    a, c = a + b, c + d
    b, d = _rotated(b, 51) ^ a, _rotated(d, 48) ^ c
    a, c = _rotated(a, 32) + d, c + b
    b, d = _rotated(b, 47) ^ c, _rotated(d, 43) ^ a
    return [a, b, _rotated(c, 32), d]
