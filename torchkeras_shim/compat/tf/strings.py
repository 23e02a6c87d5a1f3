"""`tf.strings`: on arrays of bytes, by Python's own functions."""

from __future__ import annotations

import functools
import itertools
import re
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.printing import as_text
from torchkeras_shim.compat.tf.reductions import axes_of
from torchkeras_shim.compat.tf.tensors import convert, like
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.text import StringTensor, as_strings, scalar
from torchkeras_shim.ops.hashing import buckets, fingerprint, keyed_hash

#: The classes that RE2 takes from POSIX, as Python writes them inside brackets.
_POSIX = {
    b"alnum": rb"0-9A-Za-z",
    b"alpha": rb"A-Za-z",
    b"blank": rb"\t ",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"lower": rb"a-z",
    b"punct": re.escape(string.punctuation).encode(),
    b"space": rb"\t\n\v\f\r ",
    b"upper": rb"A-Z",
    b"word": rb"0-9A-Za-z_",
    b"xdigit": rb"0-9A-Fa-f",
}


def _mapped(function: Callable[[bytes], Any], value: Any) -> Any:
    """Applies a function from bytes to bytes to each string, in the structure of the value."""
    if isinstance(value, RaggedTensor):
        return value.with_values(_mapped(function, value.values))
    array = as_strings(value).numpy()
    if isinstance(array, bytes):
        return StringTensor.of_bytes(scalar(function(array)))
    flat = np.fromiter((function(one) for one in array.reshape(-1)), dtype=object, count=array.size)
    return StringTensor.of_bytes(flat.reshape(array.shape))


def _numbers(function: Callable[[bytes], Any], value: Any, dtype: torch.dtype) -> Any:
    """Applies a function from bytes to numbers to each string."""
    if isinstance(value, RaggedTensor):
        return value.with_values(_numbers(function, value.values, dtype))
    array = as_strings(value).numpy()
    if isinstance(array, bytes):
        return torch.tensor(function(array), dtype=dtype)
    return torch.tensor([function(one) for one in array.reshape(-1)], dtype=dtype).reshape(array.shape)


def _cased(value: Any, encoding: str, of_bytes: Callable[[bytes], bytes], of_text: Callable[[str], str]) -> Any:
    if encoding == "":
        return _mapped(of_bytes, value)
    if encoding != "utf-8":
        raise ValueError(f"`encoding` must be '' or 'utf-8'. Received: {encoding!r}")
    return _mapped(lambda one: of_text(one.decode("utf-8", "replace")).encode("utf-8"), value)


@tf_op("strings.lower")
def lower(input: Any, encoding: str = "") -> Any:
    """Small letters; of ASCII alone, unless `encoding="utf-8"`."""
    return _cased(input, encoding, bytes.lower, str.lower)


@tf_op("strings.upper")
def upper(input: Any, encoding: str = "") -> Any:
    """Capital letters; of ASCII alone, unless `encoding="utf-8"`."""
    return _cased(input, encoding, bytes.upper, str.upper)


@tf_op("strings.strip")
def strip(input: Any) -> Any:
    """Strings without white space at both ends."""
    return _mapped(bytes.strip, input)


@tf_op("strings.length")
def length(input: Any, unit: str = "BYTE") -> Any:
    """The number of bytes, or of characters with `unit="UTF8_CHAR"`."""
    if unit == "UTF8_CHAR":
        return _numbers(lambda one: len(one.decode("utf-8", "replace")), input, torch.int32)
    return _numbers(len, input, torch.int32)


@tf_op("strings.substr")
def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE") -> Any:
    """The part of each string from `pos`, as long as `len`."""
    value = as_strings(input)
    texts, starts, counts = np.broadcast_arrays(np.asarray(value), np.asarray(like(pos)), np.asarray(like(len)))

    def cut(text: bytes, start: int, count: int) -> bytes:
        letters: Any = text.decode("utf-8", "replace") if unit == "UTF8_CHAR" else text
        size = letters.__len__()
        if not -size <= start <= size:
            raise InvalidArgumentError(f"pos {start} out of range for string of length {size} [Op:Substr]")
        begin = start % size if start < 0 else start
        part = letters[begin : begin + max(count, 0)]
        return part.encode("utf-8") if isinstance(part, str) else part

    flat = [
        cut(text, int(start), int(count))
        for text, start, count in zip(texts.reshape(-1), starts.reshape(-1), counts.reshape(-1), strict=True)
    ]
    return StringTensor(np.fromiter(flat, dtype=object, count=flat.__len__()).reshape(texts.shape))


