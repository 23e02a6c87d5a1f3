"""`tf.io`: files, records, CSV, and what `tf.train.Example` holds."""

from __future__ import annotations

import base64
import csv
import glob
import gzip
import io as python_io
import os
import shutil
import zlib
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchkeras_shim.compat.tf.api import public, tf_op
from torchkeras_shim.compat.tf.decoding import one_text, text
from torchkeras_shim.compat.tf.dtypes import as_dtype
from torchkeras_shim.compat.tf.errors import NotFoundError
from torchkeras_shim.compat.tf.example import Example, Feature, SequenceExample
from torchkeras_shim.compat.tf.shapes import as_sizes
from torchkeras_shim.compat.tf.tensors import convert
from torchkeras_shim.core.errors import InvalidArgumentError
from torchkeras_shim.core.ragged import RaggedTensor
from torchkeras_shim.core.sparse import SparseTensor, stacked
from torchkeras_shim.core.text import StringTensor, as_strings


def as_path(value: Any) -> str:
    """Returns the name of a file, from a tensor, bytes, text or a path."""
    return os.fsdecode(value if isinstance(value, os.PathLike) else one_text(value))


@tf_op("io.read_file")
def read_file(filename: Any) -> Any:
    """The bytes of a file, as one string."""
    path = as_path(filename)
    try:
        return text(Path(path).read_bytes())
    except FileNotFoundError as error:
        raise NotFoundError(f"NewRandomAccessFile failed to open: {path}; No such file or directory") from error


@tf_op("io.write_file")
def write_file(filename: Any, contents: Any) -> None:
    """Writes one string into a file, whose folder is made."""
    path = Path(as_path(filename))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(one_text(contents))


@tf_op("io.matching_files")
def matching_files(pattern: Any) -> Any:
    """The names of the files that match patterns, sorted."""
    patterns = np.asarray(as_strings(pattern)).reshape(-1)
    return as_strings(sorted(name for one in patterns for name in glob.glob(os.fsdecode(one))))


@tf_op("io.decode_raw")
def decode_raw(input_bytes: Any, out_type: Any, little_endian: bool = True, fixed_length: int | None = None) -> Any:
    """The numbers whose bytes strings hold."""
    kind = np.dtype(as_dtype(out_type).name).newbyteorder("<" if little_endian else ">")

    def read(one: bytes) -> np.ndarray:
        one = one if fixed_length is None else one[:fixed_length].ljust(fixed_length, b"\0")
        if len(one) % kind.itemsize:
            raise InvalidArgumentError(
                f"Input to DecodeRaw has length {len(one)} that is not a multiple of "
                f"{kind.itemsize}, the size of {kind.name}"
            )
        return np.frombuffer(one, kind).astype(kind.newbyteorder("="))

    array = as_strings(input_bytes).numpy()
    if isinstance(array, bytes):
        return torch.from_numpy(read(array))
    rows = [read(one) for one in array.reshape(-1)]
    if len({len(row) for row in rows}) > 1:
        raise InvalidArgumentError("DecodeRaw requires input strings to all be the same size. Pass fixed_length=.")
    return torch.from_numpy(np.stack(rows).reshape(*array.shape, -1))


@tf_op("io.decode_compressed")
def decode_compressed(bytes: Any, compression_type: str = "") -> Any:
    """A string without its compression."""
    undo: dict[str, Callable[[Any], Any]] = {"": lambda one: one, "ZLIB": zlib.decompress, "GZIP": gzip.decompress}
    return text(undo[compression_type](one_text(bytes)))


@tf_op("io.encode_base64")
def encode_base64(input: Any, pad: bool = False) -> Any:
    """Strings in base 64, safe in addresses."""
    encoded = [base64.urlsafe_b64encode(one) for one in np.asarray(as_strings(input)).reshape(-1)]
    return as_strings([one if pad else one.rstrip(b"=") for one in encoded]).reshape(as_strings(input).shape)


