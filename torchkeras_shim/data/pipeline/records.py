"""TFRecord files: records of bytes, each with its length and checksums."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from torchkeras_shim.core.errors import DataLossError, InvalidArgumentError
from torchkeras_shim.core.text import StringTensor, as_strings, scalar
from torchkeras_shim.data.pipeline import specs
from torchkeras_shim.data.pipeline.node import UNKNOWN, Node
from torchkeras_shim.data.pipeline.sources import as_paths

try:
    import google_crc32c
except ImportError:  # the table below does the same, slower
    google_crc32c = None

_LENGTH = struct.Struct("<Q")
_CHECK = struct.Struct("<I")
_MASK = 0xA282EAD8
#: Records longer than this are not checked if only Python can compute the checksum: 10 MB take a second.
_CHECKED_BYTES = 1 << 16
#: How many bytes of a record are read at once: a damaged length must not take all memory.
_READ_BYTES = 1 << 24


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C (Castagnoli) of some bytes.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    if google_crc32c is not None:
        return int(google_crc32c.value(data))
    value = 0xFFFFFFFF
    table = _TABLE
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """Returns a checksum as it stands in files."""
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def framed(data: bytes) -> bytes:
    """Returns a record as it stands in a file."""
    length = _LENGTH.pack(len(data))
    return b"".join((length, _CHECK.pack(masked(crc32c(length))), data, _CHECK.pack(masked(crc32c(data)))))


def unframed(file: IO[bytes]) -> Iterator[bytes]:
    """Returns an iterator over the records of a file.

    Raises:
        DataLossError: If the file is cut off or damaged.
    """
    place = 0
    while head := file.read(12):
        if len(head) < 12:
            raise DataLossError(f"truncated record at {place}: the file ends in it.")
        length = _LENGTH.unpack(head[:8])[0]
        if _CHECK.unpack(head[8:])[0] != masked(crc32c(head[:8])):
            raise DataLossError(
                f"corrupted record at {place}: the checksum of its length is wrong. Is this a TFRecord file?"
            )
        data = _read(file, length)
        tail = file.read(4)
        if len(data) < length or len(tail) < 4:
            raise DataLossError(f"truncated record at {place}: the file ends in it.")
        checked = google_crc32c is not None or length <= _CHECKED_BYTES
        if checked and _CHECK.unpack(tail)[0] != masked(crc32c(data)):
            raise DataLossError(f"corrupted record at {place}: its checksum is wrong.")
        yield data
        place += 16 + length


def _read(file: IO[bytes], length: int) -> bytes:
    if length <= _READ_BYTES:
        return file.read(length)
    parts = []
    while length > 0 and (part := file.read(min(length, _READ_BYTES))):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


class TFRecordWriter:
    """Writes records of bytes into a file.

    Args:
        path: The file.
        options: `None`, `"GZIP"`, `"ZLIB"`, or an object whose `compression_type` is one of these.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "some.tfrecord")
        >>> with TFRecordWriter(path) as writer:
        ...     writer.write(b"first")
        >>> with opened(path) as file:
        ...     list(unframed(file))
        [b'first']
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        kind = compression_of(getattr(options, "compression_type", options))
        path = os.fspath(path)
        self._file: Any = gzip.open(path, "wb") if kind == "GZIP" else open(path, "wb")  # noqa: SIM115  # closed below
        self._zlib = zlib.compressobj() if kind == "ZLIB" else None

    def write(self, record: Any) -> None:
        """Writes one record, `bytes` or a scalar of text."""
        data = framed(as_strings(record).numpy())
        self._file.write(data if self._zlib is None else self._zlib.compress(data))

    def flush(self) -> None:
        """Hands what was written to the system."""
        if self._zlib is not None:
            self._file.write(self._zlib.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._zlib is not None and not self._file.closed:
            self._file.write(self._zlib.flush())
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def compression_of(kind: Any) -> str:
    """Returns `""`, `"GZIP"` or `"ZLIB"`.

    Raises:
        InvalidArgumentError: If it is something else.
    """
    name = as_strings(kind).numpy().decode() if isinstance(kind, (bytes, StringTensor)) else kind or ""
    name = "" if name == "NONE" else name
    if name not in ("", "GZIP", "ZLIB"):
        raise InvalidArgumentError(f"Unsupported compression_type: {name!r}. Expected '', 'GZIP' or 'ZLIB'.")
    return str(name)


@contextlib.contextmanager
def opened(path: Any, compression: str = "") -> Iterator[IO[bytes]]:
    """Opens a file to read its uncompressed bytes.

    Raises:
        DataLossError: If what is read is not compressed in this way.
    """
    with open(path, "rb") as raw:
        try:
            if compression == "GZIP":
                with gzip.open(raw) as file:
                    yield file  # type: ignore[misc]
            elif compression == "ZLIB":
                yield io.BufferedReader(_Inflated(raw))
            else:
                yield raw
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataLossError(
                f"'{os.fsdecode(path)}' is not a whole file of compression {compression}: {error}"
            ) from error


class _Inflated(io.RawIOBase):
    """The uncompressed bytes of a zlib stream."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._inflate = zlib.decompressobj()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._inflate.eof:
            given = self._rest or self._raw.read(1 << 16)
            if not given:
                raise EOFError("the stream is cut off")
            out = self._inflate.decompress(given, len(buffer))
            self._rest = self._inflate.unconsumed_tail
            if out:
                buffer[: len(out)] = out
                return len(out)
        return 0


class Files(Node):
    """Records of files, one file after the other.

    Args:
        paths: Names of files, or a node of them.
        compression: How the files are compressed.
        read: Returns an iterator over the records of an open file.
    """

    def __init__(self, paths: Any, compression: Any, read: Any) -> None:
        super().__init__()
        if not isinstance(paths, Node):
            paths = as_strings(as_paths(paths)).reshape(-1).tolist()
        self._paths = paths
        self._compression = compression_of(compression)
        self._read = read
        self.spec = specs.TensorSpec((), "string")

    @property
    def cardinality(self) -> int:
        """Not known."""
        return UNKNOWN

    def elements(self) -> Iterator[Any]:
        """Returns an iterator over the records."""
        for path in self._paths:
            names = [path] if isinstance(path, bytes) else np.asarray(path).reshape(-1).tolist()
            for name in names:
                with opened(name, self._compression) as file:
                    for record in self._read(file):
                        yield StringTensor.of_bytes(scalar(record))