@functools.cache
def _pattern(pattern: bytes) -> re.Pattern[bytes]:
    """Compiles a pattern of RE2 by Python's rules."""
    translated = re.sub(rb"\[:(\w+):\]", lambda found: _POSIX.get(found[1], found[0]), pattern)
    translated = translated.replace(rb"\z", rb"\Z")
    try:
        return re.compile(translated)
    except re.error as error:
        raise InvalidArgumentError(f"Invalid pattern: {pattern.decode()}, error: {error}") from error


def _as_bytes(value: Any) -> bytes:
    found = as_strings(value).numpy()
    if not isinstance(found, bytes):
        raise InvalidArgumentError(f"Expected one string. Received: {value!r}")
    return found


@tf_op("strings.regex_replace")
def regex_replace(input: Any, pattern: Any, rewrite: Any, replace_global: bool = True) -> Any:
    r"""Strings with what matches a pattern replaced; `\1` in the rewrite is the first group, `\0` the whole match."""
    compiled = _pattern(_as_bytes(pattern))
    template = re.sub(rb"\\(\d)", rb"\\g<\1>", _as_bytes(rewrite))
    return _mapped(lambda one: compiled.sub(template, one, 0 if replace_global else 1), input)


@tf_op("strings.regex_full_match")
def regex_full_match(input: Any, pattern: Any) -> Any:
    """Whether each string matches a pattern as a whole."""
    compiled = _pattern(_as_bytes(pattern))
    return _numbers(lambda one: compiled.fullmatch(one) is not None, input, torch.bool)


def _rows(value: Any, cut: Callable[[bytes], list[Any]], dtype: str = "string") -> Any:
    """A list of strings, or of numbers, for each string: a vector for a scalar, a ragged tensor for others."""
    if isinstance(value, RaggedTensor):
        return value.with_values(_rows(value.values, cut, dtype))
    array = as_strings(value).numpy()
    if isinstance(array, bytes):
        row = RaggedTensor.from_rows([cut(array)], dtype=dtype)
        return row.values
    found: Any = RaggedTensor.from_rows([cut(one) for one in array.reshape(-1)], dtype=dtype)
    for axis in range(array.ndim - 1, 0, -1):
        rows = int(np.prod(array.shape[:axis]))
        found = RaggedTensor.from_uniform_row_length(found, array.shape[axis], rows)
    return found


@tf_op("strings.split")
def split(input: Any, sep: Any = None, maxsplit: int = -1) -> Any:
    """The parts of each string: between white space, of which nothing is kept, or between separators."""
    separator = None if sep is None else _as_bytes(sep)
    return _rows(input, lambda one: one.split(separator or None, maxsplit))


@tf_op("strings.bytes_split")
def bytes_split(input: Any) -> Any:
    """The bytes of each string."""
    return _rows(input, lambda one: [one[at : at + 1] for at in range(len(one))])


@tf_op("strings.unicode_split")
def unicode_split(
    input: Any, input_encoding: str = "UTF-8", errors: str = "replace", replacement_char: int = 65533
) -> Any:
    """The characters of each string."""
    return _rows(input, lambda one: [letter.encode("utf-8") for letter in one.decode(input_encoding, errors)])


@tf_op("strings.unicode_decode")
def unicode_decode(
    input: Any,
    input_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    replace_control_characters: bool = False,
) -> Any:
    """The numbers of each string's characters."""
    return _rows(input, lambda one: [ord(letter) for letter in one.decode(input_encoding, errors)], "int32")


@tf_op("strings.unicode_split_with_offsets")
def unicode_split_with_offsets(
    input: Any, input_encoding: str = "UTF-8", errors: str = "replace", replacement_char: int = 65533
) -> Any:
    """The characters of each string, and at which of its bytes each begins."""
    return unicode_split(input, input_encoding, errors, replacement_char), _offsets(input, input_encoding, errors)


@tf_op("strings.unicode_decode_with_offsets")
def unicode_decode_with_offsets(
    input: Any, input_encoding: str, errors: str = "replace", replacement_char: int = 65533
) -> Any:
    """The numbers of each string's characters, and at which of its bytes each begins."""
    return unicode_decode(input, input_encoding, errors, replacement_char), _offsets(input, input_encoding, errors)