@tf_op("io.decode_base64")
def decode_base64(input: Any) -> Any:
    """Strings of base 64."""
    flat = np.asarray(as_strings(input)).reshape(-1)
    return as_strings([base64.urlsafe_b64decode(one + b"=" * (-len(one) % 4)) for one in flat]).reshape(
        as_strings(input).shape
    )


@tf_op("io.decode_csv")
def decode_csv(
    records: Any,
    record_defaults: Any,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Any = None,
) -> Any:
    """The columns of lines of CSV, each of the type of its default.

    Args:
        records: The lines, one string or a vector of them.
        record_defaults: For each column what stands for an empty field, or a type if none may be empty.
        field_delim: What separates the fields.
        use_quote_delim: Whether a double quote encloses a field.
        na_value: What counts as empty, too.
        select_cols: The columns to read, all by default.
    """
    texts = as_strings(records)
    quoting: Any = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    lines = [one.decode("utf-8", "surrogateescape") for one in np.asarray(texts).reshape(-1)]
    rows = [next(csv.reader([line], delimiter=field_delim, quoting=quoting, strict=True), [""]) for line in lines]
    columns: list[Any] = []
    for place, default in enumerate(record_defaults):
        column = place if select_cols is None else select_cols[place]
        required = hasattr(default, "as_numpy_dtype") or isinstance(default, type)
        value = None if required else convert(default)
        empty = None if value is None or value.shape.numel() == 0 else value.reshape(-1)[0]
        kind = as_dtype(default if value is None else value.dtype)
        fields = []
        for at, row in enumerate(rows):
            if select_cols is None and len(row) != len(record_defaults):
                raise InvalidArgumentError(f"Expect {len(record_defaults)} fields but have {len(row)} in record {at}")
            field = row[column]
            if field in ("", na_value):
                if empty is None:
                    raise InvalidArgumentError(f"Field {column} is required but missing in record {at}!")
                fields.append(empty.numpy() if kind == "string" else empty.item())
            else:
                fields.append(_field_value(field, kind, column, at))
        if kind == "string":
            columns.append(as_strings(fields).reshape(texts.shape))
        else:
            columns.append(torch.tensor(fields, dtype=kind.torch_dtype).reshape(texts.shape))
    return columns


def _field_value(field: str, kind: Any, column: int, record: int) -> Any:
    if kind == "string":
        return field.encode("utf-8", "surrogateescape")
    try:
        return int(field) if kind.is_integer else float(field)
    except ValueError as error:
        raise InvalidArgumentError(f"Field {column} in record {record} is not a valid {kind.name}: {field}") from error


@tf_op("io.serialize_tensor")
def serialize_tensor(tensor: Any) -> Any:
    """A tensor as one string, which `parse_tensor` here reads (a `.npy` file, not TensorFlow's format)."""
    file = python_io.BytesIO()
    array = np.asarray(convert(tensor))
    np.save(file, array.astype("S") if array.dtype == object else array, allow_pickle=False)
    return text(file.getvalue())


@tf_op("io.parse_tensor")
def parse_tensor(serialized: Any, out_type: Any) -> Any:
    """The tensor that `serialize_tensor` has written."""
    try:
        array = np.load(python_io.BytesIO(one_text(serialized)), allow_pickle=False)
    except ValueError as error:
        raise InvalidArgumentError(
            f"Could not parse a tensor: {error}. Only what tf.io.serialize_tensor of this library wrote is read."
        ) from error
    found = as_strings(array) if array.dtype.kind == "S" else torch.from_numpy(array)
    if as_dtype(found.dtype) != as_dtype(out_type):
        raise InvalidArgumentError(
            f"Type mismatch between parsed tensor ({as_dtype(found.dtype).name}) and dtype ({as_dtype(out_type).name})"
        )
    return found


# Examples -----------------------------------------------------------------------------------------------------------

