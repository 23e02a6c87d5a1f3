"""How values are written: Keras's answers as JSON, and what it was given as a check of the question."""

from __future__ import annotations

import base64
import hashlib
import inspect
import io
import json
import os
import types
import zipfile
import zlib

import h5py
import numpy as np
import torch

#: Written in place of the folder of the test, which is another one in every run.
FOLDER = "<tmp>"
#: What files say of when and by what they were written.
VOLATILE = {"date_saved", "keras_version"}
SHARED = "shared_object_id"


# Answers ------------------------------------------------------------------------------------------------------------


def pack(data):
    """Bytes as text, compressed where that makes them shorter."""
    short = zlib.compress(data, 9)
    mark, data = ("z", short) if len(short) < len(data) else ("=", data)
    return mark + base64.b64encode(data).decode()


def unpack(text):
    data = base64.b64decode(text[1:])
    return zlib.decompress(data) if text[0] == "z" else data


def write_array(array):
    contiguous = np.ascontiguousarray(array)
    return ["array", array.dtype.name, list(array.shape), pack(contiguous.tobytes())]


def read_array(name, shape, text):
    data = unpack(text)
    if name == "bfloat16":  # a type that numpy does not have: as the nearest one that holds all its values
        wide = np.frombuffer(data, "uint16").astype("uint32") << 16
        return wide.view("float32").reshape(shape)
    return np.frombuffer(data, name).reshape(shape).copy()


def write_signature(signature, other):
    rows = []
    for parameter in signature.parameters.values():
        default = ["none"] if parameter.default is parameter.empty else ["some", write(parameter.default, other)]
        rows.append([parameter.name, int(parameter.kind), default])
    return ["signature", rows]


def read_signature(rows, other):
    parameters = []
    for name, kind, default in rows:
        value = read(default[1], other) if default[0] == "some" else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, inspect._ParameterKind(kind), default=value))
    return inspect.Signature(parameters)


