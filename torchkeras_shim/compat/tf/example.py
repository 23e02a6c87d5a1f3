"""`tf.train.Example` and its parts: records of named lists, in the wire format of protocol buffers.

Sources: the encoding at https://protobuf.dev/programming-guides/encoding, and TensorFlow's `example.proto` and
`feature.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

from torchkeras_shim.compat.tf.api import public
from torchkeras_shim.core.errors import InvalidArgumentError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


# The wire format ----------------------------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & ((1 << 64) - 1), at
        shift += 7
    raise InvalidArgumentError("Could not parse example input: a number does not end.")


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, wire type, and an integer or bytes."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield key >> 3, kind, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data):
            raise InvalidArgumentError("Could not parse example input: it is cut off, or not a message.")
        yield key >> 3, kind, data[at : at + size]
        at += size


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


# The messages -------------------------------------------------------------------------------------------------------


class _Message:
    """What messages have in common: they are written, read and compared."""

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        raise NotImplementedError

    def _merge(self, data: memoryview) -> None:
        raise NotImplementedError

    @classmethod
    def FromString(cls, data: Any) -> Any:
        """Returns the message that bytes hold.

        Raises:
            InvalidArgumentError: If they hold none.
        """
        message = cls()
        message._merge(memoryview(data.numpy() if hasattr(data, "numpy") else data))
        return message

    def ParseFromString(self, data: Any) -> int:
        """Takes what bytes hold."""
        data = data.numpy() if hasattr(data, "numpy") else data
        self.__dict__.update(type(self).FromString(data).__dict__)
        return len(data)

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.__dict__.items())})"


class _List(_Message):
    """A list of values."""

    def __init__(self, value: Iterable[Any] = ()) -> None:
        self.value = [self._checked(one) for one in value]

    def _checked(self, value: Any) -> Any:
        return value


@public("train.BytesList")
class BytesList(_List):
    """A list of `bytes`."""

    def _checked(self, value: Any) -> bytes:
        value = value.numpy() if hasattr(value, "numpy") else value
        if isinstance(value, str):
            raise TypeError(f"{value!r} has type str, but expected one of: bytes. Write value.encode().")
        return bytes(value)

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        return b"".join(_field(1, one) for one in self.value)

    def _merge(self, data: memoryview) -> None:
        self.value += [bytes(value) for number, _, value in _fields(data) if number == 1]


@public("train.FloatList")
class FloatList(_List):
    """A list of floats of 32 bits."""

    def _checked(self, value: Any) -> float:
        return struct.unpack("<f", struct.pack("<f", float(value)))[0]  # type: ignore[no-any-return]

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        return _field(1, struct.pack(f"<{len(self.value)}f", *self.value)) if self.value else b""

    def _merge(self, data: memoryview) -> None:
        for number, kind, value in _fields(data):
            if number == 1 and kind in (_BYTES, _FIXED32):
                self.value += struct.unpack(f"<{len(value) // 4}f", value[: len(value) // 4 * 4])


@public("train.Int64List")
class Int64List(_List):
    """A list of integers of 64 bits."""

    def _checked(self, value: Any) -> int:
        whole = int(value)
        if whole != value:
            raise TypeError(f"{value!r} has type {type(value).__name__}, but expected one of: int")
        return whole

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        return _field(1, b"".join(map(_varint, self.value))) if self.value else b""

    def _merge(self, data: memoryview) -> None:
        for number, kind, value in _fields(data):
            if number == 1 and kind == _VARINT:
                self.value.append(_signed(value))
            elif number == 1 and kind == _BYTES:
                at = 0
                while at < len(value):
                    one, at = _read_varint(value, at)
                    self.value.append(_signed(one))


@public("train.Feature")
class Feature(_Message):
    """One list, of one of the three kinds."""

    _kinds = {1: ("bytes_list", BytesList), 2: ("float_list", FloatList), 3: ("int64_list", Int64List)}

    def __init__(self, bytes_list: Any = None, float_list: Any = None, int64_list: Any = None) -> None:
        given = {"bytes_list": bytes_list, "float_list": float_list, "int64_list": int64_list}
        self.kind = next((name for name, value in given.items() if value is not None), None)
        for _, (name, cls) in self._kinds.items():
            setattr(self, name, given[name] if name == self.kind else cls())

    def WhichOneof(self, name: str) -> str | None:
        """Returns the name of the list that is there."""
        return self.kind

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        for number, (name, _) in self._kinds.items():
            if name == self.kind or getattr(self, name).value:
                return _field(number, getattr(self, name).SerializeToString())
        return b""

    def _merge(self, data: memoryview) -> None:
        for number, kind, value in _fields(data):
            if number in self._kinds and kind == _BYTES:
                self.kind = self._kinds[number][0]
                getattr(self, self.kind)._merge(value)


class _Map(_Message):
    """Messages by name."""

    _name: str
    _value: type[_Message]

    def _entries(self) -> dict[str, Any]:
        entries: dict[str, Any] = getattr(self, self._name)
        return entries

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        entries = sorted(self._entries().items())
        return b"".join(_field(1, _field(1, key.encode()) + _field(2, one.SerializeToString())) for key, one in entries)

    def _merge(self, data: memoryview) -> None:
        for number, kind, value in _fields(data):
            if number == 1 and kind == _BYTES:
                parts = {at: part for at, _, part in _fields(value)}
                key = bytes(parts.get(1, b"")).decode("utf-8", "replace")
                self._entries()[key] = self._value.FromString(parts.get(2, b""))


@public("train.Features")
class Features(_Map):
    """Features by name."""

    _name, _value = "feature", Feature

    def __init__(self, feature: dict[str, Feature] | None = None) -> None:
        self.feature = dict(feature or {})


@public("train.FeatureList")
class FeatureList(_Message):
    """The features of a sequence."""

    def __init__(self, feature: Iterable[Feature] = ()) -> None:
        self.feature = list(feature)

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        return b"".join(_field(1, one.SerializeToString()) for one in self.feature)

    def _merge(self, data: memoryview) -> None:
        self.feature += [Feature.FromString(value) for number, _, value in _fields(data) if number == 1]


@public("train.FeatureLists")
class FeatureLists(_Map):
    """Sequences by name."""

    _name, _value = "feature_list", FeatureList

    def __init__(self, feature_list: dict[str, FeatureList] | None = None) -> None:
        self.feature_list = dict(feature_list or {})


@public("train.Example")
class Example(_Message):
    """One record.

    Example:
        >>> feature = {"label": Feature(int64_list=Int64List(value=[7]))}
        >>> data = Example(features=Features(feature=feature)).SerializeToString()
        >>> Example.FromString(data).features.feature["label"].int64_list.value
        [7]
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = Features() if features is None else features

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        return _field(1, self.features.SerializeToString())

    def _merge(self, data: memoryview) -> None:
        for number, kind, value in _fields(data):
            if number == 1 and kind == _BYTES:
                self.features._merge(value)


@public("train.SequenceExample")
class SequenceExample(_Message):
    """One record with sequences."""

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None) -> None:
        self.context = Features() if context is None else context
        self.feature_lists = FeatureLists() if feature_lists is None else feature_lists

    def SerializeToString(self) -> bytes:
        """Returns the message as bytes."""
        return _field(1, self.context.SerializeToString()) + _field(2, self.feature_lists.SerializeToString())

    def _merge(self, data: memoryview) -> None:
        for number, kind, value in _fields(data):
            if kind == _BYTES and number in (1, 2):
                (self.context if number == 1 else self.feature_lists)._merge(value)