FixedLenFeature = namedtuple("FixedLenFeature", ["shape", "dtype", "default_value"], defaults=[None])
VarLenFeature = namedtuple("VarLenFeature", ["dtype"])
FixedLenSequenceFeature = namedtuple(
    "FixedLenSequenceFeature", ["shape", "dtype", "allow_missing", "default_value"], defaults=[False, None]
)
RaggedFeature = namedtuple(
    "RaggedFeature",
    ["dtype", "value_key", "partitions", "row_splits_dtype", "validate"],
    defaults=[None, (), "int32", False],
)
SparseFeature = namedtuple(
    "SparseFeature", ["index_key", "value_key", "dtype", "size", "already_sorted"], defaults=[False]
)
for _spec in (FixedLenFeature, VarLenFeature, FixedLenSequenceFeature, RaggedFeature, SparseFeature):
    public(f"io.{_spec.__name__}")(_spec)
_LISTS = {"string": "bytes_list", "float32": "float_list", "int64": "int64_list"}


def _values(feature: Feature | None, name: str, kind: Any) -> Any:
    """Returns the values of a feature as a tensor, `None` if it is not there."""
    wanted = _LISTS.get(kind.name)
    if wanted is None:
        raise ValueError(
            f"Unsupported dtype {kind!r} of the feature {name!r}. Expected tf.string, tf.float32 or tf.int64."
        )
    if feature is None or feature.kind is None:
        return None
    if feature.kind != wanted:
        raise InvalidArgumentError(
            f"Key: {name}.  Data types don't match. Data type: {feature.kind} but expected type: {kind.name}"
        )
    values = getattr(feature, wanted).value
    return (
        as_strings(np.fromiter(values, dtype=object, count=len(values)))
        if kind == "string"
        else torch.tensor(values, dtype=kind.torch_dtype)
    )


def _parsed(feature: Feature | None, name: str, spec: Any) -> Any:
    kind = as_dtype(spec.dtype)
    found = _values(feature, name, kind)
    if isinstance(spec, FixedLenFeature):
        sizes = as_sizes(spec.shape)
        if found is None:
            if spec.default_value is None:
                raise InvalidArgumentError(
                    f"Feature: {name} (data type: {kind.name}) is required but could not be found."
                )
            default = convert(spec.default_value, None if kind == "string" else kind)
            return (
                default.reshape(sizes)
                if default.shape.numel() == int(np.prod(sizes))
                else default.expand(sizes).clone()
            )
        if found.shape.numel() != int(np.prod(sizes)):
            raise InvalidArgumentError(
                f"Key: {name}.  Number of {kind.name} values != expected.  Values size: {len(found)} "
                f"but output shape: {sizes}"
            )
        return found.reshape(sizes)
    empty = as_strings(np.empty(0, dtype=object)) if kind == "string" else torch.zeros(0, dtype=kind.torch_dtype)
    found = empty if found is None else found
    return found.reshape([-1, *as_sizes(spec.shape)]) if isinstance(spec, FixedLenSequenceFeature) else found


@tf_op("io.parse_single_example")
def parse_single_example(serialized: Any, features: dict[str, Any], example_names: Any = None) -> Any:
    """The features of one record, by name. Lists of any length come as sparse tensors."""
    held = Example.FromString(one_text(serialized)).features.feature
    return {name: _one(held, name, spec) for name, spec in features.items()}


def _one(held: Any, name: str, spec: Any) -> Any:
    if isinstance(spec, SparseFeature):
        return _sparse_feature(held, name, spec)
    found = _parsed(held.get(getattr(spec, "value_key", None) or name), name, spec)
    if isinstance(spec, VarLenFeature):
        return SparseTensor(torch.arange(len(found))[:, None], found, [len(found)])
    return found


def _sparse_feature(held: Any, name: str, spec: Any) -> SparseTensor:
    keys = [spec.index_key] if isinstance(spec.index_key, str) else list(spec.index_key)
    sizes = as_sizes(spec.size)
    values = _parsed(held.get(spec.value_key), spec.value_key, VarLenFeature(spec.dtype))
    places = [_parsed(held.get(key), key, VarLenFeature("int64")) for key in keys]
    if any(len(one) != len(values) for one in places):
        raise InvalidArgumentError(
            f"Feature {name!r} has {len(values)} values, and places {[len(one) for one in places]} for them."
        )
    found = SparseTensor(torch.stack(places, 1), values, sizes)
    return found if spec.already_sorted else found.in_order()