def _offsets(input: Any, encoding: str, errors: str) -> Any:
    def cut(one: bytes) -> list[int]:
        sizes = [len(letter.encode(encoding, errors)) for letter in one.decode(encoding, errors)]
        return [0, *itertools.accumulate(sizes[:-1])] if sizes else []

    return _rows(input, cut, "int64")


@tf_op("strings.unsorted_segment_join")
def unsorted_segment_join(inputs: Any, segment_ids: Any, num_segments: Any, separator: str = "") -> Any:
    """The strings of each segment, joined.

    Raises:
        InvalidArgumentError: If a segment is negative or too large.
    """
    found: list[list[bytes]] = [[] for _ in range(int(num_segments))]
    texts, ids = as_strings(inputs).reshape(-1).tolist(), like(segment_ids).reshape(-1).tolist()
    for text, place in zip(texts, ids, strict=True):
        if not 0 <= place < len(found):
            raise InvalidArgumentError(f"Segment id {place} is not in [0, {len(found)}).")
        found[place].append(text)
    return as_strings([separator.encode().join(one) for one in found])


@tf_op("strings.unicode_encode")
def unicode_encode(input: Any, output_encoding: str, errors: str = "replace", replacement_char: int = 65533) -> Any:
    """Strings of the characters with the given numbers."""
    if isinstance(input, RaggedTensor) and input.ragged_rank > 1:
        return input.with_values(unicode_encode(input.values, output_encoding, errors, replacement_char))
    rows = input.to_list() if isinstance(input, RaggedTensor) else like(input).tolist()
    if rows and isinstance(rows[0], list):
        return as_strings(["".join(map(chr, row)).encode(output_encoding) for row in rows])
    return StringTensor.of_bytes(scalar("".join(map(chr, rows)).encode(output_encoding)))


@tf_op("strings.unicode_transcode")
def unicode_transcode(
    input: Any,
    input_encoding: str,
    output_encoding: str,
    errors: str = "replace",
    replacement_char: int = 65533,
    replace_control_characters: bool = False,
) -> Any:
    """Strings in another encoding."""
    return _mapped(lambda one: one.decode(input_encoding, errors).encode(output_encoding, errors), input)


@tf_op("strings.join")
def join(inputs: Sequence[Any], separator: str = "") -> Any:
    """Strings put together elementwise."""
    parts = np.broadcast_arrays(*[np.asarray(as_strings(one)) for one in inputs])
    glue = separator.encode()
    flat = [glue.join(row) for row in zip(*[part.reshape(-1) for part in parts], strict=True)]
    return StringTensor(np.fromiter(flat, dtype=object, count=len(flat)).reshape(parts[0].shape))


@tf_op("strings.reduce_join")
def reduce_join(inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "") -> Any:
    """Strings put together along axes."""
    glue = separator.encode()
    if isinstance(inputs, RaggedTensor):
        axes = sorted(axes_of(axis, inputs.ndim), reverse=True)
        if keepdims:
            raise NotImplementedError("keepdims=True of ragged strings is not supported. Write tf.expand_dims.")
        for one in axes:
            inputs = _joined_rows(inputs, one, glue)
        return inputs
    array = np.asarray(as_strings(inputs))
    for one in sorted(axes_of(axis, array.ndim), reverse=True):
        array = np.apply_along_axis(lambda row: np.array([glue.join(row)], dtype=object), one, array)
        array = array if keepdims else array.squeeze(one)
    return StringTensor(array)


def _joined_rows(inputs: Any, axis: int, glue: bytes) -> Any:
    """Returns ragged strings put together along one axis."""
    if not isinstance(inputs, RaggedTensor):
        return reduce_join(inputs, axis, separator=glue.decode())
    if axis > 1:
        return inputs.with_values(_joined_rows(inputs.values, axis - 1, glue))
    if isinstance(inputs.values, RaggedTensor):
        raise NotImplementedError("Join the innermost ragged axis of strings first: axis=-1.")
    rows = inputs.to_list()
    if axis == 0:
        rows = [[one for one in column if one is not None] for column in itertools.zip_longest(*rows)]
    return as_strings([glue.join(row) for row in rows])


def _buckets(hashes: Callable[[Any], Any], input: Any, num_buckets: Any) -> Any:
    if isinstance(input, RaggedTensor):
        return input.with_values(_buckets(hashes, input.values, num_buckets))
    texts = as_strings(input)
    return buckets(hashes(texts.reshape(-1)), int(num_buckets)).reshape(texts.shape)