def write(value, other):
    """A value as JSON; what is neither a number, a text, an array nor made of such is left to `other`."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, np.ndarray) and value.dtype != object:
        return write_array(value)
    if isinstance(value, np.generic):
        return ["scalar", *write_array(np.asarray(value))[1:]]
    if isinstance(value, np.dtype):
        return ["dtype", value.name]
    if isinstance(value, bytes):
        return ["bytes", pack(value)]
    if isinstance(value, complex):
        return ["complex", value.real, value.imag]
    if isinstance(value, dict):
        return ["dict", *([write(key, other), write(item, other)] for key, item in value.items())]
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return [kind, *(write(item, other) for item in value)]
    if isinstance(value, (set, frozenset)):
        return ["set", *(write(item, other) for item in sorted(value, key=repr))]
    if isinstance(value, inspect.Signature):
        return write_signature(value, other)
    if value is Ellipsis:
        return ["ellipsis"]
    return other(value)


def read(data, other):
    """The value of what `write` wrote."""
    if not isinstance(data, list):
        return data
    kind, *rest = data
    if kind == "array":
        return read_array(*rest)
    if kind == "scalar":
        return read_array(*rest)[()]
    if kind == "dict":
        return {read(key, other): read(item, other) for key, item in rest}
    if kind in ("list", "tuple", "set"):
        return {"list": list, "tuple": tuple, "set": set}[kind](read(item, other) for item in rest)
    simple = {"dtype": read_dtype, "bytes": unpack, "complex": complex, "ellipsis": lambda: ...}
    if kind in simple:
        return simple[kind](*rest)
    return read_signature(rest[0], other) if kind == "signature" else other(data)


class ForeignType(str):
    """The name of a type that numpy knows only while JAX is there."""

    @property
    def name(self):
        return str(self)


def read_dtype(name):
    try:
        return np.dtype(name)
    except TypeError:
        return ForeignType(name)


def same(kept, found):
    """Whether two answers, as JSON, are equal but for the last bits of their floating-point numbers."""
    if isinstance(kept, list) and isinstance(found, list) and kept[:1] == found[:1] and kept:
        if kept[0] in ("array", "scalar"):
            return kept[1:3] == found[1:3] and near(read_array(*kept[1:]), read_array(*found[1:]))
        return len(kept) == len(found) and all(same(a, b) for a, b in zip(kept, found, strict=True))
    if isinstance(kept, float) and isinstance(found, float):
        return near(np.asarray(kept), np.asarray(found))
    return kept == found


def near(kept, found):
    if kept.dtype.kind not in "fc":
        return np.array_equal(kept, found)
    size = np.abs(kept[np.isfinite(kept)]).max(initial=0.0)
    return np.allclose(kept, found, rtol=1e-3, atol=1e-3 * size, equal_nan=True)


#: What says all of itself, so that nothing has to remember it.
PLAIN = (type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset, np.ndarray, np.generic, np.dtype)


# Questions ----------------------------------------------------------------------------------------------------------


class Question:
    """What was asked since the last answer: a digest of all that is exact, and numbers for what is nearly so.

    A floating-point number may differ in its last bits between machines and between versions of numpy and of torch. So
    each array of them enters as one weighted mean, which is compared with a tolerance.
    """

    def __init__(self, label, folder):
        self._hash = hashlib.blake2b(digest_size=6)
        self._label, self._folder = label, folder
        self.weights = []
        self._shared = {}

    def __copy__(self):
        other = Question(self._label, self._folder)
        other._hash, other.weights, other._shared = self._hash.copy(), list(self.weights), dict(self._shared)
        return other

    def digest(self):
        return base64.b64encode(self._hash.digest()).decode()

    def _exact(self, *parts):
        for part in parts:
            self._hash.update(part if isinstance(part, bytes) else str(part).encode())
            self._hash.update(b";")

    def add(self, value):
        """Enters a value that Keras is given."""
        label = self._label(value) if not isinstance(value, PLAIN) else None
        if label is not None:
            self._exact(label)
        elif isinstance(value, (np.dtype, ForeignType)):
            self._exact("dtype", value.name)
        elif value is None or isinstance(value, (bool, int, bytes)):
            self._exact(type(value).__name__, value)
        elif isinstance(value, (str, os.PathLike)):
            self._text(os.fspath(value))
        elif isinstance(value, (np.ndarray, np.generic, torch.Tensor, float)):
            self._array(value)
        elif isinstance(value, dict):
            self._many("dict", (part for item in value.items() for part in item))
        elif isinstance(value, (list, tuple)):
            self._many(type(value).__name__, value)
        elif isinstance(value, (set, frozenset)):
            self._many("set", sorted(value, key=repr))
        elif isinstance(value, types.FunctionType):
            self._function(value)
        else:
            self._exact(getattr(value, "__name__", type(value).__name__))

    def _many(self, kind, items):
        self._exact(kind, "(")
        for item in items:
            self.add(item)
        self._exact(")")

    def _function(self, function):
        """A function of the test's own: its name, and the plain values that it was made with."""
        self._exact("function", function.__name__)
        cells = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
        for value in (*cells, *(function.__defaults__ or ())):
            if isinstance(value, (bool, int, float, str, np.ndarray)):
                self.add(value)

    def _array(self, value):
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = (value.float() if value.dtype == torch.bfloat16 else value).resolve_conj().numpy()
        value = np.asarray(value)
        if value.dtype.kind not in "fc":
            self._exact(value.dtype.name, value.shape, repr(value) if value.dtype == object else value.tobytes())
            return
        finite = np.isfinite(value)
        self._exact(value.dtype.name, value.shape, int(finite.sum()))
        numbers = np.where(finite, value, 0).ravel()
        numbers = (numbers.real + numbers.imag).astype("float64")
        ramp = 0.5 + np.arange(numbers.size) * 0.6180339887 % 1
        count = max(numbers.size, 1)
        self.weights.append((round_to_five(numbers @ ramp / count), float(np.abs(numbers).sum() / count)))

    # Files ----------------------------------------------------------------------------------------------------------

    def _text(self, text):
        folder = self._folder()
        self._exact("str", text.replace(folder, FOLDER) if folder else text)
        if folder and text.startswith(folder) and os.path.exists(text):
            self._path(text)

    def _path(self, path):
        if os.path.isdir(path):
            for name in sorted(os.listdir(path)):
                self._exact(name)
                self._path(os.path.join(path, name))
            return
        with open(path, "rb") as file:
            self._content(file.read())

    def _content(self, data):
        """What a file says, whenever and by whatever it was written."""
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in sorted(archive.namelist()):
                    self._exact(name)
                    self._content(archive.read(name))
        elif data.startswith(b"\x89HDF"):
            with h5py.File(io.BytesIO(data)) as file:
                self._group("/", file)
        elif data.startswith(b"{"):
            self.add(self._lasting(json.loads(data)))
        else:
            self._exact(data)

    def _lasting(self, data):
        if isinstance(data, dict):
            kept = {key: self._lasting(data[key]) for key in sorted(data) if key not in VOLATILE}
            if SHARED in kept:  # an address: which objects are the same lasts, the number does not
                kept[SHARED] = self._shared.setdefault(kept[SHARED], len(self._shared))
            return kept
        return [self._lasting(item) for item in data] if isinstance(data, list) else data

    def _group(self, name, item):
        self._exact(name)
        for key in sorted(set(item.attrs) - VOLATILE):
            value = item.attrs[key]
            if isinstance(value, (str, bytes)) and value[:1] in ("{", b"{"):
                value = self._lasting(json.loads(value))
            self._exact(key)
            self.add(value)
        if isinstance(item, h5py.Dataset):
            self.add(item[()])
            return
        for key in sorted(item):
            self._group(key, item[key])


def round_to_five(number):
    return float(f"{number:.5g}")


def agree(kept, found):
    """Whether the weights of two questions are equal within the precision of float32 computations."""
    return len(kept) == len(found) and all(
        abs(a - b) <= 1e-3 * max(abs(a), size, 1e-12) for a, (b, size) in zip(kept, found, strict=True)
    )