@tf_op("io.parse_example")
def parse_example(serialized: Any, features: dict[str, Any], example_names: Any = None) -> Any:
    """The features of a batch of records, by name. Lists of any length come as sparse tensors."""
    rows = [parse_single_example(one, features) for one in as_strings(serialized)]
    return {name: _of_batch([row[name] for row in rows], spec) for name, spec in features.items()}


def _of_batch(parts: list[Any], spec: Any) -> Any:
    if isinstance(spec, (VarLenFeature, SparseFeature)):
        return stacked(parts)
    if not isinstance(spec, FixedLenFeature):
        return RaggedTensor.from_rows(parts, as_dtype(spec.dtype).name)
    if isinstance(parts[0], StringTensor):
        return StringTensor(np.stack([np.asarray(one) for one in parts]))
    return torch.stack(parts)


@tf_op("io.parse_single_sequence_example")
def parse_single_sequence_example(
    serialized: Any, context_features: Any = None, sequence_features: Any = None, example_name: Any = None
) -> Any:
    """The features of one record with sequences: those of the whole, and those of its steps."""
    record = SequenceExample.FromString(one_text(serialized))
    context = {
        name: _parsed(record.context.feature.get(name), name, spec) for name, spec in (context_features or {}).items()
    }
    sequences: dict[str, Any] = {}
    for name, spec in (sequence_features or {}).items():
        steps = record.feature_lists.feature_list.get(name)
        kind = as_dtype(spec.dtype)
        parts = [_values(one, name, kind) for one in (steps.feature if steps is not None else [])]
        if isinstance(spec, FixedLenSequenceFeature):
            sequences[name] = (
                torch.stack([one.reshape(as_sizes(spec.shape)) for one in parts])
                if kind != "string"
                else as_strings(np.stack([np.asarray(one.reshape(*as_sizes(spec.shape))) for one in parts]))
            )
        else:
            sequences[name] = RaggedTensor.from_rows(parts, kind.name)
    return context, sequences


# Files by name ------------------------------------------------------------------------------------------------------


def _listed(path: Any) -> list[str]:
    return sorted(os.listdir(as_path(path)))


def _made(path: Any) -> None:
    os.makedirs(as_path(path), exist_ok=True)


def _removed(path: Any) -> None:
    shutil.rmtree(as_path(path))


def _copied(src: Any, dst: Any, overwrite: bool = False) -> None:
    if os.path.exists(as_path(dst)) and not overwrite:
        raise FileExistsError(f"file already exists: {as_path(dst)}")
    shutil.copyfile(as_path(src), as_path(dst))


def _renamed(src: Any, dst: Any, overwrite: bool = False) -> None:
    if os.path.exists(as_path(dst)) and not overwrite:
        raise FileExistsError(f"file already exists: {as_path(dst)}")
    os.replace(as_path(src), as_path(dst))


def _globbed(pattern: Any) -> list[str]:
    return sorted(glob.glob(as_path(pattern)))


def _opened(name: Any, mode: str = "r") -> Any:
    return open(as_path(name), mode, encoding=None if "b" in mode else "utf-8")


_GFILE: dict[str, Any] = {
    "GFile": _opened,
    "exists": lambda path: os.path.exists(as_path(path)),
    "isdir": lambda path: os.path.isdir(as_path(path)),
    "listdir": _listed,
    "makedirs": _made,
    "mkdir": lambda path: os.mkdir(as_path(path)),
    "remove": lambda path: os.remove(as_path(path)),
    "rmtree": _removed,
    "copy": _copied,
    "rename": _renamed,
    "glob": _globbed,
    "join": os.path.join,
    "walk": lambda top, topdown=True, onerror=None: os.walk(as_path(top), topdown, onerror),
    "stat": lambda path: os.stat(as_path(path)),
}
for _name, _function in _GFILE.items():
    public(f"io.gfile.{_name}")(_function)