@tf_op("strings.to_hash_bucket_fast")
def to_hash_bucket_fast(input: Any, num_buckets: Any) -> Any:
    """A number below `num_buckets` for each string, by FarmHash."""
    return _buckets(fingerprint, input, num_buckets)


@tf_op("strings.to_hash_bucket_strong")
def to_hash_bucket_strong(input: Any, num_buckets: Any, key: Sequence[int]) -> Any:
    """A number below `num_buckets` for each string, by SipHash with a key."""
    return _buckets(lambda texts: keyed_hash(texts, key), input, num_buckets)


@tf_op("strings.to_number")
def to_number(input: Any, out_type: Any = "float32") -> Any:
    """The numbers that strings spell."""
    wanted = as_dtype(out_type)

    def read(one: bytes) -> Any:
        try:
            return int(one) if wanted.is_integer else float(one)
        except ValueError as error:
            raise InvalidArgumentError(
                f"StringToNumberOp could not correctly convert string: {one.decode('utf-8', 'replace')}"
            ) from error

    return _numbers(read, input, wanted.torch_dtype)


@tf_op("strings.as_string")
def as_string(
    input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False, width: int = -1, fill: str = ""
) -> Any:
    """Numbers as strings: floats with six digits after the point unless `precision` says otherwise."""
    x = convert(input)
    if isinstance(x, StringTensor):
        return x
    digits = f".{precision}" if precision >= 0 else ""
    kind = f"{digits}{'g' if shortest else 'e' if scientific else 'f'}" if x.is_floating_point() else ""
    texts = (str(one).lower() if x.dtype == torch.bool else format(one, kind) for one in x.reshape(-1).tolist())
    flat = [text.rjust(max(width, 0), fill or " ").encode() for text in texts]
    return StringTensor(np.fromiter(flat, dtype=object, count=len(flat)).reshape(tuple(x.shape)))


@public("as_string")
def _as_string(input: Any, *args: Any, **kwargs: Any) -> Any:
    """As `tf.strings.as_string`."""
    return as_string(input, *args, **kwargs)


def _quoted(value: Any, summarize: int) -> str:
    return as_text(as_strings(value) if isinstance(value, (str, bytes)) else value, summarize)


@tf_op("strings.format")
def format_(template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3) -> Any:
    """A template with values in it."""
    values = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    parts = template.split(placeholder)
    if len(parts) - 1 != len(values):
        raise ValueError(
            f"{len(parts) - 1} placeholder(s) in template does not match {len(values)} tensor(s) provided as input"
        )
    filled = "".join(
        itertools.chain.from_iterable(zip(parts, [*(_quoted(one, summarize) for one in values), ""], strict=True))
    )
    return StringTensor.of_bytes(scalar(filled.encode()))


@tf_op("strings.ngrams")
def ngrams(
    data: Any,
    ngram_width: Any,
    separator: str = " ",
    pad_values: Any = None,
    padding_width: int | None = None,
    preserve_short_sequences: bool = False,
) -> Any:
    """The runs of neighbours in each row, joined."""
    if isinstance(data, RaggedTensor) and data.ragged_rank > 1:
        inner = ngrams(data.values, ngram_width, separator, pad_values, padding_width, preserve_short_sequences)
        return data.with_values(inner)
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    ragged = isinstance(data, RaggedTensor)
    rows = data.to_list() if ragged else as_strings(data).tolist()
    single = bool(rows) and isinstance(rows[0], bytes)
    glue = separator.encode()
    both = (pad_values, pad_values) if isinstance(pad_values, (str, bytes)) else pad_values
    pads = None if both is None else [one if isinstance(one, bytes) else one.encode() for one in both]

    def of_row(row: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        for width in widths:
            padded = row
            if pads is not None:
                count = width - 1 if padding_width is None else min(padding_width, width - 1)
                padded = [pads[0]] * count + row + [pads[1]] * count
            found += [glue.join(padded[at : at + width]) for at in range(len(padded) - width + 1)]
        return [glue.join(row)] if preserve_short_sequences and not found and row else found

    if single:
        return as_strings(of_row(rows))
    result = [of_row(row) for row in rows]
    return RaggedTensor.from_rows(result, dtype="string")


format_.__name__ = "format"
